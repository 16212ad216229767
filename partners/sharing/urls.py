"""Addresses of the doors to a customer's data: the same on both hosts, for other callers."""

from django.urls import URLPattern, path
from rest_framework.authentication import BaseAuthentication

from accounts.clients.authentication import ClientAuthentication
from accounts.signin.authentication import WidgetAuthentication
from partners.sharing import api

_BASE = "api/v1"


def _doors(caller: type[BaseAuthentication]) -> list[URLPattern]:
    doors: dict[str, type[api.SharingDoor]] = {
        "accounts": api.AccountsDoor,
        "accounts/<str:account_id>": api.AccountDoor,
        "accounts/<str:account_id>/balances": api.BalancesDoor,
        "accounts/<str:account_id>/transactions": api.TransactionsDoor,
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
CUSTOMER_DOORS: list[URLPattern] = _doors(WidgetAuthentication)
