"""What real systems do to a tidy story: they repeat, delay, reorder, contradict and mistype it."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

from msgspec.structs import replace

from deploy.story.cases import take
from deploy.story.desk import Desk, Draft
from deploy.story.model import REFUSED, Habit
from deploy.story.months import END, LAST, at_work, day_in, last_day, month_of, plus
from deploy.story.person import Person, record
from deploy.story.places import BOJONEGORO, WEIGHTS
from deploy.story.province import Cast
from deploy.story.record import HOUR
from deploy.story.registrar import Registrar
from shared.events.district import BeneficiaryRecorded, IncomeReported, Ppks, Status

_OFFLINE_MONTHS = ("2025-09", "2025-10")
_BACK_ON_LINE = day_in("2025-11", 12)
_LAST_TO_BE_LATE = "2026-08"
"""A later month, six weeks late, would come in after the end of the story."""


class Habits:
    """Every draft has one habit at most. The woman of Bojonegoro is left out: her events are repeated at the worst."""

    def __init__(self, rng: Random, desk: Desk, cast: Cast, firsts: dict[Person, Draft], scale: float) -> None:
        self._rng = rng
        self._desk = desk
        self._scale = scale
        self._firsts = firsts
        self._cast = cast
        self._tidy = [draft for draft in desk.drafts if draft.report and draft.place != cast.her.key]
        rng.shuffle(self._tidy)

    def happen(self, registrar: Registrar) -> None:
        # The order matters: what must fit a certain person or month chooses before what fits any.
        self._report_before_person()
        self._offline()
        self._strange()
        self._late()
        self._corrected()
        self._superseded()
        self._contradicted()
        self._refused()
        self._records()
        self._strangers(registrar)
        self._repeated()

    def _report_before_person(self) -> None:
        """The person's one record comes an hour after the first report, which is of the same month."""
        single = self._recorded_once()
        first: dict[tuple[str, str], Draft] = {}
        for draft in sorted(self._tidy, key=lambda draft: draft.arrives):
            first.setdefault(draft.place, draft)

        def fits(draft: Draft) -> bool:
            person = single.get(draft.place)
            return person is not None and draft is first[draft.place] and _same_month(draft, self._firsts[person])

        for draft in self._take(4, fits):
            draft.habit = Habit.report_before_person
            self._firsts[single[draft.place]].arrives = draft.arrives + HOUR

    def _offline(self) -> None:
        """One district's reports of two months arrive in the third, newest first."""
        district = self._rng.choice([code for code in self._districts() if code != BOJONEGORO])
        kept = [d for d in self._tidy if d.district == district and _month(d) in _OFFLINE_MONTHS]
        sent = at_work(self._rng, _BACK_ON_LINE)
        for index, draft in enumerate(sorted(kept, key=lambda draft: draft.time, reverse=True)):
            draft.habit = Habit.offline
            draft.arrives = sent + timedelta(seconds=index)
        self._tidy = [draft for draft in self._tidy if draft.habit is None]

    def _strange(self) -> None:
        """In the newest month: a zero too many that nobody mends, and wages that are more than the turnover."""
        for draft in self._take(2, lambda draft: _month(draft) == LAST):
            draft.data = replace(_report(draft), turnover=_report(draft).turnover * 10)
            draft.habit = Habit.extra_zero
        for draft in self._take(2, lambda draft: _month(draft) == LAST and _report(draft).wages > 0):
            turnover = _report(draft).wages * 4 // 5
            draft.data = replace(_report(draft), turnover=turnover, materials=turnover // 4, production=20_000)
            draft.habit = Habit.wages_exceed_turnover

    def _late(self) -> None:
        count = round(0.04 * len(self._tidy))
        for draft in take(self._tidy, count, 1, lambda draft: _month(draft) <= _LAST_TO_BE_LATE):
            day = last_day(_month(draft)) + timedelta(days=self._rng.randint(37, 44))
            draft.time = draft.arrives = at_work(self._rng, day)
            draft.habit = Habit.late

    def _corrected(self) -> None:
        """What was sent held a slip; next month a higher revision mends it. The first two held a zero too many."""
        count = round(0.03 * len(self._tidy))
        for index, draft in enumerate(take(self._tidy, count, 1, lambda draft: _month(draft) < LAST)):
            truth = _report(draft)
            draft.data = replace(truth, turnover=truth.turnover * 10) if index < 2 else self._slip(truth)
            day = day_in(plus(_month(draft), 1), self._rng.randint(3, 16))
            mended = replace(truth, revision=2)
            self._desk.publish(*draft.place, mended, at_work(self._rng, day), habit=Habit.correction)

    def _superseded(self) -> None:
        """The second revision is there when the first, written the day before, comes in six weeks later."""
        for draft in self._take(4, lambda draft: _month(draft) <= _LAST_TO_BE_LATE):
            older = self._slip(_report(draft))
            draft.data = replace(_report(draft), revision=2)
            arrives = draft.time + timedelta(days=45)
            before = draft.time - timedelta(days=1)
            self._desk.publish(*draft.place, older, before, arrives=arrives, habit=Habit.superseded)

    def _contradicted(self) -> None:
        """The same revision twice: now the second was written later, now earlier."""
        for index, draft in enumerate(self._take(4, lambda draft: _month(draft) < LAST)):
            written = draft.time + (HOUR if index % 2 == 0 else -HOUR)
            other = self._slip(_report(draft))
            self._desk.publish(
                *draft.place, other, written, arrives=draft.arrives + 2 * HOUR, habit=Habit.revision_conflict
            )

    def _refused(self) -> None:
        """A report that is refused, and an hour later the good one."""
        for draft in self._take(3):
            wrong = replace(_report(draft), month=plus(_month(draft), 12))
            self._before(draft, wrong, Habit.future_month)
        for draft in self._take(3):
            self._before(draft, replace(_report(draft), production=-50_000), Habit.invalid_data)
        for draft in self._take(2):
            other = self._rng.choice([code for code in WEIGHTS if code != draft.district])
            self._before(draft, _report(draft), Habit.district_mismatch, says_district=other)

    def _records(self) -> None:
        """Records of persons: one refused for its NIK and sent again, one in two versions, one overtaken."""
        single = [person for person in self._recorded_once().values() if person.nik]
        self._rng.shuffle(single)
        draft = self._firsts[single.pop()]
        data = _person(draft)
        self._before(draft, replace(data, nik=f"{draft.district}003202{data.birth_date:%y}0007"), Habit.invalid_nik)
        for habit, revision in ((Habit.revision_conflict, 1), (Habit.superseded, 2)):
            draft = self._firsts[single.pop()]
            data = _person(draft)
            draft.data = replace(data, revision=revision)
            other = replace(data, skills=(*data.skills, "computer"))
            arrives = draft.arrives + 2 * HOUR
            self._desk.publish(*draft.place, other, draft.time - HOUR, arrives=arrives, habit=habit)

    def _strangers(self, registrar: Registrar) -> None:
        """Two people whom the province never comes to know, and a record that nobody can read."""
        for day, habit in ((day_in("2025-02", 18), Habit.invalid_nik), (day_in("2025-05", 14), Habit.no_consent)):
            person = registrar.enter(self._rng, self._rng.choice(self._districts()), Ppks.poor, day)
            data = record(person, revision=1, status=Status.ex_client)
            if habit is Habit.invalid_nik:
                data = replace(data, nik=(data.nik or "")[:15])
            else:
                data = replace(data, consent=replace(data.consent, given=False))
            self._desk.publish(*person.key, data, at_work(self._rng, day), habit=habit)
        whose = self._rng.choice(self._tidy)
        moment = at_work(self._rng, day_in("2025-08", 27))
        self._desk.publish(whose.district, "WB-9001", whose.data, moment, habit=Habit.poison)

    def _repeated(self) -> None:
        """About three in a hundred come again: minutes, hours or days later, within the story."""
        closing = at_work(self._rng, END).replace(hour=17)
        once = [draft for draft in self._desk.drafts if draft.habit not in REFUSED | {Habit.poison}]
        for draft in self._rng.sample(once, round(0.03 * len(once))):
            again = draft.arrives + timedelta(minutes=round(10 ** self._rng.uniform(0.5, 3.6)))
            self._desk.repeat(draft, min(again, closing))

    def _take(self, count: int, fits: Callable[[Draft], bool] = lambda _: True) -> list[Draft]:
        return take(self._tidy, count, self._scale, fits)

    def _before(
        self,
        draft: Draft,
        data: IncomeReported | BeneficiaryRecorded,
        habit: Habit,
        *,
        says_district: str | None = None,
    ) -> None:
        """The same event, spoilt, a quarter of an hour before."""
        moment = draft.time - timedelta(minutes=15)
        self._desk.publish(*draft.place, data, moment, habit=habit, says_district=says_district)

    def _slip(self, report: IncomeReported) -> IncomeReported:
        """The report with a slip of typing in its turnover."""
        return replace(report, turnover=report.turnover + 1_000 * self._rng.randint(40, 400))

    def _districts(self) -> list[str]:
        return sorted({person.district for person in self._cast.ex_clients})

    def _recorded_once(self) -> dict[tuple[str, str], Person]:
        """Ex-clients with a single record, still without a habit."""
        count: dict[tuple[str, str], int] = {}
        for draft in self._desk.drafts:
            if isinstance(draft.data, BeneficiaryRecorded):
                count[draft.place] = count.get(draft.place, 0) + 1
        return {
            person.key: person
            for person in self._cast.ex_clients
            if count[person.key] == 1
            and person is not self._cast.her
            and person not in self._cast.twins
            and _is_tidy(self._firsts[person])
        }


def _is_tidy(draft: Draft) -> bool:
    return draft.habit is None and draft.arrives == draft.time


def _same_month(one: Draft, other: Draft) -> bool:
    return month_of(one.arrives) == month_of(other.arrives) and one.arrives > other.arrives


def _report(draft: Draft) -> IncomeReported:
    assert isinstance(draft.data, IncomeReported)
    return draft.data


def _person(draft: Draft) -> BeneficiaryRecorded:
    assert isinstance(draft.data, BeneficiaryRecorded)
    return draft.data


def _month(draft: Draft) -> str:
    return _report(draft).month
