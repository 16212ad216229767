"""What a walk brought back from the bank, sealed until the customer has said what of it may be read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from partners.connections.models import Authorisation
from partners.connectors.base import AccountRecord, TokenSet
from portal.secrets.fields import keep_secret, open_secret
from portal.secrets.tokens import digest_of


@dataclass(frozen=True)
class Brought:
    """The tokens, and the accounts that the bank allows: nothing else was read."""

    tokens: TokenSet
    accounts: tuple[AccountRecord, ...]
    calls_a_day: int | None = None

    @property
    def external_ids(self) -> frozenset[str]:
        return frozenset(each.external_id for each in self.accounts)


def keep_brought(walk: Authorisation, brought: Brought) -> None:
    """Seal it into the walk; saving is the caller's."""
    tokens = brought.tokens
    held = {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_at": tokens.expires_at.isoformat(),
        "accounts": [asdict(each) for each in brought.accounts],
        "calls_a_day": brought.calls_a_day,
    }
    keep_secret(walk, "brought", json.dumps(held))


def open_brought(walk: Authorisation) -> Brought:
    """What was kept. Raises SecretUnreadable."""
    held = json.loads(open_secret(walk, "brought"))
    tokens = TokenSet(
        held["access_token"], held["refresh_token"], datetime.fromisoformat(held["expires_at"])
    )
    accounts = tuple(map(_account, held["accounts"]))
    return Brought(tokens, accounts, held.get("calls_a_day"))


def _account(held: Mapping[str, Any]) -> AccountRecord:
    # JSON has lists alone.
    return AccountRecord(**{**held, "identifications": tuple(held.get("identifications", ()))})


def allowed_digest(connection_id: UUID, external_ids: Iterable[str]) -> str:
    """By what it is seen later whether the bank allows the same accounts, without keeping which those are."""
    return digest_of("\n".join([str(connection_id), *sorted(external_ids)]))
