"""The door through which a bank says that something changed."""

import logging
import re
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from partners.banks.keysets import refresh_jwks
from partners.banks.models import Bank
from partners.banks.queries import find_bank
from partners.connectors.base import (
    BankNotification,
    Connector,
    NotificationRefused,
    UnknownSigningKey,
)
from partners.integrations.queries import connector_of, get_integration
from partners.sync.actions import keep_notification
from portal.rest.problems import (
    Malformed,
    MethodNotAllowed,
    NotFound,
    Problem,
    TooLarge,
    UnsupportedMediaType,
    problem_response,
)
from portal.telemetry.traces import current_trace
from portal.tenancy.blocks import serving

logger = logging.getLogger(__name__)

LARGEST = 64 * 1024
_COMPACT_JWS = re.compile(rb"\s*[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\s*")


class NotificationNotBelieved(Problem):
    """Forged, too old, for somebody else, or signed with a key that the bank does not publish."""

    slug = "notification-not-believed"
    title = "This is not a notification that the bank signed for us, lately"
    status = 401

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "JWS"})


@csrf_exempt
def event_notifications(request: HttpRequest, slug: str) -> HttpResponse:
    """`POST /open-banking/<slug>/event-notifications` (Open Banking event notifications 4.0).

    202 once it is stored, also for one that was stored before; else a problem.
    """
    try:
        body = _body(request)
        bank = find_bank(slug)
        if bank is None:
            raise NotFound
        _take(bank, body, at=timezone.now())
    except Problem as refused:
        return problem_response(refused)
    return HttpResponse(status=202)


def _body(request: HttpRequest) -> bytes:
    if request.method != "POST":
        raise MethodNotAllowed(headers={"Allow": "POST"})
    if request.content_type != "application/jwt":
        raise UnsupportedMediaType("Send the signed notification as application/jwt.")
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise TooLarge
    if not _COMPACT_JWS.fullmatch(body):
        raise Malformed("The body is one JWT in compact form.")
    return body


def _take(bank: Bank, body: bytes, *, at: datetime) -> None:
    with serving(bank.id):
        connector = connector_of(get_integration())
    notification = _verified(bank, connector, body, at=at)
    with serving(bank.id):
        new = keep_notification(notification, at=at, trace=current_trace())
    if not new:
        logger.info("%s told us again what it had told us", bank.slug)


def _verified(bank: Bank, connector: Connector, body: bytes, *, at: datetime) -> BankNotification:
    try:
        try:
            return connector.read_notification(body=body, jwks=bank.jwks, at=at)
        except UnknownSigningKey:
            refresh_jwks(bank, at=at)
            return connector.read_notification(body=body, jwks=bank.jwks, at=at)
    except NotificationRefused as refused:
        logger.warning("notification to %s refused: %s", bank.slug, refused.reason)
        raise NotificationNotBelieved from None
