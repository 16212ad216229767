"""What a customer leaves behind: the names, numbers and words that only their rows have."""

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps

from partners.records.queries import tables
from tests.isolation.cast import Home
from tests.isolation.witness import every_row
from tests.isolation.world import World

_NOT_THEIRS = re.compile(
    # Ids of ours, times and days: no words, and others have them too.
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|^\d{4}-\d\d-\d\d"
)


def words_of(home: Home, world: World) -> frozenset[str]:
    """Every name, number and word that only this customer's rows have, in tables that an erasure empties."""
    others = set().union(*(_texts(each) for each in world.homes() if each is not home))
    return frozenset(
        each for each in _texts(home) - others if len(each) >= 6 and not _NOT_THEIRS.search(each)
    )


def _texts(home: Home) -> set[str]:
    with home.serving():
        rows = [
            row
            for table in tables()
            if not table.kept
            for row in every_row(apps.get_model(table.label)._meta.db_table)
        ]
    return {each for row in rows for each in _leaves(row)}


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, str):
        yield value
