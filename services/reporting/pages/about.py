"""About the numbers: what each means, by which rule, how fresh, how private."""

from itertools import groupby

from fastapi import APIRouter, Request, Response

from services.reporting.api import Reader
from services.reporting.completeness import COMPARED_MONTHS, ENOUGH
from services.reporting.figures import figures
from services.reporting.pages.present import From, snapshot_of, standing
from services.reporting.rule_versions import RULES
from services.reporting.worklist_api import rule_in_force
from shared.pages.answers import Page, render

router = APIRouter(route_class=Page, include_in_schema=False)


@router.get("/about")
async def about(request: Request, who: Reader, source: From) -> Response:
    defined = figures(rule_in_force(request))
    snapshot = await snapshot_of(source, None)
    return render(
        request,
        "about.html",
        parts=[(part, list(some)) for part, some in groupby(defined, key=lambda figure: figure.key.split(".")[0])],
        versions=sorted(RULES),
        enough=float(ENOUGH),
        compared_months=COMPARED_MONTHS,
        **await standing(request, source, snapshot, who) | {"stream": False},
    )
