"""The story of two years, November 2024 to October 2026: one seed, one province, to the byte.

What the seed promises, at every scale from 0.1 up:

- **Deterministic.** The same seed and scale give the same chapters, on any machine and at any time. No clock is
  read: every moment is in the story's own two years, in office hours of WIB (the same day in UTC).
- **Invented.** No name is meant for anyone living, the places in the UPTs' names are made up, and no NIK can ever be
  issued: kecamatan are numbered from 01, and these carry kecamatan 00. They are well-formed all the same.
- **People.** At scale 1, 376 ex-clients in 29 of the 38 districts, 60 clients, and 24 who graduated, withdrew, moved
  or died; all 26 PPKS categories. Nobody shares a birth date or a NIK, except one pair: a person helped in 2025, whom
  a second district records in February 2026. Fourteen have no NIK; in about 27 it disagrees with sex, birth date or
  district.
- **Grants.** Every state is there at the end; budgets for 38 districts and both years. Each refusal that the story
  counts on is marked in its step: `budget_exceeded` (once for good, once until the budget is raised), `four_eyes`
  (the verifier approves, the approver pays out), `criteria_not_met` (desil 8, second cash in a year, moved away),
  `duplicate_suspected`, `illegal_transition` (the treasurer after the first of two approvals). All else succeeds.
- **Income.** One report a month and business, by trade and season; Lebaran and the school year show. By rule version
  1 about a quarter of the ex-clients are growing, 30 % ordinary, 20 % stagnant, 15 % declining, 10 % insufficient.
- **The woman of Bojonegoro** is written by hand (`bojonegoro.py`): a wheelchair user, a sewing machine and an obras,
  four employees, Rp 3,000,000 net in each of the last three months, school uniforms in each July, growing.
- **Habits.** Each of `Habit` occurs at least once and labels the event it is about. Events that are meant to be
  refused (`REFUSED`) change nothing else: the good event follows, or nobody ever refers to the person.
- **Order.** A chapter is a month. Its publications come in the order of arrival, its officers' calls by day, after
  them. Nothing waits at the end of the story, and the officers never need what is not there yet.
- **Ids** are unique in a district and rise with the time of writing; only a `duplicate` repeats one.
"""

from random import Random

from deploy.story import plots, record
from deploy.story.desk import Desk
from deploy.story.habits import Habits
from deploy.story.live import live
from deploy.story.model import REFUSED, Chapter, Habit, OfficerStep, Publication, Story
from deploy.story.province import cast
from deploy.story.registrar import Registrar

__all__ = ["REFUSED", "Chapter", "Habit", "OfficerStep", "Publication", "Story", "generate", "live"]

SMALLEST = 0.1


def generate(seed: int = 2026, scale: float = 1.0) -> Story:
    """The whole story. `scale` 0.1 is about 50 people in nine districts. Raises ValueError below that."""
    if scale < SMALLEST:
        raise ValueError(f"a province of scale {scale} has no room for every habit; {SMALLEST} is the smallest")
    rng = Random(f"berdaya/{seed}/{scale}")
    registrar, desk = Registrar(), Desk()
    people = cast(rng, registrar, scale)
    plan = plots.plan(rng, people, scale)
    firsts = record.people(rng, desk, people, plan)
    record.grants(rng, desk, plan, firsts)
    record.reports(rng, desk, people, plan)
    for day, step in plots.budgets(rng, plan):
        desk.call(day, step)
    Habits(rng, desk, people, firsts, scale).happen(registrar)
    return Story(seed, desk.chapters())
