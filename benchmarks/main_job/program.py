"""A client program: a token of its own, the consent that the demonstration gave it, and a copy that it keeps."""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import httpx

from benchmarks.main_job.customer import apply, read_row
from benchmarks.main_job.network import patiently
from benchmarks.main_job.post import Post
from benchmarks.main_job.records import PortalRow, ProgramView

_PAGE = 500
_SECRET = re.compile(r"-u ([^:\s]+):([^\s]+) ")
_CONSENT = re.compile(r"Portal-Consent: (con_\w+)")


class Program:
    """Works with the three lines that a started portal prints."""

    def __init__(
        self, lines: Sequence[str], *, api: str, client: httpx.AsyncClient, post: Post
    ) -> None:
        text = "\n".join(lines)
        secret, consent = _SECRET.search(text), _CONSENT.search(text)
        if secret is None or consent is None:
            raise LookupError("the demonstration printed no program")
        self._credentials = (secret[1], secret[2])
        self._consent = consent[1]
        self._api = api
        self._client = client
        self._post = post
        self._signed_with = ""
        self._alerts: frozenset[tuple[str, str]] = frozenset()
        self._token = ""
        self._copy: dict[str, PortalRow] = {}
        self._cursor: str | None = None
        self.accounts: dict[str, str] = {}

    async def listen(self) -> None:
        """Have everything sent to our own server too, and learn which alerts the consent names."""
        consent = await self.ask("consent")
        self._alerts = frozenset(
            (self.accounts[each["account_id"]], each["code"])
            for each in consent["resources"]
            if each["scope"] == "alert"
        )
        answer = await patiently(
            self._client,
            "POST",
            f"{self._api}/api/v1/webhook-endpoints",
            headers={
                "Authorization": f"Bearer {self._token}",
                "Idempotency-Key": uuid.uuid4().hex,
            },
            json={"url": self._post.receiver.url},
        )
        self._signed_with = answer.json()["secret"]

    async def ask(self, path: str, **query: Any) -> Any:
        """A read within the consent; takes a new token where the old one has ended."""
        if not self._token:
            await self._renew()
        for is_last in (False, True):
            headers = {"Authorization": f"Bearer {self._token}", "Portal-Consent": self._consent}
            try:
                address = f"{self._api}/api/v1/{path}"
                answer = await patiently(
                    self._client, "GET", address, headers=headers, params=query
                )
                return answer.json()
            except httpx.HTTPStatusError as refused:
                if is_last or refused.response.status_code != httpx.codes.UNAUTHORIZED:
                    raise
                await self._renew()
        return None

    async def _renew(self) -> None:
        form = {"grant_type": "client_credentials"}
        answer = await patiently(
            self._client, "POST", f"{self._api}/oauth/token", data=form, auth=self._credentials
        )
        self._token = answer.json()["access_token"]

    async def learn_accounts(self, known: Mapping[str, str]) -> None:
        listed = (await self.ask("accounts"))["accounts"]
        self.accounts = {each["id"]: known[each["id"]] for each in listed}

    async def copy_on(self) -> None:
        """Keep the copy, as docs/api.md says, and read what was sent meanwhile."""
        self._post.hooks(self._signed_with, self.accounts)
        has_more = True
        while has_more:
            query = {"cursor": self._cursor} if self._cursor else {}
            news = await self.ask("transactions/sync", limit=_PAGE, **query)
            apply(self._copy, news, self.accounts)
            self._cursor, has_more = news["next_cursor"], news["has_more"]

    async def view(self, customer: str) -> ProgramView:
        rows: list[PortalRow] = []
        history_from = date.min
        for account in self.accounts:
            query: dict[str, Any] | None = {}
            while query is not None:
                page = await self.ask(f"accounts/{account}/transactions", limit=_PAGE, **query)
                rows += [read_row(each, self.accounts) for each in page["transactions"]]
                history_from = date.fromisoformat(page["history_from"])
                query = {"cursor": page["next_cursor"]} if page["has_more"] else None
        await self.copy_on()
        hooks, unproven = self._post.hooks(self._signed_with, self.accounts)
        return ProgramView(
            customer=customer,
            accounts=dict(self.accounts),
            history_from=history_from,
            rows=rows,
            synced=list(self._copy.values()),
            alerts=self._alerts,
            hooks=hooks,
            unproven=unproven,
        )
