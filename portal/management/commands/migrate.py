"""`manage.py migrate`: Django's own, which seldom looks for garbage meanwhile."""

import gc
from typing import Any

from django.core.management.commands import migrate

# Django makes every related model anew for each step, and the collector walks them all: a third of the time.
# Never looking would take twice the memory of looking this seldom.
_SELDOM = (1_000_000, 2, 1000)


class Command(migrate.Command):
    def handle(self, *arguments: Any, **options: Any) -> None:
        before = gc.get_threshold()
        gc.set_threshold(*_SELDOM)
        try:
            super().handle(*arguments, **options)
        finally:
            gc.set_threshold(*before)
