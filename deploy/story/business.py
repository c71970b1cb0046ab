"""What a business earns: level, pace, season and chance make the profit, and the costs are fitted to it."""

from dataclasses import dataclass
from random import Random

from deploy.story.months import LAST, between, plus, span
from deploy.story.person import Person
from deploy.story.trades import Trade
from shared.events.district import AssetUse, IncomeReported


@dataclass(frozen=True)
class Course:
    """Net profit `level` rupiah in the last month, reached at `pace` per month over the last `length` months."""

    level: float
    pace: float
    length: int
    staff: int
    joins: bool
    """Whether the last of the staff came with the growth (or left with the fall)."""
    ends_in_loss: bool
    wage: int

    def net(self, before_last: int) -> float:
        """Rupiah, that many months before the last, without season and chance."""
        net = self.level * (1 + self.pace) ** -min(before_last, self.length)
        return net - (self.level + 250_000) * max(0, 3 - before_last) / 2 if self.ends_in_loss else net

    def employees(self, before_last: int) -> int:
        changed = self.joins and (before_last * 2 > self.length) == (self.pace > 0)
        return max(0, self.staff - changed)


_LEVELS = {
    "growing": (1_500_000, 4_600_000),
    "ordinary": (1_750_000, 3_300_000),
    "declining": (250_000, 900_000),
}
_PACES = {"growing": (0.055, 0.09), "declining": (-0.14, -0.085)}


def course(rng: Random, person: Person) -> Course:
    outlook = person.outlook
    turning = outlook in _PACES
    return Course(
        level=rng.uniform(*_LEVELS.get(outlook, (350_000, 1_200_000))),
        pace=rng.uniform(*_PACES.get(outlook, (-0.005, 0.006))),
        length=rng.randint(7, 10) if turning else 24,
        staff=rng.randint(0, person.work.staff if outlook in ("growing", "ordinary") else 1),
        joins=turning,
        ends_in_loss=outlook == "declining" and rng.random() < 0.35,
        wage=rng.randrange(650_000, 1_250_000, 50_000),
    )


def months_reported(rng: Random, person: Person, first: str) -> list[str]:
    """Which months from `first` on come with a report: nearly all, few, or none after a day."""
    if person.outlook == "new":
        first = max(first, plus(LAST, -1))
    if person.outlook == "sparse":
        return span(first, person.last_report)[:: rng.randint(4, 5)]
    return [month for month in span(first, person.last_report) if rng.random() < 0.965]


def reports(
    rng: Random, person: Person, months: list[str], *, aided: str | None, tooled: str | None
) -> list[IncomeReported]:
    """One first revision per month. `aided`, `tooled`: the months in which aid, and equipment, was handed over."""
    path = course(rng, person)
    uses = _asset_uses(rng, person, months, tooled)
    return [
        _month(rng, person, path, month, between(month, months[-1]), uses[month], _help(aided, month))
        for month in months
    ]


def _help(aided: str | None, month: str) -> float:
    """What is earned without the aid, or while it is new, as a share of what is earned with it."""
    if aided is None:
        return 0.8
    since = between(aided, month)
    return 0.6 if since < 0 else min(1.0, 0.75 + since / 12)


def _month(
    rng: Random, person: Person, path: Course, month: str, before_last: int, use: AssetUse, aid: float
) -> IncomeReported:
    trade = person.work
    net = path.net(before_last)
    if net > 0:
        net *= aid * trade.season(month) * rng.uniform(0.95, 1.05) * (0.6 if use is AssetUse.broken else 1)
    net = 5_000 * round(net / 5_000)
    employees = path.employees(before_last)
    wages = employees * path.wage
    turnover, materials, production = _costs(trade, net + wages)
    orders = max(1, round(turnover / trade.price))
    return IncomeReported(
        district_ref=person.ref,
        month=month,
        revision=1,
        turnover=turnover,
        materials=materials,
        production=production,
        wages=wages,
        employees=employees,
        orders=orders if use is not AssetUse.idle else min(orders, 2),
        asset_use=use,
    )


def _costs(trade: Trade, left: int) -> tuple[int, int, int]:
    """Turnover, materials and production in rupiah such that exactly `left` stays for wages and profit."""
    turnover = max(120_000, 1_000 * round(left / (1 - trade.materials - trade.production) / 1_000))
    materials = 1_000 * round(turnover * trade.materials / 1_000)
    return turnover, materials, turnover - materials - left


def _asset_uses(rng: Random, person: Person, months: list[str], since: str | None) -> dict[str, AssetUse]:
    """`none` before there is equipment; then in use, but for spells of repair and of nobody ordering."""
    uses = {month: AssetUse.none if since is None or month < since else AssetUse.in_use for month in months}
    owned = [month for month in months if uses[month] is AssetUse.in_use]
    if len(owned) >= 6 and rng.random() < 0.10:
        start = rng.randrange(len(owned))
        uses.update(dict.fromkeys(owned[start : start + rng.randint(1, 3)], AssetUse.broken))
    put_away = {"declining": 0.4, "stagnant": 0.15}.get(person.outlook, 0.02)
    if len(owned) >= 6 and rng.random() < put_away:
        uses.update(dict.fromkeys(owned[-rng.randint(2, 4) :], AssetUse.idle))
    return uses
