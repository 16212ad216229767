"""The ground floor as a Django app."""

from importlib import import_module

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Makes our Celery app the current one, in every process that has Django.
        import_module("portal.celery")
