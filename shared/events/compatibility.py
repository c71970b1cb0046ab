"""FULL_TRANSITIVE: readers may be older or newer than writers, so a type may gain optional fields, nothing else.

`python -m shared.events.compatibility freeze` keeps the schema of every type that gained such a field.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.events.golden import GOLDEN, Schema, frozen_files, next_file, present_schemas, read_schema

_WORDS_FOR_PEOPLE = {"title", "description", "examples", "$comment", "$defs", "$ref", "$schema"}
_OF_OBJECTS = {"properties", "required", "additionalProperties"}
_OF_LISTS = {"items", "prefixItems"}
_COMPARED_ELSEWHERE = {"type", "anyOf", "default", "enum"} | _OF_OBJECTS | _OF_LISTS
_NOT_UNDERSTOOD = {
    "oneOf",
    "allOf",
    "if",
    "patternProperties",
    "propertyNames",
    "contains",
    "dependentSchemas",
}
_LOWER = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_UPPER = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
_GONE = "was published and has left the catalogue. Put it back: it stays readable for ever."
_CURE = "Take the change back, or publish it as a new version beside this one."
_ANYTHING: Schema = {}
_NOTHING: Schema = {"not": {}}


class Broken(Exception):
    """A present schema breaks a frozen one. `sentences` say which, where, why and what to do."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def breaks(old: Schema, new: Schema) -> list[str]:
    """What keeps an old reader from new events, or a new reader from old ones: a sentence each, or no sentence."""
    return _Comparison(old, new).breaks


def additions(old: Schema, new: Schema) -> list[str]:
    """The optional fields that only `new` has, by their paths."""
    return _Comparison(old, new).additions


def broken_promises(present: Mapping[str, Schema], golden: Path) -> list[str]:
    """Every break between the present schemas and every one ever frozen, each with what to do."""
    published = sorted(folder.name for folder in golden.iterdir() if folder.is_dir())
    sentences = [f"{name} {_GONE}" for name in published if name not in present]
    for name, schema in present.items():
        for file in frozen_files(golden, name):
            sentences += [f"{name} breaks {file.name}: {found}. {_CURE}" for found in breaks(read_schema(file), schema)]
    return sentences


def unfrozen(present: Mapping[str, Schema], golden: Path) -> list[str]:
    """The types whose present schema says more than the newest frozen one: a later break would go unseen."""
    return [name for name, schema in present.items() if _says_more(schema, frozen_files(golden, name))]


def freeze(present: Mapping[str, Schema], golden: Path) -> list[Path]:
    """Write the next schema file of every type that needs one. Raises Broken, having written nothing."""
    sentences = broken_promises(present, golden)
    if sentences:
        raise Broken(sentences)
    written = []
    for name in unfrozen(present, golden):
        file = next_file(golden, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(present[name], indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(file)
    return written


def main(arguments: Sequence[str], present: Mapping[str, Schema], golden: Path = GOLDEN) -> int:
    """The exit code: 1 when something is broken, and nothing is written then."""
    parser = argparse.ArgumentParser(prog="python -m shared.events.compatibility", description=__doc__)
    parser.add_argument("command", choices=["freeze"])
    parser.parse_args(arguments)
    try:
        written = freeze(present, golden)
    except Broken as error:
        print(error, file=sys.stderr)
        return 1
    for file in written:
        print(f"frozen: {file.parent.name}/{file.name}")
    print(f"{len(written)} new, {len(present)} types in all")
    return 0


def _says_more(schema: Schema, frozen: Sequence[Path]) -> bool:
    return not frozen or bool(additions(read_schema(frozen[-1]), schema))


class _Comparison:
    """One walk down two schemas at once. Where it cannot judge a difference, it calls it a break."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.breaks: list[str] = []
        self.additions: list[str] = []
        self._roots = (old, new)
        self._seen: set[tuple[str, str]] = set()
        self._compare("$", old, new)

    def _compare(self, path: str, old: Schema, new: Schema) -> None:
        if _json(old.get("default", "absent")) != _json(new.get("default", "absent")):
            self._break(path, "the default changed, so an event that leaves it out now says something else")
        if "$ref" in old and "$ref" in new:
            pair = (_reference(old), _reference(new))
            if pair in self._seen:
                return  # a type that contains itself, or one already compared at another place
            self._seen.add(pair)
        self._compare_kinds(path, _by_kind(old, self._roots[0]), _by_kind(new, self._roots[1]))

    def _compare_kinds(self, path: str, old: dict[str, Schema], new: dict[str, Schema]) -> None:
        lost = " or ".join(kind for kind in old if kind not in new)
        gained = " or ".join(kind for kind in new if kind not in old)
        if lost and gained:
            self._break(path, f"the type changed from {lost} to {gained}")
        elif lost:
            self._break(path, f"{lost} is no longer allowed, and old events may hold it")
        elif gained:
            self._break(path, f"{gained} is allowed now, and an old reader refuses it")
        for kind, schema in old.items():
            if kind in new:
                self._compare_alike(path, schema, new[kind])

    def _compare_alike(self, path: str, old: Schema, new: Schema) -> None:
        """Two schemas of one kind, without references and alternatives."""
        self._compare_keywords(path, old, new)
        self._compare_values(path, old.get("enum"), new.get("enum"))
        if (old.keys() | new.keys()) & _OF_OBJECTS:
            self._compare_fields(path, old, new)
        if (old.keys() | new.keys()) & _OF_LISTS:
            self._compare_places(path, old, new)

    def _compare_keywords(self, path: str, old: Schema, new: Schema) -> None:
        for keyword in sorted((old.keys() | new.keys()) - _WORDS_FOR_PEOPLE - _COMPARED_ELSEWHERE):
            before, after = old.get(keyword), new.get(keyword)
            if keyword in _NOT_UNDERSTOOD:
                self._break(path, f"this check does not understand {keyword}; extend it first")
            elif _json(before) != _json(after):
                self._break(path, _keyword_change(keyword, before, after))

    def _compare_values(self, path: str, old: list[Any] | None, new: list[Any] | None) -> None:
        if old is None and new is None:
            return
        if old is None or new is None:
            now = "any value" if new is None else "only listed values"
            self._break(path, f"{now} may stand there now, and the other side disagrees")
            return
        before, after = set(map(_json, old)), set(map(_json, new))
        for value in sorted(before - after):
            self._break(path, f"the value {value} was removed, and old events hold it")
        for value in sorted(after - before):
            self._break(path, f"the value {value} was added, and an old reader refuses it")

    def _compare_fields(self, path: str, old: Schema, new: Schema) -> None:
        before, after = old.get("properties", {}), new.get("properties", {})
        self._compare_further_fields(path, old, new)
        for name in before:
            if name in after:
                self._compare(f"{path}.{name}", before[name], after[name])
            else:
                added = {other: schema for other, schema in after.items() if other not in before}
                self._break(f"{path}.{name}", _removal(before[name], added))
        shared = [name for name in before if name in after]
        self._compare_required(path, shared, old.get("required", ()), new.get("required", ()))
        for name in after:
            if name not in before:
                self._judge_added(f"{path}.{name}", name in new.get("required", ()), old)

    def _compare_required(self, path: str, names: Sequence[str], old: Sequence[str], new: Sequence[str]) -> None:
        for name in names:
            if name in old and name not in new:
                self._break(f"{path}.{name}", "a new producer may leave it out, and an old reader needs it")
            if name in new and name not in old:
                self._break(f"{path}.{name}", "it is required now, and old events may lack it")

    def _judge_added(self, path: str, required: bool, old: Schema) -> None:
        if required:
            self._break(path, "a required field was added, and old events lack it; give it a default")
        elif old.get("additionalProperties", True) is not True:
            self._break(path, "a field was added, and an old reader refuses what it does not know")
        else:
            self.additions.append(path)

    def _compare_further_fields(self, path: str, old: Schema, new: Schema) -> None:
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if isinstance(before, bool) and isinstance(after, bool):
            if before != after:
                self._break(path, "the rule for unknown fields changed, so one side refuses the other's")
        else:
            self._compare(f"{path}.*", _as_schema(before), _as_schema(after))

    def _compare_places(self, path: str, old: Schema, new: Schema) -> None:
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(before) != len(after):
            self._break(path, f"the number of places changed from {len(before)} to {len(after)}")
        for place, (one, other) in enumerate(zip(before, after, strict=False)):
            self._compare(f"{path}[{place}]", one, other)
        self._compare(f"{path}[]", _as_schema(old.get("items", True)), _as_schema(new.get("items", True)))

    def _break(self, path: str, why: str) -> None:
        self.breaks.append(f"`{path}`: {why}")


def _by_kind(schema: Schema, root: Schema) -> dict[str, Schema]:
    """What a value may be, by kind (`string`, `null`, ...); a second one of a kind is numbered."""
    found: dict[str, Schema] = {}
    for one in _flatten(schema, root):
        kind = _kind(one)
        while kind in found:
            kind += "'"
        found[kind] = one
    return found


def _flatten(schema: Schema, root: Schema) -> Iterator[Schema]:
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        beside = {keyword: value for keyword, value in schema.items() if keyword not in ("anyOf", "default")}
        for one in schema["anyOf"]:
            yield from _flatten({**beside, **one}, root)
    elif isinstance(schema.get("type"), list):
        yield from ({**schema, "type": kind} for kind in schema["type"])
    else:
        yield schema


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = {**target, **{keyword: value for keyword, value in schema.items() if keyword != "$ref"}}
    return schema


def _reference(schema: Schema) -> str:
    return _json({keyword: value for keyword, value in schema.items() if keyword != "$defs"})


def _kind(schema: Schema) -> str:
    if "type" in schema:
        return str(schema["type"])
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    values = schema.get("enum", [])
    return kinds.get(type(values[0]), "anything") if values else "anything"


def _as_schema(schema: bool | Schema) -> Schema:
    if isinstance(schema, bool):
        return _ANYTHING if schema else _NOTHING
    return schema


def _removal(field: Schema, added: Mapping[str, Schema]) -> str:
    alike = [name for name, schema in added.items() if schema == field]
    return f"the field was renamed to `{alike[0]}`" if alike else "the field was removed, and old readers look for it"


def _keyword_change(keyword: str, before: Any, after: Any) -> str:
    change = f"{keyword} changed from {_json(before)} to {_json(after)}"
    if keyword not in _LOWER | _UPPER:
        return change
    if before is None or (after is not None and (after > before) == (keyword in _LOWER)):
        return f"{change}: narrowed, and old events may break it"
    return f"{change}: widened, and an old reader refuses new events"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], present_schemas()))
