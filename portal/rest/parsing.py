"""Bodies as the API takes them: small, UTF-8, JSON, and one value a name."""

import codecs
import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import JSONParser

from portal.rest.problems import Malformed, TooLarge

DEEPEST = 20


class StrictJSONParser(JSONParser):
    """JSON without NaN, half characters or a name given twice, not too large and not too deep."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002  # the framework's shape
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002  # the framework's shape
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(f"At most {limit} bytes")
        try:
            text = codecs.decode(raw, "utf-8")
            value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
            _require_text(value, text)
        except (ValueError, RecursionError) as reason:
            raise Malformed from reason
        if depth_of(value) > DEEPEST:
            raise Malformed("Nested too deeply")
        return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _require_text(value: Any, text: str) -> None:
    r"""Raises ValueError for half a character, which JSON can spell ("\ud800") and UTF-8 cannot."""
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def depth_of(value: Any) -> int:
    """How deep lists and objects are nested: 0 for a plain value."""
    deepest, level = 0, [value]
    while level:
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        nested = any(isinstance(each, (dict, list)) for each in level)
        deepest += 1 if nested else 0
        level = inner if nested else []
    return deepest
