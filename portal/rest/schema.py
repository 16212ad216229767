"""What the OpenAPI file says of every door: which refusals all of them share, and how they look."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

# Of portal/rest/idempotency.py, as it is checked there.
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{8,128}$"},
    OpenApiParameter.HEADER,
    required=True,
)
_PROBLEM = "application/problem+json"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class FieldProblem(serializers.Serializer):  # type: ignore[type-arg]  # generic at check time only
    pointer = serializers.CharField()
    detail = serializers.CharField()


class ProblemBody(serializers.Serializer):  # type: ignore[type-arg]  # generic at check time only
    """RFC 9457, section 3.1."""

    type = serializers.URLField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(required=False)
    errors = FieldProblem(many=True, required=False)  # type: ignore[assignment]  # a field of that name


class MoneyBody(serializers.Serializer):  # type: ignore[type-arg]  # generic at check time only
    amount = serializers.RegexField(r"^-?\d+(\.\d+)?$")
    currency = serializers.RegexField(r"^[A-Z]{3}$")


class DoorSchema(AutoSchema):
    """Adds to what a door says of itself the refusals that come before it is asked, as problems all."""

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        said: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._refused_before():
            code = str(status.value)
            said.setdefault(code, self._get_response_for_code(ProblemBody, code))
        return dict(sorted(said.items()))

    def _refused_before(self) -> set[HTTPStatus]:
        refused = {
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_ACCEPTABLE,
            HTTPStatus.SERVICE_UNAVAILABLE,
        }
        if self.get_auth():
            refused.add(HTTPStatus.UNAUTHORIZED)
        if "{" in self.path:
            refused.add(HTTPStatus.NOT_FOUND)
        if self.method in _WITH_BODY and self.get_request_serializer() is not None:
            refused |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
        return refused

    def _get_response_for_code(
        self,
        serializer: Any,
        status_code: str,
        media_types: Any = None,
        direction: Any = "response",
    ) -> Any:
        if status_code >= "400":
            media_types = [_PROBLEM]
        return super()._get_response_for_code(  # type: ignore[no-untyped-call]  # the library's own
            serializer, status_code, media_types, direction
        )
