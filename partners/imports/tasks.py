"""Wake-ups of reading files: each finds by itself what is due, may be lost, and may run twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from partners.banks.models import Bank
from partners.banks.queries import bank_ids
from partners.imports import files
from partners.imports.actions import READ_DUE, forget_old, give_up_waiting
from partners.imports.dropping import look, passed_over
from partners.imports.queries import banks_with_due_imports, still_wanted
from partners.imports.reading import read_due as read_bank
from portal.tenancy.blocks import serving
from portal.tenancy.slots import one_of
from portal.wakeups import awake, wake

# A table whose columns nobody names goes, as what a bank sent does.
_WAITS = timedelta(days=30)
# How long it is known what became of a file: as long as what a bank sends may be kept at most.
_KNOWN = timedelta(days=90)
_BEING_BROUGHT = timedelta(hours=6)
# Reading a large file through has to end in one go; what is stored after it goes on in the next.
_LONGEST = 1800
_SLOTS = 0x494D50  # a number of our own among advisory locks


@shared_task(name=READ_DUE, soft_time_limit=_LONGEST - 60, time_limit=_LONGEST)
def read_due(*, bank_id: str | None = None) -> None:
    """Read one bank's files that are due; without a bank, wake one of these for each that has some."""
    if bank_id is None:
        for each in banks_with_due_imports(at=timezone.now()):
            wake(READ_DUE, bank_id=str(each))
        return
    awake(READ_DUE, bank_id=UUID(bank_id))
    with reader_slot() as is_free:
        if is_free:
            read_bank(bank_id=UUID(bank_id), clock=timezone.now)


@contextmanager
def reader_slot() -> Iterator[bool]:
    """One of the few places for readers: the other workers are left for what is live. Freed when the process dies."""
    with one_of(settings.IMPORT_READERS, work=_SLOTS) as is_free:
        yield is_free


@shared_task(name="partners.imports.tasks.look_into_folders")
def look_into_folders() -> None:
    """Take what banks have dropped, and put away what was read."""
    for bank in Bank.objects.filter(status=Bank.Status.ADMITTED).order_by("id"):
        with passed_over(bank):
            look(bank, clock=timezone.now)


@shared_task(name="partners.imports.tasks.tidy")
def tidy() -> None:
    """Let go of files that nobody reads any more, bank by bank."""
    at = timezone.now()
    for bank_id in bank_ids():
        with serving(bank_id):
            give_up_waiting(before=at - _WAITS, at=at)
            forget_old(before=at - _KNOWN)
            found = files.lying(bank_id, since_before=at - _BEING_BROUGHT)
            wanted = still_wanted(found)
        for each in found:
            if each not in wanted:
                files.forget(bank_id=bank_id, import_id=each)
