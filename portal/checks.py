"""What must hold before the portal serves: asked by `manage.py check`, `migrate`, and production's start."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

OLDEST_POSTGRESQL = 18_00_00
# Named last, temporary tables stand for none of ours; unnamed, they would be looked at first.
SEARCH_PATH = ["public", "pg_temp"]


@register(Tags.database)
def check_postgresql(
    databases: Sequence[str] | None = None, **_options: Any
) -> list[CheckMessage]:
    """PostgreSQL 18 or later, reached as a role that bypasses no row policy and finds our own tables first."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int, rolsuper OR rolbypassrls,"
                " current_setting('search_path'), rolname FROM pg_roles WHERE rolname = current_user"
            )
            version, bypasses, path, role = cursor.fetchone()
        if version < OLDEST_POSTGRESQL:
            found.append(Error(f"{alias}: PostgreSQL 18 or later is needed", id="portal.E001"))
        if bypasses:
            hint = "Use a role that is neither superuser nor BYPASSRLS."
            found.append(
                Error(f"{alias}: this role bypasses row policies", hint, id="portal.E002")
            )
        if [each.strip(' "') for each in path.split(",")] != SEARCH_PATH:
            hint = f"ALTER ROLE {role} SET search_path = {', '.join(SEARCH_PATH)}"
            found.append(
                Error(f"{alias}: a temporary table could stand for ours", hint, id="portal.E003")
            )
    return found
