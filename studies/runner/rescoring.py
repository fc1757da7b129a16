"""Scores trials again, beside the original, on prompts that took no part in the search."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction

from studies.engine.errors import InvalidInputError, NonFiniteError
from studies.engine.judging import Judge
from studies.engine.method_port import applied
from studies.engine.prompts import Prompt
from studies.engine.session import Session
from studies.held_out import settled_rows
from studies.models import FrozenPrompts, PromptSet, Scoring, ScoringResult, Trial
from studies.runner.job_run import JobContext
from studies.runner.prompts import dataset_lines
from studies.runner.sessions import prepared_session
from studies.runner.trials import trial_parameters

Json = dict[str, Any]
PHASE = "held-out original"


def rescore(context: JobContext) -> Json:
    """Score the original and then each trial; what is finished stays, whatever comes after.

    Raises:
        Stopped: the user asked for it.
        EngineError: the model or the prompts cannot be used.
    """
    scoring = Scoring.objects.select_related("study").get(job=context.job)
    study = scoring.study
    assert study is not None, "a study's trials are scored here"
    context.reporter.phase("prompts")
    prompts = prompts_load(context, scoring)
    session = prepared_session(study, context.reporter, context.stop).session
    judge = session.judge().on(
        prompts, session.loaded, reporter=context.reporter, stop=context.stop, phase=PHASE
    )
    loaded = session.loaded
    facts = {"architecture": loaded.architecture, "dtype": loaded.dtype}
    baseline_store(context, scoring, judge, facts | {"device": str(loaded.device)})
    trials = _trials(context, scoring)
    for index, trial in enumerate(trials):
        name = f"trial {trial.number} on held-out prompts ({index + 1} of {len(trials)})"
        _score(context, scoring, session, judge, trial, name)
    return {"n_trials": scoring.results.count()}


def prompts_load(context: JobContext, scoring: Scoring) -> dict[str, list[Prompt]]:
    """The prompts of a scoring by the slugs that the scorers name; datasets are fetched now.

    Raises:
        PromptSetError: a dataset cannot be read, or has no prompt that the search has not read.
    """
    rows: dict[str, Json] = scoring.prompts
    for slug, row in rows.items():
        if not row["digest"]:
            rows[slug] = _fetched(scoring, row)
    with transaction.atomic():
        context.lease.renew()
        scoring.save(update_fields=["prompts"])
    return frozen_prompts(scoring)


def frozen_prompts(scoring: Scoring) -> dict[str, list[Prompt]]:
    """The prompts of a scoring by the slugs that the scorers name."""
    digests = {slug: row["digest"] for slug, row in scoring.prompts.items()}
    frozen = FrozenPrompts.objects.in_bulk(list(digests.values()))
    return {
        slug: [Prompt(one["user"], one["system"]) for one in frozen[digest].prompts]
        for slug, digest in digests.items()
    }


def _fetched(scoring: Scoring, row: Json) -> Json:
    assert scoring.study is not None, "what the search has read is known"
    return settled_rows(scoring.study, row, dataset_lines(PromptSet(**row["dataset"])))


@transaction.atomic
def baseline_store(context: JobContext, scoring: Scoring, judge: Judge, facts: Json) -> None:
    """Keep how the original scores, and what its loading found.

    Raises:
        LeaseLostError: the job is no longer this worker's.
    """
    context.lease.renew()
    scoring.baseline = [asdict(score) for score in judge.baseline]
    scoring.facts = facts
    scoring.save(update_fields=["baseline", "facts"])


@transaction.atomic
def result_store(
    context: JobContext, scoring: Scoring, trial: Trial | None, result: Mapping[str, Any]
) -> None:
    """Keep how one model did.

    Raises:
        LeaseLostError: the job is no longer this worker's.
    """
    context.lease.progressed()
    ScoringResult.objects.create(scoring=scoring, trial=trial, **result)


def _trials(context: JobContext, scoring: Scoring) -> Sequence[Trial]:
    """The trials that are still to be scored: a former start may have done some."""
    wanted = Trial.objects.filter(study=scoring.study, number__in=context.job.payload["trials"])
    done = scoring.results.values_list("trial")
    return list(wanted.exclude(pk__in=done).select_related("study").order_by("number"))


def _score(
    context: JobContext, scoring: Scoring, session: Session, judge: Judge, trial: Trial, name: str
) -> None:
    begun = time.perf_counter()
    result: Json = {}
    try:
        with applied(session.method, trial_parameters(trial)):
            found = judge.score(
                session.loaded, reporter=context.reporter, stop=context.stop, phase=name
            )
        result["scores"] = [asdict(score) for score in found]
    except (InvalidInputError, NonFiniteError) as error:  # the fault of this trial alone
        result["error"] = str(error)
    result_store(context, scoring, trial, result | {"seconds": time.perf_counter() - begun})
