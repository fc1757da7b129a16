from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Router, Status

from studies import commands
from studies.api.answers.paging import Page
from studies.api.answers.studies import ForkPreviewOut, StudyOut, WaitingOut
from studies.api.auth import LOOKING, ApiRequest, allowed
from studies.api.fingerprints import fingerprint
from studies.api.schemas import EnqueueIn, ForkIn, ForkPreviewIn, IdempotencyKey, StudyId
from studies.commands.enqueuing import entries_read
from studies.forking import fork_resolve, takeover_plan
from studies.models import Study
from studies.selectors import studies_visible_to, study_state, waiting_trials

router = Router(tags=["studies"])
Json = dict[str, Any]


@router.post("/{study_id}/fork", response={201: StudyOut}, operation_id="study_fork")
def study_fork(
    request: ApiRequest, study_id: StudyId, body: ForkIn, idempotency_key: IdempotencyKey = ""
) -> Status[Json]:
    """Make a study from this one's frozen values, with its finished trials that still fit.

    Trials are taken over only where the same is measured; `fork` in the answer says how many
    were and why others were not.
    """
    study = commands.study_fork(
        request.auth,
        _study(request, study_id),
        idempotency_key=idempotency_key,
        fingerprint=fingerprint(body, f"fork of {study_id}"),
        **body.model_dump(),
    )
    return Status(201, study_state(_study(request, study.pk)))


@router.post(
    "/{study_id}/fork/preview",
    response=ForkPreviewOut,
    operation_id="fork_preview",
    auth=allowed(LOOKING),
)
def fork_preview(request: ApiRequest, study_id: StudyId, body: ForkPreviewIn) -> Json:
    """Say what a fork would run with, and which trials it would take over; nothing is made."""
    study = _study(request, study_id)
    resolution = fork_resolve(study, parameters=body.parameters, settings=body.settings)
    resolution.check()
    entries = [entry.model_dump() for entry in body.enqueue]
    entries_read(request.auth, resolution.method, resolution.space, entries)
    return resolution.as_json() | {"fork": takeover_plan(study, resolution).as_json()}


@router.get("/{study_id}/enqueue", response=Page[WaitingOut], operation_id="waiting_list")
def waiting_list(request: ApiRequest, study_id: StudyId) -> Json:
    """List the parameters that the study is to try next, in their order."""
    return _waiting(_study(request, study_id))


@router.post("/{study_id}/enqueue", response={201: Page[WaitingOut]}, operation_id="study_enqueue")
def study_enqueue(request: ApiRequest, study_id: StudyId, body: EnqueueIn) -> Status[Json]:
    """Let the study try these parameters before it chooses more itself.

    A study that has ended tries them when it is extended or resumed.
    """
    study = _study(request, study_id)
    entries = [entry.model_dump() for entry in body.enqueue]
    return Status(201, _waiting(commands.study_enqueue(request.auth, study, entries)))


def _waiting(study: Study) -> Json:
    items = waiting_trials(study)
    return {"items": items, "count": len(items)}


def _study(request: ApiRequest, study_id: UUID) -> Study:
    visible = studies_visible_to(request.auth).select_related("profile", "owner")
    return get_object_or_404(visible, pk=study_id)
