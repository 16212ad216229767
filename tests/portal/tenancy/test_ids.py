"""Identifiers sort by when they were made."""

from portal.tenancy.ids import new_id, new_ids


def test_ids_made_at_once_are_apart_and_in_order() -> None:
    before = new_id()
    made = new_ids(10_000)

    assert sorted(set(made)) == made
    assert {(each.version, each.variant) for each in made} == {(7, before.variant)}
    assert made[0].int >> 80 >= before.int >> 80
    assert new_ids(0) == []
