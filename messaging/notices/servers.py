"""What the servers that take notices have in common."""

from portal.tenancy.blocks import is_serving


class ServerAway(Exception):  # what the server is, not what we did
    """No conversation with the server came about: nothing has left us."""


class TransactionOpen(RuntimeError):
    """The network was called with a unit of work open."""


def require_no_transaction() -> None:
    """Raises TransactionOpen: a server may take as long as it likes, and a transaction may not."""
    if is_serving():
        raise TransactionOpen("no network call with a transaction open: read, call, then write")
