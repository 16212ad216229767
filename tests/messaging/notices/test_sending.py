"""An alert that nobody saw goes by mail, to a real mail server: once, without amounts, and only while it may."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.disclosure.models import Disclosure
from messaging.conversations.actions import mark_read, take_card_action
from messaging.notices.actions import begin_mail, claim
from messaging.notices.models import MailAddress, Notice
from messaging.notices.sending import send_due
from partners.alerts.actions import change_rule
from partners.banks.actions import set_bank_status
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.messaging import CHAT_HOST
from tests.mailbox import TAKEN, Mailbox, html_of, link_in, text_of
from tests.messaging.notices.scenes import ADDRESS, FRAUD, Scene, make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    made = make_scene()
    made.tell()
    return made


def standing(scene: Scene) -> tuple[str, str]:
    notice = scene.notice()
    return notice.state, notice.reason


def released(scene: Scene) -> list[tuple[str, str, int]]:
    """What was written down as shown by mail."""
    with serving(scene.bank.id):
        rows = Disclosure.objects.filter(door="mail", decision="released")
        return list(rows.values_list("recipient", "feed", "row_count"))


def test_an_alert_that_nobody_saw_goes_by_mail(scene: Scene, box: Mailbox) -> None:
    scene.send()

    (mail,) = box.mails
    assert box.recipients == [ADDRESS]
    assert mail["From"] == "Banca Aurelia <no-reply@portal.localhost>"
    assert mail["Subject"] == "Was this card payment you?"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Hello Ada Verdi," in text_of(mail)
    assert "+39 02 0000 0000" in text_of(mail)
    assert standing(scene) == ("reached", "")
    assert released(scene) == [("chat", FRAUD, 1)]


def test_a_mail_holds_nothing_of_the_payment(scene: Scene, box: Mailbox) -> None:
    scene.send()

    everything = box.mails[0].as_string() + text_of(box.mails[0]) + html_of(box.mails[0])
    for private in ("12.30", "12,30", "EUR", "Cafe Lisboa", "4821", "Conto Chiaro"):
        assert private not in everything


def test_how_long_it_took_is_kept(scene: Scene, box: Mailbox) -> None:
    scene.send(after=60)

    notice = scene.notice()
    assert notice.occurred_at == scene.raised_at
    assert notice.reached_at is not None
    assert timedelta(seconds=60) <= notice.reached_at - notice.occurred_at < timedelta(seconds=120)


def test_nothing_leaves_before_it_had_time_to_be_seen(scene: Scene, box: Mailbox) -> None:
    scene.send(after=10)

    assert (box.mails, standing(scene)) == ([], ("planned", ""))


def test_what_was_seen_in_the_chat_needs_no_mail(scene: Scene, box: Mailbox) -> None:
    card = scene.card()
    with serving_customer(scene.bank.id, scene.who.customer.id):
        mark_read(conversation_id=card.conversation_id, read=card.seq, at=timezone.now())

    scene.send()

    assert (box.mails, standing(scene), released(scene)) == ([], ("cancelled", "seen"), [])


def test_what_was_delivered_but_not_read_still_does(scene: Scene, box: Mailbox) -> None:
    card = scene.card()
    with serving_customer(scene.bank.id, scene.who.customer.id):
        mark_read(conversation_id=card.conversation_id, delivered=card.seq, at=timezone.now())

    scene.send()

    assert standing(scene) == ("reached", "")


def test_what_was_answered_needs_no_mail(scene: Scene, box: Mailbox) -> None:
    card = scene.card()
    with serving_customer(scene.bank.id, scene.who.customer.id):
        take_card_action(
            conversation_id=card.conversation_id,
            message_id=card.id,
            key="was_me",
            rev=card.rev,
            at=timezone.now(),
        )

    scene.send()

    assert (box.mails, standing(scene)) == ([], ("cancelled", "answered"))


def test_what_is_seen_while_the_mail_server_is_asked_needs_no_mail(
    scene: Scene, box: Mailbox
) -> None:
    card = scene.card()
    at = timezone.now() + timedelta(seconds=60)
    with serving(scene.bank.id):
        held = claim(Notice, way="mail", at=at, lease=timedelta(seconds=30))
    assert held is not None
    with serving_customer(scene.bank.id, scene.who.customer.id):
        mark_read(conversation_id=card.conversation_id, read=card.seq, at=at)

    with serving_customer(scene.bank.id, scene.who.customer.id):
        assert begin_mail(held, at=at, lease=timedelta(seconds=30)) is None

    assert standing(scene) == ("cancelled", "seen")


def test_hearing_the_event_twice_mails_once(scene: Scene, box: Mailbox) -> None:
    scene.tell()
    scene.send()
    scene.send(after=3600)

    assert len(box.mails) == 1


def end_consent(scene: Scene) -> None:
    with serving(scene.bank.id):
        revoke_consent(consent_id=scene.consent.id, at=timezone.now(), by="customer")


def switch_type_off(scene: Scene) -> None:
    with serving(scene.bank.id):
        change_rule(alert_type=FRAUD, enabled=False)


def suspend(scene: Scene) -> None:
    set_bank_status(slug=scene.bank.slug, status="suspended")


@pytest.mark.parametrize("forbid", [end_consent, switch_type_off, suspend])
def test_what_may_no_longer_be_told_is_not(scene: Scene, box: Mailbox, forbid: Any) -> None:
    forbid(scene)

    scene.send()

    assert (box.mails, standing(scene)) == ([], ("cancelled", "not_shared"))
    with serving(scene.bank.id):
        refused = Disclosure.objects.get(door="mail")
    assert (refused.decision, refused.row_count) == ("refused", 0)


def test_without_an_address_it_is_given_up_and_said(box: Mailbox) -> None:
    scene = make_scene(address=None)
    scene.tell()

    scene.send()

    assert (box.mails, standing(scene)) == ([], ("failed", "no_address"))


def test_a_mail_server_that_says_later_is_asked_again(scene: Scene, box: Mailbox) -> None:
    box.to_recipient = "451 greylisted, come back"
    scene.send()
    first = standing(scene)
    at_once = scene.send(after=61)
    box.to_recipient = TAKEN
    scene.send(after=120)

    assert (first, at_once) == (("planned", "mailbox 451"), 0)
    assert (len(box.mails), standing(scene)) == (1, ("reached", ""))
    assert len(released(scene)) == 1


def test_a_mail_server_that_is_away_is_asked_again(
    scene: Scene, box: Mailbox, settings: Any
) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1  # nobody listens there
    scene.send()
    first = standing(scene)
    settings.EMAIL_PORT = port
    scene.send(after=120)

    assert first == ("planned", "away")
    assert (len(box.mails), standing(scene)) == (1, ("reached", ""))


def test_a_mailbox_that_does_not_exist_is_given_up_and_remembered(
    scene: Scene, box: Mailbox
) -> None:
    box.to_recipient = "550 5.1.1 no such mailbox"

    scene.send()
    scene.send(after=3600)

    assert (box.mails, standing(scene)) == ([], ("failed", "mailbox 550"))
    with serving(scene.bank.id):
        assert MailAddress.objects.get().refused_at is not None


def test_a_mail_that_is_refused_for_good_says_nothing_of_the_mailbox(
    scene: Scene, box: Mailbox
) -> None:
    box.to_mail = "554 5.7.1 looks like spam"

    scene.send()

    assert standing(scene) == ("failed", "mail 554")
    with serving(scene.bank.id):
        assert MailAddress.objects.get().refused_at is None


def test_after_a_day_of_later_it_is_given_up(scene: Scene, box: Mailbox) -> None:
    box.to_mail = "452 no room"
    scene.send()

    scene.send(after=86_400 + 120)

    assert standing(scene) == ("failed", "mail 452")


class WorkerKilled(BaseException):
    """The process is gone: nothing after this line is run."""


def test_a_worker_that_dies_before_the_mail_leaves_sends_it_once_in_the_end(
    scene: Scene, box: Mailbox
) -> None:
    at = timezone.now() + timedelta(seconds=60)
    with serving(scene.bank.id):
        claim(Notice, way="mail", at=at, lease=timedelta(seconds=30))
    held = scene.send(after=65)
    scene.send(after=120)

    assert held == 0
    assert (len(box.mails), standing(scene)) == (1, ("reached", ""))


def test_a_worker_that_dies_after_the_mail_left_sends_it_under_the_same_name(
    scene: Scene, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_given: object, **_named: object) -> None:
        raise WorkerKilled

    with monkeypatch.context() as dying:
        dying.setattr("messaging.notices.sending.settle", die)
        with pytest.raises(WorkerKilled):
            scene.send()
    between = standing(scene)
    scene.send(after=65)
    scene.send(after=300)

    assert between == ("sending", "")
    assert standing(scene) == ("reached", "")
    assert [each["Message-ID"] for each in box.mails] == [
        f"<{scene.notice().id.hex}@portal.localhost>"
    ] * 2


def test_two_workers_send_it_once(scene: Scene, box: Mailbox) -> None:
    box.before_taking = lambda: None
    at = timezone.now() + timedelta(seconds=60)
    with serving(scene.bank.id):
        first = claim(Notice, way="mail", at=at, lease=timedelta(seconds=30))
        second = claim(Notice, way="mail", at=at, lease=timedelta(seconds=30))

    assert (first is not None, second) == (True, None)


def test_a_slow_worker_whose_lease_has_ended_neither_sends_nor_settles(
    scene: Scene, box: Mailbox
) -> None:
    at = timezone.now() + timedelta(seconds=60)
    with serving(scene.bank.id):
        slow = claim(Notice, way="mail", at=at, lease=timedelta(seconds=30))
    assert slow is not None
    scene.send(after=100)

    with serving_customer(scene.bank.id, scene.who.customer.id):
        assert begin_mail(slow, at=at, lease=timedelta(seconds=30)) is None
    assert (len(box.mails), standing(scene)) == (1, ("reached", ""))


def test_every_holder_is_mailed_at_their_own_address(box: Mailbox) -> None:
    scene = make_scene()
    other = make_scene(address="other@post.example")
    scene.tell()
    other.tell()
    scene.send()

    assert box.recipients == [ADDRESS]
    with serving(other.bank.id):
        assert Notice.objects.get().state == "planned"


@pytest.mark.parametrize(
    ("locale", "subject", "word"),
    [
        ("it", "Sei stato tu a fare questo pagamento?", "Buongiorno Ada Verdi,"),
        ("es", "¿Has hecho tú este pago?", "Hola, Ada Verdi:"),
    ],
)
def test_the_mail_is_in_the_customers_language(
    box: Mailbox, locale: str, subject: str, word: str
) -> None:
    scene = make_scene(locale=locale)
    scene.tell()

    scene.send()

    (mail,) = box.mails
    assert (mail["Subject"], mail["Content-Language"]) == (subject, locale)
    assert word in text_of(mail)
    assert f'lang="{locale}"' in html_of(mail)
    assert "Hello" not in text_of(mail)
    assert "nobody will ask" not in text_of(mail)


def test_the_link_says_where_to_sign_in_and_shows_nothing(
    client: Client, scene: Scene, box: Mailbox
) -> None:
    scene.send()
    link = link_in(box.mails[0])
    path = link.removeprefix(f"http://{CHAT_HOST}:8000")

    answer = client.get(path, headers={"Host": CHAT_HOST})

    page = answer.content.decode()
    card = scene.card()
    assert path == f"/alerts/{scene.bank.slug}/{card.id}"
    assert answer.status_code == 200
    leads_to = f"https://www.aurelia.example/accounts?tab=cards&amp;chat_alert={card.id}"
    assert f'href="{leads_to}"' in page
    assert "Ada" not in page
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_page_is_the_same_whatever_the_link_names(client: Client, scene: Scene) -> None:
    there, nowhere = scene.card().id, scene.bank.id
    pages = [
        client.get(f"/alerts/{scene.bank.slug}/{each}", headers={"Host": CHAT_HOST})
        for each in (there, nowhere)
    ]

    said = [
        each.content.decode().replace(str(there), "").replace(str(nowhere), "") for each in pages
    ]
    assert [each.status_code for each in pages] == [200, 200]
    assert said[0] == said[1]


def test_a_link_of_a_bank_that_is_not_here_says_so(client: Client, scene: Scene) -> None:
    suspend(scene)

    answer = client.get(
        f"/alerts/{scene.bank.slug}/{scene.card().id}", headers={"Host": CHAT_HOST}
    )

    assert answer.status_code == 404
    assert "This link leads nowhere" in answer.content.decode()


def test_other_banks_are_sent_by_themselves(scene: Scene, box: Mailbox) -> None:
    other = make_scene()
    later = timezone.now() + timedelta(seconds=60)

    assert send_due(bank_id=other.bank.id, clock=lambda: later) == 0
    assert box.mails == []
