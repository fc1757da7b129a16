from typing import Annotated, Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from ninja import Path, Query, Router, Status

from studies import commands
from studies.api.answers.paging import Page, page_of
from studies.api.answers.presets import OverrideOut
from studies.api.auth import ApiRequest, allowed
from studies.api.documents import body_of, described_as
from studies.api.schemas import MAX_INTEGER, PageQuery
from studies.engine.override_rows import OverrideChanges, OverrideIn
from studies.models import ModelOverride
from studies.selectors import override_document

router = Router(tags=["overrides"])
Json = dict[str, Any]
OverrideId = Annotated[int, Path(ge=1, le=MAX_INTEGER)]


@router.get("", response=Page[OverrideOut], operation_id="override_list")
def override_list(request: ApiRequest, page: Query[PageQuery]) -> Json:
    """List the overrides that hold whatever the preset; those of a preset are part of it."""
    rows = page_of(_overrides(), page)
    return rows | {"items": [_out(row) for row in rows["items"]]}


@router.post(
    "",
    response={201: OverrideOut},
    operation_id="override_create",
    auth=allowed("studies.add_modeloverride"),
    openapi_extra=described_as(OverrideIn),
)
def override_create(request: ApiRequest) -> Status[Json]:
    """Store an override; needs the permission studies.add_modeloverride."""
    return Status(201, _out(commands.override_create(request.auth, body_of(request))))


@router.get("/{override_id}", response=OverrideOut, operation_id="override_read")
def override_read(request: ApiRequest, override_id: OverrideId) -> Json:
    """Read an override."""
    return _out(_override(override_id))


@router.patch(
    "/{override_id}",
    response=OverrideOut,
    operation_id="override_update",
    auth=allowed("studies.change_modeloverride"),
    openapi_extra=described_as(OverrideChanges),
)
def override_update(request: ApiRequest, override_id: OverrideId) -> Json:
    """Change what is given; needs the permission studies.change_modeloverride."""
    override = _override(override_id)
    return _out(commands.override_update(request.auth, override, body_of(request)))


@router.delete(
    "/{override_id}",
    response={204: None},
    operation_id="override_delete",
    auth=allowed("studies.delete_modeloverride"),
)
def override_delete(request: ApiRequest, override_id: OverrideId) -> Status[None]:
    """Delete an override; needs the permission studies.delete_modeloverride."""
    commands.override_delete(request.auth, _override(override_id))
    return Status(204, None)


def _overrides() -> QuerySet[ModelOverride]:
    return ModelOverride.objects.filter(profile__isnull=True).order_by(
        "pattern", "parameter", "component", "pk"
    )


def _override(override_id: int) -> ModelOverride:
    return get_object_or_404(_overrides(), pk=override_id)


def _out(row: ModelOverride) -> Json:
    return {"id": row.pk, **override_document(row)}
