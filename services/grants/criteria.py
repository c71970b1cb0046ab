"""Who may receive what: pure functions of a programme, a person and a request. A programme is the criteria as data."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import msgspec

from shared.events.district import GrantKind, Status
from shared.events.receipts import Sentence

CRITERIA_VERSION = 1
"""Of the programme with which every fiscal year begins; an assessment names the version that made it."""
MATERIAL_KINDS = frozenset({GrantKind.equipment, GrantKind.cash})
"""None of these is given while a duplicate is suspected, whatever the programme says."""


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """The criteria of one fiscal year. The defaults are the rules of the office where nothing else was decided."""

    kinds: frozenset[GrantKind] = frozenset(GrantKind)
    max_desil: int | None = 5
    """A request that names no decile passes."""
    min_age: int = 15
    """Reached in the year of the request."""
    leaving_within_months: int = 3
    """After the request: so soon must a client leave the UPT."""
    min_months_since_leaving: int | None = None
    max_months_since_leaving: int | None = None
    """Of an ex-client, on the day of the request."""
    one_per_year: frozenset[GrantKind] = MATERIAL_KINDS
    """Of all these together a person gets one in the fiscal year."""
    items: frozenset[str] | None = None
    """The names that equipment may have, whatever their case; None: any."""


DEFAULT = Programme()


class Person(msgspec.Struct, frozen=True):
    """What grants knows of a beneficiary. `suspected`: may be on record twice, and nobody has decided yet.

    `consent_withdrawn`: and not given again (UU 27/2022 Art. 9).
    """

    district: str
    status: Status
    birth_year: int
    leaves_unit_on: date | None
    suspected: bool
    consent_withdrawn: bool = False


class Request(msgspec.Struct, frozen=True):
    """What the criteria look at in a request."""

    district: str
    kind: GrantKind
    items_count: int
    desil: int | None
    fiscal_year: int
    requested_on: date
    item_names: tuple[str, ...] = ()


@lru_cache(maxsize=256)
def criteria(programme: Programme) -> Mapping[str, Sentence]:
    """The criteria of a programme by their codes, in the order in which `assess` names those that fail.

    A code that names a limit names that of the programme, e.g. `desil_above_4`.
    """
    months = programme.leaving_within_months
    found = {
        "unknown_beneficiary": Sentence(
            "Warga binaan belum dikenal di registri provinsi.",
            "The person is not known to the province's registry.",
        ),
        "consent_withdrawn": Sentence(
            "Orang ini menarik persetujuannya; tidak ada bantuan yang diproses sebelum persetujuan diberikan lagi.",
            "The person withdrew consent; no grant goes on before it is given again.",
        ),
        "foreign_district": Sentence(
            "Warga binaan tercatat di kabupaten/kota lain.", "The person is on record in another district."
        ),
        "not_ex_client": Sentence(
            f"Bukan eks klien, dan bukan klien yang keluar dari UPT dalam {months} bulan setelah permohonan. "
            "Perbarui status atau tanggal keluarnya bila sudah berubah.",
            f"Neither an ex-client nor a client who leaves the UPT within {months} months after the request. "
            "Update the status or the leaving date if it has changed.",
        ),
    }
    found |= _since_leaving(programme)
    if programme.max_desil is not None:
        found[f"desil_above_{programme.max_desil}"] = Sentence(
            f"Desil kesejahteraan di atas {programme.max_desil}.",
            f"The welfare decile is above {programme.max_desil}.",
        )
    if programme.one_per_year:
        found["already_aided"] = _already_aided(programme)
    found["duplicate_suspected"] = Sentence(
        "Orang ini diduga tercatat dua kali dan dugaan itu belum diputuskan.",
        "This person may be on record twice and that is not yet decided.",
    )
    return found | _what_is_asked_for(programme)


def _since_leaving(programme: Programme) -> dict[str, Sentence]:
    least, most = programme.min_months_since_leaving, programme.max_months_since_leaving
    found = {}
    if least is not None:
        found["left_too_recently"] = Sentence(
            f"Belum {least} bulan sejak keluar dari UPT.", f"It is less than {least} months since leaving the UPT."
        )
    if most is not None:
        found["left_too_long_ago"] = Sentence(
            f"Sudah lebih dari {most} bulan sejak keluar dari UPT.",
            f"It is more than {most} months since leaving the UPT.",
        )
    if found:
        found["leaving_date_unknown"] = Sentence(
            "Tanggal keluar dari UPT belum tercatat; lengkapi data warga binaan.",
            "The day of leaving the UPT is not on record; complete the record of the person.",
        )
    return found


def _already_aided(programme: Programme) -> Sentence:
    if programme.one_per_year == MATERIAL_KINDS:
        return Sentence(
            "Sudah ada bantuan peralatan atau uang lain pada tahun anggaran yang sama.",
            "There is another equipment or cash grant in the same fiscal year.",
        )
    return Sentence(
        "Sudah ada bantuan lain pada tahun anggaran yang sama.", "There is another grant in the same fiscal year."
    )


def _what_is_asked_for(programme: Programme) -> dict[str, Sentence]:
    found = {}
    if programme.kinds != frozenset(GrantKind):
        found["kind_not_offered"] = Sentence(
            "Jenis bantuan ini tidak ada dalam program tahun anggaran itu.",
            "The programme of that fiscal year does not offer this kind of grant.",
        )
    found["no_items"] = Sentence("Bantuan peralatan perlu daftar barang.", "Equipment needs at least one item.")
    if programme.items is not None:
        found["item_not_allowed"] = Sentence(
            "Ada barang di luar daftar program tahun anggaran itu.",
            "An item is not on the list of the programme of that fiscal year.",
        )
    found[f"under_{programme.min_age}"] = Sentence(
        f"Berumur di bawah {programme.min_age} tahun pada tahun permohonan.",
        f"Younger than {programme.min_age} in the year of the request.",
    )
    return found


CRITERIA = criteria(DEFAULT)


def assess(programme: Programme, request: Request, person: Person | None, *, already_aided: bool) -> tuple[str, ...]:
    """The codes of all criteria that fail, in the order of `criteria`; none: the grant may go on.

    Judged at the request and again at approval, both times by the day of the request, so that the same facts
    give the same answer on a replay. An unknown person fails that criterion and whatever the request fails by
    itself. `already_aided`: there is another grant of the kinds `one_per_year` to this person in this fiscal year,
    approved, disbursed or handed over; one merely asked for does not count, or two would block each other.
    """
    failed = _failed_by_request(programme, request)
    if already_aided and request.kind in programme.one_per_year:
        failed.add("already_aided")
    if person is None:
        failed.add("unknown_beneficiary")
    else:
        failed |= _failed_by_person(programme, request, person)
    return tuple(code for code in criteria(programme) if code in failed)


def _failed_by_request(programme: Programme, request: Request) -> set[str]:
    failed = set()
    if request.kind not in programme.kinds:
        failed.add("kind_not_offered")
    if programme.max_desil is not None and request.desil is not None and request.desil > programme.max_desil:
        failed.add(f"desil_above_{programme.max_desil}")
    if request.kind == GrantKind.equipment:
        if request.items_count == 0:
            failed.add("no_items")
        if programme.items is not None and not _folded(request.item_names) <= _folded(programme.items):
            failed.add("item_not_allowed")
    return failed


def _failed_by_person(programme: Programme, request: Request, person: Person) -> set[str]:
    failed = set()
    if person.consent_withdrawn:
        failed.add("consent_withdrawn")
    if person.district != request.district:
        failed.add("foreign_district")
    if not _out_of_the_unit(programme, person, request.requested_on):
        failed.add("not_ex_client")
    else:
        failed |= _failed_by_leaving(programme, person, request.requested_on)
    if request.kind in MATERIAL_KINDS and person.suspected:
        failed.add("duplicate_suspected")
    # Only the year of birth leaves the registry: whoever turns 15 in the year of the request is 15 here.
    if request.requested_on.year - person.birth_year < programme.min_age:
        failed.add(f"under_{programme.min_age}")
    return failed


def _out_of_the_unit(programme: Programme, person: Person, requested_on: date) -> bool:
    """An ex_client, or a client who leaves from the day of the request up to the same day so many months on.

    Where that month is shorter, up to its end. A leaving date that has passed says that the record is old.
    """
    if person.status == Status.ex_client:
        return True
    leaves = person.leaves_unit_on
    if person.status != Status.client or leaves is None or leaves < requested_on:
        return False
    return (_months(requested_on, leaves), leaves.day) <= (programme.leaving_within_months, requested_on.day)


def _failed_by_leaving(programme: Programme, person: Person, requested_on: date) -> set[str]:
    """By the full months since leaving; whoever is still a client has not left at all."""
    least, most = programme.min_months_since_leaving, programme.max_months_since_leaving
    left = person.leaves_unit_on
    if least is None and most is None:
        return set()
    if left is None:
        return {"leaving_date_unknown"}
    passed = (_months(left, requested_on), requested_on.day)
    failed = set()
    if least is not None and passed < (least, left.day):
        failed.add("left_too_recently")
    if most is not None and passed > (most, left.day):
        failed.add("left_too_long_ago")
    return failed


def _months(start: date, end: date) -> int:
    """From the month of one day to that of the other."""
    return (end.year - start.year) * 12 + end.month - start.month


def _folded(names: frozenset[str] | tuple[str, ...]) -> set[str]:
    return {" ".join(name.casefold().split()) for name in names}
