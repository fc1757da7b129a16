"""The rules by which trials are pruned: all that cannot reach the front, and no other."""

import itertools
import math

import pytest

from studies.engine.methods import method_get
from studies.engine.pareto import dominates
from studies.engine.pruning import Judged, Pruning, pruning_of
from studies.engine.settings import complete_settings
from tests.engine.test_session import SCORERS

GRID = (0.0, 0.5, 1.0)
BEST = {"minimize": 0.0, "maximize": 1.0}


def judged(directions, limit=None):
    return [
        Judged(name, direction, BEST.get(direction, math.nan), limit)
        for name, direction in zip("ABC", directions, strict=False)
    ]


def completions(known, count):
    """Every result that a trial may still come to, on a grid that has the ends of the scale."""
    axes = [[known[n]] if n in known else GRID for n in range(count)]
    return itertools.product(*axes)


@pytest.mark.parametrize("directions", list(itertools.product(BEST, repeat=2)), ids="-".join)
def test_a_trial_is_pruned_exactly_if_nothing_that_it_may_come_to_reaches_the_front(directions):
    rules = Pruning(judged(directions), to_front=True)
    verdicts = []
    points = list(itertools.product(GRID, repeat=2))
    for front in itertools.chain(
        itertools.combinations(points, 1), itertools.combinations(points, 2)
    ):
        for place, value in itertools.product(range(2), GRID):
            beaten = all(
                any(dominates(rival, whole, directions) for rival in front)
                for whole in completions({place: value}, 2)
            )
            verdict = rules.verdict({place: value}, dict(enumerate(front)))
            assert (verdict is not None) == beaten, (front, place, value)
            verdicts.append(beaten)
    assert 0 < sum(verdicts) < len(verdicts)


def test_a_tie_with_the_front_is_no_defeat():
    rules = Pruning(judged(["minimize", "minimize"]), to_front=True)
    assert rules.verdict({1: 0.5}, {4: (0.0, 0.5)}) is None
    assert "Trial 4" in rules.verdict({1: 0.5}, {4: (0.0, 0.4)}).reason
    assert rules.verdict({1: 0.5}, {4: (0.1, 0.4)}) is None, "it may still be best in the other"


def test_an_unbounded_score_that_is_maximised_keeps_every_trial():
    rules = Pruning(
        [Judged("A", "maximize", math.inf, None), Judged("B", "minimize", 0.0, None)],
        to_front=True,
    )
    assert rules.verdict({1: 9.0}, {0: (1e300, 0.0)}) is None


def test_scores_that_are_only_reported_neither_save_nor_prune_a_trial():
    rules = Pruning(judged(["minimize", "none"]), to_front=True)
    assert rules.verdict({0: 0.5}, {2: (0.4,)}).reason == "Trial 2 beats it."
    assert rules.verdict({1: 0.5}, {2: (0.0,)}) is None


def test_a_complete_trial_is_not_pruned_for_being_beaten():
    rules = Pruning(judged(["minimize", "minimize"]), to_front=True)
    assert rules.verdict({0: 1.0, 1: 1.0}, {2: (0.0, 0.0)}) is None


def test_a_limit_counts_above_it_and_says_by_how_much():
    rules = Pruning(judged(["none", "minimize"], limit=0.5), to_front=False)
    assert rules.verdict({0: 0.5}, {}) is None
    verdict = rules.verdict({0: 0.75, 1: 0.25}, {})
    assert verdict.excess == {"A": 0.25}
    assert verdict.reason == "A is 0.75, above the limit of 0.5."


@pytest.mark.parametrize(
    ("given", "is_on"),
    [({}, False), ({"staged_evaluation": True}, True), ({"kl_limit": 0.5}, True)],
    ids=str,
)
def test_the_settings_say_what_is_pruned(given, is_on):
    settings = {"good_prompts": "a", "bad_prompts": "b", "scorers": SCORERS} | given
    rules = pruning_of(complete_settings(method_get("directional"), settings))
    assert rules.is_on == is_on
    limited = rules.verdict({1: 0.6}, {})
    assert (limited is not None) == ("kl_limit" in given)
