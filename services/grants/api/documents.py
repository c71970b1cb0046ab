"""Letters over HTTP, as a page and as PDF, and the register of their numbers. For officers alone."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy import select
from sqlmodel import col
from typing_extensions import TypedDict

from services.grants import documents, paper
from services.grants.api.common import MAX_PAGE, Here, Officer
from services.grants.rules import DocumentKind
from services.grants.tables import Document
from shared.events.districts import DISTRICTS
from shared.openapi import file_of, problems
from shared.refusals import Refused

router = APIRouter(tags=["documents"])


class Form(StrEnum):
    html = "html"
    pdf = "pdf"


class DocumentView(TypedDict):
    """`issued_at`: when the number was given, to whom `issued_by`."""

    document: int
    number: str
    kind: str
    grant_id: UUID
    district: str
    fiscal_year: int
    issued_by: str
    issued_at: datetime


class DocumentsView(TypedDict):
    """`next` goes into `after` for the following page; null on the last."""

    items: list[DocumentView]
    next: int | None


_LETTER: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        **file_of(
            "text/html; charset=utf-8", "application/pdf", description="The letter, in Bahasa Indonesia.", like="Surat"
        ),
        **problems("document_not_due", "letter_not_printable"),
    },
}


@router.get("/v1/grants/{grant_id}/documents/{kind}.{form}", summary="A letter of a grant, to print", **_LETTER)
async def get_letter(grant_id: UUID, kind: DocumentKind, form: Form, who: Officer, here: Here) -> Response:
    """Its number is given by the first call and stays. Names are lines to fill: they are in the registry alone."""
    async with here.database.transaction() as session:
        issued = await documents.issue(session, who, grant_id, kind)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if form is Form.html:
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        return Response(paper.page(issued.letter), media_type="text/html; charset=utf-8", headers=headers)
    name = issued.letter.number.replace("/", "-")
    headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    content = await paper.pdf(issued.letter, issued_at=issued.at)
    return Response(content, media_type="application/pdf", headers=headers)


@router.get("/v1/documents", summary="The numbers given to letters, a page at a time", responses=problems("not_found"))
async def list_documents(
    who: Officer,
    here: Here,
    district: Annotated[str | None, Query(pattern=r"^[0-9]{4}$")] = None,
    fiscal_year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    kind: DocumentKind | None = None,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> DocumentsView:
    """In the order in which they were given. Of one district none is missed while others write."""
    if district is not None and not (district in DISTRICTS and who.sees(district)):
        raise Refused("not_found")
    filters = {
        col(Document.district): district or who.district,
        col(Document.fiscal_year): fiscal_year,
        col(Document.kind): kind,
    }
    wanted = select(Document).where(col(Document.id) > after).order_by(col(Document.id)).limit(limit + 1)
    wanted = wanted.where(*(column == value for column, value in filters.items() if value is not None))
    async with here.database.reading() as session:
        found = (await session.scalars(wanted)).all()
    items = [_shown(document) for document in found[:limit]]
    return {"items": items, "next": items[-1]["document"] if len(found) > limit else None}


def _shown(document: Document) -> DocumentView:
    assert document.id is not None, "it was read from its row"
    return {
        "document": document.id,
        "number": documents.name_of(document),
        "kind": document.kind,
        "grant_id": document.grant_id,
        "district": document.district,
        "fiscal_year": document.fiscal_year,
        "issued_by": document.sub,
        "issued_at": document.at,
    }
