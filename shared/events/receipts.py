"""What the province answered to one event: a stable code, and a sentence in both languages that says what to do."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class Verdict(StrEnum):
    accepted = "accepted"
    superseded = "superseded"
    duplicate = "duplicate"
    waiting = "waiting"
    rejected = "rejected"
    quarantined = "quarantined"


class Sentence(msgspec.Struct, frozen=True):
    """The same sentence in Bahasa Indonesia and in English."""

    id: str
    en: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """`berdaya.receipt.v1`. `warnings` are stable codes; `at` is when the province answered."""

    event_id: str
    event_type: str
    verdict: Verdict
    reason: Annotated[str, Meta(max_length=64)]
    message: Sentence
    warnings: tuple[str, ...]
    at: Annotated[datetime, Meta(tz=True)]


class Answer(msgspec.Struct, frozen=True):
    """What a handler decides about one event. `waits_for` names the missing thing, e.g. `beneficiary/<id>`.

    `detail` is a path or a number, the same in both languages; `note` is one with words of its own, and is not stored.
    """

    verdict: Verdict
    reason: str
    detail: str = ""
    warnings: tuple[str, ...] = ()
    waits_for: str | None = None
    note: Sentence | None = None


def accepted(*warnings: str) -> Answer:
    return _PLAIN if not warnings else Answer(Verdict.accepted, "accepted", warnings=warnings)


def superseded(reason: str = "older_revision", *warnings: str) -> Answer:
    return Answer(Verdict.superseded, reason, warnings=warnings)


def duplicate(*warnings: str) -> Answer:
    return Answer(Verdict.duplicate, "duplicate", warnings=warnings)


def waiting(reason: str, waits_for: str) -> Answer:
    return Answer(Verdict.waiting, reason, waits_for=waits_for)


def rejected(reason: str, detail: str = "") -> Answer:
    return Answer(Verdict.rejected, reason, detail)


def quarantined(reason: str, detail: str = "") -> Answer:
    return Answer(Verdict.quarantined, reason, detail)


def message(answer: Answer) -> Sentence:
    """The sentence of the answer's reason, followed by the detail (a path or a number, never a value of the event)."""
    sentence = SENTENCES[answer.reason]
    if answer.note:
        return Sentence(f"{sentence.id} ({answer.note.id})", f"{sentence.en} ({answer.note.en})")
    if not answer.detail:
        return sentence
    return Sentence(f"{sentence.id} ({answer.detail})", f"{sentence.en} ({answer.detail})")


_PLAIN = Answer(Verdict.accepted, "accepted")

SENTENCES = {
    "accepted": Sentence("Diterima.", "Accepted."),
    "duplicate": Sentence(
        "Sudah pernah diterima; tidak dihitung dua kali.", "Already received before; it is not counted twice."
    ),
    "older_revision": Sentence(
        "Revisi yang lebih baru sudah ada; revisi ini tidak dipakai.",
        "A newer revision is already known; this one is not used.",
    ),
    "revision_conflict": Sentence(
        "Isi lain dengan nomor revisi sama dan waktu lebih baru mengalahkan isi ini. Bila isi ini yang benar, kirim "
        "lagi dengan nomor revisi lebih tinggi.",
        "Other content with the same revision and a later time prevailed over this one. If this is the right one, send "
        "it again with a higher revision.",
    ),
    "manifest_differs": Sentence(
        "Manifes diterima; yang sampai belum sama dengan isinya.",
        "The manifest is accepted; what has arrived does not yet agree with it.",
    ),
    "newer_manifest": Sentence(
        "Manifes yang lebih baru untuk hari dan jenis ini sudah ada; manifes ini tidak dipakai.",
        "A later manifest of this day and stream is known; this one is not used.",
    ),
    "unknown_beneficiary": Sentence(
        "Warga binaan belum dikenal; peristiwa ini menunggu. Kirim beneficiary-recorded untuk district_ref ini.",
        "The person is not yet known; this event waits. Send beneficiary-recorded for this district_ref.",
    ),
    "unknown_grant": Sentence(
        "Bantuan belum dikenal; peristiwa ini menunggu. Kirim grant-requested untuk grant_ref ini.",
        "The grant is not yet known; this event waits. Send grant-requested for this grant_ref.",
    ),
    "not_disbursed": Sentence(
        "Bantuan belum dicairkan; serah terima ini menunggu pencairan.",
        "The grant is not yet disbursed; this handover waits for the disbursement.",
    ),
    "behind_quarantine": Sentence(
        "Menunggu karena peristiwa sebelumnya dengan kunci yang sama ada di karantina. Hubungi provinsi.",
        "Waits because an earlier event of the same key is in quarantine. Contact the province.",
    ),
    "invalid_data": Sentence(
        "Isi peristiwa tidak sesuai kontrak. Perbaiki bagian yang disebut lalu kirim dengan id baru.",
        "The data does not follow the contract. Mend the part named and send it with a new id.",
    ),
    "invalid_nik": Sentence(
        "NIK tidak sah: harus 16 angka dengan tanggal yang mungkin dan nomor urut bukan 0000.",
        "The NIK is not valid: it has 16 digits, a possible date and a serial other than 0000.",
    ),
    "no_consent": Sentence(
        "Tidak ada persetujuan (UU 27/2022); data orang ini tidak disimpan.",
        "No consent (UU 27/2022); this person's data is not kept.",
    ),
    "district_mismatch": Sentence(
        "Kabupaten/kota dalam peristiwa berbeda dari pengirimnya.",
        "The district in the event is not that of its sender.",
    ),
    "subject_mismatch": Sentence(
        "subject harus sama dengan district_ref dalam isi.", "The subject must equal district_ref in the data."
    ),
    "wrong_topic": Sentence(
        "Jenis peristiwa ini tidak diterima di sini; kirim ke layanan yang tepat.",
        "This type is not taken here; send it to the service it belongs to.",
    ),
    "time_in_future": Sentence(
        "Waktu peristiwa lebih dari satu hari di depan. Betulkan jam sistem, lalu kirim lagi dengan id baru.",
        "The event's time is more than a day ahead. Set the system's clock right, then send it again under a new id.",
    ),
    "future_month": Sentence(
        "Bulan laporan belum mulai ketika peristiwa ini terjadi atau diterima. Periksa bulan dan jam sistem.",
        "The month had not begun when the event happened or was taken. Check the month and the system's clock.",
    ),
    "unknown_stream": Sentence(
        "stream tidak dikenal. Pakai nama pendek jenis peristiwa, misalnya income-reported.",
        "The stream is not known. Use the short name of an event type, e.g. income-reported.",
    ),
    "future_day": Sentence(
        "Hari manifes sesudah waktu peristiwa. Periksa hari dan jam sistem.",
        "The day is after the event's own time. Check the day and the system's clock.",
    ),
    "amount_mismatch": Sentence(
        "Nilai bantuan tidak sama dengan jumlah barangnya.", "The amount is not the sum of the items."
    ),
    "no_items": Sentence("Bantuan peralatan perlu daftar barang.", "Equipment needs at least one item."),
    "already_in_progress": Sentence(
        "Bantuan ini sudah diproses; isinya tidak dapat diganti lagi.",
        "This grant is already being processed; its content can no longer change.",
    ),
    "already_handed_over": Sentence(
        "Serah terima bantuan ini sudah tercatat dengan isi lain.",
        "The handover of this grant is already on record with other content.",
    ),
    "grant_closed": Sentence(
        "Bantuan ini ditolak atau dibatalkan; tidak ada yang dapat diserahterimakan.",
        "This grant was rejected or cancelled; there is nothing to hand over.",
    ),
    "not_json": Sentence(
        "Catatan tidak dapat dibaca sebagai JSON; disimpan di karantina.",
        "The record cannot be read as JSON; it is kept in quarantine.",
    ),
    "no_value": Sentence(
        "Catatan tidak berisi apa pun; disimpan di karantina.", "The record has no value; it is kept in quarantine."
    ),
    "too_large": Sentence(
        "Peristiwa terlalu besar; disimpan di karantina.", "The event is too large; it is kept in quarantine."
    ),
    "invalid_envelope": Sentence(
        "Amplop CloudEvents tidak lengkap atau salah; disimpan di karantina.",
        "The CloudEvents envelope is incomplete or wrong; it is kept in quarantine.",
    ),
    "unknown_type": Sentence(
        "Jenis peristiwa tidak dikenal; disimpan di karantina.",
        "The type of the event is not known; it is kept in quarantine.",
    ),
    "discarded": Sentence(
        "Dikeluarkan dari karantina oleh provinsi tanpa dipakai. Kirim lagi dengan id baru.",
        "Taken out of quarantine by the province without being used. Send it again with a new id.",
    ),
}
