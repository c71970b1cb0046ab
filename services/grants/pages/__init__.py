"""The pages on which officers decide about grants and budgets: HTML without scripts, over the API's commands."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI

from services.grants.pages import batch, budgets, grant, handing, queue
from services.grants.uploading import REQUESTS
from services.grants.wording import WORDS
from shared.pages import uploads
from shared.pages.answers import Look

_LOOK = Look("grants", Path(__file__).parent.parent, WORDS)


def mount(app: FastAPI, came: Callable[[], None]) -> None:
    """Have the application of grants answer its pages. `came` is called where a file was received."""
    parts = [part.router for part in (queue, grant, handing, batch, budgets)]
    _LOOK.mount(app, *parts, uploads.routes(REQUESTS, came))
