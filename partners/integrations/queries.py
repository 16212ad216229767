"""How to reach the served bank."""

from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.conf import settings

from partners.banks.models import Bank
from partners.connectors.base import BankAddress, ClientMethod, Connector
from partners.connectors.catalogue import CONNECTORS
from partners.integrations.models import ClientKey, Integration
from partners.integrations.proving import ClientKeys, with_keys
from partners.integrations.rules import public_jwk
from portal.rest.problems import Conflict
from portal.secrets.fields import open_secret
from portal.tenancy.blocks import current_bank_id

_PUBLISHED = (ClientKey.Place.NEXT, ClientKey.Place.BEFORE)


class NotConnectedYet(Conflict):
    slug = "bank-not-connected"
    title = "The bank has not connected its systems yet"


def get_integration(mode: str | None = None) -> Integration:
    """The served bank's integration of that mode; by default live, else test. Raises NotConnectedYet."""
    chosen = (
        Integration.objects.filter(mode=mode) if mode else Integration.objects.order_by("mode")
    )
    found = chosen.select_related("bank").first()
    if found is None:
        raise NotConnectedYet
    return found


def connector_of(integration: Integration, *, by: ClientKey | None = None) -> Connector:
    """The connector, with the addresses and our secret, or by another of our keys; opens a secret, so never log it."""
    connector = CONNECTORS[integration.connector](address_of(integration, integration.bank))
    if not integration.private_key:
        return connector
    return with_keys(connector, keys_of(integration, by or integration))


def keys_of(integration: Integration, row: Integration | ClientKey) -> ClientKeys:
    """By what we prove who we are; opens a secret, so never log it."""
    return ClientKeys(
        integration.client_id, open_secret(row, "private_key"), row.certificate, row.key_id
    )


def keys_beside(integration: Integration) -> dict[str, ClientKey]:
    """The next key and the one before, by their place, as far as there are such."""
    rows = ClientKey.objects.filter(bank_id=current_bank_id(), integration=integration)
    return {each.place: each for each in rows}


def public_keys() -> list[dict[str, Any]]:
    """The public halves of all our keys at the served bank: the one in use first, then the next, then the one before."""
    rows: list[Integration | ClientKey] = []
    for integration in Integration.objects.exclude(private_key="").order_by("mode"):
        beside = keys_beside(integration)
        rows += [integration, *(beside[each] for each in _PUBLISHED if each in beside)]
    return [_public_half(each, each.private_key, each.key_id, each.certificate) for each in rows]


@lru_cache(maxsize=1000)
def _public_half(
    row: Integration | ClientKey,
    sealed: str,  # noqa: ARG001  # rows are equal by their id: told apart by what is sealed in them
    key_id: str,
    certificate: str,
) -> dict[str, Any]:
    """Reckoned once a process: to open an RSA key costs a tenth of a second, and anybody may ask."""
    opened = open_secret(row, "private_key")
    return public_jwk(opened, key_id=key_id, certificate=certificate)


def address_of(integration: Integration, bank: Bank) -> BankAddress:
    by_secret = integration.authentication == Integration.Authentication.SECRET
    return BankAddress(
        base_url=integration.base_url,
        authorize_url=integration.authorize_url,
        token_url=integration.token_url,
        client_id=integration.client_id,
        client_secret=open_secret(integration, "client_secret") if by_secret else "",
        authenticates_by=cast(ClientMethod, integration.authentication),
        redirect_uri=f"{settings.CHAT_ORIGIN}/link/callback",
        jwks_url=bank.jwks_url,
        zone=ZoneInfo(bank.time_zone),
        issuer=bank.issuer,
        our_ip=settings.OUR_IP,
    )
