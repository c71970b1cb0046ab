"""What was asked for and what became of it: one grant from request to handover, with the officers' calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from deploy.story import bojonegoro
from deploy.story.model import Habit, OfficerStep, StepKind
from deploy.story.months import END, day_in, last_day, month_of, plus
from deploy.story.person import Person
from deploy.story.trades import kit, total
from shared.events.district import Asset, GrantHandedOver, GrantKind, GrantRequested, Item

TWO_APPROVERS_FROM = 50_000_000
APPROVERS = ("provinsi.1", "provinsi.2")
TREASURER = "bendahara.1"
_STEPS: tuple[tuple[StepKind, str], ...] = (("verify", "verified"), ("approve", "approved"), ("disburse", "disbursed"))
_ROLES = {"petugas": "district_officer", "provinsi": "province_officer", "bendahara": "treasurer"}

_TRAININGS = ("pelatihan keterampilan lanjutan", "pelatihan pembukuan usaha", "pelatihan pemasaran daring")
_MARKETING = ("stan pameran produk", "kemasan dan label", "papan nama dan katalog")


class Call(NamedTuple):
    """One officer's call, on a day."""

    day: date
    kind: StepKind
    sub: str
    role: str
    body: dict[str, str | int]
    refused: str | None = None


@dataclass(eq=False)
class Aid:
    """One grant. `ref` is given when all of the district and year are known."""

    person: Person
    kind: GrantKind
    items: tuple[Item, ...]
    amount: int
    year: int
    purpose: str
    desil: int | None
    requested: date
    ref: str = ""
    calls: list[Call] = field(default_factory=list)
    handed_over: date | None = None
    request_habit: Habit | None = None
    handover_habit: Habit | None = None

    @property
    def approved(self) -> date | None:
        """The day of the approval that commits the amount, if it was ever given."""
        given = [call.day for call in self.calls if call.kind == "approve" and call.refused is None]
        return given[-1] if len(given) >= 1 + (self.amount >= TWO_APPROVERS_FROM) else None

    @property
    def officer(self) -> str:
        """The one who verifies in that district."""
        return f"petugas.{self.person.district}"

    def call(self, day: date, kind: StepKind, sub: str, *, refused: str | None = None, role: str | None = None) -> None:
        body: dict[str, str | int] = {"note": "Lengkap dan sesuai."}
        if kind in ("reject", "cancel"):
            body = {"reason": "Tidak memenuhi kriteria." if kind == "reject" else "Dibatalkan atas permintaan pemohon."}
        if kind == "disburse":
            body = {"reference": f"SP2D-{day:%Y%m%d}-{self.person.district}", "on": day.isoformat()}
        self.calls.append(Call(day, kind, sub, role or _ROLES[sub.partition(".")[0]], body, refused))

    def steps(self) -> list[tuple[date, OfficerStep]]:
        return [(call.day, self._step(call)) for call in self.calls]

    def _step(self, call: Call) -> OfficerStep:
        return OfficerStep(
            call.kind,
            call.sub,
            call.role,
            self.person.district,
            self.year,
            self.ref,
            call.body,
            409 if call.refused else 200,
            call.refused,
        )


def equipment(rng: Random, person: Person, year: int, requested: date, items: tuple[Item, ...] | None = None) -> Aid:
    goods = items or kit(rng, person.work)
    purpose = f"Usaha {person.work.business}: {', '.join(item.name for item in goods)}."
    return Aid(person, GrantKind.equipment, goods, total(goods), year, purpose, _desil(rng), requested)


def cash(rng: Random, person: Person, year: int, requested: date) -> Aid:
    purpose = f"Modal usaha {person.work.business}."
    amount = rng.randrange(2_500_000, 7_500_001, 500_000)
    return Aid(person, GrantKind.cash, (), amount, year, purpose, _desil(rng), requested)


def support(rng: Random, person: Person, year: int, requested: date) -> Aid:
    """Training or help with marketing: neither excludes other aid of the year."""
    kind = rng.choice((GrantKind.training, GrantKind.marketing))
    what = rng.choice(_TRAININGS if kind is GrantKind.training else _MARKETING)
    value = rng.randrange(1_500_000, 4_500_001, 250_000)
    goods = (Item(name=what, quantity=1, unit_value=value),)
    return Aid(
        person,
        kind,
        goods,
        value,
        year,
        f"{what} untuk usaha {person.work.business}.",
        _desil(rng),
        requested,
    )


def first_aid(rng: Random, person: Person, year: int, requested: date) -> Aid:
    """Mostly equipment, some cash, a little support."""
    make = rng.choices((equipment, cash, support), (74, 17, 9))[0]
    return make(rng, person, year, requested)


def hers(person: Person) -> Aid:
    """The sewing machine and the obras of Bojonegoro."""
    goods = bojonegoro.ITEMS
    aid = Aid(person, GrantKind.equipment, goods, total(goods), 2025, bojonegoro.PURPOSE, 2, bojonegoro.REQUESTED)
    aid.call(bojonegoro.VERIFIED, "verify", aid.officer)
    aid.call(bojonegoro.APPROVED, "approve", "provinsi.1")
    aid.call(bojonegoro.DISBURSED, "disburse", TREASURER)
    aid.handed_over = bojonegoro.HANDED_OVER
    return aid


def walk(
    rng: Random,
    aid: Aid,
    *,
    until: str = "handed_over",
    two_hats: StepKind | None = None,
    hurry: bool = False,
    early: bool = False,
) -> None:
    """Takes the grant from step to step up to status `until`, or as far as the story goes.

    `two_hats`: before this step, whoever took the last one tries to take it too, in another role.
    `hurry`: three days for each step. `early`: the handover is recorded in the month of the money.
    """
    day = aid.requested
    for kind, status in _STEPS:
        day += timedelta(days=3 if hurry else rng.randint(5, 16))
        if day > END:
            return
        if kind == two_hats:
            role = "province_officer" if kind == "approve" else "treasurer"
            aid.call(day, kind, aid.calls[-1].sub, role=role, refused="four_eyes")
        aid.call(day, kind, _who(rng, aid, kind))
        if status == until:
            return
    hand_over(rng, aid, day, early=early)


def hand_over(rng: Random, aid: Aid, disbursed: date, *, early: bool = False) -> None:
    """A few days after the money, in a later month; or early, and so before it: officers come last in a chapter."""
    day = disbursed + timedelta(days=rng.randint(3, 14))
    if early or rng.random() < 0.05:
        day = min(day, last_day(month_of(disbursed)))
        aid.handover_habit = Habit.handover_before_disbursement
    elif month_of(day) == month_of(disbursed):
        day = day_in(plus(month_of(disbursed), 1), rng.randint(2, 9))
    if day <= END:
        aid.handed_over = day


def reject(aid: Aid, day: date) -> None:
    verified = any(call.kind == "verify" for call in aid.calls)
    aid.call(day, "reject", "provinsi.1" if verified else aid.officer)


def cancel(aid: Aid, day: date) -> None:
    aid.call(day, "cancel", "provinsi.1" if aid.approved else aid.officer)


def number(aids: Sequence[Aid]) -> None:
    """Refs in the order of request, per district and fiscal year."""
    count: dict[tuple[str, int], int] = {}
    for aid in sorted(aids, key=lambda aid: (aid.requested, aid.person.key)):
        place = aid.person.district, aid.year
        count[place] = count.get(place, 0) + 1
        aid.ref = f"BT-{aid.year}-{count[place]:04d}"


def request(aid: Aid, *, items: tuple[Item, ...] | None = None, amount: int | None = None) -> GrantRequested:
    """The request, or another version of it."""
    return GrantRequested(
        grant_ref=aid.ref,
        district_ref=aid.person.ref,
        kind=aid.kind,
        items=aid.items if items is None else items,
        amount=aid.amount if amount is None else amount,
        fiscal_year=aid.year,
        purpose=aid.purpose,
        desil=aid.desil,
    )


def handover(rng: Random, aid: Aid, on: date, witness: str) -> GrantHandedOver:
    return GrantHandedOver(
        grant_ref=aid.ref,
        on=on,
        received_by="guardian" if aid.person.consent.by == "guardian" else "beneficiary",
        witness=witness,
        evidence_sha256=f"{rng.getrandbits(256):064x}",
        assets=_assets(rng, aid) if aid.kind is GrantKind.equipment else (),
    )


def _assets(rng: Random, aid: Aid) -> tuple[Asset, ...]:
    """One line per piece; what costs less than Rp 300,000 has no serial number and is not listed."""
    return tuple(
        Asset(name=item.name, serial=f"{item.name[:2].upper()}{aid.year % 100}-{rng.randrange(10**7):07d}")
        for item in aid.items
        if item.unit_value >= 300_000
        for _ in range(item.quantity)
    )


def _who(rng: Random, aid: Aid, kind: StepKind) -> str:
    if kind == "verify":
        return aid.officer
    return TREASURER if kind == "disburse" else rng.choice(APPROVERS)


def _desil(rng: Random) -> int | None:
    return rng.choice((1, 1, 2, 2, 3, 3, 4, 5, None))
