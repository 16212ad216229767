"""What must hold before the portal serves: asked by `manage.py check`, `migrate`, and production's start."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

OLDEST_POSTGRESQL = 18_00_00


@register(Tags.database)
def check_postgresql(
    databases: Sequence[str] | None = None, **_options: Any
) -> list[CheckMessage]:
    """PostgreSQL 18 or later, reached as a role that bypasses no row policy."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int, rolsuper OR rolbypassrls"
                " FROM pg_roles WHERE rolname = current_user"
            )
            version, bypasses = cursor.fetchone()
        if version < OLDEST_POSTGRESQL:
            found.append(Error(f"{alias}: PostgreSQL 18 or later is needed", id="portal.E001"))
        if bypasses:
            hint = "Use a role that is neither superuser nor BYPASSRLS."
            found.append(
                Error(f"{alias}: this role bypasses row policies", hint, id="portal.E002")
            )
    return found
