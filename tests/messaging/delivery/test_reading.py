"""What a socket reads after a poke: the short way for what people typed shows what the long way does."""

from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.signin.queries import WidgetPrincipal, widget_session_of
from messaging.conversations.actions import post_bank_text, post_line, post_text
from messaging.conversations.queries import find_stream
from messaging.delivery import reading
from messaging.delivery.reading import Read, read_after
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.messaging import InChat, make_in_chat

pytestmark = pytest.mark.django_db(transaction=True)
# BEGIN, the block's settings, the stream with its events, COMMIT.
SHORT = 4


def principal_of(who: InChat) -> WidgetPrincipal:
    found = widget_session_of(who.token, timezone.now())
    assert found is not None
    return found


def typed(who: InChat) -> None:
    """A customer's words and a bank's."""
    at = timezone.now()
    with serving_customer(who.bank.id, who.customer.id):
        post_text(
            conversation_id=who.conversation.id, client_msg_id=uuid4(), text="Perché? 👍", at=at
        )
    with serving(who.bank.id):
        post_bank_text(
            conversation_id=who.conversation.id, text="Because.", staff_id=uuid4(), at=at
        )


def the_long_way(who: InChat, seq: int) -> Read:
    with serving_customer(who.bank.id, who.customer.id):
        stream = find_stream(who.stream)
        assert stream is not None
        return reading._read(stream, seq, None, timezone.now())


def test_what_was_typed_reads_the_same_both_ways(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    who = make_in_chat()
    typed(who)
    head = the_long_way(who, 0).head
    # The bank's own words came last; before them the assistant said that the bank will answer.
    principal, before = principal_of(who), head - 1

    with django_assert_num_queries(SHORT):
        short = read_after(principal, who.stream, before, None)

    assert short == the_long_way(who, before)
    assert short is not None
    assert [each["data"]["text"] for each in short.events] == ["Because."]


def test_nothing_new_is_short_too(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    who = make_in_chat()
    typed(who)
    head = the_long_way(who, 0).head
    principal = principal_of(who)

    with django_assert_num_queries(SHORT):
        short = read_after(principal, who.stream, head, None)

    assert short == the_long_way(who, head)


def test_a_line_of_ours_goes_the_long_way_in_the_readers_language() -> None:
    who = make_in_chat(locale="it")
    at = timezone.now()
    with serving_customer(who.bank.id, who.customer.id):
        post_line(
            customer_id=who.customer.id, template="accounts_linked", caused_by=uuid4(), at=at
        )

    read = read_after(principal_of(who), who.stream, 0, None)

    assert read == the_long_way(who, 0)
    assert read is not None
    assert read.events[0]["data"]["kind"] == "system"


@pytest.mark.parametrize(("seq", "epoch"), [(0, "another"), (9_999, None)])
def test_a_place_that_cannot_be_followed_gets_a_snapshot(seq: int, epoch: str | None) -> None:
    who = make_in_chat()
    typed(who)

    read = read_after(principal_of(who), who.stream, seq, epoch)

    assert read is not None
    assert read.snapshot is not None


def test_another_customers_stream_is_not_there() -> None:
    who = make_in_chat()
    neighbour = make_in_chat(who.bank, external_id="neighbour")
    stranger = make_in_chat()
    typed(who)

    assert read_after(principal_of(neighbour), who.stream, 0, None) is None
    assert read_after(principal_of(stranger), who.stream, 0, None) is None
