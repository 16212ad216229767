#!/usr/bin/env python3
"""Checks an exported disclosure log offline, with Python and the `cryptography` package alone.

    python verify.py FILE.jsonl --keys KEYS.json [--witness FILE ...] [--proof FILE ...] [--report FILE ...]

FILE is the export of one customer or of a whole bank, or a bank's statement that it shared nothing; KEYS is
what `/disclosures/<bank>/keys` answers. A witness is a text file of checkpoints that somebody held back: signed
notes, `Portal-Checkpoint:` lines with, where there are some, `Disclosure-Id:` lines of what was read, or what
`/disclosures/<bank>/checkpoints` answered. A proof is what `/disclosures/<bank>/consistency` answered; a
customer's export needs one to be compared with a witness. A report is a bank's report as JSON: the export of
the whole bank is counted again for it.

Exit 0 where all of it fits, 1 with the first broken place in words, 2 where there is nothing to check.
`docs/disclosure-log.md` says every format; this file imports nothing of the portal's.
"""

import argparse
import base64
import binascii
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELDS: Mapping[str, tuple[str, ...]] = {
    "disclosure/1": (
        *(
            "bank_id",
            "id",
            "at",
            "pseudonym",
            "consent_id",
            "recipient",
            "purpose",
            "door",
            "feed",
        ),
        *("account_ids", "row_count", "decision", "reason", "request_id"),
    ),
    "count/1": (
        *(
            "bank_id",
            "id",
            "disclosure_id",
            "pseudonym",
            "consent_id",
            "recipient",
            "door",
            "feed",
        ),
        *("reason", "about", "since", "until", "count"),
    ),
}
# What waits longer than this to be sealed is kept out of the log.
LONGEST_UNSEALED = timedelta(minutes=10)
_HEADER = re.compile(
    r'origin="(?P<origin>[^"]+)", size=(?P<size>\d+), root=:(?P<root>[^:]+):,'
    r' time="(?P<time>[^"]+)", signature=:(?P<signature>[^:]+):'
)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Broken(Exception):  # what the log is
    """The log does not hold; the words say where, first, and `kind` in one word what it is."""

    def __init__(self, words: str, *, kind: str = "unfit", index: int | None = None) -> None:
        super().__init__(words)
        self.kind = kind
        self.index = index


class Unreadable(Exception):  # what the file is
    """The file is not one that can be checked."""


# --- hashes (RFC 9162, section 2.1) ----------------------------------------------------------------


def leaf_hash(kind: str, fields: Mapping[str, str]) -> bytes:
    """A leaf's hash, from its fields. Raises Broken where they are not those of its kind."""
    if kind not in FIELDS or set(fields) != set(FIELDS[kind]):
        raise Broken(f"has fields that no leaf of the kind {kind!r} has")
    texts = [f"portal.{kind}", *(str(fields[name]) for name in FIELDS[kind])]
    raw = (each.encode() for each in texts)
    content = b"".join(str(len(each)).encode() + b":" + each + b"," for each in raw)
    return sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass
class Tree:
    """As much of a tree as growing takes: its whole subtrees, the widest first."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes) -> None:
        self.peaks.append(leaf)
        size = self.size
        while size & 1:
            right = self.peaks.pop()
            self.peaks.append(node_hash(self.peaks.pop(), right))
            size >>= 1
        self.size += 1

    @property
    def root(self) -> bytes:
        if not self.peaks:
            return sha256().digest()
        root = self.peaks[-1]
        for each in reversed(self.peaks[:-1]):
            root = node_hash(each, root)
        return root


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that the proof leads to (section 2.1.3.2). Raises Broken where it leads nowhere."""
    at, last, root = index, size - 1, leaf
    for each in proof:
        if last == 0:
            raise Broken("has a proof that is too long")
        if at & 1 or at == last:
            root = node_hash(each, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, each)
        at, last = at >> 1, last >> 1
    if last:
        raise Broken("has a proof that is too short")
    return root


def roots_from_consistency(
    first: int, second: int, old_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The two roots that the proof leads to (section 2.1.4.2). Raises Broken where it leads nowhere."""
    if first == second:
        return old_root, old_root
    steps = [old_root, *proof] if first & (first - 1) == 0 else list(proof)
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = steps[0] if steps else b""
    for each in steps[1:]:
        if at & 1 or at == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, each)
        at, last = at >> 1, last >> 1
    if last:
        raise Broken("a proof of consistency is too short")
    return old, new


# --- checkpoints -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """What was signed: how many leaves, the root over them, when."""

    origin: str
    size: int
    root: bytes
    time: str
    signature: bytes

    @property
    def text(self) -> str:
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n{self.time}\n"

    @property
    def name(self) -> str:
        return f"the checkpoint of {self.size} leaves, signed {self.time}"


def read_note(text: str) -> Checkpoint:
    """A signed note. Raises Unreadable."""
    try:
        origin, size, root, time, blank, signed = text.strip("\n").split("\n")
        dash, name, encoded = signed.split(" ")
        read = Checkpoint(origin, int(size), _raw(root), time, _raw(encoded))
    except ValueError as reason:
        raise Unreadable("a checkpoint is not a signed note") from reason
    if (blank, dash, name) != ("", "\u2014", origin):
        raise Unreadable("a checkpoint is not a signed note")
    return read


def read_header(text: str) -> Checkpoint:
    """A `Portal-Checkpoint` header's value. Raises Unreadable."""
    found = _HEADER.fullmatch(text.strip())
    if found is None:
        raise Unreadable("a Portal-Checkpoint line is not one")
    said = found.groupdict()
    root, signature = _raw(said["root"]), _raw(said["signature"])
    return Checkpoint(said["origin"], int(said["size"]), root, said["time"], signature)


@dataclass(frozen=True)
class Key:
    raw: bytes
    valid_from: str
    valid_until: str | None

    def is_valid(self, time: str) -> bool:
        # Times are written alike, so that their order is that of their letters.
        return self.valid_from <= time and (self.valid_until is None or time <= self.valid_until)


class Keys:
    """The bank's public keys; each is good for what was signed while it was valid."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        try:
            self.origin = str(said["origin"])
            self._keys = [
                Key(_raw(each["public_key"]), each["valid_from"], each.get("valid_until"))
                for each in said["keys"]
            ]
        except (KeyError, TypeError, ValueError) as reason:
            raise Unreadable("the keys are not what /disclosures/<bank>/keys answers") from reason

    def require(self, checkpoint: Checkpoint) -> None:
        """Raises Broken where none of them signed it, or not while it was valid."""
        if checkpoint.origin != self.origin:
            raise Broken(f"{checkpoint.name}, is of another log: {checkpoint.origin}")
        self.require_signed(
            checkpoint.text, checkpoint.signature, checkpoint.time, checkpoint.name
        )

    def require_signed(self, text: str, signed: bytes, time: str, what: str) -> None:
        """The same of any text that ends like a note's, and was signed at that time."""
        named, signature = signed[:4], signed[4:]
        for key in self._keys:
            name = sha256(self.origin.encode() + b"\n\x01" + key.raw).digest()[:4]
            if name != named:
                continue
            try:
                Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, text.encode())
            except InvalidSignature:
                break
            if not key.is_valid(time):
                raise Broken(f"{what}, was signed with a key that was not valid then")
            return
        raise Broken(f"{what}, does not bear the bank's signature", kind="unsigned")


@dataclass
class Witnesses:
    """What somebody held back: checkpoints, and the ids of what was read."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    disclosure_ids: list[str] = field(default_factory=list)

    def read(self, text: str) -> None:
        """Take up what a file holds: notes, headers, or an export, whose checkpoints count."""
        lines = text.split("\n")
        for at, line in enumerate(lines):
            name, _colon, value = line.partition(":")
            if line.startswith("\u2014 "):
                self.checkpoints.append(read_note("\n".join(lines[at - 5 : at + 1])))
            elif name.strip().lower() == "portal-checkpoint":
                self.checkpoints.append(read_header(value))
            elif name.strip().lower() == "disclosure-id":
                self.disclosure_ids += _ID.findall(value)
            elif line.startswith("{"):
                self.checkpoints += _notes_in(line)

    def sorted(self, keys: Keys) -> list[Checkpoint]:
        """Each size once, smallest first. Raises Broken where they contradict each other: a fork."""
        by_size: dict[int, Checkpoint] = {}
        for each in self.checkpoints:
            keys.require(each)
            known = by_size.setdefault(each.size, each)
            if known.root != each.root:
                raise Broken(
                    f"the log was forked: {known.name}, and {each.name}, were both signed by the"
                    " bank and are not of the same leaves"
                )
        return [by_size[size] for size in sorted(by_size)]


def _notes_in(line: str) -> list[Checkpoint]:
    said = json.loads(line)
    if isinstance(said.get("checkpoints"), list):
        return [read_note(each["note"]) for each in said["checkpoints"]]
    if said.get("type") == "checkpoint":
        return [read_note(said["note"])]
    return [read_note(said["checkpoint"])] if said.get("checkpoint") else []


# --- the export ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proof:
    first: int
    second: int
    hashes: list[bytes]


class Checker:
    """Takes an export line by line; the first place that does not hold is raised as Broken."""

    def __init__(
        self, keys: Keys, witnesses: Sequence[Checkpoint] = (), *, proofs: Iterable[Proof] = ()
    ) -> None:
        self.keys = keys
        self.leaves = 0
        self.unsealed = 0
        self.signed = 0
        self.ids: set[str] = set()
        self.checkpoint: Checkpoint | None = None
        self.compared: list[Checkpoint] = []
        self._of_bank = True
        self._made_at = ""
        self._tree = Tree()
        self.last_index = -1
        self._witnesses = list(witnesses)
        # So many leaves fit a signature in the export, and one that a witness holds.
        self._good = 0
        self._witnessed = 0
        self._proofs = {(each.first, each.second): each.hashes for each in proofs}
        self._ended = False

    def held(self) -> dict[str, Any]:
        """Where a check stands that is to go on later, JSON-ready."""
        return {
            "leaves": self.leaves,
            "signed": self.signed,
            "last": self.last_index,
            "size": self._tree.size,
            "peaks": [each.hex() for each in self._tree.peaks],
            "good": self._good,
        }

    def resume(self, held: Mapping[str, Any]) -> None:
        """Go on there, once the export's first line was fed again."""
        self.leaves, self.signed = held["leaves"], held["signed"]
        self.last_index, self._good = held["last"], held["good"]
        self._tree = Tree(held["size"], _hashes(held["peaks"]))

    def feed(self, line: str) -> None:
        self.take(json.loads(line))

    def take(self, said: Mapping[str, Any]) -> None:
        """One line, read. Raises Broken, or Unreadable."""
        if self.checkpoint is None and said.get("type") != "export":
            raise Unreadable("the file does not begin like an export")
        if self._ended:
            raise Broken("something follows after the end of the export")
        takes = {
            "export": self._begin,
            "leaf": self._leaf if self._of_bank else self._own_leaf,
            "checkpoint": self._checkpoint,
            "unsealed": self._unsealed,
            "consistency": self._consistency,
            "end": self._end,
        }
        if said.get("type") not in takes:
            raise Unreadable(f"there is no line of the type {said.get('type')!r}")
        takes[said["type"]](said)

    def finish(self) -> None:
        """All lines were fed. Raises Broken, or Unreadable where there was nothing."""
        if self.checkpoint is None:
            raise Unreadable("the file is empty")
        if not self._ended:
            raise Broken(f"the export breaks off after leaf {self.last_index}")

    def _begin(self, said: Mapping[str, Any]) -> None:
        if said.get("version") != 1 or said.get("of") not in {"bank", "customer"}:
            raise Unreadable("this version knows no such export")
        self._of_bank = said["of"] == "bank"
        self._made_at = said["made_at"]
        if not said["checkpoint"]:
            raise Unreadable("nothing was sealed yet")
        self.checkpoint = read_note(said["checkpoint"])
        self.keys.require(self.checkpoint)

    # Every leaf of a bank, in order: the tree is built anew.

    def _leaf(self, said: Mapping[str, Any]) -> None:
        index, expected = int(said["index"]), self._tree.size
        if index > expected:
            raise Broken(
                f"leaf {expected} is missing: leaf {index} stands in its place",
                kind="missing",
                index=expected,
            )
        if index < expected:
            raise Broken(
                f"leaf {index} stands where leaf {expected} belongs: the order was changed",
                kind="moved",
                index=index,
            )
        self._tree.add(self._content(said))
        for each in self._held_at(self._tree.size):
            self._fits_held(each, self._tree.root)
            self._witnessed = each.size
            self.compared.append(each)

    def _checkpoint(self, said: Mapping[str, Any]) -> None:
        checkpoint = read_note(said["note"])
        self.keys.require(checkpoint)
        if checkpoint.size > self._tree.size:
            raise Broken(
                f"leaf {self._tree.size} is missing: {checkpoint.name}, stands in its place",
                kind="missing",
                index=self._tree.size,
            )
        if checkpoint.size < self._tree.size:
            raise Broken(f"{checkpoint.name}, stands behind leaf {self._tree.size - 1}")
        self._fits(checkpoint, self._tree.root)
        self._good = checkpoint.size
        self.signed += 1

    def _held_at(self, size: int) -> Iterator[Checkpoint]:
        while self._witnesses and self._witnesses[0].size == size:
            yield self._witnesses.pop(0)

    def _fits(self, checkpoint: Checkpoint, root: bytes) -> None:
        if checkpoint.root != root:
            raise Broken(
                f"{checkpoint.name}, does not fit the leaves before it: the first broken place is"
                f" between leaf {self._good} and leaf {checkpoint.size - 1}",
                index=self._good,
            )

    def _fits_held(self, held: Checkpoint, root: bytes) -> None:
        if held.root != root:
            raise Broken(
                f"the log was rewritten or forked: {held.name}, which a witness holds, does not fit"
                f" it; the first broken place is between leaf {self._witnessed} and leaf {held.size - 1}"
            )

    # A customer's leaves: each with its proof.

    def _own_leaf(self, said: Mapping[str, Any]) -> None:
        index = int(said["index"])
        if index <= self.last_index:
            raise Broken(
                f"leaf {index} stands behind leaf {self.last_index}: the order was changed"
            )
        checkpoint = self._signed()
        if index >= checkpoint.size:
            raise Broken(f"leaf {index} is not under {checkpoint.name}")
        digest = self._content(said)
        try:
            root = root_from_inclusion(index, checkpoint.size, digest, _hashes(said["proof"]))
        except Broken as problem:
            raise Broken(f"leaf {index} {problem}") from problem
        if root != checkpoint.root:
            raise Broken(
                f"leaf {index} is not in the tree that was signed: it or its place was changed",
                kind="moved",
                index=index,
            )

    def _content(self, said: Mapping[str, Any]) -> bytes:
        """The leaf's hash, from what it says, which has to be what was sealed."""
        index, fields = int(said["index"]), said.get("fields")
        if fields is None:
            raise Broken(
                f"leaf {index} was sealed, and its record is gone: it was deleted",
                kind="deleted",
                index=index,
            )
        try:
            digest = leaf_hash(said["kind"], fields)
        except Broken as problem:
            raise Broken(f"leaf {index} {problem}") from problem
        if digest.hex() != said["hash"]:
            raise Broken(
                f"leaf {index} (record {fields['id']}) does not say what was sealed: it was changed",
                kind="changed",
                index=index,
            )
        self.leaves += 1
        self.last_index = index
        self.ids.add(fields["id"])
        return digest

    def _unsealed(self, said: Mapping[str, Any]) -> None:
        fields = said["fields"]
        self.unsealed += 1
        self.ids.add(fields["id"])
        if _time(self._made_at) - _time(fields["at"]) > LONGEST_UNSEALED:
            raise Broken(
                f"record {fields['id']} of {fields['at']} was never sealed", kind="unsealed"
            )

    def _consistency(self, said: Mapping[str, Any]) -> None:
        proof = read_proof(said)
        self._proofs[proof.first, proof.second] = proof.hashes

    def _end(self, said: Mapping[str, Any]) -> None:
        if said["leaves"] != self.leaves:
            raise Broken(
                f"the export holds {self.leaves} leaves and was made with {said['leaves']}"
            )
        checkpoint = self._signed()
        if self._of_bank:
            if self._tree.size != checkpoint.size:
                raise Broken(
                    f"leaf {self._tree.size} is missing, and what follows up to {checkpoint.size}",
                    kind="missing",
                    index=self._tree.size,
                )
            self._fits(checkpoint, self._tree.root)
        for each in self._witnesses:
            self._compare(each, checkpoint)
        self._ended = True

    def _compare(self, held: Checkpoint, now: Checkpoint) -> None:
        """By proof, what could not be compared leaf by leaf."""
        if held.size > now.size:
            raise Broken(
                f"the log is shorter than what a witness holds: {held.name}; it was cut or forked"
                f" at or before leaf {now.size}"
            )
        hashes = self._proofs.get((held.size, now.size))
        if hashes is None and held.size != now.size:
            raise Unreadable(
                f"{held.name}, can be compared by a proof alone: fetch"
                f" {now.origin}/consistency?first={held.size}&second={now.size} and name it with --proof"
            )
        old, new = roots_from_consistency(held.size, now.size, held.root, hashes or [])
        if new != now.root or old != held.root:
            raise Broken(
                f"the log was rewritten or forked: {held.name}, which a witness holds, does not fit"
                f" {now.name}; the first broken place is before leaf {held.size}"
            )
        self.compared.append(held)

    def _signed(self) -> Checkpoint:
        """What the export was made under."""
        if self.checkpoint is None:
            raise Unreadable("the file does not begin like an export")
        return self.checkpoint


def read_proof(said: Mapping[str, Any]) -> Proof:
    return Proof(int(said["first"]), int(said["second"]), _hashes(said["hashes"]))


def _hashes(texts: Iterable[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in texts]


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as reason:
        raise Unreadable("something is not base64") from reason


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- a report --------------------------------------------------------------------------------------

# By what a report counts, and what it counts of each.
KIND = ("recipient", "purpose", "feed", "decision", "reason")
COUNTED = ("records", "times", "rows")


class Report:
    """A bank's report on a time: counted again while the export of the whole bank is read."""

    def __init__(self, said: Mapping[str, Any], keys: Keys) -> None:
        if said.get("version") != "portal.report/1":
            raise Unreadable("this version knows no such report")
        self.since, self.until = said["since"], said["until"]
        notes = said["checkpoints"]
        self._before, self._at_end = (_noted(notes[each]) for each in ("before", "at_end"))
        self._counted = _noted(notes["counted"])
        for each in self.checkpoints:
            keys.require(each)
        self._says = {
            tuple(each[name] for name in KIND): tuple(each[name] for name in COUNTED)
            for each in said["figures"]
        }
        self._found: dict[tuple[str, ...], list[int]] = {}
        self._kinds: dict[str, tuple[str, ...]] = {}
        self._seen: dict[str, Checkpoint] = {}

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """What it names: they have to fit the export as those of a witness do."""
        named = (self._before, self._at_end, self._counted)
        return [each for each in named if each is not None]

    def take(self, said: Mapping[str, Any]) -> None:
        """One line of the export, which was checked."""
        if said["type"] == "export":
            self._begin(said)
        if said["type"] == "checkpoint":
            self._place(read_note(said["note"]))
        if said["type"] == "leaf" and self._counted and said["index"] < self._counted.size:
            self._count(said["kind"], said["fields"])

    def finish(self) -> None:
        """Raises Broken where it says something else than the export."""
        for name, held in (("before", self._before), ("at_end", self._at_end)):
            if held != self._seen.get(name):
                raise Broken(f"the report names a checkpoint {name} that is not the last of then")
        found = {kind: tuple(counts) for kind, counts in self._found.items()}
        for kind in sorted({*self._says, *found}):
            said, is_so = self._says.get(kind, (0, 0, 0)), found.get(kind, (0, 0, 0))
            if said != is_so:
                told = ", ".join(each for each in kind if each)
                raise Broken(
                    f"the report says {_figures(said)} of {told}, and the log {_figures(is_so)}"
                )

    def _begin(self, said: Mapping[str, Any]) -> None:
        if said["of"] != "bank":
            raise Unreadable("a report is checked by the export of the whole bank")
        if self._counted and self._counted.size > read_note(said["checkpoint"]).size:
            raise Unreadable("the export is older than the report")

    def _place(self, checkpoint: Checkpoint) -> None:
        if self._counted is None or checkpoint.size > self._counted.size:
            return  # signed since
        if checkpoint.time < self.since:
            self._seen["before"] = checkpoint
        if checkpoint.time < self.until:
            self._seen["at_end"] = checkpoint

    def _count(self, kind: str, fields: Mapping[str, str]) -> None:
        if kind == "count/1":
            counted = self._kinds.get(fields["disclosure_id"])
            if counted:
                self._found[counted][1] += int(fields["count"]) - 1
            return
        if not self.since <= fields["at"] < self.until:
            return
        of = tuple(fields[name] for name in KIND)
        self._kinds[fields["id"]] = of
        sums = self._found.setdefault(of, [0, 0, 0])
        for place, more in enumerate((1, 1, int(fields["row_count"]))):
            sums[place] += more


def _noted(text: str) -> Checkpoint | None:
    return read_note(text) if text else None


def _figures(counts: Sequence[int]) -> str:
    return ", ".join(f"{n} {name}" for n, name in zip(counts, COUNTED, strict=True))


# --- a statement that nothing was shared -----------------------------------------------------------

NOTHING_SHARED = "portal.nothing-shared/1"


class Untrue(Broken):  # what the statement is
    """The statement is not true, or does not show that it is."""


def shares_nothing(kind: str, fields: Mapping[str, str]) -> bool:
    """Whether a leaf is of a kind that shares nothing: a refusal, or the bank's own look at its record."""
    if fields["recipient"].startswith("staff:") and fields["door"] == "console":
        return True
    return bool(fields["reason"]) if kind == "count/1" else fields["decision"] == "refused"


def nothing_shared_text(
    said: Mapping[str, Any], first: Checkpoint | None, last: Checkpoint | None
) -> str:
    """What is signed: a note's text that no checkpoint's can be."""
    ends = (
        "0 -" if each is None else f"{each.size} {base64.b64encode(each.root).decode()}"
        for each in (first, last)
    )
    told = (said[name] for name in ("origin", "since", "until", "made_at"))
    lines = (NOTHING_SHARED, *told, *ends)
    return "\n".join(lines) + "\n"


class Statement:
    """Takes a statement line by line: from the tree before the time every leaf up to its end."""

    def __init__(self, keys: Keys, witnesses: Sequence[Checkpoint] = ()) -> None:
        self.keys = keys
        self.said: Mapping[str, Any] = {}
        self.first: Checkpoint | None = None
        self.last: Checkpoint | None = None
        self.leaves = 0
        self.compared = 0
        self._witnesses = witnesses
        self._tree = Tree()
        self._roots: dict[int, bytes] = {}
        self._signed = False

    def take(self, said: Mapping[str, Any]) -> None:
        """One line, read. Raises Broken, or Unreadable."""
        if self._signed:
            raise Broken("something follows after the signature")
        if not self.said and said.get("type") != "statement":
            raise Unreadable("the file does not begin like a statement")
        takes = {
            "statement": self._begin,
            "leaf": self._leaf,
            "checkpoint": self._checkpoint,
            "signed": self._sign,
        }
        if said.get("type") not in takes:
            raise Unreadable(f"there is no line of the type {said.get('type')!r}")
        takes[said["type"]](said)

    def finish(self) -> None:
        """All lines were taken. Raises Broken where it shows less than it says."""
        if not self._signed:
            raise Broken("the statement breaks off before its signature")
        for each in self._witnesses:
            self._compare(each)

    def _begin(self, said: Mapping[str, Any]) -> None:
        if said.get("version") != NOTHING_SHARED:
            raise Unreadable("this version knows no such statement")
        self.said = said
        self.first = self.last = _noted(said["first"])
        if self.first is not None:
            self.keys.require(self.first)
            if self.first.time > said["since"]:
                raise Untrue(f"it begins late: with {self.first.name}")
            self._tree = Tree(self.first.size, _hashes(said["peaks"]))
            if self._tree.root != self.first.root:
                raise Broken(f"the hashes that it begins with are not those of {self.first.name}")
        self._keep_root()

    def _leaf(self, said: Mapping[str, Any]) -> None:
        index, fields = int(said["index"]), said["fields"]
        if index != self._tree.size:
            raise Broken(f"leaf {self._tree.size} is missing: leaf {index} stands in its place")
        digest = leaf_hash(said["kind"], fields)
        if not shares_nothing(said["kind"], fields):
            raise Untrue(
                f"leaf {index} (record {fields['id']}) was shown to {fields['recipient']}"
            )
        self._tree.add(digest)
        self.leaves += 1
        self._keep_root()

    def _checkpoint(self, said: Mapping[str, Any]) -> None:
        checkpoint = read_note(said["note"])
        self.keys.require(checkpoint)
        if (checkpoint.size, checkpoint.root) != (self._tree.size, self._tree.root):
            raise Broken(f"{checkpoint.name}, does not fit the leaves before it")
        self.last = checkpoint

    def _sign(self, said: Mapping[str, Any]) -> None:
        if self._tree.size != (self.last.size if self.last else 0):
            raise Broken(f"nothing was signed of the leaves up to {self._tree.size}")
        told = self.said
        if _time(told["made_at"]) < _time(told["until"]) + LONGEST_UNSEALED:
            raise Untrue("it was made before all of its time could be sealed")
        text = nothing_shared_text(told, self.first, self.last)
        self.keys.require_signed(
            text, _raw(said["signature"]), told["made_at"], f"the statement of {told['made_at']}"
        )
        if told["origin"] != self.keys.origin:
            raise Broken(f"the statement is of another log: {told['origin']}")
        self._signed = True

    def _keep_root(self) -> None:
        self._roots[self._tree.size] = self._tree.root

    def _compare(self, held: Checkpoint) -> None:
        """With a checkpoint that somebody else holds of the same log."""
        begun = self.first.size if self.first else 0
        if held.size in self._roots:
            if held.root != self._roots[held.size]:
                raise Broken(
                    f"the log was forked: {held.name}, which a witness holds, does not fit"
                )
            self.compared += 1
        elif held.size < begun and self.first and held.time > self.first.time:
            raise Broken(
                f"the log was cut: {held.name}, which a witness holds, is later and shorter"
            )
        elif (
            held.size > self._tree.size
            and _time(held.time) <= _time(self.said["until"]) + LONGEST_UNSEALED
        ):
            raise Untrue(f"the log grew meanwhile: a witness holds {held.name}")


# --- the program -----------------------------------------------------------------------------------


def check(
    lines: Iterable[str],
    keys: Keys,
    witnesses: Witnesses,
    proofs: Iterable[Proof] = (),
    reports: Sequence[Report] = (),
) -> Checker:
    """Check a whole export. Raises Broken with the first broken place, or Unreadable."""
    for each in reports:
        witnesses.checkpoints += each.checkpoints
    checker = Checker(keys, witnesses.sorted(keys), proofs=proofs)
    for line in lines:
        if line.strip():
            said = json.loads(line)
            checker.take(said)
            for each in reports:
                each.take(said)
    checker.finish()
    for report in reports:
        report.finish()
    for held in witnesses.disclosure_ids:
        if held not in checker.ids:
            raise Broken(f"record {held}, of which a witness has the id, is not in this log")
    return checker


def check_statement(lines: Iterable[str], keys: Keys, witnesses: Witnesses) -> Statement:
    """Check that a bank shared nothing, as it says. Raises Broken, or Unreadable."""
    statement = Statement(keys, witnesses.sorted(keys))
    for line in lines:
        if line.strip():
            statement.take(json.loads(line))
    statement.finish()
    return statement


def _is_statement(path: Path) -> bool:
    with path.open() as lines:
        return bool(json.loads(next(lines, "{}")).get("type") == "statement")


def _whole(found: Checker, reports: int) -> str:
    signed = found.checkpoint
    counted = f"  {reports} reports say what the log says.\n" if reports else ""
    return (
        f"Whole: {found.leaves} leaves fit {signed.name if signed else ''}.\n"
        f"  {found.signed} earlier checkpoints and {len(found.compared)} of witnesses fit too;"
        f" {found.unsealed} records wait to be sealed.\n{counted}"
    )


def _true(found: Statement) -> str:
    told = found.said
    grew = (
        f"{found.leaves} leaves were added, and each shares nothing"
        if found.leaves
        else ("the log did not grow")
    )
    return (
        f"True: nothing was shared from {told['since']} to {told['until']}; {grew}.\n"
        f"  It bears the bank's signature; {found.compared} checkpoints of witnesses fit it.\n"
    )


def _checked(given: argparse.Namespace) -> str:
    """What is so, in words. Raises Broken, or whatever is wrong with the files."""
    keys = Keys(json.loads(given.keys.read_text()))
    witnesses = Witnesses()
    for each in given.witness:
        witnesses.read(each.read_text())
    if _is_statement(given.file):
        with given.file.open() as lines:
            return _true(check_statement(lines, keys, witnesses))
    proofs = [read_proof(json.loads(each.read_text())) for each in given.proof]
    reports = [Report(json.loads(each.read_text()), keys) for each in given.report]
    with given.file.open() as lines:
        return _whole(check(lines, keys, witnesses, proofs, reports), len(reports))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--keys", type=Path, required=True)
    for name in ("--witness", "--proof", "--report"):
        parser.add_argument(name, type=Path, action="append", default=[])
    try:
        said = _checked(parser.parse_args())
    except Untrue as problem:
        sys.stdout.write(f"FALSE: {problem}.\n")
        return 1
    except Broken as problem:
        sys.stdout.write(f"BROKEN: {problem}.\n")
        return 1
    except (Unreadable, OSError, ValueError, KeyError, TypeError) as problem:
        sys.stdout.write(f"Not checked: {problem}.\n")
        return 2
    sys.stdout.write(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
