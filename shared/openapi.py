"""What the OpenAPI document of every service says in one way: how a call is refused, and an example of each body.

Examples are put together from those of the fields, so they cannot disagree with the schema beside them.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from fastapi import FastAPI

from shared.sheets import MEDIA_TYPES
from shared.web import IDEMPOTENCY_KEY, problem

_METHODS = frozenset({"get", "put", "post", "delete", "patch"})
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. What a refusal adds beside these says where: never a value that was sent.",
    "required": ["type", "title", "status", "code", "message"],
    "properties": {
        "type": {"type": "string", "description": "`urn:berdaya:problem:` and the code."},
        "title": {"type": "string", "description": "The sentence in Bahasa Indonesia."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable: what a program may look at."},
        "message": {
            "type": "object",
            "required": ["id", "en"],
            "properties": {"id": {"type": "string"}, "en": {"type": "string"}},
        },
    },
}
_OF_FORMAT = {
    "uuid": "0b0f3c1e-6a53-5d0e-9a5d-3c1f0a7d2b64",
    "date": "2026-11-20",
    "date-time": "2026-11-20T08:30:00Z",
}
"""Where a field gives no example itself."""


class NoExample(Exception):
    """A field whose schema does not say what a value of it looks like."""


class Application(FastAPI):
    """FastAPI, whose document is completed by what all calls have in common."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            _complete(super().openapi())
        assert self.openapi_schema is not None, "FastAPI keeps what it made"
        return self.openapi_schema


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: refusals that only this call has, as they are answered."""
    documented: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        answer = problem(code)
        _add(documented.setdefault(answer.status_code, {}), code, json.loads(bytes(answer.body)))
    return documented


def file_of(*media_types: str, description: str, like: str) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: a file, or another text that is no JSON, that begins like this."""
    return {
        200: {
            "description": description,
            "content": {kind: {"schema": {"type": "string", "example": like}} for kind in media_types},
        }
    }


def or_a_file() -> dict[int | str, dict[str, Any]]:
    """For `responses=`: JSON, or where `format` asks for it the whole as a file."""
    files = {kind: {"schema": {"type": "string", "example": "Kode;Kabupaten/kota"}} for kind in MEDIA_TYPES.values()}
    return {200: {"description": "The page, or the file.", "content": files}}


def _complete(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for _path, _method, operation in operations(document):
        _add_refusals(operation)
        for body in _bodies(operation):
            if "schema" in body and not ("example" in body or "examples" in body):
                with suppress(NoExample):
                    body["example"] = example(body["schema"], schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of a document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in _METHODS:
                yield path, method, operation


def _add_refusals(operation: dict[str, Any]) -> None:
    """Those that follow from the shape of a call."""
    answers = operation["responses"]
    if "application/json" in answers.get("422", {}).get("content", {}):
        del answers["422"]  # FastAPI's own idea of a validation error
    parameters = operation.get("parameters", [])
    codes: list[str] = []
    if "security" in operation:
        codes += ["unauthenticated", "forbidden"]
    if parameters or "requestBody" in operation:
        codes.append("invalid_request")
    if "requestBody" in operation:
        codes += ["malformed", "too_large"]
    if any(parameter["in"] == "path" for parameter in parameters):
        codes.append("not_found")
    if any(parameter["name"] == IDEMPOTENCY_KEY for parameter in parameters):
        codes += ["idempotency_key_missing", "idempotency_key_reused"]
    if operation.get("tags", [""])[0] != "health":
        codes.append("unavailable")
    for status, documented in problems(*codes).items():
        for code, shown in documented["content"]["application/problem+json"]["examples"].items():
            _add(answers.setdefault(str(status), {}), code, shown["value"])
    for status, header, text in (
        ("401", "WWW-Authenticate", "Bearer."),
        ("429", "Retry-After", "Seconds."),
        ("503", "Retry-After", "Seconds."),
    ):
        if status in answers:
            answers[status]["headers"] = {header: {"description": text, "schema": {"type": "string"}}}


def _add(answer: dict[str, Any], code: str, value: object) -> None:
    """One more refusal with the same status."""
    body = answer.setdefault("content", {}).setdefault(
        "application/problem+json", {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
    )
    if code not in body["examples"]:
        body["examples"][code] = {"value": value}
        answer["description"] = " ".join(filter(None, (answer.get("description"), f"`{code}`")))


def _bodies(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of the request and of the 2xx answers."""
    yield from operation.get("requestBody", {}).get("content", {}).values()
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield from answer.get("content", {}).values()


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value of this schema, from the examples of its parts. Raises NoExample, which says of which part."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        try:
            return example(schemas[name], schemas)
        except NoExample as missing:
            raise NoExample(f"{name}: {missing}") from None
    for key in ("example", "const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            return example(schema[key][0], schemas)
    return _of_type(schema, schemas)


def _of_type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return _object(schema, schemas)
    if kind == "array":
        items = schema.get("prefixItems") or [schema["items"]]
        return [example(each, schemas) for each in items] if schema.get("maxItems") != 0 else []
    if kind == "boolean":
        return False
    if kind == "null":
        return None
    if kind == "string" and schema.get("format") in _OF_FORMAT:
        return _OF_FORMAT[schema["format"]]
    raise NoExample(f"a {kind or 'value'} without an example")


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, part in schema.get("properties", {}).items():
        try:
            found[name] = example(part, schemas)
        except NoExample as missing:
            if name in schema.get("required", ()):
                raise NoExample(f"{name}: {missing}") from None
    return found
