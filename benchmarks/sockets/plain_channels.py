"""The baseline: the consumer that one writes by default, on channels_redis' pub/sub layer.

    BENCHMARK_VALKEY_URL=... uvicorn benchmarks.sockets.plain_channels:application

Clients open /ws/<name>; a message to the group `<name>` is sent to its socket as JSON.
"""

import os
from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="benchmark",  # signs nothing
    INSTALLED_APPS=["channels"],
    DATABASES={},
    USE_TZ=True,
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            # Without it redis-py 8 drops an idle socket every five seconds (django/channels_redis#422).
            "CONFIG": {
                "hosts": [{"address": os.environ["BENCHMARK_VALKEY_URL"], "socket_timeout": None}]
            },
        }
    },
)
django.setup()

from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402  # needs the settings
from channels.routing import URLRouter  # noqa: E402
from django.urls import path  # noqa: E402


class Chat(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        self.group = self.scope["url_route"]["kwargs"]["name"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:  # noqa: ARG002  # Channels' signature
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def told(self, event: dict[str, Any]) -> None:
        await self.send_json({"t": "eph", "type": "typing", "data": event["data"]})


_routed: Any = path
application = URLRouter([_routed("ws/<str:name>", Chat.as_asgi())])
