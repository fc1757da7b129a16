"""Trials in stages on a real model: what goes on scores as ever, what is pruned runs no further."""

import pytest

from studies.engine.ports import Silent
from studies.engine.scorers import load_scorers
from studies.engine.staging import stages_of
from tests.engine.test_session import SCORERS, STRONG, folder, parameters, session_of  # noqa: F401

KEYWORDS, DIVERGENCE, UNCHANGED = "Keywords", "KL divergence", "Unchanged answers"
MANY = [
    parameters(max_weight=0.0),
    parameters(**STRONG),
    parameters(),
    parameters(**STRONG, min_weight_relative=1.0),
]


class Rows(Silent):
    """Counts the rows that each pass over prompts has."""

    def __init__(self):
        self.totals = []

    def phase(self, name, *, done=0, total=0):
        if name == "generating" and done == 0:
            self.totals.append(total)


@pytest.fixture(scope="module")
def rows():
    return Rows()


@pytest.fixture(scope="module")
def staged(folder, rows):  # noqa: F811
    session = session_of(folder, staged_evaluation=True, reporter=rows)
    session.prepare()
    return session


@pytest.fixture(scope="module")
def whole(staged):
    """What the same session gives when every scorer runs at once."""
    return staged.evaluate_many(MANY)


def names(result):
    return [score.name for score in result.scores]


def values(result):
    return [score.value for score in result.scores]


def beating(result):
    """A front that beats a trial by its divergence alone, however few markers it has."""
    return {7: [0.0, values(result)[1] * 0.9]}


def test_the_first_token_comes_first_then_what_decides_and_reports_last(staged):
    scorers = staged._scorers
    assert stages_of(scorers, staged._n_prompts) == [[1], [0], [2]]


def test_what_decides_by_fewer_answers_comes_before_what_needs_more(staged):
    configs = (
        type(staged._settings)
        .model_validate(
            staged._settings.model_dump()
            | {
                "scorers": [
                    *SCORERS[:2],
                    {"scorer": "UnchangedAnswers", "settings": {"prompts": "ask-good"}},
                    {"scorer": "KeywordRate", "name": "again", "settings": {"prompts": "ask-bad"}},
                ]
            }
        )
        .scorers
    )
    assert stages_of(load_scorers(configs), staged._n_prompts) == [[1], [2], [0, 3]]


def test_stages_change_no_score_and_no_answer(staged, whole):
    for one, expected in zip(MANY, whole, strict=True):
        alone = staged.evaluate(one, {})
        assert alone.pruned is None
        assert values(alone) == pytest.approx(values(expected), rel=1e-5, abs=1e-6)
        assert alone.responses == expected.responses
    together = staged.evaluate_many(MANY, {})
    assert [values(one) for one in together] == [
        pytest.approx(values(one), rel=1e-5, abs=1e-6) for one in whole
    ]
    assert [one.responses for one in together] == [one.responses for one in whole]


def test_a_trial_alone_that_is_pruned_generates_no_answer(staged, whole, rows):
    rows.totals.clear()
    result = staged.evaluate(MANY[1], beating(whole[1]))
    assert (names(result), result.responses) == ([DIVERGENCE], [])
    assert values(result) == pytest.approx([values(whole[1])[1]])
    assert (result.pruned.stage, result.pruned.stages) == (1, 3)
    assert "Trial 7 beats it, whatever Keywords would be." in result.pruned.reason
    assert rows.totals == [5], "its divergence alone was read"


def test_the_rows_of_pruned_trials_leave_the_batch(staged, whole, rows):
    gentle = max(range(4), key=lambda n: values(whole[n])[1] * (n in (0, 2)))
    front = {7: [0.0, values(whole[gentle])[1]]}
    expected = [values(one)[1] > values(whole[gentle])[1] for one in whole]
    rows.totals.clear()
    together = staged.evaluate_many(MANY, front)
    assert [one.pruned is not None for one in together] == expected
    assert 0 < sum(expected) < 4
    left = 4 - sum(expected)
    assert rows.totals == [4 * 5, left * 6, left * 5]
    for one, other in zip(together, whole, strict=True):
        if one.pruned is None:
            assert values(one) == pytest.approx(values(other), rel=1e-5, abs=1e-6)
            assert one.responses == other.responses
        else:
            assert names(one) == [DIVERGENCE]
    assert staged.evaluate_many(MANY)[0].responses == whole[0].responses, "nothing is left behind"


def test_a_beaten_trial_is_spared_the_scorers_that_only_report(folder, whole):  # noqa: F811
    more = [{**SCORERS[0], "optimization": "maximize"}, *SCORERS[1:]]
    session = session_of(folder, scorers=more, staged_evaluation=True)
    session.prepare()
    rate, divergence, _ = values(whole[1])
    assert rate < 0.5
    late = session.evaluate(MANY[1], {3: [0.5, 0.99 * divergence]})
    assert (late.pruned.stage, late.pruned.reason) == (2, "Trial 3 beats it.")
    assert names(late) == [KEYWORDS, DIVERGENCE]
    assert [one.scorer for one in late.responses] == [KEYWORDS]


def test_without_a_front_every_scorer_runs(staged, whole):
    assert [one.pruned for one in whole] == [None] * 4
    assert names(whole[1]) == [KEYWORDS, DIVERGENCE, UNCHANGED]


def test_a_limit_prunes_before_any_answer_even_by_a_score_that_is_only_reported(folder):  # noqa: F811
    reported = [SCORERS[0], {**SCORERS[1], "optimization": "none"}]
    session = session_of(folder, scorers=reported, kl_limit=1e-9)
    session.prepare()
    kept, pruned = session.evaluate_many([MANY[0], MANY[1]], {})
    assert (kept.pruned, names(kept)) == (None, [KEYWORDS, DIVERGENCE])
    assert names(pruned) == [DIVERGENCE]
    (excess,) = pruned.pruned.excess.values()
    assert excess == pytest.approx(values(pruned)[0] - 1e-9)
    assert session.trials_at_once == 1, "a trial that was pruned says nothing about speed"
