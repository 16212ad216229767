"""Lists of what a bank told, read on after a cursor; the manners that receipts and shipments share."""

from http import HTTPStatus
from urllib.parse import quote

from partners.connectors.answers import LONGEST_ACCOUNT_ID, Node, read_json
from partners.connectors.base import (
    BadAnswer,
    BadCursor,
    BankAddress,
    Grant,
    Request,
    Steps,
)
from partners.connectors.refusals import expect

MAX_CURSOR = 512
_LAST_REVISION = 2**31 - 1


def ask(
    address: BankAddress, what: str, *, grant: Grant, account_external_id: str, after: str
) -> Steps[Node]:
    """The page of `what` after a place. BadCursor where the bank takes the place no more."""
    base = address.base_url.rstrip("/")
    url = f"{base}/partner/v1/accounts/{quote(account_external_id, safe='')}/{what}"
    if after:
        url += f"?after={quote(after, safe='')}"
    headers = {"Authorization": f"Bearer {grant.access_token}", "Accept": "application/json"}
    response = yield Request("GET", url, headers)
    if after and response.status == HTTPStatus.BAD_REQUEST:
        raise BadCursor
    expect(response, HTTPStatus.OK)
    return read_json(response)


def place_after(answer: Node, *, after: str) -> tuple[str, bool]:
    """The page's cursor, and whether more follows: never more of the same place for ever."""
    cursor = answer.identity("Cursor", limit=MAX_CURSOR)
    has_more = answer.members.get("HasMore")
    if not isinstance(has_more, bool):
        answer.wrong("HasMore", "not true or false")
    if has_more and cursor == after:
        raise BadAnswer("leads back to the same page", "Cursor")
    return cursor, has_more


def revision(row: Node) -> int:
    value = row.members.get("Revision")
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LAST_REVISION:
        row.wrong("Revision", "not a whole number from 1")
    return value


def of_account(row: Node, account_external_id: str) -> None:
    if row.identity("AccountId", limit=LONGEST_ACCOUNT_ID) != account_external_id:
        row.wrong("AccountId", "another account's")
