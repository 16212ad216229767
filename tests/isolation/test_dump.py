"""A customer is erased, and the database is dumped by its own tool, past all policies: what of them is in it?"""

import base64
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.utils import timezone

from partners.records.actions import request_erasure
from partners.records.erasing import erase_due
from partners.records.models import ErasureJob
from portal.local.postgres import binaries
from portal.local.state import open_state
from portal.tenancy.blocks import serving
from tests.isolation.cast import Home
from tests.isolation.traces import words_of
from tests.isolation.world import make_world
from tests.settings import SERVERS

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


def database() -> str:
    return SERVERS.database(settings.DATABASES["default"]["NAME"]).superuser


def analyse() -> None:
    """As autovacuum does by itself once enough of a table has changed."""
    with psycopg.connect(database(), autocommit=True) as connection:
        connection.execute("ANALYZE")


def forget_statistics() -> None:
    """What was sampled of rows that other tests had: it outlives them, until there are others."""
    with psycopg.connect(database(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited)"
            " FROM pg_stats WHERE schemaname = 'public'"
        )


def dumped() -> dict[str, str]:
    """What pg_dump writes: rows, large objects and statistics, by what each part is of."""
    program = binaries(open_state(Path(SERVERS.state))) / "pg_dump"
    done = subprocess.run(  # PostgreSQL's own
        [program, "--statistics", f"--dbname={database()}"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "PGCLIENTENCODING": "UTF8"},
    )
    parts: dict[str, list[str]] = defaultdict(list)
    part = "schema"
    for line in done.stdout.splitlines():
        if line.startswith("COPY "):
            part = line.split()[1]
        elif line == "\\.":
            part = "schema"
        parts[part].append(line)
    return {name: "\n".join(lines).casefold() for name, lines in parts.items()}


def ways_to_write(word: str) -> Iterator[str]:
    """As text, as bytes, escaped in JSON, and within base64, wherever in it the word begins."""
    raw = word.encode()
    yield word.casefold()
    yield raw.hex()
    yield word.encode("unicode-escape").decode().casefold()
    for before in range(3):
        # The first and the last sign depend on what stands beside the word.
        whole = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        yield whole[4 if before else 0 : -1].casefold()


def found_in(dump: dict[str, str], words: Iterable[str]) -> dict[str, set[str]]:
    """Where which of the words stand."""
    found: dict[str, set[str]] = defaultdict(set)
    for word in words:
        for way in ways_to_write(word):
            for part in [name for name, text in dump.items() if way in text]:
                found[part].add(word)
    return dict(found)


def erase(home: Home) -> None:
    """The bank of these tests cannot be reached: it is given up on after a few tries."""
    with serving(home.bank_id):
        request_erasure(customer_id=home.customer.id, by="customer", at=timezone.now())
    for hours in range(1, 8):
        later = timezone.now() + timedelta(hours=hours)
        erase_due(bank_id=home.bank_id, clock=lambda later=later: later)
    with serving(home.bank_id):
        assert ErasureJob.objects.get(by="customer").status == ErasureJob.Status.DONE


def test_after_an_erasure_a_dump_of_the_database_holds_nothing_of_them() -> None:
    forget_statistics()
    ours = dumped()
    world = make_world()
    # What an empty database says too is nobody's: `revoked`, `superseded`.
    of_nobody = {
        word for found in found_in(ours, words_of(world.victim, world)).values() for word in found
    }
    words = words_of(world.victim, world) - of_nobody
    analyse()
    before = found_in(dumped(), words)
    assert {word for found in before.values() for word in found} == words
    assert len(before) > 12, "they were in many a table"

    erase(world.victim)
    straight_after = found_in(dumped(), words)
    analyse()
    later = found_in(dumped(), words)

    # The one part on the list of what stays that holds words at all: samples that PostgreSQL plans by, until
    # it looks at the table again (docs/retention.md).
    assert set(straight_after) <= {"schema"}
    assert later == {}
