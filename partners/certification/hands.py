"""Whoever does at the bank what only its customer can: levers of a test bank, a person, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from partners.certification.levers import Levers, NoLever
from partners.certification.listener import Listener

PURCHASE = "11.20"


class HandsTied(Exception):
    """Nobody is there who could do it; says what would be needed."""


@dataclass(frozen=True)
class Purchase:
    """What is known of a payment that was made; by a person, only that it was."""

    transaction_id: str = ""
    account_id: str = ""
    amount: str = ""
    currency: str = ""


class Hands(Protocol):
    def authorise(self, url: str) -> dict[str, str]:
        """The customer's yes at the bank: what the redirect brought back."""
        ...

    def buy(self, *, suspicious: bool) -> Purchase: ...

    def book(self) -> bool:
        """Have all that is pending booked; whether that was in our power."""
        ...

    def is_declined(self) -> bool:
        """Whether the customer's card is declined now."""
        ...

    def burst(self, number: int) -> bool:
        """So many purchases at once; whether that was in our power."""
        ...


@dataclass
class LeverHands:
    """A test bank's levers."""

    levers: Levers
    login: str

    def authorise(self, url: str) -> dict[str, str]:
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
        approved = self._pull(
            "POST",
            "approve",
            consent_id=_consent_in(asked),
            login=self.login,
            all=True,
            redirect_uri=asked["redirect_uri"],
            code_challenge=asked["code_challenge"],
            state=asked["state"],
        )
        return {name: str(approved[name]) for name in ("code", "state") if name in approved}

    def buy(self, *, suspicious: bool) -> Purchase:
        order: dict[str, Any] = {"amount": PURCHASE} | ({"suspicious": True} if suspicious else {})
        made = self._pull("POST", f"customers/{self.login}/buy", **order)
        amount = made.get("amount")
        amount = amount if isinstance(amount, dict) else {}
        return Purchase(
            transaction_id=str(made.get("TransactionId", "")),
            account_id=str(made.get("AccountId", "")),
            amount=str(amount.get("amount", "")).lstrip("-"),
            currency=str(amount.get("currency", "")),
        )

    def book(self) -> bool:
        self._pull("POST", "book")
        return True

    def is_declined(self) -> bool:
        answer = self.levers.try_to("POST", f"customers/{self.login}/buy", amount=PURCHASE)
        return answer.status_code == HTTPStatus.CONFLICT

    def burst(self, number: int) -> bool:
        for _ in range(number):
            self._pull("POST", f"customers/{self.login}/buy", amount="1.00")
        return True

    def _pull(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        try:
            return self.levers.pull(method, path, **body)
        except NoLever as none:
            raise HandsTied(str(none)) from None


@dataclass
class PersonHands:
    """Somebody at the terminal, with the customer's sign-in and card at hand."""

    listener: Listener | None
    say: Callable[[str], None]
    question: Callable[[str], str]
    wait_seconds: float

    def authorise(self, url: str) -> dict[str, str]:
        self.say(
            f"Open this address, sign in as a test customer and allow all accounts:\n\n{url}\n"
        )
        if self.listener is not None:
            returned = self.listener.wait_for_return(self.wait_seconds)
            if returned is None:
                raise HandsTied(f"nobody came back from the bank within {self.wait_seconds:g} s")
            return returned
        came_to = self.question("Then paste the address at which the browser ended: ")
        found = parse_qs(urlsplit(came_to.strip()).query)
        return {name: values[-1] for name, values in found.items()}

    def buy(self, *, suspicious: bool) -> Purchase:
        what = "one that your fraud desk marks as suspected" if suspicious else "any small one"
        answer = self.question(
            f"Pay something with the customer's card now ({what}), then press Enter; s to leave it out: "
        )
        if answer.strip().lower().startswith("s"):
            raise HandsTied("you left out the payment")
        return Purchase()

    def book(self) -> bool:
        answer = self.question(
            "Have the payment booked at the bank, then press Enter; s to leave it out: "
        )
        return not answer.strip().lower().startswith("s")

    def is_declined(self) -> bool:
        answer = (
            self.question("Try to pay with the frozen card. Was it declined? [y/n/s] ")
            .strip()
            .lower()
        )
        if answer[:1] not in {"y", "n"}:
            raise HandsTied("you left out the payment with a frozen card")
        return answer.startswith("y")

    def burst(self, number: int) -> bool:  # noqa: ARG002  # a person is not asked for that
        return False


class NoHands:
    """Nobody: what needs a customer is passed over."""

    _WHY = "nobody is here to act as the customer: run it in a terminal, or with --levers"

    def authorise(self, url: str) -> dict[str, str]:  # noqa: ARG002
        raise HandsTied(self._WHY)

    def buy(self, *, suspicious: bool) -> Purchase:  # noqa: ARG002
        raise HandsTied(self._WHY)

    def book(self) -> bool:
        return False

    def is_declined(self) -> bool:
        raise HandsTied(self._WHY)

    def burst(self, number: int) -> bool:  # noqa: ARG002
        return False


def _consent_in(asked: Mapping[str, str]) -> str:
    """The consent that the customer is asked for: each protocol has its own place for it."""
    named = asked.get("openbanking_intent_id") or asked.get("link_token")
    return named or asked.get("scope", "").removeprefix("AIS:")
