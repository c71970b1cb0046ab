"""Ten trades: the tools the office gives for them, what they cost to run, and their year."""

from dataclasses import dataclass
from random import Random

from deploy.story.months import lebaran_run_up
from shared.events.district import Item


@dataclass(frozen=True)
class Trade:
    slug: str
    business: str
    """In the office's language, for the purpose of a grant."""
    kits: tuple[tuple[tuple[str, int, int], ...], ...]
    """What is given together: name, quantity, rupiah each."""
    materials: float
    production: float
    """Shares of turnover."""
    price: int
    """Rupiah of a usual order."""
    staff: int
    """How many a good business of the kind employs."""
    year: tuple[float, ...] = (1.0,) * 12
    lebaran: float = 0.0
    """How much the month before Lebaran adds."""

    def season(self, month: str) -> float:
        return self.year[int(month[5:]) - 1] * (1 + self.lebaran * lebaran_run_up(month))


_ALL = (
    Trade(
        "sewing",
        "menjahit",
        (
            (("mesin jahit", 1, 2_850_000), ("mesin obras", 1, 3_400_000), ("setrika uap", 1, 450_000)),
            (("mesin jahit", 1, 2_850_000), ("mesin obras", 1, 3_400_000)),
            (("mesin jahit industri", 1, 4_750_000), ("meja potong", 1, 900_000), ("gunting kain", 2, 175_000)),
        ),
        materials=0.36, production=0.08, price=125_000, staff=3, lebaran=0.35,
        year=(0.95, 0.95, 0.97, 0.95, 0.98, 1.2, 1.65, 1.05, 0.95, 0.95, 0.97, 1.0),
    ),
    Trade(
        "cooking",
        "kue dan katering rumahan",
        (
            (("oven gas", 1, 3_200_000), ("mixer adonan", 1, 1_850_000), ("etalase kaca", 1, 1_600_000)),
            (("kompor gas dua tungku", 1, 650_000), ("freezer 200 liter", 1, 2_900_000), ("wajan besar", 2, 280_000)),
        ),
        materials=0.48, production=0.10, price=45_000, staff=2, lebaran=0.6,
        year=(0.98, 1.0, 1.0, 0.96, 1.0, 1.02, 1.0, 1.02, 1.0, 1.0, 1.0, 1.1),
    ),
    Trade(
        "barber",
        "pangkas rambut",
        (
            (("alat cukur listrik", 2, 650_000), ("kursi pangkas", 1, 2_400_000), ("cermin dinding", 1, 550_000)),
            (("alat cukur listrik", 1, 650_000), ("kursi pangkas", 1, 2_400_000), ("sterilisator alat", 1, 480_000)),
        ),
        materials=0.08, production=0.12, price=15_000, staff=1, lebaran=0.4,
        year=(1.0, 1.0, 1.0, 0.97, 1.0, 1.0, 1.05, 1.0, 1.0, 1.0, 1.0, 1.02),
    ),
    Trade(
        "massage",
        "pijat sehat",
        (
            (("ranjang pijat", 1, 1_950_000), ("kursi refleksi", 1, 1_400_000), ("perlengkapan pijat", 1, 650_000)),
            (("ranjang pijat", 2, 1_950_000), ("tirai penyekat", 2, 275_000)),
        ),
        materials=0.07, production=0.10, price=60_000, staff=1, lebaran=0.1,
    ),
    Trade(
        "workshop",
        "bengkel sepeda motor",
        (
            (("kompresor angin", 1, 3_100_000), ("kunci bengkel lengkap", 1, 1_750_000), ("dongkrak", 1, 850_000)),
            (("mesin las listrik", 1, 2_300_000), ("gerinda tangan", 1, 620_000), ("bor duduk", 1, 1_450_000)),
        ),
        materials=0.42, production=0.09, price=85_000, staff=2, lebaran=0.15,
        year=(1.05, 1.03, 1.0, 1.0, 1.0, 0.98, 0.98, 1.0, 1.0, 1.0, 1.02, 1.05),
    ),
    Trade(
        "electronics",
        "servis elektronik dan telepon genggam",
        (
            (("solder uap", 1, 950_000), ("catu daya servis", 1, 1_150_000), ("multimeter digital", 1, 380_000)),
            (("mikroskop servis", 1, 2_100_000), ("solder uap", 1, 950_000), ("perkakas elektronik", 1, 600_000)),
        ),
        materials=0.38, production=0.06, price=95_000, staff=1, lebaran=0.08,
    ),
    Trade(
        "printing",
        "sablon dan cetak",
        (
            (("mesin cetak panas", 1, 4_600_000), ("meja sablon", 1, 1_350_000), ("printer sublimasi", 1, 3_250_000)),
            (("meja sablon", 2, 1_350_000), ("pengering sablon", 1, 1_900_000)),
        ),
        materials=0.44, production=0.09, price=180_000, staff=2, lebaran=0.1,
        year=(0.97, 0.97, 1.0, 0.97, 1.0, 1.05, 1.1, 1.12, 0.98, 1.0, 1.0, 1.03),
    ),
    Trade(
        "farming",
        "ternak kambing dan sayur",
        (
            (("kambing bibit", 4, 1_650_000), ("kandang panggung", 1, 2_500_000)),
            (("pencacah rumput", 1, 3_900_000), ("penyemprot elektrik", 1, 720_000), ("bibit sayur", 10, 45_000)),
        ),
        materials=0.40, production=0.12, price=220_000, staff=1, lebaran=0.05,
        year=(0.92, 0.96, 1.1, 1.12, 1.0, 0.98, 0.97, 1.05, 1.02, 0.97, 0.95, 0.95),
    ),
    Trade(
        "handicraft",
        "kerajinan anyam dan batik",
        (
            (("kompor batik", 2, 350_000), ("canting cap", 3, 650_000), ("bak pewarna", 1, 900_000)),
            (("mesin bubut kayu", 1, 4_200_000), ("alat ukir", 1, 850_000)),
        ),
        materials=0.35, production=0.12, price=75_000, staff=2, lebaran=0.12,
    ),
    Trade(
        "trade",
        "warung dan toko kelontong",
        (
            (("gerobak dagang", 1, 3_500_000), ("timbangan digital", 1, 420_000)),
            (("etalase kaca", 1, 1_600_000), ("lemari pendingin minuman", 1, 3_800_000)),
        ),
        materials=0.70, production=0.04, price=20_000, staff=1, lebaran=0.3,
    ),
)  # fmt: skip
TRADES = {trade.slug: trade for trade in _ALL}

_KIOSK = ("bangunan kios produksi", 1, 52_500_000)


def kit(rng: Random, trade: Trade) -> tuple[Item, ...]:
    """One kit of the trade, each price a little off the list."""
    return tuple(_item(rng, line) for line in rng.choice(trade.kits))


def shared_workplace(rng: Random, trade: Trade) -> tuple[Item, ...]:
    """A kit with a kiosk to use it in: above Rp 50 million."""
    return (
        *(_item(rng, line) for line in trade.kits[0]),
        Item(name=_KIOSK[0], quantity=1, unit_value=_KIOSK[2]),
    )


def total(items: tuple[Item, ...]) -> int:
    return sum(item.quantity * item.unit_value for item in items)


def _item(rng: Random, line: tuple[str, int, int]) -> Item:
    name, quantity, value = line
    return Item(
        name=name,
        quantity=quantity,
        unit_value=value + 5_000 * rng.randint(-8, 8) if value > 100_000 else value,
    )
