"""The levers of /_control that play rows of a file, and read what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request

from partners.sandbox.bank import bank_of
from partners.sandbox.bodies import LARGE, read_json
from partners.sandbox.judgement import MOST_ROWS, read_ledger
from partners.sandbox.ledger import LedgerRefusal
from partners.sandbox.levers import Answer, lever, member, whole
from partners.sandbox.replay import Player, read_rows

_FASTEST = 10_000


def player_of(request: Request) -> Player:
    """Who plays at this bank."""
    player: Player = request.app.state.player
    return player


@lever(creates=True)
async def play(request: Request) -> Answer:
    """POST play {csv or path, rate?, as_history?, limit?, prepare_only?}."""
    player = player_of(request)
    body = await read_json(request, limit=LARGE)
    rows = read_rows(_csv_text(body))
    limit = member(body, "limit", int, needed=False)
    rows = rows if limit is None else rows[: max(limit, 0)]
    rate = member(body, "rate", int, needed=False)
    rate = 20 if rate is None else rate
    if not 1 <= rate <= _FASTEST:
        raise LedgerRefusal("bad_request", f"rate is 1 to {_FASTEST} rows a second")
    if player.busy:
        raise LedgerRefusal("play_running", "Another play is under way.")
    if member(body, "prepare_only", bool, needed=False):
        dealt = await player.deal(rows)
        return {
            "state": "prepared",
            "accounts": sorted({account for account, _ in dealt.values()}),
        }
    as_history = member(body, "as_history", bool, needed=False) or False
    begun = await player.start(rows, rate=rate, as_history=as_history)
    return begun.as_json()


def _csv_text(body: Any) -> str:
    text = member(body, "csv", str, needed=False)
    if text is not None:
        return str(text)
    path = Path(member(body, "path", str))
    if path.suffix.lower() != ".csv" or not path.is_absolute():
        raise LedgerRefusal("bad_request", "path is the full path of a .csv file")
    try:
        if path.stat().st_size > LARGE:
            raise LedgerRefusal("bad_request", f"the file is longer than {LARGE} bytes")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise LedgerRefusal("bad_request", "the file cannot be read as UTF-8 text") from problem


@lever()
async def play_state(request: Request) -> Answer:
    """GET play."""
    return player_of(request).play.as_json()


@lever()
async def play_stop(request: Request) -> Answer:
    """DELETE play: stop where it is."""
    return (await player_of(request).stop()).as_json()


@lever()
async def ledger(request: Request) -> Answer:
    """GET ledger?after=&limit=."""
    bank = bank_of(request)
    after = whole(request, "after", default=0)
    limit = whole(request, "limit", default=1000)
    if not 1 <= limit <= MOST_ROWS:
        raise LedgerRefusal("bad_request", f"limit is 1 to {MOST_ROWS}")
    async with bank.pool.connection() as connection:
        return await read_ledger(bank, connection, after=after, limit=limit)
