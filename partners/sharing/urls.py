"""Addresses of the doors to a customer's data: the same on both hosts, for other callers; and of the
customer's page, on the chat's alone."""

from django.urls import URLPattern, path
from rest_framework.authentication import BaseAuthentication

from accounts.clients.authentication import ClientAuthentication
from accounts.signin.authentication import WidgetAuthentication
from partners.sharing import api, views

_BASE = "api/v1"
_CONSENT = "sharing/consents/<uuid:consent_id>"


def _doors(caller: type[BaseAuthentication]) -> list[URLPattern]:
    doors: dict[str, type[api.SharingDoor]] = {
        "accounts": api.AccountsDoor,
        "accounts/<str:account_id>": api.AccountDoor,
        "accounts/<str:account_id>/balances": api.BalancesDoor,
        "accounts/<str:account_id>/transactions": api.TransactionsDoor,
        "accounts/<str:account_id>/receipts": api.ReceiptsDoor,
        "accounts/<str:account_id>/shipments": api.ShipmentsDoor,
        "transactions/sync": api.ChangesDoor,
    }
    return [
        path(f"{_BASE}/{address}", door.as_view(authentication_classes=[caller]))
        for address, door in doors.items()
    ]


CLIENT_DOORS: list[URLPattern] = [
    *_doors(ClientAuthentication),
    path(
        f"{_BASE}/consent", api.ConsentDoor.as_view(authentication_classes=[ClientAuthentication])
    ),
]
CUSTOMER_DOORS: list[URLPattern] = [
    *_doors(WidgetAuthentication),
    path("sharing/", views.sharing, name="sharing"),
    path("sharing/enter", views.enter, name="sharing_enter"),
    path("sharing/ticker", views.ticker, name="sharing_ticker"),
    path("sharing/accounts", views.accounts, name="sharing_accounts"),
    path("sharing/check", views.check, name="sharing_check"),
    path("sharing/export", views.export, name="sharing_export"),
    path(f"{_CONSENT}/receipt.json", views.receipt, {"form": "json"}, name="sharing_receipt"),
    path(f"{_CONSENT}/receipt.pdf", views.receipt, {"form": "pdf"}, name="sharing_receipt_pdf"),
    path(f"{_CONSENT}/change", views.change, name="sharing_change"),
    path(f"{_CONSENT}/end", views.end, name="sharing_end"),
]
