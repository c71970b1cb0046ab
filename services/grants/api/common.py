"""What the calls of grants have in common: who calls, how a body is read, what may be answered."""

from typing import Annotated

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from services.grants.rules import Fund
from shared.security import Caller, Role
from shared.web import Call, Context, allow, call, context

MAX_PAGE = 500

Here = Annotated[Context, Depends(context)]
Writing = Annotated[Call, Depends(call)]
Reader = Annotated[Caller, Depends(allow(*Role))]
Officer = Annotated[Caller, Depends(allow(Role.district_officer, Role.province_officer))]
Admin = Annotated[Caller, Depends(allow(Role.admin))]
FiscalYear = Annotated[int, Path(ge=2000, le=2100)]
Year = Annotated[int, Field(ge=2000, le=2100, examples=[2026])]
DistrictCode = Annotated[str, Path(pattern=r"^[0-9]{4}$")]
District = Annotated[str, Field(pattern=r"^[0-9]{4}$", examples=["3522"])]
Rupiah = Annotated[int, Field(ge=0, le=1_000_000_000_000, examples=[3_000_000])]
PositiveRupiah = Annotated[int, Field(ge=1, le=1_000_000_000_000, examples=[3_000_000])]
Funds = Annotated[Fund, Field(strict=False)]
# PostgreSQL cannot keep the character U+0000.
Sentence = Annotated[
    str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$", examples=["Sudah dicek di lapangan."])
]
Remark = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$", examples=["Sudah dicek di lapangan."])]


class Body(BaseModel):
    """`strict`: "1" is not 1, and true is not either."""

    model_config = ConfigDict(strict=True)
