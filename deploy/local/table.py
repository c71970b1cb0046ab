"""The provincial dashboard as a table for the terminal."""

from typing import Any

from rich.table import Table

from shared.events.districts import DISTRICTS


def provincial_table(dashboard: dict[str, Any]) -> Table:
    """Rupiah in millions. Districts without anybody are left out."""
    title = f"Jawa Timur, {dashboard['month']} (version {dashboard['version']}, {dashboard['lag']['events']} behind)"
    table = Table(title=title, show_footer=True)
    province = dashboard["province"]
    footer = _row("Provinsi", province)
    for name, total in zip(_COLUMNS, footer, strict=True):
        table.add_column(name, footer=total, justify="left" if name == "Kab./Kota" else "right", no_wrap=True)
    for code, cell in dashboard["districts"].items():
        if any(cell["beneficiaries"].values()):
            table.add_row(*_row(DISTRICTS[code].title, cell))
    return table


_COLUMNS = (
    "Kab./Kota",
    "Eks klien",
    "Laporan",
    "Berkembang",
    "Biasa",
    "Stagnan",
    "Turun",
    "Belum",
    "Median laba",
    "Pagu",
    "Komitmen",
    "Realisasi",
)


def _row(title: str, cell: dict[str, Any]) -> tuple[str, ...]:
    growth = cell["growth"]
    return (
        title,
        str(cell["beneficiaries"]["ex_client"]),
        str(cell["income"]["reports"]),
        *(str(growth[name]) for name in ("growing", "ordinary", "stagnant", "declining", "insufficient")),
        *(
            f"{value / 1_000_000:,.1f}"
            for value in (
                cell["income"]["net_profit_median"],
                cell["rupiah"]["budget"],
                cell["rupiah"]["committed"],
                cell["rupiah"]["disbursed"],
            )
        ),
    )
