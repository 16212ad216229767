from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.signin.actions import WindowCodeRefused, redeem_window_code
from accounts.signin.models import WindowCode
from accounts.signin.windows import customer_window, enter_by_code, enter_window, window_of
from partners.banks.models import Bank
from portal.tenancy.blocks import serving
from tests.factories.messaging import CHAT_HOST, InChat, make_in_chat

pytestmark = pytest.mark.django_db


def ask(client: Client, who: InChat, path: str, body: object, key: str = "") -> Any:
    return client.post(
        f"/api/v1/{path}",
        body,
        content_type="application/json",
        headers=who.headers | {"Idempotency-Key": key or uuid4().hex},
    )


def in_browser(**post: str) -> HttpRequest:
    """A request of a fresh browser on the chat's host, from our own frame."""
    request = RequestFactory().post(
        "/link/", post, headers={"Host": CHAT_HOST, "Origin": settings.CHAT_ORIGIN}
    )
    request.session = SessionStore()
    return request


def redeem(code: str, purpose: str = "link") -> tuple[Any, Any]:
    return redeem_window_code(code=code, purpose=purpose, at=timezone.now())


def test_a_link_is_a_code_for_one_window(client: Client) -> None:
    who = make_in_chat()

    response = ask(client, who, "links", {})

    given = response.json()
    assert response.status_code == 201
    assert given["start_url"] == f"{settings.CHAT_ORIGIN}/link/"
    assert given["code"] not in urlsplit(given["start_url"]).geturl()
    assert redeem(given["code"]) == (who.bank.id, who.customer.id)
    with pytest.raises(WindowCodeRefused):
        redeem(given["code"])
    with serving(who.bank.id):
        assert WindowCode.objects.get().code_digest != given["code"]


def test_the_same_request_again_gives_the_same_code(client: Client) -> None:
    who = make_in_chat()

    first = ask(client, who, "links", {}, key="the-same-key").json()
    again = ask(client, who, "links", {}, key="the-same-key").json()
    other = ask(client, who, "links", {}).json()

    assert again == first
    assert other["code"] != first["code"]


def test_a_code_is_for_its_purpose(client: Client) -> None:
    who = make_in_chat()
    given = ask(client, who, "windows", {"purpose": "sharing"}).json()

    with pytest.raises(WindowCodeRefused):
        redeem(given["code"], "link")

    assert given["start_url"] == f"{settings.CHAT_ORIGIN}/sharing/enter"
    assert redeem(given["code"], "sharing") == (who.bank.id, who.customer.id)


@pytest.mark.parametrize(
    "body", [{}, {"purpose": "stealing"}, {"purpose": 7}, {"purpose": "link", "x": 1}]
)
def test_a_purpose_that_we_do_not_have_is_400(client: Client, body: object) -> None:
    assert ask(client, make_in_chat(), "windows", body).status_code == 400


def test_a_code_ends_after_a_minute_and_with_the_bank(client: Client) -> None:
    who = make_in_chat()
    old, fresh = (ask(client, who, "links", {}).json()["code"] for _ in range(2))

    with (
        time_machine.travel(timezone.now() + timedelta(seconds=61)),
        pytest.raises(WindowCodeRefused),
    ):
        redeem(old)
    Bank.objects.filter(pk=who.bank.pk).update(status=Bank.Status.SUSPENDED)
    with pytest.raises(WindowCodeRefused):
        redeem(fresh)


@pytest.mark.parametrize("code", ["", "x", "wc_00_x", f"wc_{'0' * 32}_x", "ws_" + "0" * 32 + "_x"])
def test_what_is_not_a_code_opens_nothing(code: str) -> None:
    with pytest.raises(WindowCodeRefused):
        redeem(code)


def test_the_window_is_the_customers_for_a_quarter_of_an_hour(client: Client) -> None:
    who = make_in_chat()
    code = ask(client, who, "links", {}).json()["code"]
    request = in_browser(code=code)

    entered = enter_by_code(request, purpose="link")

    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        later = window_of(request)
    assert (entered.bank_id, entered.customer_id) == (who.bank.id, who.customer.id)
    assert window_of(request) == entered
    assert later is None


@pytest.mark.parametrize("origin", [None, "https://bank.example", "null"])
def test_nobody_is_brought_into_a_strangers_window(client: Client, origin: str | None) -> None:
    who = make_in_chat()
    code = ask(client, who, "links", {}).json()["code"]
    request = in_browser(code=code)
    request.META.pop("HTTP_ORIGIN")
    if origin:
        request.META["HTTP_ORIGIN"] = origin

    with pytest.raises(WindowCodeRefused):
        enter_by_code(request, purpose="link")

    assert window_of(request) is None
    assert redeem(code) == (who.bank.id, who.customer.id)


def test_entering_leaves_nothing_of_who_was_there_before() -> None:
    one, two = make_in_chat(), make_in_chat()
    request = in_browser()
    enter_window(request, one.bank.id, one.customer.id)
    request.session["choice"] = "theirs"
    request.session.save()
    before = request.session.session_key

    enter_window(request, two.bank.id, two.customer.id)
    request.session.save()

    assert "choice" not in request.session
    assert request.session.session_key != before


def test_a_page_without_its_window_says_so_calmly() -> None:
    @customer_window
    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(request.window.customer_id))  # type: ignore[attr-defined]  # the decorator's

    who = make_in_chat()
    outside, inside = in_browser(), in_browser()
    enter_window(inside, who.bank.id, who.customer.id)

    refused, shown = page(outside), page(inside)

    assert (refused.status_code, "This window has ended" in refused.content.decode()) == (
        403,
        True,
    )
    assert shown.content.decode() == str(who.customer.id)
