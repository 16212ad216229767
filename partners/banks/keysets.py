"""A bank's published keys: what its signed words are checked against (RFC 7517)."""

import logging
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import orjson
from django.conf import settings
from django.db.models import Q

from partners.banks.models import Bank
from portal.rest.problems import Unavailable
from portal.tenancy.blocks import is_serving

logger = logging.getLogger(__name__)

NOT_AGAIN_WITHIN = timedelta(minutes=1)
_AGAIN_AFTER_FAILURE = timedelta(seconds=5)
_LARGEST = 64 * 1024
_MOST_KEYS = 20
_PATIENCE_SECONDS = 5


class KeysUnavailable(Unavailable):
    """The bank's keys cannot be read now, so nothing that it signed can be believed."""

    slug = "bank-keys-unavailable"
    title = "The bank cannot be asked for its keys just now"


def refresh_jwks(bank: Bank, *, at: datetime) -> None:
    """Fetch the bank's keys into `bank.jwks`, at most once a minute. Raises KeysUnavailable.

    Calls the network, so no unit of work may be open.
    """
    if is_serving():
        raise RuntimeError("keys are fetched outside of any transaction")
    if not _claim(bank, at):
        bank.refresh_from_db(fields=["jwks", "jwks_fetched_at"])
        if not bank.jwks:
            raise KeysUnavailable
        return
    try:
        jwks = _fetched(bank.jwks_url)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as reason:
        logger.warning("keys of %s not read: %s", bank.slug, type(reason).__name__)
        soon = at - NOT_AGAIN_WITHIN + _AGAIN_AFTER_FAILURE
        Bank.objects.filter(pk=bank.pk).update(jwks_fetched_at=soon)
        raise KeysUnavailable from reason
    Bank.objects.filter(pk=bank.pk).update(jwks=jwks)
    bank.jwks = jwks


def _claim(bank: Bank, at: datetime) -> bool:
    # Of many that ask at once, one fetches.
    due = Q(jwks_fetched_at__isnull=True) | Q(jwks_fetched_at__lte=at - NOT_AGAIN_WITHIN)
    return Bank.objects.filter(due, pk=bank.pk).update(jwks_fetched_at=at) == 1


def _fetched(url: str) -> dict[str, Any]:
    """The key set at `url`. Raises httpx's errors, or ValueError for what is not a small key set."""
    address, host = _dialled(url)
    with (
        httpx.Client(timeout=_PATIENCE_SECONDS, follow_redirects=False, trust_env=False) as client,
        client.stream("GET", address, headers={"Host": host, "Accept": "application/json"}) as got,
    ):
        got.raise_for_status()
        body = b""
        for part in got.iter_bytes():
            body += part
            if len(body) > _LARGEST:
                raise ValueError("larger than a key set is")
    read = orjson.loads(body)
    keys = read.get("keys") if isinstance(read, dict) else None
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise ValueError("not a key set")
    return {"keys": [each for each in keys if isinstance(each, dict)]}


def _dialled(url: str) -> tuple[str, str]:
    """Where to connect, and the Host to name there: `*.localhost` has no address but our own."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    if settings.PRODUCTION:
        if parts.scheme != "https":
            raise ValueError("keys are read over https alone")
        return url, parts.netloc
    if name == "localhost" or name.endswith(".localhost"):
        port = f":{parts.port}" if parts.port else ""
        return urlunsplit(parts._replace(netloc=f"127.0.0.1{port}")), parts.netloc
    return url, parts.netloc
