"""The pages people read: HTML that needs no script, in both languages."""

from fastapi import APIRouter

from services.reporting.pages import about, aid, public, quality, reading, sign_in, tables, worklist
from services.reporting.pages.sign_in import sign_in_link
from services.reporting.sessions import Endings
from shared.database import Database
from shared.sessions import Sessions
from shared.settings import Settings

__all__ = ["pages", "sign_in_link"]


def pages(settings: Settings, database: Database, sessions: Sessions, endings: Endings) -> APIRouter:
    """All pages, to be mounted on the application of reporting."""
    router = APIRouter(include_in_schema=False)
    for part in (reading, aid, quality, about, public, worklist, tables):
        router.include_router(part.router)
    router.include_router(sign_in.router(settings, database, sessions, endings))
    return router
