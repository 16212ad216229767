"""Our connector against banks that the standard's own file describes and a mock invents, seed by seed."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadAnswer,
    BankAddress,
    BankRefused,
    ConnectorFailure,
    ConsentTerms,
    Grant,
    PeriodRefused,
    RateLimited,
    Request,
    Response,
    Steps,
    TemporarilyUnavailable,
    TransactionPage,
)
from partners.connectors.uk_open_banking.connector import UkOpenBanking
from partners.integrations.runner import close_connections, run
from portal.local.setup import PRISM, npm_command
from tests.contracts.between import Between, standing_between
from tests.contracts.prism import second_reading as second

pytestmark = pytest.mark.slow

SEEDS = [str(seed) for seed in range(1, 51)]
FILES = {"v4.0": "account-info-openapi.yaml", "v3.1": "account-info-openapi.v3.1.11.yaml"}
# All of them in today's words, some in those of the version before.
PAIRS = [("v4.0", seed) for seed in SEEDS] + [("v3.1", seed) for seed in SEEDS[::5]]
ACCOUNT = "22289"
GRANT = Grant("access-1", "consent-1")
SINCE = date(2020, 3, 1)
TOKEN = json.dumps({"access_token": "a", "token_type": "Bearer", "expires_in": 600}).encode()
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def banks(shared: Path) -> Iterator[dict[str, dict[str, str]]]:
    """Where the bank of each version and seed answers."""
    if not PRISM.is_dir():
        pytest.skip("needs prism, which `make test` installs")
    _npm, environ = npm_command()
    script = Path(__file__).with_name("banks.mjs")
    with ExitStack() as stack:
        started = {
            version: stack.enter_context(
                subprocess.Popen(
                    ["node", str(script), str(shared / "specs/uk-open-banking" / file), *SEEDS],
                    env=environ,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            for version, file in FILES.items()
        }
        yield {version: _told(node) for version, node in started.items()}
        for node in started.values():
            node.terminate()


def _told(node: subprocess.Popen[bytes]) -> dict[str, str]:
    assert node.stdout is not None
    addresses: dict[str, str] = json.loads(node.stdout.readline())
    return addresses


@pytest.fixture(scope="module")
def wire() -> Iterator[Between]:
    with standing_between() as somebody:
        yield somebody
    close_connections()


def whole_units(amount: Any) -> None:
    """The pattern of amounts allows finer ones than their currency has."""
    amount["Amount"] = amount["Amount"].partition(".")[0]


class Mock:
    """One seed's bank, reached over a wire on which its answers may be made those of a real one."""

    def __init__(self, wire: Between, version: str, upstream: str, seed: str) -> None:
        self.wire, self.seed = wire, int(seed)
        self.root = f"/open-banking/{version}/aisp"
        self.entries = ("PDNG", "BOOK") if version == "v4.0" else ("Pending", "Booked")
        self.prefer = ""
        self.answers: list[bytes] = []
        wire.upstream, wire.asked, wire.answered = upstream, self._asked, self._as_it_came
        address = BankAddress(
            base_url=wire.origin,
            authorize_url=f"{wire.origin}/as/authorize",
            token_url=f"{wire.origin}/as/token",
            client_id="portal",
            client_secret="not-a-real-secret",
            redirect_uri="http://chat.portal.localhost/link/callback",
            jwks_url=f"{wire.origin}/jwks",
            zone=ZoneInfo("Europe/London"),
        )
        self.connector = UkOpenBanking(address, version)

    def straighten(self) -> None:
        self.wire.answered = self._straightened

    def _asked(self, request: Request) -> Request | Response:
        """The file has no token endpoint, and the mock answers below its own root."""
        if request.url == "/as/token":
            return Response(200, JSON, TOKEN)
        assert request.url.startswith(self.root)
        headers = dict(request.headers) | ({"Prefer": self.prefer} if self.prefer else {})
        return replace(request, url=request.url.removeprefix(self.root), headers=headers)

    def _as_it_came(self, _request: Request, response: Response) -> Response:
        # The mock judges our requests by the file, and says so here.
        assert response.header("sl-violations") == ""
        self.answers.append(response.body)
        return response

    def _straightened(self, request: Request, response: Response) -> Response:
        whole = json.loads(response.body)
        self._straighten_links(whole, request)
        for position, row in enumerate(whole["Data"].get("Balance", [])):
            row["AccountId"] = ACCOUNT
            if position % 2:
                whole_units(row["Amount"])
        for position, row in enumerate(whole["Data"].get("Transaction", [])):
            self._straighten_transaction(row, position + self.seed)
        return self._as_it_came(request, replace(response, body=json.dumps(whole).encode()))

    def _straighten_links(self, whole: Any, request: Request) -> None:
        """The mock's next page is anywhere; a bank's is another page of the same, and then none."""
        whole.get("Links", {}).pop("Next", None)
        if "page=" not in request.url and self.seed % 3:
            path = request.url.partition("?")[0]
            whole.setdefault("Links", {})["Next"] = f"{self.wire.origin}{path}?page=2"

    def _straighten_transaction(self, row: Any, number: int) -> None:
        """The mock knows neither whose account was asked for, nor which currencies go together."""
        if number % 7:
            row["AccountId"] = ACCOUNT
        if number % 5:
            whole_units(row["Amount"])
        if number % 3:
            row["Status"] = self.entries[number % 2]
        exchange = row.get("CurrencyExchange")
        if exchange and number % 4:
            exchange["TargetCurrency"] = row["Amount"]["Currency"]
            exchange["ExchangeRate"] = abs(exchange["ExchangeRate"])
            if "InstructedAmount" in exchange:
                exchange["SourceCurrency"] = exchange["InstructedAmount"]["Currency"]
                whole_units(exchange["InstructedAmount"])

    # What we ask

    def read_accounts(self) -> Steps[Any]:
        return self.connector.accounts(grant=GRANT)

    def read_balances(self) -> Steps[Any]:
        return self.connector.balances(grant=GRANT, account_external_id=ACCOUNT)

    def read_transactions(self) -> Steps[TransactionPage]:
        return self.connector.transactions(grant=GRANT, account_external_id=ACCOUNT, since=SINCE)

    def read_more(self, cursor: str) -> Steps[TransactionPage]:
        return self.connector.more_transactions(
            grant=GRANT, account_external_id=ACCOUNT, cursor=cursor
        )

    def begin(self) -> Steps[Any]:
        terms = ConsentTerms(expires_at=datetime(2026, 5, 2, tzinfo=UTC), transactions_from=SINCE)
        return self.connector.begin_authorisation(
            terms=terms, state="s", nonce="n", code_verifier="v" * 43
        )

    def read(self) -> list[Any]:
        """The answers since the last time, by the other reading's parser."""
        taken, self.answers = self.answers, []
        return [second.parsed(each) for each in taken]


@pytest.fixture(params=PAIRS, ids="-".join)
def mock(request: pytest.FixtureRequest, wire: Between, banks: dict[str, dict[str, str]]) -> Mock:
    version, seed = request.param
    return Mock(wire, version, banks[version][seed], seed)


def plain(records: Iterable[Any]) -> list[dict[str, Any]]:
    return [asdict(record) for record in records]


def ended(steps: Steps[Any]) -> Any:
    """Records or the one refusal; anything else is a crash, and goes on as one."""
    try:
        return run(steps)
    except BadAnswer as refused:
        return refused


def test_answers_as_the_mock_gives_them_end_as_records_or_one_refusal(mock: Mock) -> None:
    """Its links lead anywhere and its balances are anybody's, so most are refused, and rightly."""
    for operation in (mock.read_accounts, mock.read_transactions):
        read = ended(operation())

        leads_away = second.next_link(mock.read()[0]) is not None
        assert leads_away == isinstance(read, BadAnswer)
        assert not leads_away or read.field == "Links.Next"
    compare_balances(mock)


def compare_balances(mock: Mock) -> None:
    read = ended(mock.read_balances())

    (answer,) = mock.read()
    if isinstance(read, BadAnswer):
        with pytest.raises(second.Unreadable):
            second.balances(answer, account=ACCOUNT)
    else:
        assert plain(read) == second.balances(answer, account=ACCOUNT)


def test_accounts_are_those_of_another_reading(mock: Mock) -> None:
    mock.straighten()

    listed = run(mock.read_accounts())

    expected = second.accounts(mock.read())
    assert plain(listed.records) == expected.records
    assert [row.position for row in listed.rejected] == expected.set_aside


def test_balances_are_those_of_another_reading(mock: Mock) -> None:
    mock.straighten()

    compare_balances(mock)


def test_transactions_are_those_of_another_reading(mock: Mock) -> None:
    mock.straighten()
    since = SINCE
    page = run(mock.read_transactions())
    while True:
        (answer,) = mock.read()
        expected = second.transactions(answer, account=ACCOUNT)
        since = second.first_available(answer, since=since)
        assert plain(page.records) == expected.records
        assert [row.position for row in page.rejected] == expected.set_aside
        assert page.covered_from == since
        assert page.complete == (second.next_link(answer) is None)
        if page.next_cursor is None:
            return
        page = run(mock.read_more(page.next_cursor))


REFUSALS: dict[int, tuple[type[ConnectorFailure], ...]] = {
    400: (BankRefused,),
    401: (AuthorisationExpired,),
    403: (BankRefused, AuthorisationRevoked),
    405: (BankRefused,),
    406: (BankRefused,),
    429: (RateLimited,),
    500: (TemporarilyUnavailable,),
}
# A list of payments may be refused because of its days.
OF_PAYMENTS = REFUSALS | {
    400: (PeriodRefused,),
    403: (BankRefused, PeriodRefused, AuthorisationRevoked),
}


def test_every_documented_refusal_has_its_name(mock: Mock) -> None:
    operations = (
        (mock.read_accounts, REFUSALS),
        (mock.read_balances, REFUSALS),
        (mock.read_transactions, OF_PAYMENTS),
    )
    operation, refusals = operations[mock.seed % 3]
    for status, expected in refusals.items():
        mock.prefer = f"code={status}"

        with pytest.raises(ConnectorFailure) as refused:
            run(operation())

        assert type(refused.value) in expected, status


def test_a_consent_is_begun_only_where_it_waits_for_the_customer(mock: Mock) -> None:
    waiting = None
    with suppress(BankRefused):
        waiting = run(mock.begin()).bank_consent_id

    (data,) = (answer["Data"] for answer in mock.read())
    awaits = data["Status"] in {"AWAU", "AwaitingAuthorisation"}
    assert waiting == (data["ConsentId"] if awaits else None)
    run(mock.connector.revoke_consent(bank_consent_id="c-1"))


def test_the_banks_differ_and_give_something_to_read(
    wire: Between, banks: dict[str, dict[str, str]]
) -> None:
    """A judge of nothing would find no fault."""
    seen: Counter[str] = Counter()
    bodies = set()
    for seed in SEEDS:
        mock = Mock(wire, "v4.0", banks["v4.0"][seed], seed)
        mock.straighten()
        page = run(mock.read_transactions())
        bodies.add(mock.answers[0])
        seen["rows"] += len(page.records)
        seen["set aside"] += len(page.rejected)
        seen["abroad"] += sum(row.original_currency is not None for row in page.records)
        seen["pending"] += sum(row.status == "pending" for row in page.records)

    assert len(bodies) > len(SEEDS) * 0.9  # a few give an empty page
    counted = {what: seen[what] for what in ("rows", "set aside", "abroad", "pending")}
    assert min(counted.values()) > 5, counted
