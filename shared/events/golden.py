"""The golden files: what was once said stays readable for ever. Files are added here, never changed.

For the repository's own tools and tests; no service imports it.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Envelope, read_structured

GOLDEN = Path(__file__).parents[2] / "tests" / "golden"
"""One directory per event type: samples, and the schemas it was published with."""

Schema = dict[str, Any]


class Sample(NamedTuple):
    name: str
    envelope: Envelope
    data: bytes


def samples(golden: Path, type_name: str) -> list[Sample]:
    """The structured samples of a type, in the order of their names."""
    files = sorted((golden / type_name).glob("*.json"))
    return [
        Sample(file.stem, *read_structured(file.read_bytes()))
        for file in files
        if file.stem != "binary" and not _is_schema(file)
    ]


def frozen_files(golden: Path, type_name: str) -> list[Path]:
    """`schema.json`, `schema-2.json`, ... of a type, oldest first."""
    return sorted(filter(_is_schema, (golden / type_name).glob("schema*.json")), key=_number)


def read_schema(file: Path) -> Schema:
    schema: Schema = json.loads(file.read_text(encoding="utf-8"))
    return schema


def present_schemas() -> dict[str, Schema]:
    """The JSON Schema of every type as the code has it now."""
    return {name: msgspec.json.schema(entry.data) for name, entry in CATALOGUE.items()}


def next_file(golden: Path, type_name: str) -> Path:
    """Where the next schema of a type is to be frozen."""
    files = frozen_files(golden, type_name)
    return golden / type_name / (f"schema-{_number(files[-1]) + 1}.json" if files else "schema.json")


def _is_schema(file: Path) -> bool:
    return re.fullmatch(r"schema(-[0-9]+)?\.json", file.name) is not None


def _number(file: Path) -> int:
    return int(file.stem.partition("-")[2] or 1)
