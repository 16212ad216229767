"""What our connector asks of a running bank, and what the bank answers, held against the standard's file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BankRefused,
    ConsentTerms,
    Grant,
    RateLimited,
    Request,
    Response,
    TemporarilyUnavailable,
    TokenSet,
)
from partners.connectors.uk_open_banking.connector import UkOpenBanking
from partners.integrations.runner import run
from tests.contracts.between import Between
from tests.contracts.connectors.official import Specification
from tests.contracts.connectors.wire import OnTheWire, bank_on_the_wire, said_yes, tokens_of
from tests.sandbox_bank import REPOSITORY, SandboxBank

pytestmark = pytest.mark.slow

PARTNER = REPOSITORY / "partners/connectors/partner/openapi.yaml"
AISP = "/open-banking/v4.0/aisp"


@dataclass
class Counter:
    """The bank as the portal meets it, and what passed over the wire to it."""

    met: OnTheWire
    connector: UkOpenBanking

    @property
    def bank(self) -> SandboxBank:
        return self.met.bank

    @property
    def wire(self) -> Between:
        return self.met.wire

    def consent(self) -> tuple[str, str]:
        """A new consent's id, and the one-time code of the customer's yes."""
        terms = ConsentTerms(
            expires_at=datetime.now(UTC) + timedelta(days=90),
            transactions_from=datetime.now(UTC).date() - timedelta(days=400),
        )
        return said_yes(self.connector, self.met, terms)

    def linked(self) -> Grant:
        consent_id, code = self.consent()
        return Grant(self.tokens(code).access_token, consent_id)

    def tokens(self, code: str) -> TokenSet:
        return tokens_of(self.connector, code)

    def ask(self, method: str, path: str, **headers: str) -> Response:
        """A request of our own making, which the connector would never send."""
        request = Request(method, path, headers)  # type: ignore[arg-type]
        response = self.wire.pass_on(request)
        self.wire.passed.append((request, response))
        return response


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    log = tmp_path_factory.mktemp("sandbox") / "bank.log"
    with bank_on_the_wire("wire", log) as met:
        yield Counter(met, UkOpenBanking(met.address))


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
    return read_once(shared / "specs/uk-open-banking/account-info-openapi.yaml")


@pytest.fixture
def partner() -> Specification:
    return read_once(PARTNER)


def found(wire: Between, judge: Specification, under: str) -> list[str]:
    """Every complaint about what passed below a path. What the bank itself linked to is its own."""
    complaints: list[str] = []
    linked: set[str] = set()
    for request, response in wire.passed:
        if not request.url.startswith(under):
            continue
        plain = replace(request, url=urlsplit(request.url).path)
        asked = judge.complaints(plain if request.url in linked else request)
        what = f"{request.method} {plain.url} {response.status}"
        complaints += [f"{what}: asked: {each}" for each in asked]
        answered = judge.answer_complaints(request, response)
        complaints += [f"{what}: answered: {each}" for each in answered]
        linked |= following(response)
    return complaints


def following(response: Response) -> set[str]:
    links = json.loads(response.body).get("Links", {}) if response.body else {}
    return (
        {urlsplit(links["Next"])._replace(scheme="", netloc="").geturl()}
        if "Next" in links
        else set()
    )


def statuses(wire: Between, under: str) -> list[int]:
    return [answer.status for request, answer in wire.passed if request.url.startswith(under)]


def test_a_whole_link_is_within_the_standard(counter: Counter, standard: Specification) -> None:
    grant = counter.linked()
    consent_id = grant.bank_consent_id
    connector = counter.connector
    accounts = run(connector.accounts(grant=grant))
    pages = 0
    for account in accounts.records:
        run(connector.balances(grant=grant, account_external_id=account.external_id))
        since = datetime.now(UTC).date() - timedelta(days=390)
        page = run(
            connector.transactions(
                grant=grant, account_external_id=account.external_id, since=since
            )
        )
        while page.next_cursor is not None:
            pages += 1
            page = run(
                connector.more_transactions(
                    grant=grant,
                    account_external_id=account.external_id,
                    cursor=page.next_cursor,
                )
            )
    own = {"Authorization": f"Bearer {grant.access_token}", "Accept": "application/json"}
    counter.ask("GET", f"{AISP}/balances", **own)
    counter.ask("GET", f"{AISP}/accounts/{accounts.records[0].external_id}", **own)
    run(connector.revoke_consent(bank_consent_id=consent_id))

    assert found(counter.wire, standard, AISP) == []
    assert len(statuses(counter.wire, AISP)) > 8
    assert pages > 0


def read_accounts(counter: Counter, grant: Grant) -> object:
    return run(counter.connector.accounts(grant=grant))


def test_refusals_are_within_the_standard(counter: Counter, standard: Specification) -> None:
    grant = counter.linked()
    consent_id = grant.bank_consent_id
    counter.wire.forget()

    with pytest.raises(AuthorisationExpired):
        read_accounts(counter, Grant("made-up", consent_id))
    with pytest.raises(BankRefused):
        run(counter.connector.balances(grant=grant, account_external_id="aur-none"))
    counter.ask("GET", f"{AISP}/account-access-consents/{consent_id}", Authorization="Bearer x")
    own = {"Authorization": f"Bearer {grant.access_token}"}
    counter.ask("GET", f"{AISP}/accounts", Accept="text/html", **own)
    counter.ask("DELETE", f"{AISP}/account-access-consents/aac-none", **own)
    counter.bank.do("POST", "withdraw", consent_id=consent_id, login=counter.met.login)
    with pytest.raises(AuthorisationRevoked):
        read_accounts(counter, grant)

    assert found(counter.wire, standard, AISP) == []
    assert statuses(counter.wire, AISP) == [401, 403, 401, 406, 403, 403]


def test_troubles_are_within_the_standard(counter: Counter, standard: Specification) -> None:
    grant = counter.linked()
    counter.wire.forget()

    counter.bank.be(error_rate=True, status=429, retry_after_seconds=7)
    with pytest.raises(RateLimited) as limited:
        read_accounts(counter, grant)
    counter.bank.be(error_rate=True, status=500)
    with pytest.raises(TemporarilyUnavailable):
        read_accounts(counter, grant)

    assert limited.value.retry_after == timedelta(seconds=7)
    assert found(counter.wire, standard, AISP) == []
    assert statuses(counter.wire, AISP) == [429, 500]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"Data": {"Permissions": []}},
        {"Data": {"Permissions": ["ReadEverything"]}},
        {"Data": {"Permissions": ["ReadBalances"], "More": 1}},
        {"Data": {"Permissions": ["ReadBalances"], "ExpirationDateTime": "yesterday"}},
    ],
)
def test_consents_that_are_refused_are_refused_within_the_standard(
    counter: Counter, standard: Specification, changed: Mapping[str, Any]
) -> None:
    counter.consent()
    (made,) = (
        request
        for request, _answer in counter.wire.passed
        if request.url == f"{AISP}/account-access-consents"
    )
    counter.wire.forget()
    body = json.dumps({"Risk": {}} | dict(changed)).encode()
    wrong = replace(made, body=body, headers={**made.headers, "Content-Length": str(len(body))})

    answer = counter.wire.pass_on(wrong)

    assert answer.status == 400
    assert list(standard.answer_complaints(wrong, answer)) == []


def test_freezes_are_within_what_we_publish(counter: Counter, partner: Specification) -> None:
    grant = counter.linked()
    account = counter.bank.customers()[0]["accounts"][0]
    connector = counter.connector
    about = {"grant": grant, "account_external_id": account["AccountId"], "reason": "test"}
    known, unknown = str(uuid4()), str(uuid4())

    for instruct, number in ((connector.freeze, known), (connector.unfreeze, str(uuid4()))):
        for _ in range(2):
            run(instruct(instruction_id=number, card_id=None, **about))
    with pytest.raises(BankRefused):
        run(connector.unfreeze(instruction_id=known, card_id=None, **about))
    for number in (known, unknown):
        run(connector.freeze_status(grant=grant, instruction_id=number))
    with pytest.raises(BankRefused):
        run(
            connector.freeze(
                instruction_id=unknown, card_id=None, **about | {"account_external_id": "none"}
            )
        )

    assert found(counter.wire, partner, "/partner/v1") == []
    assert statuses(counter.wire, "/partner/v1") == [201, 200, 201, 200, 409, 200, 404, 403]


def test_decisions_are_within_what_we_publish(counter: Counter, partner: Specification) -> None:
    grant = counter.linked()
    bought = counter.bank.buy(counter.met.login, suspicious=True)
    connector = counter.connector
    about = {
        "grant": grant,
        "account_external_id": bought["AccountId"],
        "transaction_external_id": bought["TransactionId"],
        "decided_at": datetime.now(UTC),
    }
    known, unknown = str(uuid4()), str(uuid4())

    for _ in range(2):
        run(connector.report_decision(decision_id=known, decision="was_me", **about))
    run(connector.report_decision(decision_id=str(uuid4()), decision="not_me", **about))
    with pytest.raises(BankRefused):
        run(connector.report_decision(decision_id=known, decision="not_me", **about))
    for number in (known, unknown):
        run(connector.decision_status(grant=grant, decision_id=number))
    elsewhere = about | {"account_external_id": "none"}
    with pytest.raises(BankRefused):
        run(connector.report_decision(decision_id=unknown, decision="was_me", **elsewhere))

    assert found(counter.wire, partner, "/partner/v1") == []
    assert statuses(counter.wire, "/partner/v1") == [201, 200, 201, 409, 200, 404, 403]


def test_what_supplements_a_transaction_is_within_what_we_publish(
    counter: Counter, partner: Specification
) -> None:
    grant = counter.linked()
    bought = counter.bank.buy(counter.met.login, suspicious=True, country="PT")
    counter.wire.forget()

    run(
        counter.connector.transactions(
            grant=grant,
            account_external_id=bought["AccountId"],
            since=datetime.now(UTC).date(),
        )
    )

    ((_request, answer),) = counter.wire.passed
    rows = json.loads(answer.body)["Data"]["Transaction"]
    supplements = {row["TransactionId"]: row.get("SupplementaryData") for row in rows}
    schema = partner.whole["components"]["schemas"]["SupplementaryData"]
    assert supplements[bought["TransactionId"]] == {
        "FraudSignal": "suspected",
        "MerchantCountry": "PT",
        "CardId": bought["CardId"],
    }
    for told in filter(None, supplements.values()):
        assert list(partner.against(schema, told)) == []
        assert set(told) <= set(schema["properties"])


def test_the_judge_finds_fault_with_answers(counter: Counter, standard: Specification) -> None:
    grant = counter.linked()
    counter.wire.forget()
    read_accounts(counter, grant)
    ((request, good),) = counter.wire.passed
    listed = json.loads(good.body)
    listed["Data"]["Account"][0]["Currency"] = "euro"
    wrong = [
        replace(good, status=202),
        replace(good, headers={"Content-Type": "application/json"}),
        replace(good, headers=dict(good.headers) | {"content-type": "text/html"}),
        replace(good, body=json.dumps(listed).encode()),
    ]

    assert list(standard.answer_complaints(request, good)) == []
    assert [bool(list(standard.answer_complaints(request, each))) for each in wrong] == [True] * 4


def test_the_older_version_is_spoken_within_its_own_standard(
    counter: Counter, shared: Path
) -> None:
    older = replace(counter, connector=UkOpenBanking(counter.connector.address, "v3.1"))
    standard = read_once(shared / "specs/uk-open-banking/account-info-openapi.v3.1.11.yaml")
    base, connector = "/open-banking/v3.1/aisp", older.connector
    grant = older.linked()
    since = datetime.now(UTC).date() - timedelta(days=390)

    for account in run(connector.accounts(grant=grant)).records:
        about = {"grant": grant, "account_external_id": account.external_id}
        run(connector.balances(**about))
        page = run(connector.transactions(since=since, **about))
        newer = run(counter.connector.transactions(since=since, **about))
        assert page.records == newer.records
    with pytest.raises(AuthorisationExpired):
        read_accounts(older, Grant("made-up", grant.bank_consent_id))
    with pytest.raises(BankRefused):
        run(connector.balances(grant=grant, account_external_id="aur-none"))
    own = {"Authorization": f"Bearer {grant.access_token}"}
    older.ask("GET", f"{base}/accounts", Accept="text/html", **own)
    counter.bank.do("POST", "withdraw", consent_id=grant.bank_consent_id, login=counter.met.login)
    with pytest.raises(AuthorisationRevoked):
        read_accounts(older, grant)
    run(connector.revoke_consent(bank_consent_id=grant.bank_consent_id))

    assert found(counter.wire, standard, base) == []
    assert statuses(counter.wire, base)[-5:] == [401, 403, 406, 403, 204]
