"""A customer lets a program see something, sees it read, and takes it back: at once, for the chat and the program."""

import base64
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from playwright.sync_api import BrowserContext, Frame, Locator, Page, expect

from tests.journeys.stack import Stack
from tests.journeys.test_story import SOON, chat_in, sign_in_at_bank, thaw
from tests.messaging.delivery.live import Client, open_socket

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# The promise: once it is taken back, everybody has lost it within this.
LOST_WITHIN_SECONDS = 1.0
PROGRAM = "Thrift Garden"


class Program:
    """The third party, as it reads over HTTP and listens on a socket with its own secret."""

    def __init__(self, stack: Stack, reference: str) -> None:
        self._stack, self.reference = stack, reference
        pair = re.search(r"-u (\S+:\w+) ", stack.demo["curl"][0])
        assert pair is not None
        basic = base64.b64encode(pair[1].encode()).decode()
        said = {"grant_type": "client_credentials"}
        given = self._post("/oauth/token", {"Authorization": f"Basic {basic}"}, data=said)
        self._bearer = {"Authorization": f"Bearer {given['access_token']}"}

    def get(self, address: str) -> httpx.Response:
        headers = self._bearer | {"Portal-Consent": self.reference}
        with self._stack.client("api") as api:
            return api.get(f"/api/v1/{address}", headers=headers)

    def _post(self, address: str, headers: dict[str, str], **body: Any) -> dict[str, Any]:
        with self._stack.client("api") as api:
            answered = api.post(address, headers=headers, **body)
        given: dict[str, Any] = answered.raise_for_status().json()
        return given

    @contextmanager
    def listening(self) -> Iterator[Client]:
        """A socket that follows the consent from its beginning."""
        headers = self._bearer | {"Idempotency-Key": uuid4().hex}
        ticket = self._post("/api/v1/realtime/tickets", headers, json={})["ticket"]
        host = self._stack.origin("api").removeprefix("http://").partition(":")[0]
        with open_socket(self._stack.port, ticket, origin=None, host=host) as raw:
            client = Client(raw)
            client.hello()
            assert client.follow(f"consent:{self.reference}")["t"] == "synced"
            yield client


def link(stack: Stack, window: Page) -> None:
    """Let the chat read as well, by way of the bank; and go on to the question, which waits meanwhile."""
    person = stack.demo["customers"]["aurelia"][0]
    expect(window).to_have_url(re.compile("/asking/$"), timeout=SOON)
    window.goto(f"{stack.origin('chat')}/link/begin")
    window.get_by_role("button", name="Continue to Banca Aurelia").click()
    allow = window.get_by_role("button", name="Allow", exact=True)
    password = window.get_by_label("Password")
    expect(allow.or_(password)).to_be_visible(timeout=SOON)
    if password.is_visible():
        window.get_by_role("textbox", name="Login").fill(person["login"])
        password.fill(person["password"])
        window.get_by_role("button", name="Continue", exact=True).click()
    for box in window.get_by_role("checkbox").all():
        box.check()
    allow.click()
    expect(window).to_have_url(re.compile("/link/choose$"), timeout=SOON)
    for box in window.locator("input[name=accounts]").all():
        box.check()
    for label in ("Your balances", "Your payments and income", "Large payment", "90 days"):
        window.get_by_label(label).check()
    window.get_by_role("button", name="Yes, allow it").click()
    window.get_by_role("link", name=re.compile("Go on to the program")).click()


def answer_the_program(window: Page) -> str:
    """Choose one account, both feeds, an alert and thirty days, and say yes; the name of the consent."""
    expect(window.get_by_role("heading", level=1)).to_contain_text(f"{PROGRAM} asks", timeout=SOON)
    expect(window.locator("input:checked")).to_have_count(0)
    window.get_by_label("Conto Chiaro").check()
    window.get_by_label("Your balances").check()
    window.get_by_label("Your payments and income").check()
    window.get_by_label("Large payment").check()
    window.get_by_label("30 days").check()
    window.get_by_role("button", name="Yes, allow it").click()
    expect(window.get_by_role("heading", level=1)).to_have_text("You said yes", timeout=SOON)
    expect(window.locator(".rows__title")).to_have_count(1)
    return window.locator("[data-consent]").inner_text()


def recipient(sharing: Page, reference: str) -> Locator:
    """The program's card on "Who sees what", by its consent's name."""
    return sharing.locator(f"#consent-{UUID(hex=reference.rpartition('_')[2])}")


def come_by_the_banks_chat(stack: Stack, someone: BrowserContext) -> tuple[Frame, Page]:
    """The program asks; only the bank can say who this is: the chat there, and the window opened from it."""
    person = stack.demo["customers"]["aurelia"][0]
    page = someone.new_page()
    page.goto(f"{stack.origin()}/start/program?bank=aurelia")
    page.get_by_role("link", name="Go to Banca Aurelia").click()
    sign_in_at_bank(page, person)
    chat = chat_in(page)
    expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)
    chat.get_by_role("button", name="Menu").click()
    with someone.expect_page() as opened:
        chat.get_by_role("menuitem", name="Who sees what").click()
    return chat, opened.value


def narrow(sharing: Page, shown: Locator) -> str:
    """Switch payments off; the new consent's id."""
    shown.get_by_role("link", name=f"Change what {PROGRAM} may see").click()
    sharing.get_by_label("Your payments and income").uncheck()
    sharing.get_by_role("button", name="See what it does").click()
    expect(sharing.locator(".effect")).to_contain_text("can no longer be read")
    sharing.get_by_role("button", name="Change it now").click()
    expect(sharing.get_by_role("heading", level=1)).to_have_text("Who sees what")
    newest = sharing.locator("article.recipient").first
    expect(newest).to_contain_text(PROGRAM)
    return (newest.get_attribute("id") or "").removeprefix("consent-")


def end(sharing: Page, shown: Locator) -> float:
    """End it, as its dialog says what that does; when the portal had."""
    shown.get_by_role("link", name="End this").click()
    dialog = shown.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{PROGRAM} can read nothing more of yours")
    with sharing.expect_response(lambda it: it.url.endswith("/end")) as ended:
        dialog.get_by_role("button", name="End it now").click()
    assert ended.value.status == 302
    return time.monotonic()


def buy(stack: Stack, amount: str) -> None:
    """Something large enough to be told of, with a card that works."""
    login = stack.demo["customers"]["aurelia"][0]["login"]
    thaw(stack, "aurelia", login)
    with stack.bank("aurelia") as bank:
        order = {"amount": amount, "merchant": "Lanternfold Outfitters"}
        bank.post(f"/customers/{login}/buy", json=order).raise_for_status()


def ask_for_balances(chat: Frame) -> None:
    before = chat.locator(".balance-amount").count()
    chat.get_by_role("textbox").fill("balance")
    chat.get_by_role("button", name="Send").click()
    expect(chat.locator(".balance-amount")).not_to_have_count(before, timeout=SOON)


def test_a_program_is_let_in_seen_narrowed_and_put_out_at_once(
    stack: Stack, someone: BrowserContext
) -> None:
    chat, window = come_by_the_banks_chat(stack, someone)
    link(stack, window)
    program = Program(stack, answer_the_program(window))

    # It reads, and the customer sees that it did.
    (account,) = program.get("accounts").raise_for_status().json()["accounts"]
    payments, balances = (f"accounts/{account['id']}/{it}" for it in ("transactions", "balances"))
    assert program.get(payments).raise_for_status().json()["transactions"]
    sharing = someone.new_page()
    sharing.goto(f"{stack.origin('chat')}/sharing/")
    # Once by its page, twice here.
    expect(recipient(sharing, program.reference)).to_contain_text("3 times in all", timeout=SOON)
    ticker = sharing.get_by_role("region", name="Readings and refusals, newest first")
    expect(ticker).to_contain_text(PROGRAM)

    # Narrowed: what is switched off is read no more, the rest under a consent of its own.
    newer = narrow(sharing, recipient(sharing, program.reference))
    assert program.get(payments).json()["type"].endswith("/consent-revoked")
    bank = program.reference.rpartition("_")[0]
    program = Program(stack, f"{bank}_{newer.replace('-', '')}")
    assert program.get(balances).raise_for_status().json()["balances"]
    assert program.get(payments).status_code == 403
    ask_for_balances(chat)

    # Taken back: from when that is committed, the open socket and the next read have a second.
    with program.listening() as socket:
        buy(stack, "612.00")
        told = socket.until_true(lambda each: each.get("type") == "alert.raised", timeout=15)
        committed = end(sharing, recipient(sharing, program.reference))
        socket.until_true(
            lambda each: each.get("type") == "consent.ended", timeout=LOST_WITHIN_SECONDS
        )
        taken = time.monotonic() - committed
        refused = program.get(balances)
        buy(stack, "613.00")
        # The chat hears of it; the program's socket, open as it is, of nothing.
        expect(chat.get_by_role("log")).to_contain_text("613.00", timeout=SOON)
        with pytest.raises(TimeoutError):
            socket.until("event", timeout=2)

    assert told["data"]["alert_type"] == "large_payment"
    assert taken < LOST_WITHIN_SECONDS
    assert (refused.status_code, refused.headers["Content-Type"]) == (
        403,
        "application/problem+json",
    )
    assert refused.json()["type"].endswith("/consent-revoked")
    # The refusal is on the customer's page, and the chat goes on under its own consent.
    expect(ticker).to_contain_text("You had ended it", timeout=SOON)
    ask_for_balances(chat)
