"""The words of the pages of grants, in both languages."""

from pathlib import Path

from shared.pages.wording import words_of

WORDS = words_of(Path(__file__).parent / "locale")
