"""`manage.py seed_demo`: fills a development portal with three invented banks."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.local.demo import seed, write_demo


class Command(BaseCommand):
    help = "Fill a development portal with invented banks, staff, customers and a program."

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("A production portal has real banks; this makes up some.")
        write_demo(seed(at=timezone.now()), settings.PORTAL_STATE)
        self.stdout.write("The demonstration is ready.")
