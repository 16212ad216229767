"""What makes us look whether a connection is for anything still. Each may be heard twice."""

from accounts.events import ConsentRevoked, ConsentSuperseded
from partners.connections.ending import look_soon
from partners.events import AccountsLinked
from portal.outbox.events import Delivered


def on_less_allowed(
    event: ConsentRevoked | ConsentSuperseded | AccountsLinked, delivered: Delivered
) -> None:
    """A consent ended or names less, or an account moved to another connection."""
    look_soon(customer_id=event.customer_id, at=delivered.occurred_at)
