"""Trials in stages: the cheap scorers first, and for those that are pruned no further one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from studies.engine.ports import Reporter
from studies.engine.pruning import Front, Pruning
from studies.engine.results import Pruned, Score, TrialResult
from studies.engine.scorers.base import (
    Measured,
    PromptSlice,
    Scorer,
    ScoringContext,
    as_score,
    responses_of,
)
from studies.engine.wanted import Sets

Stage = Sequence[int]  # places of the scorers that run together
# What these scorers may ask of the model, in the state of each of these parameter sets.
Contexts = Callable[[Sequence[Scorer], Sets], list[ScoringContext]]


@dataclass(slots=True)
class Found:
    """What one trial has come to so far."""

    measured: dict[int, Measured] = field(default_factory=dict)  # by the scorer's place
    pruned: Pruned | None = None
    seconds: float = 0.0  # its shares of the stages


class Staging:
    """Scores parameter sets that are applied side by side, stage by stage."""

    def __init__(
        self,
        scorers: Sequence[Scorer],
        pruning: Pruning,
        n_prompts: Callable[[PromptSlice], int],
        reporter: Reporter,
    ) -> None:
        """`n_prompts`: how many prompts a slice has."""
        self._scorers, self._pruning, self._reporter = scorers, pruning, reporter
        self._at_once: list[Stage] = [range(len(scorers))]
        self._stages = stages_of(scorers, n_prompts) if pruning.is_on else self._at_once

    def measure(self, sets: Sets, contexts: Contexts, front: Front | None) -> list[Found]:
        """What each parameter set comes to. No `front`: nothing is pruned, and all run at once."""
        found = [Found() for _ in range(sets.count)]
        stages = self._at_once if front is None else self._stages
        left, n_done = list(range(sets.count)), 0
        for number, stage in enumerate(stages, start=1):
            begun = time.perf_counter()
            scorers = [self._scorers[place] for place in stage]
            states = contexts(scorers, narrowed(sets, left))
            for place in stage:
                for one, state in zip(left, states, strict=True):
                    found[one].measured[place] = self._scorers[place].score(state)
                n_done += 1
                self._reporter.phase("scoring", done=n_done, total=len(self._scorers))
            share = (time.perf_counter() - begun) / len(left)
            for one in left:
                found[one].seconds += share
                if front is not None:
                    found[one].pruned = self._pruned(found[one], front, number, len(stages))
            left = [one for one in left if found[one].pruned is None]
            if not left:
                break
        return found

    def _pruned(self, found: Found, front: Front, stage: int, stages: int) -> Pruned | None:
        known = {place: one.value for place, one in found.measured.items()}
        verdict = self._pruning.verdict(known, front)
        if verdict is None:
            return None
        return Pruned(stage, stages, verdict.reason, verdict.excess)


def trial_result(
    scorers: Sequence[Scorer],
    baseline: Sequence[Score],
    found: Found,
    details: dict[str, object],
    seconds: float,
) -> TrialResult:
    """What was found in a trial, in the order of the scorers, beside the original's scores."""
    places = sorted(found.measured)
    scores = [
        as_score(scorers[place], found.measured[place], baseline[place].value) for place in places
    ]
    responses = responses_of([found.measured[place] for place in places])
    return TrialResult(scores, responses, details, seconds, found.pruned)


def stages_of(
    scorers: Sequence[Scorer], n_prompts: Callable[[PromptSlice], int]
) -> list[list[int]]:
    """The scorers by place, the cheap ones first; those that read the same answers together.

    First come those that need but the first token, then those that decide, fewer answers
    before more, and at last those that only report.
    """
    stages: dict[tuple[str, ...], list[int]] = {}
    for place, scorer in enumerate(scorers):
        answered = {need.prompts.slug for need in scorer.needs if need.responses}
        stages.setdefault(tuple(sorted(answered)), []).append(place)

    def cost(answered: tuple[str, ...]) -> tuple[bool, bool, int]:
        own = [scorers[place] for place in stages[answered]]
        sizes = [n_prompts(need.prompts) for one in own for need in one.needs if need.responses]
        only_reports = all(one.direction == "none" for one in own)
        return bool(answered), only_reports, max(sizes, default=0)

    return [stages[answered] for answered in sorted(stages, key=cost)]


def narrowed(sets: Sets, left: Sequence[int]) -> Sets:
    """Some of the parameter sets: only their rows run on, beside one another."""
    if len(left) == sets.count:
        return sets
    places = torch.tensor(left)
    return Sets(
        lambda owners: sets.assign(places.to(owners.device)[owners]),
        [sets.starts[one] for one in left],
    )
