"""A person as the customer: through the bank's own pages and back, paying when asked to."""

import html
import re
import threading
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from partners.certification.checking import Wishes, check_bank
from partners.certification.report import Report, Verdict
from partners.certification.text import Terminal
from tests.partners.certification.conftest import codes, result
from tests.ports import free_port
from tests.sandbox_bank import SandboxBank

pytestmark = pytest.mark.slow
CLIENT = {"client_id": "engineer", "client_secret": "the-engineers-own"}


class Person:
    """Reads the terminal, and does what it says."""

    def __init__(self, bank: SandboxBank, out: StringIO, *, action: str = "approve") -> None:
        self.bank, self.out, self.action = bank, out, action
        self.customer = bank.customers()[1]
        self.prompts: list[str] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._walk, daemon=True)
        self.thread.start()

    def answer(self, prompt: str) -> str:
        self.prompts.append(prompt)
        login = self.customer["login"]
        if "declined" in prompt:
            refused = self.bank.control.post(f"/_control/customers/{login}/buy", json={})
            return "y" if refused.status_code == 409 else "n"
        if "booked" in prompt:
            self.bank.do("POST", "book")
            return ""
        self.bank.buy(login, suspicious="suspected" in prompt)
        return ""

    def _walk(self) -> None:
        while not self.over.wait(0.05):
            found = re.search(r"^(http\S+/as/authorize\S+)$", self.out.getvalue(), re.MULTILINE)
            if found:
                self._say_yes(found[1])
                return

    def _say_yes(self, url: str) -> None:
        page = self.bank.control.get(urlsplit(url)._replace(scheme="", netloc="").geturl())
        form = re.search(r'name="authorisation" value="([^"]+)"', page.text)
        assert form is not None
        sent = {"authorisation": html.unescape(form[1])}
        who = {"login": self.customer["login"], "password": self.customer["password"]}
        self.bank.control.post("/as/authorize", data=sent | who | {"action": "sign-in"})
        chosen = {"action": self.action, "which": "all"}
        back = self.bank.control.post("/as/authorize", data=sent | chosen)
        self.bank.control.cookies.clear()
        if back.is_redirect:
            httpx.get(back.headers["location"], trust_env=False)


def visited(
    bank: SandboxBank, action: str = "approve", **wishes: Any
) -> tuple[Report, Person, str]:
    port = free_port()
    there = f"http://127.0.0.1:{port}"
    known = {"redirect_uris": [f"{there}/callback"], "notify_url": f"{there}/event-notifications"}
    bank.do("PUT", "clients", **CLIENT, **known)
    out = StringIO()
    person = Person(bank, out, action=action)
    usual: dict[str, Any] = {"events": True, "timeout": 3.0, "patience": 6.0, "wait": 15.0}
    asked = Wishes(
        bank.origin, zone="Europe/Rome", listen=f"127.0.0.1:{port}", **CLIENT, **usual | wishes
    )
    try:
        report = check_bank(asked, Terminal(out, colours=False, live=False), person.answer)
    finally:
        person.over.set()
        person.thread.join(timeout=5)
    return report, person, out.getvalue()


def test_a_person_walks_through_all_of_it(thawed: SandboxBank) -> None:
    report, person, told = visited(thawed)

    skipped = {each.check.id for each in report.results if each.verdict == Verdict.SKIPPED}
    assert codes(report) == {}
    # A burst of payments is not asked of a person.
    assert skipped == {"events.ordered", "limits.retry_after"}
    assert report.exit_code == 0
    assert len(person.prompts) == 4
    assert "Open this address" in told


def test_a_person_who_says_no_is_told_so(thawed: SandboxBank) -> None:
    report, person, _told = visited(
        thawed, "deny", only=("reach", "token", "consent", "authorise")
    )

    assert codes(report) == {"authorise.return": ["authorisation_denied"]}
    assert person.prompts == []


def test_nobody_comes_back(thawed: SandboxBank) -> None:
    report, _person, _told = visited(
        thawed, "switch", only=("reach", "token.client", "consent.create", "authorise"), wait=0.5
    )

    assert "nobody came back" in result(report, "authorise.return").reason
