"""What the partner interface offers: freezes and decisions, done once however often they are sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from uuid import uuid4

from partners.certification.book import Chapter
from partners.certification.checks.transactions import newest
from partners.certification.hands import HandsTied
from partners.certification.refusals import expect_refusal
from partners.certification.report import Finding
from partners.certification.visit import PassedOver, Visit, now, until
from partners.certification.wire import SLOW_SECONDS, Found, NoAnswer
from partners.connectors.base import (
    BankRefused,
    ConnectorFailure,
    FraudDecision,
    InstructionOutcome,
    Request,
    Steps,
)

freezes = Chapter("Freezing a card")
decisions = Chapter("The customer's decision")
_REASON = "check_bank"
_NONE = "check-bank-none"
_ABOUT = "docs/for-banks.md, Card freezes; partner interface 1.2"
_ABOUT_DECISIONS = "docs/for-banks.md, Decisions; partner interface 1.2"
_CLOCK = timedelta(minutes=5)

Ask = Callable[[], Steps[InstructionOutcome]]


def _freeze(visit: Visit, number: str, *, account: str = "", thaw: bool = False) -> Ask:
    def steps() -> Steps[InstructionOutcome]:
        instruct = visit.connector.unfreeze if thaw else visit.connector.freeze
        paid = visit.suspected or visit.bought
        return instruct(
            grant=visit.grant,
            instruction_id=number,
            account_external_id=account or _account(visit),
            card_id=None if account or paid is None else paid.card_id,
            reason=_REASON,
        )

    return steps


def _account(visit: Visit) -> str:
    """The account whose card paid; else the first."""
    known = visit.suspected_on or visit.bought_on
    if known:
        return known
    if not visit.accounts:
        raise PassedOver("there is no account whose cards could be frozen")
    return visit.accounts[0].external_id


def _state(visit: Visit, number: str) -> Ask:
    return lambda: visit.connector.freeze_status(grant=visit.grant, instruction_id=number)


def _decision_state(visit: Visit, number: str) -> Ask:
    return lambda: visit.connector.decision_status(grant=visit.grant, decision_id=number)


def _settled(visit: Visit, ask: Ask, state: Ask, what: str) -> Iterator[Finding]:
    """Have something done, wait for what becomes of it, and say what was odd about that."""
    try:
        outcome = visit.attempt(ask())
    except NoAnswer as silent:
        raise Found(_after_silence(visit, state, what, silent.finding)) from None
    except BankRefused as refused:
        raise Found(_not_offered(visit, refused, what)) from None
    except ConnectorFailure as failure:
        raise visit.found(failure) from failure
    seconds = visit.wire.said[-1].milliseconds / 1000
    if seconds > SLOW_SECONDS:
        yield Finding(
            "answered_late",
            f"The {what} was answered only after {seconds:.1f} s.",
            'Answer at once: "pending" if it takes longer. The customer waits, and looks at the card.',
            harmless=True,
        )
    yield from _outcome(visit, outcome, state, what)


def _not_offered(visit: Visit, refused: BankRefused, what: str) -> Finding:
    status = visit.wire.said[-1].status
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
        return Finding(
            "not_offered",
            f"The bank has no such resource ({status}): a {what} cannot be asked of it.",
            "Offer it as partners/connectors/partner/openapi.yaml describes.",
        )
    return Finding(
        "refused",
        f"The bank refused the {what}: {refused.code} ({status}).",
        "Take it for every account that the consent covers.",
    )


def _after_silence(visit: Visit, state: Ask, what: str, silence: Finding) -> Finding:
    """No answer: what did the bank do? It is asked, as the portal does."""
    try:
        outcome = visit.attempt(state())
    except NoAnswer:
        return silence
    except ConnectorFailure as failure:
        return visit.found(failure).finding
    if outcome.status == "unknown_to_bank":
        return Finding(
            "never_arrived",
            f"{silence.words} Asked again, the bank does not know the {what}: it was lost.",
            f"Take the {what} down before anything else, and answer.",
        )
    return Finding(
        "acted_without_answering",
        f"{silence.words} Asked again, it says {outcome.status}: the {what} was taken, and nobody told.",
        "Answer as soon as it is taken down. Meanwhile the customer reads that we do not know.",
    )


def _outcome(
    visit: Visit, outcome: InstructionOutcome, state: Ask, what: str
) -> Iterator[Finding]:
    begun = time.monotonic()
    if outcome.status == "pending":
        outcome = _waited_for(visit, outcome, state)
        if outcome.status == "done":
            yield Finding(
                "settled_later",
                f"The {what} was pending first, and done after {time.monotonic() - begun:.1f} s.",
                "That is allowed. The sooner it is done, the less can be spent meanwhile.",
                harmless=True,
            )
    if outcome.status != "done":
        raise Found(_not_done(visit, outcome, what))
    if outcome.settled_at is not None and abs(outcome.settled_at - now()) > _CLOCK:
        yield Finding(
            "wrong_clock",
            "SettledAt is not of now.",
            "Say when it was done; look at the clock, and at the offset from UTC.",
        )


def _waited_for(visit: Visit, outcome: InstructionOutcome, state: Ask) -> InstructionOutcome:
    for _waited in until(visit.target.patience, every=0.5, sleep=visit.sleep):
        outcome = visit.ask(state())
        if outcome.status != "pending":
            break
    return outcome


def _not_done(visit: Visit, outcome: InstructionOutcome, what: str) -> Finding:
    if outcome.status == "failed":
        return Finding(
            f"{what}_failed",
            f"The bank says that the {what} failed: {outcome.reason}.",
            "Let it succeed for a test customer's card.",
        )
    if outcome.status == "unknown_to_bank":
        return Finding(
            "forgotten",
            f"The bank took the {what}, and then did not know it.",
            "Keep it: GET says what became of it, for as long as the consent lasts.",
        )
    return Finding(
        "never_settled",
        f"The {what} was still pending after {visit.target.patience:g} s.",
        "Carry it out within seconds, and let GET say so.",
    )


@freezes.check(
    "freeze.done",
    "It freezes a card",
    "PUT /partner/v1/card-freezes/{InstructionId} freezes, and says done only when the card is frozen.",
    source=_ABOUT,
    needs=("accounts.list",),
)
def freeze(visit: Visit) -> Iterator[Finding]:
    number = str(uuid4())
    visit.frozen_by = number
    yield from _settled(visit, _freeze(visit, number), _state(visit, number), "freeze")


@freezes.check(
    "freeze.repeated",
    "The same freeze again is the same freeze",
    "Putting the same instruction again is answered with 200 and the same outcome.",
    source=_ABOUT,
    needs=("freeze.done",),
)
def repeated(visit: Visit) -> Iterator[Finding]:
    before = visit.ask(_state(visit, visit.frozen_by)())
    again = visit.ask(_freeze(visit, visit.frozen_by)())
    yield from _same_again(visit, before, again, "instruction")


def _same_again(
    visit: Visit, before: InstructionOutcome, again: InstructionOutcome, what: str
) -> Iterator[Finding]:
    if again != before:
        yield Finding(
            "done_again",
            f"Putting the same {what} again changed its outcome.",
            "Do it once for each id, and answer with what became of it then.",
        )
    if visit.wire.said[-1].status == HTTPStatus.CREATED:
        yield Finding(
            "counted_as_new",
            f"The same {what} again was answered with 201, as if it were new.",
            "Answer 200 to what is known.",
            harmless=True,
        )


@freezes.check(
    "freeze.state",
    "It says what became of a freeze",
    "GET /partner/v1/card-freezes/{InstructionId} gives the outcome.",
    source=_ABOUT,
    needs=("freeze.done",),
)
def state(visit: Visit) -> Iterator[Finding]:
    outcome = visit.ask(_state(visit, visit.frozen_by)())
    if outcome.status == "unknown_to_bank":
        yield Finding(
            "forgotten",
            "The bank does not know the instruction that it has carried out.",
            "Keep it for as long as the consent lasts.",
        )


@freezes.check(
    "freeze.conflict",
    "An id says one thing",
    "The id of a freeze with another content is answered with 409.",
    source=_ABOUT,
    needs=("freeze.done",),
)
def conflict(visit: Visit) -> Iterator[Finding]:
    request = next(_freeze(visit, visit.frozen_by, thaw=True)())
    yield from expect_refusal(
        visit.send(request), HTTPStatus.CONFLICT, of="an unfreeze under the id of a freeze"
    )


@freezes.check(
    "freeze.unknown",
    "It does not know what it never got",
    "GET of an instruction that never arrived is answered with 404: only then is it sent again.",
    source=_ABOUT,
    needs=("accounts.list",),
)
def unknown(visit: Visit) -> Iterator[Finding]:
    request = next(_state(visit, str(uuid4()))())
    yield from expect_refusal(
        visit.send(request),
        HTTPStatus.NOT_FOUND,
        of="an instruction that never arrived",
        errors=False,
    )


@freezes.check(
    "freeze.foreign",
    "It freezes nobody else's cards",
    "A freeze for an account that the consent does not cover is answered with 403 or 404.",
    source=_ABOUT,
    needs=("accounts.list",),
)
def foreign(visit: Visit) -> Iterator[Finding]:
    request = next(_freeze(visit, str(uuid4()), account=_NONE)())
    yield from expect_refusal(
        visit.send(request),
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.BAD_REQUEST,
        of="a freeze for an account that is not there",
    )


@freezes.check(
    "freeze.real",
    "A frozen card does not pay",
    "After done, a payment with the card is declined.",
    source=_ABOUT,
    needs=("freeze.done",),
)
def real(visit: Visit) -> Iterator[Finding]:
    try:
        declined = visit.hands.is_declined()
    except HandsTied as tied:
        raise PassedOver(str(tied)) from None
    if not declined:
        yield Finding(
            "not_frozen",
            "The bank said that the card is frozen, and it paid.",
            "Answer done only when the card is frozen wherever payments are authorised.",
        )


@freezes.check(
    "unfreeze.done",
    "It lets a card pay again",
    "The same resource with Action unfreeze, under an id of its own.",
    source=_ABOUT,
    needs=("freeze.done",),
)
def unfreeze(visit: Visit) -> Iterator[Finding]:
    number = str(uuid4())
    yield from _settled(
        visit, _freeze(visit, number, thaw=True), _state(visit, number), "unfreeze"
    )
    visit.frozen_by = ""


def thaw_if_frozen(visit: Visit) -> None:
    """Let the card pay again that a check has frozen."""
    if visit.frozen_by and visit.tokens is not None:
        visit.attempt(_freeze(visit, str(uuid4()), thaw=True)())
        visit.frozen_by = ""


def _decide(visit: Visit, number: str, word: FraudDecision) -> Ask:
    paid, account = (
        (visit.suspected, visit.suspected_on)
        if visit.suspected
        else (visit.bought, visit.bought_on)
    )
    if paid is None or paid.external_id is None:
        raise PassedOver("there was no payment to decide about")
    named = paid.external_id

    def steps() -> Steps[InstructionOutcome]:
        return visit.connector.report_decision(
            grant=visit.grant,
            decision_id=number,
            account_external_id=account,
            transaction_external_id=named,
            decision=word,
            decided_at=now(),
        )

    return steps


@decisions.check(
    "decision.done",
    "It takes the customer's word",
    "PUT /partner/v1/fraud-decisions/{DecisionId} takes was_me and not_me about a payment.",
    source=_ABOUT_DECISIONS,
    needs=("accounts.list",),
    required=False,
)
def decide(visit: Visit) -> Iterator[Finding]:
    number = str(uuid4())
    ask = _decide(visit, number, "was_me")
    yield from _settled(visit, ask, _decision_state(visit, number), "decision")
    visit.decided_by = number


@decisions.check(
    "decision.repeated",
    "The same decision again is the same decision",
    "Putting the same decision again is answered with 200 and the same outcome.",
    source=_ABOUT_DECISIONS,
    needs=("decision.done",),
    required=False,
)
def decide_again(visit: Visit) -> Iterator[Finding]:
    before = visit.ask(_decision_state(visit, visit.decided_by)())
    again = visit.ask(_decide(visit, visit.decided_by, "was_me")())
    yield from _same_again(visit, before, again, "decision")


@decisions.check(
    "decision.conflict",
    "The id of a decision says one thing",
    "The id of a decision with another word is answered with 409.",
    source=_ABOUT_DECISIONS,
    needs=("decision.done",),
    required=False,
)
def decide_otherwise(visit: Visit) -> Iterator[Finding]:
    request = next(_decide(visit, visit.decided_by, "not_me")())
    yield from expect_refusal(
        visit.send(request), HTTPStatus.CONFLICT, of="not_me under the id of was_me"
    )


@decisions.check(
    "decision.unknown",
    "It does not know a decision that it never got",
    "GET of a decision that never arrived is answered with 404.",
    source=_ABOUT_DECISIONS,
    needs=("decision.done",),
    required=False,
)
def unknown_decision(visit: Visit) -> Iterator[Finding]:
    request: Request = next(_decision_state(visit, str(uuid4()))())
    yield from expect_refusal(
        visit.send(request), HTTPStatus.NOT_FOUND, of="a decision that never arrived", errors=False
    )


@decisions.check(
    "decision.shown",
    "The payment is suspected no longer",
    "After was_me, the transaction's FraudSignal is cleared, or gone.",
    source=_ABOUT_DECISIONS,
    needs=("decision.done", "transactions.fraud_signal"),
    required=False,
)
def shown(visit: Visit) -> Iterator[Finding]:
    suspected = visit.suspected
    if suspected is None:
        raise PassedOver("there was no suspected payment")
    for _waited in until(visit.target.patience, every=0.5, sleep=visit.sleep):
        rows = newest(visit, visit.suspected_on)
        row = next((each for each in rows if each.external_id == suspected.external_id), None)
        if row is None or not row.fraud_suspected:
            return
    yield Finding(
        "still_suspected",
        "The payment is still marked as suspected after the customer said that it was theirs.",
        "Set FraudSignal to cleared; to confirmed after not_me.",
    )
