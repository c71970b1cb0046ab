"""A letter as a page for the screen and the printer, and as PDF/UA-1, which a screen reader can read."""

import asyncio
from datetime import datetime
from pathlib import Path

import msgspec
import typst
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.grants.letters import Letter
from shared.refusals import Refused

_FOLDER = Path(__file__).parent / "templates"
_PAGE = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("letter.html")
_SHEET = (_FOLDER / "letter.typ").read_bytes()


def page(letter: Letter) -> str:
    """HTML, A4 when printed."""
    return _PAGE.render(letter=letter)


async def pdf(letter: Letter, *, issued_at: datetime) -> bytes:
    """The same letter is the same bytes. Raises Refused `letter_not_printable`.

    Set beside the event loop: it takes some hundredths of a second."""
    return await asyncio.to_thread(_pdf, letter, issued_at)


def _pdf(letter: Letter, issued_at: datetime) -> bytes:
    content = msgspec.json.encode(letter._asdict() | _inner(letter)).decode()
    try:
        found = typst.compile(
            _SHEET,
            format="pdf",
            sys_inputs={"letter": content},
            pdf_standards="ua-1",
            timestamp=issued_at.replace(microsecond=0),
            ignore_system_fonts=True,
        )
    except typst.TypstError as error:  # a character that its fonts lack, which a screen reader could not name either
        raise Refused("letter_not_printable") from error
    assert isinstance(found, bytes), "one document was asked for"
    return found


def _inner(letter: Letter) -> dict[str, object]:
    """A NamedTuple is a list in JSON; the sheet reads names."""
    return {
        "table": letter.table and letter.table._asdict(),
        "signatures": [signature._asdict() for signature in letter.signatures],
    }
