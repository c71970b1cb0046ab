"""The pages speak both languages completely, and spell numbers as the office does."""

import io
import re
import string
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from babel.messages.extract import extract

from deploy.story.trades import TRADES
from services.grants.api.documents import Form
from services.grants.pages.grant import Action
from services.grants.rules import DocumentKind, Fund
from services.registry.pages.duplicates import STATES as PAIR_STATES
from services.reporting.cuts import CUTS
from services.reporting.figures import figures
from services.reporting.lists_export import GRANT_COLUMNS, PERSON_COLUMNS, REPORT_COLUMNS
from services.reporting.pages.figures import COLUMNS, GRANT_ORDER
from services.reporting.pages.tables import CUT_FIELDS, SERIES
from services.reporting.pages.tiles import MEASURES
from services.reporting.rule_versions import FIRST
from services.reporting.views import CLASSES, GRANT_STATUSES, STATUSES
from services.reporting.wording import WORDS
from services.reporting.worklist_export import COLUMNS as EXPORT_COLUMNS
from services.reporting.worklist_rules import Reason
from shared.events.district import AssetUse, Disability, GrantKind, PpksGroup, Sex
from shared.events.receipts import Verdict
from shared.pages.wording import LANGUAGES, SHARED, Catalogue, Language, read_catalogues
from shared.security import Role

ROOT = Path(__file__).parents[2]
Composed = Mapping[str, Collection[str]]
"""Keys put together from a section and a name that only the data knows."""

_SHARED: Composed = {
    "role": tuple(Role),
    "language": LANGUAGES,
    "trade": tuple(TRADES),
    "uploads": ("of_registry", "of_grants", "of_reporting"),
    "upload_mode": ("check", "all", "valid"),
    "upload_state": ("received", "checking", "sending", "checked", "refused", "sent"),
    "verdict": tuple(Verdict),
    "bad": ("file", "district"),
    "sex": tuple(Sex),
    "ppks": tuple(PpksGroup),
    "disability": tuple(Disability),
    "kind": tuple(GrantKind),
    "grants": GRANT_STATUSES,
    "beneficiaries": STATUSES,
    "error": tuple(
        code + end
        for code in ("not_found", "forbidden", "foreign_form", "unavailable", "internal")
        for end in ("", "_hint")
    ),
}
_REPORTING: Composed = {
    "trend": ("reports", "mean_profit"),
    "map": tuple(MEASURES),
    "map_unit": {measure.format for measure in MEASURES.values()},
    "by": set(CUTS) - {"district"},
    "field": {*(column.key for column in COLUMNS), *SERIES, *CUT_FIELDS},
    "about": {figure.key.split(".")[0] for figure in figures(FIRST)},
    "figure_unit": {figure.unit for figure in figures(FIRST)},
    "public": ("people", "reported_yes", "reported_no"),
    "heard": ("newest", "days", "state"),
    "growth": CLASSES,
    "beneficiaries": ("alias",),
    "asset": ("good", "worn", "broken", "lost", "held", "contested", "returned", "elsewhere"),
    "asset_use": tuple(AssetUse),
    "money": ("budget", "committed", "disbursed", "undisbursed", "remaining"),
    "districts": tuple(column.key for column in COLUMNS if column.part in ("beneficiaries", "income")),
    "headline": ("turnover", "net_profit", "net_profit_median"),
    "business": ("turnover", "materials", "production", "wages", "net_profit", "employees", "orders"),
    "worklist": (
        *Reason,
        "csv",
        "xlsx",
        *("district", "reason", "since", "evidence", "next_step", "owner", "due"),
        *(f"bad_{name}" for name in ("owner", "due", "note", "checked", "month")),
    ),
    "export": EXPORT_COLUMNS,
    "column": {*PERSON_COLUMNS, *REPORT_COLUMNS, *GRANT_COLUMNS},
    "sign_in": ("bad_ticket", "bad_token", "bad_role", "bad_office", "office_away"),
    "error": ("not_on_worklist", "not_on_worklist_hint"),
}


class Package(NamedTuple):
    """Pages with catalogues of their own."""

    folder: Path
    composed: Composed

    @property
    def catalogues(self) -> Mapping[Language, Catalogue]:
        return read_catalogues(self.folder / "locale")

    @property
    def templates(self) -> list[Path]:
        """The letters of grants are in the language of the office alone."""
        return sorted(path for path in (self.folder / "templates").glob("*.html") if path.name != "letter.html")

    @property
    def written(self) -> set[str]:
        """What stands in its templates and its programs and looks like a key."""
        programs = [*self.folder.glob("wording.py"), *self.folder.glob("pages/*.py")]
        programs += self.folder.glob("*.py") if self.folder.name == "pages" else []
        texts = [path.read_text() for path in (*self.templates, *programs)]
        return {key for text in texts for key in re.findall(r'"([a-z_]+\.[a-z_]+)"', text)}

    @property
    def used(self) -> set[str]:
        return self.written | {f"{section}.{name}" for section, names in self.composed.items() for name in names}


_GRANTS: Composed = {
    **{section: tuple(Action) for section in ("done",)},
    **dict.fromkeys(("do", "press"), (*Action, "hand_over")),
    "step": ("request", "verify", "approve", "reject", "disburse", "cancel", "hand_over", "outcome"),
    "waits": ("verify", "approve", "disburse", "hand_over"),
    "letter": (*DocumentKind, *Form),
    "fund": tuple(Fund),
    "budget": ("amount", "committed", "disbursed", "remaining"),
    "ledger": ("set", "raised", "lowered", "moved", "reserved", "freed", "disbursed"),
    "bad": (
        *("note", "reason", "reference", "fund", "received_by", "evidence", "grant", "grant_ids", "fiscal_year", "to"),
    ),
    "refused": (
        *("illegal_transition", "budget_exceeded", "budget_below_committed", "budget_too_large", "same_district"),
        *("four_eyes", "criteria_not_met", "duplicate_suspected", "batch_refused", "total_mismatch", "fund_mismatch"),
        "idempotency_key_reused",
    ),
}

_REGISTRY: Composed = {
    "pair": (*PAIR_STATES, "undone"),
    "decided": PAIR_STATES,
    "because": (
        *("same_nik", "similar", "nik_same", "nik_of_many", "nik_differs"),
        *("name_same", "name_alike", "name_differs", "sex_same", "sex_differs"),
        *(f"birth_date_{how}" for how in ("same", "swapped", "near", "placeholder", "differs")),
    ),
    "person": (
        *("name", "nik", "birth_date", "sex", "district", "ref", "status", "group", "disabilities", "unit", "skills"),
        "recorded",
        "equal",
        "differs",
        "unknown",
    ),
    "bad": ("reason", "decision"),
    "refused": ("already_decided", "not_decided", "idempotency_key_reused"),
}

PACKAGES = {
    "shared": Package(ROOT / "shared" / "pages", _SHARED),
    "reporting": Package(ROOT / "services" / "reporting", _REPORTING),
    "registry": Package(ROOT / "services" / "registry", _REGISTRY),
    "grants": Package(ROOT / "services" / "grants", _GRANTS),
}
TEMPLATES = [path for package in PACKAGES.values() for path in package.templates]
each_package = pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)


@each_package
def test_every_string_is_there_in_both_languages_with_the_same_values(package: Package) -> None:
    indonesian, english = package.catalogues["id"], package.catalogues["en"]
    assert list(indonesian) == list(english), "the same keys in the same order, none fuzzy"
    for key, forms in indonesian.items():
        both = (*forms, *english[key])
        assert all(form.strip() == form != "" for form in both), key
        assert len({_fields(form) for form in both}) == 1, key


@each_package
def test_a_language_has_as_many_forms_as_its_grammar(package: Package) -> None:
    assert {len(forms) for forms in package.catalogues["id"].values()} == {1}
    assert SHARED["en"]["unit.day"] == ("{n} day", "{n} days")


@each_package
def test_the_catalogues_have_every_string_the_pages_use(package: Package) -> None:
    known = package.catalogues["id"].keys() | SHARED["id"].keys()
    sections = {key.partition(".")[0] for key in known}
    keys = {key for key in package.used if key.partition(".")[0] in sections}
    assert {key for key in keys if not key.endswith((".html", ".js"))} - known == set(), "missing"


@each_package
def test_the_catalogues_have_no_string_that_no_page_uses(package: Package) -> None:
    using = PACKAGES.values() if package is PACKAGES["shared"] else [package]
    assert package.catalogues["id"].keys() - {key for one in using for key in one.used} == set()


@each_package
def test_no_service_says_anew_what_all_say(package: Package) -> None:
    assert package is PACKAGES["shared"] or not package.catalogues["id"].keys() & SHARED["id"].keys()


@each_package
def test_what_babel_finds_in_the_templates_is_in_the_catalogue(package: Package) -> None:
    """By Babel's own extraction, which knows every way in which a template can call."""
    found = {
        key
        for path in package.templates
        for _, key, _, _ in extract("jinja2.ext:babel_extract", io.BytesIO(path.read_bytes()), keywords={"t": None})
        if isinstance(key, str)
    }
    assert found
    assert found - package.catalogues["id"].keys() - SHARED["id"].keys() == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_words_of_its_own(path: Path) -> None:
    """Besides the name of the system, and the commands that are typed as they stand."""
    computed = r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<code>.*?</code>"
    text = re.sub(computed, "", path.read_text(), flags=re.DOTALL)
    text = re.sub(r'<[^<>]*>|[a-z-]+="[^"]*"', "", text)
    assert set(re.findall(r"[A-Za-z]{2,}", text)) <= {"Berdaya"}


def test_grants_are_shown_under_every_status_they_can_have() -> None:
    assert sorted(GRANT_ORDER) == sorted(GRANT_STATUSES)


@pytest.mark.parametrize(
    ("form", "value", "indonesian", "english"),
    [
        ("number", 1234567, "1.234.567", "1,234,567"),
        ("percent", 0.846, "84,6%", "84.6%"),
        ("percent", -0.05, "-5,0%", "-5.0%"),
        ("whole_percent", 0.846, "85%", "85%"),
        ("signed_percent", 0.1, "+10%", "+10%"),
        ("signed_percent", -0.1, "-10%", "-10%"),
        ("rupiah", 3_000_000, "Rp3.000.000", "Rp3,000,000"),
        ("rupiah", -250_000, "-Rp250.000", "-Rp250,000"),
        ("rupiah", 0, "Rp0", "Rp0"),
        ("about", 999_000, "Rp999.000", "Rp999,000"),
        ("about", 725_400_000, "Rp725 juta", "Rp725 million"),
        ("about", -12_340_000, "-Rp12,3 juta", "-Rp12.3 million"),
        ("about", 999_600_000, "Rp1 miliar", "Rp1 billion"),
        ("about", 1_250_000_000, "Rp1,25 miliar", "Rp1.25 billion"),
        ("about", 2_500_000_000_000, "Rp2,5 triliun", "Rp2.5 trillion"),
        ("millions", 1_250_000_000, "1.250,0", "1,250.0"),
        ("finer_millions", 2_450_000, "2,45", "2.45"),
    ],
)
def test_numbers_are_spelled_as_each_language_spells_them(
    form: str, value: float, indonesian: str, english: str
) -> None:
    assert [getattr(WORDS[language], form)(value).replace("\u00a0", " ") for language in LANGUAGES] == [
        indonesian,
        english,
    ]


def test_months_and_times_are_those_of_east_java() -> None:
    moment = datetime(2026, 11, 24, 17, 30, 5, tzinfo=UTC)
    assert WORDS["id"].month("2026-10") == "Okt 2026"
    assert WORDS["en"].month("2026-10") == "Oct 2026"
    assert WORDS["id"].moment(moment) == "25 Nov 2026, 00.30.05 WIB"
    assert WORDS["en"].moment(moment) == "25 Nov 2026, 00:30:05 WIB (UTC+7)"


def test_a_month_no_calendar_knows_still_has_a_name() -> None:
    assert WORDS["id"].month("0000-05") == "Mei 0000"


@pytest.mark.parametrize(
    ("seconds", "indonesian", "english"),
    [
        (0, "0 detik", "0 seconds"),
        (0.42, "0,4 detik", "0.4 seconds"),
        (1, "1 detik", "1 second"),
        (34.2, "34 detik", "34 seconds"),
        (125, "2 menit", "2 minutes"),
        (7300, "2 jam", "2 hours"),
        (200_000, "2 hari", "2 days"),
    ],
)
def test_an_age_is_told_in_one_unit(seconds: float, indonesian: str, english: str) -> None:
    assert [WORDS[language].duration(seconds) for language in LANGUAGES] == [indonesian, english]


def test_one_event_is_not_one_events() -> None:
    assert WORDS["en"]("live.behind", one=True, events="1", age="0 seconds") == "1 event, 0 seconds behind"
    assert WORDS["en"]("live.behind", events="2", age="0 seconds") == "2 events, 0 seconds behind"
    assert WORDS["id"]("live.behind", one=True, events="1", age="0 detik") == "tertinggal 1 peristiwa, 0 detik"


def _fields(form: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(form) if name)
