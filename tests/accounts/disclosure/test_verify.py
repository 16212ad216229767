"""`verify.py` as whoever holds an export runs it: a program of its own, and one thing tampered with at a time.

Rows are rewritten as their owner can, behind the portal's back; a log is forked and signed again with the
bank's real key.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.utils import timezone

from accounts.disclosure.actions import Occasion, record_release
from accounts.disclosure.exporting import (
    bank_lines,
    consistency_body,
    customer_lines,
    in_lines,
    keys_body,
)
from accounts.disclosure.models import Disclosure
from accounts.disclosure.proofs import latest_checkpoint
from accounts.disclosure.sealing import seal_due
from partners.banks.models import Customer
from portal.environment import ROOT
from portal.secrets.signing import rotate_signing_key
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.partners import make_bank, make_customer

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]
PROGRAM = ROOT / "accounts/disclosure/verify.py"


@dataclass(frozen=True)
class Said:
    code: int
    words: str


class Log:
    """A bank's log of two customers, and the files that somebody holds of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bank = make_bank()
        self.customer, self.other = make_customer(self.bank), make_customer(self.bank)

    def write(self, *, batches: int = 4, each: int = 3) -> None:
        for _ in range(batches):
            with serving(self.bank.id):
                for number in range(each):
                    self.release((self.customer, self.other)[number % 2], number)
            self.seal()

    def release(self, customer: Customer, number: int) -> None:
        occasion = Occasion(
            at=timezone.now(),
            recipient="chat",
            door="rest",
            feed="balances",
            purpose="see_it",
            pseudonym=customer.pseudonym,
        )
        record_release(occasion, rows={uuid4(): {uuid4(): number, uuid4(): 1}})

    def write_of_other(self) -> None:
        with serving(self.bank.id):
            self.release(self.other, 1)
        self.seal()

    def seal(self) -> None:
        assert seal_due(bank_id=self.bank.id, clock=timezone.now)

    def of_bank(self) -> list[dict[str, Any]]:
        return list(bank_lines(self.bank.id, at=timezone.now()))

    def of_customer(self, **more: Any) -> list[dict[str, Any]]:
        def block() -> Any:
            return serving_customer(self.bank.id, self.customer.id)

        pseudonym = self.customer.pseudonym
        return list(customer_lines(self.bank.id, block, pseudonym, at=timezone.now(), **more))

    def note(self) -> str:
        with serving(self.bank.id):
            found = latest_checkpoint()
        assert found is not None
        return found.note

    def header(self) -> str:
        with serving(self.bank.id):
            found = latest_checkpoint()
        assert found is not None
        return f"Portal-Checkpoint: {found.header}\n"

    def proof(self, first: int, second: int) -> str:
        with serving(self.bank.id):
            return json.dumps(consistency_body(first, second))

    def check(
        self,
        lines: Sequence[dict[str, Any]],
        witnesses: Sequence[str] = (),
        proofs: Sequence[str] = (),
    ) -> Said:
        with serving(self.bank.id):
            keys = self._file(json.dumps(keys_body(self.bank.id)))
        export = self._file(b"".join(in_lines(iter(lines))).decode())
        words = [sys.executable, "-I", str(PROGRAM), export, "--keys", keys]
        for option, texts in (("--witness", witnesses), ("--proof", proofs)):
            for each in texts:
                words += [option, self._file(each)]
        ran = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        assert ran.stderr == ""
        return Said(ran.returncode, ran.stdout)

    def _file(self, text: str) -> str:
        path = self.folder / uuid4().hex
        path.write_text(text)
        return str(path)

    @contextmanager
    def as_owner(self) -> Iterator[psycopg.Connection]:
        """Behind the portal's back: as whoever owns the tables, with their triggers off."""
        url = settings.DATABASES["owner"]
        with psycopg.connect(
            host=url["HOST"],
            port=url["PORT"] or None,
            user=url["USER"],
            password=url["PASSWORD"],
            dbname=url["NAME"],
        ) as connection:
            connection.execute(f"SET portal.bank_id = '{self.bank.id}'")
            connection.execute("SET portal.reach = 'bank'")
            yield connection

    def ids(self) -> list[Any]:
        with serving(self.bank.id):
            return list(Disclosure.objects.order_by("at", "id").values_list("id", flat=True))


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = Log(tmp_path)
    made.write()
    return made


def leaves(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in lines if each["type"] == "leaf"]


def test_a_whole_log_is_whole_for_the_bank_and_for_a_customer(log: Log) -> None:
    bank, customer = log.of_bank(), log.of_customer()

    assert [each["index"] for each in leaves(bank)] == list(range(12))
    assert {each["fields"]["pseudonym"] for each in leaves(customer)} == {
        str(log.customer.pseudonym)
    }
    assert log.check(bank).code == 0
    assert log.check(customer).words.startswith("Whole: 8 leaves fit the checkpoint of 12 leaves")


def test_what_is_not_sealed_yet_is_said_and_what_waits_too_long_is_broken(log: Log) -> None:
    with serving(log.bank.id):
        log.release(log.customer, 1)
    lines = log.of_customer()
    late = [each | {} for each in lines]
    late[0]["made_at"] = f"{timezone.now() + timedelta(minutes=20):%Y-%m-%dT%H:%M:%S.%fZ}"

    assert "1 records wait to be sealed" in log.check(lines).words
    assert log.check(late).code == 1


def test_one_byte_is_found_in_the_row_where_it_is(log: Log) -> None:
    changed = log.ids()[4]
    with log.as_owner() as owner:
        owner.execute("UPDATE accounts_disclosure SET feed = 'balancer' WHERE id = %s", [changed])

    said = log.check(log.of_bank())
    index = next(
        each["index"] for each in leaves(log.of_bank()) if each["fields"]["id"] == str(changed)
    )

    assert said.code == 1
    assert f"leaf {index} (record {changed}) does not say what was sealed" in said.words


def test_a_row_that_was_deleted_is_missed_by_the_bank_and_by_its_customer(log: Log) -> None:
    mine = next(each for each in leaves(log.of_customer()) if each["index"] > 3)
    with log.as_owner() as owner:
        owner.execute("DELETE FROM accounts_disclosure WHERE id = %s", [mine["fields"]["id"]])

    for lines in (log.of_bank(), log.of_customer()):
        said = log.check(lines)
        assert said.code == 1
        assert f"leaf {mine['index']} was sealed, and its record is gone" in said.words


def test_two_rows_that_changed_places_are_found_at_the_first(log: Log) -> None:
    one, other = leaves(log.of_bank())[3:5]
    texts = [each["fields"]["id"] for each in (one, other)]
    with log.as_owner() as owner:
        for position, of in ((10**6, texts[0]), (3, texts[1]), (4, texts[0])):
            owner.execute("UPDATE accounts_leaf SET position = %s WHERE id = %s", [position, of])

    said = log.check(log.of_bank())

    # The rows say what they said; the tree does not.
    assert said.code == 1
    assert (
        "does not fit the leaves before it: the first broken place is between leaf 3 and leaf 5"
        in (said.words)
    )


def test_lines_of_the_file_itself_are_held_to_their_order(log: Log) -> None:
    bank, customer = log.of_bank(), log.of_customer()
    places = [at for at, each in enumerate(bank) if each["type"] == "leaf"]
    without = [each for at, each in enumerate(bank) if at != places[5]]
    swapped = list(bank)
    swapped[places[6]], swapped[places[7]] = swapped[places[7]], swapped[places[6]]
    own = [customer[0], customer[2], customer[1], *customer[3:]]

    assert "leaf 5 is missing: the checkpoint of 6 leaves" in log.check(without).words
    assert "leaf 6 is missing: leaf 7 stands in its place" in log.check(swapped).words
    assert "the order was changed" in log.check(own).words
    assert "breaks off" in log.check(bank[:-1]).words
    assert log.check([*customer[:3], *customer[4:]]).code == 1


def rewrite(log: Log, *, row: int) -> None:
    """All of it, from that row on: content, leaves and checkpoints, as only who holds the key can."""
    changed = leaves(log.of_bank())[row]["fields"]["id"]
    with log.as_owner() as owner:
        owner.execute("UPDATE accounts_disclosure SET row_count = 0 WHERE id = %s", [changed])
        order = owner.execute("SELECT id FROM accounts_leaf ORDER BY position").fetchall()
        owner.execute("ALTER TABLE accounts_unsealed DISABLE TRIGGER hold_unsealed")
        for table in ("leaf", "tile", "checkpoint", "unsealed"):
            owner.execute(f"DELETE FROM accounts_{table}")  # noqa: S608
        for number, (row_id,) in enumerate(order):
            owner.execute(
                "INSERT INTO accounts_unsealed (bank_id, id, kind, due_at, fence, attempts)"
                " VALUES (%s, %s, 'disclosure', now() - interval '1 hour' + %s * interval '1 ms', 0, 0)",
                [log.bank.id, row_id, number],
            )
        owner.execute("ALTER TABLE accounts_unsealed ENABLE TRIGGER hold_unsealed")
    while seal_due(bank_id=log.bank.id, clock=timezone.now, at_most=3):
        pass


def test_a_log_that_is_rewritten_and_signed_again_does_not_fit_what_a_witness_holds(
    log: Log,
) -> None:
    early, late = log.note(), log.header()
    log.write(batches=1)
    last = log.note()
    assert log.check(log.of_bank(), [early, late, last]).code == 0

    rewrite(log, row=13)

    assert log.check(log.of_bank()).code == 0, "nobody can tell by the file alone"
    assert log.check(log.of_bank(), [early]).code == 0, "what came before was not touched"
    said = log.check(log.of_bank(), [early, last])
    assert said.code == 1
    assert "the log was rewritten or forked" in said.words
    assert "the first broken place is between leaf 12 and leaf 14" in said.words


def test_a_customer_compares_what_they_hold_by_a_proof(log: Log) -> None:
    held = log.header()
    log.write(batches=2)

    alone = log.check(log.of_customer(), [held])
    by_file = log.check(log.of_customer(), [held], [log.proof(12, 18)])
    in_export = log.check(log.of_customer(sizes=[12]), [held])
    rewrite(log, row=2)
    forked = log.check(log.of_customer(sizes=[12]), [held])

    assert alone.code == 2
    assert "/consistency?first=12&second=18" in alone.words
    assert (by_file.code, in_export.code, forked.code) == (0, 0, 1)
    assert "the first broken place is before leaf 12" in forked.words


def test_two_witnesses_of_a_fork_need_no_log_to_see_it(log: Log) -> None:
    one = log.note()
    rewrite(log, row=2)
    other = log.header()

    said = log.check(log.of_customer(), [one, other])

    assert said.code == 1
    assert "the log was forked" in said.words


def test_a_log_that_was_cut_is_shorter_than_what_a_witness_holds(log: Log) -> None:
    old = log.of_bank()
    log.write(batches=1)

    said = log.check(old, [log.note()])

    assert said.code == 1
    assert "the log is shorter than what a witness holds" in said.words


def test_the_id_of_a_disclosure_is_a_witness_too(log: Log) -> None:
    (first, *_rest) = leaves(log.of_customer())
    known, unknown = (f"Disclosure-Id: {each}\n" for each in (first["fields"]["id"], uuid4()))

    assert log.check(log.of_customer(), [known]).code == 0
    assert "of which a witness has the id" in log.check(log.of_customer(), [unknown]).words


def test_a_signature_counts_by_the_banks_own_key_while_it_was_valid(log: Log) -> None:
    with serving(log.bank.id):
        rotate_signing_key(at=timezone.now())
    log.write(batches=1)
    assert log.check(log.of_bank()).code == 0

    stranger = Log(log.folder)
    stranger.write(batches=1)
    lines = log.of_bank()
    lines[0] = lines[0] | {"checkpoint": stranger.note()}
    assert "is of another log" in log.check(lines).words
    forged = log.of_bank()
    forged[0]["checkpoint"] = forged[0]["checkpoint"].replace("\n15\n", "\n14\n")
    assert "does not bear the bank's signature" in log.check(forged).words


def test_a_customer_whose_name_is_erased_leaves_a_log_that_holds(log: Log) -> None:
    """What ties the pseudonym to a person is one row; the log says of it what it said."""
    before = log.note()
    pseudonym = log.customer.pseudonym
    with log.as_owner() as owner:
        owner.execute("DELETE FROM partners_customer WHERE id = %s", [log.customer.id])
    log.write_of_other()

    lines = log.of_bank()

    assert not Customer.objects.filter(pseudonym=pseudonym).exists()
    assert str(pseudonym) in {each["fields"]["pseudonym"] for each in leaves(lines)}
    assert str(log.customer.id) not in json.dumps(lines)
    assert log.check(lines, [before]).code == 0
