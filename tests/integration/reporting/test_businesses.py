"""The growth class, and one business with its evidence."""

from collections.abc import Sequence

from services.reporting.growth import Classes
from services.reporting.reconcile import reconcile
from shared.events.district import AssetUse
from shared.events.envelope import beneficiary_id
from tests.integration.reporting.office import (
    BOJONEGORO,
    DISTRICTS,
    EMPTY_CELL,
    MILLION,
    OFFICER,
    TUBAN,
    Office,
    person,
    report,
)

# Growth


async def test_each_change_of_class_is_told_once_with_its_evidence_and_the_next_version(office: Office) -> None:
    await office.hear(person(), report(month="2026-01", net=MILLION), report(month="2026-02", net=MILLION))
    assert await office.told() == []
    await office.hear(report(month="2026-03", net=MILLION))
    await office.hear(report(month="2026-04", net=MILLION))
    await office.hear(report(month="2026-04", net=-MILLION, revision=2), report(month="2026-03", net=-1, revision=2))
    told = await office.told()
    assert [(fact["version"], fact["from"], fact["to"]) for fact in told] == [
        (1, None, "stagnant"),
        (2, "stagnant", "declining"),
    ]
    for fact in told:
        assert fact["beneficiary_id"] == str(beneficiary_id(BOJONEGORO, "B-1"))
        assert (fact["district"], fact["rule_version"]) == (BOJONEGORO, 1)
    evidence = told[1]["evidence"]
    assert evidence["window"] == ["2025-11", "2026-04"]
    assert evidence["months"] == ["2026-01", "2026-02", "2026-03", "2026-04"]
    assert evidence["nets"] == [MILLION, MILLION, -1, -MILLION]
    assert (evidence["level"], evidence["because"]) == (-1, "level <= 0")
    rows = await office.rows("SELECT aggregateid, type FROM outbox WHERE aggregatetype = 'facts.reporting'")
    assert set(rows) == {(str(beneficiary_id(BOJONEGORO, "B-1")), "berdaya.reporting.growth-changed.v1")}


async def test_a_class_follows_only_the_six_months_up_to_the_newest_report(office: Office) -> None:
    months = ("2026-01", "2026-02", "2026-03")
    await office.hear(person(), *(report(month=month, net=3 * MILLION) for month in months))
    assert (await office.cell())["growth"]["ordinary"] == 1
    await office.hear(report(month="2026-09", net=3 * MILLION))
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "insufficient": 1}
    assert [(fact["from"], fact["to"]) for fact in await office.told()] == [
        (None, "ordinary"),
        ("ordinary", "insufficient"),
    ]


async def test_a_report_that_came_in_late_belongs_to_its_month_and_its_window(office: Office) -> None:
    await office.hear(person(), report(month="2026-08", net=MILLION), report(month="2026-10", net=MILLION))
    await office.hear(report(month="2026-09", net=MILLION))
    assert (await office.cell("2026-09"))["income"]["reports"] == 1
    assert (await office.cell())["growth"]["stagnant"] == 1


async def test_the_class_of_one_who_is_no_ex_client_is_told_and_counted_when_they_become_one(office: Office) -> None:
    months = ("2026-08", "2026-09", "2026-10")
    await office.hear(person("B-1", "client"), *(report(month=month, net=3 * MILLION) for month in months))
    assert [fact["to"] for fact in await office.told()] == ["ordinary"]
    assert (await office.cell())["growth"] == EMPTY_CELL["growth"]
    await office.hear(person(version=2))
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "ordinary": 1}
    assert len(await office.told()) == 1


async def test_a_class_put_off_is_no_difference_and_follows_when_it_is_settled(office: Office) -> None:
    records = [person(), *(report(month=month, net=3 * MILLION) for month in ("2026-08", "2026-09", "2026-10"))]
    async with office.database.transaction() as session:
        await office.node.inbox.apply(session, records)
        assert await Classes().due(session, DISTRICTS)
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "insufficient": 1}
    assert await reconcile(office.database) == []
    await office.hear()
    assert (await office.cell())["growth"] == {**EMPTY_CELL["growth"], "ordinary": 1}


# One business


async def test_a_business_is_shown_with_its_evidence_and_its_reports(office: Office) -> None:
    nets = [2_000_000, 2_100_000, 2_200_000, 2_300_000, 2_400_000, 2_500_000]
    months = ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"]
    await office.hear(person(), *(report(month=month, net=net) for month, net in zip(months, nets, strict=True)))
    await office.hear(
        report(
            month="2026-05",
            revision=2,
            turnover=5_000_000,
            materials=2_000_000,
            production=600_000,
            wages=400_000,
            employees=2,
            orders=40,
            asset_use=AssetUse.idle,
        )
    )
    business = await office.business()
    sentence = business["growth"].pop("sentence")
    assert list(sentence) == ["id", "en"]
    assert "4,4 %" in sentence["id"]
    assert business == {
        "beneficiary_id": str(beneficiary_id(BOJONEGORO, "B-1")),
        "district": "3522",
        "growth": {
            "class": "growing",
            "computed": "growing",
            "override": None,
            "rule_version": 1,
            "window": ["2026-05", "2026-10"],
            "months": months,
            "nets": nets,
            "level": 2_400_000,
            "trend": 100_000,
            "scale": 2_250_000,
            "rate": 0.0444,
            "because": "rate >= 0.03",
        },
        "reports": [
            {
                "month": "2026-05",
                "revision": 2,
                "turnover": 5_000_000,
                "materials": 2_000_000,
                "production": 600_000,
                "wages": 400_000,
                "net_profit": 2_000_000,
                "employees": 2,
                "orders": 40,
                "asset_use": "idle",
            },
            *(
                {
                    "month": month,
                    "revision": 1,
                    "turnover": net,
                    "materials": 0,
                    "production": 0,
                    "wages": 0,
                    "net_profit": net,
                    "employees": 1,
                    "orders": 5,
                    "asset_use": "in_use",
                }
                for month, net in zip(months[1:], nets[1:], strict=True)
            ),
        ],
    }
    assert list(business) == ["beneficiary_id", "district", "growth", "reports"]


async def test_the_keys_of_a_business_are_in_the_order_of_the_contract(office: Office) -> None:
    await office.hear(person(), report())
    business = await office.business()
    assert list(business["growth"]) == [
        "class",
        "computed",
        "override",
        "rule_version",
        "window",
        "months",
        "nets",
        "level",
        "trend",
        "scale",
        "rate",
        "because",
        "sentence",
    ]
    assert list(business["reports"][0]) == [
        "month",
        "revision",
        "turnover",
        "materials",
        "production",
        "wages",
        "net_profit",
        "employees",
        "orders",
        "asset_use",
    ]


async def test_a_business_with_too_few_reports_has_nulls_for_what_nobody_knows(office: Office) -> None:
    cases: Sequence[tuple[str, list[str], list[str] | None]] = [
        ("B-1", [], None),
        ("B-2", ["2026-10"], ["2026-05", "2026-10"]),
        ("B-3", ["2026-01", "2026-02"], ["2025-09", "2026-02"]),
    ]
    for ref, reported, window in cases:
        await office.hear(person(ref), *(report(ref, month) for month in reported))
        growth = (await office.business(ref))["growth"]
        assert (growth["class"], growth["computed"], growth["override"]) == ("insufficient", "insufficient", None)
        assert (growth["window"], growth["months"], growth["nets"]) == (window, reported, [MILLION] * len(reported))
        assert [growth[name] for name in ("level", "trend", "scale", "rate", "because")] == [None] * 5
        assert growth["sentence"]["id"].startswith("Belum cukup data")


async def test_a_business_unknown_or_of_another_district_is_not_found(office: Office) -> None:
    await office.hear(person("B-1"), person("T-1", district=TUBAN))
    own, foreign = beneficiary_id(BOJONEGORO, "B-1"), beneficiary_id(TUBAN, "T-1")
    unknown = beneficiary_id(BOJONEGORO, "B-2")
    assert [(await office.call(f"/v1/businesses/{number}", OFFICER)).status_code for number in (own, foreign)] == [
        200,
        404,
    ]
    foreign_answer = (await office.call(f"/v1/businesses/{foreign}", OFFICER)).json()
    unknown_answer = (await office.call(f"/v1/businesses/{unknown}", OFFICER)).json()
    assert foreign_answer["code"] == "not_found"
    assert foreign_answer == unknown_answer
    assert [(await office.call(f"/v1/businesses/{number}")).status_code for number in (foreign, unknown)] == [200, 404]
    assert (await office.call("/v1/businesses/B-1")).status_code == 422


async def test_who_settles_some_districts_leaves_the_others_to_whoever_reads_those(office: Office) -> None:
    months = ("2026-08", "2026-09", "2026-10")
    for district in (BOJONEGORO, TUBAN):
        records = [person(district=district), *(report(month=m, net=3 * MILLION, district=district) for m in months)]
        async with office.database.transaction() as session:
            await office.node.inbox.apply(session, records)
    async with office.database.transaction() as session:
        assert not await Classes().settle(session, {BOJONEGORO}), "nothing more is due there"
        assert not await Classes().due(session, {BOJONEGORO})
        assert await Classes().due(session, {TUBAN})
        assert not await Classes().due(session, set())
    assert (await office.cell())["growth"]["ordinary"] == 1
    assert [fact["district"] for fact in await office.told()] == [BOJONEGORO]
