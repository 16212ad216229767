"""Who a bearer token stands for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from accounts.signin.models import WidgetSession
from portal.secrets.tokens import read_bank_token
from portal.tenancy.blocks import current_bank_id, serving

SESSION_TOKEN_KIND = "ws"  # noqa: S105  # the token's first letters, not a token


@dataclass(frozen=True)
class WidgetPrincipal:
    """A customer of one bank in the chat frame, until their short session ends."""

    bank_id: UUID
    customer_id: UUID
    session_id: UUID
    expires_at: datetime

    @property
    def name(self) -> str:
        """Scopes idempotency keys and limits."""
        return f"customer:{self.customer_id}"

    @property
    def is_authenticated(self) -> bool:
        return True


def widget_session_of(token: str, at: datetime) -> WidgetPrincipal | None:
    """Whose session `token` is, None unless it is live and its bank admitted; opens its own block."""
    named = read_bank_token(token, kind=SESSION_TOKEN_KIND)
    if named is None:
        return None
    with serving(named.bank_id):
        session = live_sessions(at=at).filter(token_digest=named.digest).first()
        return None if session is None else principal_of(session)


def live_session(session_id: UUID, *, at: datetime) -> WidgetPrincipal | None:
    session = live_sessions(at=at).filter(pk=session_id).first()
    return None if session is None else principal_of(session)


def live_session_ids(among: Collection[UUID], *, at: datetime) -> set[UUID]:
    """Which of these sessions of the served bank still hold."""
    return set(live_sessions(at=at).filter(pk__in=among).values_list("pk", flat=True))


def live_sessions(*, at: datetime) -> QuerySet[WidgetSession]:
    """Sessions that hold at that time, none of a bank that is suspended."""
    return WidgetSession.objects.filter(
        expires_at__gt=at, ended_at__isnull=True, bank__status="admitted"
    )


def principal_of(session: WidgetSession) -> WidgetPrincipal:
    """Whom a session of the served bank stands for."""
    return WidgetPrincipal(
        bank_id=current_bank_id(),
        customer_id=session.customer_id,
        session_id=session.id,
        expires_at=session.expires_at,
    )
