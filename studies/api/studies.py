from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from studies import commands
from studies.api.answers.paging import Page, page_of
from studies.api.answers.studies import StudyOut, StudyRow
from studies.api.auth import ApiRequest
from studies.api.fingerprints import fingerprint
from studies.api.schemas import ExtendIn, IdempotencyKey, StudyId, StudyIn, StudyQuery
from studies.engine.annotations import StudyAnnotation
from studies.engine.errors import InvalidInputError, Problem
from studies.models import Study
from studies.selectors import (
    profiles_active,
    studies_visible_to,
    study_places,
    study_state,
    study_summary,
)

router = Router(tags=["studies"])
Json = dict[str, Any]


@router.get("", response=Page[StudyRow], operation_id="study_list")
def study_list(request: ApiRequest, query: Query[StudyQuery]) -> Json:
    """List the studies that you may see, the newest first."""
    studies = studies_visible_to(request.auth).select_related("profile", "owner")
    if query.status:
        studies = studies.filter(status=query.status)
    if query.model:
        studies = studies.filter(model=query.model)
    if query.tag:
        studies = studies.filter(tag_rows__tag=query.tag)
    studies = studies.prefetch_related("tag_rows")
    rows = page_of(studies.defer("snapshot", "facts", "progress", "baseline"), query)
    places = study_places()
    return rows | {"items": [_row(study, places) for study in rows["items"]]}


@router.post("", response={201: StudyOut}, operation_id="study_create")
def study_create(
    request: ApiRequest, body: StudyIn, idempotency_key: IdempotencyKey = ""
) -> Status[Json]:
    """Create a study and, unless `start` is false, start it.

    Repeated with the same Idempotency-Key, it returns the study that it made first.
    """
    profile = profiles_active().filter(slug=body.profile).first()
    if profile is None:
        raise InvalidInputError([Problem("profile", f'there is no preset "{body.profile}"')])
    fields = body.model_dump(exclude={"profile"})
    study = commands.study_create(
        request.auth,
        profile=profile,
        idempotency_key=idempotency_key,
        fingerprint=fingerprint(body),
        **fields,
    )
    return Status(201, study_state(_study(request, study.pk)))


@router.get("/{study_id}", response=StudyOut, operation_id="study_read")
def study_read(request: ApiRequest, study_id: StudyId) -> Json:
    """Read a study: how far it is, its best values, and what it runs with."""
    return study_state(_study(request, study_id))


@router.patch("/{study_id}", response=StudyOut, operation_id="study_annotate")
def study_annotate(request: ApiRequest, study_id: StudyId, body: StudyAnnotation) -> Json:
    """Change a study's name, notes or tags; what you leave out stays."""
    commands.study_annotate(_study(request, study_id), body)
    return study_state(_study(request, study_id))


@router.post("/{study_id}/start", response={202: StudyOut}, operation_id="study_start")
def study_start(request: ApiRequest, study_id: StudyId) -> Status[Json]:
    """Queue a draft."""
    study = commands.study_start(_study(request, study_id))
    return Status(202, study_state(study))


@router.post("/{study_id}/stop", response={202: StudyOut}, operation_id="study_stop")
def study_stop(request: ApiRequest, study_id: StudyId) -> Status[Json]:
    """Stop a queued study now, a running one as soon as its worker can."""
    study = commands.study_stop(_study(request, study_id))
    return Status(202, study_state(study))


@router.post("/{study_id}/resume", response={202: StudyOut}, operation_id="study_resume")
def study_resume(request: ApiRequest, study_id: StudyId) -> Status[Json]:
    """Go on with a stopped or failed study."""
    study = commands.study_resume(_study(request, study_id))
    return Status(202, study_state(study))


@router.post("/{study_id}/extend", response={202: StudyOut}, operation_id="study_extend")
def study_extend(request: ApiRequest, study_id: StudyId, body: ExtendIn) -> Status[Json]:
    """Add trials to a study, and go on if it has ended."""
    study = commands.study_extend(_study(request, study_id), body.n_trials)
    return Status(202, study_state(study))


def _study(request: ApiRequest, study_id: UUID) -> Study:
    visible = studies_visible_to(request.auth).select_related("profile", "owner")
    return get_object_or_404(visible, pk=study_id)


def _row(study: Study, places: Mapping[UUID, int]) -> Json:
    error = {"code": study.error_code, "message": study.error, "advice": study.error_advice}
    return study_summary(study, places) | {"error": error if study.error else None}
