"""The pages by which a bank answers for what it shares, on a phone and at a desk: for eyes, screen readers, keyboards."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.accessible import keep_picture, violations, wrong_by_keyboard
from tests.journeys.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
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


def stops(stack: Stack, page: Page) -> Iterator[str]:
    """Leads through the pages of Banca Aurelia, by the name of each."""
    bank = f"{stack.origin('console')}/banks/aurelia"
    page.goto(f"{bank}/customers/")
    reference = page.locator("td .mono").first.inner_text()
    for name, address in {
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
