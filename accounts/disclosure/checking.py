"""Checking a log as its page asks for it: by `verify.py`, a second at a time, from where it stood.

Each step opens its own short blocks; what it hands back is all that the next one needs.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.disclosure.exporting import (
    CHUNK,
    Line,
    begin_line,
    keys_body,
    leaf_line,
    leaves_and_checkpoints,
    own_leaves,
    sealed_size,
    waiting_lines,
)
from accounts.disclosure.verify import Broken, Checker, Keys, Unreadable
from portal.tenancy.blocks import serving

PATIENCE_SECONDS = 1.0
Block = Callable[[], AbstractContextManager[object]]
# The next few lines behind a leaf; none after the last.
Following = Callable[[int, int], list[Line]]


@dataclass(frozen=True)
class Checked:
    """How far a check is: whole so far, whole to its end (`standing` None), or broken."""

    done: int = 0
    total: int = 0
    signed_at: str = ""
    waiting: int = 0
    broken: str = ""  # in one word what it is, as verify.py has it
    index: int | None = None
    words: str = ""  # verify.py's own
    standing: Mapping[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        return self.standing is None


def check_bank(bank_id: UUID, *, at: datetime, standing: Mapping[str, Any] | None) -> Checked:
    """Every leaf of the bank, against every checkpoint that it signed."""

    def block() -> AbstractContextManager[object]:
        return serving(bank_id)

    def following(after: int, size: int) -> list[Line]:
        start = after + 1
        return list(leaves_and_checkpoints(start, min(start + CHUNK, size)))

    return _check(bank_id, block, following, of="bank", pseudonym="", at=at, standing=standing)


def check_customer(
    bank_id: UUID,
    block: Block,
    pseudonym: UUID,
    *,
    at: datetime,
    standing: Mapping[str, Any] | None,
) -> Checked:
    """The customer's own leaves, each by its proof against the newest checkpoint."""

    def following(after: int, size: int) -> list[Line]:
        return own_leaves(pseudonym, after=after, size=size, limit=CHUNK // 5)

    return _check(
        bank_id,
        block,
        following,
        of="customer",
        pseudonym=str(pseudonym),
        at=at,
        standing=standing,
    )


@dataclass(frozen=True)
class CheckedRecord:
    """One record against the newest checkpoint; no place: it waits to be sealed."""

    index: int | None = None
    size: int = 0
    signed_at: str = ""
    broken: str = ""
    words: str = ""


def check_record(bank_id: UUID, record_id: UUID, *, at: datetime) -> CheckedRecord:
    """Whether one record is in the tree as it was sealed, by its proof."""
    with serving(bank_id):
        keys, begin = Keys(keys_body(bank_id)), begin_line("customer", at, "")
        size = sealed_size()
        line = leaf_line(record_id, size)
    if line is None:
        return CheckedRecord(size=size)
    checker = Checker(keys)
    try:
        checker.take(begin)
        checker.take(line)
    except Broken as problem:
        return CheckedRecord(line["index"], size, broken=problem.kind, words=str(problem))
    signed_at = checker.checkpoint.time if checker.checkpoint else ""
    return CheckedRecord(line["index"], size, signed_at)


def _check(
    bank_id: UUID,
    block: Block,
    following: Following,
    *,
    of: str,
    pseudonym: str,
    at: datetime,
    standing: Mapping[str, Any] | None,
) -> Checked:
    with serving(bank_id):
        keys = Keys(keys_body(bank_id))
    with block():
        begin = standing["begin"] if standing else begin_line(of, at, pseudonym)
    checker = Checker(keys)
    try:
        checker.take(begin)
        if standing:
            checker.resume(standing["held"])
        is_over = _go_on(checker, block, following, time.monotonic() + PATIENCE_SECONDS)
        if is_over:
            with block():
                waits = waiting_lines(pseudonym, _size(checker))
            for each in [*waits, {"type": "end", "leaves": checker.leaves}]:
                checker.take(each)
    except Broken as problem:
        return _so_far(checker, broken=problem.kind, index=problem.index, words=str(problem))
    except Unreadable:
        return Checked()
    if is_over:
        return _so_far(checker)
    return _so_far(checker, standing={"begin": begin, "held": checker.held()})


def _go_on(checker: Checker, block: Block, following: Following, until: float) -> bool:
    """Take what follows until the time is up; whether that was all."""
    for lines in _chunks(checker, block, following):
        for each in lines:
            checker.take(each)
        if time.monotonic() > until:
            return False
    return True


def _chunks(checker: Checker, block: Block, following: Following) -> Iterator[list[Line]]:
    while True:
        with block():
            lines = following(checker.last_index, _size(checker))
        if not lines:
            return
        yield lines


def _so_far(checker: Checker, **more: Any) -> Checked:
    signed = checker.checkpoint
    return Checked(
        done=checker.last_index + 1,
        total=_size(checker),
        signed_at=signed.time if signed else "",
        waiting=checker.unsealed,
        **more,
    )


def _size(checker: Checker) -> int:
    return checker.checkpoint.size if checker.checkpoint else 0
