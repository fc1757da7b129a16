"""Scoring trials again, on prompts that took no part in the search."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from studies.commands.doorbell import ring_after_commit
from studies.engine.errors import EngineError, InvalidInputError, Problem
from studies.engine.problems import place_at, refuse, shown, suggestion
from studies.held_out import SUFFIX, scored_counts, set_row, settled, stand_in
from studies.jobs import ACTIVE, job_enqueue
from studies.lifecycle import StatusConflictError
from studies.models import PromptSet, Scoring, Study, Trial
from studies.models.job import JobKind

MAX_TRIALS: Final = 500  # of one re-evaluation
Json = dict[str, object]


@transaction.atomic
def rescore_create(
    user: AbstractBaseUser,
    study: Study,
    *,
    trials: Sequence[int] | None = None,
    prompts: Mapping[str, str] | None = None,
) -> Scoring:
    """Queue the scoring of trials (None: those on the front) on held-out prompts.

    `prompts` names prompt sets by the slugs of those that stand behind the study's scores;
    what it leaves out is found by itself. Prompts that the search has read are left out.

    Raises:
        InvalidInputError: there is no such trial, it has no result, or there are no prompts.
        StatusConflictError: the same is queued or running already.
    """
    Study.objects.select_for_update().get(pk=study.pk)  # one request after the other
    numbers = _front(study) if trials is None else list(trials)
    refuse([*_trial_problems(study, numbers), *_set_problems(study, prompts or {})])
    rows = _settled_rows(study, prompts or {})
    wanted = {"trials": numbers, "prompts": prompts or {}}
    active = study.jobs.filter(kind=JobKind.RESCORE, status__in=ACTIVE)
    if any(payload == wanted for payload in active.values_list("payload", flat=True)):
        raise StatusConflictError("running", "scored twice at once on the same prompts")
    scoring = Scoring.objects.create(
        owner_id=user.pk,
        study=study,
        job=job_enqueue(study.pk, JobKind.RESCORE, payload=wanted),
        original=study.model,
        prompts=rows,
    )
    ring_after_commit()
    return scoring


def _front(study: Study) -> list[int]:
    front = study.trials.filter(is_pareto=True).order_by("number")
    numbers = list(front.values_list("number", flat=True)[:MAX_TRIALS])
    if not numbers:
        raise InvalidInputError([Problem("trials", "the study has no trial on its front yet")])
    return numbers


def _trial_problems(study: Study, numbers: Sequence[int]) -> Iterator[Problem]:
    if not numbers:
        yield Problem("trials", "needs at least one trial")
    if len(numbers) > MAX_TRIALS:
        yield Problem("trials", f"has {len(numbers)} trials; at most {MAX_TRIALS} are possible")
        return
    states = dict(study.trials.filter(number__in=numbers).values_list("number", "state"))
    for index, number in enumerate(numbers):
        place = f"trials[{index}]"
        if number in numbers[:index]:
            yield Problem(place, f"appears twice (got {number})")
        elif number not in states:
            yield Problem(place, f"the study has no trial {number}")
        elif states[number] != Trial.State.COMPLETE:
            words = f"trial {number} is {states[number]}; only complete trials can be scored"
            yield Problem(place, words)


def _set_problems(study: Study, prompts: Mapping[str, str]) -> Iterator[Problem]:
    scored = scored_counts(study)
    known = set(PromptSet.objects.filter(slug__in=prompts.values()).values_list("slug", flat=True))
    for slug, chosen in prompts.items():
        place = place_at("prompts", [slug])
        if slug not in scored:
            yield Problem(place, f"stands behind no score{suggestion(slug, list(scored))}")
        elif chosen not in known:
            yield Problem(place, f"there is no prompt set {shown(chosen)}")


def _settled_rows(study: Study, prompts: Mapping[str, str]) -> dict[str, Json]:
    rows: dict[str, Json] = {}
    problems = []
    for slug in scored_counts(study):
        place = place_at("prompts", [slug])
        if slug in prompts:
            row = set_row(PromptSet.objects.get(slug=prompts[slug]))
        elif found := stand_in(study, slug):
            row = found
        else:
            words = (
                "the search has read all of this set, and nothing stands in for it: choose a "
                f"prompt set, or make one called {slug}{SUFFIX}"
            )
            problems.append(Problem(place, words))
            continue
        try:
            rows[slug] = settled(study, slug, row)
        except EngineError as error:
            problems.append(Problem(place, str(error)))
    refuse(problems)
    return rows
