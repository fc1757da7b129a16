from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Router

from studies.api.answers.work import HealthOut
from studies.selectors import workers_seen

router = Router(tags=["health"])


@router.get("", auth=None, response=HealthOut, operation_id="health")
def health(request: HttpRequest) -> dict[str, Any]:
    """Say that the web server and its database answer, and which workers are there."""
    return {"status": "ok", "version": settings.PRODUCT_VERSION, "workers": workers_seen()}
