"""What a bank masks leaves by no door: not in a field, nor in words, in a cursor, or in an order."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core import signing
from django.utils import timezone

from messaging.conversations.models import Message
from messaging.conversations.rendering import render_messages
from partners.alerts.models import Alert, AlertRule
from partners.feeds.actions import mask_feed, switch_feed
from partners.feeds.masks import BY_MONTH, IN_BANDS
from partners.ledger.models import Account, Entry
from partners.sharing import cards, news, reading
from partners.sharing.gate import CHAT, Ask, Door, Reason, Refused, authorize
from partners.sharing.reading import Reader
from portal.rest.problems import NotFound
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import (
    Household,
    make_consent,
    make_entry,
    make_household,
    make_link,
    share,
)
from tests.factories.messaging import make_in_chat
from tests.factories.partners import make_account, make_bank
from tests.factories.purchases import tell_receipt, tell_shipment
from tests.partners.sharing.test_api import make_program, read

pytestmark = pytest.mark.django_db
FRAUD = "fraud_suspected"
MASKS = [BY_MONTH, IN_BANDS, "merchant_name", "merchant_country"]
BOUGHT_AT = datetime(2026, 3, 17, 9, 41, 7, tzinfo=UTC)
# Whatever of the payment, its receipt and its parcel is masked, in every form that it could leave in.
SECRETS = (
    *("1234.56", "123456", "1,234.56", "777.77", "0.6300", "14.20", "9.00", "2.21"),
    *("2026-03-17", "17 Mar", "09:41:07", "2026-03-27"),
    *("Bottega Verde", "BOTTEGA", '"SE"', "SEK", "Roma"),
    *("8765.43", "876543"),
)


def secret_entry(account: Any) -> Entry:
    return make_entry(
        account,
        amount_minor=-123_456,
        original_amount_minor=-77_777,
        original_currency="SEK",
        exchange_rate="0.6300",
        booked_on=BOUGHT_AT.date(),
        booked_at=BOUGHT_AT,
        value_on=date(2026, 3, 27),
        merchant_name="Bottega Verde",
        merchant_country="SE",
        description="BOTTEGA VERDE MALMO 17 MAR 1,234.56",
        fraud_suspected=True,
    )


def raise_alert(entry: Entry, alert_type: str = FRAUD) -> Alert:
    with serving(entry.bank_id):
        return Alert.objects.create(
            account_id=entry.account_id,
            entry=entry,
            alert_type=alert_type,
            once_key=f"{alert_type}:{entry.id}",
            rule_version=1,
            raised_at=timezone.now(),
        )


@pytest.fixture
def home() -> Household:
    return make_household()


def assert_tells_nothing(told: Any) -> None:
    text = json.dumps(told, default=str)
    assert [each for each in SECRETS if each in text] == []


def test_no_door_of_a_program_tells_what_is_masked(home: Household) -> None:
    entry = secret_entry(home.account)
    tell_receipt(entry, issued_at=BOUGHT_AT, merchant_name="Bottega Verde")
    parcel = {"merchant_name": "Bottega Verde", "tracking_code": "GB77"}
    tell_shipment(entry, "ordered", updated_at=BOUGHT_AT, **parcel)
    share(home.bank, alert_types=[FRAUD], masked=MASKS)
    alert = raise_alert(entry)
    program = make_program(home, alert_types=[FRAUD])
    account = f"accounts/{home.account.id}"

    told = {
        path: read(program.get(path))
        for path in (
            f"{account}/transactions",
            f"{account}/receipts",
            f"{account}/shipments",
            f"{account}/balances",
            "transactions/sync",
        )
    }
    (receipt,) = told[f"{account}/receipts"]["receipts"]
    (shipment,) = told[f"{account}/shipments"]["shipments"]
    with serving_customer(home.bank_id, home.customer.id):
        heard = news.tell_alerts(Reader(CHAT, timezone.now()), [alert.id])

    shown = next(
        each
        for each in told[f"{account}/transactions"]["transactions"]
        if each["id"] == str(entry.id)
    )
    assert shown["amount_band"] == {"above": "-1000.00", "up_to": "-2000.00", "currency": "EUR"}
    assert (shown["booked_month"], shown["card_last4"]) == ("2026-03", "4821")
    assert receipt["total_band"] == {"above": "10.00", "up_to": "20.00", "currency": "EUR"}
    assert (receipt["lines"], receipt["issued_at"], shipment["updated_at"]) == (None, None, None)
    assert_tells_nothing([told, *heard.values()])


def test_no_card_of_the_chat_tells_what_is_masked_nor_do_its_plain_words() -> None:
    bank = make_bank()
    share(bank, alert_types=[FRAUD], masked=MASKS)
    who = make_in_chat(bank)
    account = make_account(bank)
    make_link(who.customer, account)
    make_consent(who.customer, [account], alert_types=[FRAUD])
    entry = secret_entry(account)
    receipt = tell_receipt(entry, issued_at=BOUGHT_AT, merchant_name="Bottega Verde")
    alert = raise_alert(entry)
    at = timezone.now()
    common: dict[str, Any] = {
        "conversation": who.conversation,
        "customer": who.customer,
        "author": "bot",
        "created_at": at,
        "changed_at": at,
    }
    kinds: list[dict[str, Any]] = [
        {"kind": "fraud_alert", "alert_id": alert.id, "template": FRAUD, "state": "open"},
        {"kind": "transactions", "account_ids": [str(account.id)]},
        {"kind": "receipt", "about_id": receipt.id, "about_revision": 1},
    ]

    with serving_customer(bank.id, who.customer.id):
        messages = [Message(seq=place + 9, **common, **each) for place, each in enumerate(kinds)]
        told = render_messages(messages, door=Door.SOCKET, at=at)

    fraud, latest, paper = (told[each.id] for each in messages)
    assert fraud["card"]["transaction"]["amount_band"]["above"] == "-1000.00"
    assert "-1000.00 to -2000.00 EUR" in fraud["text"]
    assert latest["card"]["transactions"][0]["booked_month"] == "2026-03"
    assert "10.00 to 20.00 EUR" in paper["text"]
    assert_tells_nothing(list(told.values()))


def test_pages_are_not_in_the_order_of_days_that_are_masked(home: Household) -> None:
    share(home.bank, masked=[BY_MONTH])
    account = make_account(home.bank)
    make_link(home.customer, account)
    days = [5, 25, 15]
    march = [make_entry(account, booked_on=date(2026, 3, each)) for each in days]
    april = make_entry(account, booked_on=date(2026, 4, 1))
    make_consent(home.customer, [account])
    program = make_program(Household(home.bank, home.customer, account))

    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = f"accounts/{account.id}/transactions?limit=1"
        page = read(program.get(asked + (f"&cursor={cursor}" if cursor else "")))
        seen += [each["id"] for each in page["transactions"]]
        cursor = page["next_cursor"]
        if cursor is not None:
            assert place_in(cursor)[0] in {"2026-03-01", "2026-04-01"}
    with serving_customer(home.bank_id, home.customer.id):
        latest = cards.render_transactions(
            [account.id], limit=4, door=Door.REST, at=timezone.now()
        )

    assert seen == [str(april.id), *(str(each.id) for each in reversed(march))]
    assert isinstance(latest, list)
    assert [each["id"] for each in latest] == seen


def place_in(cursor: str) -> Any:
    """What whoever holds a cursor can read in it: it is signed, and not sealed."""
    signer = signing.TimestampSigner(salt="unused")
    data = cursor.rpartition(signer.sep)[0].rpartition(signer.sep)[0]
    padded = signing.b64_decode(data.lstrip(".").encode())
    return json.loads(signing.zlib.decompress(padded) if data.startswith(".") else padded)  # type: ignore[attr-defined]


def test_the_receipt_issued_last_is_not_told_by_its_being_shown(home: Household) -> None:
    share(home.bank, masked=["issued_at"])
    make_consent(home.customer, [home.account])
    late = tell_receipt(make_entry(home.account), issued_at=BOUGHT_AT.replace(month=5))
    heard_last = tell_receipt(make_entry(home.account), issued_at=BOUGHT_AT)

    with serving_customer(home.bank_id, home.customer.id):
        meant = cards.last_receipt([home.account.id], door=Door.REST, at=timezone.now())

    assert isinstance(meant, cards.Meant)
    assert [each for each, _revision in meant.found] == [heard_last.id]
    assert late.id != heard_last.id


@pytest.mark.parametrize(
    ("threshold", "reason"), [(500_00, None), (400_00, Reason.BANK_NOT_SHARING)]
)
def test_an_alert_over_a_limit_within_a_band_is_held_back(
    home: Household, threshold: int, reason: Reason | None
) -> None:
    share(home.bank, alert_types=["large_payment"], masked=[IN_BANDS])
    with serving(home.bank_id):
        rule = {"threshold_minor": threshold, "currency": "EUR"}
        AlertRule.objects.filter(alert_type="large_payment").update(parameters=rule)
    make_consent(home.customer, [home.account], alert_types=["large_payment"])
    asked = Ask(CHAT, None, "alert", "large_payment", None, Door.REST, timezone.now())

    with serving_customer(home.bank_id, home.customer.id):
        decision = authorize(asked)

    assert (decision.reason if isinstance(decision, Refused) else None) == reason


def test_a_feed_that_is_off_still_masks_what_belongs_to_its_payments(home: Household) -> None:
    entry = secret_entry(home.account)
    tell_receipt(entry, issued_at=BOUGHT_AT, merchant_name="Bottega Verde")
    share(home.bank, feeds=["receipts"], masked=MASKS)
    make_consent(home.customer, [home.account])

    with serving_customer(home.bank_id, home.customer.id):
        told = reading.read_receipts(
            Reader(CHAT, timezone.now()), home.account.id, reading.Listing(10)
        )

    assert_tells_nothing(told.body)


def test_what_is_masked_of_accounts_leaves_by_no_door(home: Household) -> None:
    with serving(home.bank_id):
        Account.objects.filter(pk=home.account.id).update(
            name="Secret Name", kind="SecretKind", masked_identification="••9876"
        )
        mask_feed(kind="accounts", fields=["name", "kind", "masked_identification", "currency"])
    entry = make_entry(home.account)
    receipt = tell_receipt(entry)
    share(home.bank, alert_types=["low_balance"])
    make_consent(home.customer, [home.account], alert_types=["low_balance"])
    program = make_program(home)
    with serving(home.bank_id):
        low = Alert.objects.create(
            account_id=home.account.id,
            alert_type="low_balance",
            once_key="low_balance:1",
            rule_version=1,
            raised_at=timezone.now(),
        )
    at, account_id = timezone.now(), home.account.id

    listed = read(program.get("accounts"))
    one = read(program.get(f"accounts/{account_id}"))
    with serving_customer(home.bank_id, home.customer.id):
        told = [
            cards.render_balances([account_id], door=Door.REST, at=at),
            cards.render_transactions([account_id], limit=3, door=Door.REST, at=at),
            cards.render_receipts([receipt.id], door=Door.REST, at=at),
            cards.render_alerts([low.id], door=Door.REST, at=at),
        ]

    assert listed == {"accounts": [one]}
    assert (one["name"], one["kind"], one["masked_identification"]) == (None, None, None)
    assert (one["currency"], one["id"]) == ("EUR", str(account_id))
    shown = json.dumps([str(each) for each in told])
    assert str(account_id) in shown
    assert not any(each in shown for each in ("Secret Name", "SecretKind", "9876"))


def test_accounts_are_no_feed_that_could_be_switched(home: Household) -> None:
    with serving(home.bank_id):
        mask_feed(kind="accounts", fields=["name"])
        with pytest.raises(NotFound):
            switch_feed(kind="accounts", on=True)
    make_consent(home.customer, [home.account], feeds=["balances"])

    with serving_customer(home.bank_id, home.customer.id):
        asked = Ask(CHAT, None, "feed", "accounts", None, Door.REST, timezone.now())
        allowed = authorize(asked)

    assert not isinstance(allowed, Refused)
    assert allowed.masked_of_accounts == {"name"}


def test_a_card_tells_accounts_apart_by_their_digits_where_names_are_held_back(
    home: Household,
) -> None:
    with serving(home.bank_id):
        Account.objects.filter(pk=home.account.id).update(
            name="Secret Name", masked_identification="**** 9876"
        )
        mask_feed(kind="accounts", fields=["name"])
    make_consent(home.customer, [home.account])

    with serving_customer(home.bank_id, home.customer.id):
        told = cards.render_balances([home.account.id], door=Door.REST, at=timezone.now())

    assert isinstance(told, list)
    assert [each["name"] for each in told] == ["•••• 9876"]
