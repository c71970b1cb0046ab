"""The tables and examples in docs/events/README.md: written by this module, so that they cannot drift from the code."""

import re
from collections.abc import Iterator
from enum import EnumMeta
from pathlib import Path

import msgspec

from shared.events import district, receipts
from shared.events.catalogue import CATALOGUE, EventType
from shared.events.golden import Schema
from shared.events.receipts import SENTENCES, Sentence
from shared.events.words import CURES, FIELDS, WARNINGS

_BLOCK = re.compile(r"(<!-- begin (?P<name>[a-z-]+), generated -->\n).*?(<!-- end (?P=name) -->)", re.DOTALL)


def refreshed(page: str, golden: Path) -> str:
    """The page with every generated block written anew. Raises KeyError for a block that nobody generates."""
    blocks = {
        "events": lambda: "\n".join(_event(entry, golden) for entry in _from_districts()),
        "receipt": lambda: _fields(CATALOGUE["berdaya.receipt.v1"]) + _example("berdaya.receipt.v1", golden),
        "reasons": _reasons,
        "warnings": _warnings,
    }
    return _BLOCK.sub(lambda found: f"{found[1]}{blocks[found['name']]()}{found[3]}", page)


def _from_districts() -> list[EventType]:
    return [entry for entry in CATALOGUE.values() if entry.family == "intake"]


def _event(entry: EventType, golden: Path) -> str:
    topics = ", ".join(f"`intake.{service}.<district>`" for service in entry.services)
    doors = ", ".join(f"`POST /{service}/v1/events`" for service in entry.services)
    where = f"Topik / topic: {topics} · HTTP: {doors}"
    return f"### `{entry.name}`\n\n{where}\n\n{_fields(entry)}{_example(entry.name, golden)}"


def _fields(entry: EventType) -> str:
    schema = msgspec.json.schema(entry.data)
    rows = [
        f"| `{path}` | {form} | {FIELDS[path].id} | {FIELDS[path].en} |"
        for path, form in fields(schema["$defs"][entry.data.__name__], schema)
    ]
    return "\n".join(("| | bentuk / form | arti | meaning |", "|---|---|---|---|", *rows, ""))


def fields(schema: Schema, root: Schema, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every field with its form, those of nested objects under their paths."""
    for name, field in schema["properties"].items():
        path, inner = prefix + name, _resolved(field, root)
        if inner.get("type") == "array" and "properties" in _resolved(inner["items"], root):
            yield path, f"list ≤ {inner['maxItems']}"
            yield from fields(_resolved(inner["items"], root), root, f"{path}[].")
        elif "properties" in inner:
            yield from fields(inner, root, f"{path}.")
        else:
            optional = "" if name in schema["required"] else " (boleh tidak ada / optional)"
            yield path, _form(inner, root) + optional


def _resolved(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    return in_declared_order(name, root["$defs"][name])


def in_declared_order(name: str, schema: Schema) -> Schema:
    """msgspec sorts the values of an enum; people know them in another order."""
    declared = vars(district).get(name) or vars(receipts).get(name)
    if not isinstance(declared, EnumMeta):
        return schema
    values: list[str] = list(map(str, declared.__members__.values()))
    return {**schema, "enum": values}


def _form(schema: Schema, root: Schema) -> str:
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        return " / ".join(_form(one, root) for one in schema["anyOf"])
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        most = f" ≤ {schema['maxItems']}" if "maxItems" in schema else ""
        return f"list{most}: {_form(schema['items'], root)}"
    if schema["type"] == "integer":
        return f"integer {schema['minimum']}..{schema['maximum']}"
    return _form_of_text(schema)


def _form_of_text(schema: Schema) -> str:
    if "pattern" in schema:
        pattern = schema["pattern"].removeprefix("^").removesuffix(r"(?![\s\S])").replace("|", r"\|")
        return f"`{pattern}`"
    if schema.get("format") == "date":
        return "`YYYY-MM-DD`"
    if "maxLength" in schema:
        return f"text {schema.get('minLength', 0)}..{schema['maxLength']}"
    return {"string": "text", "boolean": "`true` `false`", "null": "`null`"}[schema["type"]]


def _example(type_name: str, golden: Path) -> str:
    text = (golden / type_name / "full.json").read_text("utf-8")
    return f"\n```json\n{text}```\n"


def _reasons() -> str:
    rows = [
        f"| `{cure.verdict}` | `{reason}` | {_both(SENTENCES[reason])} | {_both(cure.what_to_do)} |"
        for reason, cure in CURES.items()
    ]
    head = ("| verdict | reason | arti / meaning | yang perlu dilakukan / what to do |", "|---|---|---|---|")
    return "\n".join((*head, *rows, ""))


def _warnings() -> str:
    rows = [f"| `{code}` | {sentence.id} | {sentence.en} |" for code, sentence in WARNINGS.items()]
    return "\n".join(("| warning | arti | meaning |", "|---|---|---|", *rows, ""))


def _both(sentence: Sentence) -> str:
    return f"{sentence.id}<br>*{sentence.en}*"
