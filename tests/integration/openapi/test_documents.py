"""The three documents, walked through: nothing in them is said by halves."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from shared.embedded import EmbeddedLog
from shared.openapi import operations
from shared.settings import ServiceName, Settings

SERVICES: tuple[ServiceName, ...] = ("registry", "grants", "reporting")
WITHOUT_KEY = {
    "POST /v1/events": "an event's own id makes it once",
    "POST /v1/uploads/{kind}": "the same file is the same upload",
    "POST /v1/beneficiaries/search": "changes nothing",
    "POST /v1/lookups": "changes nothing but the access trail, on which each of them belongs",
    "POST /v1/growth/what-if": "changes nothing",
}
NOT_PAGED = {
    "GET /v1/duplicates/crowds": "the few groups larger than a crowd",
    "GET /v1/series": "at most 120 months",
    "GET /v1/years": "one line a fiscal year",
    "GET /v1/views/{cut}": "one row a value of the cut",
}


class Operation(NamedTuple):
    name: str
    said: dict[str, Any]
    document: dict[str, Any]

    @property
    def parameters(self) -> set[str]:
        return {parameter["name"] for parameter in self.said.get("parameters", [])}


@pytest.fixture(params=SERVICES)
def walked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Operation]]:
    service: ServiceName = request.param
    log = EmbeddedLog(tmp_path / "log.db")
    node = importlib.import_module(f"services.{service}.app").build(Settings(service=service, var=tmp_path), log)
    document = node.app.openapi()
    yield [Operation(f"{method.upper()} {path}", said, document) for path, method, said in operations(document)]


def test_each_operation_is_summed_up_and_its_refusals_are_problems(walked: list[Operation]) -> None:
    for operation in walked:
        assert operation.said.get("summary"), operation.name
        for status, answer in operation.said["responses"].items():
            if status.startswith("4"):
                body = answer["content"]["application/problem+json"]
                assert body["schema"] == {"$ref": "#/components/schemas/Problem"}, operation.name
                assert all(each["value"]["status"] == int(status) for each in body["examples"].values())
        if "security" in operation.said:
            assert {"401", "403"} <= operation.said["responses"].keys(), operation.name


def test_each_body_that_is_sent_has_an_example_that_fits_its_schema(walked: list[Operation]) -> None:
    for operation in walked:
        for kind, body in operation.said.get("requestBody", {}).get("content", {}).items():
            assert "example" in body, f"{operation.name} {kind}"
            schema = {**body["schema"], "components": operation.document["components"]}
            Draft202012Validator(schema).validate(body["example"])


def test_each_answer_with_an_example_gives_one_that_fits_its_schema(walked: list[Operation]) -> None:
    for operation in walked:
        for status, answer in operation.said["responses"].items():
            for body in answer.get("content", {}).values():
                if status.startswith("2") and "example" in body:
                    schema = {**body["schema"], "components": operation.document["components"]}
                    Draft202012Validator(schema).validate(body["example"])


def test_each_list_goes_on_by_a_cursor_and_a_limit(walked: list[Operation]) -> None:
    for operation in walked:
        if operation.name in NOT_PAGED:
            continue
        for status, answer in operation.said["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            shown = operation.document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
            if status == "200" and "items" in shown.get("properties", {}) and operation.name.startswith("GET "):
                assert "next" in shown["properties"], operation.name
                assert "limit" in operation.parameters, operation.name
                assert operation.parameters & {"after", "cursor"}, operation.name


def test_each_write_takes_an_idempotency_key(walked: list[Operation]) -> None:
    for operation in walked:
        if operation.name.startswith("GET ") or operation.name in WITHOUT_KEY:
            continue
        required = {each["name"] for each in operation.said["parameters"] if each["required"]}
        assert "Idempotency-Key" in required, operation.name
        assert "idempotency_key_missing" in str(operation.said["responses"]["400"]), operation.name
