"""What the answers of all services are made of, as their OpenAPI documents show it."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

DISTRICT = r"^[0-9]{4}$"
MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
STORABLE = r"^[^\x00]*$"
"""PostgreSQL cannot keep the character U+0000."""

District = Annotated[str, Field(examples=["3522"])]
Ref = Annotated[str, Field(description="The district's own number.", examples=["W-0001"])]
Month = Annotated[str, Field(examples=["2026-10"])]
Code = Annotated[str, Field(description="Stable.", examples=["accepted"])]
EventId = Annotated[str, Field(examples=["2026-000123"])]
EventType = Annotated[str, Field(examples=["berdaya.district.income-reported.v1"])]
Source = Annotated[str, Field(examples=["/district/3522/simdu"])]
Sha256 = Annotated[str, Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]
Sub = Annotated[str, Field(description="The `sub` of the token.", examples=["ratna"])]
Text = Annotated[str, Field(examples=["Sudah dicek di lapangan."])]
Rupiah = Annotated[int, Field(description="Rupiah.", examples=[3_000_000])]
Count = Annotated[int, Field(examples=[3])]
Number = Annotated[int, Field(examples=[1])]
FiscalYear = Annotated[int, Field(examples=[2026])]
Rate = Annotated[float, Field(examples=[0.846])]
Moment = datetime
Day = date


class Words(TypedDict):
    """The same sentence in both languages."""

    id: Annotated[str, Field(examples=["Diterima."])]
    en: Annotated[str, Field(examples=["Accepted."])]
