#!/usr/bin/env python3
"""Checks an exported disclosure log offline, with Python and the `cryptography` package alone.

    python verify.py EXPORT.jsonl --keys KEYS.json [--witness FILE ...] [--proof FILE ...]

EXPORT is the export of one customer or of a whole bank, KEYS what `/disclosures/<bank>/keys` answers. A
witness is a text file of checkpoints that somebody held back: signed notes, or `Portal-Checkpoint:` lines
with, where there are some, `Disclosure-Id:` lines of what was read. A proof is what
`/disclosures/<bank>/consistency` answered; a customer's export needs one to be compared with a witness.

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
        named, signature = checkpoint.signature[:4], checkpoint.signature[4:]
        for key in self._keys:
            name = sha256(self.origin.encode() + b"\n\x01" + key.raw).digest()[:4]
            if name != named:
                continue
            try:
                Ed25519PublicKey.from_public_bytes(key.raw).verify(
                    signature, checkpoint.text.encode()
                )
            except InvalidSignature:
                break
            if not key.is_valid(checkpoint.time):
                raise Broken(f"{checkpoint.name}, was signed with a key that was not valid then")
            return
        raise Broken(f"{checkpoint.name}, does not bear the bank's signature", kind="unsigned")


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


# --- the program -----------------------------------------------------------------------------------


def check(
    lines: Iterable[str], keys: Keys, witnesses: Witnesses, proofs: Iterable[Proof] = ()
) -> Checker:
    """Check a whole export. Raises Broken with the first broken place, or Unreadable."""
    checker = Checker(keys, witnesses.sorted(keys), proofs=proofs)
    for line in lines:
        if line.strip():
            checker.feed(line)
    checker.finish()
    for each in witnesses.disclosure_ids:
        if each not in checker.ids:
            raise Broken(f"record {each}, of which a witness has the id, is not in this log")
    return checker


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("export", type=Path)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--witness", type=Path, action="append", default=[])
    parser.add_argument("--proof", type=Path, action="append", default=[])
    given = parser.parse_args()
    try:
        keys = Keys(json.loads(given.keys.read_text()))
        witnesses = Witnesses()
        for each in given.witness:
            witnesses.read(each.read_text())
        proofs = [read_proof(json.loads(each.read_text())) for each in given.proof]
        with given.export.open() as lines:
            found = check(lines, keys, witnesses, proofs)
    except Broken as problem:
        sys.stdout.write(f"BROKEN: {problem}.\n")
        return 1
    except (Unreadable, OSError, ValueError, KeyError, TypeError) as problem:
        sys.stdout.write(f"Not checked: {problem}.\n")
        return 2
    signed = found.checkpoint
    sys.stdout.write(
        f"Whole: {found.leaves} leaves fit {signed.name if signed else ''}.\n"
        f"  {found.signed} earlier checkpoints and {len(found.compared)} of witnesses fit too;"
        f" {found.unsealed} records wait to be sealed.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
