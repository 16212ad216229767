"""Whatever a bank answers, an operation ends in records or in a ConnectorFailure."""

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.connectors.base import (
    ConnectorFailure,
    NotificationRefused,
    Request,
    Response,
    drive,
)
from partners.connectors.catalogue import CONNECTORS
from tests.contracts.connectors.dialects import (
    ADDRESS,
    DIALECTS,
    NOW,
    Row,
    claims,
    jwks,
    notification,
    receipt_row,
    shipment_row,
)
from tests.contracts.connectors.operations import INSTRUCTION, OPERATIONS

few = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
each = pytest.mark.parametrize("name", sorted(CONNECTORS))
operations = pytest.mark.parametrize("operation", sorted(OPERATIONS))

# What real banks have been seen to send in place of what they should, and what nobody should.
ODD_TEXT = ["", " ", "..", "\x00", "\ud800", "\u202e", "é" * 600, "x" * 3000, "NaN", "-1", "1e9"]
ODD_TEXT += ["x" * 200_000, "9" * 5000, "\ufeff", "\u0000", "%00", "../..", "'; --", "१२"]
ODD_DATES = ["0000-00-00", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-W01-1"]
ODD_NUMBERS = [0, -1, 1.5, 10**400, 1e308, True, False, float("nan"), float("-inf"), 10**4000]
odd = st.one_of(
    st.none(),
    st.sampled_from(ODD_TEXT + ODD_DATES),
    st.sampled_from(ODD_NUMBERS),
    st.builds(list),
    st.builds(dict),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)


def usual_answers(name: str) -> list[Response]:
    """One good answer of every kind that the bank gives."""
    dialect = DIALECTS[name]
    return [
        dialect.token(),
        dialect.consent(),
        dialect.accounts(["current", "savings"]),
        dialect.balances(amount="10.00", credit=True),
        dialect.page([Row(extra=dialect.abroad()), Row("t-2")], following=dialect.following()),
        dialect.frozen(INSTRUCTION),
        dialect.decided(INSTRUCTION),
        dialect.receipts([receipt_row(), receipt_row(ReceiptId="rcp-2", Tax=None)]),
        dialect.shipments([shipment_row()]),
        Response(200, {}, json.dumps(jwks()).encode()),
    ]


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path to every value inside a JSON document, itself included."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path] + [place for key, item in inner for place in places(item, (*path, key))]


def mutated(document: Any, path: tuple[str | int, ...], instead: Any) -> Any:
    if not path:
        return instead
    whole = deepcopy(document)
    holder = whole
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = instead
    return whole


def without(document: Any, path: tuple[str | int, ...]) -> Any:
    whole = deepcopy(document)
    holder = whole
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return whole


@st.composite
def bodies(draw: st.DrawFn, name: str) -> bytes:
    """A bank's usual answers with one to three values replaced by something odd, or left out."""
    document = json.loads(draw(st.sampled_from(usual_answers(name))).body)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(document)))
        if path and draw(st.booleans()):
            document = without(document, path)
        else:
            document = mutated(document, path, draw(odd))
    return draw(st.sampled_from(DAMAGES))(draw, json.dumps(document))


def cut_short(draw: st.DrawFn, text: str) -> bytes:
    return text.encode()[: draw(st.integers(0, len(text)))]


def said_twice(draw: st.DrawFn, text: str) -> bytes:
    """Some member again, before it is said as it was."""
    at = draw(st.sampled_from([place for place, mark in enumerate(text) if mark == "{"] or [0]))
    following = text[at + 1 :].partition(":")[0].strip()
    again = f"{following}: {draw(st.sampled_from(['null', '7', '{}', '[]']))}, "
    return (text[: at + 1] + again + text[at + 1 :]).encode()


def in_another_charset(draw: st.DrawFn, text: str) -> bytes:
    unescaped = json.dumps(json.loads(text), ensure_ascii=False)
    charset = draw(st.sampled_from(["utf-16", "utf-32-le", "latin-1", "cp037", "utf-7"]))
    return unescaped.encode(charset, errors="replace")


def with_rubbish_around(draw: st.DrawFn, text: str) -> bytes:
    rubbish = st.sampled_from(
        [b"", b"\xef\xbb\xbf", b")]}',\n", b"\x00", b"\n\n", b"<html>", b"{}"]
    )
    return draw(rubbish) + text.encode() + draw(rubbish)


# Undamaged by far the most often, so that what is odd inside is looked at.
DAMAGES: list[Callable[[st.DrawFn, str], bytes]] = [
    *([lambda _draw, text: text.encode()] * 5),
    cut_short,
    said_twice,
    in_another_charset,
    with_rubbish_around,
]


def ends_well(steps: Any, answer: Callable[[Request], Response]) -> None:
    """Records that a database can hold, or a failure; any other exception is a fault of ours."""
    with suppress(ConnectorFailure):
        assert_storable(drive(steps, answer))


def assert_storable(value: Any) -> None:
    if is_dataclass(value):
        value = [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, str):
        assert "\x00" not in value
        assert value.encode("utf-8").decode("utf-8") == value
    elif isinstance(value, int):
        assert -(2**63) < value < 2**63
    elif isinstance(value, list | tuple):
        for inner in value:
            assert_storable(inner)


@few
@each
@operations
@given(data=st.data())
def test_mutated_answers_give_records_or_a_failure(
    name: str, operation: str, data: st.DataObject
) -> None:
    usual = usual_answers(name)
    status = st.sampled_from([200, 200, 200, 201, 204, 400, 401, 403, 404])
    strange = st.builds(Response, status, st.just({}), bodies(name))
    bank = CONNECTORS[name](ADDRESS)

    def any_answer(_request: Request) -> Response:
        return data.draw(st.sampled_from(usual) | strange)

    ends_well(OPERATIONS[operation](bank), any_answer)


@few
@each
@operations
@given(
    status=st.integers(0, 700),
    headers=st.dictionaries(
        st.sampled_from(["Retry-After", "Date", "Content-Type"]), st.text(max_size=40)
    ),
    body=st.binary(max_size=200),
)
def test_noise_gives_a_failure(
    name: str, operation: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    bank = CONNECTORS[name](ADDRESS)

    ends_well(OPERATIONS[operation](bank), lambda _request: Response(status, headers, body))


BOMBS = {
    "deep": b'{"Data":' * 200_000,
    "deep lists": b'{"Data":' + b"[" * 500 + b"]" * 500 + b"}",
    "long number": b'{"Data":' + b"9" * 100_000 + b"}",
    "huge exponent": b'{"Data":1e' + b"9" * 400 + b"}",
    "NaN": b'{"Data":NaN}',
    "Infinity": b'{"Data":-Infinity}',
    "said twice": b'{"Data":{},"Data":{}}',
    "half a character": b'{"Data":"\xed\xa0\x80"}',
    "UTF-16": '{"Data":{}}'.encode("utf-16"),
    "too large": b'{"Data":"' + b"x" * (10 * 1024 * 1024) + b'"}',
}


@each
@operations
@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_bombs_give_a_failure(name: str, operation: str, bomb: str) -> None:
    bank = CONNECTORS[name](ADDRESS)

    with pytest.raises(ConnectorFailure):
        drive(OPERATIONS[operation](bank), lambda _request: Response(200, {}, BOMBS[bomb]))


@each
@operations
def test_a_byte_order_mark_changes_nothing(name: str, operation: str) -> None:
    bank, ends = CONNECTORS[name](ADDRESS), []
    for mark in (b"", b"\xef\xbb\xbf"):
        for usual in usual_answers(name):
            marked = replace(usual, body=mark + usual.body)
            try:
                ends.append(
                    drive(OPERATIONS[operation](bank), lambda _request, marked=marked: marked)
                )
            except ConnectorFailure as failure:
                ends.append(repr(failure))

    half = len(ends) // 2
    assert ends[:half] == ends[half:]


@each
def test_a_page_of_too_many_rows_is_refused(name: str) -> None:
    page = DIALECTS[name].page([1] * 10_001)

    with pytest.raises(ConnectorFailure):
        drive(OPERATIONS["transactions"](CONNECTORS[name](ADDRESS)), lambda _request: page)


@few
@each
@given(data=st.data())
def test_mutated_claims_give_a_notification_or_a_refusal(name: str, data: st.DataObject) -> None:
    said = claims()
    place = data.draw(st.sampled_from(places(said)[1:]))
    body = notification(mutated(said, place, data.draw(odd)))

    with suppress(NotificationRefused):
        CONNECTORS[name](ADDRESS).read_notification(body=body, jwks=jwks(), at=NOW)


@few
@each
@given(body=st.binary(max_size=300), keys=odd)
def test_noise_is_no_notification(name: str, body: bytes, keys: Any) -> None:
    bank = CONNECTORS[name](ADDRESS)

    for said, held in ((body, jwks()), (notification(), {"keys": keys})):
        with pytest.raises(NotificationRefused):
            bank.read_notification(body=said, jwks=held, at=NOW)
