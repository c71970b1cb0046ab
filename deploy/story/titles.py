"""The titles of the 24 chapters, one a month."""

TITLES = {
    "2024-11": (
        "November 2024: kabupaten dan kota mencatat warga binaan",
        "November 2024: the districts record their people",
    ),
    "2024-12": ("Desember 2024: pagu 2025 ditetapkan", "December 2024: the budgets of 2025 are set"),
    "2025-01": ("Januari 2025: permohonan pertama", "January 2025: the first requests"),
    "2025-02": ("Februari 2025: verifikasi, persetujuan, pencairan", "February 2025: verified, approved, paid out"),
    "2025-03": ("Maret 2025: menjelang Lebaran", "March 2025: the weeks before Lebaran"),
    "2025-04": ("April 2025: mesin jahit dan obras diserahkan", "April 2025: sewing machines are handed over"),
    "2025-05": ("Mei 2025: laporan usaha mulai mengalir", "May 2025: the reports begin to flow"),
    "2025-06": ("Juni 2025: pesanan seragam berdatangan", "June 2025: orders for uniforms come in"),
    "2025-07": ("Juli 2025: puncak seragam sekolah", "July 2025: the peak of school uniforms"),
    "2025-08": ("Agustus 2025: bendera, spanduk, dan salah ketik", "August 2025: flags, banners, and slips of typing"),
    "2025-09": ("September 2025: satu daerah terputus", "September 2025: one district loses its line"),
    "2025-10": ("Oktober 2025: laporan yang belum datang", "October 2025: reports that do not come"),
    "2025-11": ("November 2025: yang terputus tersambung lagi", "November 2025: the line is back"),
    "2025-12": ("Desember 2025: pagu habis, pagu 2026 ditetapkan", "December 2025: a budget runs out, the next is set"),
    "2026-01": ("Januari 2026: putaran kedua", "January 2026: the second round"),
    "2026-02": ("Februari 2026: satu orang di dua daerah?", "February 2026: one person in two districts?"),
    "2026-03": ("Maret 2026: Lebaran datang lebih awal", "March 2026: Lebaran comes earlier"),
    "2026-04": ("April 2026: bantuan besar perlu dua penyetuju", "April 2026: a large grant needs two approvers"),
    "2026-05": ("Mei 2026: empat karyawan di Bojonegoro", "May 2026: four employees in Bojonegoro"),
    "2026-06": ("Juni 2026: klien menjadi eks klien", "June 2026: clients become ex-clients"),
    "2026-07": ("Juli 2026: seragam sekolah lagi", "July 2026: school uniforms again"),
    "2026-08": ("Agustus 2026: yang diam, yang menganggur", "August 2026: the silent and the idle"),
    "2026-09": ("September 2026: satu pagu ditambah", "September 2026: one budget is raised"),
    "2026-10": ("Oktober 2026: siapa yang berkembang?", "October 2026: who is growing?"),
}
"""Month: in Bahasa Indonesia, in English."""
