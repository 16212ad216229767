from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from accounts.events import ConsentRevoked
from accounts.linking.actions import end_link
from messaging.conversations.actions import take_card_action
from messaging.conversations.models import Message, StreamEvent
from messaging.delivery.handlers import (
    on_accounts_linked,
    on_alert_raised,
    on_consent_changed,
    on_instruction_changed,
)
from partners.alerts.models import Alert, AlertRule
from partners.banks.models import Bank
from partners.events import AccountsLinked, AlertRaised, InstructionChanged
from partners.instructions.models import Instruction
from partners.ledger.models import Account
from partners.sharing.gate import BankSuspended, recording_refusals
from portal.outbox.events import Delivered
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import make_consent, make_entry, make_link, share
from tests.factories.messaging import InChat, make_in_chat
from tests.factories.partners import make_account, make_bank

pytestmark = pytest.mark.django_db

FRAUD = "fraud_suspected"


@dataclass(frozen=True)
class Scene:
    """A customer in the chat who allowed it everything about one account, and an alert about a payment."""

    who: InChat
    account: Account
    consent: Consent
    alert: Alert
    event: AlertRaised

    @property
    def bank(self) -> Bank:
        return self.who.bank

    def hear(self, heard: Delivered | None = None) -> Delivered:
        delivered = heard or delivered_at(self.bank, timezone.now())
        with serving(self.bank.id):
            on_alert_raised(self.event, delivered)
        return delivered


def delivered_at(bank: Bank, at: datetime) -> Delivered:
    return Delivered(uuid4(), bank.id, at, "")


def make_scene(
    *, allowed: Sequence[str] = (FRAUD,), feeds: Sequence[str] = ("balances", "transactions")
) -> Scene:
    bank = make_bank(phone="+39 02 0000 0000")
    share(bank, alert_types=[FRAUD])
    who = make_in_chat(bank)
    account = make_account(bank)
    make_link(who.customer, account)
    consent = make_consent(who.customer, [account], feeds=feeds, alert_types=allowed)
    entry = make_entry(
        account, merchant_name="Cafe Lisboa", fraud_suspected=True, card_id="card-1"
    )
    with serving(bank.id):
        alert = Alert.objects.create(
            account=account,
            entry=entry,
            alert_type=FRAUD,
            once_key=f"fraud:{entry.id}",
            rule_version=1,
            raised_at=timezone.now(),
        )
    return Scene(who, account, consent, alert, AlertRaised(alert.id, account.id, entry.id, FRAUD))


def messages(client: Client, who: InChat) -> list[dict[str, Any]]:
    answer = client.get(
        f"/api/v1/conversations/{who.conversation.id}/messages", headers=who.headers
    )
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


def press(client: Client, who: InChat, card: dict[str, Any], key: str, **headers: str) -> Any:
    return client.post(
        f"/api/v1/conversations/{who.conversation.id}/cards/{card['id']}/actions/{key}",
        {"rev": card["rev"]},
        content_type="application/json",
        headers=who.headers | {"Idempotency-Key": uuid4().hex} | headers,
    )


def settle(scene: Scene, status: str, **fields: object) -> None:
    """The bank says something new about the instruction."""
    with serving(scene.bank.id):
        Instruction.objects.filter(alert=scene.alert).update(status=status, **fields)
        instruction = Instruction.objects.get(alert=scene.alert)
        event = InstructionChanged(instruction.id, scene.alert.id, status)
        on_instruction_changed(event, delivered_at(scene.bank, timezone.now()))


def test_an_alert_becomes_a_card_that_says_what_may_be_shown(client: Client) -> None:
    scene = make_scene()
    scene.hear()

    (card,) = messages(client, scene.who)

    assert card["kind"] == "fraud_alert"
    assert card["text"] == "Unusual card payment: Cafe Lisboa · -12.30 EUR. Was this you?"
    assert card["card"]["transaction"]["amount"] == {"amount": "-12.30", "currency": "EUR"}
    assert card["card"]["transaction"]["card_last4"] == "4821"
    assert (card["card"]["state"], card["card"]["withheld"]) == ("open", None)
    assert [each["key"] for each in card["actions"]] == ["not_me", "was_me"]


def test_the_stored_card_holds_nothing_of_the_banks() -> None:
    scene = make_scene()
    scene.hear()

    with serving(scene.bank.id):
        message = Message.objects.get()
        event = StreamEvent.objects.get()

    assert (message.text, event.data) == ("", {})


def test_an_event_heard_twice_is_one_card(client: Client) -> None:
    scene = make_scene()
    delivered = scene.hear()
    scene.hear(delivered)

    assert len(messages(client, scene.who)) == 1


def test_every_holder_who_allowed_it_gets_a_card_and_others_none(client: Client) -> None:
    scene = make_scene()
    joint, silent, stranger = (make_in_chat(scene.bank) for _ in range(3))
    make_link(joint.customer, scene.account)
    make_consent(joint.customer, [scene.account], alert_types=[FRAUD])
    make_link(silent.customer, scene.account)
    make_consent(silent.customer, [scene.account], alert_types=["refund"])
    scene.hear()

    counts = [len(messages(client, each)) for each in (scene.who, joint, silent, stranger)]

    assert counts == [1, 1, 0, 0]


def test_without_the_transactions_feed_the_card_keeps_its_buttons_but_not_the_details(
    client: Client,
) -> None:
    scene = make_scene(feeds=["balances"])
    scene.hear()

    (card,) = messages(client, scene.who)

    assert (card["card"]["transaction"], card["card"]["withheld"]) == (None, "not_shared")
    assert [each["key"] for each in card["actions"]] == ["not_me", "was_me"]
    assert card["text"] == "Unusual card payment. Was this you?"


def test_after_a_revocation_the_card_shows_nothing_and_offers_nothing(client: Client) -> None:
    scene = make_scene()
    scene.hear()
    with serving(scene.bank.id):
        revoke_consent(consent_id=scene.consent.id, at=timezone.now(), by="customer")

    (card,) = messages(client, scene.who)

    assert (card["card"]["transaction"], card["card"]["withheld"]) == (None, "not_shared")
    assert card["actions"] == []
    assert card["text"] == (
        "This is no longer shared with the chat. The chat can no longer ask your bank to freeze the"
        " card: call +39 02 0000 0000"
    )


def test_what_was_ended_before_it_was_told_posts_no_card(client: Client) -> None:
    scene = make_scene()
    happened = delivered_at(scene.bank, timezone.now())
    with serving(scene.bank.id):
        revoke_consent(consent_id=scene.consent.id, at=timezone.now(), by="customer")

    scene.hear(happened)

    assert messages(client, scene.who) == []


def also_raised(scene: Scene, alert_type: str) -> AlertRaised:
    """Another alert about the same payment, of a type that the bank has on."""
    with serving(scene.bank.id):
        AlertRule.objects.update_or_create(alert_type=alert_type, defaults={"enabled": True})
        alert = Alert.objects.create(
            account=scene.account,
            entry_id=scene.alert.entry_id,
            alert_type=alert_type,
            once_key=f"{alert_type}:{scene.alert.entry_id}",
            rule_version=1,
            raised_at=timezone.now(),
        )
    return AlertRaised(alert.id, scene.account.id, alert.entry_id, alert_type)


@pytest.mark.parametrize(
    ("allowed", "shown"),
    [((FRAUD, "foreign"), [FRAUD]), ((FRAUD,), [FRAUD]), (("foreign",), ["foreign"])],
)
def test_one_payment_is_one_card_the_weightiest_that_the_customer_allows(
    client: Client, allowed: Sequence[str], shown: list[str]
) -> None:
    scene = make_scene(allowed=allowed)
    lighter = also_raised(scene, "foreign")

    scene.hear()
    with serving(scene.bank.id):
        on_alert_raised(lighter, delivered_at(scene.bank, timezone.now()))

    assert [each["card"]["alert_type"] for each in messages(client, scene.who)] == shown


def test_not_me_asks_the_bank_and_says_no_more_than_that(client: Client) -> None:
    scene = make_scene()
    scene.hear()
    (card,) = messages(client, scene.who)

    pressed = press(client, scene.who, card, "not_me")

    said = pressed.json()
    assert pressed.status_code == 200
    assert (said["rev"], said["seq"]) == (2, card["seq"])
    assert (said["card"]["state"], said["card"]["state_text"]) == ("asking", "Asking your bank")
    assert said["actions"] == []
    with serving(scene.bank.id):
        instruction = Instruction.objects.get()
        assert (instruction.status, instruction.card_id) == ("requested", "card-1")
        assert list(StreamEvent.objects.order_by("seq").values_list("kind", "seq")) == [
            ("message.created", 1),
            ("message.updated", 2),
        ]


@pytest.mark.parametrize(
    ("status", "fields", "state", "words"),
    [
        (
            "failed",
            {"reason": "card_not_found"},
            "failed",
            "Your bank refused: it does not find this card",
        ),
        ("unknown", {}, "unknown", "We could not reach your bank: call +39 02 0000 0000"),
    ],
)
def test_the_card_says_what_the_bank_really_did(
    client: Client, status: str, fields: dict[str, Any], state: str, words: str
) -> None:
    scene = make_scene()
    scene.hear()
    press(client, scene.who, messages(client, scene.who)[0], "not_me")

    settle(scene, status, **fields)

    (card,) = messages(client, scene.who)
    assert (card["card"]["state"], card["card"]["state_text"]) == (state, words)
    assert card["rev"] == 3


def _revoke(scene: Scene) -> None:
    with serving(scene.bank.id):
        revoke_consent(consent_id=scene.consent.id, at=timezone.now(), by="customer")


def _let_expire(scene: Scene) -> None:
    _revoke(scene)
    begun = timezone.now()
    over = make_consent(
        scene.who.customer,
        [scene.account],
        alert_types=[FRAUD],
        at=begun,
        expires_at=begun + timedelta(microseconds=1),
    )
    assert over.expires_at < timezone.now()


def _narrow(scene: Scene) -> None:
    make_consent(scene.who.customer, [scene.account], alert_types=["refund"])


def _switch_off(scene: Scene) -> None:
    share(scene.bank, alert_types=["refund"])


def _unlink(scene: Scene) -> None:
    with serving(scene.bank.id):
        end_link(customer_id=scene.who.customer.id, account_id=scene.account.id, at=timezone.now())


@pytest.mark.parametrize(("key", "door"), [("not_me", "instruction"), ("was_me", "rest")])
@pytest.mark.parametrize(
    ("end", "slug", "reason"),
    [
        (_revoke, "consent-revoked", "consent_revoked"),
        (_let_expire, "consent-expired", "consent_expired"),
        (_narrow, "no-consent", "no_consent"),
        (_switch_off, "bank-not-sharing", "bank_not_sharing"),
        (_unlink, "not-found", "account_not_shared"),
    ],
)
def test_a_card_whose_alert_is_not_shared_takes_no_tap_and_says_so_on_the_record(
    client: Client, end: Callable[[Scene], None], slug: str, reason: str, key: str, door: str
) -> None:
    scene = make_scene()
    scene.hear()
    (card,) = messages(client, scene.who)
    end(scene)
    messages(client, scene.who)  # what is refused to a reader hides no refused tap

    pressed = press(client, scene.who, card, key)

    assert pressed.json()["type"].rpartition("/")[2] == slug
    assert pressed.status_code == (404 if slug == "not-found" else 403)
    with serving(scene.bank.id):
        refused = Disclosure.objects.filter(decision="refused", door=door).latest("at")
        message = Message.objects.get()
        assert Instruction.objects.count() == 0
    assert (refused.reason, refused.recipient) == (reason, "chat")
    assert refused.pseudonym == scene.who.customer.pseudonym
    assert (message.rev, message.state) == (1, "open")


@pytest.mark.parametrize("key", ["not_me", "was_me"])
def test_a_suspended_bank_is_asked_nothing_whoever_is_still_signed_in(
    client: Client, key: str
) -> None:
    scene = make_scene()
    scene.hear()
    (card,) = messages(client, scene.who)
    Bank.objects.filter(pk=scene.bank.id).update(status=Bank.Status.SUSPENDED)

    with (
        pytest.raises(BankSuspended),
        recording_refusals(),
        serving_customer(scene.bank.id, scene.who.customer.id),
    ):
        take_card_action(
            conversation_id=scene.who.conversation.id,
            message_id=UUID(card["id"]),
            key=key,
            rev=1,
            at=timezone.now(),
        )

    assert press(client, scene.who, card, key).status_code == 401
    with serving(scene.bank.id):
        assert Disclosure.objects.get(decision="refused").reason == "bank_suspended"
        assert Instruction.objects.count() == 0


def test_what_the_bank_did_is_said_even_after_the_consent_ended(client: Client) -> None:
    scene = make_scene()
    scene.hear()
    press(client, scene.who, messages(client, scene.who)[0], "not_me")
    _revoke(scene)

    settle(scene, "done", settled_at=timezone.now())

    (card,) = messages(client, scene.who)
    assert (card["card"]["state"], card["card"]["withheld"]) == ("frozen", "not_shared")
    assert card["text"].startswith("This is no longer shared with the chat. Frozen at ")
    assert card["card"]["transaction"] is None


def test_frozen_says_when_by_the_banks_clock_on_every_holders_card(client: Client) -> None:
    scene = make_scene()
    joint = make_in_chat(scene.bank)
    make_link(joint.customer, scene.account)
    make_consent(joint.customer, [scene.account], alert_types=[FRAUD])
    scene.hear()
    press(client, scene.who, messages(client, scene.who)[0], "not_me")
    settled_at = timezone.now()

    settle(scene, "done", settled_at=settled_at)

    there = timezone.localtime(settled_at, ZoneInfo("Europe/Rome"))
    for who in (scene.who, joint):
        (card,) = messages(client, who)
        assert card["card"]["state"] == "frozen"
        assert card["card"]["state_text"] == f"Frozen at {there:%H:%M}"
        assert card["actions"] == []


def test_was_me_dismisses_and_asks_the_bank_nothing(client: Client) -> None:
    scene = make_scene()
    scene.hear()

    pressed = press(client, scene.who, messages(client, scene.who)[0], "was_me")

    assert pressed.json()["card"]["state"] == "dismissed"
    with serving(scene.bank.id):
        assert Instruction.objects.count() == 0


def test_the_same_press_again_is_the_same_answer_and_another_is_stale(client: Client) -> None:
    scene = make_scene()
    scene.hear()
    (card,) = messages(client, scene.who)
    key = uuid4().hex

    first = press(client, scene.who, card, "not_me", **{"Idempotency-Key": key})
    again = press(client, scene.who, card, "not_me", **{"Idempotency-Key": key})
    other = press(client, scene.who, card, "was_me")

    assert (first.status_code, again.json()) == (200, first.json())
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (409, "stale-card")
    with serving(scene.bank.id):
        assert Instruction.objects.count() == 1


def test_another_customers_card_is_not_there(client: Client) -> None:
    scene = make_scene()
    scene.hear()
    (card,) = messages(client, scene.who)
    neighbour, foreigner = make_in_chat(scene.bank), make_in_chat()

    codes = []
    for other in (neighbour, foreigner):
        theirs = press(client, other, card, "not_me").status_code
        ours = client.post(
            f"/api/v1/conversations/{scene.who.conversation.id}/cards/{card['id']}/actions/not_me",
            {"rev": 1},
            content_type="application/json",
            headers=other.headers | {"Idempotency-Key": uuid4().hex},
        ).status_code
        codes += [theirs, ours]

    assert codes == [404, 404, 404, 404]
    assert press(client, scene.who, card, "sing").status_code == 404


def test_linking_is_said_once_and_tells_open_windows(client: Client) -> None:
    scene = make_scene()
    event = AccountsLinked(scene.who.customer.id, uuid4(), (scene.account.id,))
    delivered = delivered_at(scene.bank, timezone.now())

    for _ in range(2):
        with serving(scene.bank.id):
            on_accounts_linked(event, delivered)

    assert [each["text"] for each in messages(client, scene.who)] == ["Your accounts are linked."]
    with serving(scene.bank.id):
        told = StreamEvent.objects.filter(stream=f"user:{scene.who.customer.id}")
        assert [each.kind for each in told] == ["accounts.linked"]


def test_a_change_of_consent_tells_open_windows() -> None:
    scene = make_scene()
    event = ConsentRevoked(scene.consent.id, scene.who.customer.id)

    with serving(scene.bank.id):
        on_consent_changed(event, delivered_at(scene.bank, timezone.now()))

    with serving(scene.bank.id):
        assert StreamEvent.objects.get().kind == "sharing.changed"
