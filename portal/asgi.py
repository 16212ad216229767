"""Every door for WebSockets, beside Django's for HTTP."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django
from channels.routing import ProtocolTypeRouter, URLRouter

# Before anything that imports tables.
django.setup(set_prefix=False)

from messaging.delivery.hub import lifespan  # noqa: E402  # needs Django's tables
from messaging.routing import websocket_urlpatterns  # noqa: E402  # needs Django's tables
from portal.telemetry.traces import start_tracing  # noqa: E402  # needs the settings
from portal.uploads import Handler  # noqa: E402  # needs the settings

start_tracing("web")

application = ProtocolTypeRouter(
    {
        "http": Handler(),
        "websocket": URLRouter(websocket_urlpatterns),
        "lifespan": lifespan,
    }
)
