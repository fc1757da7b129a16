"""Making a new study out of a frozen one, with the old trials that still fit."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from studies.commands.creation import (
    check_model,
    made_before,
    made_once,
    prompts_frozen,
    study_built,
)
from studies.commands.enqueuing import trials_enqueue
from studies.commands.studies import study_start
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.pareto import front_of
from studies.events import Noted, event_record
from studies.forking import Takeover, fork_resolve, takeover_plan
from studies.frozen import refreeze
from studies.models import Study, Trial
from studies.objectives import best_after, objectives_of
from studies.parameters import Resolution

Json = dict[str, Any]
ROWS_AT_ONCE = 500  # of one statement: parameters and details are kilobytes each


def study_fork(
    user: AbstractBaseUser,
    study: Study,
    *,
    name: str = "",
    parameters: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    enqueue: Sequence[Mapping[str, Any]] = (),
    start: bool = True,
    idempotency_key: str = "",
    fingerprint: str = "",
) -> Study:
    """Make a study from what another one was frozen with, and take over its trials that fit.

    What the preset or its prompt sets have become since plays no part. Trials taken over are
    rows of the new study from the first moment; they do not count towards its `n_trials`.

    Raises:
        InvalidInputError: values or settings cannot be taken, or the key was used for
            another request.
        EngineError: the model or a prompt set cannot be used.
    """
    if first := made_before(user, idempotency_key, fingerprint):
        return first
    check_model(study.model)
    resolution = fork_resolve(study, parameters=parameters, settings=settings)
    resolution.check()
    plan = takeover_plan(study, resolution)
    _refuse_old_draws(study, resolution, plan)
    title = name.strip() or f"Fork of {study.name}"[:100]

    def make() -> Study:
        fork = study_built(user, study.model, study.profile, title, resolution)
        fork.forked_from = study
        fork.snapshot["prompts"] = _prompts(study, fork.snapshot)
        fork.snapshot["fork"] = {"study": str(study.pk), "name": study.name, **plan.as_json()}
        _take_over(fork, plan)
        trials_enqueue(user, fork, enqueue)
        return study_start(fork) if start else fork

    return made_once(user, idempotency_key, fingerprint, make)


def _refuse_old_draws(study: Study, resolution: Resolution, plan: Takeover) -> None:
    """Keep a fork with the original's trials from drawing those that it has already."""
    old = _frozen_setting(study.snapshot, "seed")
    if plan.trials and resolution.settings["seed"].value == old is not None:
        message = "is the original's, whose trials would come again; leave it empty or change it"
        raise InvalidInputError([Problem("settings.seed", message)])


def _prompts(study: Study, snapshot: Json) -> Json:
    """The original's frozen prompts, and those of sets that only the fork names."""
    old, new = (_frozen_setting(one, "system_prompt") for one in (study.snapshot, snapshot))
    kept = study.snapshot["prompts"]
    if old not in (None, new):
        kept = {slug: refreeze(row, old, new) for slug, row in kept.items()}
    return prompts_frozen(snapshot, kept)


def _frozen_setting(snapshot: Json, name: str) -> Any:  # noqa: ANN401 - any setting's
    """The value of a frozen setting, or None where the snapshot is older than the setting."""
    return {row["name"]: row["value"] for row in snapshot["settings"]}.get(name)


def _take_over(fork: Study, plan: Takeover) -> None:
    """Save the fork with the trials that fit as its first; their answers stay where they are."""
    objectives = objectives_of(fork.snapshot)
    whole = Trial.objects.in_bulk([trial.pk for trial in plan.trials])
    trials = [whole[trial.pk] for trial in plan.trials]
    front = front_of([t.values for t in trials], [direction for _, direction in objectives])
    rows = [
        Trial(
            study=fork,
            number=number,
            state=Trial.State.COMPLETE,
            source=Trial.Source.TAKEN_OVER,
            origin_id=_measured(trial),
            parameters=trial.parameters,
            details=trial.details,
            scores=trial.scores,
            values=trial.values,
            seconds=trial.seconds,
            finished_at=trial.finished_at,
            is_pareto=number in front,
        )
        for number, trial in enumerate(trials)
    ]
    for row in rows:
        fork.best = best_after(fork.best, row, objectives)
    fork.n_taken_over = len(rows)
    fork.save()
    Trial.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)
    event_record(
        fork.pk, Noted(text=f'Forked from "{fork.snapshot["fork"]["name"]}". {plan.sentence}')
    )
    fork.refresh_from_db(fields=["event_count"])


def _measured(trial: Trial) -> int:
    """The trial that was measured: a fork of a fork points past the fork."""
    return trial.origin_id if trial.origin_id is not None else trial.pk
