"""One walk through the book of checks: what came of each, and why some could not be made."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field

from partners.certification.book import Do
from partners.certification.catalogue import CHAPTERS
from partners.certification.checks.authorisation import end as end_of_authorisation
from partners.certification.checks.authorisation import revoke_if_given
from partners.certification.checks.partner import thaw_if_frozen
from partners.certification.report import (
    Check,
    Exchange,
    Finding,
    Group,
    Report,
    Result,
    Verdict,
    verdict_of,
)
from partners.certification.visit import OfAnotherProtocol, PassedOver, Visit, now
from partners.certification.wire import SLOW_SECONDS, Found
from partners.connectors.base import ConnectorFailure

# What says that the bank as a whole is away, and not only wrong in one thing.
_AWAY = frozenset(
    {
        "no_answer_in_time",
        "hung_up",
        "no_connection_in_time",
        "connection_refused",
        "no_such_host",
        "no_connection",
        "server_error",
        "unavailable",
    }
)
_ENOUGH = 3
# What took long says so itself.
_SAY_SO = _AWAY | {"answered_late", "acted_without_answering", "never_arrived"}

Heard = Callable[[Result], None]


@dataclass
class Walk:
    """The results so far, and how often in a row the bank was away."""

    visit: Visit
    only: Collection[str] = ()
    skip: Collection[str] = ()
    results: dict[str, Result] = field(default_factory=dict)
    away: int = 0
    # What could not go on: nothing that builds on it can be judged.
    ended: set[str] = field(default_factory=set)

    def take(self, check: Check, do: Do) -> Result:
        result = self._passed_over(check) or self._tried(check, do)
        self.results[check.id] = result
        return result

    def _passed_over(self, check: Check) -> Result | None:
        if not self.asked_for(check):
            return _skipped(check, "you left it out", asked_for=False)
        if self.away >= _ENOUGH:
            return _skipped(check, "the bank did not answer the questions before this one")
        for needed in check.needs:
            if needed in self.ended:
                return _skipped(check, f"{needed} did not pass")
            before = self.results.get(needed)
            if before is None or before.verdict == Verdict.SKIPPED:
                return _skipped(check, f"{needed} was not made")
        return None

    def asked_for(self, check: Check) -> bool:
        chosen = not self.only or _named(check.id, self.only)
        return chosen and not _named(check.id, self.skip)

    def _tried(self, check: Check, do: Do) -> Result:
        visit = self.visit
        visit.told = ""
        visit.wire.take()
        begun = time.monotonic()
        found: list[Finding] = []
        try:
            found += do(visit)
        except OfAnotherProtocol as why:
            return _skipped(check, str(why), asked_for=False)
        except PassedOver as why:
            if not found:
                return _skipped(check, str(why), exchanges=visit.wire.take())
        except Found as last:
            self.ended.add(check.id)
            found.append(last.finding)
        self.away = self.away + 1 if any(each.code in _AWAY for each in found) else 0
        exchanges = visit.wire.take()
        found += _slowness(max((each.milliseconds for each in exchanges), default=0), found)
        return Result(
            check=check,
            verdict=verdict_of(found, required=check.required),
            findings=tuple(found),
            exchanges=exchanges,
            milliseconds=round((time.monotonic() - begun) * 1000),
            told=visit.told,
        )


def _named(number: str, names: Collection[str]) -> bool:
    """By its id, or by the part of it before the point."""
    return number in names or number.partition(".")[0] in names


def _skipped(
    check: Check, reason: str, *, asked_for: bool = True, exchanges: tuple[Exchange, ...] = ()
) -> Result:
    return Result(check, Verdict.SKIPPED, reason=reason, asked_for=asked_for, exchanges=exchanges)


def _slowness(milliseconds: int, found: list[Finding]) -> list[Finding]:
    if milliseconds < SLOW_SECONDS * 1000 or any(each.code in _SAY_SO for each in found):
        return []
    return [
        Finding(
            "slow",
            f"An answer took {milliseconds / 1000:.1f} s.",
            "Answer within a second or so: somebody looks at a screen meanwhile.",
            harmless=True,
        )
    ]


def _tidy(visit: Visit) -> None:
    """Leave no card frozen behind, however the check ended."""
    with suppress(Found, ConnectorFailure, PassedOver):
        thaw_if_frozen(visit)


def walk(
    visit: Visit,
    *,
    begin: Callable[[str, Check], None],
    heard: Heard,
    only: Collection[str] = (),
    skip: Collection[str] = (),
) -> Report:
    """Make every check, tell of each, and leave the bank as it was found."""
    going = Walk(visit, only, skip)
    begun_at, started = now(), time.monotonic()
    groups = []
    try:
        for chapter in CHAPTERS:
            if chapter is end_of_authorisation:
                _tidy(visit)
            results = []
            for check, do in chapter.checks:
                if going.asked_for(check):
                    begin(chapter.title, check)
                result = going.take(check, do)
                heard(result)
                results.append(result)
            groups.append(Group(chapter.title, tuple(results)))
    finally:
        _tidy(visit)
        with suppress(Found, ConnectorFailure):
            revoke_if_given(visit)
    return Report(
        bank=visit.target.base_url,
        standard=f"{visit.protocol}, partner interface 1.2",
        begun_at=begun_at,
        seconds=time.monotonic() - started,
        groups=tuple(groups),
    )
