"""The pages on which officers decide about grants and budgets: HTML without scripts, over the API's commands."""

from pathlib import Path

from fastapi import FastAPI

from services.grants.pages import batch, budgets, grant, handing, queue
from services.grants.wording import WORDS
from shared.pages.answers import Look


def mount(app: FastAPI) -> None:
    """Have the application of grants answer its pages."""
    look = Look("grants", Path(__file__).parent.parent, WORDS)
    look.mount(app, *(part.router for part in (queue, grant, handing, batch, budgets)))
