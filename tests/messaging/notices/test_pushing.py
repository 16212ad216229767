"""Notifications through a push service that decrypts and verifies them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.disclosure.models import Disclosure
from messaging.conversations.actions import mark_read
from messaging.notices.addresses import choose_way, keep_browser
from messaging.notices.models import Notice, PushSubscription
from messaging.notices.pushing import said, together
from messaging.notices.rules import Outcome, Told, browser_label
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.messaging import CHAT_HOST, make_in_chat
from tests.mailbox import Mailbox
from tests.messaging.notices.push_service import Browser, PushService
from tests.messaging.notices.scenes import FRAUD, Scene, make_scene
from tests.messaging.notices.test_reaching import Window

pytestmark = pytest.mark.django_db


def subscribe(scene: Scene, browser: Browser) -> None:
    with serving_customer(scene.bank.id, scene.who.customer.id):
        keep_browser(
            customer_id=scene.who.customer.id,
            label="Firefox, Linux",
            at=timezone.now(),
            **browser.fields,
        )


@pytest.fixture
def scene() -> Scene:
    return make_scene()


@pytest.fixture
def browser(scene: Scene, service: PushService) -> Browser:
    made = service.browser()
    subscribe(scene, made)
    scene.tell()
    return made


def states(scene: Scene) -> dict[str, tuple[str, str]]:
    with serving(scene.bank.id):
        return {each.way: (each.state, each.reason) for each in Notice.objects.all()}


def browsers(scene: Scene) -> int:
    with serving(scene.bank.id):
        return PushSubscription.objects.count()


def test_a_browser_shows_that_there_is_something_and_where(
    scene: Scene, browser: Browser, service: PushService
) -> None:
    scene.send(after=30)

    ((tag, shown),) = browser.screen.items()
    card = scene.card()
    assert shown == {
        "title": "Banca Aurelia",
        "body": "Was this card payment you? Sign in to see it and answer.",
        "lang": "en",
        "dir": "ltr",
        "tag": card.id.hex,
        "path": f"/alerts/{scene.bank.slug}/{card.id}",
    }
    assert tag == card.id.hex
    assert service.requests[0]["Topic"] == scene.notice("push").id.hex
    with serving(scene.bank.id):
        told = Disclosure.objects.get(door="push")
    assert (told.decision, told.feed, told.row_count) == ("released", FRAUD, 1)


def test_a_notification_holds_nothing_of_the_payment(scene: Scene, browser: Browser) -> None:
    scene.send(after=30)

    everything = json.dumps(browser.screen)
    for private in ("12.30", "EUR", "Cafe Lisboa", "4821", "Conto Chiaro", "Ada"):
        assert private not in everything


def test_the_mail_waits_a_little_for_the_notification_to_be_seen(
    scene: Scene, browser: Browser, box: Mailbox
) -> None:
    scene.send(after=30)
    early = (states(scene), len(box.mails))
    card = scene.card()
    with serving_customer(scene.bank.id, scene.who.customer.id):
        mark_read(conversation_id=card.conversation_id, read=card.seq, at=timezone.now())
    scene.send(after=90)

    assert early == ({"push": ("reached", ""), "mail": ("planned", "")}, 0)
    assert states(scene)["mail"] == ("cancelled", "seen")
    assert len(browser.screen) == 1


def test_a_notification_that_nobody_follows_is_followed_by_a_mail(
    scene: Scene, browser: Browser, box: Mailbox
) -> None:
    scene.send(after=30)
    scene.send(after=90)
    scene.send(after=3600)

    assert states(scene) == {"push": ("reached", ""), "mail": ("reached", "")}
    assert (len(box.mails), len(browser.screen)) == (1, 1)


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_forgotten_and_the_mail_waits_no_longer(
    scene: Scene, browser: Browser, service: PushService, box: Mailbox, status: int
) -> None:
    service.answers = [status]

    scene.send(after=30)
    scene.send(after=30)

    assert browsers(scene) == 0
    assert states(scene) == {"push": ("failed", "gone"), "mail": ("reached", "")}


def test_a_push_service_that_says_later_is_asked_again_and_shows_it_once(
    scene: Scene, browser: Browser, service: PushService
) -> None:
    service.answers = [503, 429, 201]
    scene.send(after=30)
    first = states(scene)["push"]
    for seconds in (40, 55):
        scene.send(after=seconds)

    assert first == ("planned", "push 503")
    assert states(scene)["push"] == ("reached", "")
    assert (len(service.requests), len(browser.screen)) == (3, 1)


def test_a_push_service_that_does_not_answer_stops_nobody(
    scene: Scene, browser: Browser, service: PushService, box: Mailbox
) -> None:
    with serving_customer(scene.bank.id, scene.who.customer.id):
        row = PushSubscription.objects.get()
        row.delete()
    subscribe(scene, Browser("http://127.0.0.1:1/nobody"))

    scene.send(after=30)
    scene.send(after=90)

    assert states(scene) == {"push": ("planned", "unanswered"), "mail": ("reached", "")}


def test_all_browsers_are_told_and_one_that_was_reached_is_enough(
    scene: Scene, browser: Browser, service: PushService
) -> None:
    gone, other = service.browser(), service.browser()
    del service.browsers[gone.endpoint]
    subscribe(scene, gone)
    subscribe(scene, other)

    scene.send(after=30)

    assert states(scene)["push"] == ("reached", "")
    assert (len(browser.screen), len(other.screen), browsers(scene)) == (1, 1, 2)


def test_our_key_alone_is_taken(scene: Scene, browser: Browser, service: PushService) -> None:
    service.vapid = "somebody else's"

    scene.send(after=30)

    assert states(scene)["push"] == ("failed", "push 403")
    assert (browser.screen, browsers(scene)) == ({}, 1)


def test_a_worker_that_dies_after_the_push_shows_it_once(
    scene: Scene, browser: Browser, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WorkerKilled(BaseException):
        pass

    def die(*_given: object, **_named: object) -> None:
        raise WorkerKilled

    with monkeypatch.context() as dying:
        dying.setattr("messaging.notices.sending.settle", die)
        with pytest.raises(WorkerKilled):
            scene.send(after=30)
    between = states(scene)["push"]
    scene.send(after=75)

    assert (between, states(scene)["push"]) == (("sending", ""), ("reached", ""))
    assert (len(service.requests), len(browser.screen)) == (2, 1)
    assert len({each["Topic"] for each in service.requests}) == 1


def test_notifications_can_be_switched_off(scene: Scene, browser: Browser, box: Mailbox) -> None:
    with serving_customer(scene.bank.id, scene.who.customer.id):
        choose_way(customer_id=scene.who.customer.id, way="push", is_on=False, at=timezone.now())

    scene.send(after=30)

    assert states(scene)["push"] == ("cancelled", "switched_off")
    assert browser.screen == {}


def test_without_a_browser_there_is_no_notification_to_wait_for(box: Mailbox) -> None:
    scene = make_scene()
    scene.tell()

    scene.send(after=30)

    assert states(scene) == {"mail": ("reached", "")}


# --- the page -----------------------------------------------------------------------------------


def test_a_browser_is_added_known_again_and_removed(service: PushService) -> None:
    window = Window(make_in_chat())
    browser = service.browser()
    window.press("browsers", **browser.fields)
    window.press("browsers", **browser.fields)

    page = window.text()
    with serving(window.who.bank.id):
        row = PushSubscription.objects.get()
    window.press(f"browsers/{row.id}/forget")

    assert f'data-browser="{row.endpoint_digest}"' in page
    assert browser.endpoint not in row.endpoint + page
    assert "data-browser=" not in window.text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("endpoint", ""),
        ("endpoint", "ftp://push.example/1"),
        ("endpoint", "https://10.0.0.1/push"),
        ("endpoint", "https://user@push.example/1"),
        ("endpoint", "https://push.example:8443/1"),
        ("endpoint", "https://push.example/" + "x" * 500),
        ("p256dh", "nonsense"),
        ("auth", "AAAA"),
    ],
)
def test_what_is_no_subscription_is_not_kept(service: PushService, name: str, value: str) -> None:
    window = Window(make_in_chat())

    window.press("browsers", **(service.browser().fields | {name: value}))

    assert "This browser cannot be notified." in window.text()
    with serving(window.who.bank.id):
        assert PushSubscription.objects.count() == 0


def test_the_oldest_browser_makes_room(service: PushService) -> None:
    window = Window(make_in_chat())
    for _ in range(12):
        window.press("browsers", **service.browser().fields)

    with serving(window.who.bank.id):
        assert PushSubscription.objects.count() == 10


def test_without_a_key_nothing_is_offered(settings: Any, service: PushService) -> None:
    settings.PUSH_KEY = ""
    window = Window(make_in_chat())

    assert "By notification" not in window.text()
    window.press("browsers", **service.browser().fields)
    with serving(window.who.bank.id):
        assert PushSubscription.objects.count() == 0


def test_the_service_worker_has_an_address_that_stays() -> None:
    answer = Client().get("/reaching/worker.js", headers={"Host": CHAT_HOST})

    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert b"showNotification" in answer.content


def test_an_unknown_way_is_no_way() -> None:
    window = Window(make_in_chat())

    assert window.press("ways/pigeon", is_on="true").status_code == 404


@pytest.mark.parametrize(
    ("user_agent", "label"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/150.0", "Firefox, Linux"),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/150.0 Mobile Safari/537.36",
            "Chrome, Android",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/150 Safari/5 Edg/150", "Edge, Windows"),
        ("<script>", "?"),
        ("", "?"),
    ],
)
def test_a_browser_is_called_what_people_call_it(user_agent: str, label: str) -> None:
    assert browser_label(user_agent) == label


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (201, Outcome.ACCEPTED),
        (202, Outcome.ACCEPTED),
        (301, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (413, Outcome.REFUSED),
        (429, Outcome.PUT_OFF),
        (500, Outcome.PUT_OFF),
        (503, Outcome.PUT_OFF),
    ],
)
def test_a_status_is_what_the_standard_says(status: int, outcome: Outcome) -> None:
    assert said(status).outcome == outcome


def test_several_answers_come_to_the_best_of_them() -> None:
    taken, later, no = (
        Told(each) for each in (Outcome.ACCEPTED, Outcome.PUT_OFF, Outcome.REFUSED)
    )

    assert together([no, later, taken]) == taken
    assert together([no, later]) == later
    assert together([no]) == no
    assert together([]).reason == "no_browser"


def test_the_settings_say_when(scene: Scene, browser: Browser) -> None:
    with serving(scene.bank.id):
        due = {
            each.way: each.due_at - each.planned_at for each in Notice.objects.all() if each.due_at
        }

    assert due == {
        "push": settings.NOTICE_AFTER,
        "mail": settings.NOTICE_AFTER + settings.NOTICE_MAIL_AFTER_PUSH,
    }
    assert timedelta(seconds=20) == settings.NOTICE_AFTER
