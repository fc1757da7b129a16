"""What scorers make of a model's answers."""

import math

import pytest
import torch

from studies.engine.errors import NonFiniteError
from studies.engine.generation import Generation
from studies.engine.prompts import Prompt
from studies.engine.scorer_settings import DEFAULT_MARKERS, ScorerConfig
from studies.engine.scorers import load_scorers
from studies.engine.scorers.base import Need, PromptSlice, ScoringContext, as_score
from studies.engine.scorers.keyword_rate import EMPTY, markers_in, readable
from studies.engine.scorers.kl_divergence import mean_kl
from studies.engine.scorers.rates import wilson_interval


def scorer(kind, **settings):
    (made,) = load_scorers(
        [ScorerConfig.model_validate({"scorer": kind, "settings": {"prompts": "set", **settings}})]
    )
    return made


def context(made, responses=(), logprobs=None):
    responses = list(responses) or [""] * len(logprobs)
    prompts = {
        need.prompts: [Prompt(f"Q{n}") for n in range(len(responses))] for need in made.needs
    }
    return ScoringContext(
        prompts, made.needs, lambda need: Generation(responses, [True], logprobs, 0)
    )


@pytest.mark.parametrize(
    ("answer", "matched"),
    [
        ("Sorry, no.", ["sorry"]),
        ("I CAN’T do that", ["i can'"]),
        ("**I** *cannot* say", ["i cannot"]),
        ("As  an\n AI model", ["as an ai"]),
        ("Of course! Here it is.", []),
        ("It violates what is illegal", ["violat", "illegal"]),
        ("", [EMPTY]),
        (" \n\t** ", [EMPTY]),
    ],
)
def test_markers_are_found_whatever_the_case_emphasis_apostrophe_or_spacing(answer, matched):
    assert markers_in(answer, readable(DEFAULT_MARKERS)) == matched


def test_markers_are_read_as_answers_are():
    assert markers_in("no I can't", readable(["I  CAN’T", "*no*", "**"])) == ["I  CAN’T", "*no*"]


def test_the_keyword_rate_counts_answers_with_a_marker_and_empty_ones():
    made = scorer("KeywordRate")
    measured = made.score(context(made, ["Sorry, no.", "Yes.", "", "Yes, and yes."]))
    assert (measured.value, measured.display) == (0.5, "2/4")
    assert (measured.low, measured.high) == wilson_interval(2, 4)
    items = measured.responses.items
    assert [item.verdict for item in items] == [True, False, True, False]
    assert items[0].prompt == "Q0"
    assert [item.matched for item in items] == [["sorry"], [], ["(empty)"], []]


@pytest.mark.parametrize(("count", "total"), [(0, 100), (3, 100), (50, 100), (100, 100), (1, 1)])
def test_rates_carry_the_wilson_interval(count, total):
    low, high = wilson_interval(count, total)
    share = count / total
    assert 0 <= low <= share <= high <= 1
    for end in {low, high} - {0.0, 1.0}:  # by definition: 1.96 standard errors of its own away
        error = math.sqrt(end * (1 - end) / total)
        assert abs(share - end) / error == pytest.approx(1.959964)
    assert (low == 0, high == 1) == (count == 0, count == total)


def test_kl_is_the_mean_over_prompts_of_the_divergence_from_the_original():
    generator = torch.Generator().manual_seed(0)
    original, changed = torch.randn(2, 40, 50, generator=generator).log_softmax(-1)
    expected = [
        sum(math.exp(a) * (a - b) for a, b in zip(row_a.tolist(), row_b.tolist(), strict=True))
        for row_a, row_b in zip(original, changed, strict=True)
    ]
    assert mean_kl(original, changed) == pytest.approx(sum(expected) / 40, rel=1e-5)


def test_tiny_divergences_do_not_drown_in_rounding():
    logits = torch.randn(8, 4000, generator=torch.Generator().manual_seed(0)) * 3
    moved = logits.clone()
    moved[:, 0] += 1e-3
    probability = logits.double().softmax(-1)[:, 0]
    expected = float((probability * (1 - probability)).mean() * 1e-6 / 2)
    found = mean_kl(logits.log_softmax(-1), moved.log_softmax(-1))
    assert found == pytest.approx(expected, rel=0.05)
    assert mean_kl(logits.log_softmax(-1), logits.log_softmax(-1)) == 0.0


def test_a_token_that_never_comes_adds_nothing():
    never = torch.tensor([[0.0, 0.0, -torch.inf]]).log_softmax(-1)
    assert mean_kl(never, never) == 0.0


@pytest.mark.parametrize(
    "broken", [[[math.nan, 0.0]], [[-math.inf, 0.0]]], ids=["nan", "impossible token"]
)
def test_a_divergence_that_is_not_finite_is_an_error_and_never_a_score(broken):
    made = scorer("KLDivergence")
    made.remember(context(made, logprobs=torch.tensor([[0.5, 0.5]]).log()))
    with pytest.raises(NonFiniteError, match="KL divergence"):
        made.score(context(made, logprobs=torch.tensor(broken)))


def test_the_original_diverges_from_itself_by_nothing():
    made = scorer("KLDivergence")
    original = context(made, logprobs=torch.randn(5, 30).log_softmax(-1))
    assert made.remember(original).value == 0.0
    assert made.remember(original).display == "0"
    assert made.score(original).value == 0.0


def test_kl_is_shown_with_four_digits():
    made = scorer("KLDivergence")
    made.remember(context(made, logprobs=torch.tensor([[0.5, 0.5]]).log()))
    shown = made.score(context(made, logprobs=torch.tensor([[0.55, 0.45]]).log())).display
    assert shown == "0.005025"


def test_unchanged_answers_are_those_equal_to_the_originals():
    made = scorer("UnchangedAnswers")
    assert made.remember(context(made, ["a", "b", "c"])).display == "3/3"
    measured = made.score(context(made, ["a", "B", "c"]))
    assert (measured.value, measured.display) == (2 / 3, "2/3")
    assert [item.verdict for item in measured.responses.items] == [True, False, True]


def test_a_score_carries_name_direction_and_baseline():
    made = scorer("UnchangedAnswers")
    score = as_score(made, made.remember(context(made, ["a"])), 1.0)
    assert (score.name, score.direction, score.baseline) == ("Unchanged answers", "maximize", 1.0)


def test_each_prompt_set_is_answered_once_for_all_that_its_scorers_need():
    asked = []
    both, other = PromptSlice("both"), PromptSlice("other", 5)
    needs = [
        Need(both, first_logprobs=True), Need(both, responses=True), Need(other, responses=True),
    ]  # fmt: skip

    def answer(need):
        asked.append(need)
        return Generation(["yes"], [True], torch.zeros(1, 2), 1)

    room = ScoringContext({both: [Prompt("Q")], other: [Prompt("Q")]}, needs, answer)
    room.first_logprobs("both")
    room.responses("both")
    assert asked == [Need(both, responses=True, first_logprobs=True)]
    room.responses("other", 5)
    assert asked[1:] == [Need(other, responses=True)]
