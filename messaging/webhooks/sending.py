"""Sending what is due: many at once, one slow receiver never before the others.

An attempt connects first, then asks the gate and reads, then sends: what a consent no longer covers is not
read, and what nobody could have received is not written down as shown. Any number of processes may try to
send; as many as there are slots do, and the rest of the workers are left to what banks wait for.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import orjson
from django.conf import settings
from django.db import close_old_connections

from accounts.clients.queries import ClientPrincipal
from accounts.consent.references import consent_reference
from accounts.disclosure.actions import noting
from accounts.disclosure.proofs import CHECKPOINT_HEADER, checkpoint_header
from messaging.conversations.rendering import instant
from messaging.programs.public import PING, WITHHELD
from messaging.programs.rendering import Shown, render_events
from messaging.webhooks.actions import (
    Errand,
    Tried,
    cancel,
    claim_errands,
    finish_replay,
    held,
    requeue,
    settle,
    settle_test,
    take_test,
)
from messaging.webhooks.models import WebhookAttempt, WebhookReplay, WebhookTest
from messaging.webhooks.queries import (
    banks_of_endpoint,
    banks_with_due_deliveries,
    due_replays,
    due_tests,
    valid_secrets,
)
from messaging.webhooks.rules import secret_key, sign
from partners.sharing.gate import Door, NotFoundHere
from partners.sharing.programs import within_consent
from partners.sharing.reading import Reader
from portal.outside.line import Answer, NotAllowed, Unreachable, connected
from portal.rest.problems import NotFound
from portal.secrets.fields import open_secret
from portal.telemetry.measures import WEBHOOKS
from portal.tenancy.blocks import serving
from portal.tenancy.slots import one_of

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
P = ParamSpec("P")
T = TypeVar("T")

# In flight at once: of one process, and of one endpoint.
AT_ONCE, AT_ONCE_EACH = 128, 4
_A_BANKS_TURN = 16
_READERS = 4
# New work is looked for this long; then the task ends, and another goes on.
_BUDGET_SECONDS = 45
_LOOK_SECONDS = 0.2
_SLOTS = 7_302_118  # our own namespace among advisory locks


@dataclass(frozen=True)
class Message:
    """One signed message, ready to be sent."""

    headers: dict[str, str]
    body: bytes


def lease() -> timedelta:
    """Longer than an attempt can take, so that a sender that died is followed soon."""
    return timedelta(seconds=2 * settings.WEBHOOK_TIMEOUT_SECONDS + 5)


@contextmanager
def sender_slot() -> Iterator[bool]:
    """One of the few places for senders; False where all are taken. Freed when the process dies."""
    with one_of(settings.WEBHOOK_SENDERS, work=_SLOTS) as is_free:
        yield is_free


def send_everything_due(*, clock: Clock) -> int:
    """Send until nothing is due or the budget is used up; how many attempts were made."""
    for replay in due_replays(at=clock()):
        bring_back(replay, clock=clock)
    return asyncio.run(Sender(clock).run())


def bring_back(replay: WebhookReplay, *, clock: Clock) -> None:
    """Put what a replay asks for back into the queue, bank by bank."""
    queued = 0
    for bank_id in banks_of_endpoint(replay.endpoint_id):
        with serving(bank_id):
            queued += requeue(replay, at=clock())
    finish_replay(replay, queued=queued, at=clock())


class Sender:
    """Everything that one process has in flight."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="webhook-reader")
        self._flying: dict[asyncio.Task[None], UUID] = {}
        self._failing: set[UUID] = set()
        self._made = 0

    async def run(self) -> int:
        until = time.monotonic() + _BUDGET_SECONDS
        try:
            while time.monotonic() < until:
                await self._take_off()
                if not self._flying:
                    break
                await asyncio.wait(
                    self._flying, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                self._land()
            if self._flying:
                await asyncio.wait(self._flying)
                self._land()
        finally:
            self._threads.shutdown()
        return self._made

    async def _take_off(self) -> None:
        room = AT_ONCE - len(self._flying)
        if room <= 0:
            return
        for test_id in await self._call(_due_test_ids, self._clock()):
            self._start(self._carry_test(test_id), test_id)
        for errand in await self._call(claim_everywhere, self._clock, self._busy(), room):
            if errand.is_failing:
                self._failing.add(errand.endpoint_id)
            self._start(self._carry(errand), errand.endpoint_id)

    def _busy(self) -> list[UUID]:
        """Endpoints with as much in flight as they get: one that failed last gets one at a time."""
        flying = Counter(self._flying.values())
        most = {each: 1 if each in self._failing else AT_ONCE_EACH for each in flying}
        return [each for each, count in flying.items() if count >= most[each]]

    def _start(self, work: Coroutine[Any, Any, None], endpoint_id: UUID) -> None:
        self._flying[asyncio.create_task(work)] = endpoint_id
        self._made += 1

    def _land(self) -> None:
        for task in [each for each in self._flying if each.done()]:
            self._failing.discard(self._flying.pop(task))
            if task.exception() is not None:
                # Its lease ends by itself, and it is tried again.
                logger.error("a webhook's attempt broke off", exc_info=task.exception())

    async def _call(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def called() -> T:
            try:
                return call(*args, **kwargs)
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(self._threads, called)

    async def _carry(self, errand: Errand) -> None:
        """One attempt at one delivery, and what came of it."""

        async def message() -> Message | None:
            return await self._call(prepare, errand, self._clock())

        tried = await self._try(errand.url, message)
        if tried is not None:
            await self._call(note, errand, tried)

    async def _carry_test(self, test_id: UUID) -> None:
        test = await self._call(take_test, test_id, at=self._clock())
        if test is None:
            return

        async def message() -> Message | None:
            return await self._call(ping, test, self._clock())

        tried = await self._try(test.endpoint.url, message)
        if tried is not None:
            await self._call(settle_test, test, tried)

    async def _try(
        self, url: str, message: Callable[[], Awaitable[Message | None]]
    ) -> Tried | None:
        """Connect, make the message, send it; None where there was nothing to send."""
        started = time.monotonic()
        answer: Answer | None = None
        try:
            async with asyncio.timeout(settings.WEBHOOK_TIMEOUT_SECONDS), connected(url) as line:
                made = await message()
                if made is None:
                    return None
                answer = await line.post(made.headers, made.body)
            outcome = _outcome_of(answer)
        except NotAllowed:
            outcome = WebhookAttempt.Outcome.NOT_ALLOWED
        except Unreachable:
            outcome = WebhookAttempt.Outcome.UNREACHABLE
        except TimeoutError:
            outcome = WebhookAttempt.Outcome.TIMED_OUT
        return Tried(
            outcome=outcome,
            at=self._clock(),
            latency_ms=round((time.monotonic() - started) * 1000),
            response_code=None if answer is None else answer.status,
            retry_after=None if answer is None else answer.retry_after,
        )


def _outcome_of(answer: Answer) -> str:
    # A redirect is a failure too: where it leads nobody has looked at.
    is_taken = 200 <= answer.status < 300  # noqa: PLR2004  # what HTTP calls success
    return WebhookAttempt.Outcome.DELIVERED if is_taken else WebhookAttempt.Outcome.REFUSED


def claim_everywhere(clock: Clock, busy: list[UUID], room: int) -> list[Errand]:
    """Due deliveries of every bank that has some, each in its turn; at most `room`."""
    claimed: list[Errand] = []
    for bank_id in banks_with_due_deliveries(at=clock()):
        left = room - len(claimed)
        if left <= 0:
            break
        with serving(bank_id):
            claimed += claim_errands(
                at=clock(),
                lease=lease(),
                busy=busy,
                each=AT_ONCE_EACH,
                limit=min(left, _A_BANKS_TURN),
            )
    return claimed


def _due_test_ids(at: datetime) -> list[UUID]:
    return [each.id for each in due_tests(at=at)]


def prepare(errand: Errand, at: datetime) -> Message | None:
    """What leaves for the endpoint, through the gate, now; None, and cancelled, where nothing may."""
    program = ClientPrincipal(errand.client_id, scopes=None, token_id=0)
    try:
        with within_consent(
            program, errand.bank_id, errand.consent_id, door=Door.WEBHOOK, at=at
        ) as recipient:
            row = held(errand)
            if row is None:
                return None
            if not row.endpoint.is_enabled:
                cancel(errand, reason="endpoint-disabled", at=at)
                return None
            reader = Reader(recipient, at, Door.WEBHOOK)
            with noting() as disclosure_ids:
                shown = render_events([row.event], reader=reader)[row.event.id]
            if shown.type is WITHHELD:
                cancel(errand, reason=str(shown.data["reason"]), at=at)
                return None
            reference = consent_reference(errand.bank_id, errand.consent_id)
            body = _body(shown, row.event.id, row.event.at) | {"consent": reference}
            message = signed(row.endpoint_id, row.event.id, body, at=at)
            message.headers.update(_witness(disclosure_ids))
            return message
    except (NotFound, NotFoundHere):
        # The consent is gone, and what hung on it with it.
        return None


def _witness(disclosure_ids: Sequence[UUID]) -> dict[str, str]:
    """Under which records it leaves, and what the bank's log was just before."""
    ids, checkpoint = ", ".join(map(str, disclosure_ids)), checkpoint_header()
    headers = {"Disclosure-Id": ids, CHECKPOINT_HEADER: checkpoint}
    return {name: value for name, value in headers.items() if value}


def ping(test: WebhookTest, at: datetime) -> Message | None:
    """A message that says nothing of anybody; None where the endpoint has gone."""
    if test.endpoint.deleted_at is not None:
        return None
    return signed(test.endpoint_id, test.id, _body(Shown(PING, {}), test.id, at), at=at)


def note(errand: Errand, tried: Tried) -> None:
    WEBHOOKS.labels(tried.outcome).inc()
    with serving(errand.bank_id):
        settle(errand, tried, noise=random.random())  # noqa: S311  # spreads retries, keeps no secret


def signed(
    endpoint_id: UUID, message_id: UUID, body: dict[str, object], *, at: datetime
) -> Message:
    """The message with its three headers, by every secret of the endpoint that is valid now."""
    raw = orjson.dumps(body)
    timestamp = int(at.timestamp())
    keys = [secret_key(open_secret(each, "secret")) for each in valid_secrets(endpoint_id, at=at)]
    return Message(
        {
            "Content-Type": "application/json",
            "User-Agent": "portal-webhooks/1",
            "Webhook-Id": str(message_id),
            "Webhook-Timestamp": str(timestamp),
            "Webhook-Signature": sign(
                keys, message_id=str(message_id), timestamp=timestamp, body=raw
            ),
        },
        raw,
    )


def _body(shown: Shown, message_id: UUID, at: datetime) -> dict[str, object]:
    return {
        "type": shown.type.name,
        "version": shown.type.version,
        "id": str(message_id),
        "timestamp": instant(at),
        "data": shown.data,
    }
