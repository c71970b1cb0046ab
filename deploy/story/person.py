"""One person, as their district knows them and as the story means them."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from deploy.story.months import LAST
from deploy.story.places import unit_of
from deploy.story.trades import Trade
from shared.events.district import BeneficiaryRecorded, Consent, Disability, Ppks, Sex, Status

Outlook = Literal["growing", "ordinary", "stagnant", "declining", "sparse", "new", "none"]
"""What becomes of a business. The last three have too few reports: now and then, just begun, none at all."""


class Stage(NamedTuple):
    """A status from a day on."""

    since: date
    status: Status


@dataclass(eq=False)
class Person:
    """One person as their district knows them, and what the story has in mind for them."""

    district: str
    ref: str
    name: str
    sex: Sex
    birth_date: date
    nik: str | None
    ppks: Ppks
    disabilities: tuple[Disability, ...]
    trade: Trade | None
    consent: Consent
    stages: list[Stage]
    outlook: Outlook = "none"
    leaves_unit_on: date | None = None
    reported_before_aid: bool = False
    last_report: str = LAST
    """The month after which nothing more is heard."""

    @property
    def work(self) -> Trade:
        """The trade of one who has one."""
        if self.trade is None:
            raise LookupError(f"{self.ref} of {self.district} has no trade")
        return self.trade

    @property
    def unit(self) -> str:
        return unit_of(self.ppks, self.disabilities)

    @property
    def recorded(self) -> date:
        return self.stages[0].since

    @property
    def status(self) -> Status:
        """The last one."""
        return self.stages[-1].status

    @property
    def ex_client_since(self) -> date:
        return next(stage.since for stage in self.stages if stage.status is Status.ex_client)

    @property
    def key(self) -> tuple[str, str]:
        return self.district, self.ref


def record(person: Person, *, revision: int, status: Status, name: str | None = None) -> BeneficiaryRecorded:
    """The district's record of a person, perhaps under another spelling."""
    trade = () if person.trade is None else (person.trade.slug,)
    return BeneficiaryRecorded(
        district_ref=person.ref,
        revision=revision,
        name=name or person.name,
        sex=person.sex,
        birth_date=person.birth_date,
        nik=person.nik,
        ppks=person.ppks,
        disabilities=person.disabilities,
        status=status,
        unit=person.unit,
        skills=trade,
        consent=person.consent,
        leaves_unit_on=person.leaves_unit_on if status is Status.client else None,
    )
