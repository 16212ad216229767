"""What a check of a bank finds, as plain values: findings, exchanges, results, the report. No network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    PASSED = "pass"
    WARNED = "warn"
    FAILED = "fail"
    SKIPPED = "skipped"


class Conclusion(StrEnum):
    READY = "ready"
    NOT_READY = "not_ready"
    NOT_JUDGED = "not_judged"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be: a stable code, what is wrong, and what to do."""

    code: str
    words: str
    advice: str = ""
    harmless: bool = False


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, fit to be shown: no secrets, account numbers masked, bodies cut."""

    method: str
    url: str
    asked_headers: Mapping[str, str]
    asked_body: str
    status: int | None
    answered_headers: Mapping[str, str] = field(default_factory=dict)
    answered_body: str = ""
    milliseconds: int = 0
    trouble: str = ""

    @property
    def answer(self) -> str:
        """What came back, in a few words."""
        return self.trouble or f"{self.status} in {self.milliseconds} ms"


@dataclass(frozen=True)
class Check:
    """A requirement: what the bank must do (or should, where it is not `required`), and who says so."""

    id: str
    title: str
    requirement: str
    source: str
    required: bool = True
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What came of one check. `reason` says why it was passed over."""

    check: Check
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    milliseconds: int = 0
    reason: str = ""
    told: str = ""
    asked_for: bool = True


@dataclass(frozen=True)
class Group:
    title: str
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Report:
    """All that was found out about one bank."""

    bank: str
    standard: str
    begun_at: datetime
    seconds: float
    groups: tuple[Group, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(result for group in self.groups for result in group.results)

    @property
    def counts(self) -> Mapping[Verdict, int]:
        counted = Counter(result.verdict for result in self.results)
        return {verdict: counted[verdict] for verdict in Verdict}

    @property
    def conclusion(self) -> Conclusion:
        """Not ready where something required failed; not judged where it could not be looked at."""
        required = [each for each in self.results if each.check.required and each.asked_for]
        if any(each.verdict == Verdict.FAILED for each in required):
            reached = self.results and self.results[0].verdict != Verdict.FAILED
            return Conclusion.NOT_READY if reached else Conclusion.NOT_JUDGED
        if any(each.verdict == Verdict.SKIPPED for each in required):
            return Conclusion.NOT_JUDGED
        return Conclusion.READY

    @property
    def _left_out(self) -> int:
        return sum(each.check.required and not each.asked_for for each in self.results)

    @property
    def exit_code(self) -> int:
        return {Conclusion.READY: 0, Conclusion.NOT_READY: 1, Conclusion.NOT_JUDGED: 2}[
            self.conclusion
        ]

    @property
    def words(self) -> str:
        """The conclusion in a sentence."""
        counts = self.counts
        failed, skipped = counts[Verdict.FAILED], counts[Verdict.SKIPPED]
        match self.conclusion:
            case Conclusion.READY if self._left_out:
                return (
                    "What was looked at works; "
                    f"{counted(self._left_out, 'required check')} left out."
                )
            case Conclusion.READY:
                return "Ready: all that is required was seen to work."
            case Conclusion.NOT_READY:
                return f"Not ready: {counted(failed, 'required check')} failed."
            case Conclusion.NOT_JUDGED if self.results and self.results[0].verdict == "fail":
                return "Not judged: there is no bank to talk to at this address."
        return f"Not judged: {counted(skipped, 'check')} could not be made."

    def as_json(self) -> dict[str, object]:
        return {
            "bank": self.bank,
            "standard": self.standard,
            "begun_at": self.begun_at.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "conclusion": self.conclusion.value,
            "words": self.words,
            "counts": {verdict.value: number for verdict, number in self.counts.items()},
            "checks": [
                {"group": group.title} | _result_json(result)
                for group in self.groups
                for result in group.results
            ],
        }


def _result_json(result: Result) -> dict[str, object]:
    check = result.check
    return {
        "id": check.id,
        "title": check.title,
        "requirement": check.requirement,
        "source": check.source,
        "required": check.required,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "told": result.told,
        "milliseconds": result.milliseconds,
        "findings": [
            {"code": found.code, "words": found.words, "advice": found.advice}
            for found in result.findings
        ],
        "exchanges": [_exchange_json(exchange) for exchange in result.exchanges],
    }


def _exchange_json(exchange: Exchange) -> dict[str, object]:
    return {
        "asked": {
            "method": exchange.method,
            "url": exchange.url,
            "headers": dict(exchange.asked_headers),
            "body": exchange.asked_body,
        },
        "answered": {
            "status": exchange.status,
            "headers": dict(exchange.answered_headers),
            "body": exchange.answered_body,
            "trouble": exchange.trouble,
        },
        "milliseconds": exchange.milliseconds,
    }


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def verdict_of(findings: Iterable[Finding], *, required: bool) -> Verdict:
    """The worst of what was found; what is merely recommended never fails."""
    found = list(findings)
    if not found:
        return Verdict.PASSED
    failed = required and any(not each.harmless for each in found)
    return Verdict.FAILED if failed else Verdict.WARNED
