"""Handing a notification to browsers' push services, all of a customer's at once."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from django.utils import translation
from django.utils.translation import get_language_bidi

from messaging.notices import webpush
from messaging.notices.actions import ReadyPush
from messaging.notices.links import alert_path
from messaging.notices.models import PushSubscription
from messaging.notices.rules import Outcome, Told
from messaging.notices.servers import require_no_transaction
from messaging.notices.words import push_words
from partners.banks.queries import reader_locale
from portal.outside.line import LineFailure, NotAllowed, connected
from portal.secrets.fields import open_secret

logger = logging.getLogger(__name__)

# How long a push service keeps it for a browser that is switched off.
KEPT_FOR = timedelta(hours=4)
_SECONDS = 10
_TAKEN = range(200, 300)
_GONE = frozenset({404, 410})
_LATER = frozenset({429, *range(500, 600)})


@dataclass(frozen=True)
class Push:
    """One message for one browser."""

    browser: PushSubscription
    endpoint: str
    headers: dict[str, str]
    body: bytes


def push(ready: ReadyPush, *, at: datetime) -> Told:
    """Send it to every browser; reached where one push service took it. Notes on `ready` which did."""
    require_no_transaction()
    plain = payload(ready)
    pushes = [_push_for(each, plain, ready, at) for each in ready.browsers]
    told = asyncio.run(_send(pushes))
    for each, outcome in zip(ready.browsers, told, strict=True):
        if outcome.outcome == Outcome.ACCEPTED:
            ready.taken.append(each.id)
        elif outcome.reason == "gone":
            ready.gone.append(each.id)
    return together(told)


def together(told: list[Told]) -> Told:
    """What the answers for several browsers come to: one that was reached is enough."""
    if not told:
        return Told(Outcome.REFUSED, "no_browser")
    order = (Outcome.ACCEPTED, Outcome.PUT_OFF, Outcome.REFUSED)
    return min(told, key=lambda each: order.index(each.outcome))


def payload(ready: ReadyPush) -> bytes:
    """What the service worker shows: words alone, and the page of ours that says where to sign in."""
    locale = reader_locale(ready.bank, ready.customer)
    with translation.override(locale):
        shown = {
            "title": ready.bank.name,
            "body": push_words(),
            "lang": locale,
            "dir": "rtl" if get_language_bidi() else "ltr",
            # The same alert takes the place of itself on the screen, however often it comes.
            "tag": ready.card.id.hex,
            "path": alert_path(ready.bank, ready.card.id),
        }
    return orjson.dumps(shown)


def _push_for(browser: PushSubscription, plain: bytes, ready: ReadyPush, at: datetime) -> Push:
    endpoint = open_secret(browser, "endpoint")
    point, secret = webpush.read_browser_keys(*open_secret(browser, "keys").split(" "))
    return Push(
        browser=browser,
        endpoint=endpoint,
        headers=dict(webpush.headers(endpoint, topic=ready.notice_id.hex, ttl=KEPT_FOR, at=at)),
        body=webpush.encrypt(plain, browser=point, auth=secret),
    )


async def _send(pushes: list[Push]) -> list[Told]:
    return list(await asyncio.gather(*map(_send_one, pushes)))


async def _send_one(push: Push) -> Told:
    try:
        async with asyncio.timeout(_SECONDS), connected(push.endpoint) as line:
            answer = await line.post(push.headers, push.body)
    except NotAllowed:
        return Told(Outcome.REFUSED, "gone")
    except (LineFailure, TimeoutError) as problem:
        logger.info("a push service could not be asked: %s", type(problem).__name__)
        return Told(Outcome.PUT_OFF, "unanswered")
    return said(answer.status)


def said(status: int) -> Told:
    """What a push service's status means (RFC 8030, section 5)."""
    if status in _TAKEN:
        return Told(Outcome.ACCEPTED)
    if status in _GONE:
        return Told(Outcome.REFUSED, "gone")
    outcome = Outcome.PUT_OFF if status in _LATER else Outcome.REFUSED
    return Told(outcome, f"push {status}")
