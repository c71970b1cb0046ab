"""What may change in a published type, case by case, and that the present types keep every promise ever frozen."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from jsonschema import Draft202012Validator
from msgspec import Meta

from shared.events.compatibility import Broken, additions, breaks, broken_promises, freeze, main, unfrozen
from shared.events.golden import GOLDEN, Schema, frozen_files, present_schemas, read_schema, samples

OLD: Schema = {
    "type": "object",
    "properties": {
        "ref": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 64},
        "amount": {"type": "integer", "minimum": 0, "maximum": 100},
        "use": {"$ref": "#/$defs/Use"},
        "unit": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "skills": {"type": "array", "items": {"type": "string"}, "maxItems": 10},
        "consent": {"$ref": "#/$defs/Consent"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "pair": {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "integer"}],
            "items": False,
            "minItems": 2,
            "maxItems": 2,
        },
        "evidence": {"type": "object"},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "required": ["ref", "amount", "use", "unit", "skills", "consent", "pair", "evidence", "counts"],
    "$defs": {
        "Use": {"enum": ["in_use", "idle"]},
        "Consent": {
            "type": "object",
            "properties": {"given": {"type": "boolean"}, "on": {"type": "string", "format": "date"}},
            "required": ["given", "on"],
        },
    },
}


def changed(path: str, value: Any) -> Schema:
    """OLD with one place set to another value; `...` takes the place out."""
    new = deepcopy(OLD)
    *way, last = path.split("/")
    place: Any = new
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return new


def renamed(old: str, new: str) -> Schema:
    schema = changed(f"properties/{old}", ...)
    schema["properties"][new] = OLD["properties"][old]
    schema["required"] = [new if name == old else name for name in OLD["required"]]
    return schema


def without_required(name: str) -> list[str]:
    return [one for one in OLD["required"] if one != name]


NARROWED = "narrowed, and old events may break it"
WIDENED = "widened, and an old reader refuses new events"
BREAKING = {
    "a field removed": (
        changed("properties/note", ...),
        "`$.note`: the field was removed, and old readers look for it",
    ),
    "a field renamed": (renamed("evidence", "proof"), "`$.evidence`: the field was renamed to `proof`"),
    "a nested field removed": (
        changed("$defs/Consent/properties/on", ...),
        "`$.consent.on`: the field was removed, and old readers look for it",
    ),
    "required dropped": (
        changed("required", without_required("amount")),
        "`$.amount`: a new producer may leave it out, and an old reader needs it",
    ),
    "an optional field made required": (
        changed("required", [*OLD["required"], "note"]),
        "`$.note`: it is required now, and old events may lack it",
    ),
    "a nested required dropped": (
        changed("$defs/Consent/required", ["given"]),
        "`$.consent.on`: a new producer may leave it out, and an old reader needs it",
    ),
    "a type changed": (
        changed("properties/amount", {"type": "string"}),
        "`$.amount`: the type changed from integer to string",
    ),
    "a type changed inside an optional one": (
        changed("properties/unit/anyOf", [{"type": "integer"}, {"type": "null"}]),
        "`$.unit`: the type changed from string to integer",
    ),
    "null allowed": (
        changed("properties/ref", {"anyOf": [OLD["properties"]["ref"], {"type": "null"}]}),
        "`$.ref`: null is allowed now, and an old reader refuses it",
    ),
    "null allowed beside a reference": (
        changed("properties/use", {"anyOf": [{"$ref": "#/$defs/Use"}, {"type": "null"}]}),
        "`$.use`: null is allowed now, and an old reader refuses it",
    ),
    "null allowed in a list of types": (
        changed("properties/ref/type", ["string", "null"]),
        "`$.ref`: null is allowed now, and an old reader refuses it",
    ),
    "null no longer allowed": (
        changed("properties/unit", {"type": "string"}),
        "`$.unit`: null is no longer allowed, and old events may hold it",
    ),
    "a bound narrowed from below": (
        changed("properties/amount/minimum", 1),
        f"`$.amount`: minimum changed from 0 to 1: {NARROWED}",
    ),
    "a bound narrowed from above": (
        changed("properties/amount/maximum", 99),
        f"`$.amount`: maximum changed from 100 to 99: {NARROWED}",
    ),
    "a bound widened from below": (
        changed("properties/amount/minimum", -1),
        f"`$.amount`: minimum changed from 0 to -1: {WIDENED}",
    ),
    "a bound widened from above": (
        changed("properties/amount/maximum", 101),
        f"`$.amount`: maximum changed from 100 to 101: {WIDENED}",
    ),
    "a bound given up": (
        changed("properties/skills/maxItems", ...),
        f"`$.skills`: maxItems changed from 10 to null: {WIDENED}",
    ),
    "a bound introduced": (
        changed("properties/skills/minItems", 1),
        f"`$.skills`: minItems changed from null to 1: {NARROWED}",
    ),
    "a text made shorter": (
        changed("properties/ref/maxLength", 32),
        f"`$.ref`: maxLength changed from 64 to 32: {NARROWED}",
    ),
    "an enum value removed": (
        changed("$defs/Use/enum", ["idle"]),
        '`$.use`: the value "in_use" was removed, and old events hold it',
    ),
    "an enum value added": (
        changed("$defs/Use/enum", ["in_use", "idle", "sold"]),
        '`$.use`: the value "sold" was added, and an old reader refuses it',
    ),
    "an enum opened to any text": (
        changed("$defs/Use", {"type": "string"}),
        "`$.use`: any value may stand there now, and the other side disagrees",
    ),
    "a text limited to an enum": (
        changed("properties/unit/anyOf", [{"enum": ["a"]}, {"type": "null"}]),
        "`$.unit`: only listed values may stand there now, and the other side disagrees",
    ),
    "a pattern changed": (
        changed("properties/ref/pattern", "^[a-z0-9]+$"),
        '`$.ref`: pattern changed from "^[a-z]+$" to "^[a-z0-9]+$"',
    ),
    "a format changed": (
        changed("$defs/Consent/properties/on/format", "date-time"),
        '`$.consent.on`: format changed from "date" to "date-time"',
    ),
    "a default changed": (
        changed("properties/note/default", "none"),
        "`$.note`: the default changed, so an event that leaves it out now says something else",
    ),
    "the items of a list changed": (
        changed("properties/skills/items", {"type": "integer"}),
        "`$.skills[]`: the type changed from string to integer",
    ),
    "a place of a tuple changed": (
        changed("properties/pair/prefixItems", [{"type": "string"}, {"type": "string"}]),
        "`$.pair[1]`: the type changed from integer to string",
    ),
    "a tuple opened": (changed("properties/pair/items", ...), "`$.pair[]`: not changed from {} to null"),
    "the values of a mapping changed": (
        changed("properties/counts/additionalProperties", {"type": "string"}),
        "`$.counts.*`: the type changed from integer to string",
    ),
    "a mapping of anything limited": (
        changed("properties/evidence/additionalProperties", {"type": "string"}),
        "`$.evidence.*`: the type changed from anything to string",
    ),
    "unknown fields refused": (
        changed("additionalProperties", False),
        "`$`: the rule for unknown fields changed, so one side refuses the other's",
    ),
    "a keyword this check does not know": (
        changed("properties/amount/multipleOf", 5),
        "`$.amount`: multipleOf changed from null to 5",
    ),
}


@pytest.mark.parametrize("case", BREAKING)
def test_a_breaking_change_is_named_with_its_place_and_its_reason(case: str) -> None:
    new, sentence = BREAKING[case]
    assert sentence in breaks(OLD, new)


@pytest.mark.parametrize("case", BREAKING)
def test_a_breaking_change_breaks_the_other_way_round_too_unless_it_adds_an_optional_field(case: str) -> None:
    new, _ = BREAKING[case]
    is_an_addition = case == "a field removed"
    assert (breaks(new, OLD) == []) == is_an_addition


def test_nothing_breaks_where_nothing_changes() -> None:
    assert breaks(OLD, deepcopy(OLD)) == []
    assert additions(OLD, deepcopy(OLD)) == []


def test_an_optional_field_may_be_added_anywhere() -> None:
    new = changed("properties/phone", {"type": "string", "default": ""})
    new["$defs"]["Consent"]["properties"]["witnessed"] = {"type": "boolean", "default": False}
    assert breaks(OLD, new) == []
    assert additions(OLD, new) == ["$.consent.witnessed", "$.phone"]


def test_a_required_field_may_not_be_added() -> None:
    new = changed("properties/phone", {"type": "string"})
    new["required"] = [*OLD["required"], "phone"]
    assert breaks(OLD, new) == ["`$.phone`: a required field was added, and old events lack it; give it a default"]


def test_a_field_may_not_be_added_to_what_refuses_unknown_fields() -> None:
    old, new = changed("additionalProperties", False), changed("additionalProperties", False)
    new["properties"]["phone"] = {"type": "string", "default": ""}
    assert breaks(old, new) == ["`$.phone`: a field was added, and an old reader refuses what it does not know"]


def test_words_for_people_and_the_order_of_things_may_change() -> None:
    new = changed("$defs/Use", {"title": "Use", "description": "of a machine", "enum": ["idle", "in_use"]})
    new["required"].reverse()
    new["properties"] = dict(reversed(new["properties"].items()))
    assert breaks(OLD, new) == []


def test_a_class_may_be_renamed_or_written_in_place() -> None:
    referred = changed("properties/use/$ref", "#/$defs/UseOfAsset")
    referred["$defs"]["UseOfAsset"] = referred["$defs"].pop("Use")
    in_place = changed("properties/use", OLD["$defs"]["Use"])
    assert breaks(OLD, referred) == []
    assert breaks(OLD, in_place) == []


def test_a_schema_that_the_check_cannot_judge_is_a_break_even_against_itself() -> None:
    unclear = changed("properties/ref", {"oneOf": [{"type": "string"}]})
    assert breaks(unclear, unclear) == ["`$.ref`: this check does not understand oneOf; extend it first"]


def test_every_break_is_told_not_only_the_first() -> None:
    new = changed("properties/amount/minimum", 1)
    new["properties"]["ref"]["maxLength"] = 10
    new["$defs"]["Use"]["enum"] = ["idle"]
    assert len(breaks(OLD, new)) == 3


class Branch(msgspec.Struct):
    """A type that contains itself."""

    name: str
    parts: tuple["Branch", ...] = ()


class Reading(msgspec.Struct, kw_only=True):
    level: Annotated[int, Meta(ge=0)] | None
    because: Literal["low", "high"] | None = None


class WiderReading(msgspec.Struct, kw_only=True):
    level: Annotated[int, Meta(ge=0)] | str | None
    because: Literal["low", "high", "unknown"] | None = None


def test_a_type_that_contains_itself_is_compared_once() -> None:
    old = msgspec.json.schema(Branch)
    new = json.loads(json.dumps(old).replace('"string"', '"integer"'))
    assert breaks(old, old) == []
    assert breaks(old, new) == ["`$.name`: the type changed from string to integer"]


def test_unions_made_by_msgspec_are_compared_alternative_by_alternative() -> None:
    found = breaks(msgspec.json.schema(Reading), msgspec.json.schema(WiderReading))
    assert sorted(found) == [
        '`$.because`: the value "unknown" was added, and an old reader refuses it',
        "`$.level`: string is allowed now, and an old reader refuses it",
    ]


# The present language against all that was ever published.


def test_no_present_type_breaks_a_schema_that_was_ever_published() -> None:
    broken = broken_promises(present_schemas(), GOLDEN)
    assert not broken, "\n".join(broken)


def test_every_present_type_is_frozen_as_it_is() -> None:
    names = unfrozen(present_schemas(), GOLDEN)
    assert not names, f"{names} gained something: run `python -m shared.events.compatibility freeze`, commit the files"


@pytest.mark.parametrize("name", present_schemas())
def test_every_sample_satisfies_every_schema_of_its_type(name: str) -> None:
    for file in frozen_files(GOLDEN, name):
        validator = Draft202012Validator(read_schema(file), format_checker=Draft202012Validator.FORMAT_CHECKER)
        for sample in samples(GOLDEN, name):
            assert not list(validator.iter_errors(json.loads(sample.data))), (file.name, sample.name)


# The command.


def publish(golden: Path, schema: Schema, file: str = "schema.json") -> None:
    (golden / "a.v1").mkdir(exist_ok=True)
    (golden / "a.v1" / file).write_text(json.dumps(schema), encoding="utf-8")


def test_a_new_type_is_frozen_once(tmp_path: Path) -> None:
    assert freeze({"a.v1": OLD}, tmp_path) == [tmp_path / "a.v1" / "schema.json"]
    assert read_schema(tmp_path / "a.v1" / "schema.json") == OLD
    assert freeze({"a.v1": OLD}, tmp_path) == []


def test_an_addition_is_frozen_in_the_next_file(tmp_path: Path) -> None:
    newer = changed("properties/phone", {"type": "string", "default": ""})
    publish(tmp_path, OLD)
    publish(tmp_path, OLD, "schema-9.json")
    assert unfrozen({"a.v1": newer}, tmp_path) == ["a.v1"]
    assert freeze({"a.v1": newer}, tmp_path) == [tmp_path / "a.v1" / "schema-10.json"]
    assert [file.name for file in frozen_files(tmp_path, "a.v1")] == [
        "schema.json",
        "schema-9.json",
        "schema-10.json",
    ]


def test_a_break_of_any_frozen_schema_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    publish(tmp_path, changed("properties/phone", {"type": "string", "default": ""}))
    publish(tmp_path, OLD, "schema-2.json")
    with pytest.raises(Broken) as caught:
        freeze({"a.v1": OLD, "b.v1": OLD}, tmp_path)
    assert caught.value.sentences == [
        "a.v1 breaks schema.json: `$.phone`: the field was removed, and old readers look for it. "
        "Take the change back, or publish it as a new version beside this one."
    ]
    assert not (tmp_path / "b.v1").exists()


def test_a_published_type_that_left_the_catalogue_is_a_break(tmp_path: Path) -> None:
    publish(tmp_path, OLD)
    assert broken_promises({}, tmp_path) == [
        "a.v1 was published and has left the catalogue. Put it back: it stays readable for ever."
    ]


def test_the_command_says_what_it_froze(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["freeze"], {"a.v1": OLD}, tmp_path) == 0
    assert capsys.readouterr().out == "frozen: a.v1/schema.json\n1 new, 1 types in all\n"


def test_the_command_fails_and_says_why_on_a_break(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, OLD)
    assert main(["freeze"], {"a.v1": changed("properties/amount/minimum", 1)}, tmp_path) == 1
    assert "a.v1 breaks schema.json: `$.amount`: minimum changed from 0 to 1" in capsys.readouterr().err
