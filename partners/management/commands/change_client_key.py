"""`manage.py change_client_key BANK make|use|drop`: our next key at a bank. See docs/running.md."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from partners.banks.models import Bank
from partners.integrations.changing import drop_key, store_next_key, try_next_key, use_key
from partners.integrations.models import ClientKey, Mode
from portal.rest.problems import Problem
from portal.tenancy.blocks import serving

BY = "command"
NEXT = ClientKey.Place.NEXT


class Command(BaseCommand):
    help = "Make our next key at a bank, try it there and use it once it is taken, use it at once, or drop it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", metavar="BANK", help="by its name in addresses")
        parser.add_argument("do", choices=["make", "try", "use", "drop"])
        parser.add_argument("--mode", choices=Mode.values, default=Mode.TEST.value)

    def handle(self, *_arguments: Any, **options: Any) -> None:
        bank = Bank.objects.filter(slug=options["slug"]).first()
        if bank is None:
            raise CommandError(f"No such bank: {options['slug']}. Nothing was changed.")
        try:
            said = _done(bank, options["do"], options["mode"])
        except Problem as problem:
            raise CommandError(f"{problem.title}. Nothing was changed.") from None
        self.stdout.write(f"{bank.slug}: {said}")


def _done(bank: Bank, step: str, mode: str) -> str:
    at = timezone.now()
    if step == "try":
        taken = try_next_key(bank_id=bank.id, mode=mode, clock=timezone.now)
        return "the bank takes the next key: it is in use." if taken else "it is not taken yet."
    with serving(bank.id):
        if step == "make":
            row = store_next_key(mode=mode, by=BY, at=at)
            return f"the next key is {row.key_id}: published, and not used yet."
        if step == "use":
            use_key(mode=mode, place=NEXT, by=BY, at=at)
            return "the next key is in use; the one before stays published for a week."
        drop_key(mode=mode, place=NEXT, by=BY, at=at)
        return "the next key is dropped."
