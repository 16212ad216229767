"""`python -m benchmarks.corpus FOLDER`: how many of a folder's statement files are read right.

The folder has a MANIFEST.tsv: for each file its format, how many rows it has, their signed sum, the balances, and who
counted (`oracle`). A file is right when all that the manifest says of it is what was read. One that the manifest calls
malformed may be refused instead, with its line or element; read in part it may not be. Nothing that a file holds is
printed: its path, and what differs.
"""

import argparse
import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from partners.statements.base import Balance, Entry, Malformed, Part, Reader
from partners.statements.camt053 import read_camt053
from partners.statements.csv_rows import read_guessed
from partners.statements.mt940 import read_mt940
from partners.statements.ofx import read_ofx

READERS: Mapping[str, Reader] = {
    "ofx": read_ofx,
    "camt.053": read_camt053,
    "mt940": read_mt940,
    "csv": read_guessed,
}
# Whose count two others agree on.
TRUSTED = frozenset({"two-parsers", "hand"})
NO_TRUTH = "none"
GOAL = Decimal("0.99")


@dataclass(slots=True)
class Read:
    """What a file gave before its end, or before it was refused."""

    rows: int = 0
    sums: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    opening: list[Decimal] = field(default_factory=list)
    closing: list[Decimal] = field(default_factory=list)
    refused: str = ""

    def take(self, part: Part) -> None:
        match part:
            case Entry():
                self.rows += 1
                self.sums[part.currency] += part.amount
            case Balance(kind="opening"):
                self.opening.append(part.amount)
            case Balance(kind="closing"):
                self.closing.append(part.amount)


@dataclass(frozen=True, slots=True)
class Verdict:
    path: str
    format: str
    oracle: str
    malformed: bool
    refused: bool
    differs: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        return not self.differs or (self.malformed and self.refused)

    @property
    def is_in_part(self) -> bool:
        return self.malformed and not self.refused and bool(self.differs)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus")
    parser.add_argument("folder", type=Path, help="with a MANIFEST.tsv")
    options = parser.parse_args()
    verdicts, not_built = judged(options.folder)
    for each in verdicts:
        if not each.is_right:
            sys.stdout.write(f"{each.path} ({each.oracle}): {'; '.join(each.differs)}\n")
    sys.stdout.write(table(verdicts, not_built))
    return 0 if is_good_enough(verdicts) else 1


def judged(folder: Path) -> tuple[list[Verdict], Counter[str]]:
    """A verdict for each file of a format that is built and that anybody counted; the others by their format."""
    verdicts, others = [], Counter[str]()
    for row in _manifest(folder):
        if row["format"] not in READERS:
            others[row["format"]] += 1
        elif row["oracle"] != NO_TRUTH:
            verdicts.append(_verdict(folder, row))
    return verdicts, others


def is_good_enough(verdicts: list[Verdict]) -> bool:
    """Over all formats and in each of them; and nothing malformed was read in part."""
    groups = [
        verdicts,
        *([each for each in verdicts if each.format == name] for name in READERS),
    ]
    return all(_share(each) >= GOAL for each in groups) and not any(
        each.is_in_part for each in verdicts
    )


def table(verdicts: list[Verdict], not_built: Mapping[str, int]) -> str:
    lines = ["", "format      trusted  right   share   all  right"]
    for name in READERS:
        mine = [each for each in verdicts if each.format == name]
        trusted = [each for each in mine if each.oracle in TRUSTED]
        right, all_right = _right(trusted), _right(mine)
        lines.append(
            f"{name:<12}{len(trusted):>7}{right:>7}{_share(mine):>8.3f}{len(mine):>6}{all_right:>7}"
        )
    lines += [f"{name} is not built: {count} files" for name, count in sorted(not_built.items())]
    trusted = [each for each in verdicts if each.oracle in TRUSTED]
    refused = sum(1 for each in verdicts if each.malformed and each.refused)
    in_part = sum(1 for each in verdicts if each.is_in_part)
    lines.append(
        f"corpus: {_right(trusted)} of {len(trusted)} right, {refused} malformed refused,"
        f" {in_part} malformed read in part"
    )
    return "\n".join(lines) + "\n"


def _right(verdicts: list[Verdict]) -> int:
    return sum(1 for each in verdicts if each.is_right)


def _share(verdicts: list[Verdict]) -> Decimal:
    trusted = [each for each in verdicts if each.oracle in TRUSTED]
    return Decimal(_right(trusted)) / len(trusted) if trusted else Decimal(1)


def _manifest(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as table_file:
        yield from csv.DictReader(table_file, delimiter="\t", quoting=csv.QUOTE_NONE)


def _verdict(folder: Path, row: Mapping[str, str]) -> Verdict:
    read = _read(folder / row["path"], READERS[row["format"]])
    return Verdict(
        path=row["path"],
        format=row["format"],
        oracle=row["oracle"],
        malformed=row["oracle"] == "malformed" or row["notes"].startswith("malformed"),
        refused=bool(read.refused),
        differs=tuple(_differences(read, row)),
    )


def _read(path: Path, reader: Reader) -> Read:
    found = Read()
    with path.open("rb") as source:
        try:
            for part in reader(source):
                found.take(part)
        except Malformed as problem:
            found.refused = str(problem)
    return found


def _differences(read: Read, row: Mapping[str, str]) -> Iterator[str]:
    if read.refused:
        yield f"refused at {read.refused}"
        return
    if read.rows != int(row["n_transactions"] or 0):
        yield "the number of rows"
    told = _sums(row["sum_signed"])
    ours = {name: total for name, total in read.sums.items() if total or name in told}
    if sum(told.values()) != sum(ours.values()) or (len(told) > 1 and told != ours):
        yield "the signed sum"
    for name, amounts in (("opening", read.opening), ("closing", read.closing)):
        wanted = _amounts(row[f"{name}_balance"])
        if wanted and wanted != amounts:
            yield f"the {name} balances"


def _sums(written: str) -> dict[str, Decimal]:
    """`12.30`, or `EUR:12.30;USD:1`."""
    parts = [each.rpartition(":") for each in written.split(";") if each]
    return {currency: Decimal(amount) for currency, _, amount in parts}


def _amounts(written: str) -> list[Decimal]:
    try:
        return [Decimal(each.rpartition(":")[2]) for each in written.split(";") if each]
    except InvalidOperation:
        # Of a file that names none, as its note says.
        return []


if __name__ == "__main__":
    sys.exit(main())
