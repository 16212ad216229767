"""The gate's decision, whatever the bank shares and the customer allowed: never more than each of them."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from partners.sharing.rules import (
    CHAT,
    FEED_OF_ALERT,
    PORTAL,
    Allowance,
    Allowed,
    Ask,
    BankShares,
    Door,
    Reason,
    Recipient,
    Refused,
    Scope,
    decide,
)

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
ACCOUNTS = [UUID(int=number) for number in (1, 2, 3)]
FEEDS = ["balances", "transactions"]
ALERTS = ["fraud_suspected", "low_balance"]
CLIENTS = [Recipient("client", 1), Recipient("client", 2)]
_instants = st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours))
_ways = st.one_of(
    st.tuples(st.just("feed"), st.sampled_from(FEEDS)),
    st.tuples(st.just("alert"), st.sampled_from(ALERTS)),
)


@st.composite
def allowances(draw: st.DrawFn) -> Allowance:
    to = draw(st.sampled_from([CHAT, *CLIENTS]))
    scope, code = draw(_ways)
    subset = st.frozensets(st.sampled_from(FEEDS))
    return Allowance(
        account_id=draw(st.sampled_from(ACCOUNTS)),
        scope=scope,
        code=code,
        consent_id=UUID(int=draw(st.integers(10, 14))),
        recipient=to.kind,
        client_id=to.client_id,
        registered=None if to.client_id is None else draw(subset),
        suspended=to.client_id is not None and draw(st.booleans()),
        purpose=draw(st.sampled_from(["see_in_chat", "budgeting"])),
        granted_at=draw(_instants),
        expires_at=draw(_instants),
        ended_at=draw(st.none() | _instants),
        history_from=draw(st.dates(date(2025, 1, 1), date(2026, 1, 1))),
        linked=draw(st.booleans()),
    )


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    scope, code = draw(_ways)
    accounts = st.lists(st.sampled_from(ACCOUNTS), unique=True, min_size=1).map(tuple)
    return Ask(
        recipient=draw(st.sampled_from([CHAT, *CLIENTS])),
        purpose=draw(st.sampled_from([None, "see_in_chat"])),
        scope=scope,
        code=code,
        account_ids=draw(st.none() | accounts),
        door=Door.REST,
        at=NOW,
    )


_masks = st.frozensets(st.sampled_from(["description", "merchant_name"]))
_shares = st.builds(
    BankShares,
    admitted=st.booleans(),
    feeds=st.dictionaries(st.sampled_from(FEEDS), _masks),
    alert_types=st.frozensets(st.sampled_from(ALERTS)),
)
_given = st.lists(allowances(), max_size=8)


@settings(max_examples=300)
@given(asks(), _shares, _given)
def test_what_is_allowed_is_within_what_everybody_allows(
    ask: Ask, shares: BankShares, given_: list[Allowance]
) -> None:
    decision = decide(ask, shares, given_)

    if isinstance(decision, Refused):
        return
    assert shares.admitted
    assert decision.account_ids
    assert set(decision.account_ids) == set(decision.consents) == set(decision.history_from)
    for account_id in decision.account_ids:
        assert ask.account_ids is None or account_id in ask.account_ids
        (grounds, *_more) = [
            each
            for each in given_
            if each.consent_id == decision.consents[account_id]
            and each.account_id == account_id
            and (each.scope, each.code) == (ask.scope, ask.code)
            and (each.recipient, each.client_id) == (ask.recipient.kind, ask.recipient.client_id)
            and each.live(NOW)
            and each.linked
            and (ask.purpose is None or each.purpose == ask.purpose)
            and (each.registered is None or each.feed in each.registered)
            and not each.suspended
        ]
        assert grounds.granted_at <= NOW < grounds.expires_at
    if ask.scope == Scope.FEED:
        assert decision.masked_fields == shares.feeds[ask.code]
    else:
        assert ask.code in shares.alert_types


@settings(max_examples=200)
@given(asks(), _shares, _given)
def test_less_given_never_allows_more(
    ask: Ask, shares: BankShares, given_: list[Allowance]
) -> None:
    before = decide(ask, shares, given_)
    after = decide(ask, shares, given_[:-1])

    had = before.account_ids if isinstance(before, Allowed) else ()
    has = after.account_ids if isinstance(after, Allowed) else ()
    assert set(has) <= set(had)


@settings(max_examples=200)
@given(asks(), _shares, _given)
def test_the_order_in_which_consents_are_read_does_not_matter(
    ask: Ask, shares: BankShares, given_: list[Allowance]
) -> None:
    one, other = decide(ask, shares, given_), decide(ask, shares, given_[::-1])

    if isinstance(one, Allowed) and isinstance(other, Allowed):
        assert one.account_ids == other.account_ids
    else:
        assert type(one) is type(other)


@settings(max_examples=200)
@given(st.sampled_from(FEEDS), _shares, _given)
def test_the_portal_reads_at_a_bank_only_what_somebody_may_see(
    feed: str, shares: BankShares, given_: list[Allowance]
) -> None:
    ask = Ask(PORTAL, None, Scope.FEED, feed, None, Door.SYNC, NOW)

    decision = decide(ask, shares, given_)

    needed = {
        each.account_id
        for each in given_
        if each.live(NOW)
        and each.linked
        and (each.registered is None or each.feed in each.registered)
        and not each.suspended
        and (each.code == feed or FEED_OF_ALERT.get(each.code) == feed)
    }
    on = shares.admitted and feed in shares.feeds
    got = set(decision.account_ids) if isinstance(decision, Allowed) else set()
    assert got == (needed if on else set())


def _allowance(**changed: object) -> Allowance:
    values: dict[str, object] = {
        "account_id": ACCOUNTS[0],
        "scope": "feed",
        "code": "transactions",
        "consent_id": UUID(int=10),
        "recipient": "chat",
        "client_id": None,
        "registered": None,
        "suspended": False,
        "purpose": "see_in_chat",
        "granted_at": NOW - timedelta(days=1),
        "expires_at": NOW + timedelta(days=1),
        "ended_at": None,
        "history_from": date(2026, 1, 1),
        "linked": True,
    }
    return Allowance(**(values | changed))  # type: ignore[arg-type]  # a test's short form


ASK = Ask(CHAT, None, Scope.FEED, "transactions", (ACCOUNTS[0],), Door.REST, NOW)
SHARES = BankShares(admitted=True, feeds={"transactions": frozenset()})


def test_each_reason_is_said() -> None:
    def reason(*given_: Allowance, ask: Ask = ASK, shares: BankShares = SHARES) -> Reason | None:
        decision = decide(ask, shares, given_)
        return decision.reason if isinstance(decision, Refused) else None

    suspended = BankShares(admitted=False, feeds=SHARES.feeds)
    assert reason(_allowance()) is None
    assert reason(_allowance(), shares=suspended) is Reason.BANK_SUSPENDED
    assert reason(_allowance(), shares=BankShares(admitted=True)) is Reason.BANK_NOT_SHARING
    assert reason() is Reason.NO_CONSENT
    assert reason(_allowance(suspended=True)) is Reason.CLIENT_SUSPENDED
    assert reason(_allowance(code="balances")) is Reason.NO_CONSENT
    assert reason(_allowance(expires_at=NOW)) is Reason.CONSENT_EXPIRED
    assert reason(_allowance(ended_at=NOW)) is Reason.CONSENT_REVOKED
    assert reason(_allowance(registered=frozenset())) is Reason.NOT_REGISTERED
    assert reason(_allowance(linked=False)) is Reason.ACCOUNT_NOT_SHARED
    assert reason(_allowance(account_id=ACCOUNTS[1])) is Reason.ACCOUNT_NOT_SHARED


def test_the_newest_consent_of_an_account_says_how_far_back() -> None:
    older = _allowance(history_from=date(2025, 6, 1), granted_at=NOW - timedelta(days=2))
    newer = _allowance(consent_id=UUID(int=11))

    decision = decide(ASK, SHARES, [newer, older])

    assert isinstance(decision, Allowed)
    assert decision.history_from == {ACCOUNTS[0]: date(2026, 1, 1)}
    assert decision.consents == {ACCOUNTS[0]: UUID(int=11)}


def test_reading_at_the_bank_goes_as_deep_as_the_deepest_consent() -> None:
    deep = _allowance(history_from=date(2025, 6, 1), granted_at=NOW - timedelta(days=2))
    ask = Ask(PORTAL, None, Scope.FEED, "transactions", None, Door.SYNC, NOW)

    decision = decide(ask, SHARES, [_allowance(consent_id=UUID(int=11)), deep])

    assert isinstance(decision, Allowed)
    assert decision.history_from == {ACCOUNTS[0]: date(2025, 6, 1)}
