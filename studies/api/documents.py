"""Bodies that a command reads as a whole, so that all their faults are said at once."""

from typing import Any

from pydantic import BaseModel

from studies.api.auth import ApiRequest
from studies.api.parsing import StrictParser

Json = dict[str, Any]


def body_of(request: ApiRequest) -> Any:  # noqa: ANN401 - any JSON
    """Read a request's body as strict JSON.

    Raises:
        BodyError: it cannot be read.
    """
    return StrictParser().parse_body(request)


def described_as(kind: type[BaseModel]) -> Json:
    """Describe such a body in the API's schema."""
    schema = kind.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
