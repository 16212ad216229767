"""Cards about receipts and parcels, and balances that are asked for: shown as they are now, once, and gated."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.disclosure.models import Disclosure
from messaging.conversations.actions import renew_balances
from messaging.conversations.api import REFRESHES_PER_MINUTE
from messaging.conversations.models import Message, StreamEvent
from messaging.conversations.rules import PATIENCE
from messaging.delivery.handlers import on_balances_read, on_receipt_issued, on_shipment_moved
from partners.banks.models import Customer
from partners.connections.models import Connection
from partners.events import BalancesRead, ReceiptIssued, ShipmentMoved
from partners.feeds.models import Feed, FeedCursor
from partners.ledger.models import Account, Balance, Entry
from portal.outbox.events import Delivered
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import make_balance, make_consent, make_entry, make_link, share
from tests.factories.messaging import InChat, make_in_chat
from tests.factories.partners import make_account, make_bank
from tests.factories.purchases import tell_receipt, tell_shipment
from tests.messaging.conversations.test_api import say
from tests.messaging.delivery.test_handlers import delivered_at, messages, press

pytestmark = pytest.mark.django_db
TIMES = "\u00d7"


class Scene:
    """A customer in the chat who allowed it everything about one account, and a payment."""

    def __init__(self) -> None:
        bank = make_bank(time_zone="Europe/Rome")
        share(bank)
        self.who = make_in_chat(bank)
        self.account: Account = make_account(bank, name="Conto Chiaro")
        make_link(self.who.customer, self.account)
        self.consent: Consent = make_consent(self.who.customer, [self.account])
        self.entry: Entry = make_entry(self.account)

    def deliver(self, event: ReceiptIssued | ShipmentMoved | BalancesRead) -> Delivered:
        delivered = delivered_at(self.who.bank, timezone.now())
        self.hear(event, delivered)
        return delivered

    def hear(
        self, event: ReceiptIssued | ShipmentMoved | BalancesRead, delivered: Delivered
    ) -> None:
        with serving(self.who.bank.id):
            if isinstance(event, ReceiptIssued):
                on_receipt_issued(event, delivered)
            elif isinstance(event, ShipmentMoved):
                on_shipment_moved(event, delivered)
            else:
                on_balances_read(event, delivered)

    def receipt(self, **changes: Any) -> ReceiptIssued:
        row = tell_receipt(self.entry, **changes)
        return ReceiptIssued(row.id, self.account.id, self.entry.id, row.revision)

    def parcel(self, status: Any = "in_transit", **changes: Any) -> ShipmentMoved:
        row = tell_shipment(self.entry, status, **changes)
        return ShipmentMoved(row.id, self.account.id, self.entry.id, row.revision)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_receipt_becomes_a_card_whose_lines_add_up(client: Client, scene: Scene) -> None:
    scene.deliver(scene.receipt(discount_minor=20, total_minor=1400))

    (card,) = messages(client, scene.who)

    receipt = card["card"]["receipt"]
    assert (card["kind"], card["card"]["withheld"]) == ("receipt", None)
    assert [each["amount"]["amount"] for each in receipt["lines"]] == ["9.00", "2.21", "2.99"]
    assert (receipt["subtotal"]["amount"], receipt["total"]["amount"]) == ("14.20", "14.00")
    assert receipt["account_name"] == "Conto Chiaro"
    assert card["text"] == (
        f"Receipt from Mercato Oliveto: 2 {TIMES} Tagliatelle 9.00, 0.742 kg {TIMES} Pomodori ramati 2.21,"
        f" 1 {TIMES} Caffè macinato 2.99, discount 0.20. Total 14.00 EUR"
    )


def test_the_stored_card_holds_nothing_of_the_banks(scene: Scene) -> None:
    scene.deliver(scene.receipt())
    scene.deliver(scene.parcel())

    with serving(scene.who.bank.id):
        kept = list(Message.objects.values_list("text", "template", "account_ids", "state"))
        told = list(StreamEvent.objects.values_list("data", flat=True))

    assert kept == [("", "", [], ""), ("", "", [], "")]
    assert told == [{}, {}]


def test_a_parcel_is_one_card_that_is_renewed_as_it_moves(client: Client, scene: Scene) -> None:
    scene.deliver(scene.parcel("ordered", external_id="shp-one"))
    (first,) = messages(client, scene.who)
    scene.deliver(scene.parcel("out_for_delivery", external_id="shp-one", revision=2))

    (card,) = messages(client, scene.who)

    assert (first["id"], first["rev"]) == (card["id"], 1)
    assert card["rev"] == 2
    assert first["card"]["shipment"]["status_text"] == "Ordered"
    assert card["card"]["shipment"]["status_text"] == "Out for delivery"
    with serving(scene.who.bank.id):
        kinds = list(StreamEvent.objects.order_by("seq").values_list("kind", flat=True))
    assert kinds == ["message.created", "message.updated"]


def test_twice_is_once_and_an_older_revision_changes_nothing(client: Client, scene: Scene) -> None:
    first = scene.parcel("ordered", external_id="shp-one")
    second = scene.parcel("packed", external_id="shp-one", revision=2)
    heard = [scene.deliver(event) for event in (second, first)]
    for event, delivered in zip((second, first), heard, strict=True):
        scene.hear(event, delivered)

    (card,) = messages(client, scene.who)

    assert (card["rev"], card["card"]["shipment"]["revision"]) == (1, 2)


@pytest.mark.parametrize(
    ("status", "days", "said"),
    [
        ("in_transit", 0, "Expected today"),
        ("in_transit", 1, "Expected tomorrow"),
        ("packed", None, ""),
    ],
)
def test_the_expected_day_is_seen_from_the_banks_own_today(
    client: Client, scene: Scene, status: str, days: int | None, said: str
) -> None:
    today = timezone.localtime(timezone.now(), ZoneInfo(scene.who.bank.time_zone)).date()
    expected = None if days is None else today + timedelta(days=days)
    scene.deliver(scene.parcel(status, expected_on=expected))

    (card,) = messages(client, scene.who)

    assert card["card"]["shipment"]["when_text"] == said


def test_what_has_come_says_when_by_the_banks_clock(client: Client, scene: Scene) -> None:
    came = datetime.fromisoformat("2026-07-01T22:30:00+00:00")
    scene.deliver(scene.parcel("delivered", updated_at=came))

    (card,) = messages(client, scene.who)

    assert card["card"]["shipment"]["when_text"] == "On 2 July at 00:30"
    assert card["text"] == (
        "Your parcel from Casa Tegola: Delivered. On 2 July at 00:30."
        " Corriere Gabbiano GB0123456789IT"
    )


def test_only_who_allowed_the_chat_that_feed_gets_a_card(client: Client, scene: Scene) -> None:
    joint, silent = make_in_chat(scene.who.bank), make_in_chat(scene.who.bank)
    for each, feeds in ((joint, ["receipts"]), (silent, ["transactions"])):
        make_link(each.customer, scene.account)
        make_consent(each.customer, [scene.account], feeds=feeds)
    scene.deliver(scene.receipt())
    scene.deliver(scene.parcel())

    kinds = [
        [card["kind"] for card in messages(client, each)] for each in (scene.who, joint, silent)
    ]

    assert kinds == [["receipt", "shipment"], ["receipt"], []]


@pytest.mark.parametrize("how", ["revoked", "bank"])
def test_after_sharing_ends_a_card_shows_nothing(client: Client, scene: Scene, how: str) -> None:
    scene.deliver(scene.receipt())
    scene.deliver(scene.parcel())
    with serving(scene.who.bank.id):
        if how == "bank":
            Feed.objects.update(enabled=False)
        else:
            revoke_consent(consent_id=scene.consent.id, at=timezone.now(), by="customer")

    receipt, parcel = messages(client, scene.who)

    assert receipt["card"] == {"receipt": None, "withheld": "not_shared"}
    assert parcel["card"] == {"shipment": None, "withheld": "not_shared"}
    assert {receipt["text"], parcel["text"]} == {"This is no longer shared with the chat."}


def test_what_the_bank_masks_is_not_on_the_card(client: Client, scene: Scene) -> None:
    scene.deliver(scene.receipt())
    scene.deliver(scene.parcel())
    with serving(scene.who.bank.id):
        Feed.objects.filter(kind="receipts").update(masked_fields=["lines", "merchant_name"])
        Feed.objects.filter(kind="shipments").update(masked_fields=["carrier", "merchant_name"])

    receipt, parcel = messages(client, scene.who)

    assert receipt["card"]["receipt"]["lines"] is None
    assert receipt["text"] == "Receipt. Total 14.20 EUR"
    assert parcel["card"]["shipment"]["carrier"] is None
    assert "Gabbiano" not in parcel["text"] + receipt["text"]
    assert "Casa Tegola" not in parcel["text"]


def test_each_showing_is_disclosed(client: Client, scene: Scene) -> None:
    scene.deliver(scene.receipt())
    scene.deliver(scene.parcel())

    messages(client, scene.who)

    with serving(scene.who.bank.id):
        rows = set(Disclosure.objects.values_list("feed", "row_count", "decision"))
    assert rows == {("receipts", 1, "released"), ("shipments", 1, "released")}


# --- asking -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["receipt", "Where is my last receipt?", "scontrino", "recibo"])
def test_who_asks_for_a_receipt_gets_the_last_one(
    client: Client, scene: Scene, words: str
) -> None:
    scene.receipt(issued_at=timezone.now() - timedelta(days=9), merchant_name="Older")
    scene.receipt(issued_at=timezone.now() - timedelta(days=8), merchant_name="Newer")

    say(client, scene.who, words)

    _asked, card = messages(client, scene.who)
    assert (card["kind"], card["author"]["kind"]) == ("receipt", "bot")
    assert card["card"]["receipt"]["merchant_name"] == "Newer"


@pytest.mark.parametrize("words", ["Where is my parcel?", "dov'è il mio pacco", "mi paquete"])
def test_who_asks_for_a_parcel_gets_those_on_their_way(
    client: Client, scene: Scene, words: str
) -> None:
    at = timezone.now()
    scene.parcel("delivered", merchant_name="Came")
    for number in range(4):
        scene.parcel(
            "packed", merchant_name=f"Shop {number}", updated_at=at - timedelta(hours=number)
        )

    say(client, scene.who, words)

    _asked, *cards = messages(client, scene.who)
    shops = [each["card"]["shipment"]["merchant_name"] for each in cards]
    assert shops == ["Shop 0", "Shop 1", "Shop 2"]


def test_where_none_is_on_its_way_the_last_one_is_shown(client: Client, scene: Scene) -> None:
    scene.parcel("delivered", merchant_name="Came last")

    say(client, scene.who, "parcel")

    assert messages(client, scene.who)[-1]["card"]["shipment"]["merchant_name"] == "Came last"


def test_a_card_that_was_asked_for_is_renewed_too(client: Client, scene: Scene) -> None:
    scene.parcel("ordered", external_id="shp-one")
    say(client, scene.who, "parcel")

    scene.deliver(scene.parcel("packed", external_id="shp-one", revision=2))

    _asked, *cards = messages(client, scene.who)
    assert [(each["rev"], each["card"]["shipment"]["status"]) for each in cards] == [(2, "packed")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("receipt", "There is no receipt of your payments yet."),
        ("parcel", "No parcel that you paid for is known here."),
    ],
)
def test_where_there_is_none_a_line_says_so(
    client: Client, scene: Scene, words: str, said: str
) -> None:
    say(client, scene.who, words)

    assert messages(client, scene.who)[-1]["text"] == said


@pytest.mark.parametrize(("words", "name"), [("receipt", "receipt"), ("parcel", "shipment")])
def test_what_is_not_shared_is_said_and_written_down(
    client: Client, scene: Scene, words: str, name: str
) -> None:
    scene.receipt()
    scene.parcel()
    with serving(scene.who.bank.id):
        revoke_consent(consent_id=scene.consent.id, at=timezone.now(), by="customer")

    say(client, scene.who, words)

    assert messages(client, scene.who)[-1]["card"] == {name: None, "withheld": "not_shared"}
    with serving(scene.who.bank.id):
        refused = Disclosure.objects.filter(decision="refused", feed=f"{name}s")
        assert refused.exists()


def test_a_question_that_needs_a_person_is_left_to_one(client: Client, scene: Scene) -> None:
    scene.parcel()

    say(client, scene.who, "Is my new card on its way?")

    assert [each["kind"] for each in messages(client, scene.who)] == ["text", "system"]


# --- balances ---------------------------------------------------------------------------------------


def old_balance(scene: Scene, *, hours: int = 3) -> Balance:
    balance = make_balance(scene.account)
    at = timezone.now() - timedelta(hours=hours)
    with serving(scene.who.bank.id):
        Balance.objects.update(as_of=at, read_at=at)
        connection = Connection.objects.get(customer=scene.who.customer)
        FeedCursor.objects.create(
            connection=connection,
            account=scene.account,
            kind="balances",
            due_at=timezone.now() + timedelta(hours=1),
        )
    return balance


def bank_answers(scene: Scene, amount_minor: int) -> None:
    """A reading that somebody waits for is stored, and told."""
    at = timezone.now()
    with serving(scene.who.bank.id):
        Balance.objects.update(amount_minor=amount_minor, as_of=at, read_at=at)
    scene.deliver(BalancesRead(scene.account.id))


def test_an_old_balance_is_shown_with_its_time_while_the_bank_is_asked(
    client: Client, scene: Scene
) -> None:
    old_balance(scene)

    say(client, scene.who, "balance")

    card = messages(client, scene.who)[-1]
    (account,) = card["card"]["accounts"]
    assert account["as_of_text"].startswith("As of ")
    assert account["as_of_text"] in card["text"]
    assert 0 < card["card"]["checking_seconds"] <= PATIENCE.seconds
    with serving(scene.who.bank.id):
        cursor = FeedCursor.objects.get()
        assert cursor.asked_at is not None
        assert cursor.asked_from == "127.0.0.1"
        assert cursor.due_at is not None
        assert cursor.due_at <= timezone.now()


def test_the_card_is_renewed_in_place_when_the_bank_answers(client: Client, scene: Scene) -> None:
    old_balance(scene)
    say(client, scene.who, "balance")
    before = messages(client, scene.who)[-1]

    bank_answers(scene, 4_200)

    after = messages(client, scene.who)[-1]
    assert (after["id"], after["rev"]) == (before["id"], before["rev"] + 1)
    assert after["card"]["accounts"][0]["balance"]["amount"] == "42.00"
    assert after["card"]["checking_seconds"] is None
    assert after["card"]["accounts"][0]["as_of_text"].startswith("As of today at ")


def test_an_answer_renews_only_cards_that_wait(client: Client, scene: Scene) -> None:
    old_balance(scene)
    say(client, scene.who, "balance")
    bank_answers(scene, 4_200)

    bank_answers(scene, 4_300)

    assert messages(client, scene.who)[-1]["rev"] == 2


def test_a_fresh_balance_asks_nobody(client: Client, scene: Scene) -> None:
    old_balance(scene)
    with serving(scene.who.bank.id):
        Balance.objects.update(as_of=timezone.now(), read_at=timezone.now())

    say(client, scene.who, "balance")

    assert messages(client, scene.who)[-1]["card"]["checking_seconds"] is None
    with serving(scene.who.bank.id):
        assert FeedCursor.objects.get().asked_at is None


def test_what_is_not_shared_is_not_asked_for(client: Client, scene: Scene) -> None:
    old_balance(scene)
    with serving(scene.who.bank.id):
        Feed.objects.filter(kind="balances").update(enabled=False)

    say(client, scene.who, "balance")

    assert messages(client, scene.who)[-1]["card"]["withheld"] == "not_shared"
    with serving(scene.who.bank.id):
        assert FeedCursor.objects.get().asked_at is None


def test_another_holders_connection_is_not_asked(client: Client, scene: Scene) -> None:
    old_balance(scene)
    joint: InChat = make_in_chat(scene.who.bank)
    make_link(joint.customer, scene.account)
    make_consent(joint.customer, [scene.account])

    say(client, joint, "balance")

    with serving(scene.who.bank.id):
        assert FeedCursor.objects.get().asked_at is None


def begin_waiting(scene: Scene, *, seconds_ago: int) -> None:
    """The bank was asked so long ago, and has not answered."""
    with serving(scene.who.bank.id):
        asked_at = timezone.now() - timedelta(seconds=seconds_ago)
        Message.objects.filter(kind="balance").update(state_at=asked_at)


def test_a_bank_that_does_not_answer_is_waited_for_no_longer_than_said(
    client: Client, scene: Scene
) -> None:
    old_balance(scene)
    say(client, scene.who, "balance")
    before = messages(client, scene.who)[-1]["card"]
    begin_waiting(scene, seconds_ago=PATIENCE.seconds + 1)

    shown = messages(client, scene.who)[-1]["card"]

    assert shown["checking_seconds"] == 0
    assert shown["accounts"] == before["accounts"]


def shown_balances(client: Client, scene: Scene) -> dict[str, Any]:
    """A card of balances that nobody asks the bank about; they have grown old since."""
    balance = old_balance(scene)
    with serving(scene.who.bank.id):
        Balance.objects.update(read_at=timezone.now())
    say(client, scene.who, "balance")
    with serving(scene.who.bank.id):
        Balance.objects.update(read_at=balance.read_at - timedelta(hours=1))
    return messages(client, scene.who)[-1]


def test_a_press_has_the_bank_asked_and_the_answer_renews_the_card(
    client: Client, scene: Scene
) -> None:
    card = shown_balances(client, scene)
    assert [each["key"] for each in card["actions"]] == ["refresh"]

    pressed = press(client, scene.who, card, "refresh").json()
    bank_answers(scene, 4_200)

    after = messages(client, scene.who)[-1]
    assert (card["card"]["checking_seconds"], card["rev"]) == (None, 1)
    assert 0 < pressed["card"]["checking_seconds"] <= PATIENCE.seconds
    assert (after["id"], after["rev"], after["card"]["checking_seconds"]) == (card["id"], 3, None)
    assert after["card"]["accounts"][0]["balance"]["amount"] == "42.00"


def test_what_was_read_just_now_is_shown_without_asking_again(
    client: Client, scene: Scene
) -> None:
    card = shown_balances(client, scene)
    with serving(scene.who.bank.id):
        Balance.objects.update(amount_minor=4_300, read_at=timezone.now())

    pressed = press(client, scene.who, card, "refresh").json()

    assert pressed["card"]["accounts"][0]["balance"]["amount"] == "43.00"
    assert (pressed["rev"], pressed["card"]["checking_seconds"]) == (2, None)
    with serving(scene.who.bank.id):
        assert FeedCursor.objects.get().asked_at is None


def test_a_press_while_the_bank_is_asked_waits_no_longer_for_it(
    client: Client, scene: Scene
) -> None:
    pressed = press(client, scene.who, shown_balances(client, scene), "refresh").json()

    again = press(client, scene.who, pressed, "refresh").json()

    assert again["rev"] == pressed["rev"]
    with serving(scene.who.bank.id):
        assert FeedCursor.objects.get().hints == 1


def test_a_bank_that_did_not_answer_can_be_asked_again(client: Client, scene: Scene) -> None:
    press(client, scene.who, shown_balances(client, scene), "refresh")
    begin_waiting(scene, seconds_ago=PATIENCE.seconds + 1)
    silent = messages(client, scene.who)[-1]

    again = press(client, scene.who, silent, "refresh").json()

    assert silent["card"]["checking_seconds"] == 0
    assert again["card"]["checking_seconds"] > 0


def test_accounts_of_one_card_are_asked_for_together(client: Client, scene: Scene) -> None:
    old_balance(scene)
    other = make_account(scene.who.bank, name="Conto Riposo")
    make_link(scene.who.customer, other)
    make_consent(scene.who.customer, [scene.account, other])
    make_balance(other)
    with serving(scene.who.bank.id):
        FeedCursor.objects.create(
            connection=Connection.objects.filter(customer=scene.who.customer).latest("created_at"),
            account=other,
            kind="balances",
            due_at=timezone.now() + timedelta(hours=1),
        )
        Balance.objects.filter(account=other).update(read_at=timezone.now())

    say(client, scene.who, "balance")

    with serving(scene.who.bank.id):
        assert FeedCursor.objects.filter(asked_at=None).count() == 0


def test_a_bank_that_wants_to_be_left_alone_is_not_asked(client: Client, scene: Scene) -> None:
    card = shown_balances(client, scene)
    with serving(scene.who.bank.id):
        Connection.objects.update(resume_at=timezone.now() + timedelta(seconds=90))

    refused = press(client, scene.who, card, "refresh")
    say(client, scene.who, "balance")

    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
        429,
        "too-many-requests",
    )
    assert 80 < int(refused.headers["Retry-After"]) <= 90
    assert messages(client, scene.who)[-1]["card"]["checking_seconds"] is None
    with serving(scene.who.bank.id):
        assert FeedCursor.objects.get().asked_at is None


def test_who_presses_again_and_again_is_slowed_down(client: Client, scene: Scene) -> None:
    card = shown_balances(client, scene)

    statuses = []
    for _press in range(REFRESHES_PER_MINUTE + 1):
        answer = press(client, scene.who, card, "refresh")
        statuses.append(answer.status_code)
        card = answer.json() if answer.status_code == 200 else card

    assert statuses == [200] * REFRESHES_PER_MINUTE + [429]


def test_a_card_that_may_show_nothing_takes_no_press(client: Client, scene: Scene) -> None:
    card = shown_balances(client, scene)
    with serving(scene.who.bank.id):
        revoke_consent(consent_id=scene.consent.id, at=timezone.now(), by="customer")

    refused = press(client, scene.who, card, "refresh")

    assert refused.status_code == 403
    assert messages(client, scene.who)[-1]["actions"] == []
    with serving(scene.who.bank.id):
        assert FeedCursor.objects.get().asked_at is None


def test_an_older_look_of_the_card_takes_no_press(client: Client, scene: Scene) -> None:
    card = shown_balances(client, scene)
    press(client, scene.who, card, "refresh")

    assert press(client, scene.who, card, "refresh").status_code == 409
    assert press(client, scene.who, card, "not_me").status_code == 404


def test_renewing_reaches_only_the_customers_own_cards(client: Client, scene: Scene) -> None:
    old_balance(scene)
    say(client, scene.who, "balance")
    stranger: Customer = make_in_chat(scene.who.bank).customer

    with serving_customer(scene.who.bank.id, stranger.id):
        renewed = renew_balances(
            customer_id=stranger.id, account_id=scene.account.id, at=timezone.now()
        )

    assert renewed == 0
    assert messages(client, scene.who)[-1]["rev"] == 1


def test_events_survive_json() -> None:
    ids: tuple[UUID, UUID, UUID] = (uuid4(), uuid4(), uuid4())
    events = [ReceiptIssued(*ids, 1), ShipmentMoved(*ids, 2)]

    assert [type(each).from_data(each.to_data()) for each in events] == events
    assert replace(events[0], revision=2) != events[0]
