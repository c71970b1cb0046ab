"""The catalogue of figures names every number of the dashboard once, in both languages."""

from decimal import Decimal

import msgspec

from services.reporting.figures import figures
from services.reporting.rule_versions import FIRST
from tests.integration.reporting.office import EMPTY_CELL


def test_every_number_of_the_dashboard_is_defined_once_in_its_order() -> None:
    shown = [f"{part}.{name}" for part, numbers in EMPTY_CELL.items() for name in numbers]
    assert [figure.key for figure in figures(FIRST)] == shown


def test_every_name_and_definition_is_in_both_languages_and_a_sentence() -> None:
    for figure in figures(FIRST):
        for text in (figure.definition.id, figure.definition.en):
            assert text.endswith("."), figure.key
            assert text[0].isupper(), figure.key
        assert figure.definition.id != figure.definition.en
        assert figure.name.id
        assert figure.name.en


def test_the_thresholds_are_those_of_the_rule() -> None:
    said = {figure.key: figure.definition for figure in figures(FIRST)}
    assert said["growth.growing"].id.startswith(
        "Eks klien yang usahanya naik paling sedikit 3 % per bulan menurut laporan dari 6 bulan;"
    )
    assert "dengan laba bersih di bawah Rp1.500.000 per bulan;" in said["growth.stagnant"].id
    assert said["growth.declining"].en.startswith(
        "Ex-clients whose business falls by 5 % a month or more, or no longer"
    )
    assert "has fewer than 3 reports in 6 months;" in said["growth.insufficient"].en


def test_another_rule_is_told_with_its_own() -> None:
    other = msgspec.structs.replace(FIRST, version=2, growing_rate=Decimal("0.035"), window_months=9)
    said = {figure.key: figure.definition for figure in figures(other)}
    assert "naik paling sedikit 3,5 % per bulan menurut laporan dari 9 bulan" in said["growth.growing"].id
    assert "rises by 3.5 % a month or more, by the reports of 9 months" in said["growth.growing"].en
