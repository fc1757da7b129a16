"""What a trial leaves behind, each in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from studies.engine.pareto import dominates
from studies.engine.results import ResponseSet as Responses
from studies.engine.results import SessionFacts, TrialResult
from studies.events import (
    BaselineScored,
    ModelLoaded,
    Noted,
    TrialFailed,
    TrialFinished,
    TrialPruned,
    event_record,
)
from studies.jobs import Lease
from studies.models import ResponseSet, Study, Trial
from studies.models.notice import NoticeEvent
from studies.notices import improved, notify
from studies.objectives import best_after
from studies.parameters import snapshot_settle
from studies.runner.enqueued import mark_enqueued
from studies.selectors import recommended_of, trial_out

Json = dict[str, Any]


@transaction.atomic
def baseline_record(lease: Lease, facts: SessionFacts) -> None:
    """Store what loading found and how the original model scores; repeated runs replace it.

    Raises:
        LeaseLostError: the job is no longer this worker's.
    """
    lease.renew()
    study = Study.objects.get(pk=lease.study_id)
    study.facts = {
        "architecture": facts.architecture,
        "components": dict(facts.components),
        "dtype": facts.dtype,
        "device": facts.device,
        "batch_size": facts.batch_size,
        "response_prefix": facts.response_prefix,
    }
    study.n_layers = facts.n_layers
    study.snapshot = snapshot_settle(study.snapshot, facts.components, facts.n_layers)
    study.baseline = [asdict(score) for score in facts.baseline]
    study.started_at = study.started_at or timezone.now()
    study.save(update_fields=["facts", "n_layers", "snapshot", "baseline", "started_at"])
    study.response_sets.filter(trial__isnull=True).delete()
    _responses_store(study, None, facts.baseline_responses)
    event_record(
        study.pk,
        ModelLoaded(
            architecture=facts.architecture,
            n_layers=facts.n_layers,
            components=dict(facts.components),
            dtype=facts.dtype,
            device=facts.device,
            batch_size=facts.batch_size,
        ),
    )
    event_record(study.pk, BaselineScored(scores=study.baseline))
    known = list(study.events.filter(kind=Noted.kind).values_list("payload", flat=True))
    for text in dict.fromkeys(facts.notes):
        if {"text": text} not in known:  # a resumed study has said it before
            event_record(study.pk, Noted(text=text))


@transaction.atomic
def trial_record(
    lease: Lease,
    number: int,
    parameters: Json,
    result: TrialResult,
    objectives: Sequence[tuple[str, str]],
) -> Trial:
    """Store a finished trial with its scores, responses and event, and mend the front.

    Raises:
        LeaseLostError: the job is no longer this worker's.
    """
    lease.progressed()
    study = _held_study(lease)
    scores = {score.name: score for score in result.scores}
    trial = Trial(
        study=study,
        number=number,
        state=Trial.State.COMPLETE,
        parameters=parameters,
        details=dict(result.details),
        scores=[asdict(score) for score in result.scores],
        values=[scores[name].value for name, _ in objectives],
        seconds=result.seconds,
        finished_at=timezone.now(),
    )
    front = _front_with(trial, [direction for _, direction in objectives])
    trial.save(force_insert=True)
    mark_enqueued(trial)
    _responses_store(study, trial, result.responses)
    before, study.best = study.best, best_after(study.best, trial, objectives)
    study.n_finished += 1
    study.seconds += result.seconds
    study.save(update_fields=["best", "n_finished", "seconds"])
    if best := improved(before, study.best):
        notify(study.pk, NoticeEvent.NEW_BEST, best=best)
    chosen = recommended_of(study, front)
    event_record(
        study.pk,
        TrialFinished(
            trial=trial_out(trial, chosen),
            front=list(front),
            recommended=chosen,
            n_finished=study.n_finished,
        ),
    )
    return trial


@transaction.atomic
def pruned_record(
    lease: Lease,
    number: int,
    parameters: Json,
    result: TrialResult,
    objectives: Sequence[tuple[str, str]],
) -> Trial:
    """Store a pruned trial with the scores and responses that it has got. It is on no front.

    It counts as finished: the study has had of it what was wanted.

    Raises:
        LeaseLostError: the job is no longer this worker's.
    """
    assert result.pruned is not None
    lease.progressed()
    study = _held_study(lease)
    scores = {score.name: score.value for score in result.scores}
    is_known = all(name in scores for name, _ in objectives)
    trial = Trial.objects.create(
        study=study,
        number=number,
        state=Trial.State.PRUNED,
        parameters=parameters,
        details=dict(result.details),
        scores=[asdict(score) for score in result.scores],
        values=[scores[name] for name, _ in objectives] if is_known else [],
        pruned=asdict(result.pruned),
        seconds=result.seconds,
        finished_at=timezone.now(),
    )
    mark_enqueued(trial)
    _responses_store(study, trial, result.responses)
    study.n_finished += 1
    study.n_pruned += 1
    study.seconds += result.seconds
    study.save(update_fields=["n_finished", "n_pruned", "seconds"])
    event_record(
        study.pk,
        TrialPruned(
            trial=trial_out(trial),
            reason=result.pruned.reason,
            n_finished=study.n_finished,
            n_pruned=study.n_pruned,
        ),
    )
    return trial


@transaction.atomic
def failure_record(
    lease: Lease, number: int, parameters: Json, reason: str, seconds: float
) -> None:
    """Store a trial that ended without scores, and why.

    Raises:
        LeaseLostError: the job is no longer this worker's.
    """
    lease.progressed()
    trial = Trial.objects.create(
        study_id=lease.study_id,
        number=number,
        state=Trial.State.FAILED,
        parameters=parameters,
        error=reason,
        seconds=seconds,
        finished_at=timezone.now(),
    )
    mark_enqueued(trial)
    Study.objects.filter(pk=lease.study_id).update(n_failed=F("n_failed") + 1)
    event_record(lease.study_id, TrialFailed(trial=trial_out(trial), reason=reason))


def _held_study(lease: Lease) -> Study:
    """The study of a job, held until commit: another worker may store a trial of it as well."""
    return Study.objects.select_for_update(of=("self",)).get(pk=lease.study_id)


def _front_with(trial: Trial, directions: Sequence[str]) -> dict[int, list[float]]:
    """Set the Pareto marks that a new trial changes; return the front: values by number.

    Only the old front can be affected. The trial itself is not saved.
    """
    old = Trial.objects.filter(study=trial.study_id, is_pareto=True)
    front: dict[int, list[float]] = dict(old.order_by("number").values_list("number", "values"))
    if any(dominates(values, trial.values, directions) for values in front.values()):
        return front
    beaten = {n for n, values in front.items() if dominates(trial.values, values, directions)}
    if beaten:
        old.filter(number__in=beaten).update(is_pareto=False)
    trial.is_pareto = True
    kept = {number: values for number, values in front.items() if number not in beaten}
    return dict(sorted({**kept, trial.number: trial.values}.items()))


def _responses_store(study: Study, trial: Trial | None, sets: Iterable[Responses]) -> None:
    digests: Mapping[str, Json] = study.snapshot["prompts"]
    ResponseSet.objects.bulk_create(
        ResponseSet(
            study=study,
            trial=trial,
            scorer=responses.scorer,
            prompts_digest=digests[responses.prompts_slug]["digest"],
            items=[
                {
                    "response": item.response,
                    "matched": list(item.matched),
                    "verdict": item.verdict,
                    "cut": item.cut,
                }
                for item in responses.items
            ],
        )
        for responses in sets
    )
