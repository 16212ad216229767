"""Opaque cursors: signed, bound to whom they were given and for what."""

from typing import Any

from django.core import signing

from portal.rest.problems import BadCursor

LONGEST = 4096


def seal_cursor(place: Any, *, bound_to: str) -> str:
    """A cursor for `place` (JSON-ready) that opens for the same `bound_to` alone, such as the
    route, the customer and the consent."""
    return signing.dumps(place, salt=f"portal.cursor:{bound_to}", compress=True)


def open_cursor(text: str, *, bound_to: str) -> Any:
    """The place. Raises BadCursor for one that is altered, too long or somebody else's."""
    if len(text) > LONGEST:
        raise BadCursor
    try:
        return signing.loads(text, salt=f"portal.cursor:{bound_to}")
    except signing.BadSignature as reason:
        raise BadCursor from reason
