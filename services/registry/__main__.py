"""`python -m services.registry --help`."""

from services.registry.app import build
from services.registry.tables import METADATA
from shared.operations import commands

app = commands("registry", build, METADATA)

if __name__ == "__main__":
    app()
