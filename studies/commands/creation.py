"""Making a study: everything that it needs is checked and frozen before a row is written."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from studies.commands.enqueuing import trials_enqueue
from studies.commands.studies import study_start
from studies.engine.errors import (
    EngineError,
    InvalidInputError,
    ModelError,
    Problem,
    PromptSetError,
)
from studies.engine.model_files import inspect_model, locate_model
from studies.frozen import DATASET_COLUMNS, freeze, prompt_set_lines, prompt_sets_used
from studies.models import Profile, PromptSet, Study, StudyRequest
from studies.parameters import DRAWN, Resolution, profile_resolve

Json = dict[str, Any]


def study_create(
    user: AbstractBaseUser,
    *,
    model: str,
    profile: Profile,
    name: str = "",
    parameters: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    enqueue: Sequence[Mapping[str, Any]] = (),
    start: bool = True,
    idempotency_key: str = "",
    fingerprint: str = "",
) -> Study:
    """Freeze a preset for a model and, unless told otherwise, start the study.

    The trials of `enqueue` are tried first. A repeated `idempotency_key` of the same user
    returns the study that it made first.

    Raises:
        InvalidInputError: values or settings cannot be taken, or the key was used for
            another request.
        EngineError: the model or a prompt set cannot be used.
    """
    if first := made_before(user, idempotency_key, fingerprint):
        return first
    model = model.strip() or profile.model
    check_model(model)
    resolution = profile_resolve(profile, model, parameters=parameters, settings=settings)
    resolution.check()
    title = name.strip() or f"{profile.name} · {model}"[:100]

    def make() -> Study:
        study = study_built(user, model, profile, title, resolution)
        study.snapshot["prompts"] = prompts_frozen(study.snapshot)
        study.save()
        trials_enqueue(user, study, enqueue)
        return study_start(study) if start else study

    return made_once(user, idempotency_key, fingerprint, make)


def made_once(
    user: AbstractBaseUser, key: str, fingerprint: str, make: Callable[[], Study]
) -> Study:
    """Make a study in one transaction, or return the one that the same key has made meanwhile.

    Raises:
        InvalidInputError: the key was used for another request.
    """
    try:
        with transaction.atomic():
            study = make()
            if key:
                StudyRequest.objects.create(
                    owner_id=user.pk, key=key, fingerprint=fingerprint, study=study
                )
            return study
    except IntegrityError:
        # The same request came twice at once, and the other one was first.
        if first := made_before(user, key, fingerprint):
            return first
        raise


def made_before(user: AbstractBaseUser, key: str, fingerprint: str) -> Study | None:
    """Return the study that a request with this key has made; an empty key makes none.

    Raises:
        InvalidInputError: the key was used for another request.
    """
    request = key and StudyRequest.objects.filter(owner_id=user.pk, key=key).first()
    if not request:
        return None
    if request.fingerprint != fingerprint:
        message = "was used for another request; use a new key"
        raise InvalidInputError([Problem("Idempotency-Key", message)])
    return request.study


def check_model(model: str) -> None:
    """Refuse a model that cannot be found or, where it lies here, cannot be loaded.

    Raises:
        EngineError: says why, at the place `model`.
    """
    ref = locate_model(model, django_settings.MODEL_ROOTS)
    if ref.path:
        try:
            inspect_model(ref.path)
        except ModelError as error:
            raise error.at("model") from error


def study_built(
    user: AbstractBaseUser, model: str, profile: Profile, name: str, resolution: Resolution
) -> Study:
    """Return a study that is not saved yet; its prompts are still to be frozen.

    Raises:
        InvalidInputError: the name cannot be taken.
    """
    table = resolution.as_json()
    _draw_seed(table)
    values = {row["name"]: row["value"] for row in table["settings"]}
    study = Study(
        owner_id=user.pk,
        name=name,
        model=model,
        profile=profile,
        snapshot={
            "method": resolution.method.name,
            "n_layers": resolution.n_layers,
            **table,
            "further_parameters": resolution.further_json(),
            "prompts": {},
        },
        n_trials=values["n_trials"],
        n_layers=resolution.n_layers,
    )
    _check_name(study)
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


def prompts_frozen(snapshot: Json, kept: Mapping[str, Json] | None = None) -> Json:
    """Freeze the prompt sets that a study's settings name; datasets are read by its worker.

    `kept` are those that are frozen already, by slug.

    Raises:
        InvalidInputError: a prompt set does not exist or has no prompts, or the good and the bad
            ones are the same.
    """
    values = {row["name"]: row["value"] for row in snapshot["settings"]}
    frozen: Json = {}
    problems = []
    for slug, place in prompt_sets_used(values).items():
        if kept and slug in kept:
            frozen[slug] = kept[slug]
            continue
        try:
            frozen[slug] = _freeze_set(slug, values["system_prompt"])
        except EngineError as error:
            problems.append(Problem(place, str(error)))
    if problems:
        raise InvalidInputError(problems)
    if frozen[values["good_prompts"]]["digest"] == frozen[values["bad_prompts"]]["digest"] != "":
        message = "has the same prompts as good_prompts"
        raise InvalidInputError([Problem("settings.bad_prompts", message)])
    return frozen


def _freeze_set(slug: str, default_system: str) -> Json:
    prompt_set = PromptSet.objects.filter(slug=slug).first()
    if prompt_set is None:
        raise PromptSetError(f'there is no prompt set "{slug}"')
    row: Json = {
        "name": prompt_set.name,
        "source": prompt_set.source,
        "digest": "",
        "count": None,
    }
    if prompt_set.source == PromptSet.Source.DATASET:
        return row | {"dataset": {name: getattr(prompt_set, name) for name in DATASET_COLUMNS}}
    rows = freeze(prompt_set, prompt_set_lines(prompt_set), default_system)
    return row | {"digest": rows.digest, "count": rows.count}
