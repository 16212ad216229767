"""What the OpenAPI file of the `api.` host says of the log's addresses, which are open to all.

They are plain views: this is written out, and `tests/contracts/test_openapi.py` holds it to what they answer.
"""

from typing import Any

_URLCONF = "portal.urls.api"
_TAG = "disclosures"
Said = dict[str, Any]

_BANK = {
    "name": "bank_id",
    "in": "path",
    "required": True,
    "description": "The log's bank, as its checkpoints name it.",
    "schema": {"type": "string", "format": "uuid"},
}
_INSTANT = {"type": "string", "format": "date-time"}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SIZE = {"type": "integer", "minimum": 0}
_NOTE = {"type": "string", "description": "A signed note (C2SP)."}


def _number(name: str, words: str, *, required: bool, minimum: int) -> Said:
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": words,
        "schema": {"type": "integer", "minimum": minimum, "maximum": 2**63 - 1},
    }


def _object(**fields: Said) -> Said:
    return {"type": "object", "properties": fields, "required": list(fields)}


def _list(of: Said) -> Said:
    return {"type": "array", "items": of}


def _path(name: str, words: str, answer: Said, *parameters: Said, kind: str = "") -> Said:
    content = {kind or "application/json": {"schema": answer}}
    problem = {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
    refused = {"content": {"application/problem+json": problem}, "description": ""}
    return {
        "get": {
            "operationId": f"disclosures_{name}",
            "description": words,
            "tags": [_TAG],
            "security": [],
            "parameters": [_BANK, *parameters],
            "responses": {
                "200": {"content": content, "description": ""},
                **dict.fromkeys(("400", "404", "429"), refused),
            },
        }
    }


_LOG = "/disclosures/{bank_id}"
_PATHS: dict[str, Said] = {
    f"{_LOG}/checkpoint": _path(
        "checkpoint",
        "The newest checkpoint of a bank's log, or the first that covers so many leaves.",
        _NOTE,
        _number("size", "So many leaves.", required=False, minimum=0),
        kind="text/plain",
    ),
    f"{_LOG}/checkpoints": _path(
        "checkpoints",
        "A hundred checkpoints, newest first.",
        _object(
            checkpoints=_list(
                _object(
                    size=_SIZE,
                    root={"type": "string", "description": "Base64."},
                    time=_INSTANT,
                    note=_NOTE,
                )
            ),
            before={"type": ["integer", "null"], "description": "Where the next page begins."},
        ),
        _number("before", "The size behind which the page begins.", required=False, minimum=0),
    ),
    f"{_LOG}/keys": _path(
        "keys",
        "The public keys that ever signed the log, each with the time in which it was good.",
        _object(
            origin={"type": "string", "description": "What the log is called."},
            keys=_list(
                _object(
                    public_key={"type": "string", "description": "Ed25519, base64."},
                    verifier_key={"type": "string", "description": "As C2SP's tools take it."},
                    valid_from=_INSTANT,
                    valid_until={"type": ["string", "null"], "format": "date-time"},
                )
            ),
        ),
    ),
    f"{_LOG}/consistency": _path(
        "consistency",
        "The proof that the tree of `second` leaves grew out of that of `first` (RFC 9162).",
        _object(first=_SIZE, second=_SIZE, hashes=_list(_HASH)),
        _number("first", "At most `second`.", required=True, minimum=1),
        _number("second", "At most as many as are sealed.", required=True, minimum=1),
    ),
}


def add_published(result: Said, generator: Any, **_given: Any) -> Said:
    """For drf-spectacular: put them behind the doors of the host that has them."""
    if str(generator.urlconf) == _URLCONF:
        result["paths"] |= _PATHS
    return result
