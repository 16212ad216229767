"""Where Django sends a query when nobody says."""

from typing import Any


class OneDatabase:
    """The three aliases are three roles at one database: only the owner's migrates."""

    def allow_relation(self, _one: Any, _other: Any, **_hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, _app_label: str, **_hints: Any) -> bool:
        return db == "owner"
