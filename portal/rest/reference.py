"""An OpenAPI 3.1 object as a page tells it: what is asked, what is answered, an example. No Django."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Node = Mapping[str, Any]

KINDS = {
    "uuid": "uuid",
    "date": "date",
    "date-time": "time",
    "uri": "address",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}
# What an example holds: by a field's name, else by its kind.
SAMPLES: Mapping[str, Any] = {
    "amount": "-12.30",
    "currency": "EUR",
    "name": "Everyday Account",
    "masked_identification": "**** 0142",
    "merchant": "Lamp House",
    "category": "home",
    "merchant_name": "LAMP HOUSE 0042",
    "merchant_category": "5712",
    "merchant_country": "IT",
    "description": "LAMP HOUSE ROMA",
    "card_last4": "0142",
    "slug": "aurelia",
    "title": "Help me plan my money",
    "code": "transactions",
    "kind": "current",
    "exchange_rate": "1.0842",
    "next_cursor": "eyJhIjoi…",
    "ticket": "tk_…",
    "uuid": "0198c0de-0000-7000-8000-000000000001",
    "date": "2026-03-14",
    "time": "2026-03-14T13:02:07Z",
    "address": "https://portal.example/problems/bad-cursor",
    "text": "…",
    "whole number": 1,
    "number": 1,
    "true or false": False,
}


@dataclass(frozen=True)
class Field:
    """One field of an answer; a field within another stands deeper."""

    name: str
    depth: int
    kind: str
    can_be_null: bool
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Parameter:
    """What a request is given in its address or headers."""

    name: str
    place: str
    kind: str
    is_needed: bool
    words: str


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    id: str
    method: str
    path: str
    words: str
    more: str
    parameters: tuple[Parameter, ...]
    status: int
    answer_words: str
    fields: tuple[Field, ...]
    example: str
    refusals: tuple[int, ...]
    curl: str


@dataclass(frozen=True)
class Part:
    """The operations on one kind of thing."""

    name: str
    operations: tuple[Operation, ...]


def reference_of(described: Node) -> list[Part]:
    """Every operation, in the order of the addresses, under what it is about."""
    parts: dict[str, list[Operation]] = {}
    for path, methods in described["paths"].items():
        for method, said in methods.items():
            found = _operation(described, method.upper(), path, said)
            parts.setdefault((said.get("tags") or [""])[0], []).append(found)
    return [Part(name, tuple(operations)) for name, operations in parts.items()]


def _operation(described: Node, method: str, path: str, said: Node) -> Operation:
    words, _gap, more = said.get("description", "").partition("\n\n")
    parameters = tuple(_parameter(described, each) for each in said.get("parameters", ()))
    good = min(int(status) for status in said["responses"])
    schema = _content(said["responses"][str(good)])
    resolved = _resolved(described, schema)
    return Operation(
        id=said["operationId"],
        method=method,
        path=path,
        words=words,
        more=more,
        parameters=parameters,
        status=good,
        answer_words=resolved.get("description", ""),
        fields=tuple(_fields(described, schema)),
        example=json.dumps(_sample(described, schema, ""), indent=2, ensure_ascii=False),
        refusals=tuple(sorted(int(each) for each in said["responses"] if int(each) >= 400)),  # noqa: PLR2004  # HTTP's own
        curl=_curl(method, path, parameters, is_open=said.get("security") == []),
    )


def _parameter(described: Node, said: Node) -> Parameter:
    schema = _resolved(described, said.get("schema", {}))
    limits = [
        words.format(schema[name])
        for name, words in (
            ("minimum", "at least {}"),
            ("maximum", "at most {}"),
            ("default", "{} if not said"),
        )
        if name in schema
    ]
    told = [said.get("description", ""), ", ".join(limits)]
    return Parameter(
        name=said["name"],
        place=said["in"],
        kind=_kind(described, schema),
        is_needed=bool(said.get("required")),
        words=" ".join(filter(None, told)),
    )


def _curl(method: str, path: str, parameters: Sequence[Parameter], *, is_open: bool) -> str:
    """A command to paste, with what the reader fills in as shell variables."""
    needed = [each.name for each in parameters if each.place == "query" and each.is_needed]
    asked = "&".join(f"{each}=${each.upper()}" for each in needed)
    address = re.sub(r"\{(\w+?)(?:_id)?\}", lambda found: f"${found[1].upper()}", path)
    line = ["curl -s"]
    if method != "GET":
        line[0] += f" -X {method}"
    if not is_open:
        line.append('-H "Authorization: Bearer $TOKEN"')
    if any(each.name == "Portal-Consent" for each in parameters):
        line.append('-H "Portal-Consent: $CONSENT"')
    whole = f'"$API{address}?{asked}"' if asked else f"$API{address}"
    return " \\\n  ".join([*line, whole])


def _content(answer: Node) -> Node:
    for media in answer.get("content", {}).values():
        schema: Node = media["schema"]
        return schema
    return {}


def _resolved(described: Node, schema: Node) -> Node:
    """The schema that a reference, or the only real member of a choice, leads to."""
    while True:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = described["components"]["schemas"][name]
            continue
        members = [each for each in _choice(schema) if each.get("type") != "null"]
        if len(members) != 1:
            return schema
        schema = members[0]


def _choice(schema: Node) -> Sequence[Node]:
    found: Sequence[Node] = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf") or ()
    return found


def _can_be_null(schema: Node) -> bool:
    kinds = schema.get("type", ())
    return (
        "null" in kinds
        if isinstance(kinds, list)
        else any(each.get("type") == "null" for each in _choice(schema))
    )


def _type(schema: Node) -> str:
    kinds = schema.get("type", "object")
    if isinstance(kinds, list):
        kinds = next((each for each in kinds if each != "null"), "object")
    return str(kinds)


def _kind(described: Node, schema: Node) -> str:
    if _type(schema) == "array":
        one = _kind(described, _resolved(described, schema["items"]))
        return f"list of {one}s"
    return KINDS.get(schema.get("format", ""), KINDS.get(_type(schema), _type(schema)))


def _fields(described: Node, schema: Node, depth: int = 0) -> Iterator[Field]:
    """The fields of an object, each followed by its own."""
    for name, given in _resolved(described, schema).get("properties", {}).items():
        found = _resolved(described, given)
        yield Field(
            name=name,
            depth=depth,
            kind=_kind(described, found),
            can_be_null=_can_be_null(given),
            choices=tuple(str(each) for each in found.get("enum", ())),
        )
        within = found["items"] if _type(found) == "array" else found
        yield from _fields(described, within, depth + 1)


def _sample(described: Node, schema: Node, name: str) -> Any:
    found = _resolved(described, schema)
    if "enum" in found:
        return found["enum"][0]
    if _type(found) == "array":
        return [_sample(described, found["items"], name)]
    if "properties" in found:
        return {key: _sample(described, each, key) for key, each in found["properties"].items()}
    return SAMPLES.get(name, SAMPLES.get(_kind(described, found), "…"))
