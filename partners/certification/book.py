"""The book of checks: each module of `checks/` writes one chapter, in the order in which it is walked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from partners.certification.report import Check, Finding
from partners.certification.visit import Visit

# A check yields what it finds and goes on; it raises Found where it cannot go on.
Do = Callable[[Visit], Iterator[Finding]]


@dataclass
class Chapter:
    title: str
    checks: list[tuple[Check, Do]] = field(default_factory=list)

    def check(
        self,
        id: str,  # noqa: A002  # what it is
        title: str,
        requirement: str,
        *,
        source: str,
        needs: tuple[str, ...] = (),
        required: bool = True,
    ) -> Callable[[Do], Do]:
        """Write a check down under this id."""
        described = Check(id, title, requirement, source, required, needs)

        def keep(do: Do) -> Do:
            self.checks.append((described, do))
            return do

        return keep
