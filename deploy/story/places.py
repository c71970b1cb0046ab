"""The 29 kabupaten/kota with eks klien, their systems, and the UPTs, whose places are invented."""

from shared.events.district import Disability, Ppks
from shared.events.districts import DISTRICTS

BOJONEGORO = "3522"

WEIGHTS = {
    BOJONEGORO: 22, "3507": 24, "3509": 22, "3515": 21, "3578": 20, "3514": 19, "3506": 17, "3510": 17,
    "3502": 15, "3513": 15, "3524": 15, "3504": 14, "3505": 14, "3517": 14, "3523": 13, "3516": 12,
    "3518": 12, "3525": 12, "3521": 11, "3573": 10, "3501": 9, "3511": 9, "3519": 9, "3503": 7,
    "3526": 6, "3512": 5, "3520": 5, "3571": 4, "3528": 3,
}  # fmt: skip
"""Eks klien per district at scale 1: 376 in 29 of the 38."""

OTHERS = tuple(code for code in DISTRICTS if code not in WEIGHTS)
"""The nine districts without an eks klien."""

_SYSTEMS = {
    "3515": "simpadu",
    "3573": "e-sosial",
    "3578": "e-sosial",
    "3507": "sipendawa",
    "3510": "sipendawa",
}
_OWN_REPORT_SYSTEM = frozenset({BOJONEGORO, "3515", "3578", "3509", "3524"})

_UNIT_OF_DISABILITY = {
    Disability.physical: "UPT Rehabilitasi Sosial Bina Daksa Tirtosari",
    Disability.visual: "UPT Rehabilitasi Sosial Bina Netra Wonorejan",
    Disability.hearing: "UPT Rehabilitasi Sosial Bina Rungu Wicara Kedungmulyo",
    Disability.speech: "UPT Rehabilitasi Sosial Bina Rungu Wicara Kedungmulyo",
    Disability.intellectual: "UPT Rehabilitasi Sosial Bina Grahita Sumberjati",
    Disability.mental: "UPT Rehabilitasi Sosial Bina Laras Pandanarum",
}
_UNIT_OF_CATEGORY = {
    Ppks.neglected_toddler: "UPT Pelayanan Sosial Asuhan Balita Melatiwangi",
    Ppks.neglected_child: "UPT Pelayanan Sosial Asuhan Anak Randusari",
    Ppks.street_child: "UPT Pelayanan Sosial Petirahan Anak Bukitasri",
    Ppks.neglected_elderly: "UPT Pelayanan Sosial Tresna Werdha Mojolangu Asri",
    Ppks.homeless: "UPT Rehabilitasi Sosial Bina Karya Sendangrejo",
    Ppks.beggar: "UPT Rehabilitasi Sosial Bina Karya Sendangrejo",
    Ppks.scavenger: "UPT Rehabilitasi Sosial Bina Karya Sendangrejo",
    Ppks.sex_worker: "UPT Rehabilitasi Sosial Bina Karya Wanita Pelangi Timur",
    Ppks.vulnerable_woman: "UPT Rehabilitasi Sosial Bina Karya Wanita Pelangi Timur",
}
_UNIT_OF_THE_REST = "UPT Perlindungan dan Pelayanan Sosial Rejowinangun"


def unit_of(ppks: Ppks, disabilities: tuple[Disability, ...]) -> str:
    """The UPT that takes in such a person."""
    if disabilities:
        return _UNIT_OF_DISABILITY[disabilities[0]]
    return _UNIT_OF_CATEGORY.get(ppks, _UNIT_OF_THE_REST)


def source_of(district: str, service: str) -> str:
    """The system of a district that speaks to that service."""
    own = service == "reporting" and district in _OWN_REPORT_SYSTEM
    return f"/district/{district}/{'lapor-usaha' if own else _SYSTEMS.get(district, 'siks-ng')}"


def apportion(total: int, weights: dict[str, int]) -> dict[str, int]:
    """`total` shared out by weight (largest remainder), so that the parts sum to it."""
    whole = sum(weights.values())
    shares = {code: divmod(total * weight, whole) for code, weight in weights.items()}
    left = total - sum(share for share, _ in shares.values())
    first = sorted(shares, key=lambda code: (-shares[code][1], code))[:left]
    return {code: share + (code in first) for code, (share, _) in shares.items()}
