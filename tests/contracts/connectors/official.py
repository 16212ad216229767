"""An OpenAPI file that somebody else wrote, as a judge of requests and a source of answers."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker

from partners.connectors.base import Request, Response

Schema = Mapping[str, Any]
_TEXT = st.characters(
    min_codepoint=0x21, max_codepoint=0x17F, exclude_categories=["Cc", "Cf", "Zs"]
)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_FORMAT_CHECKER = FormatChecker()


@_FORMAT_CHECKER.checks("date-time")
def _is_date_time(value: object) -> bool:
    """The library leaves this format unchecked where another package is missing."""
    return not isinstance(value, str) or _RFC3339.fullmatch(value) is not None


_FORMATS = {
    "date-time": st.datetimes().map(
        lambda moment: f"{moment.replace(year=2000 + moment.year % 100):%Y-%m-%dT%H:%M:%S}+00:00"
    ),
    "date": st.dates(date(2000, 1, 1), date(2099, 12, 31)).map(str),
    "uri": st.just("https://api.northmoor-bank.example/somewhere"),
}


@dataclass(frozen=True)
class Specification:
    whole: Schema
    _made: dict[str, st.SearchStrategy[Any]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path: Path) -> "Specification":
        whole = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        # Status codes without quotes are numbers to YAML; JSON makes strings of them.
        return cls(json.loads(json.dumps(whole, default=str)))

    def resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self.whole
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def complaints(self, request: Request) -> Iterator[str]:
        """What the specification has against a request: path, method, query, headers, body."""
        operation = self._operation(request)
        if operation is None:
            yield f"no {request.method} there"
            return
        parameters = [self.resolved(each) for each in operation.get("parameters", [])]
        address = urlsplit(request.url)
        given = {
            "query": dict(parse_qsl(address.query, keep_blank_values=True)),
            "header": {name.lower(): value for name, value in request.headers.items()},
        }
        known = {p["name"] for p in parameters if p["in"] == "query"}
        yield from (f"{name}: not asked for" for name in set(given["query"]) - known)
        for parameter in parameters:
            if parameter["in"] in given:
                yield from self._parameter_complaints(parameter, given[parameter["in"]])
        yield from self._body_complaints(operation, request)

    def _parameter_complaints(self, parameter: Schema, given: Mapping[str, str]) -> Iterator[str]:
        name = parameter["name"]
        value = given.get(name.lower() if parameter["in"] == "header" else name)
        if value is not None:
            yield from self.against(parameter["schema"], self._typed(parameter["schema"], value))
        elif parameter.get("required"):
            yield f"{name}: missing"

    def _typed(self, schema: Schema, written: str) -> object:
        """A parameter is text on the wire, whatever the schema calls it."""
        if self.resolved(schema).get("type") == "boolean":
            return {"true": True, "false": False}.get(written, written)
        return written

    def _body_complaints(self, operation: Schema, request: Request) -> Iterator[str]:
        if "requestBody" not in operation:
            if request.body:
                yield "a body that is not asked for"
            return
        content = self.resolved(operation["requestBody"])["content"]
        described = content.get(Response(0, request.headers).header("content-type"))
        if described is None:
            yield "a type of body that is not asked for"
            return
        yield from self.against(described["schema"], json.loads(request.body))

    def answer_complaints(self, request: Request, response: Response) -> Iterator[str]:
        """What the specification has against an answer: status, headers, type, body."""
        operation = self._operation(request)
        answers = operation["responses"] if operation else {}
        described = answers.get(str(response.status)) or answers.get("default")
        if not described:
            yield f"no status {response.status} for {request.method} there"
            return
        described = self.resolved(described)
        for name, header in described.get("headers", {}).items():
            if self.resolved(header).get("required") and not response.header(name):
                yield f"{name}: missing"
        contents = {
            _media_type(name): inner for name, inner in described.get("content", {}).items()
        }
        if not contents:
            return
        media_type = _media_type(response.header("content-type"))
        if media_type not in contents:
            yield f"{media_type!r} is not a type of answer there"
            return
        yield from self.against(contents[media_type]["schema"], json.loads(response.body))

    def against(self, schema: Schema, value: object) -> Iterator[str]:
        whole = {"components": self.whole["components"]} | dict(schema)
        dialect = Draft202012Validator if self.whole["openapi"] >= "3.1" else Draft4Validator
        errors = dialect(whole, format_checker=_FORMAT_CHECKER).iter_errors(value)
        yield from (f"{list(error.path)}: {error.validator}" for error in errors)

    def _operation(self, request: Request) -> Schema | None:
        base = urlsplit(self.whole["servers"][0]["url"]).path
        path = urlsplit(request.url).path.removeprefix(base)
        # `/v1/accounts/{id}` before `/v1/{service}/{product}`: what is written out counts first.
        for template in sorted(self.whole["paths"], key=lambda each: each.count("{")):
            pattern = re.sub(r"\\{[\w\\-]+\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and unquote(path).count("/") == template.count("/"):
                operations = self.whole["paths"][template]
                found = operations.get(request.method.lower())
                shared = operations.get("parameters", [])
                return found and found | {"parameters": [*shared, *found.get("parameters", [])]}
        return None

    def named(self, name: str) -> st.SearchStrategy[Any]:
        """Values that the schema of that name allows, by one strategy for good."""
        if name not in self._made:
            self._made[name] = self.instances(self.whole["components"]["schemas"][name])
        return self._made[name]

    def instances(self, schema: Schema) -> st.SearchStrategy[Any]:
        """Values that a schema allows; as much of JSON Schema as the standard's files use."""
        schema = self._merged(self.resolved(schema))
        if schema.get("nullable"):
            return st.none() | self.instances({**schema, "nullable": False})
        words = schema.get("enum") or schema.get("x-namespaced-enum")
        if words:
            return st.sampled_from(words)
        makers: Mapping[str, Callable[[Schema], st.SearchStrategy[Any]]] = {
            "object": self._objects,
            "array": self._arrays,
            "string": _strings,
            "boolean": lambda _schema: st.booleans(),
            "integer": lambda _schema: st.integers(0, 10_000),
            "number": lambda _schema: st.integers(1, 10**7).map(lambda rate: rate / 10_000),
        }
        # Without a type, a schema allows anything.
        return makers[schema["type"]](schema) if "type" in schema else st.none() | st.booleans()

    def _merged(self, schema: Schema) -> Schema:
        if "allOf" not in schema:
            return schema
        parts = [self.resolved(part) for part in schema["allOf"]]
        return {
            "type": "object",
            "properties": {
                name: p for part in parts for name, p in part.get("properties", {}).items()
            },
            "required": [name for part in parts for name in part.get("required", [])],
        }

    def _arrays(self, schema: Schema) -> st.SearchStrategy[list[Any]]:
        inner = self.instances(schema["items"])
        return st.lists(inner, min_size=schema.get("minItems", 0), max_size=2)

    def _objects(self, schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
        members = {
            name: self.instances(inner) for name, inner in schema.get("properties", {}).items()
        }
        required = [name for name in schema.get("required", []) if name in members]
        return st.fixed_dictionaries(
            {name: members[name] for name in required},
            optional={name: inner for name, inner in members.items() if name not in required},
        )


def with_null(schema: Any) -> Any:
    """A description of OpenAPI 3.0 with its `nullable` as JSON Schema has it, for judging with."""
    if isinstance(schema, list):
        return [with_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: with_null(each) for name, each in schema.items()}
    if inner.get("nullable") is True and isinstance(inner.get("type"), str):
        inner["type"] = [inner["type"], "null"]
        inner |= {"enum": [*inner["enum"], None]} if "enum" in inner else {}
    return inner


def _media_type(written: str) -> str:
    return written.partition(";")[0].strip().lower()


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if "pattern" in schema:
        pattern = re.compile(schema["pattern"], re.ASCII)
        return st.from_regex(pattern, fullmatch=True).filter(lambda text: "\n" not in text)
    longest = min(schema.get("maxLength", 40), 60)
    return st.text(_TEXT, min_size=schema.get("minLength", 0), max_size=longest)
