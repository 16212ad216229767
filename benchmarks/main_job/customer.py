"""A customer: signs in at the bank, links every account through the real doors, and reads over REST."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.main_job.bank import Bank
from benchmarks.main_job.listener import Listener
from benchmarks.main_job.network import Loopback, browser, patiently
from benchmarks.main_job.pages import Page, rules_on
from benchmarks.main_job.post import Post
from benchmarks.main_job.records import Body, CustomerView, Money, PortalRow, Rule

# What the main job is about; alerts are found in both.
FEEDS = ("balances", "transactions")
_PAGE = 500
_MESSAGES = 100
_RENEWED_AFTER = 420.0
_CARDS = {"alert", "fraud_alert"}
_NOT_YET = datetime.max.replace(tzinfo=UTC)


class LinkingFailed(Exception):
    """The walk to the bank and back did not end where it should."""


@dataclass
class Customer:
    """One person at one bank, in a browser of their own."""

    bank: Bank
    login: str
    password: str
    address: str  # where mails go
    chat: str  # the chat's origin
    http: httpx.AsyncClient
    alert_types: frozenset[str] = frozenset()
    rules: dict[str, Rule] = field(default_factory=dict)
    linked_at: datetime = _NOT_YET
    session: dict[str, Any] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    _copy: dict[str, PortalRow] = field(default_factory=dict)
    _cursor: str | None = None
    _renewed: float = 0.0
    listener: Listener = field(init=False)

    def __post_init__(self) -> None:
        self.listener = Listener(self)

    @property
    def name(self) -> str:
        return f"{self.bank.slug}/{self.login}"

    # --- coming in ------------------------------------------------------------------------------
    async def sign_in(self) -> None:
        """On the bank's own site, then into the chat with what the bank signs."""
        form = {"login": self.login, "password": self.password}
        answer = await self.http.post(f"{self.bank.origin}/sign-in", data=form)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise LinkingFailed(f"{self.name} could not sign in: {answer.status_code}")
        await self.renew()

    async def renew(self) -> None:
        """A fresh session in the chat; the one before ends by itself."""
        signed = await patiently(self.http, "POST", f"{self.bank.origin}/widget-token")
        body = {"bank": self.bank.slug, "assertion": signed.json()["token"]}
        address = f"{self.chat}/api/v1/widget/sessions"
        answer = await patiently(
            self.http, "POST", address, json=body, headers={"Origin": self.chat}
        )
        self.session = answer.json()
        self._renewed = time.monotonic()

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """A REST call of the chat's; renews the session where it has ended."""
        if time.monotonic() - self._renewed > _RENEWED_AFTER:
            await self.renew()
        more = options.pop("headers", {})
        for is_last in (False, True):
            headers = {"Authorization": f"Bearer {self.session['token']}"} | more
            try:
                address = f"{self.chat}/api/v1/{path}"
                answer = await patiently(self.http, method, address, headers=headers, **options)
            except httpx.HTTPStatusError as refused:
                if is_last or refused.response.status_code != httpx.codes.UNAUTHORIZED:
                    raise
                await self.renew()
            else:
                return answer.json()
        return None

    async def ticket(self) -> str:
        return str((await self.ask("POST", "realtime/tickets", json={}))["ticket"])

    # --- linking --------------------------------------------------------------------------------
    async def link(self, wanted: Collection[str] | None) -> None:
        """To the bank, and back to allow the chat both feeds of all accounts, and of the alert types those
        that are wanted (None: all)."""
        window = await self._enter_window()
        token = Page.read(window.text).value("csrfmiddlewaretoken")
        at_bank = await self._submit(window, {"csrfmiddlewaretoken": token})
        if not str(at_bank.url).startswith(self.bank.origin):
            raise LinkingFailed(f"{self.name} was not sent to the bank: {at_bank.status_code}")
        number = Page.read(at_bank.text).value("authorisation")
        approval = {"authorisation": number, "which": "all", "action": "approve"}
        page = await self._submit(at_bank, approval, to=f"{self.bank.origin}/as/authorize")
        if not str(page.url).startswith(f"{self.chat}/link/choose"):
            raise LinkingFailed(f"{self.name} did not come back: {page.url.path}")
        offered = Page.read(page.text)
        self.rules = rules_on(offered)
        self.alert_types = frozenset(
            self.rules if wanted is None else set(wanted) & set(self.rules)
        )
        form = {
            "csrfmiddlewaretoken": offered.value("csrfmiddlewaretoken"),
            "walk": offered.value("walk"),
            "accounts": offered.values("accounts"),
            "feeds": [each for each in FEEDS if each in offered.values("feeds")],
            "alert_types": sorted(self.alert_types),
            "ends": "365",
            "answer": "yes",
        }
        done = await self._submit(page, form)
        if not str(done.url).startswith(f"{self.chat}/link/done"):
            raise LinkingFailed(f"{self.name} could not say yes: {done.url.path}")
        self.linked_at = datetime.now(UTC)

    async def _enter_window(self) -> httpx.Response:
        key = {"Idempotency-Key": str(uuid4())}
        window = await self.ask("POST", "links", json={}, headers=key)
        return await self.http.post(
            window["start_url"],
            data={"code": window["code"]},
            headers={"Origin": self.chat},
            follow_redirects=True,
        )

    async def _submit(
        self, page: httpx.Response, form: Mapping[str, Any], *, to: str = ""
    ) -> httpx.Response:
        origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
        answer = await self.http.post(
            to or page.url, data=dict(form), headers={"Origin": origin}, follow_redirects=True
        )
        return answer.raise_for_status()

    # --- reading --------------------------------------------------------------------------------
    async def learn_accounts(self, at_bank: Collection[Body]) -> None:
        """Which of the portal's accounts is which of the bank's: by name, currency and number."""
        known = {
            (each["name"], each["currency"], each["ending"]): each["AccountId"] for each in at_bank
        }
        listed = (await self.ask("GET", "accounts"))["accounts"]
        self.accounts = {
            each["id"]: known[each["name"], each["currency"], each["masked_identification"][-4:]]
            for each in listed
        }

    async def is_read(self) -> bool:
        """Whether the portal has read everything of every account once."""
        for account in self.accounts:
            for feed in ("transactions?limit=1", "balances"):
                body = await self.ask("GET", f"accounts/{account}/{feed}")
                if body["fresh_as_of"] is None:
                    return False
        return True

    async def copy_on(self) -> None:
        """Keep the copy: what was added, modified and removed since the cursor."""
        has_more = True
        while has_more:
            query = {"limit": _PAGE} | ({"cursor": self._cursor} if self._cursor else {})
            news = await self.ask("GET", "transactions/sync", params=query)
            apply(self._copy, news, self.accounts)
            self._cursor, has_more = news["next_cursor"], news["has_more"]

    async def view(self, post: Post) -> CustomerView:
        """All that this customer can see now."""
        rows: list[PortalRow] = []
        history_from = date.min
        balances: dict[str, dict[str, Money]] = {}
        for account, at_bank in self.accounts.items():
            listed, history_from = await self._rows(account)
            rows += listed
            held = (await self.ask("GET", f"accounts/{account}/balances"))["balances"]
            balances[at_bank] = {each["kind"]: Money.read(each["balance"]) for each in held}
        await self.copy_on()
        return CustomerView(
            name=self.name,
            bank=self.bank.slug,
            linked_at=self.linked_at,
            alert_types=self.alert_types,
            history_from=history_from,
            accounts=dict(self.accounts),
            rows=rows,
            cards=list(self.listener.cards),
            synced=[each for each in self._copy.values() if each.status != "removed"],
            thread=await self.thread(),
            balances=balances,
            mails=post.mails_to(self.address),
        )

    async def _rows(self, account: str) -> tuple[list[PortalRow], date]:
        rows: list[PortalRow] = []
        query: dict[str, Any] | None = {"limit": _PAGE}
        history_from = date.min
        while query is not None:
            page = await self.ask("GET", f"accounts/{account}/transactions", params=query)
            rows += [read_row(each, self.accounts) for each in page["transactions"]]
            history_from = date.fromisoformat(page["history_from"])
            cursor = page["next_cursor"]
            query = {"limit": _PAGE, "cursor": cursor} if page["has_more"] else None
        return rows, history_from

    async def thread(self) -> list[str]:
        """The cards of the conversation over REST, oldest first."""
        found = await self.messages(after=0)
        return [each["id"] for each in found if each["kind"] in _CARDS]

    async def messages(self, *, after: int) -> list[Body]:
        """What the conversation says after a number, oldest first."""
        path = f"conversations/{self.session['conversation_id']}/messages"
        found: list[Body] = []
        query: dict[str, int] = {"limit": _MESSAGES}
        while True:
            page = await self.ask("GET", path, params=query)
            found += page["messages"]
            oldest = min((each["seq"] for each in page["messages"]), default=0)
            if not page["has_more"] or oldest <= after:
                break
            query["before_seq"] = oldest
        return sorted(
            (each for each in found if each["seq"] > after), key=lambda each: each["seq"]
        )


def read_row(body: Body, accounts: Mapping[str, str]) -> PortalRow:
    """A transaction as the API shows it, in an account as its bank names it."""
    at = body["booked_at"]
    return PortalRow(
        id=body["id"],
        account=accounts.get(body["account_id"], body["account_id"]),
        status=body["status"],
        kind=body["kind"],
        money=Money.read(body["amount"]),
        booked_on=date.fromisoformat(body["booked_on"]),
        at=None if at is None else datetime.fromisoformat(at),
        text=body["merchant_name"] or body["description"] or "",
    )


def apply(copy: dict[str, PortalRow], news: Body, accounts: Mapping[str, str]) -> None:
    """What docs/api.md says of keeping a copy."""
    for each in (*news["added"], *news["modified"]):
        copy[each["id"]] = read_row(each, accounts)
    for each in news["removed"]:
        copy.pop(each["id"], None)
    gone = {accounts.get(each, each) for each in news["removed_accounts"]}
    for key in [key for key, row in copy.items() if row.account in gone]:
        del copy[key]


def make_customer(bank: Bank, person: Body, *, chat: str, loopback: Loopback) -> Customer:
    return Customer(
        bank, person["login"], person["password"], person["email"], chat, browser(loopback)
    )
