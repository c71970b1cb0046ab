"""What people read about the published language: a sentence per type, field and reason. Tests keep them complete."""

from typing import NamedTuple

from shared.events.receipts import Sentence, Verdict

SUMMARIES = {
    "berdaya.district.beneficiary-recorded.v1": (
        "A district (kabupaten/kota) records a beneficiary (warga binaan) as it knows them now: "
        "a client (klien) in a UPT, or an ex-client (eks klien)."
    ),
    "berdaya.district.grant-requested.v1": "A district requests a grant (bantuan) for a beneficiary.",
    "berdaya.district.grant-handed-over.v1": (
        "A grant reached the person: the handover (BAST, berita acara serah terima) with its evidence."
    ),
    "berdaya.district.income-reported.v1": (
        "The income report (laporan perkembangan usaha) of one business for one month: "
        "turnover (omzet), costs, employees, orders and what became of the assets."
    ),
    "berdaya.district.manifest-closed.v1": (
        "A system closes a day of one stream with its control totals (manifes harian): how many events it sent, what "
        "they add up to, and a hash of their ids. Each service takes the manifests of its own streams."
    ),
    "berdaya.registry.beneficiary-registered.v1": (
        "A beneficiary was seen for the first time. Of the PPKS category (kategori PPKS) only the group is told."
    ),
    "berdaya.registry.beneficiary-updated.v1": "The whole state of a beneficiary after a change.",
    "berdaya.registry.duplicate-suspected.v1": "Two records may be one person (dugaan ganda); a human decides.",
    "berdaya.registry.duplicate-decided.v1": "A suspected duplicate was decided, or lost its ground (withdrawn).",
    "berdaya.grants.budget-set.v1": "The budget (pagu) of a district for a fiscal year, in rupiah.",
    "berdaya.grants.grant-requested.v1": "A grant was requested and assessed.",
    "berdaya.grants.grant-verified.v1": "A district officer verified the grant.",
    "berdaya.grants.grant-approved.v1": "The grant was approved: its amount is committed (komitmen).",
    "berdaya.grants.grant-rejected.v1": "The grant was rejected.",
    "berdaya.grants.grant-disbursed.v1": "The grant was disbursed (realisasi).",
    "berdaya.grants.grant-handed-over.v1": "The grant is in the hands of the beneficiary.",
    "berdaya.grants.grant-cancelled.v1": "The grant was cancelled: what it had committed is free again.",
    "berdaya.grants.assets-kept.v1": "The things (alat) that a handover names: who has each, in what condition.",
    "berdaya.reporting.growth-changed.v1": (
        "The growth class (kelas perkembangan) of a business changed, with the evidence; "
        "`from` is null for its first class."
    ),
    "berdaya.receipt.v1": "The receipt (tanda terima): what the province (provinsi) answered to one event.",
}

ABOUT = """\
What district systems and the services of Berdaya say to each other. Fields may be added as optional; none is removed,
renamed or given another meaning inside `.v1`. Readers ignore what they do not know.

**Envelope.** CloudEvents 1.0. Records are written in binary mode: attributes in `ce_` headers, the data as the value.
Structured mode (`content-type: application/cloudevents+json`) is read as well. The same events are taken over HTTP by
`POST /v1/events` of each service. The same (`source`, `id`) again is a duplicate and changes nothing.

**District.** The district of an event is the one in the name of its topic, or of the token over HTTP.

**Keys.** Intake is keyed by `district_ref`, manifests by their day; facts by `beneficiary_id`, suspected duplicates by
`duplicate_id`, budgets by `district`; receipts by the id of the event that they answer. Order is kept within a key, and
promised nowhere else.

**Receipts.** Every event from a district is answered on `receipts.<district>` with exactly one final verdict;
`waiting` is followed by another. The sentences say what to do, in Bahasa Indonesia and in English.
"""


class Cure(NamedTuple):
    """What to do about a reason, and the verdict it comes with."""

    verdict: Verdict
    what_to_do: Sentence


def _cure(verdict: Verdict, indonesian: str, english: str) -> Cure:
    return Cure(verdict, Sentence(indonesian, english))


_MEND = (
    "Perbaiki sistem pengirim dan hubungi provinsi: peristiwa berikut dengan kunci yang sama menunggu di belakangnya.",
    "Mend the sending system and contact the province: later events of the same key wait behind it.",
)

CURES = {
    "accepted": _cure(Verdict.accepted, "Tidak ada.", "Nothing."),
    "older_revision": _cure(
        Verdict.superseded,
        "Tidak ada. Bila isi ini yang benar, kirim dengan revisi yang lebih tinggi.",
        "Nothing. If this content is the right one, send it with a higher revision.",
    ),
    "revision_conflict": _cure(
        Verdict.superseded,
        "Kirim isi yang benar dengan revisi lebih tinggi; cari mengapa satu nomor dipakai dua kali.",
        "Send the right content with a higher revision; find out why one number was used twice.",
    ),
    "manifest_differs": _cure(
        Verdict.accepted,
        "Belum sampai: kirim lagi peristiwanya dengan id yang sama. Lebih atau berbeda: periksa daftar id hari itu dan "
        "kirim manifes baru. Tanda terima di HTTP selalu dihitung ulang.",
        "Not arrived: send those events again with the same ids. Too many or others: check the day's list of ids and "
        "send a new manifest. The receipt over HTTP is always computed anew.",
    ),
    "newer_manifest": _cure(
        Verdict.superseded,
        "Tidak ada. Bila isi ini yang benar, kirim dengan id baru dan waktu sekarang.",
        "Nothing. If this content is the right one, send it with a new id and the present time.",
    ),
    "duplicate": _cure(
        Verdict.duplicate,
        "Tidak ada; jawaban yang pertama tetap berlaku.",
        "Nothing; the first answer stands.",
    ),
    "unknown_beneficiary": _cure(
        Verdict.waiting,
        "Kirim data orangnya; peristiwa ini lalu dipakai sendiri, jangan dikirim lagi.",
        "Send the person's record; this event is then applied by itself, do not send it again.",
    ),
    "unknown_grant": _cure(
        Verdict.waiting,
        "Kirim permintaan bantuannya; peristiwa ini lalu dipakai sendiri.",
        "Send the request of the grant; this event is then applied by itself.",
    ),
    "not_disbursed": _cure(
        Verdict.waiting,
        "Tunggu pencairan; peristiwa ini lalu dipakai sendiri.",
        "Wait for the disbursement; this event is then applied by itself.",
    ),
    "behind_quarantine": _cure(
        Verdict.waiting,
        "Hubungi provinsi; jangan dikirim lagi.",
        "Contact the province; do not send it again.",
    ),
    "invalid_data": _cure(
        Verdict.rejected,
        "Bagian yang salah ada dalam kurung; perbaiki, kirim dengan id baru.",
        "The wrong part is named in brackets; mend it and send it with a new id.",
    ),
    "invalid_nik": _cure(
        Verdict.rejected,
        "Periksa pada KTP. Bila belum jelas, kirim `null` dengan id baru.",
        "Look at the identity card. While it is unclear, send `null` with a new id.",
    ),
    "no_consent": _cure(
        Verdict.rejected,
        "Minta persetujuan orangnya atau walinya, lalu kirim dengan id baru.",
        "Ask the person or the guardian for consent, then send it with a new id.",
    ),
    "district_mismatch": _cure(
        Verdict.rejected,
        "Samakan kode dalam `source` dengan topik atau token.",
        "Make the code in `source` that of the topic or the token.",
    ),
    "subject_mismatch": _cure(
        Verdict.rejected,
        "Isi `subject` dengan `district_ref`, kirim dengan id baru.",
        "Put the `district_ref` into `subject`, send it with a new id.",
    ),
    "wrong_topic": _cure(
        Verdict.rejected,
        "Lihat topik setiap peristiwa di atas.",
        "See the topic of each event above.",
    ),
    "time_in_future": _cure(
        Verdict.rejected,
        "Betulkan jam sistem pengirim (NTP), kirim lagi dengan `time` yang benar dan id baru.",
        "Set the sending system's clock right (NTP); send it again with the right `time` and a new id.",
    ),
    "future_month": _cure(
        Verdict.rejected,
        "Betulkan bulan atau jam sistem, kirim dengan id baru.",
        "Correct the month or the clock, send it with a new id.",
    ),
    "unknown_stream": _cure(
        Verdict.rejected,
        "Isi `stream` dengan nama dari daftar, kirim dengan id baru.",
        "Put a name from the list into `stream`, send it with a new id.",
    ),
    "future_day": _cure(
        Verdict.rejected,
        "Betulkan hari atau jam sistem, kirim dengan id baru.",
        "Correct the day or the clock, send it with a new id.",
    ),
    "amount_mismatch": _cure(
        Verdict.rejected,
        "Jumlahkan quantity × unit_value setiap barang, kirim dengan id baru.",
        "Add up quantity × unit_value of the items, send it with a new id.",
    ),
    "no_items": _cure(
        Verdict.rejected,
        "Isi `items`, kirim dengan id baru.",
        "Fill in `items`, send it with a new id.",
    ),
    "already_in_progress": _cure(
        Verdict.rejected,
        "Minta provinsi membatalkannya, lalu ajukan dengan `grant_ref` baru.",
        "Ask the province to cancel it, then request with a new `grant_ref`.",
    ),
    "already_handed_over": _cure(
        Verdict.rejected,
        "Bila catatan pertama salah, hubungi provinsi.",
        "If the first record is wrong, contact the province.",
    ),
    "grant_closed": _cure(
        Verdict.rejected,
        "Periksa `grant_ref`; bila barang sudah diserahkan, hubungi provinsi.",
        "Check the `grant_ref`; if things were handed over, contact the province.",
    ),
    "discarded": _cure(
        Verdict.rejected,
        "Perbaiki, lalu kirim dengan id baru.",
        "Mend it, then send it with a new id.",
    ),
    "not_json": _cure(Verdict.quarantined, *_MEND),
    "no_value": _cure(Verdict.quarantined, *_MEND),
    "too_large": _cure(Verdict.quarantined, *_MEND),
    "invalid_envelope": _cure(Verdict.quarantined, *_MEND),
    "unknown_type": _cure(Verdict.quarantined, *_MEND),
}

FIELDS = {
    "district_ref": Sentence("nomor orang di kabupaten/kota", "the district's number for the person"),
    "revision": Sentence("versi catatan, mulai 1", "version of the record, from 1"),
    "name": Sentence("nama lengkap", "full name"),
    "sex": Sentence("jenis kelamin", "sex"),
    "birth_date": Sentence("tanggal lahir", "date of birth"),
    "nik": Sentence("NIK, 16 angka", "national identity number, 16 digits"),
    "ppks": Sentence("kategori PPKS (Permensos 8/2012)", "PPKS category"),
    "disabilities": Sentence("ragam disabilitas", "kinds of disability"),
    "status": Sentence("klien, eks klien, ...", "client, ex-client, ..."),
    "unit": Sentence("nama UPT", "name of the UPT"),
    "skills": Sentence("keterampilan, mis. `sewing`", "skills, e.g. `sewing`"),
    "consent.given": Sentence("persetujuan diberikan; `false` ditolak", "consent was given; `false` is rejected"),
    "consent.by": Sentence("oleh sendiri atau wali", "by oneself or the guardian"),
    "consent.form": Sentence("bentuk persetujuan", "its form"),
    "consent.on": Sentence("tanggal persetujuan", "its date"),
    "leaves_unit_on": Sentence("tanggal keluar dari UPT", "when the client is to leave the UPT"),
    "grant_ref": Sentence("nomor bantuan di kabupaten/kota", "the district's number for the grant"),
    "kind": Sentence("jenis bantuan", "kind of grant"),
    "items": Sentence(
        "daftar barang; untuk `equipment` paling sedikit satu", "the things; at least one for `equipment`"
    ),
    "items[].name": Sentence("nama barang", "name of the thing"),
    "items[].quantity": Sentence("banyaknya", "how many"),
    "items[].unit_value": Sentence("harga satuan, rupiah", "value of one, rupiah"),
    "amount": Sentence("nilai bantuan, rupiah; jumlah `items`", "value of the grant, rupiah; the sum of `items`"),
    "fiscal_year": Sentence("tahun anggaran", "fiscal year"),
    "purpose": Sentence("tujuan", "what it is for"),
    "desil": Sentence("desil kesejahteraan", "welfare decile"),
    "on": Sentence("tanggal serah terima", "date of the handover"),
    "received_by": Sentence("penerima: warga binaan atau wali", "who took it"),
    "witness": Sentence("saksi", "witness"),
    "evidence_sha256": Sentence("SHA-256 dari berkas BAST", "SHA-256 of the BAST file"),
    "assets": Sentence("aset yang diserahkan", "the assets handed over"),
    "assets[].name": Sentence("nama aset", "name of the asset"),
    "assets[].serial": Sentence("nomor seri", "serial number"),
    "month": Sentence("bulan laporan", "month of the report"),
    "turnover": Sentence("omzet, rupiah", "turnover, rupiah"),
    "materials": Sentence("biaya bahan, rupiah", "cost of materials, rupiah"),
    "production": Sentence("biaya produksi, rupiah", "cost of production, rupiah"),
    "wages": Sentence("upah, rupiah", "wages, rupiah"),
    "employees": Sentence("banyaknya pekerja", "number of employees"),
    "orders": Sentence("banyaknya pesanan", "number of orders"),
    "asset_use": Sentence("pemakaian aset", "use of the assets"),
    "stream": Sentence(
        "jenis peristiwa yang dihitung: `beneficiary-recorded`, `grant-requested`, `grant-handed-over`, "
        "`income-reported`",
        "the type of the events counted, one of these",
    ),
    "day": Sentence(
        "hari kejadian menurut `time` peristiwa, waktu Jakarta (UTC+7); juga isi `subject` dan kunci",
        "the day by the events' own `time`, in Jakarta (UTC+7); also the `subject` and the key",
    ),
    "count": Sentence(
        "banyaknya id yang dikirim dari `source` ini, apa pun jawabannya; ulangan tidak dihitung",
        "how many ids this `source` sent, whatever they were answered; repetitions do not count",
    ),
    "sum_rupiah": Sentence(
        "jumlah rupiah: `turnover` untuk `income-reported`, `amount` untuk `grant-requested`, selain itu 0",
        "the sum in rupiah: of `turnover` for `income-reported`, of `amount` for `grant-requested`, else 0",
    ),
    "sha256": Sentence(
        "SHA-256 (heksadesimal kecil) dari semua id, diurutkan menurut kode huruf, disambung dengan LF, UTF-8",
        "SHA-256 (lower hex) of the ids, sorted by code point, joined by LF, in UTF-8",
    ),
    "event_id": Sentence("id peristiwa yang dijawab", "id of the event it answers"),
    "event_type": Sentence("jenis peristiwa itu", "type of that event"),
    "verdict": Sentence("keputusan", "the decision"),
    "reason": Sentence("kode alasan, lihat di bawah", "code of the reason, see below"),
    "message.id": Sentence("kalimat dalam Bahasa Indonesia", "the sentence in Bahasa Indonesia"),
    "message.en": Sentence("kalimat dalam bahasa Inggris", "the sentence in English"),
    "warnings": Sentence("kode peringatan; peristiwa tetap dipakai", "codes of warnings; the event counts"),
    "at": Sentence("waktu jawaban", "when the province answered"),
}

WARNINGS = {
    "clock_ahead": Sentence(
        "Waktu peristiwa lebih dari 10 menit di depan; lebih dari satu hari akan ditolak. Betulkan jam sistem.",
        "The event's time is more than 10 minutes ahead; beyond a day it is rejected. Set the system's clock right.",
    ),
    "nik_sex_mismatch": Sentence("NIK dan jenis kelamin tidak cocok.", "The NIK and the sex disagree."),
    "nik_birth_date_mismatch": Sentence(
        "NIK dan tanggal lahir tidak cocok.", "The NIK and the date of birth disagree."
    ),
    "nik_district_mismatch": Sentence(
        "NIK pertama terbit di kabupaten/kota lain; sering kali karena pindah.",
        "The NIK was first issued in another district; often the person has moved.",
    ),
    "guardian_missing": Sentence(
        "Orang ini belum 18 tahun pada tanggal persetujuan; walilah yang menyetujui. Minta persetujuan wali, lalu "
        "kirim dengan nomor revisi lebih tinggi.",
        "The person was under 18 on the day of the consent, which is for the guardian to give. Ask the guardian, then "
        "send the record with a higher revision.",
    ),
    "manifest_differs": Sentence(
        "Yang sampai tidak sama dengan manifes; angkanya ada dalam kalimat.",
        "What arrived is not what the manifest says; the numbers are in the sentence.",
    ),
    "serial_elsewhere": Sentence(
        "Nomor seri ini sudah diserahkan lebih dahulu kepada orang lain; periksa nomornya atau catat pengembaliannya.",
        "An earlier handover gave this serial to somebody else; check the number, or have its return recorded.",
    ),
    "revision_conflict": Sentence(
        "Nomor revisi yang sama pernah dikirim dengan isi lain; dari keduanya, yang waktunya lebih baru yang dipakai, "
        "selama tidak ada revisi yang lebih tinggi.",
        "The same revision was sent with other content; of those the one with the later time counts, as long as there "
        "is no higher revision.",
    ),
    "unusual_transition": Sentence(
        "Status ini tidak lazim sesudah status revisi sebelumnya. Bila status ini atau yang sebelumnya keliru, kirim "
        "catatan yang benar dengan nomor revisi lebih tinggi.",
        "This status does not usually follow that of the revision before. If it or the one before is wrong, send the "
        "right record with a higher revision.",
    ),
}
