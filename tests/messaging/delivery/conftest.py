"""The live server, for every test of sockets."""

from tests.messaging.delivery.live import portal, portal_beating

__all__ = ["portal", "portal_beating"]
