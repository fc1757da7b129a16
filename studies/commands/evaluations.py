"""Scoring a finished model against its base."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from studies.commands.creation import prompts_frozen
from studies.commands.doorbell import ring_after_commit
from studies.engine.errors import ModelError, Problem
from studies.engine.export_options import GGUF
from studies.engine.model_files import inspect_model, locate_model
from studies.engine.problems import refuse
from studies.engine.study_settings import revision_problem
from studies.held_out import OWN, PREFIX
from studies.jobs import job_enqueue
from studies.models import Export, Profile, Scoring
from studies.models.job import JobKind
from studies.parameters import model_facts, profile_resolve

Json = dict[str, Any]


def evaluation_create(
    user: AbstractBaseUser,
    *,
    profile: Profile,
    model: str = "",
    revision: str = "",
    export: Export | None = None,
    base: str = "",
) -> Scoring:
    """Queue the scoring of a finished model, or of an export, with the scorers of a preset.

    The base of an export is its study's model, unless another one is named.

    Raises:
        InvalidInputError: the models cannot be used or compared, or a prompt set has no prompts.
    """
    base = base.strip() or (export.study.model if export else "")
    model = model.strip()
    refuse([*_input_problems(model, revision, export, base)])
    if not export:
        refuse([*_kin_problems(model, base)])
    resolution = profile_resolve(profile, base)
    resolution.check()
    table = resolution.as_json()
    values = {row["name"]: row["value"] for row in table["settings"]}
    title = _title(export) if export else model
    with transaction.atomic():
        payload = {"model": title, "revision": revision}
        scoring = Scoring.objects.create(
            owner_id=user.pk,
            job=job_enqueue(None, JobKind.EVALUATE, payload=payload),
            original=base,
            model=title,
            export=export,
            profile=profile,
            settings={"method": resolution.method.name, "values": values},
            prompts=dict(_prompt_rows(prompts_frozen(table), values)),
        )
        ring_after_commit()
    return scoring


def _input_problems(
    model: str, revision: str, export: Export | None, base: str
) -> Iterator[Problem]:
    if bool(model) == bool(export):
        yield Problem("model", "is required, or an export in its place; not both")
    if not base:
        yield Problem("base", "is required: the model that the finished one was made from")
    if revision and (problem := revision_problem(revision)):
        yield Problem("revision", problem)
    if export and export.ready_at is None:
        yield Problem("export", "is not finished")
    elif export and export.strategy == GGUF:
        yield Problem("export", "is a GGUF file; only merged models and adapters can be scored")
    for place, name in (("model", model), ("base", base)):
        if name and (problem := _model_problem(name)):
            yield Problem(place, problem)


def _model_problem(name: str) -> str | None:
    try:
        ref = locate_model(name, settings.MODEL_ROOTS)
        if ref.path:
            inspect_model(ref.path)
    except ModelError as error:
        return error.problems[0].message
    return None


def _kin_problems(model: str, base: str) -> Iterator[Problem]:
    """What the files that lie here tell already; the worker sees the rest."""
    if locate_model(model, settings.MODEL_ROOTS) == locate_model(base, settings.MODEL_ROOTS):
        yield Problem("model", "is the base itself")
    ours, theirs = model_facts(base), model_facts(model)
    if ours and theirs and ours.model_type != theirs.model_type:
        words = f"is of type {theirs.model_type}, its base of type {ours.model_type}"
        yield Problem("model", f"{words}: they cannot be compared")


def _title(export: Export) -> str:
    return f"Export ({export.strategy}) of trial {export.trial.number} of {export.study.name}"


def _prompt_rows(frozen: Json, values: Json) -> Iterator[tuple[str, Json]]:
    """The sets that scorers read, and those that a common beginning of answers is looked for in."""
    read = {scorer["settings"]["prompts"] for scorer in values["scorers"]}
    for slug, row in frozen.items():
        if slug in read or values["response_prefix"] is None:
            how = OWN if slug in read else PREFIX
            yield slug, row | {"slug": slug, "how": how, "dropped": 0}
