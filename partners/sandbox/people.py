"""Invented customers and a year of their lives, the same every time for the same seed."""

from __future__ import annotations

import datetime as dt
import random
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from partners.sandbox.ledger import Entry, abroad
from partners.sandbox.merchants import ABROAD, NEIGHBOURHOODS, Merchant, Neighbourhood
from partners.sandbox.profiles import BankProfile

HISTORY_DAYS = 365
_NAMESPACE = uuid.UUID("6f1c2a52-6f0e-4c0b-9a0e-7d3a5d7c1e10")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NAMES = {
    "IT": (
        _words("Giulia Matteo Chiara Luca Serena Davide Elisa Tommaso Marta Pietro Irene Nicola"),
        _words(
            "Ferri Montaldo Bellandi Santoro Vergani Colombi Rinaldi Taverna Olivetta Brunello"
        ),
    ),
    "GB": (
        _words("Amelia Rowan Imogen Callum Beatrix Jonah Freya Dominic Nadia Owen Priya Edmund"),
        _words("Hartley Askwith Penrose Okafor Thornbury Mistry Lockwood Fairburn Rahman Whitlow"),
    ),
    "CH": (
        _words("Lena Jonas Mirjam Reto Nina Andrin Selina Urs Flavia Marco Annina Beat"),
        _words("Zumstein Aebischer Caduff Lüthold Brändli Tobler Gisler Imhof Rüegg Sutterlin"),
    ),
}
_SECRET_WORDS = _words(
    "amber basil cedar delta ember fjord grove heron indigo juniper kelp larch maple nectar "
    "olive pebble quartz river saffron timber umber velvet willow yarrow"
)
_PRODUCTS = {
    "IT": {"current": "Conto Chiaro", "card": "Carta Aurelia", "savings": "Conto Riserva"},
    "GB": {
        "current": "Everyday Account",
        "card": "Moor Credit Card",
        "savings": "Rainy Day Saver",
    },
    "CH": {"current": "Privatkonto", "card": "Kreditkarte Quill", "savings": "Sparkonto"},
}


@dataclass(frozen=True)
class InventedCard:
    """A payment card; only its last four digits exist."""

    id: str
    last4: str
    name: str


@dataclass(frozen=True)
class InventedAccount:
    """An account with an identification that cannot be real. `holders` are customers' positions."""

    id: str
    kind: str
    name: str
    currency: str
    scheme: str
    identification: str
    holders: tuple[int, ...]
    card: InventedCard | None
    balance_minor: int


@dataclass(frozen=True)
class InventedCustomer:
    """A person at the bank, with the password that the site shows."""

    position: int
    id: uuid.UUID
    login: str
    password: str
    name: str
    since: dt.date
    accounts: tuple[InventedAccount, ...]


def mail_address(login: str) -> str:
    """The address that the bank has verified: invented like its owner, and nowhere a real mailbox."""
    return f"{login}@post.example"


def dice(*parts: object) -> random.Random:
    """Repeatable chance for one purpose."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - invention, not secrecy


def invent_customers(profile: BankProfile, *, seed: int, count: int) -> list[InventedCustomer]:
    """The bank's customers. The second holds the first's current account jointly."""
    return [_invent_customer(profile, seed, position) for position in range(count)]


def _invent_customer(profile: BankProfile, seed: int, position: int) -> InventedCustomer:
    chance = dice(seed, profile.slug, "customer", position)
    order = dice(seed, profile.slug, "names")
    firsts, lasts = (order.sample(names, len(names)) for names in _NAMES[profile.country])
    pair = position % (len(firsts) * len(lasts))
    # Twelve and ten meet again after sixty: from there on the surnames are shifted by one.
    first, last = firsts[pair % len(firsts)], lasts[(pair + pair // 60) % len(lasts)]
    again = position // (len(firsts) * len(lasts))
    login = f"{_plain(first)}.{_plain(last)}{again + 1 if again else ''}"
    return InventedCustomer(
        position=position,
        id=uuid.uuid5(_NAMESPACE, f"{profile.slug}/{seed}/{position}"),
        login=login,
        password=f"{chance.choice(_SECRET_WORDS)}-{chance.choice(_SECRET_WORDS)}-{chance.randrange(10, 100)}",
        name=f"{first} {last}",
        since=dt.date(2012, 1, 1) + dt.timedelta(days=chance.randrange(4000)),
        accounts=tuple(_invent_accounts(profile, seed, position)),
    )


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in folded if letter.isascii() and letter.isalpha())


def _invent_accounts(profile: BankProfile, seed: int, position: int) -> Iterator[InventedAccount]:
    chance = dice(seed, profile.slug, "accounts", position)
    kinds = ["current"]
    if position % 3 != 1:
        kinds.append("savings")
    if position % 2 == 0:
        kinds.append("card")
    balances = {"current": (84000, 620000), "savings": (310000, 2900000), "card": (-96000, -4200)}
    for kind in kinds:
        least, most = balances[kind]
        joint = (position + 1,) if kind == "current" and position == 0 else ()
        yield invent_account(
            profile,
            seed=seed,
            key=f"{position}/{kind}",
            kind=kind,
            currency=profile.currency,
            holders=(position, *joint),
            balance_minor=chance.randrange(least, most),
        )


def invent_account(
    profile: BankProfile,
    *,
    seed: int,
    key: str,
    kind: str,
    currency: str,
    holders: tuple[int, ...],
    balance_minor: int = 0,
) -> InventedAccount:
    """One account; its numbers follow from the seed and the key alone."""
    chance = dice(seed, profile.slug, "account", key)
    number = f"{chance.randrange(10**9, 10**10)}"
    scheme, identification = "UK.OBIE.IBAN", f"{profile.country}00SANDBOX{number}"
    if profile.country == "GB":
        scheme, identification = "UK.OBIE.SortCodeAccountNumber", f"000000{number[:8]}"
    card = None
    if kind != "savings":
        card_name = "Credit card" if kind == "card" else "Debit card"
        card = InventedCard(
            id=f"card-{chance.randrange(16**12):012x}",
            last4=f"{chance.randrange(10**4):04d}",
            name=card_name,
        )
    if kind == "card" and card is not None:
        scheme, identification = "UK.OBIE.PAN", f"************{card.last4}"
    name = _PRODUCTS[profile.country][kind]
    return InventedAccount(
        id=f"{profile.slug[:3]}-{number}",
        kind=kind,
        name=name if currency == profile.currency else f"{name} {currency}",
        currency=currency,
        scheme=scheme,
        identification=identification,
        holders=holders,
        card=card,
        balance_minor=balance_minor,
    )


@dataclass
class _Life:
    """One customer's year being written."""

    profile: BankProfile
    place: Neighbourhood
    chance: random.Random
    customer: InventedCustomer
    until: dt.datetime
    entries: list[Entry] = field(default_factory=list)

    @property
    def current(self) -> InventedAccount:
        return self.customer.accounts[0]

    def at(self, day: dt.date, hour: int, spread: int = 1) -> dt.datetime:
        clock = dt.time(hour + self.chance.randrange(spread), self.chance.randrange(60))
        local = dt.datetime.combine(day, clock, tzinfo=self.profile.tz)
        return local.astimezone(dt.UTC) + dt.timedelta(seconds=self.chance.randrange(60))

    def move(
        self, account: InventedAccount, kind: str, amount: int, at: dt.datetime, words: str
    ) -> None:
        if at < self.until and amount:
            self.entries.append(
                Entry(
                    account_id=account.id,
                    kind=kind,
                    amount_minor=amount,
                    currency=account.currency,
                    occurred_at=at,
                    description=words,
                    source="seed",
                )
            )

    def buy(self, merchant: Merchant, at: dt.datetime, currency: str | None = None) -> None:
        spenders = [account for account in self.customer.accounts if account.card]
        account = self.chance.choice(spenders)
        if account.card is None or at >= self.until:
            return
        entry = Entry(
            account_id=account.id,
            kind="CARD_PURCHASE",
            amount_minor=0,
            currency=account.currency,
            occurred_at=at,
            description=f"{merchant.name.upper()} {merchant.country}",
            source="seed",
            merchant_name=merchant.name,
            merchant_category=merchant.category,
            merchant_country=merchant.country,
            card_id=account.card.id,
        )
        price = -self.chance.randint(merchant.least, merchant.most)
        self.entries.append(abroad(entry, currency=currency or entry.currency, amount_minor=price))


def invent_history(
    profile: BankProfile, customer: InventedCustomer, *, seed: int, until: dt.datetime
) -> list[Entry]:
    """A year up to `until` (aware), oldest first."""
    chance = dice(seed, profile.slug, "history", customer.position)
    place = NEIGHBOURHOODS[profile.country]
    life = _Life(profile, place, chance, customer, until)
    salary = chance.randint(*place.salary)
    rent = chance.randint(*place.rent)
    employer, landlord = chance.choice(place.employers), chance.choice(place.landlords)
    subscriptions = chance.sample(place.subscriptions, k=2)
    holiday = chance.randrange(30, 330)
    last = until.astimezone(profile.tz).date()
    for back in range(HISTORY_DAYS, -1, -1):
        day = last - dt.timedelta(days=back)
        _ordinary_day(life, day)
        if holiday - 6 < back <= holiday:
            _holiday(life, day)
        if day.day == 27:  # noqa: PLR2004 - pay day
            pay = salary * (2 if day.month == 12 and profile.country == "IT" else 1)  # noqa: PLR2004 - the thirteenth salary
            life.move(life.current, "SALARY", pay, life.at(day, 6), f"Salary {employer}")
        if day.day == 1:
            life.move(life.current, "TRANSFER_OUT", -rent, life.at(day, 8), f"Rent {landlord}")
        _monthly(life, day, subscriptions)
    life.entries.sort(key=lambda entry: entry.occurred_at)
    return life.entries


def _ordinary_day(life: _Life, day: dt.date) -> None:
    if life.chance.random() < 0.38:  # noqa: PLR2004 - every third day or so
        life.buy(life.chance.choice(life.place.groceries), life.at(day, 17, 4))
    if life.chance.random() < 0.55:  # noqa: PLR2004 - more days than not
        life.buy(life.chance.choice(life.place.daily), life.at(day, 7, 15))
    if life.chance.random() < 0.06:  # noqa: PLR2004 - twice a month
        life.buy(life.chance.choice(life.place.shops), life.at(day, 11, 8))


def _holiday(life: _Life, day: dt.date) -> None:
    merchant, currency = life.chance.choice(ABROAD)
    life.buy(merchant, life.at(day, 9, 13), currency)


def _monthly(life: _Life, day: dt.date, subscriptions: list[Merchant]) -> None:
    for number, biller in enumerate(life.place.billers):
        if day.day == 4 + 5 * number:
            amount = -life.chance.randint(biller[1], biller[2])
            life.move(life.current, "DIRECT_DEBIT", amount, life.at(day, 5), biller[0])
    for number, merchant in enumerate(subscriptions):
        if day.day == 7 + 9 * number:
            life.buy(merchant, life.at(day, 3))
    if day.day == 28:  # noqa: PLR2004 - after pay day
        _month_end(life, day)


def _month_end(life: _Life, day: dt.date) -> None:
    life.move(life.current, "FEE", -250, life.at(day, 2), "Account fee")
    savings = [account for account in life.customer.accounts if account.kind == "savings"]
    if savings:
        amount = life.chance.randrange(5, 40) * 1000
        at = life.at(day, 9)
        life.move(life.current, "TRANSFER_OUT", -amount, at, f"To {savings[0].name}")
        life.move(savings[0], "TRANSFER_IN", amount, at, f"From {life.current.name}")
    cards = [account for account in life.customer.accounts if account.kind == "card"]
    if cards:
        amount = life.chance.randrange(8, 45) * 1000
        at = life.at(day, 10)
        life.move(life.current, "TRANSFER_OUT", -amount, at, f"Payment to {cards[0].name}")
        life.move(cards[0], "TRANSFER_IN", amount, at, "Payment received, thank you")
