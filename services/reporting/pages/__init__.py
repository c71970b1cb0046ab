"""The pages people read: HTML that needs no script, in both languages."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI

from services.reporting.pages import about, aid, public, quality, reading, sign_in, tables, worklist
from services.reporting.pages.sign_in import sign_in_link
from services.reporting.sessions import Endings
from services.reporting.uploading import INCOME
from services.reporting.wording import WORDS
from shared.database import Database
from shared.pages import uploads
from shared.pages.answers import Look
from shared.sessions import Sessions
from shared.settings import Settings

__all__ = ["mount", "sign_in_link"]

_LOOK = Look("reporting", Path(__file__).parent.parent, WORDS)


def mount(
    app: FastAPI,
    settings: Settings,
    database: Database,
    sessions: Sessions,
    endings: Endings,
    came: Callable[[], None],
) -> None:
    """Have the application of reporting answer all its pages. `came` is called where a file was received."""
    parts = [part.router for part in (reading, aid, quality, about, public, worklist, tables)]
    entry = sign_in.router(settings, database, sessions, endings)
    _LOOK.mount(app, *parts, entry, uploads.routes(INCOME, came))
