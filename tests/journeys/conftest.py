"""A browser, and a whole portal to use with it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.journeys.collector import Collector, running_collector
from tests.journeys.stack import Stack, running_stack
from tests.mailbox import Mailbox, mailbox

QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """The Chromium that `make test` found, or one on the PATH; None: Playwright's own."""
    named = os.environ.get("PORTAL_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("google-chrome")


def launch_options() -> dict[str, Any]:
    # Chromium's sandbox cannot be had as root.
    flags = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else QUIET
    return {"executable_path": chromium_path(), "args": flags, "headless": True}


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest.fixture(scope="session")
def box() -> Iterator[Mailbox]:
    """The mailbox of everybody whom the portal writes to."""
    with mailbox() as running:
        yield running


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector, box: Mailbox
) -> Iterator[Stack]:
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "EMAIL_URL": box.url,
        "PORTAL_NOTICE_SECONDS": "3",
        "PORTAL_BALANCES_GOOD_FOR_SECONDS": "1",
    }
    with running_stack(tmp_path_factory.mktemp("portal"), **told) as running:
        yield running


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(**launch_options())
    yield browser
    browser.close()


@pytest.fixture
def someone(chromium: Browser, tmp_path: Path) -> Iterator[BrowserContext]:
    """A fresh browser profile; what it saw is kept when a test fails."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(15_000)
    yield context
    for number, page in enumerate(context.pages):
        page.screenshot(path=tmp_path / f"page-{number}.png")
    context.close()


@pytest.fixture
def desk(someone: BrowserContext) -> Page:
    return someone.new_page()
