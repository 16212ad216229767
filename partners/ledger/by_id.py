"""What a bank says of entries by their ids alone: that one is no more, or was posted under another.

`account` is held, and `source` is who says so, as for a merge.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from partners.ledger import staging
from partners.ledger.merging import Merge, Merged
from partners.ledger.models import Account, Entry, EntryAlias
from partners.ledger.rules import REMOVED, EntryRow, Page
from partners.ledger.sources import row_of
from partners.ledger.staging import Place
from portal.tenancy.blocks import current_bank_id


def remove_entries(
    account: Account, *, source: str, external_ids: Collection[str], at: datetime
) -> Merged:
    """Keep as removed what the bank names by the ids that they have now; what it did to the account.

    What another source tells as posted stays, as that one tells it, whichever of the two came first. An id that
    an entry only had before names nothing that is gone: it was posted under another.
    """
    if not external_ids:
        return Merged(through_seq=account.change_seq)
    place = Place(current_bank_id(), account.id, source)
    named = staging.named(place, list(external_ids))
    rows = {each.id: each.row for each in named.values() if each.row.status != REMOVED}
    if not set(account.sources) - {source}:
        return _removed(account, rows, at=at)
    told_of = {each.entry_id for each in staging.told_otherwise(place, rows).values() if each.said}
    alone = _removed(account, rows.keys() - told_of, at=at)
    merge = Merge(account, source, Page((), ()), at=at)
    joining = merge.join()
    joining.removed = {entry_id: rows[entry_id] for entry_id in told_of}
    joining.unsaid = _hidden(place, external_ids)
    merge.settle()
    merge.write()
    return alone.then(_without_removed(merge.end()))


def _removed(account: Account, entry_ids: Collection[UUID], *, at: datetime) -> Merged:
    for entry_id in sorted(entry_ids):
        account.change_seq += 1
        staging.remove(entry_id, seq=account.change_seq, at=at, why=Entry.Removal.TOLD)
    if entry_ids:
        account.save(update_fields=["change_seq"])
    return Merged(removed=len(entry_ids), through_seq=account.change_seq)


def _hidden(
    place: Place, external_ids: Collection[str]
) -> dict[tuple[str, str], tuple[UUID, EntryRow]]:
    """What the source says under these ids of entries that another one shows."""
    aliases = EntryAlias.objects.filter(
        account_id=place.account_id, source=place.source, external_id__in=external_ids
    )
    return {
        (place.source, key): (entry_id, row_of(said, source=place.source, external_id=key))
        for key, entry_id, said in aliases.values_list("external_id", "entry_id", "said")
        if said
    }


def _without_removed(merged: Merged) -> Merged:
    """What others say is told of among the changed, what nobody says any more among the removed."""
    left = [each for each in merged.modified if each.row.status != REMOVED]
    gone = [each.id for each in merged.modified if each.row.status == REMOVED]
    Entry.objects.filter(pk__in=gone).update(removed_for=Entry.Removal.TOLD)
    return replace(merged, modified=left, removed=merged.removed + len(gone))


def rename_pending(account: Account, *, source: str, posted: Mapping[str, str]) -> None:
    """Let pending entries go by the ids under which the bank posted them; `posted`: the new id by the old.

    So the posted row that is merged next is a change of the entry that it was, and no other; one that the bank
    took back in a round before comes back with it. Where the new id names an entry already, nothing is done:
    twice is once.
    """
    entries = _of(account, source)
    known = set(
        entries.filter(external_id__in=posted.values()).values_list("external_id", flat=True)
    )
    waiting = entries.filter(external_id__in=posted, merged_into=None).exclude(
        status=Entry.Status.POSTED
    )
    for entry in waiting.order_by("id"):
        before, after = entry.external_id, posted[entry.external_id]
        if after in known:
            continue
        known.add(after)
        aliases = EntryAlias.objects.filter(account_id=account.id, source=source)
        aliases.filter(external_id=after).delete()
        made = EntryAlias(
            account_id=account.id, entry_id=entry.id, source=source, external_id=before
        )
        EntryAlias.objects.bulk_create([made], ignore_conflicts=True)
        Entry.objects.filter(pk=entry.id).update(external_id=after)


def _of(account: Account, source: str) -> QuerySet[Entry]:
    return Entry.objects.filter(bank_id=current_bank_id(), account_id=account.id, source=source)
