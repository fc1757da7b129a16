"""Building a model again from a bundle that somebody hands in."""

import secrets

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from studies.commands.doorbell import ring_after_commit
from studies.commands.studies import study_start
from studies.engine.bundle import Bundle
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.model_files import inspect_model, locate_model
from studies.engine.texts import name_problem
from studies.exporting import refuse_unavailable
from studies.frozen import freeze, prompt_set_lines
from studies.jobs import job_enqueue
from studies.models import FrozenPrompts, Job, PromptSet, Study
from studies.reproducing import Plan

MAX_NAME = 100  # characters
DRAWN = "drawn for this study"


def reproduction_create(
    user: AbstractBaseUser, plan: Plan, *, name: str = ""
) -> tuple[Study, Job | None]:
    """Make and start a study of the one trial; behind it waits the export that is compared.

    A file of the reference tool has no job behind its study: its hashes cannot be met.

    Raises:
        InvalidInputError: the name cannot be taken, or the strategy cannot be had here.
        EngineError: the model cannot be used.
    """
    ref = locate_model(plan.model, settings.MODEL_ROOTS)
    if ref.path:
        inspect_model(ref.path)
    if plan.bundle:
        refuse_unavailable(plan.bundle.export)
    title = name.strip() or f"Reproduction of {plan.model}"[:MAX_NAME]
    if problem := name_problem(title, max_characters=MAX_NAME):
        raise InvalidInputError([Problem("name", problem)])
    with transaction.atomic():
        study = _study(user, plan, title)
        study = study_start(study)
        job = _comparison(study, plan.bundle) if plan.bundle else None
    return study, job


def _study(user: AbstractBaseUser, plan: Plan, name: str) -> Study:
    table = plan.resolution.as_json()
    for row in table["settings"]:
        if row["name"] == "seed" and row["value"] is None:
            row |= {"value": secrets.randbelow(2**32), "source": DRAWN}
    _keep_prompts(plan, {row["name"]: row["value"] for row in table["settings"]})
    return Study.objects.create(
        owner_id=user.pk,
        name=name,
        model=plan.model,
        profile=plan.profile,
        snapshot={
            "method": plan.resolution.method.name,
            "n_layers": plan.resolution.n_layers,
            **table,
            "further_parameters": plan.resolution.further_json(),
            "prompts": plan.prompts,
        },
        n_trials=1,
        n_layers=plan.resolution.n_layers,
    )


def _keep_prompts(plan: Plan, values: dict[str, object]) -> None:
    """Freeze the prompt sets of this installation that no study has used yet."""
    wanted = {slug: row["digest"] for slug, row in plan.prompts.items() if row["digest"]}
    known = FrozenPrompts.objects.in_bulk(list(wanted.values()))
    for slug, digest in wanted.items():
        if digest not in known:
            prompt_set = PromptSet.objects.get(slug=slug)
            freeze(prompt_set, prompt_set_lines(prompt_set), str(values["system_prompt"]))


def _comparison(study: Study, bundle: Bundle) -> Job:
    run = study.jobs.get(kind=Job.Kind.STUDY_RUN)
    payload = {"trial": 0, "bundle": bundle.model_dump(mode="json")}
    job = job_enqueue(study.pk, Job.Kind.REPRODUCE, payload=payload, after=run)
    ring_after_commit()
    return job
