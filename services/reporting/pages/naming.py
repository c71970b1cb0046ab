"""What the values of a cut are called: words where there is a list of them, else what the district wrote."""

from services.reporting.cuts import CutName
from shared.events.districts import DISTRICTS
from shared.pages.wording import Words

_LISTED = {"kind": "kind", "sex": "sex", "ppks": "ppks", "disability": "disability", "trade": "trade"}


def named(words: Words, cut: CutName, value: str) -> str:
    """`sewing` as `menjahit`; a trade that nobody has listed as it was sent, without its underscores."""
    if not value:
        return words("by.none")
    if cut == "district":
        return DISTRICTS[value].title
    key = f"{_LISTED.get(cut)}.{value}"
    if key in words:
        return words(key)
    return value.replace("_", " ") if cut == "trade" else value
