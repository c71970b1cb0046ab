"""Who may use a page of officers."""

from typing import Annotated

from fastapi import Depends

from shared.refusals import Refused
from shared.security import Caller, Role, Verified
from shared.web import signed_in


class Officer:
    """A dependency that lets only these roles in, and by a cookie only from pages of ours.

    Raises Unauthenticated; Refused `forbidden`, `foreign_form`.
    """

    def __init__(self, *roles: Role) -> None:
        self._roles = frozenset(roles)

    async def __call__(self, who: Annotated[Verified, Depends(signed_in)]) -> Caller:
        if who.caller.role not in self._roles:
            raise Refused("forbidden", role=who.caller.role.value)
        return who.caller
