"""The pages on which officers decide about people: HTML without scripts, over the API's commands."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI

from services.registry.pages import duplicates
from services.registry.uploading import PEOPLE
from services.registry.wording import WORDS
from shared.pages import uploads
from shared.pages.answers import Look

_LOOK = Look("registry", Path(__file__).parent.parent, WORDS)


def mount(app: FastAPI, came: Callable[[], None]) -> None:
    """Have the application of the registry answer its pages. `came` is called where a file was received."""
    _LOOK.mount(app, duplicates.router, uploads.routes(PEOPLE, came))
