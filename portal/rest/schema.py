"""The problem body, for the OpenAPI file."""

from rest_framework import serializers


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
