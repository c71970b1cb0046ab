"""People, as a row of a file says them: the words of the offices for those of the published language."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.registry.decisions import examine
from shared.events.district import BeneficiaryRecorded
from shared.events.receipts import Sentence, Verdict, message
from shared.uploads import cells
from shared.uploads.columns import Column, Fault, Kind

_SEXES = {"perempuan": "female", "P": "female", "female": "female", "laki-laki": "male", "L": "male", "male": "male"}
_STATUSES = {
    "klien": "client",
    "eks klien": "ex_client",
    "lulus": "graduated",
    "mundur": "withdrawn",
    "pindah": "moved",
    "meninggal": "deceased",
}
_DISABILITIES = {
    "fisik": "physical",
    "daksa": "physical",
    "netra": "visual",
    "rungu": "hearing",
    "wicara": "speech",
    "intelektual": "intellectual",
    "mental": "mental",
}
_SKILLS = {
    "menjahit": "sewing",
    "pijat": "massage",
    "memasak": "cooking",
    "bengkel": "workshop",
    "cukur": "barber",
    "kerajinan": "handicraft",
    "elektronik": "electronics",
    "pertanian": "farming",
    "percetakan": "printing",
    "dagang": "trade",
}
_PPKS = {
    "anak balita telantar": "neglected_toddler",
    "anak telantar": "neglected_child",
    "anak yang berhadapan dengan hukum": "child_in_conflict_with_law",
    "anak jalanan": "street_child",
    "anak dengan kedisabilitasan": "child_with_disability",
    "anak korban tindak kekerasan": "child_victim_of_violence",
    "anak yang memerlukan perlindungan khusus": "child_needing_special_protection",
    "lanjut usia telantar": "neglected_elderly",
    "penyandang disabilitas": "person_with_disability",
    "tuna susila": "sex_worker",
    "gelandangan": "homeless",
    "pengemis": "beggar",
    "pemulung": "scavenger",
    "kelompok minoritas": "minority_group",
    "bekas warga binaan lembaga pemasyarakatan": "former_prisoner",
    "orang dengan HIV/AIDS": "person_with_hiv",
    "korban penyalahgunaan NAPZA": "drug_abuse_victim",
    "korban perdagangan orang": "trafficking_victim",
    "korban tindak kekerasan": "violence_victim",
    "pekerja migran bermasalah sosial": "troubled_migrant_worker",
    "korban bencana alam": "natural_disaster_victim",
    "korban bencana sosial": "social_disaster_victim",
    "perempuan rawan sosial ekonomi": "vulnerable_woman",
    "fakir miskin": "poor",
    "keluarga bermasalah sosial psikologis": "troubled_family",
    "komunitas adat terpencil": "remote_indigenous_community",
}
_GIVEN = {"ya": True, "yes": True, "true": True, "tidak": False, "no": False, "false": False}
_BY = {"sendiri": "self", "wali": "guardian"}
_FORMS = {
    "tertulis": "written",
    "rekaman": "recorded",
    "braille": "braille",
    "bahasa isyarat": "sign_language",
    "mudah dibaca": "easy_read",
}


def _either(words: Mapping[str, str]) -> Mapping[str, str]:
    """The words of the offices and those of the language."""
    return {**words, **{meant: meant for meant in words.values()}}


_COLUMNS = (
    Column(
        "nomor",
        "district_ref",
        cells.ref,
        Sentence("Nomor orang di kabupaten/kota; tidak boleh berisi NIK.", "The district's number; never the NIK."),
        "W-0001",
    ),
    Column(
        "revisi",
        "revision",
        cells.whole(1, 1_000_000_000),
        Sentence(
            "Versi catatan; kosong berarti 1. Naikkan bila memperbaiki.", "Version; blank is 1. Raise to correct."
        ),
        "1",
        required=False,
    ),
    Column("nama", "name", cells.text, Sentence("Nama lengkap.", "Full name."), "Siti Contoh"),
    Column(
        "jenis_kelamin",
        "sex",
        cells.choice(_SEXES),
        Sentence("Jenis kelamin.", "Sex."),
        "P",
        words=("P", "L"),
    ),
    Column(
        "tanggal_lahir",
        "birth_date",
        cells.day,
        Sentence("Tanggal lahir: 1990-05-01 atau 01/05/1990.", "Date of birth: 1990-05-01 or 01/05/1990."),
        "1990-05-01",
    ),
    Column(
        "nik",
        "nik",
        cells.nik,
        Sentence("16 angka, sebagai teks; kosong bila belum ada.", "16 digits, as text; blank if there is none."),
        "",
        required=False,
    ),
    Column(
        "ppks",
        "ppks",
        cells.choice(_either(_PPKS)),
        Sentence("Kategori PPKS (Permensos 8/2012).", "PPKS category."),
        "penyandang disabilitas",
        words=tuple(_PPKS),
    ),
    Column(
        "disabilitas",
        "disabilities",
        cells.several(_either(_DISABILITIES), most=6),
        Sentence("Ragam disabilitas, dipisahkan koma.", "Kinds of disability, with commas between."),
        "fisik, rungu",
        required=False,
        words=tuple(_DISABILITIES),
    ),
    Column(
        "status",
        "status",
        cells.choice(_either(_STATUSES)),
        Sentence("Keadaan sekarang.", "Where the person stands now."),
        "eks klien",
        words=tuple(_STATUSES),
    ),
    Column("upt", "unit", cells.text, Sentence("Nama UPT.", "Name of the UPT."), "UPT RSBD Pasuruan", required=False),
    Column(
        "keterampilan",
        "skills",
        cells.several(_either(_SKILLS), most=10, others=True),
        Sentence("Keterampilan, dipisahkan koma.", "Skills, with commas between."),
        "menjahit",
        required=False,
        words=tuple(_SKILLS),
    ),
    Column(
        "keluar_upt",
        "leaves_unit_on",
        cells.day,
        Sentence("Tanggal klien keluar dari UPT.", "When the client is to leave the UPT."),
        "",
        required=False,
    ),
    Column(
        "persetujuan",
        "consent_given",
        cells.choice(_GIVEN),
        Sentence(
            "Persetujuan atas pemrosesan data (UU 27/2022); tanpa ini baris ditolak.",
            "Consent to the processing of the data (UU 27/2022); without it the row is refused.",
        ),
        "ya",
        words=("ya", "tidak"),
    ),
    Column(
        "persetujuan_oleh",
        "consent_by",
        cells.choice(_either(_BY)),
        Sentence("Oleh sendiri atau wali.", "By oneself or the guardian."),
        "sendiri",
        words=tuple(_BY),
    ),
    Column(
        "bentuk_persetujuan",
        "consent_form",
        cells.choice(_either(_FORMS)),
        Sentence("Bentuk persetujuan.", "Its form."),
        "tertulis",
        words=tuple(_FORMS),
    ),
    Column(
        "tanggal_persetujuan",
        "consent_on",
        cells.day,
        Sentence("Tanggal persetujuan.", "Its date."),
        "2026-01-15",
    ),
)
_FAULTY = {"no_consent": "persetujuan", "invalid_nik": "nik"}


def _shape(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Blank cells are what the language says of nothing."""
    blank = {"revision": 1, "nik": None, "disabilities": (), "unit": None, "skills": ()}
    consent = {name: fields[f"consent_{name}"] for name in ("given", "by", "form", "on")}
    said = {name: value for name, value in fields.items() if not name.startswith("consent_")}
    return blank | said | {"consent": consent}


def _judge(record: BeneficiaryRecorded, district: str, _: datetime) -> Fault | None:
    answer = examine(record, district)
    if answer.verdict is Verdict.accepted:
        return None
    where = next((name for field, name in _PATHS if f"$.{field}`" in answer.detail), _FAULTY.get(answer.reason))
    return Fault(where, answer.reason, message(answer))


_PATHS = tuple((column.field, column.name) for column in _COLUMNS)

WORDS = {
    "sex": {"female": "P", "male": "L"},
    "ppks": {meant: word for word, meant in _PPKS.items()},
    "disabilities": {meant: word for word, meant in reversed(_DISABILITIES.items())},
    "status": {meant: word for word, meant in _STATUSES.items()},
    "skills": {meant: word for word, meant in _SKILLS.items()},
    "consent_by": {meant: word for word, meant in _BY.items()},
    "consent_form": {meant: word for word, meant in _FORMS.items()},
}
"""The words of the offices for those of the language, by field."""

PEOPLE = Kind(
    name="people",
    title=Sentence("Data warga binaan", "People"),
    data=BeneficiaryRecorded,
    columns=_COLUMNS,
    shape=_shape,
    key=lambda record: record.district_ref,
    key_column="nomor",
    judge=_judge,
)
