"""Which client program a bearer token stands for."""

from dataclasses import dataclass
from datetime import datetime

from accounts.clients.models import AccessToken
from portal.secrets.tokens import digest_of

LONGEST_TOKEN = 255


@dataclass(frozen=True)
class ClientPrincipal:
    """A client program, and the scopes that its token was issued for. Worth nothing without a consent."""

    client_id: int
    scopes: frozenset[str]

    @property
    def name(self) -> str:
        """Scopes idempotency keys and limits."""
        return f"client:{self.client_id}"

    @property
    def is_authenticated(self) -> bool:
        return True


def client_of_token(token: str, at: datetime) -> ClientPrincipal | None:
    """Whose live access token `token` is; it is looked up by its hash."""
    if not token or len(token) > LONGEST_TOKEN:
        return None
    found = (
        AccessToken.objects.filter(
            token_checksum=digest_of(token), expires__gt=at, application__isnull=False
        )
        .values_list("application_id", "scope")
        .first()
    )
    if found is None or found[0] is None:
        return None
    return ClientPrincipal(client_id=found[0], scopes=frozenset(found[1].split()))
