"""The 38 kabupaten/kota of East Java, keyed by their Kemendagri code: seven names are both a kabupaten and a kota."""

import csv
from importlib import resources
from typing import NamedTuple


class District(NamedTuple):
    code: str
    kind: str
    """`kabupaten` or `kota`."""
    name: str

    @property
    def title(self) -> str:
        return f"{'Kota' if self.kind == 'kota' else 'Kab.'} {self.name}"


def _read() -> dict[str, District]:
    with (resources.files("shared") / "data" / "districts.csv").open(encoding="utf-8") as lines:
        return {row["code"]: District(row["code"], row["kind"], row["name"]) for row in csv.DictReader(lines)}


DISTRICTS = _read()
