"""Uploads over HTTP: a template to fill in, the file by a plain form, and what becomes of it."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData, UploadFile

from shared.events.districts import DISTRICTS
from shared.events.receipts import Sentence
from shared.refusals import Refused
from shared.security import Caller, Role
from shared.uploads import store, templates
from shared.uploads.columns import Kind
from shared.uploads.store import File
from shared.web import Context, allow, context, problem

_YES = frozenset({"true", "1", "on", "yes", "ya"})
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
                        "file": {"type": "string", "format": "binary", "description": "CSV or XLSX, by its content."},
                        "district": {"type": "string", "description": "Of a province officer: whose rows they are."},
                        "dry_run": {"type": "string", "description": "`true`: judge it, and send nothing."},
                        "partial": {
                            "type": "string",
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

    @router.get("/v1/uploads/templates/{kind}.{form}", summary="The file to fill in")
    async def template(kind: str, form: Literal["csv", "xlsx"], _: Reader) -> Response:
        """With headings alone; the XLSX file has a sheet beside that says what goes where."""
        content = templates.write(known(kind), form)
        named = {"Content-Disposition": f'attachment; filename="templat-{kind}.{form}"'}
        return Response(content, media_type=MEDIA_TYPES[form], headers=named)

    @router.post("/v1/uploads/{kind}", status_code=202, summary="Send a file of rows", openapi_extra=_FORM)
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

    @router.get("/v1/uploads/{upload_id}", summary="What became of an upload")
    async def one(upload_id: UUID, here: Here, who: Reader) -> Response:
        """How far it is, what is wrong with which row, and once it is sent, what the events were answered."""
        return _json(await show(here, upload_id, who))

    @router.get("/v1/uploads", summary="The newest uploads, in pages")
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
    return str(form.get(name, "")).strip().lower() in _YES


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
