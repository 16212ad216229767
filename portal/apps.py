"""The ground floor as a Django app."""

from importlib import import_module

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Makes our Celery app the current one, and our checks known, in every process with Django.
        import_module("portal.celery")
        import_module("portal.checks")
