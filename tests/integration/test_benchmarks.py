"""Every measurement of `make bench` runs, at small sizes, and all it compares come to the same result. Never a time."""

import subprocess
import sys

import pytest

from benchmarks import peers
from benchmarks.__main__ import MEASUREMENTS
from benchmarks.load import Sent
from benchmarks.totals import Disagreement, by_fold, require_same
from deploy.stack.files import ROOT
from shared.events.district import AssetUse, IncomeReported
from tests.conftest import absent

PEERS = {"quix": "quix", "reads": "fastapi_redis"}


@pytest.mark.parametrize("name", MEASUREMENTS)
@pytest.mark.usefixtures("kafka", "postgres", "redis_url")
def test_a_measurement_runs_and_its_peers_agree(name: str) -> None:
    if name in PEERS:
        try:
            peers.python(PEERS[name])
        except peers.PeerMissing as missing:
            absent(PEERS[name], str(missing))
    # A Disagreement ends the program with an error.
    done = subprocess.run(
        (sys.executable, "-m", "benchmarks", "--quick", "--only", name),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows[0].startswith("| measurement")
    assert len(rows) > 2, done.stdout


def report(revision: int, turnover: int, asset_use: AssetUse = AssetUse.in_use) -> Sent:
    return Sent(
        "3522",
        f"e{revision}",
        IncomeReported(
            district_ref="3522-000001",
            month="2026-10",
            revision=revision,
            turnover=turnover,
            materials=10,
            production=20,
            wages=30,
            employees=4,
            orders=1,
            asset_use=asset_use,
        ),
    )


def test_the_fold_that_all_are_held_against_keeps_the_newest_revision() -> None:
    sent = [report(2, 100), report(3, 200, AssetUse.broken), report(1, 900)]
    assert by_fold(sent) == {("3522", 2026 * 12 + 9): (1, 200, 140, 4, 1)}


def test_a_rupiah_too_many_in_one_district_is_a_disagreement() -> None:
    with pytest.raises(Disagreement, match=r"Quix, \('3522', 1\): \(1, 201\) instead of \(1, 200\)"):
        require_same("Quix", {("3522", 1): (1, 201)}, {("3522", 1): (1, 200)})
    with pytest.raises(Disagreement, match="None instead of"):
        require_same("Quix", {}, {("3522", 1): (1, 200)})
    require_same("Quix", {("3522", 1): (1, 200)}, {("3522", 1): (1, 200)})
