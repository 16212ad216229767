"""`manage.py rotate_signing_key BANK`: a new key for what a bank signs. See docs/running.md."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.disclosure.sealing import change_key
from partners.banks.models import Bank


class Command(BaseCommand):
    help = "Have banks sign with a new key from now on; their old public keys stay published."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="BANK", help="by its name in addresses")
        parser.add_argument("--all", action="store_true", help="every bank, one after the other")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        slugs = set(options["slugs"])
        if bool(slugs) == options["all"]:
            raise CommandError("Name banks, or say --all.")
        # Suspended ones too: what they signed is looked at on.
        banks = Bank.objects.order_by("slug")
        chosen = list(banks if options["all"] else banks.filter(slug__in=slugs))
        missing = slugs - {each.slug for each in chosen}
        if missing:
            raise CommandError(f"No such bank: {', '.join(sorted(missing))}. Nothing was changed.")
        for each in chosen:
            at = change_key(bank_id=each.id, clock=timezone.now)
            self.stdout.write(f"{each.slug}: a new key signs since {at:%Y-%m-%dT%H:%M:%SZ}.")
