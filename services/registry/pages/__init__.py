"""The pages on which officers decide about people: HTML without scripts, over the API's commands."""

from pathlib import Path

from fastapi import FastAPI

from services.registry.pages import duplicates
from services.registry.wording import WORDS
from shared.pages.answers import Look


def mount(app: FastAPI) -> None:
    """Have the application of the registry answer its pages."""
    Look("registry", Path(__file__).parent.parent, WORDS).mount(app, duplicates.router)
