"""A sandbox bank from outside: its levers, and its own ledger, which is the truth that all is held against."""

from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from benchmarks.main_job.options import Dialect
from benchmarks.main_job.records import BankRow, BankView, Home, Money, Rule

HOMES = {
    "aurelia": Home("IT", "EUR", ZoneInfo("Europe/Rome")),
    "northmoor": Home("GB", "GBP", ZoneInfo("Europe/London")),
}
PLAYED = "replay"
_LEDGER_PAGE = 5000


class Bank:
    """One bank's control interface."""

    def __init__(
        self, slug: str, origin: str, client: httpx.AsyncClient, *, dialect: Dialect
    ) -> None:
        self.slug = slug
        self.origin = origin
        self._client = client
        self._dialect = dialect
        self._lives: dict[int, dict[str, Any]] = {}
        self._after = 0
        self.balances: dict[str, dict[str, Money]] = {}

    async def pull(self, method: str, lever: str, **options: Any) -> Any:
        """Pull a lever. Raises HTTPStatusError with the bank's words."""
        answer = await self._client.request(method, f"{self.origin}/_control/{lever}", **options)
        if answer.is_error:
            raise BankRefused(f"{self.slug}: {answer.text[:300]}")
        return answer.json()

    async def customers(self) -> list[dict[str, Any]]:
        return list((await self.pull("GET", "customers"))["customers"])

    async def prepare(self, csv: str) -> None:
        """Open the accounts that the file needs, so that they can be linked before it is played."""
        await self.pull("POST", "play", json={"csv": csv, "prepare_only": True})

    async def play(self, csv: str, *, rate: int) -> None:
        await self.pull("POST", "play", json={"csv": csv, "rate": rate})

    async def buy_suspicious(self, login: str) -> None:
        """The customer's card is used in a way that the bank finds strange."""
        await self.pull("POST", f"customers/{login}/buy", json={"suspicious": True})

    async def playing(self) -> dict[str, Any]:
        return dict(await self.pull("GET", "play"))

    async def misbehave(self, faults: Mapping[str, Any]) -> None:
        """Have these faults alone; none: be a good bank."""
        await self.pull("PUT", "faults", json=dict(faults))

    async def read_ledger(self) -> None:
        """Read on in the ledger to its end."""
        has_more = True
        while has_more:
            query = {"after": self._after, "limit": _LEDGER_PAGE}
            page = await self.pull("GET", "ledger", params=query)
            for each in page["transactions"]:
                self._lives[each["key"]] = each
            self.balances = {each["AccountId"]: _balances(each) for each in page["accounts"]}
            self._after, has_more = page["next_after"], page["has_more"]

    def rows(self) -> list[BankRow]:
        """All transactions, in the order in which they began."""
        rows = [_row(self.slug, each, self._dialect) for each in self._lives.values()]
        return sorted(rows, key=lambda row: row.seq)

    def played(self) -> int:
        return sum(each["source"] == PLAYED for each in self._lives.values())

    def unsettled(self) -> int:
        """How many are still pending: what is shown of them will change."""
        return sum(each["status"] == "pending" for each in self._lives.values())

    def view(self, rules: Mapping[str, Rule]) -> BankView:
        return BankView(self.slug, HOMES[self.slug], rules, self.rows(), dict(self.balances))


class BankRefused(Exception):
    """What was asked of a bank's levers cannot be; the text is the bank's."""


def _row(slug: str, body: Mapping[str, Any], dialect: Dialect) -> BankRow:
    began = body["life"][0]
    at = datetime.fromisoformat(body["occurred_at"])
    return BankRow(
        key=f"{slug}/{body['key']}",
        account=body["AccountId"],
        holders=tuple(body["logins"]),
        kind=body["kind"],
        money=Money(Decimal(body["amount"]), body["currency"]),
        at=at,
        shown_at=_shown(at, HOMES[slug].zone, dialect),
        seq=began["seq"],
        committed_at=datetime.fromisoformat(began["at"]),
        status=body["status"],
        text=body["merchant_name"][: dialect.longest_name] or body["description"],
        country=body["merchant_country"],
        original_currency=body["original_currency"] or "",
        is_suspected=body["fraud_suspected"],
        is_played=body["source"] == PLAYED,
    )


def _shown(at: datetime, zone: ZoneInfo, dialect: Dialect) -> datetime | None:
    written = datetime.fromisoformat(at.isoformat(timespec=dialect.finest))
    return None if written.astimezone(zone).time() == time() else written


def _balances(body: Mapping[str, Any]) -> dict[str, Money]:
    return {kind: Money(Decimal(body[kind]), body["currency"]) for kind in ("available", "booked")}
