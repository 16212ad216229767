"""Events: told at once, signed, told again until they are taken."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import jwt

from partners.certification import masking
from partners.certification.book import Chapter
from partners.certification.listener import Arrival, Listener
from partners.certification.report import Exchange, Finding, counted
from partners.certification.visit import PassedOver, Visit, now
from partners.certification.wire import Found
from partners.connectors.base import NotificationRefused, UnknownSigningKey

chapter = Chapter("Events")
_LATE_SECONDS = 5.0
_QUIET_SECONDS = 3.0
_BURST = 8
_BURST_PAUSE = 0.3


@dataclass(frozen=True)
class _Told:
    arrival: Arrival
    jti: str
    happened: int


def _listener(visit: Visit) -> Listener:
    if visit.listener is None:
        raise PassedOver(
            "the bank cannot reach this machine: let its events come to --listen, or to --events-url"
        )
    return visit.listener


def _claims(arrival: Arrival) -> Mapping[str, object]:
    """What an event says, unverified: only for telling events apart."""
    try:
        claims: Mapping[str, object] = jwt.decode(
            arrival.body.strip(), options={"verify_signature": False}
        )
    except (jwt.PyJWTError, ValueError):
        return {}
    return claims


def _told(listener: Listener) -> list[_Told]:
    said = [(arrival, _claims(arrival)) for arrival in list(listener.arrivals)]
    return [
        _Told(arrival, str(claims.get("jti", "")), toe if isinstance(toe, int) else 0)
        for arrival, claims in said
        for toe in [claims.get("toe")]
    ]


def _shown(arrival: Arrival) -> Exchange:
    """An event as an exchange of the report: what it claims, and what we answered."""
    kept = ("content-type", "x-fapi-financial-id", "x-fapi-interaction-id")
    claims = json.dumps(_claims(arrival), default=str).encode()
    return Exchange(
        method="POST",
        url="(the bank's event to us)",
        asked_headers={name: arrival.headers[name] for name in kept if name in arrival.headers},
        asked_body=masking.body(claims, "application/json"),
        status=arrival.answered,
        trouble=f"we answered {arrival.answered}",
    )


@chapter.check(
    "events.delivered",
    "It tells us of a change",
    "Within seconds after an account changes, a signed resource-update event is posted to us.",
    source="UK Open Banking 4.0, event notifications",
    needs=("transactions.new",),
)
def delivered(visit: Visit) -> Iterator[Finding]:
    listener = _listener(visit)
    begun = time.monotonic()
    first = listener.wait_until(lambda: listener.arrivals[:1], visit.target.patience)
    if first is None:
        raise Found(
            Finding(
                "not_told",
                f"No event came within {visit.target.patience:g} s after the payment.",
                "Post an event when a transaction is listed, changed or gone. Without them we ask every few "
                "minutes, and a fraud alert comes that much later.",
            )
        )
    visit.wire.said.append(_shown(first[0]))
    waited = first[0].at - begun
    if waited > _LATE_SECONDS:
        yield Finding(
            "told_late",
            f"The event came {waited:.0f} s after the payment was listed.",
            "Send it together with the change, not from a batch.",
            harmless=True,
        )


@chapter.check(
    "events.signed",
    "We can tell that it is the bank",
    "The event is a JWT signed with PS256 by a published key; iss is the bank, aud our client_id, iat now.",
    source="UK Open Banking 4.0, event notifications (OBEventNotification1); RFC 7519",
    needs=("events.delivered", "discovery.keys"),
)
def signed(visit: Visit) -> Iterator[Finding]:
    arrival = _listener(visit).arrivals[0]
    visit.wire.said.append(_shown(arrival))
    yield from _labelled(arrival)
    try:
        told = visit.connector.read_notification(body=arrival.body, jwks=visit.jwks, at=now())
    except UnknownSigningKey:
        yield Finding(
            "unknown_key",
            "The event is signed with a key that is not in the JWK set.",
            "Publish a key before you sign with it, and name it in the header's kid.",
        )
        return
    except NotificationRefused as refused:
        yield Finding(
            "event_refused",
            f"The event cannot be believed: {refused.reason}.",
            "Sign with PS256; iss is the issuer, aud our client_id, iat the moment of sending, jti new.",
        )
        return
    if visit.bought_on not in told.account_external_ids and not told.consent_external_ids:
        yield Finding(
            "event_of_another_account",
            "The event does not name the account that changed.",
            "Name its AccountId in http://openbanking.org.uk/rid, with rty = account.",
        )


def _labelled(arrival: Arrival) -> Iterator[Finding]:
    media_type = arrival.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/jwt":
        yield Finding(
            "another_content_type",
            f"The event is sent as {media_type or 'nothing'!r}.",
            "Say Content-Type: application/jwt.",
        )
    if not arrival.headers.get("x-fapi-financial-id"):
        yield Finding(
            "no_financial_id",
            "The event has no x-fapi-financial-id.",
            "Add it: the standard wants it of every event.",
            harmless=True,
        )


@chapter.check(
    "events.retried",
    "It tells again what was not taken",
    "An event that we answer with 503 comes again, with the same jti.",
    source="docs/for-banks.md, Events",
    needs=("events.delivered",),
)
def retried(visit: Visit) -> Iterator[Finding]:
    listener = _listener(visit)
    refused = [each for each in _told(listener) if each.arrival.answered != HTTPStatus.ACCEPTED]
    if not refused:
        raise PassedOver("no event was refused")
    jti = refused[0].jti
    again = listener.wait_until(
        lambda: [each for each in _told(listener)[1:] if each.jti == jti], visit.target.patience
    )
    if again:
        visit.wire.said.append(_shown(again[0].arrival))
        return
    if len(listener.arrivals) > 1:
        yield Finding(
            "told_again_as_another",
            "After our 503 an event came under another jti, and not the one that we had refused.",
            "An event keeps its jti however often it is sent: by it we know that we had it.",
        )
        return
    yield Finding(
        "not_told_again",
        f"The event that we answered with 503 did not come again within {visit.target.patience:g} s.",
        "Send it again with a growing pause until it is answered with 2xx.",
    )


@chapter.check(
    "events.once",
    "What was taken comes once",
    "An event that was answered with 202 is not sent again.",
    source="docs/for-banks.md, Events",
    needs=("events.delivered",),
    required=False,
)
def once(visit: Visit) -> Iterator[Finding]:
    listener = _listener(visit)
    visit.sleep(_QUIET_SECONDS)
    taken = Counter(
        each.jti for each in _told(listener) if each.arrival.answered == HTTPStatus.ACCEPTED
    )
    twice = [jti for jti, times in taken.items() if times > 1]
    visit.told = counted(len(taken), "event")
    if twice:
        yield Finding(
            "told_twice",
            f"{counted(len(twice), 'event')} came again after our 202.",
            "Stop at the first 2xx. (We drop the second by its jti; it costs you and us a request.)",
        )


@chapter.check(
    "events.ordered",
    "Events come in the order of what happened",
    "Of several changes, the earlier is told first.",
    source="docs/for-banks.md, Events",
    needs=("events.delivered",),
    required=False,
)
def ordered(visit: Visit) -> Iterator[Finding]:
    listener = _listener(visit)
    before = len(listener.arrivals)
    for _ in range(_BURST):
        if not visit.hands.burst(1):
            raise PassedOver("it takes several payments in a row: use --levers")
        visit.sleep(_BURST_PAUSE)
    listener.wait_until(lambda: len(listener.arrivals) >= before + _BURST, visit.target.patience)
    times = [each.happened for each in _told(listener)[before:]]
    if times != sorted(times):
        yield Finding(
            "told_in_disorder",
            "An earlier change was told after a later one.",
            "Send events of an account one after another. (We take each as a hint and read the account, so "
            "it does no harm.)",
        )
