"""`python -m services.reporting --help`."""

from services.reporting.app import build
from services.reporting.tables import METADATA
from shared.operations import commands

app = commands("reporting", build, METADATA)

if __name__ == "__main__":
    app()
