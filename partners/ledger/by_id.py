"""What a bank says of entries by their ids alone: that one is no more, or was posted under another.

`account` is held, and `source` is who says so, as for a merge.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import QuerySet

from partners.ledger import staging
from partners.ledger.models import Account, Entry, EntryAlias
from portal.tenancy.blocks import current_bank_id


def remove_entries(
    account: Account, *, source: str, external_ids: Sequence[str], at: datetime
) -> int:
    """Keep as removed what the bank names by the ids that they have now; how many were not before.

    An id that an entry only had before names nothing that is gone: it was posted under another.
    """
    named = _of(account, source).filter(external_id__in=external_ids)
    gone = list(named.exclude(status=Entry.Status.REMOVED).order_by("id").values_list("id"))
    for (entry_id,) in gone:
        account.change_seq += 1
        staging.remove(entry_id, seq=account.change_seq, at=at, why=Entry.Removal.TOLD)
    if gone:
        account.save(update_fields=["change_seq"])
    return len(gone)


def rename_pending(account: Account, *, source: str, posted: Mapping[str, str]) -> None:
    """Let pending entries go by the ids under which the bank posted them; `posted`: the new id by the old.

    So the posted row that is merged next is a change of the entry that it was, and no other. Where the
    new id names an entry already, nothing is done: twice is once.
    """
    entries = _of(account, source)
    known = set(
        entries.filter(external_id__in=posted.values()).values_list("external_id", flat=True)
    )
    waiting = entries.filter(external_id__in=posted, status=Entry.Status.PENDING)
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
