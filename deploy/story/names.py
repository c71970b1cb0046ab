"""Invented names: put together from common given names, so that a likeness to anyone living is chance."""

from collections.abc import Iterable
from random import Random

from shared.events.district import Sex

_FIRST_TEXT = {
    Sex.female: (
        "Ainun Anis Ayu Dian Diah Endang Eni Erna Fitri Hanik Ida Indah Isti Kartini Khusnul Lestari Lilik Lina "
        "Luluk Maya Mega Mimin Nanik Nia Niken Ninik Nunung Nur Nurul Puji Ratih Ratna Retno Rini Rukmi Sari Sekar "
        "Siti Sri Sulis Titik Tutik Umi Wahyu Wiwik Wulan Yayuk Yuni"
    ),
    Sex.male: (
        "Abdul Ady Agung Ahmad Anang Andri Arif Aris Bagus Bambang Basuki Budi Cahyo Danang Dedi Didik Dwi Edi Eko "
        "Fajar Faisal Galih Gunawan Hadi Hasan Heri Imam Indra Jaka Khoirul Lukman Mahfud Moch Nanang Nugroho "
        "Puguh Rachmat Rizal Rohman Samsul Slamet Sugeng Teguh Totok Tri Untung Wahid Yusuf"
    ),
}
_SECOND_TEXT = {
    Sex.female: (
        "Anggraeni Aprilianti Arumsari Astutik Damayanti Fadhilah Handayani Haryati Isnaini Kinanthi Kinasih "
        "Kurniasih Kusumaningrum Larasati Mardhiyah Maslahah Mufidah Nareswari Ningrum Ningtyas Nuraini Oktaviani "
        "Palupi Pangestuti Pratiwi Puspaningtyas Rahayu Ratnaningsih Rohmatin Safitri Setyowati Sulistyani "
        "Sumiarsih Triwulan Utaminingsih Wahyuningtyas Widyastuti Winarsih Wulansari Yulianingsih"
    ),
    Sex.male: (
        "Adiprana Anggoro Ardiansah Baskoro Budiarto Cahyadi Darmanto Fadhillah Firmansah Hermawan Hidayatullah "
        "Iskandar Jatmiko Kurniawan Kusnadi Laksono Mahendra Mulyadi Nugraha Nurcahyo Pamungkas Prasetya Prastowo "
        "Priyambodo Purnomo Ramadhan Riyadi Santoso Saputra Setiaji Sulaiman Suryadi Syaifuddin Trihandoko Utomo "
        "Wibisono Wicaksana Widyatmoko Wijayanto Yulianto"
    ),
}
_ONLY_TEXT = {
    Sex.female: (
        "Jumiati Kasmini Katinem Kusmiatun Lasmini Marsiyah Misnah Mujiati Murtini Musringah Ngatemi Painem "
        "Ponirah Rumiati Samini Sarinten Sringatun Suharti Sukarmi Sumarni Suparmi Supiyah Suratmi Tumini Tuminah "
        "Wakinem Warsiti Yatemi"
    ),
    Sex.male: (
        "Jumadi Kasiman Kasturi Lasiman Marsudi Matrawi Misdi Misnadin Mujiono Ngadiman Paimin Ponidi Radjiman "
        "Sadikin Sakiman Samidi Sarpan Suparlan Sukiran Sumarji Sutrimo Tarmuji Tukiran Tumiran Wagiran Warsito "
        "Wakidi Yatiman"
    ),
}

_FIRST, _SECOND, _ONLY = (
    {sex: tuple(text.split()) for sex, text in texts.items()} for texts in (_FIRST_TEXT, _SECOND_TEXT, _ONLY_TEXT)
)


class Names:
    """Names that were not given before, as long as there are any."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def invent(self, rng: Random, sex: Sex) -> str:
        for _ in range(50):
            name = _compose(rng, sex)
            if name not in self._taken:
                break
        self._taken.add(name)
        return name


def misspelt(name: str) -> str:
    """How another office might write the same name."""
    for usual, other in (("u", "oe"), ("y", "j"), ("i", "ie"), ("a", "ah")):
        if usual in name:
            head, _, tail = name.rpartition(usual)
            return head + other + tail
    return name + "h"


def _compose(rng: Random, sex: Sex) -> str:
    draw = rng.random()
    if draw < 0.16:
        return rng.choice(_ONLY[sex])
    if draw < 0.90:
        return f"{rng.choice(_FIRST[sex])} {rng.choice(_SECOND[sex])}"
    first, middle = rng.sample(_FIRST[sex], 2)
    return f"{first} {middle} {rng.choice(_SECOND[sex])}"
