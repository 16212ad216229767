"""What a fact looks like: a frozen dataclass of ids and plain values that survives JSON."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Self, get_args, get_type_hints
from uuid import UUID


@dataclass(frozen=True)
class Event:
    """A fact. Fields are UUID, str, int, bool, None, or a tuple of UUIDs; never a customer's data."""

    name: ClassVar[str]
    version: ClassVar[int] = 1

    def to_data(self) -> dict[str, Any]:
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """The event again. Raises KeyError or ValueError where `data` is not one of this kind."""
        hints = get_type_hints(cls)
        return cls(
            **{each.name: _typed(hints[each.name], data[each.name]) for each in fields(cls)}
        )


@dataclass(frozen=True)
class Delivered:
    """Which event is being heard: what a handler uses to hear it once."""

    event_id: UUID
    bank_id: UUID
    occurred_at: datetime
    trace: str


@dataclass(frozen=True)
class Subscription:
    """One listener of one kind of event; the handler is a dotted path, so that nothing imports upwards."""

    event: type[Event]
    listener: str
    handler: str


Handler = Callable[[Any, Delivered], None]


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def _typed(hint: Any, value: Any) -> Any:
    kinds: Iterable[Any] = get_args(hint) or (hint,)
    if value is None or UUID not in kinds:
        return value
    if isinstance(value, list):
        return tuple(UUID(each) for each in value)
    return UUID(value)
