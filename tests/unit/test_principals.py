"""The rules of the broker follow the code: a service may read exactly what it subscribes to."""

import pytest

from deploy.local.province import TOPICS
from deploy.stack import principals
from deploy.stack.principals import Rule
from shared.events.catalogue import facts_topic, topic_district
from shared.events.districts import DISTRICTS


def covers(rule: Rule, topic: str) -> bool:
    return topic.startswith(rule.name) if rule.prefixed else topic == rule.name


EVERY_TOPIC = {
    *(
        f"{kind}.{code}"
        for kind in ("intake.registry", "intake.grants", "intake.reporting", "receipts")
        for code in DISTRICTS
    ),
    *(facts_topic(name) for name in principals.SERVICES),
}


def may(rules: frozenset[Rule], does: str) -> set[str]:
    mine = [rule for rule in rules if rule.kind == "topic" and rule.does == does]
    return {topic for topic in EVERY_TOPIC if any(covers(rule, topic) for rule in mine)}


@pytest.mark.parametrize("name", principals.SERVICES)
def test_a_service_reads_exactly_the_topics_it_subscribes_to(name: str) -> None:
    assert may(principals.service(name), "read") == set(TOPICS[name])


@pytest.mark.parametrize("name", principals.SERVICES)
def test_a_service_writes_its_facts_its_own_intake_and_receipts(name: str) -> None:
    written = {f"facts.{name}", *(f"{kind}.{code}" for kind in (f"intake.{name}", "receipts") for code in DISTRICTS)}
    assert may(principals.service(name), "write") == written


def test_only_the_registry_reads_the_topics_with_names_and_niks() -> None:
    everyone = {name: principals.service(name) for name in principals.SERVICES}
    everyone |= {code: principals.district(code) for code in DISTRICTS}
    readers = {
        who for who, rules in everyone.items() if may(rules, "read") & {f"intake.registry.{c}" for c in DISTRICTS}
    }
    assert readers == {"registry"}


@pytest.mark.parametrize("code", ["3501", "3578"])
def test_a_district_writes_its_three_intakes_and_reads_its_receipts(code: str) -> None:
    rules = principals.district(code)
    assert may(rules, "write") == {f"intake.{name}.{code}" for name in principals.SERVICES}
    assert may(rules, "read") == {f"receipts.{code}"}
    assert {topic_district(topic) for topic in may(rules, "read") | may(rules, "write")} == {code}


def test_no_rule_is_of_another_kind() -> None:
    rules = principals.district("3501") | principals.service("grants")
    assert {(rule.kind, rule.does) for rule in rules} == {("topic", "read"), ("topic", "write"), ("group", "read")}
