"""What the benchmark writes by hand is what the table wants."""

import re

import pytest
from django.db import connection, models

from benchmarks.screen import writer
from messaging.conversations.models import Message, StreamEvent

pytestmark = pytest.mark.django_db
_NAMED = re.compile(r"INSERT INTO \w+ \(([^)]*)\)")
_WANTED = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = %s AND is_nullable = 'NO' AND column_default IS NULL
"""


@pytest.mark.parametrize(
    ("statement", "model"), [(writer._MESSAGE, Message), (writer._EVENT, StreamEvent)]
)
def test_every_column_that_must_be_given_is_given(
    statement: str, model: type[models.Model]
) -> None:
    found = _NAMED.search(statement)
    assert found is not None
    named = {each.strip() for each in found[1].split(",")}

    with connection.cursor() as cursor:
        cursor.execute(_WANTED, [model._meta.db_table])
        wanted = {name for (name,) in cursor.fetchall()}

    assert wanted
    assert wanted - named == set()
