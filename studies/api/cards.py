from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Router

from studies import commands, selectors
from studies.api.answers.exports import CardOut
from studies.api.auth import ApiRequest
from studies.api.schemas import CardIn, ExportId
from studies.cards import card_text
from studies.engine.card import FILE
from studies.models import Export

router = Router(tags=["exports"])
Json = dict[str, Any]


@router.get("/{export_id}/card", response=CardOut, operation_id="card_read")
def card_read(request: ApiRequest, export_id: ExportId) -> Json:
    """Read the model card of a finished export."""
    return _card(_ready(request, export_id))


@router.put("/{export_id}/card", response=CardOut, operation_id="card_update")
def card_update(request: ApiRequest, export_id: ExportId, body: CardIn) -> Json:
    """Replace the model card; the export's list of files then has its new hash."""
    visible = selectors.exports_visible_to(request.auth)
    return _card(commands.card_update(get_object_or_404(visible, pk=export_id), body.text))


def _ready(request: ApiRequest, export_id: UUID) -> Export:
    visible = selectors.exports_visible_to(request.auth).filter(ready_at__isnull=False)
    return get_object_or_404(visible, pk=export_id)


def _card(export: Export) -> Json:
    entry = selectors.export_file(export, FILE) or {"sha256": ""}
    return {"text": card_text(export), "sha256": entry["sha256"]}
