"""Links to an alert. They name a card and nothing else: whoever follows one still has to sign in at the bank."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from partners.banks.models import Bank

# What the chat's loader looks for in the address of the bank's page.
PARAMETER = "chat_alert"


def alert_path(bank: Bank, card_id: UUID) -> str:
    """The page of ours that says where to sign in, on the chat's host."""
    return reverse("open_alert", args=[bank.slug, card_id], urlconf="portal.urls.chat")


def alert_link(bank: Bank, card_id: UUID) -> str:
    return settings.CHAT_ORIGIN + alert_path(bank, card_id)


def chat_page_of(bank: Bank, card_id: UUID) -> str:
    """The bank's own page that holds the chat, told which card to open."""
    parts = urlsplit(bank.chat_page or bank.website)
    query = [*parse_qsl(parts.query), (PARAMETER, str(card_id))]
    return urlunsplit(parts._replace(path=parts.path or "/", query=urlencode(query)))
