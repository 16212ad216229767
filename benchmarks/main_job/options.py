"""What to run, from the environment: `make main-job CSV=… ROWS=… KILL=…`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.main_job.tampering import TAMPERINGS

PROCESSES = ("worker", "relay", "sealer", "web", "beat", "valkey", "postgres")
FAULTS = (
    "slow",
    "429",
    "500",
    "drop",
    "malformed",
    "duplicate",
    "reorder",
    "silent",
    "renumber",
    "mutate",
)
OWN_ROWS = Path(__file__).resolve().parents[2] / "partners/sandbox/samples/card_payments.csv"
BANKS = ("aurelia", "northmoor")
_MOST_CUSTOMERS = 400
_FASTEST = 1000


@dataclass(frozen=True)
class Dialect:
    """What the banks are linked by: the portal's name for it, and what it has room for."""

    connector: str
    longest_name: int = 350
    finest: Literal["seconds", "milliseconds"] = "seconds"


DIALECTS = {
    "open_banking_uk": Dialect("uk_open_banking"),
    "open_banking_uk_3": Dialect("uk_open_banking_3_1"),
    "berlin_group": Dialect("berlin_group", longest_name=70, finest="milliseconds"),
    "cursor_sync": Dialect("cursor_sync", finest="milliseconds"),
}


class OptionsRefused(ValueError):
    """The environment asks for what there is not; the text says which."""


@dataclass(frozen=True)
class Options:
    csv: Path
    rows: int | None
    rate: int
    customers: int
    seed: int
    kill: tuple[str, ...]
    faults: tuple[str, ...]
    tamper: str
    dialect: Dialect
    # A bank that never answers while the rows are played, instead of faults.
    hanging: str = ""

    @property
    def customers_a_bank(self) -> int:
        """How many each of the two banks needs."""
        return -(-self.customers // 2)


def read_options(environ: Mapping[str, str]) -> Options:
    """Raises OptionsRefused."""
    csv = Path(environ.get("CSV") or OWN_ROWS)
    if not csv.is_file():
        raise OptionsRefused(f"CSV: there is no file {csv}")
    tamper = environ.get("TAMPER", "")
    if tamper not in {"", *TAMPERINGS}:
        raise OptionsRefused(f"TAMPER is one of {', '.join(TAMPERINGS)}")
    dialect = environ.get("DIALECT", "") or next(iter(DIALECTS))
    if dialect not in DIALECTS:
        raise OptionsRefused(f"DIALECT is one of {', '.join(DIALECTS)}")
    return Options(
        csv=csv,
        rows=_number(environ, "ROWS", None, least=1, most=10_000_000),
        rate=_number(environ, "RATE", 20, least=2, most=_FASTEST) or 0,
        customers=_number(environ, "CUSTOMERS", 50, least=2, most=_MOST_CUSTOMERS) or 0,
        seed=_number(environ, "SEED", 1, least=0, most=2**62) or 0,
        kill=_names(environ, "KILL", PROCESSES),
        faults=_names(environ, "FAULTS", FAULTS),
        tamper=tamper,
        dialect=DIALECTS[dialect],
        hanging=_bank(environ),
    )


def _bank(environ: Mapping[str, str]) -> str:
    slug = environ.get("HANG", "")
    if slug not in {"", *BANKS}:
        raise OptionsRefused(f"HANG is one of {', '.join(BANKS)}")
    return slug


def _number(
    environ: Mapping[str, str], name: str, usual: int | None, *, least: int, most: int
) -> int | None:
    text = environ.get(name, "").strip()
    if not text:
        return usual
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
        raise OptionsRefused(f"{name} is a whole number from {least} to {most}")
    return int(text)


def _names(environ: Mapping[str, str], name: str, known: Sequence[str]) -> tuple[str, ...]:
    text = environ.get(name, "").strip()
    wanted = known if text == "all" else [each.strip() for each in text.split(",") if each.strip()]
    unknown = [each for each in wanted if each not in known]
    if unknown:
        raise OptionsRefused(f"{name}: {unknown[0]!r} is none of {', '.join(known)}, nor `all`")
    return tuple(each for each in known if each in wanted)
