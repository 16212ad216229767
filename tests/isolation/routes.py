"""Every route of every host, found by walking the addresses, and what a good request to each is.

A route that is added is found by itself. Where its kind, its arguments or a good body cannot be told
from it, `test_routes.py` fails and asks for a line here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from accounts.clients.authentication import ClientAuthentication
from accounts.signin.authentication import WidgetAuthentication
from portal.middleware import URLCONFS
from portal.settings import PORTAL_BASE_HOST
from tests.isolation.callers import asks
from tests.isolation.cast import Headers, Home
from tests.isolation.world import MAILED_CODE, World, bring_accounts

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SAFE = frozenset({"GET"})


class Kind(StrEnum):
    """Whose a route is, and so who else may not come in."""

    STAFF = "a bank's staff"
    PERSON = "whoever signs in: shows nothing but their own"
    OPERATOR = "the platform's operator"
    CUSTOMER = "a customer in the chat frame"
    CLIENT = "a client program within a consent"
    PROGRAM = "a client program by its token alone"
    WINDOW = "a customer in a window of the chat's host"
    PROVEN = "whoever proves it in the body, and no other way"
    OPEN = "everybody: shows nothing of a customer's"


# Routes whose kind does not follow from their address or their view.
KINDS: dict[str, Kind] = {
    "base /": Kind.OPEN,
    "base /healthz": Kind.OPEN,
    "base /readyz": Kind.OPEN,
    "base /metrics": Kind.OPEN,
    "base /design": Kind.OPEN,
    "base /problems/": Kind.OPEN,
    "base /problems/<slug:slug>": Kind.OPEN,
    "api /": Kind.OPEN,
    "api /oauth/token": Kind.PROVEN,
    "api /.well-known/oauth-authorization-server": Kind.OPEN,
    "api /disclosures/<uuid:bank_id>/checkpoint": Kind.OPEN,
    "api /disclosures/<uuid:bank_id>/checkpoints": Kind.OPEN,
    "api /disclosures/<uuid:bank_id>/keys": Kind.OPEN,
    "api /disclosures/<uuid:bank_id>/consistency": Kind.OPEN,
    "api /api/v1/realtime/tickets": Kind.PROGRAM,
    "api /open-banking/<slug:slug>/event-notifications": Kind.PROVEN,
    "api /banks/<slug:slug>/statement-imports": Kind.PROVEN,
    "api /banks/<slug:slug>/statement-imports/<uuid:import_id>": Kind.PROVEN,
    "api /api/v1/openapi.json": Kind.OPEN,
    "api /api/v1/docs": Kind.OPEN,
    "chat /api/v1/openapi.json": Kind.OPEN,
    "chat /widget/loader.js": Kind.OPEN,
    "chat /widget/frame": Kind.OPEN,
    "chat /api/v1/widget/sessions": Kind.PROVEN,
    "chat /alerts/<slug:slug>/<uuid:message_id>": Kind.OPEN,
    "chat /link/": Kind.PROVEN,
    "chat /link/begin": Kind.WINDOW,
    "chat /link/callback": Kind.WINDOW,
    "chat /link/choose": Kind.WINDOW,
    "chat /link/done": Kind.WINDOW,
    "chat /oauth/authorize": Kind.OPEN,
    "chat /asking/": Kind.WINDOW,
    "chat /reaching/": Kind.WINDOW,
    "chat /reaching/enter": Kind.PROVEN,
    "chat /reaching/worker.js": Kind.OPEN,
    "chat /reaching/ways/<slug:way>": Kind.WINDOW,
    "chat /reaching/browsers": Kind.WINDOW,
    "chat /reaching/browsers/<uuid:browser_id>/forget": Kind.WINDOW,
    "chat /reaching/address": Kind.WINDOW,
    "chat /reaching/address/prove": Kind.WINDOW,
    "chat /reaching/address/forget": Kind.WINDOW,
    "chat /records/": Kind.WINDOW,
    "chat /records/copy.<slug:form>": Kind.WINDOW,
    "chat /records/erase": Kind.WINDOW,
    "chat /records/erased": Kind.WINDOW,
    "chat /records/erased.json": Kind.WINDOW,
    "chat /sharing/": Kind.WINDOW,
    "chat /sharing/enter": Kind.PROVEN,
    "chat /sharing/ticker": Kind.WINDOW,
    "chat /sharing/accounts": Kind.WINDOW,
    "chat /sharing/check": Kind.WINDOW,
    "chat /sharing/export": Kind.WINDOW,
    "chat /sharing/consents/<uuid:consent_id>/change": Kind.WINDOW,
    "chat /sharing/consents/<uuid:consent_id>/end": Kind.WINDOW,
    "chat /sharing/consents/<uuid:consent_id>/receipt.json": Kind.WINDOW,
    "chat /sharing/consents/<uuid:consent_id>/receipt.pdf": Kind.WINDOW,
    "api /.well-known/banks/<slug:slug>/jwks.json": Kind.OPEN,
    "api /.well-known/banks/<slug:slug>/client-jwks.json": Kind.OPEN,
    "console /": Kind.PERSON,
}
_BY_ADDRESS = {
    "console /banks/<slug:slug>/": Kind.STAFF,
    "console /operator/": Kind.OPERATOR,
    "console /sign-in/": Kind.PERSON,
    "api /api/v1/webhook-endpoints": Kind.PROGRAM,
}
_BY_AUTHENTICATION = {WidgetAuthentication: Kind.CUSTOMER, ClientAuthentication: Kind.CLIENT}
# Arguments that name a customer's or a bank's rows.
ROWS = frozenset(
    {"account_id", "conversation_id", "message_id", "consent_id", "customer_id", "staff_id"}
) | {"import_id", "endpoint_id", "browser_id", "disclosure_id", "erasure_id"}
HISTORY = (
    "console /banks/<slug:slug>/customers/<uuid:customer_id>/accounts/<uuid:account_id>/history/"
)
_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
# Addresses that are patterns, filled by hand.
_PATTERNS = {
    r"console /sign-in/^confirm-email/(?P<key>[-:\w]+)/$": "/sign-in/confirm-email/MQ:1:x/",
    r"console /sign-in/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": (
        "/sign-in/password/reset/key/1-x/"
    ),
}


@dataclass(frozen=True)
class Route:
    """One address of one host."""

    host: str
    address: str
    view: Any = field(compare=False, repr=False)

    @property
    def key(self) -> str:
        return f"{self.host or 'base'} /{self.address}"

    @property
    def kind(self) -> Kind | None:
        """None: it says of itself whose it is in no way that we know."""
        if self.key in KINDS:
            return KINDS[self.key]
        for begins, kind in _BY_ADDRESS.items():
            if self.key.startswith(begins):
                return kind
        cls = getattr(self.view, "cls", None)
        asked = getattr(self.view, "initkwargs", {}).get("authentication_classes")
        for each in asked or getattr(cls, "authentication_classes", ()):
            return _BY_AUTHENTICATION.get(each)
        return None

    @property
    def arguments(self) -> tuple[str, ...]:
        return () if self.key in _PATTERNS else tuple(_ARGUMENT.findall(self.address))

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that it offers: an API's class says so, a page's view only by what `GOOD` says."""
        cls = getattr(self.view, "cls", None)
        if cls is not None:
            return tuple(each for each in METHODS if hasattr(cls, each.lower()))
        named = tuple(each for each in METHODS if (self.key, each) in GOOD)
        return named or ("GET",)

    @property
    def names_rows(self) -> bool:
        """Whether a request names rows of a customer's or a bank's; else it is about the caller's own."""
        more = any(good.names_more for (key, _method), good in GOOD.items() if key == self.key)
        return more or bool(ROWS & set(self.arguments))

    def path(self, arguments: Mapping[str, str]) -> str:
        if self.key in _PATTERNS:
            return _PATTERNS[self.key]
        return "/" + _ARGUMENT.sub(lambda found: arguments[found[1]], self.address)

    def good(self, method: str) -> "Good | None":
        """What a rightful caller sends; None where nobody has said."""
        known = GOOD.get((self.key, method))
        return known or (Good() if method in SAFE else None)


@lru_cache(maxsize=1)
def routes() -> tuple[Route, ...]:
    """All of them, of all hosts."""
    hosts = {"": "portal.urls", **URLCONFS}
    return tuple(
        Route(host, address, pattern.callback)
        for host, urlconf in sorted(hosts.items())
        for address, pattern in _walk(get_resolver(urlconf), "")
    )


def _walk(resolver: Any, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        address = prefix + str(each.pattern)
        if isinstance(each, URLPattern):
            yield address, each
        else:
            yield from _walk(each, address)


# --- requests -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What is sent, but for where and by whom."""

    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Headers = field(default_factory=dict)
    content_type: str = ""


Making = Callable[[World, Home], Request]


@dataclass(frozen=True)
class Good:
    """A good request about a home, and whether it takes a bank that answers."""

    make: Making = lambda _world, _home: Request()
    calls_bank: bool = False
    # It names something of the home's beside the address: in the query or the body.
    names_more: bool = False


def _form(**values: Any) -> Good:
    return Good(lambda _world, _home: Request(values))


def _json(**values: Any) -> Good:
    """With a key of its own, as writes want it."""
    return Good(lambda _world, _home: Request(dict(values), headers=idempotency_key()))


def idempotency_key() -> Headers:
    return {"Idempotency-Key": uuid4().hex}


# A browser's own keys, as any browser makes them (RFC 8291, appendix A).
BROWSER_KEY = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
BROWSER_SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
CHOICE = {
    "accounts": ["0"],
    "feeds": ["balances"],
    "alert_types": ["fraud_suspected"],
    "ends": "90",
}


def _chosen(_world: World, home: Home) -> Request:
    return Request({**CHOICE, "walk": str(bring_accounts(home))})


DAYS = {
    f"{kind}:{purpose}": "14"
    for kind in ("transactions", "receipts", "shipments", "balances")
    for purpose in ("budgeting", "see_in_chat")
} | {"balances:balance_watch": "14", "raw:": "14", "names:": "14"}
OF_CUSTOMER = Good(
    lambda _world, home: Request(query={"customer": home.customer.external_id}), names_more=True
)
_ENDPOINT = "api /api/v1/webhook-endpoints/<uuid:endpoint_id>"
# By route and method; a GET without a line is sent plain.
GOOD: dict[tuple[str, str], Good] = {
    ("console /operator/banks/<slug:slug>/", "GET"): Good(),
    ("console /operator/banks/<slug:slug>/", "POST"): _form(status="suspended"),
    ("console /banks/<slug:slug>/staff/", "GET"): Good(),
    ("console /banks/<slug:slug>/staff/", "POST"): Good(
        lambda _world, _home: Request(
            {
                "email": f"new-{uuid4().hex[:8]}@staff.example",
                "display_name": "New Person",
                "role": "auditor",
            }
        )
    ),
    ("console /banks/<slug:slug>/staff/<uuid:staff_id>/", "POST"): _form(role="auditor"),
    ("console /banks/<slug:slug>/integration/", "GET"): Good(),
    ("console /banks/<slug:slug>/integration/", "POST"): _form(
        base_url="https://api.bank.example",
        authorize_url="https://api.bank.example/authorize",
        token_url="https://api.bank.example/token",
        client_id="portal",
        client_secret="another secret",
    ),
    ("console /banks/<slug:slug>/integration/test/", "GET"): Good(),
    ("console /banks/<slug:slug>/integration/key/", "GET"): Good(),
    ("console /banks/<slug:slug>/integration/key/", "POST"): _form(do="make"),
    ("console /banks/<slug:slug>/integration/test/", "POST"): _form(),
    ("console /banks/<slug:slug>/feeds/<slug:kind>/", "POST"): _form(enabled=""),
    ("console /banks/<slug:slug>/feeds/<slug:kind>/example/", "GET"): Good(),
    ("console /banks/<slug:slug>/feeds/<slug:kind>/masks/", "POST"): _form(
        masked=["merchant_country"]
    ),
    ("console /banks/<slug:slug>/alert-types/<slug:code>/", "POST"): _form(enabled=""),
    ("console /banks/<slug:slug>/alert-types/<slug:code>/parameters/", "POST"): _form(
        threshold_minor="250"
    ),
    (HISTORY, "GET"): Good(),
    (HISTORY, "POST"): _form(decision="pause"),
    ("console /banks/<slug:slug>/customers/<uuid:customer_id>/hold/", "POST"): _form(
        reason="A court asks for it."
    ),
    ("console /banks/<slug:slug>/customers/<uuid:customer_id>/hold/lift/", "POST"): _form(),
    ("console /banks/<slug:slug>/search/", "GET"): OF_CUSTOMER,
    ("console /banks/<slug:slug>/search/table.csv", "GET"): OF_CUSTOMER,
    ("console /banks/<slug:slug>/review/", "GET"): Good(),
    ("console /banks/<slug:slug>/try-again/", "POST"): _form(
        kind="shipments", problem="unavailable"
    ),
    ("console /banks/<slug:slug>/unreadable/", "GET"): Good(),
    ("console /banks/<slug:slug>/unreadable/read-again/", "POST"): Good(
        lambda _world, home: Request({"id": str(home.unreadable_id)}), names_more=True
    ),
    ("console /banks/<slug:slug>/review/decisions/", "POST"): Good(
        lambda _world, home: Request({"kind": "pair", "id": str(home.pair_id), "decision": "no"}),
        names_more=True,
    ),
    ("console /banks/<slug:slug>/statement-files/", "GET"): Good(),
    ("console /banks/<slug:slug>/statement-files/", "POST"): Good(
        lambda _world, _home: Request(
            {"file": SimpleUploadedFile("a.csv", f"Date,Amount\n{uuid4()},1.00\n".encode())}
        )
    ),
    ("console /banks/<slug:slug>/statement-files/<uuid:import_id>/", "GET"): Good(),
    ("console /banks/<slug:slug>/statement-files/<uuid:import_id>/", "POST"): _form(
        name="Our export",
        day_order="ymd",
        decimal_sign=".",
        default_currency="EUR",
        booked_on="0",
        description="1",
        amount="2",
        account="DE89370400440532013000",
    ),
    ("console /banks/<slug:slug>/retention/", "GET"): Good(),
    ("console /banks/<slug:slug>/retention/", "POST"): _form(**DAYS),
    # Of a time in which nothing was shared.
    ("console /banks/<slug:slug>/report/shared-nothing.jsonl", "GET"): Good(
        lambda _world, _home: Request(query={"since": "2020-01-01", "until": "2020-01-31"})
    ),
    ("console /banks/<slug:slug>/conversations/<uuid:conversation_id>/", "GET"): Good(),
    ("console /banks/<slug:slug>/conversations/<uuid:conversation_id>/", "POST"): Good(
        lambda _world, _home: Request({"text": "An answer", "client_msg_id": str(uuid4())})
    ),
    ("api /disclosures/<uuid:bank_id>/consistency", "GET"): Good(
        lambda _world, _home: Request(query={"first": "1", "second": "1"})
    ),
    ("api /api/v1/realtime/tickets", "POST"): _json(),
    ("chat /api/v1/links", "POST"): _json(),
    ("chat /api/v1/windows", "POST"): _json(purpose="sharing"),
    ("chat /api/v1/realtime/tickets", "POST"): _json(),
    ("chat /api/v1/conversations/<uuid:conversation_id>/messages", "POST"): Good(
        lambda _world, _home: Request(
            {"client_msg_id": str(uuid4()), "text": "Hello"}, headers=idempotency_key()
        )
    ),
    ("chat /api/v1/conversations/<uuid:conversation_id>/read", "PUT"): _json(seq=1),
    (
        "chat /api/v1/conversations/<uuid:conversation_id>"
        "/cards/<uuid:message_id>/actions/<slug:key>",
        "POST",
    ): _json(rev=1),
    ("api /api/v1/webhook-endpoints", "POST"): _json(url="https://hooks.another.example/in"),
    (_ENDPOINT, "PATCH"): _json(description="Another"),
    (_ENDPOINT, "DELETE"): _json(),
    (f"{_ENDPOINT}/rotate-secret", "POST"): _json(),
    (f"{_ENDPOINT}/test", "POST"): _json(),
    (f"{_ENDPOINT}/deliveries/<str:delivery>/replay", "POST"): _json(),
    (f"{_ENDPOINT}/replays", "POST"): Good(
        lambda _world, _home: Request(
            {"since": (timezone.now() - timedelta(hours=1)).isoformat()}, headers=idempotency_key()
        )
    ),
    ("chat /link/begin", "GET"): Good(),
    ("chat /link/begin", "POST"): Good(calls_bank=True),
    ("chat /link/choose", "GET"): Good(),
    ("chat /link/choose", "POST"): Good(_chosen),
    ("chat /link/callback", "GET"): Good(
        lambda _world, home: Request(query={"state": home.walk_state, "error": "access_denied"}),
        names_more=True,
    ),
    ("chat /oauth/authorize", "GET"): Good(
        lambda world, _home: Request(query=asks(world.program.client, world.house.bank))
    ),
    ("chat /asking/", "GET"): Good(),
    ("chat /asking/", "POST"): Good(
        lambda _world, home: Request(
            {
                "answer": "yes",
                "accounts": [str(home.account.id)],
                "feeds": ["transactions"],
                "ends": "30",
            }
        )
    ),
    ("chat /reaching/ways/<slug:way>", "POST"): _form(is_on="true"),
    ("chat /reaching/browsers", "POST"): _form(
        endpoint="https://push.example/1", p256dh=BROWSER_KEY, auth=BROWSER_SECRET
    ),
    ("chat /reaching/browsers/<uuid:browser_id>/forget", "POST"): _form(),
    ("chat /reaching/address", "POST"): _form(address="new@post.example"),
    ("chat /reaching/address/prove", "POST"): _form(code=MAILED_CODE),
    ("chat /reaching/address/forget", "POST"): _form(),
    ("chat /records/erase", "GET"): Good(),
    ("chat /records/erase", "POST"): _form(sure="on"),
    ("chat /sharing/consents/<uuid:consent_id>/change", "GET"): Good(),
    ("chat /sharing/consents/<uuid:consent_id>/change", "POST"): Good(
        lambda _world, home: Request(
            {"kept_keys": [f"{home.account.id}:feed:transactions"], "ends": "90", "sure": "on"}
        )
    ),
    ("chat /sharing/consents/<uuid:consent_id>/end", "GET"): Good(),
    ("chat /sharing/consents/<uuid:consent_id>/end", "POST"): _form(),
    ("chat /widget/frame", "GET"): Good(
        lambda world, _home: Request(query={"bank": world.house.bank.slug})
    ),
}


def send(route: Route, method: str, path: str, request: Request, headers: Headers) -> Any:
    """The answer; a fault of ours is answered as it would be, and not raised."""
    host = f"{route.host}.{PORTAL_BASE_HOST}" if route.host else PORTAL_BASE_HOST
    browser = Browser(raise_request_exception=False)
    sent = {"Host": host} | headers | request.headers
    if method in {"GET", "HEAD", "OPTIONS"}:
        return browser.generic(method, path, QUERY_STRING=urlencode(request.query), headers=sent)
    if route.kind in {Kind.CUSTOMER, Kind.CLIENT, Kind.PROGRAM}:
        kind = request.content_type or "application/json"
        return getattr(browser, method.lower())(path, request.body, kind, headers=sent)
    more = {"content_type": request.content_type} if request.content_type else {}
    return getattr(browser, method.lower())(path, request.body or {}, headers=sent, **more)
