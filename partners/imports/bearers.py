"""Who brings a file over REST: the bank itself, by a token that it signs with the keys of its notifications."""

from datetime import UTC, datetime, timedelta

from partners.banks.keysets import refresh_jwks
from partners.banks.models import Bank
from partners.connectors.answers import Node
from partners.connectors.base import BadAnswer, BankAddress, NotificationRefused, UnknownSigningKey
from partners.connectors.partner.notifications import verified
from partners.integrations.queries import address_of, get_integration
from portal.rest.problems import NotSignedIn
from portal.tenancy.blocks import serving

SCOPE = "statements"
LONGEST = timedelta(minutes=10)
_LARGEST = 8 * 1024


def require_bank(bank: Bank, header: str, *, at: datetime) -> None:
    """The Authorization header proves the bank. Raises NotSignedIn. Opens its own block; may ask for the bank's keys."""
    scheme, _space, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > _LARGEST:
        raise NotSignedIn("Send a token that the bank signed, as a bearer token.")
    with serving(bank.id):
        integration = get_integration()
        address = address_of(integration, bank)
    try:
        _require_claims(_claims(bank, token, at=at), address, at)
    except (NotificationRefused, BadAnswer) as why:
        raise NotSignedIn(f"The token does not hold: {why}.") from None


def _claims(bank: Bank, token: str, *, at: datetime) -> Node:
    try:
        return verified(token.encode(), bank.jwks)
    except UnknownSigningKey:
        refresh_jwks(bank, at=at)
        return verified(token.encode(), bank.jwks)


def _require_claims(claims: Node, address: BankAddress, at: datetime) -> None:
    """A token for this and nothing else: an event that was pushed opens no door."""
    said = claims.members
    if said.get("iss") != address.signed_as:
        raise BadAnswer("another bank's", "iss")
    if said.get("aud") != address.client_id:
        raise BadAnswer("not for us", "aud")
    if said.get("scope") != SCOPE:
        raise BadAnswer(f"not {SCOPE}", "scope")
    issued, ends = _moment(said.get("iat"), "iat"), _moment(said.get("exp"), "exp")
    if not issued - LONGEST <= at < ends or ends - issued > LONGEST:
        raise BadAnswer("not of the last ten minutes", "exp")


def _moment(value: object, name: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**33:
        raise BadAnswer("not a moment in seconds", name)
    return datetime.fromtimestamp(value, UTC)
