"""A column that holds a sealed secret, and the one way to read and write it."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models

from portal.secrets.sealing import seal, unseal

if TYPE_CHECKING:
    from django.db.models import Model

# Of a row that belongs to no bank: its secret is bound to the column and the row alone.
NO_BANK = UUID(int=0)


class SealedField(models.TextField):  # type: ignore[type-arg]  # generic at check time only
    """Ciphertext. Read it with `open_secret`, write it with `keep_secret`; never shown, never logged."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("default", "")
        options.setdefault("blank", True)
        options["editable"] = False
        super().__init__(**options)


def _column(row: "Model", name: str) -> str:
    return f"{row._meta.db_table}.{name}"


def _bank(row: "Model") -> UUID:
    bank_id = getattr(row, "bank_id", NO_BANK)
    return UUID(str(bank_id))


def _id(row: "Model") -> UUID:
    return UUID(str(row.pk))


def keep_secret(row: "Model", name: str, plain: str) -> None:
    """Seal `plain` into the column `name` of `row`; saving is the caller's."""
    sealed = seal(plain, bank_id=_bank(row), column=_column(row, name), row_id=_id(row))
    setattr(row, name, sealed)


def open_secret(row: "Model", name: str) -> str:
    """The plain text of the column `name` of `row`. Raises SecretUnreadable."""
    return unseal(
        getattr(row, name), bank_id=_bank(row), column=_column(row, name), row_id=_id(row)
    )
