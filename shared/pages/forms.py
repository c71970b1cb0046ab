"""What a page sends back: the fields of its form, and doing what they ask for once."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qs

import msgspec
from fastapi import Request
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile

from shared.events.receipts import Sentence
from shared.refusals import Refused
from shared.security import Caller
from shared.uploads.api import is_in_parts
from shared.uploads.cells import Read, Wrong
from shared.uploads.columns import MISSING
from shared.web import Call, context_of

_MAX_FORM_BYTES = 16_384
_MOST_PARTS, _MAX_PART_BYTES = 128, 2048
_KEY = 32
TOO_LARGE = 413
"""The status of a body that is above what `shared.web` lets in."""
_Body = TypeVar("_Body", bound=BaseModel)


@dataclass(frozen=True)
class Form:
    """What an officer sent. `key` is of this form alone: sent twice, it is done once."""

    fields: Mapping[str, Sequence[str]]
    key: str

    def __getitem__(self, name: str) -> str:
        """The field as it was written, without the blanks around it; empty when it is not there."""
        return next(iter(self.fields.get(name, ())), "").strip()

    def every(self, name: str) -> Sequence[str]:
        """All that was chosen under one name."""
        return self.fields.get(name, ())


class Problem(NamedTuple):
    """Why a form was not done. `code` is stable, and `refused.<code>` in the catalogue says what to do now.

    `field` is the one to mend, None where it is none of them; without a sentence `bad.<field>` says what it must be.
    """

    code: str
    field: str | None = None
    sentence: Sentence | None = None
    detail: Mapping[str, Any] = {}


class Unfit(Exception):
    """A form that says what cannot be meant."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def new_key() -> str:
    return secrets.token_hex(_KEY // 2)


async def read_form(request: Request, *, most_bytes: int = _MAX_FORM_BYTES, most_fields: int = 8) -> dict[str, str]:
    """The fields of a form, of several of one name the first; a body that is none has none."""
    fields = await _read_fields(request, most_bytes, most_fields)
    return {name: values[0] for name, values in fields.items()}


async def officers_form(request: Request, *, most_bytes: int = _MAX_FORM_BYTES, most_fields: int = 32) -> Form:
    """What an officer sent. Raises Refused `foreign_form` when it is no form of ours."""
    return form_of(await _read_fields(request, most_bytes, most_fields))


def form_of(fields: Mapping[str, Sequence[str]]) -> Form:
    """Raises Refused `foreign_form` when these are not the fields of a form of ours."""
    key = next(iter(fields.get("key", ())), "")
    ours = len(key) == _KEY and key.isalnum() and key.isascii()
    if not ours or any("\x00" in value for values in fields.values() for value in values):
        raise Refused("foreign_form")
    return Form({name: values for name, values in fields.items() if name != "key"}, key)


async def _read_fields(request: Request, most_bytes: int, most_fields: int) -> dict[str, list[str]]:
    body = await request.body()
    if len(body) > most_bytes:
        return {}
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=False, max_num_fields=most_fields)
    except ValueError:
        return {}


async def once(request: Request, who: Caller, form: Form, work: Callable[[AsyncSession], Awaitable[object]]) -> Any:
    """Do the work of this form, or find it done: what it came to. Raises what the work raises; then nothing is done.

    Raises Refused `idempotency_key_reused` when the form was sent before with something else in it.
    """
    said = msgspec.json.encode(sorted((name, list(values)) for name, values in form.fields.items()))
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    fingerprint = hashlib.sha256(b"\0".join((b"FORM", path.encode(), said))).hexdigest()
    answer = await Call(context_of(request), form.key, fingerprint).once(who, work)
    return msgspec.json.decode(answer.body)


async def attempt(
    request: Request, who: Caller, form: Form, wanted: Callable[[Form], Callable[[AsyncSession], Awaitable[object]]]
) -> Problem | None:
    """Do once what the form is read to ask for; if that was not done, why. Raises Refused as `problem_of` does."""
    try:
        await once(request, who, form, wanted(form))
    except Unfit as unfit:
        return unfit.problem
    except Refused as refused:
        return problem_of(refused)
    return None


def problem_of(refused: Refused) -> Problem:
    """For a page that shows what was refused; what one may not see or do it cannot show. Raises Refused again then."""
    if refused.code in ("forbidden", "not_found", "foreign_form"):
        raise refused
    return Problem(refused.code, None, refused.message, refused.detail)


def fitting(kind: type[_Body], values: Mapping[str, object]) -> _Body:
    """The body of a call of the API, by the fields of a form. Raises Unfit for the first that it does not take."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise Unfit(Problem("invalid_request", str(error.errors()[0]["loc"][0]))) from None


def fitting_cell(read: Read, form: Form, field: str) -> Any:
    """One field as a cell of a file is read, however its thousands are written. Raises Unfit."""
    if not form[field]:
        raise Unfit(Problem("missing", field, MISSING[1]))
    try:
        return read(form[field])
    except Wrong as wrong:
        raise Unfit(Problem(wrong.code, field, wrong.cure)) from None


@asynccontextmanager
async def read_parts(request: Request, file: str) -> AsyncIterator[tuple[Form, UploadFile | None]]:
    """A form with one file in it, which is gone afterwards. Raises Refused `foreign_form` when it is none of ours."""
    if not is_in_parts(request):
        raise Refused("foreign_form")
    async with request.form(max_files=1, max_fields=_MOST_PARTS, max_part_size=_MAX_PART_BYTES) as parts:
        fields: dict[str, list[str]] = {}
        for name, value in parts.multi_items():
            if isinstance(value, str):
                fields.setdefault(name, []).append(value)
        content = parts.get(file)
        yield form_of(fields), content if isinstance(content, UploadFile) else None
