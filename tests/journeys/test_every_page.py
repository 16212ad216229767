"""Every page of every host on a narrow phone: nothing sticks out, nothing is refused, nothing breaks."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NARROW = {"width": 360, "height": 740}
CONSOLE = (
    *("", "integration/", "feeds/", "alert-types/", "customers/", "conversations/"),
    *(
        "recipients/",
        "disclosures/",
        "search/",
        "report/",
        "retention/",
        "erasures/",
        "review/",
        "staff/",
        "staff/deeds/",
    ),
)
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def addresses(stack: Stack) -> Iterator[str]:
    """The short ways in of the start page come before the pages that they open."""
    yield f"{stack.origin()}/?bank=quillon"
    yield f"{stack.origin()}/design"
    yield f"{stack.origin()}/problems/"
    yield f"{stack.origin()}/problems/stale-card"
    yield f"{stack.origin('api')}/api/v1/docs"
    yield f"{stack.origin('console')}/sign-in/login/"
    yield f"{stack.origin('console')}/sign-in/password/reset/"
    yield f"{stack.origin('console')}/start/console?bank=aurelia"
    for page in CONSOLE:
        yield f"{stack.origin('console')}/banks/aurelia/{page}"
    yield f"{stack.origin('console')}/sign-in/second-factor/"
    yield f"{stack.origin('console')}/sign-in/sessions/"
    yield f"{stack.origin('console')}/sign-in/password/change/"
    yield f"{stack.origin('chat')}/start/sharing?bank=aurelia"
    yield f"{stack.origin('chat')}/link/begin"
    for slug in ("aurelia", "northmoor", "quillon"):
        yield stack.bank_origin(slug)
    login = stack.demo["customers"]["northmoor"][0]["login"]
    yield f"{stack.bank_origin('northmoor')}/phone?customer={login}"


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport=NARROW, color_scheme="dark", locale="en-GB")
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_every_page_fits_a_narrow_phone_and_breaks_nothing(stack: Stack, phone: Page) -> None:
    wrong: list[tuple[str, str]] = []
    phone.on("pageerror", lambda error: wrong.append((phone.url, str(error))))
    phone.on(
        "console",
        lambda said: (
            wrong.append((phone.url, said.text))
            if "Content Security Policy" in said.text
            else None
        ),
    )
    for address in addresses(stack):
        answer = phone.goto(address)
        assert answer is not None
        if not answer.ok:
            wrong.append((address, f"status {answer.status}"))
        if sticks_out := phone.evaluate(STICKS_OUT):
            wrong.append((address, f"{sticks_out} px wider than the screen"))
        if (headings := phone.locator("h1").count()) != 1:
            wrong.append((address, f"{headings} first headings"))
        if not phone.title():
            wrong.append((address, "no title"))

    assert wrong == []
