"""Every door for WebSockets, beside Django's for HTTP."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

# Before anything that imports tables.
django_application = get_asgi_application()

from messaging.delivery.hub import lifespan  # noqa: E402  # needs Django's tables
from messaging.routing import websocket_urlpatterns  # noqa: E402  # needs Django's tables
from portal.telemetry.traces import start_tracing  # noqa: E402  # needs the settings

start_tracing("web")

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": URLRouter(websocket_urlpatterns),
        "lifespan": lifespan,
    }
)
