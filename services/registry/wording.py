"""The words of the pages of the registry, in both languages."""

from pathlib import Path

from shared.pages.wording import words_of

WORDS = words_of(Path(__file__).parent / "locale")
