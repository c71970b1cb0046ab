"""People as rows of a spreadsheet, in the words of an upload. Of a NIK its last four digits, as everywhere."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import IO, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.keys import NikKeys
from services.registry.uploading import WORDS
from services.registry.views import Beneficiary, Sort, Wanted, count_beneficiaries, read_some
from shared.events.districts import DISTRICTS
from shared.refusals import Refused
from shared.sheets import Format, Value, open_sheet

Language = Literal["id", "en"]
MAX_ROWS = 1_000_000
"""A sheet has 1,048,576."""
_PAGE = 500
_COLUMNS: Sequence[tuple[str, str, int]] = (
    ("kode", "code", 8),
    ("kabupaten_kota", "district", 22),
    ("nomor", "district_ref", 18),
    ("revisi", "revision", 8),
    ("nama", "name", 30),
    ("jenis_kelamin", "sex", 12),
    ("tanggal_lahir", "birth_date", 12),
    ("nik_empat_akhir", "nik_last_four", 14),
    ("ppks", "ppks", 34),
    ("disabilitas", "disabilities", 24),
    ("status", "status", 14),
    ("upt", "unit", 28),
    ("keterampilan", "skills", 28),
    ("keluar_upt", "leaves_unit_on", 12),
    ("persetujuan_oleh", "consent_by", 16),
    ("bentuk_persetujuan", "consent_form", 18),
    ("tanggal_persetujuan", "consent_on", 18),
    ("persetujuan_ditarik", "consent_withdrawn_on", 18),
    ("sama_dengan", "alias_of", 38),
    ("id", "beneficiary_id", 38),
)
"""Headings in Bahasa Indonesia and English, and widths in characters."""


async def write(
    session: AsyncSession,
    keys: NikKeys,
    wanted: Wanted,
    *,
    sort: Sort,
    kind: Format,
    language: Language,
    out: IO[bytes],
) -> int:
    """All whom the list would show, a page at a time. Returns how many. Raises Refused `too_large`."""
    total = await count_beneficiaries(session, wanted)
    if total > MAX_ROWS:
        raise Refused("too_large", most=MAX_ROWS, total=total)
    headings = [indonesian if language == "id" else english for indonesian, english, _ in _COLUMNS]
    sheet = open_sheet(kind, headings, [width for _, _, width in _COLUMNS], out)
    words = WORDS if language == "id" else {}
    written, after = 0, None
    while True:
        people, after = await read_some(session, keys, wanted, sort=sort, after=after, limit=_PAGE)
        await asyncio.to_thread(sheet.add, [_row(person, words) for person in people])
        written += len(people)
        if after is None:
            await asyncio.to_thread(sheet.close)
            return written


def _row(person: Beneficiary, words: Mapping[str, Mapping[str, str]]) -> list[Value]:
    def word(column: str, said: str) -> str:
        return words.get(column, {}).get(said, said)

    return [
        person.district,
        DISTRICTS[person.district].title,
        person.district_ref,
        person.revision,
        person.name,
        word("sex", person.sex),
        person.birth_date.isoformat() if person.birth_date else None,
        person.nik_last_four,
        word("ppks", person.ppks),
        ", ".join(word("disabilities", each) for each in person.disabilities),
        word("status", person.status),
        person.unit,
        ", ".join(word("skills", each) for each in person.skills),
        person.leaves_unit_on.isoformat() if person.leaves_unit_on else None,
        word("consent_by", person.consent.by),
        word("consent_form", person.consent.form),
        person.consent.on.isoformat(),
        person.consent_withdrawn_on.isoformat() if person.consent_withdrawn_on else None,
        str(person.alias_of) if person.alias_of else None,
        str(person.beneficiary_id),
    ]
