"""The three invented banks: what makes each its own."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class BankProfile:
    """One bank's public face. `shares` is what its site says about open data."""

    slug: str
    name: str
    accent: str
    currency: str
    zone: str
    locale: str
    country: str
    phone: str
    tagline: str
    promise: str
    town: str
    shares: bool

    @property
    def tz(self) -> ZoneInfo:
        """The zone in which the bank's days begin and end."""
        return ZoneInfo(self.zone)


PROFILES: dict[str, BankProfile] = {
    profile.slug: profile
    for profile in (
        BankProfile(
            slug="aurelia",
            name="Banca Aurelia",
            accent="#9a3412",
            currency="EUR",
            zone="Europe/Rome",
            locale="it",
            country="IT",
            phone="+39 06 5550 0142",
            tagline="Banking with good light.",
            promise="Your accounts, your cards and a person to talk to, on one page.",
            town="Rome",
            shares=True,
        ),
        BankProfile(
            slug="northmoor",
            name="Northmoor Bank",
            accent="#1f5168",
            currency="GBP",
            zone="Europe/London",
            locale="en",
            country="GB",
            phone="+44 1632 960 142",
            tagline="Plain-spoken banking since the railway came.",
            promise="No small print we would not read to you aloud.",
            town="Northmoor",
            shares=True,
        ),
        BankProfile(
            slug="quillon",
            name="Quillon Privatbank",
            accent="#7a6a45",
            currency="CHF",
            zone="Europe/Zurich",
            locale="de",
            country="CH",
            phone="+41 44 555 01 42",
            tagline="Discretion, kept.",
            promise="We share no customer data with chats or third parties. Not by default: at all.",
            town="Zurich",
            shares=False,
        ),
    )
}
