"""The Berlin Group's connector at a running bank, and what passed between them, held against the standard's file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BankAddress,
    BankRefused,
    ConsentTerms,
    Grant,
    RateLimited,
    Request,
    Response,
    TemporarilyUnavailable,
    TransactionRecord,
)
from partners.connectors.berlin_group.connector import BerlinGroup
from partners.connectors.uk_open_banking.connector import UkOpenBanking
from partners.integrations.runner import run
from tests.contracts.between import Between
from tests.contracts.connectors.official import Specification
from tests.contracts.connectors.wire import OnTheWire, bank_on_the_wire, said_yes, tokens_of
from tests.sandbox_bank import SandboxBank

pytestmark = pytest.mark.slow

PSD2 = "/psd2/v1"
FILE = "specs/berlin-group/psd2-api_v1.3.11-2021-10-01v1.yaml"


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
    def address(self) -> BankAddress:
        return self.met.address

    @property
    def connector(self) -> BerlinGroup:
        return BerlinGroup(self.address)

    def linked(self, connector: BerlinGroup | UkOpenBanking | None = None) -> Grant:
        """A consent that the customer said yes to, for all accounts."""
        connector = connector or self.connector
        terms = ConsentTerms(expires_at=datetime.now(UTC) + timedelta(days=90))
        consent_id, code = said_yes(connector, self.met, terms, customer_ip="192.0.2.7")
        return Grant(tokens_of(connector, code).access_token, consent_id)

    def ask(self, method: str, path: str, **headers: str) -> Response:
        """A request of our own making, which the connector would never send."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method, path, {"X-Request-ID": str(uuid4()), **named})  # type: ignore[arg-type]
        response = self.wire.pass_on(request)
        self.wire.passed.append((request, response))
        return response


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    log = tmp_path_factory.mktemp("sandbox") / "bank.log"
    with bank_on_the_wire("psd2", log) as met:
        yield Counter(met)


@pytest.fixture
def counter(opened: Counter) -> Counter:
    opened.bank.be()
    opened.wire.forget()
    return opened


@cache
def read_once(path: Path) -> Specification:
    return Specification.read(path)


@pytest.fixture
def standard(shared: Path) -> Specification:
    return read_once(shared / FILE)


def found(wire: Between, judge: Specification) -> list[str]:
    """Every complaint about what passed. What the bank itself linked to is its own."""
    complaints: list[str] = []
    linked: set[str] = set()
    for request, response in wire.passed:
        if not request.url.startswith(PSD2):
            continue
        what = f"{request.method} {urlsplit(request.url).path} {response.status}"
        asked = [] if request.url in linked else judge.complaints(request)
        complaints += [f"{what}: asked: {each}" for each in asked]
        answered = judge.answer_complaints(request, response)
        complaints += [f"{what}: answered: {each}" for each in answered]
        linked |= following(response)
    return complaints


def following(response: Response) -> set[str]:
    report = json.loads(response.body).get("transactions", {}) if response.body else {}
    href = report.get("_links", {}).get("next", {}).get("href", "")
    return {urlsplit(href)._replace(scheme="", netloc="").geturl()} if href else set()


def statuses(wire: Between) -> list[int]:
    return [answer.status for request, answer in wire.passed if request.url.startswith(PSD2)]


def everything(
    connector: BerlinGroup | UkOpenBanking, grant: Grant, account: str, *, days: int = 390
) -> tuple[list[TransactionRecord], int]:
    """All transactions of an account, and over how many pages."""
    since = datetime.now(UTC).date() - timedelta(days=days)
    page = run(connector.transactions(grant=grant, account_external_id=account, since=since))
    records, pages = list(page.records), 1
    assert page.rejected == ()
    while page.next_cursor is not None:
        page = run(
            connector.more_transactions(
                grant=grant, account_external_id=account, cursor=page.next_cursor
            )
        )
        assert page.rejected == ()
        records, pages = records + list(page.records), pages + 1
    return records, pages


def test_a_whole_link_is_within_the_standard(counter: Counter, standard: Specification) -> None:
    grant = counter.linked()
    connector = counter.connector
    accounts = run(connector.accounts(grant=grant)).records
    pages = 0
    for account in accounts:
        run(connector.balances(grant=grant, account_external_id=account.external_id))
        pages += everything(connector, grant, account.external_id)[1]
    own = {"Authorization": f"Bearer {grant.access_token}", "Consent_ID": grant.bank_consent_id}
    counter.ask("GET", f"{PSD2}/accounts/{accounts[0].external_id}", **own)
    counter.ask("GET", f"{PSD2}/consents/{grant.bank_consent_id}", **own)
    counter.ask("GET", f"{PSD2}/consents/{grant.bank_consent_id}/status", **own)
    run(connector.revoke_consent(bank_consent_id=grant.bank_consent_id))
    run(connector.revoke_consent(bank_consent_id=grant.bank_consent_id))

    assert found(counter.wire, standard) == []
    assert pages > len(accounts)
    assert set(statuses(counter.wire)) == {200, 201, 204, 403}


def told_alike(row: TransactionRecord) -> TransactionRecord:
    """Without what the dialects write differently: a day or an instant, how fine, and the rate's digits."""
    at = row.booked_at and row.booked_at.replace(microsecond=0)
    return replace(row, booked_on_source="instant", booked_at=at, exchange_rate=None)


def test_both_dialects_tell_the_same_of_one_ledger(counter: Counter) -> None:
    counter.bank.buy(
        counter.met.login, suspicious=True, country="PT", currency="USD", amount="12.30"
    )
    uk, ours = UkOpenBanking(counter.address), counter.connector
    of_uk, of_ours = counter.linked(uk), counter.linked()

    for account in run(ours.accounts(grant=of_ours)).records:
        (theirs,) = (
            each
            for each in run(uk.accounts(grant=of_uk)).records
            if each.external_id == account.external_id
        )
        assert account == theirs
        told = sorted(
            everything(ours, of_ours, account.external_id)[0], key=lambda row: str(row.external_id)
        )
        also = sorted(
            everything(uk, of_uk, account.external_id)[0], key=lambda row: str(row.external_id)
        )
        assert [told_alike(row) for row in told] == [told_alike(row) for row in also]
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


def test_refusals_are_within_the_standard(counter: Counter, standard: Specification) -> None:
    grant = counter.linked()
    connector = counter.connector
    counter.wire.forget()

    with pytest.raises(AuthorisationExpired):
        run(connector.accounts(grant=replace(grant, access_token="made-up")))
    with pytest.raises(BankRefused):  # the consent is asked for, and stands
        run(connector.balances(grant=grant, account_external_id="aur-none"))
    with pytest.raises(AuthorisationRevoked):
        run(connector.accounts(grant=replace(grant, bank_consent_id="bgc-none")))
    own = {"Authorization": f"Bearer {grant.access_token}", "Consent_ID": grant.bank_consent_id}
    counter.ask("GET", f"{PSD2}/accounts", Accept="text/html", **own)
    account = run(connector.accounts(grant=grant)).records[0].external_id
    where = f"{PSD2}/accounts/{account}/transactions?dateFrom=2026-01-01&bookingStatus=all"
    counter.ask("GET", where, **own)
    counter.bank.do("POST", "withdraw", consent_id=grant.bank_consent_id, login=counter.met.login)
    with pytest.raises(AuthorisationRevoked):
        run(connector.accounts(grant=grant))

    assert found(counter.wire, standard) == []
    assert statuses(counter.wire) == [401, 401, 200, 403, 406, 200, 400, 401, 200]


def test_troubles_are_within_the_standard(counter: Counter, standard: Specification) -> None:
    grant = counter.linked()
    counter.wire.forget()

    counter.bank.be(error_rate=True, status=429, retry_after_seconds=7)
    with pytest.raises(RateLimited) as limited:
        run(counter.connector.accounts(grant=grant))
    counter.bank.be(error_rate=True, status=500)
    with pytest.raises(TemporarilyUnavailable):
        run(counter.connector.accounts(grant=grant))

    assert limited.value.retry_after == timedelta(seconds=7)
    assert found(counter.wire, standard) == []
    assert statuses(counter.wire) == [429, 500]


@pytest.mark.parametrize(
    "changes",
    [
        {"access": {}},
        {"access": {"accounts": [{"iban": "IT60X0542811101000000123456"}]}},
        {"access": {"everything": []}},
        {"validUntil": "2020-01-01"},
        {"validUntil": "soon"},
        {"frequencyPerDay": 0},
        {"recurringIndicator": "yes"},
        {"combinedServiceIndicator": True},
        {"more": 1},
    ],
)
def test_consents_that_are_refused_are_refused_within_the_standard(
    counter: Counter, standard: Specification, changes: dict[str, object]
) -> None:
    counter.linked()
    (made,) = (
        request for request, _answer in counter.wire.passed if request.url == f"{PSD2}/consents"
    )
    body = json.dumps(json.loads(made.body) | changes).encode()
    wrong = replace(made, body=body, headers={**made.headers, "Content-Length": str(len(body))})

    answer = counter.wire.pass_on(wrong)

    assert answer.status == 400
    assert list(standard.answer_complaints(wrong, answer)) == []


@pytest.mark.parametrize("missing", ["PSU-IP-Address", "X-Request-ID"])
def test_a_consent_without_what_the_standard_wants_is_refused(
    counter: Counter, missing: str
) -> None:
    counter.linked()
    (made,) = (
        request for request, _answer in counter.wire.passed if request.url == f"{PSD2}/consents"
    )
    kept = {k: v for k, v in made.headers.items() if k.lower() != missing.lower()}

    assert counter.wire.pass_on(replace(made, headers=kept)).status == 400
