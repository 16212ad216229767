import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from portal.rest.cursors import open_cursor, seal_cursor
from portal.rest.parsing import depth_of
from portal.rest.permissions import Anybody
from portal.rest.problems import BadCursor, TooMany, as_problem
from portal.rest.serializers import StrictSerializer
from portal.rest.views import Door


class Inner(StrictSerializer):
    count = serializers.IntegerField()


class Kettle(StrictSerializer):
    name = serializers.CharField(max_length=10)
    inner = Inner(many=True, required=False)


class KettleDoor(Door):
    permission_classes = [Anybody]

    def post(self, request: Request) -> Response:
        kettle = Kettle(data=request.data)
        kettle.is_valid(raise_exception=True)
        if kettle.validated_data["name"] == "broken":
            raise ZeroDivisionError
        return Response(kettle.validated_data, status=201)


def post(body: bytes, content_type: str = "application/json") -> Any:
    request = APIRequestFactory().post("/kettles", body, content_type=content_type)
    response = KettleDoor.as_view()(request)
    response.render()
    return response


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"{", 400, "malformed-body"),
        (b"\xff\xfe", 400, "malformed-body"),
        (b'{"name": NaN}', 400, "malformed-body"),
        (b'{"name": "a", "name": "b"}', 400, "malformed-body"),
        (b"[" * 500 + b"]" * 500, 400, "malformed-body"),
        (b"[" * 100_000, 400, "malformed-body"),
        (b'{"name": "' + b"a" * 300_000 + b'"}', 413, "too-large"),
        (b'{"name": "\\ud800"}', 400, "malformed-body"),
        (b'{"\\ud800": 1}', 400, "malformed-body"),
        (b'{"name": ["\\ud800"]}', 400, "malformed-body"),
        (b"[]", 400, "invalid-request"),
        (b"7", 400, "invalid-request"),
        (b'{"name": 5, "colour": "red"}', 400, "invalid-request"),
        (b'{"name": "a", "inner": [{"count": "x"}]}', 400, "invalid-request"),
        (b'{"name": "broken"}', 500, "internal-error"),
    ],
)
def test_a_bad_body_has_a_documented_answer(body: bytes, status: int, slug: str) -> None:
    response = post(body)

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    answered = json.loads(response.content)
    assert answered["type"].endswith(f"/problems/{slug}")
    assert answered["status"] == status


def test_another_content_type_is_415() -> None:
    assert post(b"a=1", "application/x-www-form-urlencoded").status_code == 415


def test_a_refused_field_is_named_by_its_pointer() -> None:
    answered = json.loads(post(b'{"name": "a", "inner": [{"count": 1}, {"count": "x"}]}').content)

    assert [each["pointer"] for each in answered["errors"]] == ["#/inner/1/count"]


def test_a_pointer_spells_names_as_rfc_6901_does() -> None:
    answered = json.loads(post(b'{"name": "a", "a/b~": "\\ud83d\\ude00"}').content)

    assert [each["pointer"] for each in answered["errors"]] == ["#/a~1b~0"]


def test_options_tells_nothing_of_our_classes() -> None:
    answered = KettleDoor.as_view()(APIRequestFactory().options("/kettles")).render()

    assert answered.status_code == 405
    assert json.loads(answered.content)["type"].endswith("/problems/method-not-allowed")


def test_what_we_did_not_foresee_tells_nothing_of_itself() -> None:
    answered = json.loads(post(b'{"name": "broken"}').content)

    assert set(answered) == {"type", "title", "status"}


def test_the_frameworks_throttle_says_when_to_come_back() -> None:
    problem = as_problem(exceptions.Throttled(wait=7.4))

    assert isinstance(problem, TooMany)
    assert problem.headers["Retry-After"] == "8"


@given(
    st.recursive(
        st.none() | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=8
    )
)
def test_depth_counts_the_deepest_nesting(value: Any) -> None:
    def slow(each: Any) -> int:
        return 1 + max(map(slow, each), default=0) if isinstance(each, list) else 0

    assert depth_of(value) == slow(value)


@given(st.text(max_size=50))
def test_an_altered_cursor_does_not_open(text: str) -> None:
    with pytest.raises(BadCursor):
        open_cursor(text, bound_to="a")


def test_a_cursor_opens_for_whom_it_was_given_alone() -> None:
    sealed = seal_cursor({"a": 1}, bound_to="accounts:1")

    assert open_cursor(sealed, bound_to="accounts:1") == {"a": 1}
    with pytest.raises(BadCursor):
        open_cursor(sealed, bound_to="accounts:2")
