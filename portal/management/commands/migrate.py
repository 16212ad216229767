"""`manage.py migrate`: Django's own, which does not look for garbage meanwhile."""

import gc
from typing import Any

from django.core.management.commands import migrate


class Command(migrate.Command):
    def handle(self, *arguments: Any, **options: Any) -> None:
        # Django makes every related model anew for each step, and the collector walks them all: a third of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            super().handle(*arguments, **options)
        finally:
            if collecting:
                gc.enable()
