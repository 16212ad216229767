"""Checking a sandbox bank, as it is or with somebody on the wire who makes a wrong one of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest

from partners.certification.checking import Wishes, check_bank
from partners.certification.report import Report, Result
from partners.certification.text import Terminal
from partners.connectors.base import Request, Response
from tests.contracts.between import Between, standing_between
from tests.sandbox_bank import SandboxBank

# What everything else needs: a customer who has authorised us.
LINKED = (
    "reach",
    "discovery",
    "token.client",
    "consent.create",
    "authorise.return",
    "token.exchange",
)
ACCOUNTS = (*LINKED, "accounts.list")
ROWS = (*ACCOUNTS, "transactions.read")
PAID = (*ROWS, "transactions.new")


def check(url: str, *only: str, **wishes: Any) -> Report:
    terminal = Terminal(StringIO(), colours=False, live=False)
    usual: dict[str, Any] = {
        "levers": True,
        "zone": "Europe/Rome",
        "timeout": 3.0,
        "patience": 6.0,
        "only": only,
    }
    return check_bank(Wishes(url, **usual | wishes), terminal, None)


def result(report: Report, number: str) -> Result:
    return next(each for each in report.results if each.check.id == number)


def codes(report: Report) -> dict[str, list[str]]:
    """What was found, by check; where nothing was found, nothing."""
    return {
        each.check.id: [found.code for found in each.findings]
        for each in report.results
        if each.findings and each.check.id != "reach.https"
    }


@pytest.fixture
def thawed(sandbox: SandboxBank) -> Iterator[SandboxBank]:
    """A good bank whose cards pay, before and after."""
    with suppress(Exception):
        for person in sandbox.customers():
            sandbox.do("POST", f"customers/{person['login']}/cards", frozen=False)
    yield sandbox
    sandbox.be()


Wrong = Callable[[Request, Response], Response]


@pytest.fixture
def wire(thawed: SandboxBank) -> Iterator[Between]:
    """The same bank, behind somebody who may change what it answers."""
    with standing_between(f"127.0.0.1:{thawed.port}") as between:
        between.origin = between.origin.replace("127.0.0.1", "aurelia-bank.localhost")
        between.answered = homely(thawed, between)
        yield between


def homely(bank: SandboxBank, between: Between, wrong: Wrong | None = None) -> Wrong:
    """All that the bank says of where it is leads past us; then what is wrong with it is done."""
    theirs, ours = bank.origin.encode(), between.origin.encode()

    def answered(request: Request, response: Response) -> Response:
        changed = replace(response, body=response.body.replace(theirs, ours))
        return wrong(request, changed) if wrong else changed

    return answered


def edited(change: Callable[[Any], Any], *, at: str, method: str = "GET") -> Wrong:
    """Answers at addresses that contain `at`, with their JSON changed."""

    def wrong(request: Request, response: Response) -> Response:
        if at not in request.url or request.method != method or response.status >= 300:
            return response
        whole = json.loads(response.body)
        change(whole)
        return replace(response, body=json.dumps(whole).encode())

    return wrong
