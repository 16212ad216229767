"""How to reach the served bank."""

from typing import cast
from zoneinfo import ZoneInfo

from django.conf import settings

from partners.banks.models import Bank
from partners.connectors.base import BankAddress, ClientMethod, Connector
from partners.connectors.catalogue import CONNECTORS
from partners.integrations.models import Integration
from partners.integrations.proving import ClientKeys, with_keys
from portal.rest.problems import Conflict
from portal.secrets.fields import open_secret


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


def connector_of(integration: Integration) -> Connector:
    """The connector, with the addresses and our secret; opens a secret, so never log it."""
    connector = CONNECTORS[integration.connector](address_of(integration, integration.bank))
    if not integration.private_key:
        return connector
    return with_keys(connector, keys_of(integration))


def keys_of(integration: Integration) -> ClientKeys:
    """By what we prove who we are; opens a secret, so never log it."""
    return ClientKeys(
        integration.client_id,
        open_secret(integration, "private_key"),
        integration.certificate,
        integration.key_id,
    )


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
