"""What a consent may say, and what a new one does to those before it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

LONGEST = timedelta(days=365)
SCOPES = frozenset({"feed", "alert"})


@dataclass(frozen=True, order=True)
class Resource:
    """One feed or one alert type (`scope`, `code`) of one account."""

    account_id: UUID
    scope: str
    code: str


@dataclass(frozen=True)
class Needs:
    """What a purpose needs: no more than this may be asked for it."""

    feeds: Collection[str]
    alert_types: Collection[str]

    def cover(self, each: Resource) -> bool:
        return each.code in (self.feeds if each.scope == "feed" else self.alert_types)


def why_not(
    *, granted_at: datetime, expires_at: datetime, resources: Iterable[Resource], needs: Needs
) -> str:
    """What is wrong with such a consent, or the empty string."""
    chosen = list(resources)
    if not chosen:
        return "It names no account and feed."
    if any(each.scope not in SCOPES for each in chosen):
        return "A resource is a feed or an alert."
    if not all(needs.cover(each) for each in chosen):
        return "It names something that its purpose does not need."
    if not granted_at < expires_at <= granted_at + LONGEST:
        return "It ends after it begins, and within 365 days."
    return ""


def kept_of(old: Iterable[Resource], new: Iterable[Resource]) -> frozenset[Resource]:
    """What of an older consent a newer one leaves as it was: the accounts that it does not name."""
    named = {each.account_id for each in new}
    return frozenset(each for each in old if each.account_id not in named)
