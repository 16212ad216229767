"""What customers wrote, and what the bank answers, on the console."""

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging.conversations.actions import post_text
from messaging.conversations.models import Message
from partners.banks.models import Bank, Staff
from portal.tenancy.blocks import serving
from tests.desk import browser_of, console_browser, page_of
from tests.factories.messaging import InChat, make_in_chat
from tests.factories.partners import make_bank, make_staff

pytestmark = pytest.mark.django_db
ANSWERING = {Staff.Role.OWNER, Staff.Role.AGENT}


def write(chat: InChat, text: str) -> None:
    with serving(chat.bank.id):
        post_text(
            conversation_id=chat.conversation.id,
            client_msg_id=uuid4(),
            text=text,
            at=timezone.now(),
        )


def typed(bank: Bank, conversation_id: UUID) -> list[tuple[str, str]]:
    with serving(bank.id):
        rows = Message.objects.filter(conversation_id=conversation_id, kind="text").order_by("seq")
        return list(rows.values_list("author", "text"))


@pytest.mark.parametrize("role", list(Staff.Role))
def test_who_answers_customers_reads_them(role: str) -> None:
    chat = make_in_chat()
    write(chat, "Where is my card?")
    browser = browser_of(chat.bank, role)
    slug, thread = chat.bank.slug, chat.conversation.id
    answers = [
        browser.get(page_of("conversations", slug)),
        browser.get(page_of("conversation", slug, thread)),
        browser.get(page_of("conversation_live", slug, thread)),
    ]
    for answer in answers:
        assert answer.status_code == (200 if role in ANSWERING else 403)
        assert ("Where is my card?" in answer.content.decode()) == (role in ANSWERING)


def test_an_answer_reaches_the_thread_under_the_banks_name() -> None:
    chat = make_in_chat(display_name="Giulia Ferrante")
    write(chat, "Where is my card?")
    agent = make_staff(chat.bank, Staff.Role.AGENT)
    browser = console_browser(agent.person)
    where = page_of("conversation", chat.bank.slug, chat.conversation.id)
    assert (
        "Waits for an answer"
        in browser.get(page_of("conversations", chat.bank.slug)).content.decode()
    )
    page = browser.get(where)
    assert "Giulia" not in page.content.decode()
    said = {
        "text": "It is on its way.",
        "client_msg_id": str(page.context["form"].initial["client_msg_id"]),
    }
    for _twice in range(2):
        assert browser.post(where, said)["Location"] == where
    assert typed(chat.bank, chat.conversation.id) == [
        ("customer", "Where is my card?"),
        ("bank", "It is on its way."),
    ]
    with serving(chat.bank.id):
        assert Message.objects.get(author="bank", kind="text").staff_id == agent.id
    assert (
        "Waits for an answer"
        not in browser.get(page_of("conversations", chat.bank.slug)).content.decode()
    )


def test_card_numbers_are_masked_in_answers_too() -> None:
    chat = make_in_chat()
    where = page_of("conversation", chat.bank.slug, chat.conversation.id)
    browser_of(chat.bank).post(
        where, {"text": "Your card 4111 1111 1111 1111", "client_msg_id": str(uuid4())}
    )
    assert typed(chat.bank, chat.conversation.id) == [("bank", "Your card •••• •••• •••• 1111")]


@pytest.mark.parametrize(
    "said",
    [
        {"text": "", "client_msg_id": str(uuid4())},
        {"text": "x" * 4001, "client_msg_id": str(uuid4())},
        {"text": "hello"},
        {"text": "kept", "client_msg_id": "not an id"},
    ],
)
def test_what_is_refused_stays_typed(said: dict[str, str]) -> None:
    chat = make_in_chat()
    where = page_of("conversation", chat.bank.slug, chat.conversation.id)
    answer = browser_of(chat.bank).post(where, said)
    assert answer.status_code == 400
    assert said["text"] in answer.content.decode()
    assert typed(chat.bank, chat.conversation.id) == []


def test_what_was_typed_is_shown_as_text() -> None:
    chat = make_in_chat()
    write(chat, "<script>alert(1)</script>")
    where = page_of("conversation", chat.bank.slug, chat.conversation.id)
    assert "<script>alert" not in browser_of(chat.bank).get(where).content.decode()


@pytest.mark.parametrize("page", ["conversation", "conversation_live"])
def test_another_banks_conversation_is_not_found(page: str) -> None:
    chat, bank = make_in_chat(), make_bank()
    browser = browser_of(bank)
    where = page_of(page, bank.slug, chat.conversation.id)
    assert browser.get(where).status_code == 404
    said = {"text": "hello", "client_msg_id": str(uuid4())}
    assert browser.post(where, said).status_code in {404, 405}
    assert browser.get(page_of(page, chat.bank.slug, chat.conversation.id)).status_code == 404
    assert typed(chat.bank, chat.conversation.id) == []


@pytest.mark.parametrize("before", ["x", "-1", "1e3", "9" * 30, "٣"])
def test_a_place_that_makes_no_sense_is_refused(before: str) -> None:
    chat = make_in_chat()
    where = page_of("conversation", chat.bank.slug, chat.conversation.id)
    assert browser_of(chat.bank).get(where, {"before": before}).status_code == 400


def test_earlier_messages_are_a_page_away() -> None:
    chat = make_in_chat()
    for number in range(55):
        write(chat, f"question {number:02d}")
    browser = browser_of(chat.bank)
    where = page_of("conversation", chat.bank.slug, chat.conversation.id)
    page = browser.get(where)
    assert "question 54" in page.content.decode()
    assert "question 00" not in page.content.decode()
    earlier = browser.get(where + page.context["older_url"])
    assert "question 00" in earlier.content.decode()
    assert earlier.context["live_url"] == ""


def test_threads_are_paged_each_once_and_cost_the_same() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("conversations", bank.slug)
    chats = [make_in_chat(bank, external_id=f"C-{number:02d}") for number in range(30)]
    write(chats[0], "first")
    with CaptureQueriesContext(connection) as few:
        browser.get(where)
    for chat in chats:
        write(chat, "hello")
        write(chat, "are you there?")
    with CaptureQueriesContext(connection) as many:
        first = browser.get(where)
    assert len(many) == len(few)
    second = browser.get(where + first.context["page"]["older_url"])
    shown = [each["reference"] for page in (first, second) for each in page.context["threads"]]
    assert shown == [f"C-{number:02d}" for number in reversed(range(30))]
    assert browser.get(where, {"cursor": "nonsense"}).status_code == 400
