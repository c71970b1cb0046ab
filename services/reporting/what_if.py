"""What would change under another growth rule: computed from the reports in force, without changing anything."""

from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.growth import judge
from services.reporting.rule_versions import GrowthRule
from services.reporting.rules import classify
from services.reporting.views import COUNTED
from services.reporting.worklist_rules import class_pairs
from shared.database import run

_AT_ONCE = 1000


async def what_if(session: AsyncSession, candidate: GrowthRule) -> dict[str, Any]:
    """The moves between computed classes of ex-clients, by district and in all, and the businesses that move.

    Each is compared with the class that the rule on its record gives. A business under an override keeps its
    effective class while that counts: `overridden` says so.
    """
    moves: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    businesses: list[dict[str, Any]] = []
    compared: Counter[int] = Counter()
    after = 0
    while True:
        found = await run(
            session,
            """SELECT no FROM person WHERE no > :after AND status = :counted
               AND EXISTS (SELECT 1 FROM report t WHERE t.person_no = person.no) ORDER BY no LIMIT :most""",
            after=after,
            counted=COUNTED,
            most=_AT_ONCE,
        )
        numbers = [(row.no,) for row in found]
        if not numbers:
            break
        for business in await judge(session, numbers, {}, None):
            compared[business.rule.version] += 1
            new = classify(class_pairs(business.reports, candidate), candidate)
            if new is business.computed:
                continue
            district = business.held.district
            moves[district][business.computed.value, new.value] += 1
            businesses.append(
                {
                    "beneficiary_id": str(UUID(str(business.held.beneficiary_id))),
                    "district": district,
                    "from": business.computed.value,
                    "to": new.value,
                    "overridden": business.override is not None,
                }
            )
        after = numbers[-1][0]
    return {
        "candidate": candidate,
        "compared": {"businesses": compared.total(), "by_rule": {str(version): n for version, n in compared.items()}},
        "moved": len(businesses),
        "province": _moves(sum(moves.values(), Counter())),
        "districts": {district: _moves(moves[district]) for district in sorted(moves)},
        "businesses": businesses,
    }


def _moves(counted: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    """The most frequent first."""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [{"from": old, "to": new, "businesses": many} for (old, new), many in ordered]
