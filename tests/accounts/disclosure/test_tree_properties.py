"""The tree against the definitions of RFC 9162, written down a second time in `naive.py`."""

from hypothesis import given
from hypothesis import strategies as some

from accounts.disclosure.tree import (
    Frontier,
    consistency_spans,
    inclusion_spans,
    leaf_hash,
    places_of,
    proof_of,
    whole,
)
from tests.accounts.disclosure import naive

entries = some.lists(some.binary(max_size=8), min_size=1, max_size=90)


def every_place(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    """The hash of each whole subtree, from the naive definition."""
    return {
        (level, position): naive.mth(leaves[position << level : (position + 1) << level])
        for level in range(len(leaves).bit_length())
        for position in range(len(leaves) >> level)
    }


@given(entries, some.data())
def test_a_frontier_grows_to_the_root_however_it_is_cut(
    leaves: list[bytes], data: some.DataObject
) -> None:
    cut = data.draw(some.integers(0, len(leaves)))
    hashes = [leaf_hash(each) for each in leaves]

    half = Frontier().grown(hashes[:cut])
    again = Frontier.unpacked(half.size, half.packed())

    assert half.root == naive.mth(leaves[:cut])
    assert again.grown(hashes[cut:]).root == naive.mth(leaves)


@given(entries, some.data())
def test_an_inclusion_proof_is_the_standards(leaves: list[bytes], data: some.DataObject) -> None:
    index = data.draw(some.integers(0, len(leaves) - 1))

    made = proof_of(inclusion_spans(index, len(leaves)), every_place(leaves))

    assert made == naive.path(index, leaves)


@given(entries, some.data())
def test_a_consistency_proof_is_the_standards(leaves: list[bytes], data: some.DataObject) -> None:
    first = data.draw(some.integers(1, len(leaves)))

    made = proof_of(consistency_spans(first, len(leaves)), every_place(leaves))

    assert made == naive.proof(first, leaves)


@given(some.integers(1, 10**12), some.data())
def test_a_proof_of_any_tree_takes_few_places(size: int, data: some.DataObject) -> None:
    first = data.draw(some.integers(1, size))
    for spans in (inclusion_spans(first - 1, size), consistency_spans(first, size)):
        places = [each for span in spans for each in places_of(span)]

        assert len(places) <= 2 * size.bit_length()
        assert all((position + 1) << level <= size for level, position in places)


@given(some.integers(0, 7))
def test_a_tile_stands_for_its_leaves(level: int) -> None:
    leaves = [bytes([each]) for each in range(1 << level)]

    assert whole([leaf_hash(each) for each in leaves]) == naive.mth(leaves)
