"""Making a study: everything that it needs is checked and frozen before a row is written."""

import secrets
from collections.abc import Mapping
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from studies.commands.studies import study_start
from studies.engine.errors import EngineError, InvalidInputError, ModelError, Problem
from studies.engine.model_files import inspect_model, locate_model
from studies.frozen import DATASET_COLUMNS, freeze, prompt_set_lines, prompt_sets_used
from studies.models import Profile, PromptSet, Study, StudyRequest
from studies.parameters import Resolution, profile_resolve

Json = dict[str, Any]
DRAWN = "drawn for this study"


def study_create(
    user: AbstractBaseUser,
    *,
    model: str,
    profile: Profile,
    name: str = "",
    parameters: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    start: bool = True,
    idempotency_key: str = "",
    fingerprint: str = "",
) -> Study:
    """Freeze a preset for a model and, unless told otherwise, start the study.

    A repeated `idempotency_key` of the same user returns the study that it made first.

    Raises:
        InvalidInputError: values or settings cannot be taken, or the key was used for
            another request.
        EngineError: the model or a prompt set cannot be used.
    """
    if idempotency_key and (first := _requested(user, idempotency_key, fingerprint)):
        return first
    model = model.strip() or profile.model
    _check_model(model)
    resolution = profile_resolve(profile, model, parameters=parameters, settings=settings)
    resolution.check()
    try:
        with transaction.atomic():
            study = _study_insert(user, model, profile, name, resolution)
            if idempotency_key:
                StudyRequest.objects.create(
                    owner_id=user.pk, key=idempotency_key, fingerprint=fingerprint, study=study
                )
            return study_start(study) if start else study
    except IntegrityError:
        # The same request came twice at once, and the other one was first.
        if idempotency_key and (first := _requested(user, idempotency_key, fingerprint)):
            return first
        raise


def _requested(user: AbstractBaseUser, key: str, fingerprint: str) -> Study | None:
    request = StudyRequest.objects.filter(owner_id=user.pk, key=key).first()
    if request is None:
        return None
    if request.fingerprint != fingerprint:
        message = "was used for another request; use a new key"
        raise InvalidInputError([Problem("Idempotency-Key", message)])
    return request.study


def _check_model(model: str) -> None:
    ref = locate_model(model, django_settings.MODEL_ROOTS)
    if ref.path:
        try:
            inspect_model(ref.path)
        except ModelError as error:
            raise error.at("model") from error


def _study_insert(
    user: AbstractBaseUser, model: str, profile: Profile, name: str, resolution: Resolution
) -> Study:
    table = resolution.as_json()
    _draw_seed(table)
    values = {row["name"]: row["value"] for row in table["settings"]}
    study = Study(
        owner_id=user.pk,
        name=name.strip() or f"{profile.name} · {model}"[:100],
        model=model,
        profile=profile,
        snapshot={
            "method": resolution.method.name,
            "n_layers": resolution.n_layers,
            **table,
            "further_parameters": resolution.further_json(),
            "prompts": _freeze_prompts(values),
        },
        n_trials=values["n_trials"],
        n_layers=resolution.n_layers,
    )
    _check_name(study)
    study.save()
    return study


def _draw_seed(table: Json) -> None:
    """Fix a seed where nobody set one, so that the study can be run again alike."""
    for row in table["settings"]:
        if row["name"] == "seed" and row["value"] is None:
            row |= {"value": secrets.randbelow(2**32), "source": DRAWN}


def _check_name(study: Study) -> None:
    if len(study.name) > 100:
        raise InvalidInputError([Problem("name", "must have at most 100 characters")])
    if not study.name.isprintable():
        raise InvalidInputError([Problem("name", "contains an invisible character")])


def _freeze_prompts(values: Mapping[str, Any]) -> Json:
    """Freeze the prompt sets of a study; datasets are read by the worker, at its first start."""
    frozen: Json = {}
    problems = []
    for slug, place in prompt_sets_used(values).items():
        prompt_set = PromptSet.objects.filter(slug=slug).first()
        if prompt_set is None:
            problems.append(Problem(place, f'there is no prompt set "{slug}"'))
            continue
        row: Json = {
            "name": prompt_set.name,
            "source": prompt_set.source,
            "digest": "",
            "count": None,
        }
        if prompt_set.source == PromptSet.Source.DATASET:
            row["dataset"] = {name: getattr(prompt_set, name) for name in DATASET_COLUMNS}
        else:
            try:
                rows = freeze(prompt_set, prompt_set_lines(prompt_set), values["system_prompt"])
            except EngineError as error:
                problems.append(Problem(place, str(error)))
                continue
            row |= {"digest": rows.digest, "count": rows.count}
        frozen[slug] = row
    if problems:
        raise InvalidInputError(problems)
    if frozen[values["good_prompts"]]["digest"] == frozen[values["bad_prompts"]]["digest"] != "":
        message = "has the same prompts as good_prompts"
        raise InvalidInputError([Problem("settings.bad_prompts", message)])
    return frozen
