"""Who attacks: what each may ask, and the real ids that it starts from."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from tests.journeys.stack import Stack

Body = dict[str, Any]
PATIENCE_SECONDS = 60.0
ALERTS = 12
# Neither is beyond this machine: the first takes nothing, the second does not exist.
RECEIVERS = ["http://127.0.0.1:9/in", "https://hooks.example/in"]


@dataclass
class Principal:
    """One kind of caller. What is `foreign` may never open to it, nor the operations that are `shut`."""

    name: str
    host: str
    token: str
    consent: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    known: list[Body] = field(default_factory=list)
    bank: Body = field(default_factory=dict)
    # A program's own, for a new token; a customer's is as new as they are.
    credentials: Body = field(default_factory=dict)
    learns: bool = True
    foreign: frozenset[str] = frozenset()
    shut: frozenset[str] = frozenset()

    def renew(self, stack: Stack) -> None:
        """Tokens hold for ten minutes, and others are attacked before."""
        if self.credentials:
            self.token = _token(stack, self.credentials)

    def ask(self, stack: Stack, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid4().hex}
        if self.consent:
            headers["Portal-Consent"] = self.consent
        with stack.client(self.host) as client:
            answer = client.request(method, f"/api/v1/{path}", headers=headers, **options)
        return answer.raise_for_status().json() if answer.content else None


def customer(stack: Stack, seeded: Body) -> Principal:
    """A customer in the chat, who has some alerts to answer."""
    bank = seeded["bank"] | {"host": urlsplit(seeded["bank"]["origin"]).netloc}
    with _bank(bank) as at_bank:
        at_bank.post("/sign-in", data=seeded["customer"])
        assertion = at_bank.post("/widget-token").raise_for_status().json()["token"]
        bank["cookies"] = dict(at_bank.cookies)
        levers = f"/_control/customers/{seeded['customer']['login']}"
        at_bank.post(f"{levers}/cards", json={"frozen": False}).raise_for_status()
        for _each in range(ALERTS):
            bought = {"suspicious": True, "amount": "3.20"}
            at_bank.post(f"{levers}/buy", json=bought).raise_for_status()
    origin = {"Origin": stack.origin("chat")}
    with stack.client("chat", headers=origin) as client:
        asked = {"bank": bank["slug"], "assertion": assertion}
        session = client.post("/api/v1/widget/sessions", json=asked).raise_for_status().json()
    found = Principal("customer", "chat", session["token"], headers=origin, bank=bank)
    conversation = {"conversation_id": session["conversation_id"]}
    found.known = [conversation, *_accounts(found, stack)]
    found.known += _cards(found, stack, session["conversation_id"])
    return found


def program(stack: Stack, seeded: Body) -> Principal:
    """A client program within a consent, with an endpoint that something was sent to."""
    found = Principal(
        "program", "api", _token(stack, seeded["program"]), consent=seeded["program"]["consent"]
    )
    found.credentials = seeded["program"]
    for each in found.ask(stack, "GET", "webhook-endpoints")["endpoints"]:
        found.ask(stack, "DELETE", f"webhook-endpoints/{each['id']}")
    made = found.ask(stack, "POST", "webhook-endpoints", json={"url": RECEIVERS[0]})
    found.known = [{"endpoint_id": made["id"]}, *_accounts(found, stack)]
    return found


def learn_deliveries(of: Principal, stack: Stack) -> None:
    """What its endpoint was sent, once it was."""
    endpoint_id = of.known[0]["endpoint_id"]
    give_up = time.monotonic() + PATIENCE_SECONDS
    sent: list[Body] = []
    while not sent and time.monotonic() < give_up:
        page = of.ask(stack, "GET", f"webhook-endpoints/{endpoint_id}/deliveries")
        sent = page["deliveries"]
        time.sleep(0.2)
    of.known += [{"endpoint_id": endpoint_id, "delivery": each["id"]} for each in sent[:10]]


def outsider(
    stack: Stack, seeded: Body, victim: Principal, *, within_consent: Collection[str]
) -> Principal:
    """A program whose consent has ended, with the ids of another that is let in.

    `within_consent` are the operations that read a customer's data.
    """
    own = seeded["outsider"]
    return Principal(
        "outsider",
        "api",
        _token(stack, own),
        consent=own["consent"],
        credentials=own,
        known=victim.known,
        learns=False,
        foreign=frozenset(value for each in victim.known for value in each.values()),
        shut=frozenset(within_consent),
    )


def _token(stack: Stack, own: Body) -> str:
    form = {"grant_type": "client_credentials"}
    with stack.client("api") as client:
        answer = client.post("/oauth/token", data=form, auth=(own["id"], own["secret"]))
    return str(answer.raise_for_status().json()["access_token"])


def _bank(bank: Body) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{bank['port']}",
        headers={"Host": bank["host"]},
        timeout=20,
        trust_env=False,
    )


def _accounts(of: Principal, stack: Stack) -> list[Body]:
    return [{"account_id": each["id"]} for each in of.ask(stack, "GET", "accounts")["accounts"]]


def _cards(of: Principal, stack: Stack, conversation_id: str) -> list[Body]:
    """The buttons of the alerts, once they have all come."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    path = f"conversations/{conversation_id}/messages?limit=100"
    while True:
        found = [
            {
                "conversation_id": conversation_id,
                "message_id": it["id"],
                "key": each["key"],
                "rev": it["rev"],
            }
            for it in of.ask(stack, "GET", path)["messages"]
            for each in it["actions"]
            if it["kind"] == "fraud_alert"
        ]
        if len({each["message_id"] for each in found}) >= ALERTS or time.monotonic() > give_up:
            return found
        time.sleep(0.5)


def an_hour_ago() -> str:
    return (datetime.now(UTC) - timedelta(hours=1)).isoformat()
