"""Alembic runs here with a connection handed over by `shared.migrate`."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel.sql.sqltypes import AutoString

from shared.database import UtcTime


def render(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Spell our own types as the migrations import them."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, UtcTime):
        return "UtcTime()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    render_item=render,
    compare_type=False,
)
with context.begin_transaction():
    context.run_migrations()
