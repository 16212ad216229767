"""What is published of a bank's log, as anybody fetches it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from accounts.disclosure.actions import Occasion, record_release
from accounts.disclosure.sealing import seal_due
from accounts.disclosure.verify import (
    Keys,
    read_note,
    read_proof,
    roots_from_consistency,
)
from portal.tenancy.blocks import serving
from tests.factories.partners import make_bank, make_customer

pytestmark = pytest.mark.django_db
API_HOST = f"api.{settings.PORTAL_BASE_HOST}"


@pytest.fixture
def bank_id() -> UUID:
    """Of a bank with three checkpoints, over one leaf, two and three."""
    customer = make_customer(make_bank())
    for _ in range(3):
        with serving(customer.bank_id):
            occasion = Occasion(at=timezone.now(), recipient="chat", door="rest", feed="balances")
            record_release(occasion, rows={uuid4(): {uuid4(): 1}})
        seal_due(bank_id=customer.bank_id, clock=timezone.now)
    return customer.bank_id


def fetch(bank_id: UUID, what: str, method: str = "get", **query: Any) -> Any:
    call = getattr(Browser(), method)
    return call(f"/disclosures/{bank_id}/{what}", query, headers={"Host": API_HOST})


def test_checkpoints_are_notes_that_the_published_keys_sign(bank_id: UUID) -> None:
    keys = Keys(fetch(bank_id, "keys").json())
    newest = fetch(bank_id, "checkpoint")
    listed = fetch(bank_id, "checkpoints").json()
    older = fetch(bank_id, "checkpoints", before=3).json()

    assert newest.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert read_note(newest.content.decode()).size == 3
    assert [each["size"] for each in listed["checkpoints"]] == [3, 2, 1]
    assert [each["size"] for each in older["checkpoints"]] == [2, 1]
    assert listed["before"] is None
    for each in listed["checkpoints"]:
        keys.require(read_note(each["note"]))
    assert read_note(fetch(bank_id, "checkpoint", size=2).content.decode()).size == 2
    # Where whoever has the note finds the log.
    assert keys.origin == f"{settings.API_ORIGIN.partition('://')[2]}/disclosures/{bank_id}"


def test_a_log_shows_that_it_only_grew(bank_id: UUID) -> None:
    first, second = (
        read_note(fetch(bank_id, "checkpoint", size=size).content.decode()) for size in (1, 3)
    )

    proof = read_proof(fetch(bank_id, "consistency", first=1, second=3).json())

    assert roots_from_consistency(1, 3, first.root, proof.hashes) == (first.root, second.root)


@pytest.mark.parametrize(
    ("what", "query", "status"),
    [
        ("consistency", {}, 400),
        ("consistency", {"first": "x", "second": "3"}, 400),
        ("consistency", {"first": "0", "second": "3"}, 400),
        ("consistency", {"first": "3", "second": "2"}, 400),
        ("consistency", {"first": "1", "second": "4"}, 404),
        ("checkpoint", {"size": "4"}, 404),
        ("checkpoint", {"size": "9" * 30}, 400),
        ("checkpoints", {"before": "-1"}, 400),
    ],
)
def test_what_there_is_not_is_a_problem(
    bank_id: UUID, what: str, query: dict[str, str], status: int
) -> None:
    answered = fetch(bank_id, what, **query)

    assert answered.status_code == status
    assert answered.headers["Content-Type"] == "application/problem+json"


def test_a_bank_that_there_is_not_has_no_log(bank_id: UUID) -> None:
    for what in ("checkpoint", "keys"):
        assert fetch(uuid4(), what).status_code == 404
    assert fetch(uuid4(), "checkpoints").json()["checkpoints"] == []
    assert fetch(bank_id, "keys", method="post").status_code == 405
