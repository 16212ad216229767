"""Which client program a bearer token stands for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from accounts.clients.models import AccessToken, Client
from accounts.clients.rules import is_plain
from portal.secrets.tokens import digest_of

LONGEST_TOKEN = 255


@dataclass(frozen=True)
class ClientPrincipal:
    """A client program, and the scopes that its token was issued for. Worth nothing without a consent."""

    client_id: int
    # None where it is told without having asked by a token: then all that it registered.
    scopes: frozenset[str] | None
    token_id: int
    # The one consent that it is good for, by its reference; empty: whichever it names.
    consent: str = ""

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
    return _principal(live_tokens(at=at).filter(token_checksum=digest_of(token)))


def client_of_token_id(token_id: int, at: datetime) -> ClientPrincipal | None:
    """The same for a token that was shown before: None once it is no longer good."""
    return _principal(live_tokens(at=at).filter(pk=token_id))


def live_token_ids(among: Collection[int], *, at: datetime) -> set[int]:
    """Which of these access tokens still hold."""
    return set(live_tokens(at=at).filter(pk__in=among).values_list("pk", flat=True))


def live_tokens(*, at: datetime) -> "QuerySet[AccessToken]":
    """Tokens that hold at that time, none of a program that is suspended."""
    tokens: QuerySet[AccessToken] = AccessToken.objects.filter(
        expires__gt=at, application__status=Client.Status.ADMITTED
    )
    return tokens


def find_client(client_id: str) -> Client | None:
    """The program of that public name, whatever its status."""
    if not is_plain(client_id):
        return None
    found: Client | None = Client.objects.filter(client_id=client_id).first()
    return found


def _principal(tokens: "QuerySet[AccessToken]") -> ClientPrincipal | None:
    found = tokens.values_list("application_id", "scope", "pk", "consent").first()
    if found is None or found[0] is None:
        return None
    return ClientPrincipal(
        client_id=found[0],
        scopes=frozenset(found[1].split()),
        token_id=found[2],
        consent=found[3],
    )
