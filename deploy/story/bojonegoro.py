"""The woman with the sewing machine and the obras, written by hand: no chance has a part in her numbers."""

from datetime import date

from deploy.story.months import FIRST, plus
from shared.events.district import AssetUse, IncomeReported, Item

NAME = "Rukmi Kinanthi"
BORN = date(1987, 8, 19)

REQUESTED, VERIFIED, APPROVED = date(2025, 1, 13), date(2025, 1, 20), date(2025, 1, 27)
DISBURSED, HANDED_OVER = date(2025, 2, 10), date(2025, 3, 3)

ITEMS = (
    Item(name="mesin jahit", quantity=1, unit_value=2_850_000),
    Item(name="mesin obras", quantity=1, unit_value=3_400_000),
    Item(name="meja jahit setinggi kursi roda", quantity=1, unit_value=850_000),
)
"""Together Rp 7,100,000."""
PURPOSE = "Usaha menjahit seragam sekolah; pesanan dari sekolah dan kantor desa dicari sendiri."

_MONTHS = (
    # turnover, materials, production, wages in thousands of rupiah; employees; orders          net profit
    (2_100, 850, 200, 0, 0, 17),  # November 2024, with a borrowed machine                       1,050
    (2_250, 900, 200, 0, 0, 18),  #                                                              1,150
    (2_000, 800, 200, 0, 0, 16),  #                                                              1,000
    (2_300, 920, 210, 0, 0, 18),  #                                                              1,170
    (4_300, 1_650, 300, 600, 1, 34),  # March 2025: her own machines, and Lebaran                1,750
    (3_400, 1_300, 280, 600, 1, 26),  #                                                          1,220
    (3_700, 1_400, 300, 600, 1, 29),  #                                                          1,400
    (5_600, 2_100, 400, 1_200, 2, 44),  #                                                        1,900
    (8_800, 3_300, 600, 2_400, 2, 70),  # July 2025: school uniforms                             2,500
    (5_200, 1_950, 400, 1_200, 2, 41),  #                                                        1,650
    (5_300, 2_000, 400, 1_250, 2, 42),  #                                                        1,650
    (5_600, 2_100, 400, 1_300, 2, 44),  #                                                        1,800
    (6_900, 2_600, 500, 2_000, 3, 55),  #                                                        1,800
    (7_200, 2_700, 500, 2_100, 3, 57),  #                                                        1,900
    (7_300, 2_700, 500, 2_100, 3, 58),  #                                                        2,000
    (9_200, 3_400, 600, 2_800, 3, 73),  # February and March 2026: Lebaran                       2,400
    (10_600, 3_900, 700, 3_400, 3, 84),  #                                                       2,600
    (8_600, 3_200, 600, 2_600, 3, 68),  #                                                        2,200
    (10_600, 3_800, 800, 3_600, 4, 84),  # May 2026: four employees                              2,400
    (12_600, 4_700, 900, 4_500, 4, 100),  #                                                      2,500
    (19_800, 7_700, 1_300, 7_200, 4, 158),  # July 2026: school uniforms                         3,600
    (13_400, 4_900, 1_000, 4_500, 4, 107),  #                                                    3,000
    (13_600, 5_000, 1_000, 4_600, 4, 108),  #                                                    3,000
    (13_500, 4_900, 1_000, 4_600, 4, 108),  # October 2026                                       3,000
)


def reports(ref: str) -> list[IncomeReported]:
    """Her 24 months. The rule finds her growing, at 4.0 % a month."""
    return [_report(ref, index, *numbers) for index, numbers in enumerate(_MONTHS)]


def _report(
    ref: str,
    index: int,
    turnover: int,
    materials: int,
    production: int,
    wages: int,
    employees: int,
    orders: int,
) -> IncomeReported:
    month = plus(FIRST, index)
    return IncomeReported(
        district_ref=ref,
        month=month,
        revision=1,
        turnover=turnover * 1_000,
        materials=materials * 1_000,
        production=production * 1_000,
        wages=wages * 1_000,
        employees=employees,
        orders=orders,
        asset_use=AssetUse.none if month < "2025-03" else AssetUse.in_use,
    )
