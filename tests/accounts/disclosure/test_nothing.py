"""A bank's word that it shared nothing: `verify.py` as whoever is handed it runs it, and each way to lie.

The liar has the bank's real key, and the portal's database.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client as Browser

from accounts.disclosure.exporting import in_lines, keys_body, leaves_and_checkpoints
from accounts.disclosure.models import Checkpoint
from accounts.disclosure.notes import in_base64, key_hash
from accounts.disclosure.nothing import can_be_stated, statement_lines
from accounts.disclosure.verify import NOTHING_SHARED, nothing_shared_text, read_note
from portal.environment import ROOT
from portal.secrets.signing import signer
from portal.tenancy.blocks import serving
from tests.accounts.disclosure.test_verify import Said
from tests.factories.partners import make_bank
from tests.partners.compliance.written import refuse, seal, write

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PROGRAM = ROOT / "accounts/disclosure/verify.py"
# Times to come: what is written now is due by then, and is sealed whenever a test says it is.
BEGIN, END = datetime(2030, 3, 1, tzinfo=UTC), datetime(2030, 4, 1, tzinfo=UTC)
MADE_AT = END + timedelta(hours=1)
Lines = list[dict[str, Any]]


class Log:
    """A bank's log, sealed whenever a test says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bank = make_bank()

    def add(self, at: datetime, kind: Callable[..., Any] = refuse, **fields: Any) -> None:
        """Write a record and seal it a second later."""
        kind(self.bank, at=at, **fields)
        self.seal(at + timedelta(seconds=1))

    def seal(self, at: datetime) -> None:
        seal(self.bank, clock=lambda: at)

    def stated(self, *, at: datetime = MADE_AT) -> Lines:
        return list(statement_lines(self.bank.id, begin=BEGIN, end=END, at=at))

    def signed(self, said: dict[str, Any], lines: Sequence[dict[str, Any]], last: str) -> Lines:
        """Any lines at all, with the bank's own signature."""
        ends = [read_note(each) if each else None for each in (said["first"], last)]
        with serving(self.bank.id):
            signing = signer(at=MADE_AT)
        text = nothing_shared_text(said, *ends)
        named = key_hash(said["origin"], signing.public_key)
        signature = in_base64(named + signing.sign(text.encode()))
        return [said, *lines, {"type": "signed", "signature": signature}]

    def published(self) -> str:
        """As anybody fetches it."""
        answered = Browser().get(
            f"/disclosures/{self.bank.id}/checkpoints",
            headers={"Host": f"api.{settings.PORTAL_BASE_HOST}"},
        )
        return answered.content.decode()

    def check(self, lines: Lines, *, witness: str = "") -> Said:
        with serving(self.bank.id):
            keys = self._file(json.dumps(keys_body(self.bank.id)))
        words = [sys.executable, "-I", str(PROGRAM)]
        words += [self._file(b"".join(in_lines(iter(lines))).decode()), "--keys", keys]
        words += ["--witness", self._file(witness)] if witness else []
        ran = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        assert ran.stderr == ""
        return Said(ran.returncode, ran.stdout)

    def _file(self, text: str) -> str:
        path = self.folder / uuid4().hex
        path.write_text(text)
        return str(path)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """With releases before the time, and one after it."""
    made = Log(tmp_path)
    for days in (3, 2, 1):
        made.add(BEGIN - timedelta(days=days), write)
    return made


def leaves(lines: Lines) -> Lines:
    return [each for each in lines if each["type"] == "leaf"]


# --- what is true ---------------------------------------------------------------------------------


def test_a_log_that_did_not_grow_is_stated_without_a_word_of_anybody(log: Log) -> None:
    lines = log.stated()
    log.add(END + timedelta(hours=2), write)

    said = log.check(lines, witness=log.published())

    assert said.code == 0
    assert "True: nothing was shared from 2030-03-01" in said.words
    assert "the log did not grow" in said.words
    assert "1 checkpoints of witnesses fit it" in said.words
    assert leaves(lines) == []


def test_refusals_and_the_banks_own_look_share_nothing(log: Log) -> None:
    for day in range(5):
        log.add(BEGIN + timedelta(days=day))
    look = {"recipient": f"staff:{uuid4()}", "door": "console", "feed": "disclosures"}
    log.add(BEGIN + timedelta(days=9), write, **look)
    log.add(END + timedelta(hours=2), write)

    lines = log.stated(at=END + timedelta(hours=3))
    said = log.check(lines, witness=log.published())

    assert said.code == 0
    assert "6 leaves were added, and each shares nothing" in said.words
    assert "7 checkpoints of witnesses fit it" in said.words
    assert len(leaves(lines)) == 6


def test_a_bank_that_never_sealed_anything_shared_nothing(tmp_path: Path) -> None:
    never, lately = Log(tmp_path), Log(tmp_path)
    lately.add(BEGIN + timedelta(days=1))
    for log in (never, lately):
        assert log.check(log.stated()).code == 0


def test_what_was_shared_is_not_stated(log: Log) -> None:
    log.add(BEGIN + timedelta(days=1))
    log.add(BEGIN + timedelta(days=2), write)

    said = log.check(log.stated())

    assert said.code == 1
    assert "breaks off before its signature" in said.words


def test_a_time_is_stated_when_all_of_it_is_sealed() -> None:
    assert not can_be_stated(END, at=END + timedelta(minutes=9))
    assert can_be_stated(END, at=END + timedelta(minutes=10))


# --- what is a lie --------------------------------------------------------------------------------


def test_a_release_that_is_left_out_is_found_by_what_is_published(log: Log) -> None:
    said = log.stated()[0]
    log.add(BEGIN + timedelta(days=2), write)
    with serving(log.bank.id):
        held = Checkpoint.objects.order_by("-size")[0]
    lie = log.signed(said, [], said["first"])

    assert log.check(lie).code == 0, "by itself it is whole"
    found = log.check(lie, witness=log.published())

    assert found.code == 1
    assert "FALSE: the log grew meanwhile" in found.words
    assert f"the checkpoint of {held.size} leaves" in found.words


def test_a_release_among_refusals_is_named(log: Log) -> None:
    log.add(BEGIN + timedelta(days=1))
    log.add(BEGIN + timedelta(days=2), write, recipient="client:7")
    said, lines, last = everything(log)

    found = log.check(log.signed(said, lines, last))

    assert found.code == 1
    assert "FALSE: leaf 4 (record" in found.words
    assert "was shown to client:7" in found.words


def test_a_release_that_is_told_as_a_refusal_does_not_fit_what_was_sealed(log: Log) -> None:
    log.add(BEGIN + timedelta(days=2), write)
    said, lines, last = everything(log)
    for each in leaves(lines):
        each["fields"] = dict(each["fields"]) | {"decision": "refused", "reason": "no_consent"}

    found = log.check(log.signed(said, lines, last))

    assert found.code == 1
    assert "does not fit the leaves before it" in found.words


def test_a_leaf_that_is_left_out_is_missed(log: Log) -> None:
    for day in (1, 2):
        log.add(BEGIN + timedelta(days=day))
    said, lines, last = everything(log)

    without = [each for each in lines if each is not leaves(lines)[0]]

    assert log.check(log.signed(said, without, last)).code == 1
    assert log.check(log.signed(said, leaves(lines)[:1], last)).code == 1


def test_one_that_begins_late_or_was_made_early_says_nothing(log: Log) -> None:
    before = log.stated()[0]
    log.add(BEGIN + timedelta(days=1), write)
    with serving(log.bank.id):
        late = list(
            statement_lines(log.bank.id, begin=BEGIN + timedelta(days=2), end=END, at=MADE_AT)
        )
    begins_late = late[0] | {"since": before["since"]}
    made_early = before | {"made_at": before["until"]}

    assert (
        "FALSE: it begins late"
        in log.check(log.signed(begins_late, [], begins_late["first"])).words
    )
    assert (
        "FALSE: it was made before"
        in log.check(log.signed(made_early, [], made_early["first"])).words
    )


@pytest.mark.parametrize("name", ["since", "until", "made_at", "origin"])
def test_no_word_of_it_can_be_changed(log: Log, name: str) -> None:
    lines = log.stated()
    changed = {"since": "2030-03-02T00:00:00.000000Z", "until": "2030-03-30T00:00:00.000000Z"}
    lines[0] = lines[0] | {name: changed.get(name, f"{MADE_AT:%Y-%m-%dT%H:%M:%S}.000001Z")}

    said = log.check(lines)

    assert said.code == 1
    assert "does not bear the bank's signature" in said.words


def test_another_banks_statement_is_another_banks(log: Log, tmp_path: Path) -> None:
    other = Log(tmp_path)
    other.add(BEGIN - timedelta(days=1), write)
    assert other.check(log.stated()).code == 1


def test_what_is_no_statement_is_not_checked(log: Log) -> None:
    lines = log.stated()
    lines[0] = lines[0] | {"version": f"{NOTHING_SHARED}0"}
    assert log.check(lines).code == 2
    assert log.check([]).code == 2


def everything(log: Log) -> tuple[dict[str, Any], Lines, str]:
    """What a statement would have, whatever was shared; and the note of its end."""
    said = log.stated()[0]
    with serving(log.bank.id):
        size = Checkpoint.objects.order_by("-size")[0].size
        lines = list(leaves_and_checkpoints(read_note(said["first"]).size, size))
    return said, lines, str(lines[-1]["note"])
