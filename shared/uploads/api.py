"""Uploads over HTTP: a template to fill in, the file by a plain form, and what becomes of it."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field
from starlette.datastructures import FormData, UploadFile
from typing_extensions import TypedDict

from shared.events.districts import DISTRICTS
from shared.events.receipts import Sentence, Verdict
from shared.openapi import file_of, problems
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.shapes import DISTRICT, Code, Count, District, Sha256, Sub, Words
from shared.uploads import store, templates
from shared.uploads.columns import Kind
from shared.uploads.store import File
from shared.web import Context, allow, context, problem

_YES = ("true", "1", "on", "yes", "ya")
_NO = ("", "false", "0", "off", "no", "tidak")
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "CSV or XLSX, by its content.",
                            "example": "nomor;revisi;nama",
                        },
                        "district": {
                            "type": "string",
                            "pattern": DISTRICT,
                            "description": "Of a province officer: whose rows they are.",
                            "example": "3522",
                        },
                        "dry_run": {"enum": [*_YES, *_NO], "description": "`true`: judge it, and send nothing."},
                        "partial": {
                            "enum": [*_YES, *_NO],
                            "description": "`true`: send the valid rows and name the others; else all or none.",
                        },
                    },
                }
            }
        },
    }
}

_NO_FILE = {"at": "file", "why": "missing"}

Here = Annotated[Context, Depends(context)]
Officer = Annotated[Caller, Depends(allow(Role.district_officer, Role.province_officer))]
Reader = Annotated[Caller, Depends(allow(Role.district_officer, Role.province_officer, Role.auditor, Role.admin))]


class Rows(TypedDict):
    read: Count
    refused: Count
    sent: Count


class Upload(TypedDict):
    """`mode`: only judged (`check`), `all` rows or none, or the `valid` ones. `by`: the `sub` of who sent it."""

    upload_id: UUID
    kind: Annotated[str, Field(examples=["income"])]
    district: District
    mode: Literal["check", "all", "valid"]
    state: Literal["received", "checking", "sending", "checked", "refused", "sent"]
    message: Words
    at: datetime
    by: Sub
    sha256: Sha256
    rows: Rows
    errors_total: Count


class Told(TypedDict):
    """What a row's event was answered, where it was not simply accepted."""

    row: Count
    verdict: Verdict
    reason: Code
    message: Words


class WrongRow(TypedDict):
    """What is wrong in a row, and its cure."""

    row: Annotated[int | None, Field(examples=[3])]
    column: Annotated[str | None, Field(examples=["nik"])]
    code: Annotated[str, Field(examples=["invalid_nik"])]
    message: Words


class WholeUpload(Upload):
    """`answers`: how many of the rows' events were answered what; `pending` are those not answered yet."""

    answers: dict[str, int]
    told: list[Told]
    errors: list[WrongRow]


class Uploads(TypedDict):
    """`next` goes into `after` for the following page; null on the last."""

    items: list[Upload]
    next: UUID | None


_LOCATION = {"Location": {"description": "Where to follow it.", "schema": {"type": "string"}}}


class Missing(Exception):
    """A part of the form that is not there, or not what it should be."""

    def __init__(self, at: str, why: str) -> None:
        super().__init__(at)
        self.at = at
        self.error = {"at": at, "why": why}


def routes(kinds: Mapping[str, Kind], came: Callable[[], None]) -> APIRouter:
    """Those of one service, for its own kinds. `came` is called where an upload was received."""
    router = APIRouter(tags=["uploads"])

    def known(kind: str) -> Kind:
        if kind not in kinds:
            raise Refused("not_found")
        return kinds[kind]

    @router.get(
        "/v1/uploads/templates/{kind}.{form}",
        summary="The file to fill in",
        response_class=Response,
        responses=file_of(*MEDIA_TYPES.values(), description="With headings alone.", like="nomor;revisi;nama"),
    )
    async def template(kind: str, form: Literal["csv", "xlsx"], _: Reader) -> Response:
        """With headings alone; the XLSX file has a sheet beside that says what goes where."""
        content = templates.write(known(kind), form)
        named = {"Content-Disposition": f'attachment; filename="templat-{kind}.{form}"'}
        return Response(content, media_type=MEDIA_TYPES[form], headers=named)

    @router.post(
        "/v1/uploads/{kind}",
        status_code=202,
        summary="Send a file of rows",
        openapi_extra=_FORM,
        responses={
            202: {"model": WholeUpload, "headers": _LOCATION},
            **problems("invalid_request", "too_many_uploads"),
        },
    )
    async def send(kind: str, request: Request, here: Here, who: Officer) -> Response:
        """202 once the file is kept durably, with where to follow it. Its rows are judged, then all are sent or none,
        unless the form says otherwise. The same file again is the same upload: it takes no Idempotency-Key. 409
        `too_many_uploads` while so many of the district are not done with."""
        known(kind)
        if not is_in_parts(request):
            return problem("invalid_request", {"errors": [_NO_FILE]})
        async with request.form(max_files=1, max_fields=8, max_part_size=1024) as form:
            try:
                file, content = read_form(kind, form, who)
            except Missing as missing:
                return problem("invalid_request", {"errors": [missing.error]})
            async with here.database.transaction() as session:
                await store.receive(session, file, who.sub, content.file)
        came()
        # Relative to the call itself, which may have come through a door with a prefix.
        return _json(await show(here, file.upload_id), 202, {"Location": str(file.upload_id)})

    @router.get("/v1/uploads/{upload_id}", summary="What became of an upload", responses={200: {"model": WholeUpload}})
    async def one(upload_id: UUID, here: Here, who: Reader) -> Response:
        """How far it is, what is wrong with which row, and once it is sent, what the events were answered."""
        return _json(await show(here, upload_id, who))

    @router.get(
        "/v1/uploads",
        summary="The newest uploads, in pages",
        responses={200: {"model": Uploads}, **problems("not_found")},
    )
    async def newest(
        here: Here,
        who: Reader,
        district: Annotated[str | None, Query(pattern=r"^[0-9]{4}$", examples=["3522"])] = None,
        after: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        """The newest first; `next` is null at the end. A district officer sees those of the own district; another one
        is 404."""
        if district is not None and (district not in DISTRICTS or not who.sees(district)):
            raise Refused("not_found")
        async with here.database.reading() as session:
            rows = await store.read_newest(session, who.district or district, limit + 1, after)
        items = [view(row) for row in rows[:limit]]
        return _json({"items": items, "next": items[-1]["upload_id"] if len(rows) > limit else None})

    return router


def is_in_parts(request: Request) -> bool:
    """Is it a form that may carry a file? Another one would be held in memory whole."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


def read_form(kind: str, form: FormData, who: Caller) -> tuple[File, UploadFile]:
    """What is to be done with which file. Raises Missing, and Refused `not_found` for a foreign district."""
    content = form.get("file")
    if not isinstance(content, UploadFile):
        raise Missing(**_NO_FILE)
    said = str(form.get("district") or "") or who.district
    if said is None:
        raise Missing("district", "missing")
    if said not in DISTRICTS or not who.sees(said):
        raise Refused("not_found")
    mode = "check" if _is_yes(form, "dry_run") else "valid" if _is_yes(form, "partial") else "all"
    digest = hashlib.file_digest(content.file, "sha256").hexdigest()  # type: ignore[arg-type]
    size = content.file.tell()
    content.file.seek(0)
    return File(kind, said, mode, digest, size), content


def _is_yes(form: FormData, name: str) -> bool:
    """Raises Missing for another word: who meant a dry run and wrote it otherwise must not have it all sent."""
    said = [str(value).strip().lower() for value in form.getlist(name)] or [""]
    if len(said) > 1 or said[0] not in (*_YES, *_NO):
        raise Missing(name, "neither_yes_nor_no")
    return said[0] in _YES


async def show(here: Context, upload_id: UUID, who: Caller | None = None) -> dict[str, Any]:
    """Raises Refused `not_found`, also for what `who` may not see."""
    async with here.database.reading() as session:
        row = await store.read(session, upload_id)
        if row is None or (who is not None and not who.sees(row.district)):
            raise Refused("not_found")
        found = await store.answers(session, row.district, row.sha256) if row.rows_sent else ({}, [])
    counts, told = found
    return {
        **view(row),
        "answers": {**counts, "pending": max(0, row.rows_sent - sum(counts.values()))},
        "told": told,
        "errors": msgspec.json.decode(row.errors),
    }


def view(row: Any) -> dict[str, Any]:
    return {
        "upload_id": row.upload_id,
        "kind": row.kind,
        "district": row.district,
        "mode": row.mode,
        "state": row.state,
        "message": _STATES[row.state],
        "at": row.at,
        "by": row.sub,
        "sha256": row.sha256,
        "rows": {"read": row.rows_read, "refused": row.rows_refused, "sent": row.rows_sent},
        "errors_total": row.errors_total,
    }


def _json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


_STATES = {
    "received": Sentence("Berkas diterima dan menunggu giliran.", "The file is received and waits for its turn."),
    "checking": Sentence("Baris sedang diperiksa.", "The rows are being checked."),
    "sending": Sentence("Baris sudah diperiksa dan sedang dikirim.", "The rows are checked and being sent."),
    "checked": Sentence("Selesai diperiksa; tidak ada yang dikirim.", "Checked; nothing was sent."),
    "refused": Sentence(
        "Tidak ada yang dikirim. Perbaiki baris yang disebut, lalu unggah lagi.",
        "Nothing was sent. Mend the rows named, then upload the file again.",
    ),
    "sent": Sentence(
        "Terkirim. Jawaban setiap baris ada pada tanda terimanya.", "Sent. Each row is answered by its receipt."
    ),
}
