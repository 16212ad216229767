"""The doors to a customer's data over REST: for client programs within a consent, for customers
in the chat frame. The paths and the answers are the same.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from datetime import date
from typing import Any, TypeVar, cast
from uuid import UUID

import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from accounts.clients.limits import CountedDoor
from accounts.clients.queries import ClientPrincipal
from accounts.consent.references import read_consent_reference
from accounts.disclosure.proofs import CHECKPOINT_HEADER, checkpoint_header
from accounts.signin.queries import WidgetPrincipal
from partners.ledger.queries import Before
from partners.sharing import bodies, reading
from partners.sharing.gate import CHAT, recording_refusals
from partners.sharing.gate import Door as GateDoor
from partners.sharing.programs import within_consent
from partners.sharing.queries import consent_view
from partners.sharing.reading import Listed, Listing, Read, Reader
from partners.sharing.sync_rules import Place
from portal.rest.cursors import open_cursor, seal_cursor
from portal.rest.problems import Invalid, NotFound
from portal.rest.schema import ProblemBody
from portal.tenancy.blocks import NotServed, served, serving_customer

CONSENT_HEADER = "Portal-Consent"
_CONSENT = OpenApiParameter(
    CONSENT_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="A client program names the consent it reads under: `con_...`. Not needed with a token that a customer's code gave, nor in the chat.",
)
_MATCH = OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER)
_RECORD = OpenApiParameter(
    "Disclosure-Id",
    str,
    OpenApiParameter.HEADER,
    description="Under which record the data left.",
    response=[200, 304],
)
_WITNESS = OpenApiParameter(
    CHECKPOINT_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The newest checkpoint of the bank's log of disclosures: keep it, and the log can be held to it.",
    response=[200, 304],
)


Get = TypeVar("Get", bound=Callable[..., HttpResponse])


def documented(
    name: str,
    body: type[Serializer[Any]],
    *,
    page: type[Serializer[Any]] | None = None,
) -> Callable[[Get], Get]:
    """What the OpenAPI file says of a door: what it takes and all that it answers."""
    problem = OpenApiResponse(ProblemBody)
    refusals = dict.fromkeys((400, 401, 403, 404, 429), problem)
    parameters: list[Any] = [_CONSENT, _MATCH, _RECORD, _WITNESS, *([page] if page else [])]
    answers = {200: body, 304: OpenApiResponse(description="Unchanged since If-None-Match")}
    described: Callable[[Get], Get] = extend_schema(
        operation_id=name, parameters=parameters, responses={**answers, **refusals}
    )
    return described


class SharingDoor(CountedDoor):
    """A door to a customer's data; on the address list stands who may knock."""

    _checkpoint = ""

    @contextmanager
    def reader(self, request: Request) -> Iterator[Reader]:
        """One transaction with the caller's own reach; what is refused in it is written down after it."""
        at = timezone.now()
        with recording_refusals():
            caller = _caller(request)
            if isinstance(caller, ClientPrincipal):
                bank_id, consent_id = _named_consent(request, caller)
                with within_consent(
                    caller, bank_id, consent_id, door=GateDoor.REST, at=at
                ) as recipient:
                    self._checkpoint = checkpoint_header()
                    yield Reader(recipient, at)
            else:
                with _of_customer(caller):
                    self._checkpoint = checkpoint_header()
                    yield Reader(CHAT, at)

    def answer(self, request: Request, body: Mapping[str, Any], read: Read) -> HttpResponse:
        """The body with its ETag, or 304; under which disclosure it left."""
        return self.witnessed(request, body, {"Disclosure-Id": str(read.disclosure_id)})

    def witnessed(
        self, request: Request, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> HttpResponse:
        """With the newest checkpoint of the bank's log: whoever keeps it can hold the bank to it."""
        held = {CHECKPOINT_HEADER: self._checkpoint} if self._checkpoint else {}
        return _answer(request, body, {**headers, **held})


class AccountsDoor(SharingDoor):
    @documented("list_accounts", bodies.SharedAccountsBody)
    def get(self, request: Request) -> HttpResponse:
        """The accounts that something is shared of."""
        _given(request, bodies.Nothing)
        with self.reader(request) as reader:
            read = reading.read_accounts(reader)
        return self.answer(request, read.body, read)


class AccountDoor(SharingDoor):
    @documented("get_account", bodies.SharedAccountBody)
    def get(self, request: Request, account_id: str) -> HttpResponse:
        """One account."""
        _given(request, bodies.Nothing)
        with self.reader(request) as reader:
            read = reading.read_account(reader, _id(account_id))
        return self.answer(request, read.body, read)


class BalancesDoor(SharingDoor):
    @documented("get_balances", bodies.SharedBalancesBody)
    def get(self, request: Request, account_id: str) -> HttpResponse:
        """What an account holds, as the bank last said."""
        _given(request, bodies.Nothing)
        with self.reader(request) as reader:
            read = reading.read_balances(reader, _id(account_id))
        return self.answer(request, read.body, read)


class TransactionsDoor(SharingDoor):
    @documented("list_transactions", bodies.SharedTransactionsBody, page=bodies.SharedPageRequest)
    def get(self, request: Request, account_id: str) -> HttpResponse:
        """An account's transactions, newest day first, page by page."""
        given = _given(request, bodies.SharedPageRequest)
        with self.reader(request) as reader:
            bound_to = f"transactions:{_whose()}:{_id(account_id)}"
            before = _before(given.get("cursor"), bound_to)
            page = reading.read_transactions(
                reader, _id(account_id), before=before, limit=given["limit"]
            )
            body = {
                **page.body,
                "next_cursor": _next_page(page.following, bound_to),
                "has_more": page.following is not None,
            }
        return self.answer(request, body, page)


class PurchasesDoor(SharingDoor):
    """A list of what belongs to an account's transactions, page by page."""

    def page(
        self,
        request: Request,
        account_id: str,
        kind: str,
        read: Callable[[Reader, UUID, Listing], Listed],
    ) -> HttpResponse:
        given = _given(request, bodies.PurchasesPageRequest)
        entry_id = given.get("transaction_id")
        with self.reader(request) as reader:
            bound_to = f"{kind}:{_whose()}:{_id(account_id)}:{entry_id}"
            cursor = given.get("cursor")
            before = UUID(hex=open_cursor(cursor, bound_to=bound_to)) if cursor else None
            listed = read(reader, _id(account_id), Listing(given["limit"], before, entry_id))
            following = listed.following
            body = {
                **listed.body,
                "next_cursor": following and seal_cursor(following.hex, bound_to=bound_to),
                "has_more": following is not None,
            }
        return self.answer(request, body, listed)


class ReceiptsDoor(PurchasesDoor):
    @documented("list_receipts", bodies.SharedReceiptsBody, page=bodies.PurchasesPageRequest)
    def get(self, request: Request, account_id: str) -> HttpResponse:
        """What was bought, line by line, with an account's transactions; of one where it is named."""
        return self.page(request, account_id, "receipts", reading.read_receipts)


class ShipmentsDoor(PurchasesDoor):
    @documented("list_shipments", bodies.SharedShipmentsBody, page=bodies.PurchasesPageRequest)
    def get(self, request: Request, account_id: str) -> HttpResponse:
        """Where the parcels are that were paid for from an account; of one transaction where it is named."""
        return self.page(request, account_id, "shipments", reading.read_shipments)


class ChangesDoor(SharingDoor):
    @documented("sync_transactions", bodies.ChangesBody, page=bodies.SharedPageRequest)
    def get(self, request: Request) -> HttpResponse:
        """What was added, modified and removed on all shared accounts since the cursor."""
        given = _given(request, bodies.SharedPageRequest)
        with self.reader(request) as reader:
            bound_to = f"changes:{_whose()}"
            places = _places(given.get("cursor"), bound_to)
            changes = reading.read_changes(reader, places, limit=given["limit"])
            following = {each.hex: _kept(place) for each, place in changes.places.items()}
            body = {
                **changes.body,
                "next_cursor": seal_cursor(following, bound_to=bound_to),
                "has_more": changes.has_more,
            }
        return self.answer(request, body, changes)


class ConsentDoor(SharingDoor):
    @documented("get_consent", bodies.ConsentBody)
    def get(self, request: Request) -> HttpResponse:
        """The consent that the request names, live or not: what it allows, until when."""
        _given(request, bodies.Nothing)
        with self.reader(request) as reader:
            body = consent_view(at=reader.at)
        return self.witnessed(request, body, {})


def _caller(request: Request) -> ClientPrincipal | WidgetPrincipal:
    return cast("ClientPrincipal | WidgetPrincipal", request.auth)


def _answer(request: Request, body: Mapping[str, Any], headers: Mapping[str, str]) -> HttpResponse:
    # A cursor is signed anew each time; what it leads to is in the address and the rows.
    lasting = orjson.dumps({name: each for name, each in body.items() if name != "next_cursor"})
    etag = f'"{hashlib.sha256(lasting).hexdigest()[:32]}"'
    known = etag in request.headers.get("If-None-Match", "")
    answered = HttpResponse(
        b"" if known else orjson.dumps(body),
        status=304 if known else 200,
        content_type="application/json",
        headers={**headers, "ETag": etag, "Cache-Control": "private, no-cache"},
    )
    answered["Vary"] = f"Authorization, {CONSENT_HEADER}"
    return answered


def _given(request: Request, form: type[Serializer[Any]]) -> dict[str, Any]:
    """The address's parameters. Raises a ValidationError for what is unknown or odd."""
    given = form(data=request.query_params.dict())
    given.is_valid(raise_exception=True)
    values: dict[str, Any] = given.validated_data
    return values


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as reason:
        raise NotFound from reason


def _whose() -> UUID:
    # A cursor is good for the consent, or the customer, that it was given to.
    now = served()
    whose = now.consent_id or now.customer_id
    if whose is None:
        raise NotFound
    return whose


def _before(cursor: str | None, bound_to: str) -> Before | None:
    if cursor is None:
        return None
    day, entry_id = open_cursor(cursor, bound_to=bound_to)
    return Before(date.fromisoformat(day), UUID(hex=entry_id))


def _next_page(following: Before | None, bound_to: str) -> str | None:
    if following is None:
        return None
    place = [following.booked_on.isoformat(), following.entry_id.hex]
    return seal_cursor(place, bound_to=bound_to)


def _places(cursor: str | None, bound_to: str) -> dict[UUID, Place]:
    if cursor is None:
        return {}
    held = open_cursor(cursor, bound_to=bound_to)
    return {UUID(hex=each): _place(*place) for each, place in held.items()}


def _place(
    terms: str, begun: int, seq: int, known: int | None = None, walk: Sequence[Sequence[int]] = ()
) -> Place:
    pages = tuple((told, head) for told, head in walk)
    return Place(terms, begun, seq, seq if known is None else known, pages)


def _kept(place: Place) -> list[object]:
    # Cursors are short: of an account that was told whole, one number says where.
    return [*astuple(place)] if place.walk else [place.terms, place.begun, place.seq]


@contextmanager
def _of_customer(principal: WidgetPrincipal) -> Iterator[None]:
    try:
        with serving_customer(principal.bank_id, principal.customer_id):
            yield
    except NotServed as reason:
        raise NotFound from reason


def _named_consent(request: Request, caller: ClientPrincipal) -> tuple[UUID, UUID]:
    text = request.headers.get(CONSENT_HEADER, caller.consent or None)
    if text is None:
        pointer = {"pointer": f"#/headers/{CONSENT_HEADER}", "detail": "This header is required."}
        raise Invalid("Name the consent that you read under.", errors=[pointer])
    named = read_consent_reference(text)
    if named is None:
        raise NotFound
    return named
