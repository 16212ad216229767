"""A believable row of any table, with all that it points to: for tests that loop over the models."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.db import models

from portal.tenancy.ids import new_id
from portal.tenancy.models import TenantModel

_numbers = count(1)
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def make_row(
    model: type[models.Model], *, made: dict[str, models.Model] | None = None, **given: Any
) -> models.Model:
    """One row in the open block; rows that it points to are made once and shared through `made`."""
    made = {} if made is None else made
    values = {
        field.name: given.get(field.name, _value(field, made))
        for field in model._meta.local_concrete_fields
        if field.name in given or _needed(field)
    }
    row = model._base_manager.create(**values)
    made[model._meta.label] = row
    return row


def _needed(field: Any) -> bool:
    if field.name == "bank" or field.primary_key:
        return False
    if field.name == "client":
        return not field.null
    if field.name == "consent":
        return True
    return not field.has_default() and not field.null and not getattr(field, "auto_now_add", False)


def _value(field: Any, made: dict[str, models.Model]) -> Any:
    if isinstance(field, models.ForeignKey):
        target = field.remote_field.model
        return made.get(target._meta.label) or make_row(target, made=made)
    if field.choices:
        return next(each for each, _label in field.flatchoices if each != "client")
    if field.name == "expires_at":
        return AT + timedelta(days=30)
    return _plain(field)


def _plain(field: Any) -> Any:
    number = next(_numbers)
    kinds: tuple[tuple[type[Any], Any], ...] = (
        (models.DateTimeField, AT),
        (models.DateField, date(2026, 11, 24)),
        (models.UUIDField, new_id()),
        (models.JSONField, []),
        (models.BinaryField, bytes(field.max_length or 32)),
        (models.BooleanField, False),
        (models.IntegerField, number),
        (models.EmailField, f"person{number}@example.com"),
        (models.URLField, f"https://bank-{number}.example"),
    )
    for kind, value in kinds:
        if isinstance(field, kind):
            return value
    return str(number)[: field.max_length or 20]


def tenant_models() -> list[type[TenantModel]]:
    """Every table that belongs to a bank."""
    return sorted(_below(TenantModel), key=lambda each: each._meta.label)


def _below(model: type[TenantModel]) -> set[type[TenantModel]]:
    found: set[type[TenantModel]] = set()
    for each in model.__subclasses__():
        found |= _below(each)
        if not each._meta.abstract and not each.__module__.startswith("tests"):
            found.add(each)
    return found


def row_id(row: models.Model) -> UUID:
    return UUID(str(row.pk))
