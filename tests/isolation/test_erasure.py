"""A customer is erased: whatever of theirs the database held is gone, everybody else's is as it was, and
their copy held all of it before.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from accounts.disclosure.models import Disclosure
from partners.records.actions import claim_erasure, place_hold, request_erasure
from partners.records.copying import copy_of
from partners.records.erasing import erase_due
from partners.records.files import as_json
from partners.records.models import ErasureJob
from partners.records.queries import tables
from partners.records.rules import NotGiven, Own, ThroughTheGate, name_of
from portal.tenancy.blocks import serving
from portal.tenancy.leases import LEASE
from tests.factories.any_row import tenant_models
from tests.isolation.cast import Home
from tests.isolation.traces import words_of
from tests.isolation.witness import Witness, every_row, undone
from tests.isolation.world import World

pytestmark = pytest.mark.django_db(databases="__all__")

KEPT = {each.label for each in tables() if each.kept}


def test_every_table_says_what_of_it_is_given_and_what_an_erasure_does() -> None:
    named = [each.label for each in tables()]

    assert sorted(named) == sorted(each._meta.label for each in tenant_models())
    for each in tables():
        assert each.given.why if isinstance(each.given, NotGiven) else True


def test_every_column_of_a_customers_own_record_is_given_or_named_here() -> None:
    inner = {
        # How rows hang together, and what workers note of them.
        *("id", "bank", "customer", "conversation", "delivery", "event", "endpoint", "message"),
        *("account", "connection", "consent", "card", "alert", "integration", "client", "person"),
        *("due_at", "lease_until", "fence", "attempts", "trace", "request_id", "caused_by"),
        *("client_msg_id", "staff_id", "instruction_id", "about_id", "about_revision", "rev"),
        *("account_ids", "changed_at", "pseudonym", "refreshing_until", "resume_at", "card_id"),
        *("calls_a_day", "facts_asked_at"),
        # Secrets and their digests, and what proves that a code was right.
        *("token_digest", "state_digest", "nonce", "code_verifier", "access_token", "code"),
        *("refresh_token", "token_expires_at", "endpoint_digest", "keys", "expires_at"),
        *("tries_left", "is_sent", "disclosed_at", "external_consent_id", "refused_as"),
        *("brought", "allowed_digest", "look_at"),
        # Of a count: what its disclosure says already.
        *("recipient", "consent_id", "about", "door", "feed", "reason", "alert_id"),
        "closed_at",
    }
    left_out = {
        f"{each.label}.{field.name}"
        for each in tables()
        if isinstance(each.given, Own)
        for field in apps.get_model(each.label)._meta.local_concrete_fields
        if field.name not in {*each.given.opened, *inner}
        and not {field.name, field.attname} & set(each.given.columns)
    }

    assert left_out == set()


def test_the_copy_holds_what_the_customer_has(world: World) -> None:
    copied = _copy(world.victim)

    for table in tables():
        if isinstance(table.given, Own) and _has_rows(world.victim, table.label):
            assert copied[name_of(table.label)], table.label
    parts = {each.given.part for each in tables() if isinstance(each.given, ThroughTheGate)}
    assert parts == {"accounts", "alerts", "receipts", "shipments", "transactions", "balances"}
    for part in ("account", "alert", "receipt", "shipment", "transaction", "balance"):
        assert copied[part], part
    assert copied["withheld"] == []
    text = json.dumps(copied)
    assert "Nightingale Bakery" in text
    assert "A question from Nightingale" in text
    assert world.victim.customer.external_id in text


def test_the_copy_holds_nothing_of_anybody_else(world: World) -> None:
    text = json.dumps(_copy(world.victim))

    for other in (world.neighbour, world.stranger):
        for secret in world.secrets_of_victim(other) and words_of(other, world):
            assert secret not in text


def test_what_was_copied_is_on_the_record(world: World) -> None:
    with undone():
        _copy(world.victim)
        with world.victim.serving():
            noted = Disclosure.objects.filter(door="export", decision="released")
            feeds = set(noted.values_list("feed", flat=True))

    assert {"accounts", "balances", "transactions", "receipts", "shipments"} <= feeds


def test_after_an_erasure_nothing_of_theirs_is_found_anywhere(world: World) -> None:
    words = words_of(world.victim, world)
    assert {"NIGHTINGALE PURCHASE", world.victim.customer.external_id} <= words
    with undone():
        _erase(world.victim)
        found = {(table, word) for table, text in _dump(world) for word in words if word in text}

    assert found == set()


def test_an_erasure_changes_nothing_of_anybody_elses(world: World, witness: Witness) -> None:
    with undone():
        _carry_out(world.victim)  # of whoever else has asked
        witness.changes()
        with serving(world.victim.bank_id):
            held = _ids_of(world.victim)
        _erase(world.victim)
        changed = [
            each
            for each in witness.changes()
            if each.table not in {"partners_erasurejob", "accounts_disclosurecount"}
            and not (each.before is None and each.table.startswith(("portal_outbox",)))
        ]

    for each in changed:
        assert str(each.row["id"]) in held or each.table == "portal_outboxkey", each.table


def test_the_evidence_counts_what_went(world: World) -> None:
    with undone():
        with serving(world.victim.bank_id):
            before = {name_of(label): len(ids) for label, ids in _rows_of(world.victim).items()}
        job = _erase(world.victim)

    assert job.status == ErasureJob.Status.DONE
    # Ending what they allowed has added to what had happened.
    more = {"consent_event", "stream_event", "webhook_delivery", "webhook_attempt", "message"}
    told = {part: n for part, n in job.erased.items() if part not in more}
    assert told == {part: n for part, n in before.items() if n and part not in more}


def test_under_a_legal_hold_nothing_goes_and_everything_allowed_has_ended(world: World) -> None:
    with undone():
        with serving(world.victim.bank_id):
            place_hold(
                customer_id=world.victim.customer.id,
                reason="A court asks for it.",
                by="staff:x",
                at=timezone.now(),
            )
            rows = {label: ids for label, ids in _rows_of(world.victim).items() if ids}
        job = _erase(world.victim)
        with serving(world.victim.bank_id):
            left = _rows_of(world.victim)
            live = every_row("accounts_consent")

    assert job.status == ErasureJob.Status.HELD
    for label, ids in rows.items():
        assert ids <= left[label], label
    mine = [each for each in live if each["customer_id"] == str(world.victim.customer.id)]
    assert mine
    now = timezone.now().isoformat()
    assert all(each["ended_at"] or each["expires_at"] < now for each in mine)


def test_a_worker_that_died_half_way_is_followed_by_one_that_finishes(world: World) -> None:
    with undone():
        with serving(world.victim.bank_id):
            request_erasure(customer_id=world.victim.customer.id, by="customer", at=timezone.now())
            while claim_erasure(at=timezone.now(), lease=LEASE):
                pass
        assert erase_due(bank_id=world.victim.bank_id, clock=timezone.now) == 0
        _carry_out(world.victim)
        with serving(world.victim.bank_id):
            job = ErasureJob.objects.get(by="customer")

    assert job.status == ErasureJob.Status.DONE


def _erase(home: Home) -> ErasureJob:
    """The bank of these tests cannot be reached: it is given up on after a few tries."""
    with serving(home.bank_id):
        request_erasure(customer_id=home.customer.id, by="customer", at=timezone.now())
    _carry_out(home)
    with serving(home.bank_id):
        return ErasureJob.objects.get(by="customer")


def _carry_out(home: Home) -> None:
    for hours in range(1, 8):
        ahead = timedelta(hours=hours)
        erase_due(bank_id=home.bank_id, clock=lambda ahead=ahead: timezone.now() + ahead)


def _copy(home: Home) -> dict[str, Any]:
    pages = copy_of(home.bank_id, home.customer.id, clock=timezone.now)
    whole = b"".join(as_json(pages, made_at=timezone.now()))
    copied: dict[str, Any] = json.loads(whole)
    return copied


def _has_rows(home: Home, label: str) -> bool:
    with home.serving():
        return bool(every_row(apps.get_model(label)._meta.db_table))


def _rows_of(home: Home) -> dict[str, set[str]]:
    """In the bank's block: the ids of what is the customer's, by table."""
    held: dict[str, set[str]] = {}
    accounts = {str(home.account.id), str(home.kept.id)}
    for table in tables():
        if table.kept:
            continue
        rows = every_row(apps.get_model(table.label)._meta.db_table)
        held[table.label] = {
            str(row["id"])
            for row in rows
            if row.get("customer_id") == str(home.customer.id)
            or row.get("account_id") in accounts
            or row["id"] in {str(home.customer.id), *accounts}
        }
    return held


def _ids_of(home: Home) -> set[str]:
    held = {each for ids in _rows_of(home).values() for each in ids}
    with home.serving():
        return held | {str(row["id"]) for row in every_row("accounts_disclosure")}


def _dump(world: World) -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    for bank_id in world.bank_ids:
        with serving(bank_id):
            for model in tenant_models():
                for row in every_row(model._meta.db_table):
                    yield model._meta.db_table, json.dumps(row, ensure_ascii=False)
    for model in apps.get_models():
        if model._meta.managed and not issubclass(model, tuple(tenant_models())):
            for row in every_row(model._meta.db_table):
                yield model._meta.db_table, json.dumps(row, ensure_ascii=False)
