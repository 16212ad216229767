"""Opening a customer's short session, and the one-time codes that carry it into a window."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.people.models import Person
from accounts.signin.assertions import AssertionRefused
from accounts.signin.models import WidgetAssertion, WidgetSession, WindowCode
from accounts.signin.queries import SESSION_TOKEN_KIND
from accounts.signin.rules import CLOCKS_APART, Assertion
from portal.outbox.pokes import poke_after_commit
from portal.rest.problems import Problem
from portal.secrets.keys import derive_key, master_keys
from portal.secrets.tokens import digest_of, new_bank_token, read_bank_token
from portal.tenancy.blocks import current_bank_id, serving

WINDOW_CODE_KIND = "wc"
_KEPT = timedelta(days=1)


class WindowCodeRefused(Problem):
    """The code that should open the window is spent, expired or was never ours."""

    slug = "window-code-refused"
    title = "This window can no longer be opened"
    status = 401


@dataclass(frozen=True)
class Opened:
    """A new session and its bearer token, which is told once and kept as a hash."""

    token: str
    session: WidgetSession


@dataclass(frozen=True)
class WindowPass:
    """A one-time code, and until when it opens a window."""

    id: UUID
    code: str
    expires_at: datetime


def open_widget_session(*, customer_id: UUID, assertion: Assertion, at: datetime) -> Opened:
    """Spend a bank's verified assertion on a session. Raises AssertionRefused where it was spent before."""
    _forget_expired(customer_id=customer_id, at=at)
    try:
        with transaction.atomic():
            WidgetAssertion.objects.create(
                jti=assertion.jti, expires_at=assertion.expires_at + CLOCKS_APART
            )
    except IntegrityError as reason:
        raise AssertionRefused("It has been used before.") from reason
    token = new_bank_token(kind=SESSION_TOKEN_KIND, bank_id=current_bank_id())
    session = WidgetSession.objects.create(
        customer_id=customer_id,
        token_digest=token.digest,
        created_at=at,
        expires_at=at + settings.WIDGET_SESSION_AGE,
    )
    return Opened(token.text, session)


def end_widget_sessions(*, customer_id: UUID, at: datetime) -> int:
    """End every session of the customer at once, and tell the open sockets; how many ended."""
    live = WidgetSession.objects.filter(
        customer_id=customer_id, ended_at__isnull=True, expires_at__gt=at
    )
    ended = live.update(ended_at=at)
    poke_after_commit("sessions", f"{current_bank_id()} {customer_id}")
    return ended


def make_window_code(*, customer_id: UUID, purpose: str, at: datetime) -> WindowPass:
    """A code that opens one top-level window of that purpose for the customer, once."""
    row = WindowCode(customer_id=customer_id, purpose=WindowCode.Purpose(purpose))
    row.expires_at = at + settings.WINDOW_CODE_AGE
    code = _code_of(row)
    row.code_digest = digest_of(code)
    row.save(force_insert=True)
    return WindowPass(row.id, code, row.expires_at)


def same_window_code(code_id: UUID) -> WindowPass:
    """The pass made before, for a request that came twice: its code follows from its row."""
    row = WindowCode.objects.get(pk=code_id)
    return WindowPass(row.id, _code_of(row), row.expires_at)


def redeem_window_code(*, code: str, purpose: str, at: datetime) -> tuple[UUID, UUID]:
    """Spend a code: the bank and customer it stands for. Opens its own block, since only the code names the bank.

    Raises WindowCodeRefused.
    """
    named = read_bank_token(code, kind=WINDOW_CODE_KIND)
    if named is None:
        raise WindowCodeRefused("The code is not one of ours.")
    with serving(named.bank_id):
        usable = WindowCode.objects.filter(
            code_digest=named.digest, purpose=purpose, used_at__isnull=True, expires_at__gt=at
        )
        customer_id = (
            usable.filter(bank__status="admitted").values_list("customer_id", flat=True).first()
        )
        # Whoever spends it first has it: the update says so, not the read before it.
        if customer_id is None or usable.update(used_at=at) != 1:
            raise WindowCodeRefused("The code has been used, or has expired.")
    return named.bank_id, customer_id


def _code_of(row: WindowCode) -> str:
    bank_id = current_bank_id()
    place = f"portal:v1:window-code:{bank_id}:{row.id}".encode()
    secret = base64.urlsafe_b64encode(derive_key(master_keys()[0], place)).decode().rstrip("=")
    return f"{WINDOW_CODE_KIND}_{bank_id.hex}_{secret}"


def _forget_expired(*, customer_id: UUID, at: datetime) -> None:
    WidgetAssertion.objects.filter(expires_at__lt=at).delete()
    WidgetSession.objects.filter(customer_id=customer_id, expires_at__lt=at - _KEPT).delete()
    WindowCode.objects.filter(customer_id=customer_id, expires_at__lt=at - _KEPT).delete()


def know_address(person: Person) -> None:
    """The address that somebody was invited at is theirs to sign in with.

    Following the invitation's link proves it, as a password reset does.
    """
    EmailAddress.objects.get_or_create(
        user=person, email=person.email, defaults={"verified": True, "primary": True}
    )
