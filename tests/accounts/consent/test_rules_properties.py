from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from accounts.consent.rules import LONGEST, Needs, Resource, kept_of, why_not

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NEEDS = Needs(feeds=["balances"], alert_types=["salary"])
_resources = st.frozensets(
    st.builds(
        Resource,
        st.integers(1, 3).map(lambda number: UUID(int=number)),
        st.sampled_from(["feed", "alert"]),
        st.sampled_from(["balances", "salary"]),
    ),
    max_size=6,
)


@given(_resources, _resources)
def test_a_newer_consent_decides_alone_of_the_accounts_it_names(
    old: frozenset[Resource], new: frozenset[Resource]
) -> None:
    kept = kept_of(old, new)

    named = {each.account_id for each in new}
    assert kept <= old
    assert {each.account_id for each in kept}.isdisjoint(named)
    assert {each.account_id for each in old - kept} <= named


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_a_consent_lasts_longer_than_nothing_and_no_longer_than_a_year(lasts: timedelta) -> None:
    resource = Resource(UUID(int=1), "feed", "balances")

    problem = why_not(granted_at=NOW, expires_at=NOW + lasts, resources=[resource], needs=NEEDS)

    assert (problem == "") == (timedelta(0) < lasts <= LONGEST)


@given(_resources)
def test_nothing_is_asked_for_that_the_purpose_does_not_need(chosen: frozenset[Resource]) -> None:
    problem = why_not(granted_at=NOW, expires_at=NOW + LONGEST, resources=chosen, needs=NEEDS)

    needed = {("feed", "balances"), ("alert", "salary")}
    assert (problem == "") == (bool(chosen) and {(it.scope, it.code) for it in chosen} <= needed)
