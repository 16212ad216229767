"""The cursor sync at a running bank, and what passed between them, held against the shape's own file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadCursor,
    BankRefused,
    Connector,
    ConsentTerms,
    Grant,
    PagesMoved,
    RateLimited,
    Request,
    TemporarilyUnavailable,
    TransactionPage,
    TransactionRecord,
)
from partners.connectors.cursor_sync.connector import CursorSync
from partners.connectors.uk_open_banking.connector import UkOpenBanking
from partners.integrations.runner import run
from tests.contracts.between import Between
from tests.contracts.connectors.official import Specification, with_null
from tests.contracts.connectors.wire import OnTheWire, bank_on_the_wire, said_yes, tokens_of
from tests.sandbox_bank import SandboxBank

pytestmark = pytest.mark.slow

SYNC = "/sync/"
# Ours beside the shape, which ends what was linked by the token of it.
OURS = "/sync/link/token/remove"
FILE = "specs/plaid/2020-09-14.yml"


@dataclass
class Counter:
    """The bank as the portal meets it, and what passed over the wire to it."""

    met: OnTheWire

    @property
    def bank(self) -> SandboxBank:
        return self.met.bank

    @property
    def wire(self) -> Between:
        return self.met.wire

    @property
    def connector(self) -> CursorSync:
        return CursorSync(self.met.address)

    def linked(self, connector: Connector | None = None) -> Grant:
        """What a customer linked who said yes to all accounts."""
        connector = connector or self.connector
        today = datetime.now(UTC).date()
        terms = ConsentTerms(
            expires_at=datetime.now(UTC) + timedelta(days=90),
            transactions_from=today - timedelta(days=390),
            asked_on=today,
        )
        consent_id, code = said_yes(connector, self.met, terms)
        return Grant(tokens_of(connector, code).access_token, consent_id)

    def card(self, grant: Grant) -> str:
        """The account that pays by card."""
        self.bank.buy(self.met.login, amount="3.00")
        accounts = run(self.connector.accounts(grant=grant)).records
        counted = {each.external_id: self.bank_rows(grant, each.external_id) for each in accounts}
        return max(counted, key=lambda each: any(row.status == "pending" for row in counted[each]))

    def bank_rows(self, grant: Grant, account: str) -> list[TransactionRecord]:
        return whole_round(self.connector, grant, account)[0]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    log = tmp_path_factory.mktemp("sandbox") / "bank.log"
    with bank_on_the_wire("sync", log) as met:
        yield Counter(met)


@pytest.fixture
def counter(opened: Counter) -> Counter:
    opened.bank.be()
    opened.wire.forget()
    return opened


@cache
def read_once(path: Path) -> Specification:
    whole = Specification.read(path)
    # Only the part that is spoken here: the file is large, and each check carries all of it.
    spoken = {
        name: each for name, each in whole.whole["paths"].items() if SYNC + name[1:] in PATHS
    }
    # Its server has no path; ours lie below one.
    return Specification(
        with_null({**whole.whole, "paths": spoken, "servers": [{"url": "/sync"}]})
    )


PATHS = {
    f"{SYNC}{path}"
    for path in ("link/token/create", "accounts/get", "accounts/balance/get", "transactions/sync")
}


@pytest.fixture
def standard(shared: Path) -> Specification:
    return read_once(shared / FILE)


def found(wire: Between, judge: Specification) -> list[str]:
    """Every complaint about what passed."""
    complaints: list[str] = []
    for request, response in wire.passed:
        if not request.url.startswith(SYNC) or request.url == OURS:
            continue
        what = f"{request.url} {response.status}"
        complaints += [f"{what}: asked: {each}" for each in judge.complaints(request)]
        answered = judge.answer_complaints(request, response)
        complaints += [f"{what}: answered: {each}" for each in answered]
    return complaints


def pages(
    connector: Connector, grant: Grant, account: str, place: str
) -> Iterator[TransactionPage]:
    """A round's pages, from a place or from the beginning."""
    since = datetime.now(UTC).date() - timedelta(days=390)
    while True:
        page = (
            run(
                connector.more_transactions(grant=grant, account_external_id=account, cursor=place)
            )
            if place
            else run(connector.transactions(grant=grant, account_external_id=account, since=since))
        )
        assert page.rejected == ()
        yield page
        if page.next_cursor is None:
            return
        place = page.next_cursor


def whole_round(
    connector: Connector, grant: Grant, account: str, place: str = ""
) -> tuple[list[TransactionRecord], list[str], str]:
    """Rows, what is removed, and where the round ended."""
    records: list[TransactionRecord] = []
    removed: list[str] = []
    stays = ""
    for page in pages(connector, grant, account, place):
        records += page.records
        if page.round is not None:
            removed += page.round.removed
            stays = page.round.place
    return records, removed, stays


def test_a_whole_link_is_within_the_shape(counter: Counter, standard: Specification) -> None:
    grant = counter.linked()
    connector = counter.connector
    accounts = run(connector.accounts(grant=grant)).records
    for account in accounts:
        run(connector.balances(grant=grant, account_external_id=account.external_id))
        place = whole_round(connector, grant, account.external_id)[2]
        assert whole_round(connector, grant, account.external_id, place)[:2] == ([], [])
    run(connector.revoke_consent(bank_consent_id=grant.bank_consent_id))
    run(connector.revoke_consent(bank_consent_id=grant.bank_consent_id))

    assert found(counter.wire, standard) == []
    assert {request.url for request, _ in counter.wire.passed} >= PATHS


def told_alike(row: TransactionRecord) -> TransactionRecord:
    """Without what the dialects write differently: a day or an instant, how fine, and what one lacks."""
    at = row.booked_at and row.booked_at.replace(microsecond=0)
    plain: dict[str, Any] = {"exchange_rate": None, "value_on": None, "pending_external_id": None}
    return replace(row, booked_on_source="instant", booked_at=at, **plain)


def test_both_dialects_tell_the_same_of_one_ledger(counter: Counter) -> None:
    counter.bank.buy(
        counter.met.login, suspicious=True, country="PT", currency="USD", amount="12.30"
    )
    uk, ours = UkOpenBanking(counter.met.address), counter.connector
    of_uk, of_ours = counter.linked(uk), counter.linked()
    theirs = {each.external_id: each for each in run(uk.accounts(grant=of_uk)).records}

    for account in run(ours.accounts(grant=of_ours)).records:
        # Numbers of accounts are asked for apart in this shape, and we do not.
        assert account == replace(theirs[account.external_id], identifications=())
        told, also = (
            sorted(
                (
                    told_alike(row)
                    for page in pages(connector, grant, account.external_id, "")
                    for row in page.records
                ),
                key=lambda row: str(row.external_id),
            )
            for connector, grant in ((ours, of_ours), (uk, of_uk))
        )
        assert told == also
        balances = [
            {
                (each.kind, each.amount_minor, each.currency)
                for each in run(
                    connector.balances(grant=grant, account_external_id=account.external_id)
                )
            }
            for connector, grant in ((ours, of_ours), (uk, of_uk))
        ]
        assert balances[0] == balances[1]


def test_a_payment_is_told_as_it_comes_is_booked_and_goes(counter: Counter) -> None:
    grant = counter.linked()
    account, connector = counter.card(grant), counter.connector
    place = whole_round(connector, grant, account)[2]
    bought = counter.bank.buy(counter.met.login, amount="4.44", account=account)
    (row,), removed, then = whole_round(connector, grant, account, place)
    assert (row.external_id, row.status, removed) == (bought["TransactionId"], "pending", [])

    counter.bank.do("POST", "lapse", account_id=account, transaction_id=bought["TransactionId"])

    assert whole_round(connector, grant, account, then)[:2] == ([], [bought["TransactionId"]])
    assert whole_round(connector, grant, account, place)[:2] == ([], [])


def test_a_payment_that_is_booked_under_another_id_names_the_one_before(counter: Counter) -> None:
    grant = counter.linked()
    account, connector = counter.card(grant), counter.connector
    counter.bank.do("POST", "book")
    bought = counter.bank.buy(counter.met.login, amount="5.55", account=account)
    place = whole_round(connector, grant, account)[2]
    counter.bank.be(renumber=True)
    counter.bank.do("POST", "book")

    (row,), removed, _ = whole_round(connector, grant, account, place)

    assert removed == [bought["TransactionId"]]
    assert (row.pending_external_id, row.status) == (bought["TransactionId"], "posted")
    assert row.external_id != bought["TransactionId"]


def test_what_changes_between_two_pages_makes_the_round_begin_again(
    counter: Counter, standard: Specification
) -> None:
    grant = counter.linked()
    account, connector = counter.card(grant), counter.connector
    # Rounds in pages of five, none of which moves by itself just yet.
    counter.bank.be(mutate=1e-9)
    paging = pages(connector, grant, account, "")
    next(paging)
    counter.bank.buy(counter.met.login, amount="6.66", account=account)

    with pytest.raises(PagesMoved):
        next(paging)
    assert found(counter.wire, standard) == []


def test_refusals_and_troubles_are_within_the_shape(
    counter: Counter, standard: Specification
) -> None:
    grant = counter.linked()
    connector = counter.connector
    account = run(connector.accounts(grant=grant)).records[0].external_id
    place = whole_round(connector, grant, account)[2]

    with pytest.raises(AuthorisationExpired):
        run(connector.accounts(grant=replace(grant, access_token="made-up")))
    with pytest.raises(BankRefused):
        run(connector.balances(grant=grant, account_external_id="aur-none"))
    counter.bank.be(error_rate=True, status=429, retry_after_seconds=7)
    with pytest.raises(RateLimited) as limited:
        run(connector.accounts(grant=grant))
    counter.bank.be(error_rate=True, status=500)
    with pytest.raises(TemporarilyUnavailable):
        run(connector.accounts(grant=grant))
    counter.bank.be()
    sent = [
        request for request, _ in counter.wire.passed if request.url == f"{SYNC}transactions/sync"
    ]
    wrong = json.loads(sent[-1].body) | {"cursor": "bm9uZQ=="}
    answered = counter.wire.pass_on(sealed(sent[-1], wrong))
    counter.bank.do("POST", "withdraw", consent_id=grant.bank_consent_id, login=counter.met.login)
    with pytest.raises(AuthorisationRevoked):
        whole_round(connector, grant, account, place)

    assert limited.value.retry_after == timedelta(seconds=7)
    assert json.loads(answered.body)["error_code"] == "INVALID_FIELD"
    assert found(counter.wire, standard) == []


def sealed(request: Request, body: object) -> Request:
    written = json.dumps(body).encode()
    return replace(
        request, body=written, headers={**request.headers, "Content-Length": str(len(written))}
    )


def test_a_cursor_of_another_bank_is_none(counter: Counter) -> None:
    grant = counter.linked()
    account = counter.card(grant)
    place = whole_round(counter.connector, grant, account)[2]
    elsewhere = replace(counter.met.address, base_url="https://api.aurelia-bank.example")

    with pytest.raises(BadCursor):
        whole_round(CursorSync(elsewhere), grant, account, place)
    assert urlsplit(counter.met.address.base_url).hostname != "api.aurelia-bank.example"
