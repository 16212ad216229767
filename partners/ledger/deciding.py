"""What staff decide: whether two entries are one payment, and which of two versions of a payment is so."""

from datetime import datetime
from uuid import UUID

from partners.ledger.actions import held_account
from partners.ledger.merging import Merge, Merged
from partners.ledger.models import Account, EntryConflict, EntryPair
from partners.ledger.naming import tellers_of
from partners.ledger.rules import Page
from partners.ledger.sources import is_live, row_of
from partners.ledger.staging import Place
from portal.rest.problems import Conflict, NotFound
from portal.tenancy.blocks import current_bank_id


class AlreadyDecided(Conflict):
    slug = "already-decided"
    title = "Somebody has decided this already"


class CannotBeTaken(Conflict):
    slug = "cannot-be-taken"
    title = "This version cannot be taken over"


def decide_pair(pair_id: UUID, *, same: bool, by: str, at: datetime) -> tuple[Account, Merged]:
    """Two entries are one payment from now on, or two for good; the account, held, and what it changed.

    Raises NotFound, AlreadyDecided.
    """
    named = EntryPair.objects.filter(pk=pair_id).values_list("account_id", flat=True).first()
    if named is None:
        raise NotFound
    account = held_account(named)
    pair = EntryPair.objects.filter(pk=pair_id).first()
    if pair is None or pair.state != EntryPair.State.OPEN:
        raise AlreadyDecided
    pair.state = EntryPair.State.SAME if same else EntryPair.State.TWO
    pair.decided_by, pair.decided_at = by, at
    pair.save(update_fields=["state", "decided_by", "decided_at"])
    if not same:
        return account, Merged(through_seq=account.change_seq)
    if pair.reason == EntryPair.Reason.NAMES:
        _note_renumbered(account, pair)
    merge = Merge(account, "staff", Page((), ()), at=at)
    merge.join().bring_together(pair.first_id, pair.second_id)
    merge.settle()
    merge.write()
    return account, merge.end()


def _note_renumbered(account: Account, pair: EntryPair) -> None:
    """Remember the statement that told both under references of its own, whoever shows them."""
    tellers = tellers_of(Place(current_bank_id(), account.id, "staff"), [pair])
    both = tellers[pair.first_id] & tellers[pair.second_id]
    anew = {source for source in both if not is_live(source)} - set(account.renumbers)
    if anew:
        account.renumbers = [*account.renumbers, *sorted(anew)]
        account.save(update_fields=["renumbers"])


def decide_conflict(
    conflict_id: UUID, *, take: bool, by: str, at: datetime
) -> tuple[Account, Merged]:
    """The bank's other version is so from now on, or never was; the account, held, and what it changed.

    Raises NotFound, AlreadyDecided, CannotBeTaken.
    """
    named = EntryConflict.objects.filter(pk=conflict_id).values_list("account_id", flat=True)
    account_id = named.first()
    if account_id is None:
        raise NotFound
    account = held_account(account_id)
    conflict = EntryConflict.objects.get(pk=conflict_id)
    if conflict.state != EntryConflict.State.OPEN:
        raise AlreadyDecided
    conflict.state = EntryConflict.State.TAKEN if take else EntryConflict.State.KEPT
    conflict.decided_by, conflict.decided_at = by, at
    conflict.save(update_fields=["state", "decided_by", "decided_at"])
    if not take:
        return account, Merged(through_seq=account.change_seq)
    return account, _taken(account, conflict, at=at)


def _taken(account: Account, conflict: EntryConflict, *, at: datetime) -> Merged:
    if not conflict.said or conflict.currency != account.currency:
        raise CannotBeTaken
    row = row_of(conflict.said, source=conflict.source, external_id=conflict.external_id)
    merge = Merge(account, conflict.source, Page((row,), ()), at=at)
    merge.join().correct(conflict.entry_id, row)
    merge.settle()
    merge.write()
    return merge.end()
