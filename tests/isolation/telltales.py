"""What would be recognised anywhere: texts, ids and amounts that one has and another has not."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync

from portal.rest.money import decimal_text
from portal.subscriptions import SUBSCRIPTIONS
from portal.tenancy.blocks import Served
from tests.factories.any_row import tenant_models
from tests.isolation.witness import every_row

SHORTEST_SECRET = 6
_EVENT_NAMES = frozenset(each.event.name for each in SUBSCRIPTIONS)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WORD = re.compile(r"[a-z_.]+")


def worth_hiding(ours: set[str], theirs: set[str]) -> frozenset[str]:
    """Of these, what would be recognised: no plain word of ours, such as a status."""
    return frozenset(
        each
        for each in ours - theirs
        if len(each) >= SHORTEST_SECRET and not _WORD.fullmatch(each) and each not in _EVENT_NAMES
    )


def texts_of(block: AbstractContextManager[Served]) -> set[str]:
    """Every text, id and amount that the block sees."""
    with block:
        return {
            text
            for model in tenant_models()
            for row in every_row(model._meta.db_table)
            for text in _leaves(row)
        }


def _leaves(value: Any, currency: str = "EUR") -> Iterator[str]:
    if isinstance(value, dict):
        currency = value.get("currency") or currency
        for name, each in value.items():
            if name.endswith("amount_minor") and isinstance(each, int):
                yield decimal_text(each, currency).lstrip("-")
            yield from _leaves(each, currency)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, currency)
    elif isinstance(value, str) and value:
        yield value
        with_hex = _hex(value)
        if with_hex:
            yield with_hex


def _hex(text: str) -> str:
    try:
        return UUID(text).hex if len(text) == len(str(UUID(int=0))) else ""
    except ValueError:
        return ""


def content_of(answered: Any) -> bytes:
    """The whole body, of an answer that is written while it is read too."""
    if not answered.streaming:
        return bytes(answered.content)
    if not answered.is_async:
        return b"".join(answered.streaming_content)

    async def whole() -> bytes:
        return b"".join([each async for each in answered.streaming_content])

    return async_to_sync(whole)()


def seen(answered: Any, secrets: Iterable[str], sent: str = "") -> set[str]:
    """Which of the secrets the answer shows, in its body or headers, that the caller had not sent."""
    shown = content_of(answered).decode(errors="replace")
    shown += json.dumps(dict(answered.headers.items()), ensure_ascii=False)
    return {each for each in secrets if each in shown and not _was_sent(each, sent)}


def _was_sent(secret: str, sent: str) -> bool:
    """Also an id in its other form: the name of a consent says its bank without hyphens."""
    ids = [UUID(each) for each in _ID.findall(secret)]
    return secret in sent or (bool(ids) and all(each.hex in sent for each in ids))
