"""A report on a time: what it adds up, and that `verify.py` comes to the same from the export of the log."""

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.disclosure.actions import Occasion, record_refusal
from accounts.disclosure.exporting import bank_lines, in_lines, keys_body
from partners.banks.models import Bank
from partners.records.actions import place_hold, request_erasure
from portal.environment import ROOT
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_client, make_consent, make_household, share
from tests.factories.partners import make_bank, make_customer
from tests.partners.compliance.written import refuse, seal, statements, write

pytestmark = pytest.mark.django_db
# To come: what is written now is due by then.
MARCH = datetime(2030, 3, 14, 9, 0, tzinfo=UTC)
IN_MARCH = {"since": "2030-03-01", "until": "2030-03-31"}


def at_once(bank: Bank, at: datetime) -> None:
    seal(bank, clock=lambda: at)


def read(bank: Bank, **asked: str) -> Any:
    return browser_of(bank).get(page_of("report", bank.slug), IN_MARCH | asked)


def in_json(bank: Bank, **asked: str) -> dict[str, Any]:
    answered = browser_of(bank).get(page_of("report_file", bank.slug, "json"), IN_MARCH | asked)
    assert answered.status_code == 200
    body: dict[str, Any] = answered.json()
    return body


@pytest.fixture
def bank() -> Bank:
    """With readings before, in and after March, of which some are sealed in another month."""
    made = make_bank(time_zone="Europe/Rome")
    customer = make_customer(made)
    program = make_client(name="Thrift Garden")
    write(made, at=MARCH - timedelta(days=20))
    at_once(made, MARCH - timedelta(days=20))
    for step in range(3):
        write(made, at=MARCH + timedelta(days=step), row_count=10, feed="transactions")
        write(made, at=MARCH + timedelta(days=step), recipient=f"client:{program.pk}")
    at_once(made, MARCH + timedelta(days=3))
    with serving(made.id):
        for second in range(4):
            refused = Occasion(
                at=(MARCH + timedelta(days=4)).replace(second=second),
                recipient="chat",
                door="rest",
                feed="balances",
                pseudonym=customer.pseudonym,
            )
            record_refusal(refused, reason="consent_revoked", consent_id=None, account_ids=[])
    at_once(made, MARCH + timedelta(days=5))
    write(made, at=datetime(2030, 3, 31, 21, 59, 59, tzinfo=UTC))
    write(made, at=datetime(2030, 3, 31, 22, 0, 0, tzinfo=UTC))  # the first of April in Rome
    at_once(made, datetime(2030, 4, 1, 6, 0, tzinfo=UTC))
    return made


def test_it_adds_up_what_the_banks_own_days_had(bank: Bank) -> None:
    page = read(bank)

    assert page.context["sums"] == {"shown": 7, "rows": 38, "recipients": 2, "refused": 4}
    assert [(each["name"], each["times"]) for each in page.context["by_recipient"]] == [
        ("The bank's chat", 4),
        ("Thrift Garden", 3),
    ]
    assert [each["times"] for each in page.context["by_feed"]] == [4, 3]
    assert [(each["name"], each["times"]) for each in page.context["by_reason"]] == [
        ("The customer had revoked it.", 4)
    ]
    sizes = [each["size"] for each in page.context["checkpoints"]]
    assert sizes == [1, 9, 11]
    assert "Thrift Garden" in page.content.decode()


def test_consents_and_erasures_of_the_time_are_counted() -> None:
    home = make_household()
    given = [make_consent(home.customer, [home.account], client=make_client()) for _ in range(3)]
    make_consent(home.customer, [home.account])
    make_consent(home.customer, [home.account])  # in the place of the last
    at = timezone.now()
    short = make_consent(
        make_customer(home.bank), [home.account], at=at - timedelta(hours=2),
        expires_at=at - timedelta(hours=1),
    )  # fmt: skip
    with serving(home.bank_id):
        revoke_consent(consent_id=given[0].id, at=at, by="customer")
        for each in (make_customer(home.bank), make_customer(home.bank)):
            request_erasure(customer_id=each.id, by="customer", at=at)
        place_hold(customer_id=home.customer.id, reason="A court.", by="staff:1", at=at)

    page = browser_of(home.bank).get(page_of("report", home.bank.slug))

    consents, erasures = page.context["consents"], page.context["erasures"]
    assert short.expires_at < at
    assert (consents.given, consents.replaced, consents.revoked, consents.ran_out) == (6, 1, 1, 1)
    assert (erasures.asked, erasures.done, erasures.held) == (2, 0, 1)


def test_a_time_in_which_nothing_was_has_a_report_too() -> None:
    page = browser_of(make_bank()).get(page_of("report", make_bank().slug))
    assert page.status_code == 404
    bank = make_bank()
    page = browser_of(bank).get(page_of("report", bank.slug))
    assert page.status_code == 200
    assert page.context["checkpoints"] == []
    assert "Nothing was sealed yet." in page.content.decode()


@pytest.mark.parametrize(
    "asked", [{"since": "x"}, {"until": "2030-02-01"}, {"since": "2028-01-01"}]
)
def test_what_is_no_time_is_said(bank: Bank, asked: dict[str, str]) -> None:
    assert read(bank, **asked).status_code == 400
    browser = browser_of(bank)
    for where in (page_of("report_file", bank.slug, "json"), page_of("statement", bank.slug)):
        assert browser.get(where, IN_MARCH | asked).status_code == 400


def test_it_costs_the_same_however_much_was_shared(bank: Bank) -> None:
    browser, where = browser_of(bank), page_of("report", bank.slug)
    before = statements(browser, where, **IN_MARCH)
    for step in range(20):
        write(bank, at=MARCH + timedelta(days=step % 9), feed="receipts")
    at_once(bank, datetime(2030, 4, 2, tzinfo=UTC))

    assert statements(browser, where, **IN_MARCH) == before
    assert read(bank).context["sums"]["shown"] == 27


def test_the_table_says_the_same(bank: Bank) -> None:
    answered = browser_of(bank).get(page_of("report_file", bank.slug, "csv"), IN_MARCH)
    rows = list(csv.DictReader(io.StringIO(answered.content.decode())))

    figures = [each for each in rows if each["section"] == "log"]
    assert sum(int(each["times"]) for each in figures) == 7 + 4
    assert {each["section"] for each in rows} == {"log", "consents", "erasures", "checkpoint"}
    assert (
        browser_of(bank).get(page_of("report_file", bank.slug, "xml"), IN_MARCH).status_code == 404
    )


# --- checked by whoever holds the export ------------------------------------------------------------


def check(bank: Bank, report: dict[str, Any], folder: Path, lines: Any = None) -> tuple[int, str]:
    exported = bank_lines(bank.id, at=timezone.now()) if lines is None else iter(lines)
    with serving(bank.id):
        keys = json.dumps(keys_body(bank.id))
    names = [str(folder / uuid4().hex) for _ in range(3)]
    texts = (b"".join(in_lines(exported)), keys.encode(), json.dumps(report).encode())
    for name, text in zip(names, texts, strict=True):
        Path(name).write_bytes(text)
    export, key, said = names
    program = str(ROOT / "accounts/disclosure/verify.py")
    ran = subprocess.run(
        [sys.executable, "-I", program, export, "--keys", key, "--report", said],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    return ran.returncode, ran.stdout


@pytest.mark.slow
def test_verify_comes_to_the_same_figures(bank: Bank, tmp_path: Path) -> None:
    report = in_json(bank)
    write(bank, at=MARCH + timedelta(days=1))  # written late, and sealed after the report
    at_once(bank, datetime(2030, 4, 2, tzinfo=UTC))

    code, words = check(bank, report, tmp_path)

    assert (code, "1 reports say what the log says" in words) == (0, True)
    assert check(bank, in_json(bank), tmp_path)[0] == 0
    assert check(bank, in_json(bank, until="2030-03-15"), tmp_path)[0] == 0
    ahead = in_json(bank, until="2030-05-01")
    write(bank, at=datetime(2030, 4, 3, tzinfo=UTC))
    at_once(bank, datetime(2030, 4, 3, 1, tzinfo=UTC))
    assert check(bank, ahead, tmp_path)[0] == 0


@pytest.mark.slow
def test_a_figure_that_is_not_so_is_named(bank: Bank, tmp_path: Path) -> None:
    report = in_json(bank)
    for name in ("records", "times", "rows"):
        false = json.loads(json.dumps(report))
        false["figures"][0][name] += 1
        code, words = check(bank, false, tmp_path)
        assert code == 1
        assert "the report says" in words
    missing = report | {"figures": report["figures"][1:]}
    invented = report | {"figures": [*report["figures"], report["figures"][0] | {"feed": "x"}]}
    assert check(bank, missing, tmp_path)[0] == 1
    assert check(bank, invented, tmp_path)[0] == 1


@pytest.mark.slow
def test_its_checkpoints_are_held_against_the_log(bank: Bank, tmp_path: Path) -> None:
    report = in_json(bank)
    other = in_json(bank, until="2030-03-16")
    swapped = report | {"checkpoints": report["checkpoints"] | {"before": ""}}
    foreign = make_bank()
    write(foreign)
    seal(foreign)

    assert check(bank, swapped, tmp_path) == (
        1,
        "BROKEN: the report names a checkpoint before that is not the last of then.\n",
    )
    assert check(bank, report | {"checkpoints": other["checkpoints"]}, tmp_path)[0] == 1
    assert check(foreign, report, tmp_path)[0] == 1
    early = list(bank_lines(bank.id, at=timezone.now()))
    write(bank, at=datetime(2030, 4, 3, tzinfo=UTC))
    at_once(bank, datetime(2030, 4, 3, 1, tzinfo=UTC))
    assert check(bank, in_json(bank), tmp_path, early) == (
        2,
        "Not checked: the export is older than the report.\n",
    )


# --- nothing was shared -----------------------------------------------------------------------------


def test_a_bank_that_shared_nothing_gets_its_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = make_bank(time_zone="Europe/Rome")
    write(bank, at=MARCH - timedelta(days=30))
    at_once(bank, MARCH - timedelta(days=30))
    refuse(bank, at=MARCH)
    at_once(bank, MARCH)
    browser = browser_of(bank)
    where = page_of("statement", bank.slug)
    assert browser.get(where, IN_MARCH).status_code == 404, "the time is not over"
    assert read(bank).context["nothing"]["over"] is False
    monkeypatch.setattr(timezone, "now", lambda: datetime(2030, 3, 31, 22, 10, tzinfo=UTC))

    page, answered = read(bank), browser_of(bank).get(where, IN_MARCH)

    assert page.context["nothing"] == {"is_so": True, "shared": 0, "over": True, "leaves": 1}
    assert f"{bank.name} shares nothing" in page.content.decode()
    lines = [json.loads(each) for each in b"".join(answered.streaming_content).splitlines()]
    assert [each["type"] for each in lines] == ["statement", "leaf", "checkpoint", "signed"]
    assert answered.headers["Content-Disposition"].endswith(
        '-shared-nothing-2030-03-01-2030-03-31.jsonl"'
    )


def test_a_bank_that_shared_something_gets_none(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2030, 4, 2, tzinfo=UTC))
    share(bank, feeds=["balances"])
    answered = browser_of(bank).get(page_of("statement", bank.slug), IN_MARCH)
    page = read(bank)

    assert answered.status_code == 404
    assert page.context["nothing"]["shared"] == 7
    assert "Something was shared" in page.content.decode()
