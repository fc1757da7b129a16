from typing import Any

from django.shortcuts import get_object_or_404
from ninja import Router, Status

from studies import commands
from studies.api.answers.exports import PlanOut, ReproductionOut
from studies.api.auth import ApiRequest
from studies.api.schemas import ReproductionIn
from studies.engine.errors import InvalidInputError, Problem
from studies.reproducing import Plan, reproduction_plan
from studies.selectors import job_out, profiles_active, studies_visible_to, study_state

router = Router(tags=["reproductions"])
Json = dict[str, Any]


@router.post("/preview", response=PlanOut, operation_id="reproduction_preview")
def preview(request: ApiRequest, body: ReproductionIn) -> Json:
    """Read a reproduce.json and say what would be built and what differs; stores nothing."""
    return _plan(body).as_json()


@router.post("", response={201: ReproductionOut}, operation_id="reproduction_create")
def create(request: ApiRequest, body: ReproductionIn) -> Status[Json]:
    """Build a model again from its reproduce.json, and compare the hashes of its weights.

    A file of the reference tool (version 3) becomes a study of that trial; its hashes cannot
    be met, and the answer says why.
    """
    plan = _plan(body)
    study, job = commands.reproduction_create(request.auth, plan, name=body.name)
    visible = studies_visible_to(request.auth).select_related("profile", "owner")
    told = study_state(get_object_or_404(visible, pk=study.pk))
    return Status(201, plan.as_json() | {"study": told, "job": job and job_out(job, {})})


def _plan(body: ReproductionIn) -> Plan:
    profile = None
    if body.profile and not (profile := profiles_active().filter(slug=body.profile).first()):
        raise InvalidInputError([Problem("profile", f'there is no preset "{body.profile}"')])
    return reproduction_plan(
        body.bundle, profile=profile, model=body.model, n_layers=body.n_layers
    )
