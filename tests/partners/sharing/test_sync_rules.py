"""What a caller of the changes is told, as pure functions: whatever happens between its pages."""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from partners.sharing.sync_rules import CutAt, News, Place, Seen, news_of

DAY = date(2026, 3, 2)
ACCOUNTS = (UUID(int=1), UUID(int=2))
TERMS = "as agreed"


@dataclass
class Row:
    """A transaction as the ledger numbers its changes; `version` counts them."""

    account: UUID
    seq: int
    removed: bool = False
    before: tuple[int, ...] = ()


@dataclass
class Ledger:
    rows: dict[UUID, Row] = field(default_factory=dict)
    heads: dict[UUID, int] = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 0))

    def next(self, account: UUID) -> int:
        self.heads[account] += 1
        return self.heads[account]

    def add(self, account: UUID) -> None:
        self.rows[UUID(int=100 + len(self.rows))] = Row(account, self.next(account))

    def change(self, number: int, *, removed: bool) -> None:
        if self.rows:
            row = self.rows[UUID(int=100 + number % len(self.rows))]
            row.before = (*row.before, -row.seq if row.removed else row.seq)
            row.seq, row.removed = self.next(row.account), removed

    def page(self, places: dict[UUID, Place], limit: int) -> tuple[News, bool]:
        changed = sorted(
            (row.account, row.seq, key)
            for key, row in self.rows.items()
            if row.account in places and row.seq > places[row.account].seq
        )
        cut = None
        if len(changed) > limit:
            cut = CutAt(changed[limit][0], self.heads[changed[limit][0]])
        seen = [
            Seen(key, account, seq, self.rows[key].before, self.rows[key].removed, DAY)
            for account, seq, key in changed[:limit]
        ]
        floors = dict.fromkeys(ACCOUNTS, DAY)
        return news_of(seen, places, history_from=floors, cut=cut), cut is not None


@dataclass
class Reader:
    """Believes every word: what is added it must not have, what is modified or removed it must."""

    limit: int
    places: dict[UUID, Place] = field(default_factory=dict)
    held: dict[UUID, int] = field(default_factory=dict)
    told: set[tuple[UUID, int]] = field(default_factory=set)

    def allow(self, accounts: frozenset[UUID], ledger: Ledger) -> None:
        self.places = {each: self.places.get(each) or Place(TERMS) for each in accounts}
        self.held = {k: v for k, v in self.held.items() if ledger.rows[k].account in accounts}
        self.told = {each for each in self.told if ledger.rows[each[0]].account in accounts}

    def read(self, ledger: Ledger) -> bool:
        news, has_more = ledger.page(self.places, self.limit)
        for key in news.added:
            assert key not in self.held
        for key in (*news.modified, *news.removed):
            assert key in self.held
        for key in (*news.added, *news.modified):
            self.held[key] = ledger.rows[key].seq
            assert (key, self.held[key]) not in self.told
            self.told.add((key, self.held[key]))
        for key in news.removed:
            del self.held[key]
        self.places = dict(news.places)
        return has_more


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(ACCOUNTS)),
        st.tuples(st.sampled_from(["change", "change", "remove"]), st.integers(0, 5)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("allow"), st.frozensets(st.sampled_from(ACCOUNTS), min_size=1)),
    ),
    min_size=10,
    max_size=60,
)


@settings(max_examples=400)
@given(_STEPS, st.integers(1, 3))
def test_whatever_happens_between_pages_the_caller_ends_with_what_is_so(
    steps: list[tuple[str, object]], limit: int
) -> None:
    ledger, reader = Ledger(), Reader(limit)
    reader.allow(frozenset(ACCOUNTS), ledger)
    for what, which in steps:
        if what == "add" and isinstance(which, UUID):
            ledger.add(which)
        elif what == "read":
            reader.read(ledger)
        elif isinstance(which, frozenset):
            reader.allow(which, ledger)
        elif isinstance(which, int):
            ledger.change(which, removed=what == "remove")

    while reader.read(ledger):
        pass

    shown = {k: r for k, r in ledger.rows.items() if r.account in reader.places and not r.removed}
    assert reader.held == {key: row.seq for key, row in shown.items()}


def test_of_a_very_long_walk_a_place_stays_short_and_nothing_is_left_out() -> None:
    ledger, reader = Ledger(), Reader(limit=1)
    for _ in range(100):
        ledger.add(ACCOUNTS[0])
    reader.allow(frozenset(ACCOUNTS[:1]), ledger)

    for number in range(60):
        reader.read(ledger)
        ledger.add(ACCOUNTS[0])
        assert len(reader.places[ACCOUNTS[0]].walk) <= 32, number
    while reader.read(ledger):
        pass

    assert len(reader.held) == 160
