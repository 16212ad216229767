"""Which handler hears which event: the one list."""

from portal.outbox.events import Subscription

SUBSCRIPTIONS: tuple[Subscription, ...] = ()
