"""When what a program asks for ends, and where its customer is sent back to."""

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

DAYS = (30, 90, 180, 365)


def ends_within(days: int) -> list[int]:
    """The ends that a customer chooses from: no later than the program asks for."""
    return [*(each for each in DAYS if each < days), days]


def address_back(redirect_uri: str, **said: str) -> str:
    """The program's address with what it is told, beside what stands in it already."""
    parts = urlsplit(redirect_uri)
    query = [*parse_qsl(parts.query, keep_blank_values=True)]
    query += [(name, value) for name, value in said.items() if value]
    return urlunsplit(parts._replace(query=urlencode(query)))


def origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def scope_of_answer(
    feeds: Collection[str], alert_types: Collection[str], *, found_in: Mapping[str, str]
) -> str:
    """The feeds that a token has to be good for: those chosen, and those the alerts are found in."""
    return " ".join(sorted({*feeds, *(found_in[each] for each in alert_types)}))
