"""What a body may hold: the documented fields, and no others."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, rather than passing over a caller's misspelling."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(str(name)[:60] for name in data if name not in known)
            if unknown:
                raise serializers.ValidationError(
                    {name: ["This field is not known here."] for name in unknown}
                )
        return super().to_internal_value(data)


class StrictText(serializers.CharField):
    """A JSON string; a number is not taken for one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictId(serializers.UUIDField):
    """A UUID as JSON text; no number is taken for one, and so neither is false."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=str(data)[:40])
        found: UUID = super().to_internal_value(data)
        return found


class StrictFlag(serializers.BooleanField):
    """true or false; no word and no number is taken for one."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=str(data)[:20])
        return data


class StrictNumber(serializers.IntegerField):
    """A whole JSON number; no text is taken for one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)
