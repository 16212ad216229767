"""What a client program may do, from what it registered."""

from collections.abc import Collection, Iterable

GRANT_TYPE = "client_credentials"
# The longest client id and secret that we make are far shorter.
LONGEST_CREDENTIAL = 255


def scopes_of(registered: Iterable[object], *, known: Collection[str]) -> list[str]:
    """The scopes of a client's registered feeds, without those that this portal does not know."""
    return sorted({str(each) for each in registered} & set(known))


def is_plain(text: object) -> bool:
    """Whether a credential can be one of ours: the database takes no NUL, and we make none that long."""
    return isinstance(text, str) and len(text) <= LONGEST_CREDENTIAL and text.isprintable()
