"""How every `web` process serves sockets: uvicorn's options, for its command line and for its `Config`."""

from typing import Any

# A message beyond that is 1009 before it is read; one beyond what the protocol takes (16 KiB) is told so by a
# code of its own. Whoever leaves a ping unanswered is gone.
SOCKETS: dict[str, Any] = {
    "ws": "portal.sockets:BoundedSocket",
    "ws_max_size": 64 * 1024,
    "ws_ping_interval": 15.0,
    "ws_ping_timeout": 15.0,
}


def socket_options() -> list[str]:
    """As words of the command line."""
    return [
        word
        for name, value in SOCKETS.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
