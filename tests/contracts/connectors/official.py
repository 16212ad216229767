"""An OpenAPI file that somebody else wrote, as a judge of requests and a source of answers."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from partners.connectors.base import Request

Schema = Mapping[str, Any]
_TEXT = st.characters(min_codepoint=0x21, max_codepoint=0x17F, exclude_categories=["Cc", "Cf"])
_FORMATS = {
    "date-time": st.datetimes().map(
        lambda moment: f"{moment.replace(year=2000 + moment.year % 100):%Y-%m-%dT%H:%M:%S}+00:00"
    ),
    "uri": st.just("https://api.northmoor-bank.example/somewhere"),
}


@dataclass(frozen=True)
class Specification:
    whole: Schema

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
        address = urlsplit(request.url)
        path = address.path.removeprefix(self.whole["servers"][0]["url"])
        operation = self._operation(path, request.method.lower())
        if operation is None:
            yield f"no {request.method} there"
            return
        parameters = [self.resolved(parameter) for parameter in operation["parameters"]]
        asked = {name for name, _value in parse_qsl(address.query)}
        yield from asked - {known["name"] for known in parameters if known["in"] == "query"}
        needed = {p["name"] for p in parameters if p["in"] == "header" and p.get("required")}
        yield from needed - set(request.headers)
        if "requestBody" in operation:
            content = self.resolved(operation["requestBody"])["content"]
            schema = content[request.headers["Content-Type"]]["schema"]
            whole = {"components": self.whole["components"]} | dict(schema)
            errors = Draft4Validator(whole).iter_errors(json.loads(request.body))
            yield from (error.message for error in errors)

    def _operation(self, path: str, method: str) -> Schema | None:
        for template, operations in self.whole["paths"].items():
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and unquote(path).count("/") == template.count("/"):
                return operations.get(method)
        return None

    def instances(self, schema: Schema) -> st.SearchStrategy[Any]:
        """Values that a schema allows; as much of JSON Schema as the standard's files use."""
        schema = self._merged(self.resolved(schema))
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
        return makers[schema["type"]](schema)

    def _merged(self, schema: Schema) -> Schema:
        if "allOf" not in schema:
            return schema
        parts = [self.resolved(part) for part in schema["allOf"]]
        return {
            "type": "object",
            "properties": {name: p for part in parts for name, p in part["properties"].items()},
            "required": [name for part in parts for name in part.get("required", [])],
        }

    def _arrays(self, schema: Schema) -> st.SearchStrategy[list[Any]]:
        inner = self.instances(schema["items"])
        return st.lists(inner, min_size=schema.get("minItems", 0), max_size=2)

    def _objects(self, schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
        members = {
            name: self.instances(inner) for name, inner in schema.get("properties", {}).items()
        }
        required = {name for name in schema.get("required", []) if name in members}
        return st.fixed_dictionaries(
            {name: members[name] for name in required},
            optional={name: inner for name, inner in members.items() if name not in required},
        )


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"], re.ASCII)).filter(
            lambda text: "\n" not in text
        )
    longest = min(schema.get("maxLength", 40), 60)
    return st.text(_TEXT, min_size=schema.get("minLength", 0), max_size=longest)
