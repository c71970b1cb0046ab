"""The story keeps what its seed promises. What is expected is worked out here, apart from the code that tells it."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import combinations, islice, takewhile
from statistics import median
from typing import Any, TypeVar

import msgspec
import pytest

from deploy.story.generate import REFUSED, Chapter, Habit, OfficerStep, Publication, Story, generate, live
from deploy.story.months import lebaran_run_up
from shared.events.catalogue import CATALOGUE, Invalid, Undecodable, decode, intake_topic
from shared.events.district import (
    BeneficiaryRecorded,
    GrantHandedOver,
    GrantKind,
    GrantRequested,
    IncomeReported,
    Ppks,
    Status,
)
from shared.events.districts import DISTRICTS
from shared.events.envelope import Record, source_district, to_headers

SCALES = (1.0, 0.1)
SEEDS = ((2026, 1.0), (2026, 0.1), (7, 0.1), (11, 0.3))
HER_NETS = [1_050_000, 1_150_000, 1_000_000, 1_170_000, 1_750_000, 1_220_000, 1_400_000, 1_900_000, 2_500_000]
HER_NETS += [1_650_000, 1_650_000, 1_800_000, 1_800_000, 1_900_000, 2_000_000, 2_400_000, 2_600_000, 2_200_000]
HER_NETS += [2_400_000, 2_500_000, 3_600_000, 3_000_000, 3_000_000, 3_000_000]

FOR_EVER = datetime(2100, 1, 1, tzinfo=UTC)

Place = tuple[str, str]
T = TypeVar("T")


_TOLD: dict[tuple[int, float], Story] = {}
_FOUND: dict[tuple[str, int], Any] = {}


def told(seed: int = 2026, scale: float = 1.0) -> Story:
    """That story, told once and kept."""
    if (seed, scale) not in _TOLD:
        _TOLD[seed, scale] = generate(seed, scale)
    return _TOLD[seed, scale]


def once(work: Callable[[Story], T]) -> Callable[[Story], T]:
    """Works through a story that is kept only once."""

    def result(story: Story) -> T:
        key = work.__name__, id(story)
        if key not in _FOUND:
            _FOUND[key] = work(story)
        found: T = _FOUND[key]
        return found

    return result


def publications(story: Story) -> Iterator[Publication]:
    return (step for chapter in story.chapters for step in chapter.steps if isinstance(step, Publication))


def calls(story: Story) -> Iterator[OfficerStep]:
    return (step for chapter in story.chapters for step in chapter.steps if isinstance(step, OfficerStep))


def record_of(publication: Publication) -> Record:
    topic = intake_topic(publication.service, publication.district)
    if publication.raw:
        return Record(publication.raw.topic, 0, 0, publication.raw.key, publication.raw.value, publication.raw.headers)
    key = publication.envelope.subject.encode()
    return Record(topic, 0, 0, key, publication.data, to_headers(publication.envelope))


def data_of(publication: Publication) -> Any:
    return CATALOGUE[publication.envelope.type].decoder.decode(publication.data)


@once
def good(story: Story) -> list[tuple[Publication, Any]]:
    """What the province is to take, decoded."""
    return [(each, data_of(each)) for each in publications(story) if each.habit not in REFUSED and each.raw is None]


@once
def newest_people(story: Story) -> dict[Place, BeneficiaryRecorded]:
    found: dict[Place, tuple[tuple[int, datetime], BeneficiaryRecorded]] = {}
    for publication, data in good(story):
        if isinstance(data, BeneficiaryRecorded):
            place, version = (publication.district, data.district_ref), (data.revision, publication.envelope.time)
            if place not in found or found[place][0] < version:
                found[place] = version, data
    return {place: data for place, (_, data) in found.items()}


@once
def newest_reports(story: Story) -> dict[Place, dict[str, IncomeReported]]:
    found: dict[Place, dict[str, tuple[tuple[int, datetime], IncomeReported]]] = {}
    for publication, data in good(story):
        if isinstance(data, IncomeReported):
            months = found.setdefault((publication.district, data.district_ref), {})
            version = data.revision, publication.envelope.time
            if data.month not in months or months[data.month][0] < version:
                months[data.month] = version, data
    return {place: {month: data for month, (_, data) in sorted(each.items())} for place, each in found.items()}


def month_number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:])


def growth(reports: dict[str, IncomeReported]) -> str:
    """Rule version 1, as rules.md states it."""
    nets = {month_number(month): report.net_profit for month, report in reports.items()}
    window = sorted((month, net) for month, net in nets.items() if month > max(nets) - 6)
    if len(window) < 3:
        return "insufficient"
    level = median(net for _, net in window[-3:])
    trend = median((later[1] - first[1]) / (later[0] - first[0]) for first, later in combinations(window, 2))
    rate = trend / max(abs(median(net for _, net in window)), 100_000)
    if level <= 0 or rate <= -0.05:
        return "declining"
    if rate >= 0.03:
        return "growing"
    return "ordinary" if level >= 1_500_000 else "stagnant"


@dataclass
class Grant:
    """A grant as the office of this test sees it."""

    request: GrantRequested
    status: str = "requested"
    by: dict[str, str] = field(default_factory=dict)


class Office:
    """A plain reading of the rules of grants, to see that every call is answered as the story says."""

    def __init__(self) -> None:
        self.grants: dict[Place, Grant] = {}
        self.people: dict[Place, BeneficiaryRecorded] = {}
        self.budgets: dict[tuple[str, int], int] = {}
        self.handovers: dict[Place, GrantHandedOver] = {}

    def take(self, publication: Publication) -> None:
        data = data_of(publication)
        if isinstance(data, BeneficiaryRecorded):
            place = publication.district, data.district_ref
            if place not in self.people or self.people[place].revision <= data.revision:
                self.people[place] = data
        elif isinstance(data, GrantRequested):
            self.grants[publication.district, data.grant_ref] = Grant(data)
        elif isinstance(data, GrantHandedOver):
            self.handovers[publication.district, data.grant_ref] = data
            self.hand_over()

    def hand_over(self) -> None:
        for place in self.handovers:
            if place in self.grants and self.grants[place].status == "disbursed":
                self.grants[place].status = "handed_over"

    def answer(self, step: OfficerStep) -> str | None:
        if step.kind == "set_budget":
            self.budgets[step.district, step.fiscal_year] = int(step.body["amount"])
            return None
        assert step.grant_ref is not None
        grant = self.grants[step.district, step.grant_ref]
        assert grant.request.fiscal_year == step.fiscal_year
        refused: str | None = getattr(self, step.kind)(step, grant)
        self.hand_over()
        return refused

    def verify(self, step: OfficerStep, grant: Grant) -> str | None:
        return self._move(step, grant, ("requested",), "verified")

    def reject(self, step: OfficerStep, grant: Grant) -> str | None:
        return self._move(step, grant, ("requested", "verified"), "rejected")

    def cancel(self, step: OfficerStep, grant: Grant) -> str | None:
        return self._move(step, grant, ("requested", "verified", "approved"), "cancelled")

    def disburse(self, step: OfficerStep, grant: Grant) -> str | None:
        if grant.status == "approved" and step.sub in grant.by.values():
            return "four_eyes"
        return self._move(step, grant, ("approved",), "disbursed")

    def approve(self, step: OfficerStep, grant: Grant) -> str | None:
        if grant.status != "verified":
            return "illegal_transition"
        if step.sub in grant.by.values():
            return "four_eyes"
        refused = self._criteria(step.district, grant.request)
        place = step.district, step.fiscal_year
        if refused or self.committed(place) + grant.request.amount > self.budgets[place]:
            return refused or "budget_exceeded"
        if grant.request.amount >= 50_000_000 and "first approver" not in grant.by:
            grant.by["first approver"] = step.sub
            return None
        return self._move(step, grant, ("verified",), "approved")

    def committed(self, place: tuple[str, int]) -> int:
        return sum(
            grant.request.amount
            for (district, _), grant in self.grants.items()
            if (district, grant.request.fiscal_year) == place
            and grant.status in ("approved", "disbursed", "handed_over")
        )

    def _move(self, step: OfficerStep, grant: Grant, allowed: tuple[str, ...], status: str) -> str | None:
        if grant.status not in allowed:
            return "illegal_transition"
        grant.status = status
        grant.by[step.kind] = step.sub
        return None

    def _criteria(self, district: str, request: GrantRequested) -> str | None:
        person = self.people[district, request.district_ref]
        if person.status is not Status.ex_client or (request.desil or 0) > 5:
            return "criteria_not_met"
        goods = (GrantKind.equipment, GrantKind.cash)
        same = [
            grant
            for (home, _), grant in self.grants.items()
            if home == district
            and grant.request.district_ref == request.district_ref
            and grant.request.fiscal_year == request.fiscal_year
            and grant.request.kind in goods
            and grant.request.grant_ref != request.grant_ref
        ]
        if request.kind in goods and same:
            return "criteria_not_met"
        twice = sum(person.nik is not None and person.nik == other.nik for other in self.people.values()) > 1
        return "duplicate_suspected" if twice and request.kind in goods else None


@once
def worked_through(story: Story) -> tuple[Office, list[tuple[OfficerStep, str | None]]]:
    office, answers = Office(), []
    for chapter in story.chapters:
        for step in chapter.steps:
            if isinstance(step, OfficerStep):
                answers.append((step, office.answer(step)))
            elif step.habit is Habit.already_in_progress:
                assert office.grants[step.district, data_of(step).grant_ref].status != "requested"
            elif step.habit not in REFUSED and step.raw is None:
                office.take(step)
    return office, answers


def test_the_same_seed_tells_the_same_story_to_the_byte_in_another_process() -> None:
    script = (
        "from hashlib import sha256; from deploy.story.generate import generate;"
        "print(sha256(repr(generate(2026, 0.1)).encode()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert other.stdout.strip() == sha256(repr(told(2026, 0.1)).encode()).hexdigest()
    assert generate(2026, 0.1) == told(2026, 0.1)
    assert generate(7, 0.1) != told(2026, 0.1)


def test_the_whole_story_is_told_in_less_than_three_seconds() -> None:
    begun = time.perf_counter()
    generate(2027)
    assert time.perf_counter() - begun < 3


def test_there_are_376_ex_clients_in_29_districts() -> None:
    people = newest_people(told())
    status = Counter(person.status for person in people.values())
    assert status == {"ex_client": 376, "client": 60, "graduated": 9, "withdrawn": 6, "moved": 5, "deceased": 4}
    assert len({district for (district, _), person in people.items() if person.status == "ex_client"}) == 29


def test_a_small_province_has_38_ex_clients_in_nine_districts() -> None:
    people = newest_people(told(2026, 0.1))
    assert sum(person.status == "ex_client" for person in people.values()) == 38
    assert len({district for (district, _), person in people.items() if person.status == "ex_client"}) == 9


def test_a_province_too_small_for_its_habits_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        generate(scale=0.05)


def test_all_26_categories_are_there_and_disability_is_the_most_common() -> None:
    categories = Counter(person.ppks for person in newest_people(told()).values())
    assert set(categories) == set(Ppks)
    assert categories[Ppks.person_with_disability] > 460 / 2


@pytest.mark.parametrize(("seed", "scale"), SEEDS)
def test_only_one_pair_in_the_province_can_be_taken_for_one_person(seed: int, scale: float) -> None:
    people = newest_people(told(seed, scale))
    births = Counter(person.birth_date for person in people.values())
    niks = Counter(person.nik for person in people.values() if person.nik)
    names = Counter(person.name for person in people.values())
    assert sorted(births.values())[-2:] == [1, 2]
    assert sorted(niks.values())[-2:] == [1, 2]
    assert max(names.values()) == 1
    (nik,) = (nik for nik, count in niks.items() if count == 2)
    assert len({district for (district, _), person in people.items() if person.nik == nik}) == 2


def test_no_nik_could_ever_have_been_issued_and_some_disagree_with_their_record() -> None:
    people = newest_people(told())
    known = [(district, person, person.nik) for (district, _), person in people.items() if person.nik]
    assert all(len(nik) == 16 and nik.isdecimal() and nik[4:6] == "00" and nik[12:] != "0000" for _, _, nik in known)
    assert len(people) - len(known) == 14
    day = Counter((int(nik[6:8]) > 40) == (person.sex == "female") for _, person, nik in known)
    assert day[False] == 4
    assert sum(nik[:4] != district for district, _, nik in known) >= 20
    assert sum(nik[10:12] != f"{person.birth_date:%y}" for _, person, nik in known) == 3


@pytest.mark.parametrize("scale", SCALES)
def test_every_event_that_is_not_meant_to_be_refused_can_be_read_where_it_is_published(scale: float) -> None:
    for publication in publications(told(2026, scale)):
        if publication.habit in (Habit.poison, Habit.invalid_data):
            continue
        event = decode(record_of(publication))
        assert event.envelope == publication.envelope
        assert event.district == publication.district
        assert publication.service == CATALOGUE[publication.envelope.type].service
        named = source_district(publication.envelope.source)
        assert (named == publication.district) == (publication.habit is not Habit.district_mismatch)
        if not isinstance(event.data, GrantHandedOver):
            assert event.data.district_ref == publication.envelope.subject


@pytest.mark.parametrize("scale", SCALES)
def test_an_id_comes_again_only_with_the_same_event(scale: float) -> None:
    seen: dict[tuple[str, str], Publication] = {}
    for publication in publications(told(2026, scale)):
        key = publication.district, publication.envelope.id
        again = seen.setdefault(key, publication)
        assert (again is not publication) == (publication.habit is Habit.duplicate)
        assert (again.envelope, again.data) == (publication.envelope, publication.data)
    total = len(list(publications(told(2026, scale))))
    assert 0.02 < 1 - len(seen) / total < 0.04


@pytest.mark.parametrize(("seed", "scale"), SEEDS)
def test_every_habit_of_the_district_systems_is_there(seed: int, scale: float) -> None:
    assert set(Habit) <= {publication.habit for publication in publications(told(seed, scale))}


@pytest.mark.parametrize("scale", SCALES)
def test_what_is_meant_to_be_refused_has_the_fault_it_is_named_for(scale: float) -> None:
    for publication in publications(told(2026, scale)):
        if publication.habit is Habit.future_month:
            assert data_of(publication).month > f"{publication.envelope.time:%Y-%m}"
        elif publication.habit is Habit.amount_mismatch:
            request = data_of(publication)
            assert request.amount != sum(item.quantity * item.unit_value for item in request.items)
        elif publication.habit is Habit.no_consent:
            assert data_of(publication).consent.given is False
        elif publication.habit is Habit.invalid_nik:
            nik = data_of(publication).nik
            assert len(nik) != 16 or nik[6:8] == "32"
        elif publication.habit is Habit.invalid_data:
            with pytest.raises(Invalid):
                decode(record_of(publication))


@pytest.mark.parametrize("scale", SCALES)
def test_the_one_poison_record_is_under_a_key_that_nobody_else_uses(scale: float) -> None:
    (poison,) = (each for each in publications(told(2026, scale)) if each.raw)
    with pytest.raises(Undecodable):
        decode(record_of(poison))
    assert poison.raw is not None
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(poison.raw.value)
    used = Counter((each.district, each.envelope.subject) for each in publications(told(2026, scale)))
    assert used[poison.district, poison.raw.key.decode()] == 1


@pytest.mark.parametrize("scale", SCALES)
def test_systems_send_things_in_the_wrong_order(scale: float) -> None:
    known: set[Place] = set()
    asked: set[Place] = set()
    wrong: set[Habit] = set()
    for publication, data in good(told(2026, scale)):
        place = publication.district, publication.envelope.subject
        if isinstance(data, BeneficiaryRecorded):
            known.add(place)
        elif isinstance(data, GrantRequested):
            asked.add((publication.district, data.grant_ref))
            wrong |= {Habit.request_before_person} if place not in known else set()
        elif isinstance(data, GrantHandedOver):
            before = (publication.district, data.grant_ref) not in asked
            wrong |= {Habit.handover_before_request} if before else set()
        elif place not in known:
            wrong.add(Habit.report_before_person)
    assert wrong == {Habit.request_before_person, Habit.handover_before_request, Habit.report_before_person}


@pytest.mark.parametrize("scale", SCALES)
def test_months_come_late_and_behind_newer_ones(scale: float) -> None:
    newest: dict[Place, str] = {}
    behind: Counter[Habit | None] = Counter()
    for publication, data in good(told(2026, scale)):
        if not isinstance(data, IncomeReported):
            continue
        place = publication.district, data.district_ref
        if publication.habit is Habit.late:
            year, month = divmod(month_number(data.month), 12)
            assert 37 <= (publication.envelope.time.date() - date(year, month + 1, 1)).days + 1 <= 45
        behind[publication.habit] += data.month < newest.get(place, "")
        newest[place] = max(newest.get(place, ""), data.month)
    assert behind[Habit.late] > 0
    assert behind[Habit.offline] > 0
    assert behind[Habit.superseded] > 0


@pytest.mark.parametrize("scale", SCALES)
def test_the_same_revision_says_two_things_and_a_lower_one_comes_after_the_higher(scale: float) -> None:
    versions: dict[tuple[str, str, str], list[tuple[int, bytes]]] = {}
    for publication, data in good(told(2026, scale)):
        if isinstance(data, IncomeReported):
            place = publication.district, data.district_ref, data.month
            versions.setdefault(place, []).append((data.revision, publication.data))
        if publication.habit is Habit.superseded and isinstance(data, IncomeReported):
            assert versions[place][0][0] == 2
            assert data.revision == 1
    conflicts = [each for each in versions.values() if len(dict(each)) < len(set(each))]
    assert conflicts


@pytest.mark.parametrize(("seed", "scale"), SEEDS)
def test_every_officer_is_answered_as_the_story_expects(seed: int, scale: float) -> None:
    office, answers = worked_through(told(seed, scale))
    for step, refused in answers:
        assert refused == step.expect_code, step
        assert step.expect == (409 if refused else 200)
    assert all(office.committed(place) <= budget for place, budget in office.budgets.items())


@pytest.mark.parametrize(("seed", "scale"), SEEDS)
def test_every_refusal_of_the_contract_is_met(seed: int, scale: float) -> None:
    assert {step.expect_code for step in calls(told(seed, scale))} == {
        None, "illegal_transition", "budget_exceeded", "four_eyes", "criteria_not_met", "duplicate_suspected",
    }  # fmt: skip


@pytest.mark.parametrize(("seed", "scale"), SEEDS)
def test_grants_end_in_all_seven_states_and_every_handover_has_found_its_grant(seed: int, scale: float) -> None:
    office, _ = worked_through(told(seed, scale))
    status = Counter(grant.status for grant in office.grants.values())
    assert set(status) == {
        "requested", "verified", "approved", "rejected", "disbursed", "handed_over", "cancelled",
    }  # fmt: skip
    assert all(office.grants[place].status == "handed_over" for place in office.handovers)
    assert status["handed_over"] == len(office.handovers)


@pytest.mark.parametrize(("seed", "scale"), SEEDS)
def test_nothing_waits_for_a_person_at_the_end(seed: int, scale: float) -> None:
    known = set(newest_people(told(seed, scale)))
    assert {(each.district, each.envelope.subject) for each, _ in good(told(seed, scale))} == known


@pytest.mark.parametrize("scale", SCALES)
def test_all_38_districts_have_a_budget_in_both_years_before_the_first_grant_of_the_year(scale: float) -> None:
    set_, grants = set(), 0
    for step in calls(told(2026, scale)):
        if step.kind == "set_budget":
            set_.add((step.district, step.fiscal_year))
        else:
            grants += 1
            assert (step.district, step.fiscal_year) in set_
    assert set_ == {(district, year) for district in DISTRICTS for year in (2025, 2026)}
    assert grants > 100


def test_a_grant_above_fifty_million_is_approved_by_two() -> None:
    office, _ = worked_through(told())
    (big,) = (place for place, grant in office.grants.items() if grant.request.amount >= 50_000_000)
    steps = [(step.kind, step.sub, step.expect) for step in calls(told()) if (step.district, step.grant_ref) == big]
    assert steps == [
        ("verify", f"petugas.{big[0]}", 200),
        ("approve", "provinsi.1", 200),
        ("disburse", "bendahara.1", 409),
        ("approve", "provinsi.2", 200),
        ("disburse", "bendahara.1", 200),
    ]


def test_officers_come_after_the_publications_of_their_chapter() -> None:
    for chapter in told().chapters:
        assert isinstance(chapter, Chapter)
        kinds = [isinstance(step, OfficerStep) for step in chapter.steps]
        assert kinds == sorted(kinds)
    assert len({chapter.title_id for chapter in told().chapters}) == 24
    assert len({chapter.title_en for chapter in told().chapters}) == 24


@pytest.mark.parametrize("scale", SCALES)
def test_of_two_versions_of_a_request_the_later_one_is_the_grant(scale: float) -> None:
    office, _ = worked_through(told(2026, scale))
    versions: dict[Place, list[tuple[datetime, int]]] = {}
    for publication, data in good(told(2026, scale)):
        if isinstance(data, GrantRequested) and publication.habit is not Habit.duplicate:
            version = publication.envelope.time, data.amount
            versions.setdefault((publication.district, data.grant_ref), []).append(version)
    changed = {place: each for place, each in versions.items() if len(each) > 1}
    assert changed
    assert all(office.grants[place].request.amount == max(each)[1] for place, each in changed.items())


@pytest.mark.parametrize("scale", SCALES)
def test_no_event_is_written_outside_the_two_years(scale: float) -> None:
    for publication in publications(told(2026, scale)):
        assert date(2024, 11, 1) <= publication.envelope.time.date() <= date(2026, 10, 31)


@pytest.mark.parametrize(("seed", "low", "high"), [(2026, 6_000, 9_000), (7, 6_000, 9_000)])
def test_two_years_bring_several_thousand_reports(seed: int, low: int, high: int) -> None:
    assert low < sum(len(months) for months in newest_reports(told(seed)).values()) < high


@pytest.mark.parametrize("seed", [2026, 7])
def test_the_five_growth_classes_come_out_in_believable_shares(seed: int) -> None:
    reports = newest_reports(told(seed))
    people = newest_people(told(seed))
    ex_clients = [place for place, person in people.items() if person.status == "ex_client"]
    classes = Counter(growth(reports[place]) if place in reports else "insufficient" for place in ex_clients)
    expected = {"growing": 0.25, "ordinary": 0.30, "stagnant": 0.20, "declining": 0.15, "insufficient": 0.10}
    for name, share in expected.items():
        assert abs(classes[name] / 376 - share) < 0.06, classes


def test_all_five_growth_classes_come_out_in_a_small_province_too() -> None:
    classes = {growth(months) for months in newest_reports(told(2026, 0.1)).values()}
    assert classes == {"growing", "ordinary", "stagnant", "declining", "insufficient"}


@pytest.mark.parametrize("scale", SCALES)
def test_some_machines_stand_idle_some_are_broken_and_some_people_are_silent(scale: float) -> None:
    reports = newest_reports(told(2026, scale))
    office, _ = worked_through(told(2026, scale))
    helped = {
        (district, grant.request.district_ref)
        for (district, _), grant in office.grants.items()
        if grant.status == "handed_over"
    }
    uses = Counter(report.asset_use for months in reports.values() for report in months.values())
    idle = [months for months in reports.values() if [r.asset_use for r in months.values()][-2:] == ["idle", "idle"]]
    silent = [place for place, months in reports.items() if place in helped and max(months) < "2026-08"]
    assert set(uses) == {"in_use", "idle", "broken", "none"}
    assert idle
    assert silent


def test_nobody_has_costs_below_zero_and_tools_are_never_used_before_they_are_there() -> None:
    office, _ = worked_through(told())
    tooled = {
        (place[0], office.grants[place].request.district_ref): f"{paper.on:%Y-%m}"
        for place, paper in sorted(office.handovers.items(), reverse=True)
        if office.grants[place].request.kind == "equipment"
    }
    for place, months in newest_reports(told()).items():
        for month, report in months.items():
            assert min(report.turnover, report.materials, report.production, report.wages) >= 0
            assert (report.asset_use == "none") == (month < tooled.get(place, "9999"))


@pytest.mark.parametrize(
    ("trade", "busy", "quiet"),
    [
        ("sewing", "2025-07", "2025-09"),
        ("sewing", "2026-07", "2026-05"),
        ("cooking", "2025-03", "2025-02"),
        ("cooking", "2026-03", "2026-05"),
    ],
)
def test_sewing_peaks_with_the_school_year_and_cooking_before_lebaran(trade: str, busy: str, quiet: str) -> None:
    people, reports = newest_people(told()), newest_reports(told())
    of_trade = [months for place, months in reports.items() if people[place].skills[0] == trade]
    both = [months for months in of_trade if busy in months and quiet in months]
    assert len(both) > 10
    assert median(months[busy].turnover / months[quiet].turnover for months in both) > 1.2


@pytest.mark.parametrize(
    ("month", "share"),
    [("2025-02", 0.0), ("2025-03", 1.0), ("2025-04", 0.0), ("2026-02", 11 / 30), ("2026-03", 19 / 30)],
)
def test_the_thirty_days_before_lebaran_are_shared_between_months(month: str, share: float) -> None:
    assert lebaran_run_up(month) == pytest.approx(share)


@pytest.mark.parametrize(("seed", "scale"), SEEDS)
def test_the_woman_of_bojonegoro_keeps_three_million_a_month_with_four_employees(seed: int, scale: float) -> None:
    story = told(seed, scale)
    ((place, her),) = ((p, each) for p, each in newest_people(story).items() if each.name == "Rukmi Kinanthi")
    assert place[0] == "3522"
    assert (her.sex, her.disabilities, her.skills[0], her.status) == ("female", ("physical",), "sewing", "ex_client")
    months = newest_reports(story)[place]
    assert [report.net_profit for report in months.values()] == HER_NETS
    assert [(report.employees, report.net_profit) for report in months.values()][-3:] == [(4, 3_000_000)] * 3
    october = months["2026-10"]
    assert (october.turnover, october.materials, october.production, october.wages) == (
        13_500_000, 4_900_000, 1_000_000, 4_600_000,
    )  # fmt: skip
    assert max(months, key=lambda month: months[month].turnover) == "2026-07"
    assert growth(months) == "growing"


def test_the_woman_of_bojonegoro_got_a_sewing_machine_and_an_obras_in_march_2025() -> None:
    office, _ = worked_through(told())
    her = next(place[1] for place, each in newest_people(told()).items() if each.name == "Rukmi Kinanthi")
    ((place, grant),) = (
        (p, each) for p, each in office.grants.items() if (p[0], each.request.district_ref) == ("3522", her)
    )
    assert grant.status == "handed_over"
    assert grant.request.amount == 7_100_000
    assert office.handovers[place].on == date(2025, 3, 3)
    assert [asset.name for asset in office.handovers[place].assets][:2] == ["mesin jahit", "mesin obras"]


def test_life_goes_on_after_the_story_in_order_of_time_and_with_new_ids() -> None:
    story = told(2026, 0.1)
    first = list(islice(live(story, 1, FOR_EVER), 1_500))
    ids = [(each.envelope.source, each.envelope.id) for each in first]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & {(each.envelope.source, each.envelope.id) for each in publications(story)}
    assert not set(ids) & {(each.envelope.source, each.envelope.id) for each in islice(live(story, 2, FOR_EVER), 1_500)}
    times = [each.envelope.time for each in first]
    assert times == sorted(times)
    assert times[0].date() >= date(2026, 11, 1)
    assert list(islice(live(story, 1, FOR_EVER), 1_500)) == first


def test_life_after_the_story_brings_next_months_corrections_new_people_and_requests() -> None:
    story = told(2026, 0.1)
    kinds: Counter[str] = Counter()
    for publication in islice(live(story, 1, FOR_EVER), 1_500):
        event = decode(record_of(publication))
        kinds[type(event.data).__name__] += 1
        if isinstance(event.data, IncomeReported):
            kinds["correction"] += event.data.revision == 2
            assert event.data.month <= f"{event.envelope.time:%Y-%m}"
            assert month_number(event.data.month) >= month_number(f"{event.envelope.time:%Y-%m}") - 1
    assert set(kinds) == {"IncomeReported", "correction", "BeneficiaryRecorded", "GrantRequested"}
    assert min(kinds.values()) > 5


def test_nothing_comes_from_the_future_and_from_there_on_the_newest_reports_are_corrected() -> None:
    story = told(2026, 0.1)
    until = datetime(2026, 12, 10, tzinfo=UTC)
    heard = list(islice(live(story, 1, until), 600))
    before = [each for each in heard if each.envelope.time < until]
    mends = heard[len(before) :]
    assert before == list(takewhile(lambda each: each.envelope.time < until, live(story, 1, FOR_EVER)))
    assert len(before) > 30
    assert {each.envelope.time for each in mends} == {until}
    said = newest_reports(story)
    for each in before:
        report = data_of(each)
        if isinstance(report, IncomeReported):
            said[each.district, report.district_ref][report.month] = report
    for each in mends:
        report = data_of(each)
        known = said[each.district, report.district_ref]
        assert report.month == max(known)
        assert report.revision > known[report.month].revision
        known[report.month] = report
    assert len({(each.envelope.source, each.envelope.id) for each in heard}) == 600


def test_live_months_stay_near_what_a_business_earned_before() -> None:
    story = told()
    before = {
        place: max(report.turnover for report in list(months.values())[-6:])
        for place, months in newest_reports(story).items()
    }
    for publication in islice(live(story, 3, FOR_EVER), 8_000):
        data = data_of(publication)
        if isinstance(data, IncomeReported):
            assert data.turnover < 2.5 * before[publication.district, data.district_ref]
