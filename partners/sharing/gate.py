"""The one gate: whether something may be released, and the record of it.

A door asks `authorize` in the transaction that reads. What it releases it notes with `disclosed`; what
it refuses it raises with `refuse`, and `recording_refusals`, outside the block, writes that down
after the rollback. Where a read goes on without the refused part, `note_refusal` writes it in place.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NoReturn
from uuid import UUID

from accounts.consent.queries import purpose_code_of
from accounts.disclosure.actions import Occasion, record_look, record_refusal, record_release
from accounts.disclosure.proofs import CHECKPOINT_HEADER, checkpoint_header
from partners.sharing.queries import allowances, bank_shares
from partners.sharing.rules import (
    BANK,
    CHAT,
    PORTAL,
    Allowed,
    Ask,
    Door,
    Reason,
    Recipient,
    Refused,
    Scope,
    decide,
)
from portal.rest.problems import Problem
from portal.telemetry.measures import GATE
from portal.tenancy.blocks import served, serving

__all__ = [
    "CHAT",
    "PORTAL",
    "Allowed",
    "Ask",
    "Door",
    "NotShared",
    "Reason",
    "Recipient",
    "Refusal",
    "Refused",
    "Scope",
    "authorize",
    "disclosed",
    "disclosed_to_bank",
    "looked",
    "note_refusal",
    "recording_refusals",
    "refuse",
]


@dataclass(frozen=True)
class Refusal:
    """A refusal, as it is written down: on the caller's own side, naming no row of anybody else."""

    bank_id: UUID
    occasion: Occasion
    reason: str
    consent_id: UUID | None = None
    account_ids: tuple[UUID, ...] = ()


class NotShared(Problem):
    """What was asked for may not leave; `refusal` is what the door's boundary writes down."""

    slug = "not-shared"
    title = "This is not shared with you"
    status = 403

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(detail)
        self.refusal = refusal


class BankSuspended(NotShared):
    slug = "bank-suspended"
    title = "The bank is suspended"


class BankNotSharing(NotShared):
    slug = "bank-not-sharing"
    title = "The bank does not share this"


class NotRegistered(NotShared):
    slug = "not-registered"
    title = "The program is not registered for this, or its token was not issued for it"


class ClientSuspended(NotShared):
    slug = "client-suspended"
    title = "The program is suspended"


class NoConsent(NotShared):
    slug = "no-consent"
    title = "The customer has not allowed this"


class ConsentRevoked(NotShared):
    slug = "consent-revoked"
    title = "The customer has ended this consent, or replaced it"


class ConsentExpired(NotShared):
    slug = "consent-expired"
    title = "This consent has expired"


class NotFoundHere(NotShared):
    """An account that is not shared, somebody else's, or nobody's: which, it does not say."""

    slug = "not-found"
    title = "There is no such thing here"
    status: ClassVar[int] = 404


_PROBLEMS: Mapping[Reason, type[NotShared]] = {
    Reason.BANK_SUSPENDED: BankSuspended,
    Reason.BANK_NOT_SHARING: BankNotSharing,
    Reason.CLIENT_SUSPENDED: ClientSuspended,
    Reason.NOT_REGISTERED: NotRegistered,
    Reason.NO_CONSENT: NoConsent,
    Reason.CONSENT_REVOKED: ConsentRevoked,
    Reason.CONSENT_EXPIRED: ConsentExpired,
    Reason.ACCOUNT_NOT_SHARED: NotFoundHere,
}


def authorize(ask: Ask) -> Allowed | Refused:
    """Decide within the open block: two queries whatever the number of accounts, three to refuse."""
    decision = _decided(ask)
    reason = "" if isinstance(decision, Allowed) else decision.reason.value
    GATE.labels(ask.door.value, "refused" if reason else "allowed", reason).inc()
    return decision


def _decided(ask: Ask) -> Allowed | Refused:
    shares = bank_shares(ask.scope, ask.code)
    decision = decide(ask, shares, allowances(ask, live_only_at=ask.at))
    if isinstance(decision, Allowed) or decision.reason is not Reason.NO_CONSENT:
        return decision
    # Only now does it matter whether there was a consent once.
    return decide(ask, shares, allowances(ask, live_only_at=None))


def disclosed(allowed: Allowed, row_counts: Mapping[UUID, int]) -> UUID:
    """Write the release down in the open block, with how many rows each account gave; its id."""
    rows: dict[UUID | None, dict[UUID, int]] = defaultdict(dict)
    for account_id in allowed.account_ids:
        if account_id in row_counts:
            rows[allowed.consents[account_id]][account_id] = row_counts[account_id]
    if not rows:
        # Asked, allowed, and nothing there: shown all the same that there is nothing.
        rows[allowed.consents[allowed.account_ids[0]]] = dict.fromkeys(allowed.account_ids, 0)
    return record_release(_occasion(allowed.ask, allowed.purpose), rows=rows)


def looked(allowed: Allowed) -> None:
    """Write down in the open block that a reading held nothing new: one row a day, and how often."""
    for account_id in allowed.account_ids:
        record_look(
            _occasion(allowed.ask, allowed.purpose),
            consent_id=allowed.consents[account_id],
            account_id=account_id,
        )


def disclosed_to_bank(
    *, what: str, consent_id: UUID | None, account_id: UUID, at: datetime, request_id: str
) -> UUID:
    """Write down, in the customer's open block, that their own bank is told what they ask of it.

    An instruction leaves after `authorize` allowed it, perhaps long after: `consent_id` is what it was
    allowed under then.
    """
    occasion = Occasion(
        at=at,
        recipient=BANK.name,
        door=Door.INSTRUCTION.value,
        feed=what,
        purpose="" if consent_id is None else purpose_code_of(consent_id),
        pseudonym=served().pseudonym,
        request_id=request_id,
    )
    return record_release(occasion, rows={consent_id: {account_id: 1}})


def refuse(refused: Refused) -> NoReturn:
    """Raise the problem that the refusal stands for; the boundary writes it down."""
    raise _PROBLEMS[refused.reason](_refusal(refused))


def note_refusal(refused: Refused) -> None:
    """Write the refusal down in the open block, where the read goes on without that part."""
    _write(_refusal(refused))


@contextmanager
def recording_refusals() -> Iterator[None]:
    """Put around the unit of work: a refusal that rolls it back is written in a transaction of its own."""
    try:
        yield
    except NotShared as problem:
        with serving(problem.refusal.bank_id):
            noted = {
                "Disclosure-Id": str(_write(problem.refusal)),
                CHECKPOINT_HEADER: checkpoint_header(),
            }
        # A guess is no customer's of that bank, and learns nothing of the bank.
        if problem.refusal.occasion.pseudonym is not None:
            problem.headers |= {name: value for name, value in noted.items() if value}
        raise


def _write(refusal: Refusal) -> UUID:
    return record_refusal(
        refusal.occasion,
        reason=refusal.reason,
        consent_id=refusal.consent_id,
        account_ids=refusal.account_ids,
    )


def _refusal(refused: Refused) -> Refusal:
    now = served()
    asked = refused.ask.account_ids or ()
    return Refusal(
        bank_id=now.bank_id,
        occasion=_occasion(refused.ask, refused.ask.purpose or ""),
        reason=refused.reason.value,
        consent_id=refused.consent_id or now.consent_id,
        # A guess at a foreign id is on the caller's own record, and does not say what it guessed.
        account_ids=tuple(each for each in asked if each in now.account_ids),
    )


def _occasion(ask: Ask, purpose: str) -> Occasion:
    return Occasion(
        at=ask.at,
        recipient=ask.recipient.name,
        door=ask.door.value,
        feed=ask.code,
        purpose=purpose,
        pseudonym=served().pseudonym,
        request_id=ask.request_id,
    )
