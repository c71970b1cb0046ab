"""A refusal is a business answer: a stable code, a sentence in both languages. All else raised is a fault."""

from collections.abc import Mapping

from shared.events.receipts import Sentence


class Refused(Exception):
    """`detail` goes to the caller as it is: numbers, codes and statuses, never personal data.

    It becomes members of the problem+json (RFC 9457), so none may be called type, title, status, code or message.
    """

    def __init__(self, code: str, **detail: object) -> None:
        super().__init__(code)
        self.code = code
        self.detail: Mapping[str, object] = detail

    @property
    def message(self) -> Sentence:
        return TITLES[self.code]


TITLES: dict[str, Sentence] = {
    "foreign_form": Sentence(
        "Permintaan ini tidak berasal dari halaman Berdaya; tidak ada yang diubah.",
        "This request did not come from a Berdaya page; nothing was changed.",
    ),
    "illegal_transition": Sentence(
        "Langkah ini tidak dapat dilakukan pada status bantuan sekarang.",
        "This step cannot be taken in the present status of the grant.",
    ),
    "budget_exceeded": Sentence(
        "Sisa pagu kabupaten/kota tidak cukup untuk bantuan ini; tidak ada yang diubah.",
        "What is left of the district's budget does not cover this grant; nothing was changed.",
    ),
    "budget_below_committed": Sentence(
        "Pagu tidak boleh lebih kecil dari komitmen yang sudah ada.",
        "The budget cannot be less than what is already committed.",
    ),
    "same_district": Sentence(
        "Pergeseran pagu perlu dua kabupaten/kota yang berbeda.",
        "A budget is moved between two different districts.",
    ),
    "budget_too_large": Sentence(
        "Pagu kabupaten/kota tujuan akan melampaui batas yang diizinkan.",
        "The budget of the receiving district would exceed what is allowed.",
    ),
    "four_eyes": Sentence(
        "Pemeriksa, pemberi persetujuan, dan bendahara harus orang yang berbeda.",
        "The verifier, the approvers and the treasurer must be different people.",
    ),
    "criteria_not_met": Sentence("Kriteria bantuan belum terpenuhi.", "The criteria for this grant are not met."),
    "duplicate_suspected": Sentence(
        "Orang ini diduga tercatat dua kali; putuskan dugaan itu lebih dahulu.",
        "This person may be on record twice; decide that suspicion first.",
    ),
    "consent_withdrawn": Sentence(
        "Orang ini menarik persetujuannya; langkah ini menunggu sampai persetujuan diberikan lagi.",
        "The person withdrew consent; this step can be taken once it is given again.",
    ),
    "serial_elsewhere": Sentence(
        "Barang dengan nomor seri ini tercatat di tangan orang lain; catat pengembaliannya lebih dahulu.",
        "An item with this serial number is on record in other hands; record its return first.",
    ),
    "already_there": Sentence("Barang ini sudah di tangan orang itu.", "The item is already in that person's hands."),
    "batch_refused": Sentence(
        "Ada bantuan dalam daftar ini yang tidak dapat disetujui; tidak ada yang diubah.",
        "Some grants of this list cannot be approved; nothing was changed.",
    ),
    "total_mismatch": Sentence(
        "Jumlah bantuan dalam daftar berbeda dari totalnya; tidak ada yang diubah.",
        "The grants of the list do not add up to its total; nothing was changed.",
    ),
    "second_approver_needed": Sentence(
        "Bantuan sebesar ini perlu dua pemberi persetujuan; minta persetujuan pertamanya lebih dahulu.",
        "A grant of this size needs two approvers; have it approved by the first one before.",
    ),
    "wrong_outcome": Sentence(
        "Hasil ini bukan untuk jenis bantuan ini; hanya pelatihan dan pemasaran punya hasil.",
        "This outcome is not of this kind of grant; only training and marketing have one.",
    ),
    "fund_mismatch": Sentence(
        "Pemberi persetujuan pertama memilih sumber dana lain; gunakan yang sama.",
        "The first approver chose another source of funds; name the same one.",
    ),
    "letter_not_printable": Sentence(
        "Surat ini memuat tanda yang tidak ada pada huruf PDF; cetak halaman .html-nya.",
        "This letter holds a character that the fonts of the PDF lack; print its .html page.",
    ),
    "document_not_due": Sentence(
        "Surat ini belum ada, atau tidak lagi berlaku, pada status bantuan sekarang.",
        "This letter does not exist yet, or no longer, in the present status of the grant.",
    ),
    "already_decided": Sentence(
        "Dugaan data ganda ini sudah diputuskan.", "This suspected duplicate has already been decided."
    ),
    "not_decided": Sentence(
        "Dugaan data ganda ini belum diputuskan; tidak ada yang dapat dibatalkan.",
        "This suspected duplicate is not decided; there is nothing to undo.",
    ),
    "no_report": Sentence(
        "Usaha ini belum punya laporan; belum ada yang dapat dinilai lain.",
        "This business has no report yet; there is nothing to judge differently.",
    ),
    "until_out_of_range": Sentence(
        "Bulan akhir harus dari bulan laporan terbaru sampai paling lama 12 bulan sesudahnya.",
        "The end month must be the newest reported month, or at most 12 months after it.",
    ),
    "no_override": Sentence(
        "Tidak ada penetapan petugas yang berlaku untuk usaha ini.", "No override is in force for this business."
    ),
    "not_on_worklist": Sentence(
        "Baris ini tidak ada di daftar kerja, atau sudah tentang bulan lain; muat ulang daftarnya.",
        "This line is not on the worklist, or is by now about another month; read the list again.",
    ),
    "upload_expired": Sentence(
        "Berkas yang diperiksa ini sudah dihapus; unggah sekali lagi.",
        "This checked file has been deleted by now; upload it once more.",
    ),
    "not_found": Sentence("Tidak ditemukan.", "Not found."),
    "unauthenticated": Sentence(
        "Token tidak ada, salah, atau sudah kedaluwarsa.", "The token is missing, wrong or expired."
    ),
    "forbidden": Sentence("Peran Anda tidak boleh melakukan ini.", "Your role may not do this."),
    "invalid_request": Sentence(
        "Permintaan tidak sesuai kontrak; perbaiki bagian yang disebut.",
        "The request does not follow the contract; mend the part named.",
    ),
    "too_large": Sentence("Permintaan terlalu besar.", "The request is too large."),
    "idempotency_key_missing": Sentence(
        "Permintaan ini perlu Idempotency-Key.", "This request needs an Idempotency-Key."
    ),
    "idempotency_key_reused": Sentence(
        "Idempotency-Key ini sudah dipakai untuk permintaan lain.",
        "This Idempotency-Key was already used for another request.",
    ),
    "unavailable": Sentence(
        "Layanan belum dapat menjawab; coba lagi sebentar lagi.",
        "The service cannot answer yet; try again soon.",
    ),
    "too_many_streams": Sentence(
        "Terlalu banyak halaman yang sedang mengikuti perubahan; coba lagi sebentar lagi.",
        "Too many pages are following the changes; try again soon.",
    ),
    "too_many_uploads": Sentence(
        "Masih ada terlalu banyak berkas kabupaten/kota ini yang belum selesai. Tunggu sampai ada yang selesai, lalu "
        "unggah lagi.",
        "Too many files of this district are not done with yet. Wait until some are, then upload this one again.",
    ),
    "too_many_requests": Sentence(
        "Terlalu banyak permintaan seperti ini dari Anda; coba lagi setelah waktu yang disebut.",
        "Too many requests of this kind from you; try again after the time named.",
    ),
    "internal": Sentence(
        "Ada kesalahan pada layanan; kejadian ini tercatat.", "The service made a mistake; it is on record."
    ),
    "malformed": Sentence("Permintaan tidak dapat dibaca.", "The request cannot be read."),
    "method_not_allowed": Sentence("Metode ini tidak berlaku di sini.", "This method does not apply here."),
    "unknown_type": Sentence("Jenis peristiwa ini tidak dikenal.", "This type of event is not known."),
    "district_mismatch": Sentence(
        "Kabupaten/kota dalam peristiwa berbeda dari token.",
        "The district of the event is not that of the token.",
    ),
    "unsupported_media_type": Sentence(
        "Content-Type harus application/cloudevents+json atau application/cloudevents-batch+json.",
        "Content-Type must be application/cloudevents+json or application/cloudevents-batch+json.",
    ),
}
