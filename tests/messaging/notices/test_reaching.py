"""How we reach you: the customer's own page, in a window of the chat's host."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from accounts.signin.actions import make_window_code
from messaging.conversations.models import Message
from messaging.notices.addresses import keep_bank_address
from messaging.notices.models import AddressProof, MailAddress
from messaging.notices.queries import plain_address
from messaging.notices.sending import send_due
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.messaging import CHAT_HOST, InChat, make_in_chat
from tests.factories.partners import make_bank
from tests.mailbox import Mailbox, html_of, text_of
from tests.messaging.notices.scenes import ADDRESS, make_scene

pytestmark = pytest.mark.django_db

OWN = "ada@home.example"


class Window:
    """The customer's window in a browser."""

    def __init__(self, who: InChat) -> None:
        self.who = who
        self.browser = Browser(headers={"Host": CHAT_HOST}, enforce_csrf_checks=True)
        with serving_customer(who.bank.id, who.customer.id):
            made = make_window_code(
                customer_id=who.customer.id, purpose="reaching", at=timezone.now()
            )
        sent = {"Origin": settings.CHAT_ORIGIN}
        entered = self.browser.post("/reaching/enter", {"code": made.code}, headers=sent)
        assert entered.headers["Location"] == "/reaching/"

    def text(self) -> str:
        answered = self.browser.get("/reaching/")
        assert answered.status_code == 200
        return answered.content.decode()

    def press(self, path: str, **fields: str) -> Any:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.text())
        assert found is not None
        sent = {"Origin": settings.CHAT_ORIGIN}
        return self.browser.post(
            f"/reaching/{path}", fields | {"csrfmiddlewaretoken": found[1]}, headers=sent
        )

    def mailed_code(self, box: Mailbox) -> str:
        """Send what is due, and read the digits in the newest mail."""
        send_due(bank_id=self.who.bank.id, clock=timezone.now)
        (code,) = re.findall(r"^\d{6}$", text_of(box.mails[-1]), re.MULTILINE)
        return str(code)


@pytest.fixture
def who() -> InChat:
    return make_in_chat(make_bank(name="Banca Aurelia"), display_name="Ada Verdi")


@pytest.fixture
def window(who: InChat) -> Window:
    return Window(who)


def addresses(who: InChat) -> dict[str, str]:
    with serving(who.bank.id):
        return {each.source: plain_address(each) for each in MailAddress.objects.all()}


def test_a_stranger_sees_that_the_window_has_ended() -> None:
    browser = Browser(headers={"Host": CHAT_HOST})

    assert browser.get("/reaching/").status_code == 403


def test_without_an_address_the_page_says_so(window: Window) -> None:
    page = window.text()

    assert "Banca Aurelia has given us no address of yours" in page
    assert 'aria-checked="true"' in page


def test_the_banks_word_is_shown_as_the_banks(who: InChat, window: Window) -> None:
    with serving_customer(who.bank.id, who.customer.id):
        keep_bank_address(customer_id=who.customer.id, said=ADDRESS, at=timezone.now())

    page = window.text()

    assert ADDRESS in page
    assert "Given by Banca Aurelia" in page


def test_an_address_is_used_once_its_digits_are_typed(
    who: InChat, window: Window, box: Mailbox
) -> None:
    asked = window.press("address", address=f" {OWN} ")
    before = addresses(who)
    code = window.mailed_code(box)
    proved = window.press("address/prove", code=f"{code[:3]} {code[3:]}")

    page = window.text()
    assert (asked.status_code, proved.status_code, before) == (302, 302, {})
    assert box.recipients == [OWN]
    assert code in html_of(box.mails[0])
    assert not re.search(r"https?://", text_of(box.mails[0]))
    assert addresses(who) == {"customer": OWN}
    assert "Set and confirmed by you" in page
    with serving(who.bank.id):
        assert OWN not in AddressProof.objects.get().address
        assert code not in AddressProof.objects.get().code
        assert Message.objects.get().template == "address_changed"


def test_alerts_go_to_the_customers_own_address_before_the_banks(box: Mailbox) -> None:
    scene = make_scene()
    window = Window(scene.who)
    window.press("address", address=OWN)
    window.press("address/prove", code=window.mailed_code(box))
    scene.tell()
    scene.send()
    window.press("address/forget")

    assert box.recipients == [OWN, OWN]
    assert addresses(scene.who) == {"bank": ADDRESS}
    assert "Given by Banca Aurelia" in window.text()


def test_what_is_no_address_is_said_beside_the_field(window: Window) -> None:
    answer = window.press("address", address="ada@home.example, eve@post.example")

    assert answer.status_code == 400
    assert "This is no mail address." in answer.content.decode()
    assert "eve@post.example" in answer.content.decode()


def test_wrong_digits_count_and_the_last_ones_end_it(
    who: InChat, window: Window, box: Mailbox
) -> None:
    window.press("address", address=OWN)
    code = window.mailed_code(box)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"

    said = [window.press("address/prove", code=wrong) for _ in range(5)]
    late = window.press("address/prove", code=code)

    assert [each.status_code for each in [*said, late]] == [400] * 6
    assert "4 tries are left." in said[0].content.decode()
    assert "1 try is left." in said[3].content.decode()
    assert addresses(who) == {}


def test_digits_grow_old(who: InChat, window: Window, box: Mailbox) -> None:
    window.press("address", address=OWN)
    code = window.mailed_code(box)
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        later = Window(who)
        answer = later.press("address/prove", code=code)

    assert (answer.status_code, addresses(who)) == (400, {})


def test_asking_again_ends_the_first_asking(who: InChat, window: Window, box: Mailbox) -> None:
    window.press("address", address="first@home.example")
    first = window.mailed_code(box)
    window.press("address", address=OWN)
    second = window.mailed_code(box)

    early = window.press("address/prove", code=first) if first != second else None
    window.press("address/prove", code=second)

    assert early is None or early.status_code == 400
    assert addresses(who) == {"customer": OWN}


def test_nobodys_mailbox_can_be_filled(window: Window, box: Mailbox) -> None:
    said = [window.press("address", address=OWN).status_code for _ in range(7)]
    send_due(bank_id=window.who.bank.id, clock=timezone.now)

    assert said == [302] * 5 + [429] * 2
    assert len(box.mails) == 1


def test_an_asking_that_is_taken_back_mails_nothing(window: Window, box: Mailbox) -> None:
    window.press("address", address=OWN)
    window.press("address/forget")
    send_due(bank_id=window.who.bank.id, clock=timezone.now)

    assert box.mails == []
    assert "Six digits are on their way" not in window.text()


def test_a_mailbox_that_does_not_exist_is_said_on_the_page(window: Window, box: Mailbox) -> None:
    box.to_recipient = "550 no such mailbox"
    window.press("address", address=OWN)
    send_due(bank_id=window.who.bank.id, clock=timezone.now)

    page = window.text()

    assert f"The mail to {OWN} was refused" in page
    assert 'name="code"' not in page


def test_mail_can_be_switched_off_and_on(box: Mailbox) -> None:
    scene = make_scene()
    window = Window(scene.who)
    window.press("ways/mail")
    off = window.text()
    scene.tell()
    scene.send()
    notice = scene.notice()
    window.press("ways/mail", is_on="true")

    assert 'aria-checked="false"' in off
    assert (box.mails, notice.state, notice.reason) == ([], "cancelled", "switched_off")
    assert 'aria-checked="true"' in window.text()


def test_a_refused_mail_is_said_until_the_address_changes(box: Mailbox) -> None:
    scene = make_scene()
    box.to_recipient = "550 no such mailbox"
    scene.tell()
    scene.send()
    refused = Window(scene.who).text()
    with serving_customer(scene.bank.id, scene.who.customer.id):
        keep_bank_address(
            customer_id=scene.who.customer.id, said="new@post.example", at=timezone.now()
        )

    assert "The last mail was refused on" in refused
    assert "The last mail was refused on" not in Window(scene.who).text()


@pytest.mark.parametrize(
    ("locale", "title", "english"),
    [
        ("it", "Come ti avvisiamo", ("How we", "By mail", "Never", "For customers", "given us")),
        ("es", "Cómo te avisamos", ("How we", "By mail", "Never", "For customers", "given us")),
    ],
)
def test_the_page_is_in_the_customers_language(
    locale: str, title: str, english: tuple[str, ...]
) -> None:
    page = Window(make_in_chat(make_bank(phone="+39 02 0000 0000"), locale=locale)).text()

    assert f"<h1>{title}</h1>" in page
    assert [each for each in english if each in page] == []


def test_another_customer_sees_nothing_of_it(who: InChat, window: Window, box: Mailbox) -> None:
    window.press("address", address=OWN)
    code = window.mailed_code(box)
    other = Window(make_in_chat(who.bank))

    answer = other.press("address/prove", code=code)

    assert answer.status_code == 400
    assert OWN not in other.text()
    assert addresses(who) == {}
