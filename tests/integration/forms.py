"""A browser without scripts: it reads pages with the session's cookie, and sends the forms that it finds in them."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import httpx

from shared.runtime import Node
from shared.security import Caller
from tests.helpers import session_cookie


class Reader:
    """One officer at the pages of one service."""

    def __init__(self, node: Node, who: Caller | None) -> None:
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=node.app), base_url="http://test", headers={"Origin": "http://test"}
        )
        if who is not None:
            name, _, token = session_cookie(node.settings, who.role, who.sub, who.district)["Cookie"].partition("=")
            self.client.cookies.set(name, token)

    async def page(self, address: str, status: int = 200) -> str:
        answer = await self.client.get(address)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return answer.text

    async def sends(
        self, at: str, to: str, fields: Mapping[str, Any], files: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        """The form of the page `at` that goes `to`, as it stands there, with these fields."""
        return await self.client.post(to, data={"key": self.key(await self.page(at), to), **fields}, files=files)

    async def done(self, at: str, to: str, fields: Mapping[str, Any], files: Mapping[str, Any] | None = None) -> str:
        """As `sends`, and the page to which it leads."""
        answer = await self.sends(at, to, fields, files)
        assert answer.status_code == 303, answer.text
        assert answer.next_request is not None
        return await self.page(str(answer.next_request.url))

    @staticmethod
    def key(html: str, to: str) -> str:
        """Of the form that goes there. AssertionError when the page has none."""
        for target, rest in re.findall(r'<form method="post" action="([^"]*)"(.*?)</form>', html, re.DOTALL):
            if unescape(target).partition("?")[0].endswith(to) and (
                found := re.search(r'name="key" value="(\w+)"', rest)
            ):
                return found[1]
        raise AssertionError(f"no form goes to {to}")
