"""The catalogue of figures names every number of the dashboard once, in both languages."""

from services.reporting.figures import FIGURES
from tests.integration.reporting.office import EMPTY_CELL


def test_every_number_of_the_dashboard_is_defined_once_in_its_order() -> None:
    shown = [f"{part}.{name}" for part, numbers in EMPTY_CELL.items() for name in numbers]
    assert [figure.key for figure in FIGURES] == shown


def test_every_name_and_definition_is_in_both_languages_and_a_sentence() -> None:
    for figure in FIGURES:
        for text in (figure.definition.id, figure.definition.en):
            assert text.endswith("."), figure.key
            assert text[0].isupper(), figure.key
        assert figure.definition.id != figure.definition.en
        assert figure.name.id
        assert figure.name.en


def test_the_thresholds_are_those_of_the_rule() -> None:
    said = {figure.key: figure.definition for figure in FIGURES}
    assert said["growth.growing"].id == (
        "Eks klien yang usahanya naik paling sedikit 3 % per bulan menurut laporan dari 6 bulan."
    )
    assert said["growth.stagnant"].id == (
        "Eks klien yang usahanya tidak naik atau turun sebanyak itu, dengan laba bersih di bawah Rp1.500.000 per bulan."
    )
    assert said["growth.declining"].en == (
        "Ex-clients whose business falls by 5 % a month or more, or no longer makes a profit."
    )
    assert said["growth.insufficient"].en == "Ex-clients whose business has fewer than 3 reports in 6 months."
