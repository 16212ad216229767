"""The pages by which a bank answers for what it shares, on a phone and at a desk: for eyes, screen readers, keyboards."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.accessible import keep_picture, violations, wrong_by_keyboard
from tests.journeys.stack import Stack
from tests.partners.imports.written import ofx, rows, table

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Of an account that nobody has linked: nothing of them is stored.
FILES = {
    "of-nobody": (
        "ofx",
        ofx(rows(3), account="GB29NWBK60161331926819", currency="GBP"),
        "Accounts of which nothing is kept",
    ),
    f"cut-off-{'very-' * 12}long": ("ofx", ofx(rows(3))[:-20], "Refused whole"),
    "table": ("csv", table(rows(12)), "What are its columns?"),
}
A_MONTH = "since=2026-01-01&until=2026-01-31"


@contextmanager
def owner(
    stack: Stack, chromium: Browser, size: dict[str, int], scheme: str, bank: str
) -> Iterator[Page]:
    """Who works at a bank of the demonstration, signed in."""
    context = chromium.new_context(
        viewport=size,  # type: ignore[arg-type]  # Playwright's own type of it
        locale="en-GB",
        color_scheme=scheme,  # type: ignore[arg-type]  # as above
        reduced_motion="reduce",
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(f"{stack.origin('console')}/start/console?bank={bank}")
    yield page
    context.close()


def stops_with_files(page: Page, bank: str) -> Iterator[str]:
    """One file that is read, one that is refused, one that waits for its columns, and all of them together."""
    for name, (ending, content, becomes) in FILES.items():
        page.goto(f"{bank}/statement-files/")
        page.get_by_label("File", exact=True).set_input_files(
            {"name": f"{name}.{ending}", "mimeType": "text/plain", "buffer": content}
        )
        page.get_by_role("button", name="Import").click()
        page.get_by_text(becomes).first.wait_for()
        yield f"statement-file-{name}"
    page.get_by_label("Day", exact=True).select_option(index=0)
    page.locator("form").evaluate_all("forms => forms.forEach((it) => { it.noValidate = true; })")
    page.get_by_role("button", name="Read it so").click()
    page.get_by_text("Say which column holds the day.").wait_for()
    yield "statement-file-without-a-day"
    page.goto(f"{bank}/statement-files/")
    yield "statement-files"


def statement_in_other_words(stack: Stack) -> bytes:
    """Of a linked account: a payment of long ago, which the bank's interface tells in words of its own."""
    with stack.bank("aurelia") as control:
        linked = control.get("/customers").json()["customers"][0]["accounts"]
        told = control.get("/ledger?limit=5000").json()
    account = next(each["AccountId"] for each in linked if each["kind"] == "current")
    # The bank calls its accounts by the numbers that they have.
    number = f"IT00SANDBOX{account.removeprefix('aur-')}"
    before = datetime.now(UTC) - timedelta(days=60)
    paid = max(
        (datetime.fromisoformat(each["occurred_at"]), each["amount_minor"])
        for each in told["transactions"]
        if each["AccountId"] == account and each["status"] == "booked"
        if datetime.fromisoformat(each["occurred_at"]) < before
    )
    on = paid[0].astimezone(ZoneInfo("Europe/Rome")).date()
    words = f"ZQX {'very-' * 12}long"
    return ofx([(on, Decimal(paid[1]) / 100, words)], account=number)


def bring_what_is_to_be_reviewed(stack: Stack, page: Page, bank: str) -> None:
    page.goto(f"{bank}/statement-files/")
    content = statement_in_other_words(stack)
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "in-other-words.ofx", "mimeType": "text/plain", "buffer": content}
    )
    page.get_by_role("button", name="Import").click()
    page.wait_for_url("**/statement-files/*-*/")
    page.locator("progress").wait_for(state="hidden")
    page.goto(f"{bank}/review/")
    page.get_by_role("columnheader", name="Known later").first.wait_for()


def stops(stack: Stack, page: Page) -> Iterator[str]:
    """Leads through the pages of Banca Aurelia, by the name of each."""
    bank = f"{stack.origin('console')}/banks/aurelia"
    page.goto(f"{bank}/customers/")
    reference = page.locator("td .mono").first.inner_text()
    yield from stops_with_files(page, bank)
    bring_what_is_to_be_reviewed(stack, page, bank)
    for name, address in {
        "review": "review/",
        "review-of-contradictions": "review/?kind=conflict",
        "review-of-decided": "review/?decided=1",
        "recipients": "recipients/",
        "feeds": "feeds/",
        "disclosures": "disclosures/",
        "verify": "disclosures/check/",
        "search-of-all": "search/",
        "search-of-nobody": f"search/?customer={'nobody-' * 9}",
        "search-of-no-time": "search/?since=2026-02-01&until=2026-01-01",
        "report": "report/",
        "report-of-nothing": f"report/?{A_MONTH}",
        "erasures": "erasures/",
        "search": f"search/?customer={reference}",
    }.items():
        page.goto(f"{bank}/{address}")
        yield name
    page.locator("td a[href*='/disclosures/']").first.click()
    page.wait_for_url("**/disclosures/*-*/")
    yield "record"


@pytest.mark.parametrize(
    ("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"]
)
def test_a_banks_account_of_itself_is_for_everybody(
    stack: Stack, chromium: Browser, size: dict[str, int], scheme: str
) -> None:
    wrong: dict[str, list[str]] = {}
    with owner(stack, chromium, size, scheme, "aurelia") as page:
        for name in stops(stack, page):
            found = [*violations(page), *wrong_by_keyboard(page)]
            if sticks_out := page.evaluate(STICKS_OUT):
                found.append(f"{sticks_out} px wider than the screen")
            keep_picture(page, f"console-{name}-{size['width']}")
            if found:
                wrong[name] = found

    assert wrong == {}


def test_a_bank_that_shares_nothing_takes_its_statement_from_the_report(
    stack: Stack, chromium: Browser
) -> None:
    with owner(stack, chromium, DESK, "light", "quillon") as page:
        console = f"{stack.origin('console')}/banks/quillon"
        page.goto(f"{console}/recipients/")
        page.get_by_role("link", name="See the proof").click()
        page.goto(f"{page.url.partition('?')[0].partition('#')[0]}?{A_MONTH}")
        with page.expect_download() as told:
            page.get_by_role("link", name="Signed statement").click()

        lines = told.value.path().read_text().splitlines()

    assert '"type":"statement"' in lines[0]
    assert '"type":"signed"' in lines[-1]
