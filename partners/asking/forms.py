"""What a customer's answer to a program may be."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.consent.rules import Resource
from partners.asking.queries import Offer
from partners.asking.rules import ends_within
from partners.connections.forms import ChoiceForm


class YesForm(ChoiceForm):
    """`resources()` is what was chosen, `expires_at()` until when."""

    def __init__(self, data: Any, *, offer: Offer, days: int) -> None:
        super().__init__(
            data,
            accounts=[str(each.id) for each in offer.accounts],
            feeds=offer.feeds,
            alert_types=list(offer.alerts),
            ends=ends_within(days),
        )

    @property
    def chosen_feeds(self) -> list[str]:
        return list(self.cleaned_data["feeds"])

    @property
    def chosen_alerts(self) -> list[str]:
        return list(self.cleaned_data["alert_types"])

    def resources(self) -> Sequence[Resource]:
        return [
            Resource(UUID(account_id), scope, code)
            for account_id in self.cleaned_data["accounts"]
            for scope, codes in (("feed", self.chosen_feeds), ("alert", self.chosen_alerts))
            for code in codes
        ]

    def expires_at(self, at: datetime) -> datetime:
        days: int = self.cleaned_data["ends"]
        return at + timedelta(days=days)
