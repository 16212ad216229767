"""What the gate says of our own reading at a bank, and the record of it.

In the block of the customer whose authorisation we read with: what counts is what they allow, to
whomever. A joint holder's consent opens that holder's connection, and nobody else's.
"""

from datetime import datetime

from partners.feeds.cursors import Claim
from partners.sharing.gate import (
    PORTAL,
    Allowed,
    Ask,
    Door,
    Refused,
    Scope,
    authorize,
    disclosed,
    looked,
    note_refusal,
)
from portal.tenancy.blocks import serving_customer


class NotToBeRead(Exception):  # named for what is so
    """The gate refuses: the customer allows this feed to nobody, or the bank does not share it."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason.value)
        self.refused = refused

    @property
    def reason(self) -> str:
        return self.refused.reason.value


def require_permission(claim: Claim, *, at: datetime) -> Allowed:
    """The gate's word for reading the claimed feed now. Raises NotToBeRead."""
    decided = authorize(
        Ask(
            recipient=PORTAL,
            purpose=None,
            scope=Scope.FEED,
            code=claim.kind,
            account_ids=(claim.account_id,),
            door=Door.SYNC,
            at=at,
        )
    )
    if isinstance(decided, Refused):
        raise NotToBeRead(decided)
    return decided


def note_reading(claim: Claim, allowed: Allowed, *, news: int) -> None:
    """Write down what a reading brought; those that bring nothing new are counted day by day."""
    if news:
        disclosed(allowed, {claim.account_id: news})
    else:
        looked(allowed)


def note_first_refusal(claim: Claim, refused: Refused) -> None:
    """Write down, in the bank's block, that the feed may not be read; not again while that stays so."""
    if claim.last_problem == refused.reason.value:
        return
    with serving_customer(claim.bank_id, claim.customer_id):
        note_refusal(refused)
