"""What a page sends back: the fields of its form."""

from urllib.parse import parse_qs

from fastapi import Request

_MAX_FORM_BYTES = 16_384


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; a body that is none has none."""
    body = await request.body()
    if len(body) > _MAX_FORM_BYTES:
        return {}
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
