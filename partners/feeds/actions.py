"""A bank's decisions on what it shares."""

from collections.abc import Iterable

from partners.feeds.models import Feed, FeedKind
from partners.feeds.rules import MASKABLE
from portal.rest.problems import NotFound


def switch_feed(*, kind: str, on: bool) -> Feed:
    """Turn a feed on or off. Off suspends every consent for it at once, and revokes none.

    Raises NotFound for a kind that does not exist.
    """
    if kind not in FeedKind.values:
        raise NotFound
    feed = _locked(kind)
    feed.enabled = on
    feed.save(update_fields=["enabled", "changed_at"])
    return feed


def mask_feed(*, kind: str, fields: Iterable[str]) -> Feed:
    """Name the fields of a feed, or of accounts, that never leave; fields that it does not have are passed over."""
    feed = _locked(kind)
    feed.masked_fields = sorted(set(fields) & set(MASKABLE[kind]))
    feed.save(update_fields=["masked_fields", "changed_at"])
    return feed


def _locked(kind: str) -> Feed:
    if kind not in MASKABLE:
        raise NotFound
    Feed.objects.bulk_create([Feed(kind=kind)], ignore_conflicts=True)
    return Feed.objects.select_for_update(no_key=True).get(kind=kind)
