"""How the API's page tells an OpenAPI object."""

import json
from typing import Any

from portal.rest.reference import reference_of

DESCRIBED: dict[str, Any] = {
    "paths": {
        "/api/v1/lamps/{lamp_id}": {
            "post": {
                "operationId": "light_lamp",
                "description": "Lights a lamp.\n\nOnce for each `key`.",
                "tags": ["lamps"],
                "parameters": [
                    {"name": "Portal-Consent", "in": "header", "schema": {"type": "string"}},
                    {
                        "name": "lamp_id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string"},
                    },
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "minimum": 1, "maximum": 500},
                    },
                ],
                "responses": {
                    "201": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}
                        }
                    },
                    "404": {},
                    "401": {},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Lamp": {
                "type": "object",
                "description": "A lamp.",
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "price": {"oneOf": [{"$ref": "#/components/schemas/Money"}, {"type": "null"}]},
                    "bulbs": {"type": "array", "items": {"$ref": "#/components/schemas/Bulb"}},
                    "lit_at": {"type": ["string", "null"], "format": "date-time"},
                },
            },
            "Money": {
                "type": "object",
                "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}},
            },
            "Bulb": {
                "type": "object",
                "properties": {"colour": {"enum": ["warm", "cold"], "type": "string"}},
            },
        }
    },
}


def test_an_operation_is_told_with_what_it_is_asked_and_answers() -> None:
    (part,) = reference_of(DESCRIBED)
    (told,) = part.operations

    assert (part.name, told.id, told.method, told.status) == ("lamps", "light_lamp", "POST", 201)
    assert (told.words, told.more) == ("Lights a lamp.", "Once for each `key`.")
    assert [(each.name, each.is_needed) for each in told.parameters] == [
        ("Portal-Consent", False),
        ("lamp_id", True),
        ("limit", False),
    ]
    assert told.parameters[2].words == "at least 1, at most 500"
    assert told.refusals == (401, 404)


def test_fields_within_fields_stand_deeper() -> None:
    told = reference_of(DESCRIBED)[0].operations[0]

    assert [(each.depth, each.name, each.kind, each.can_be_null) for each in told.fields] == [
        (0, "id", "uuid", False),
        (0, "price", "object", True),
        (1, "amount", "text", False),
        (1, "currency", "text", False),
        (0, "bulbs", "list of objects", False),
        (1, "colour", "text", False),
        (0, "lit_at", "time", True),
    ]
    assert told.fields[5].choices == ("warm", "cold")


def test_the_example_has_every_field_and_the_command_every_header() -> None:
    told = reference_of(DESCRIBED)[0].operations[0]

    example = json.loads(told.example)
    assert example["price"] == {"amount": "-12.30", "currency": "EUR"}
    assert example["bulbs"] == [{"colour": "warm"}]
    assert told.curl.split() == [
        *["curl", "-s", "-X", "POST", "\\"],
        *["-H", '"Authorization:', "Bearer", '$TOKEN"', "\\"],
        *["-H", '"Portal-Consent:', '$CONSENT"', "\\"],
        "$API/api/v1/lamps/$LAMP",
    ]
