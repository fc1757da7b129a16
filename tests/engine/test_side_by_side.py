"""Trials side by side: each row of a batch gets the answers that its own trial gives alone."""

import dataclasses

import pytest
import torch

from studies.engine.ablation import RowOwners
from studies.engine.batching import BatchLimit, Progress, TrialsAtOnce
from studies.engine.errors import NonFiniteError
from studies.engine.generation import answer_sets
from studies.engine.method_port import BatchMethod
from studies.engine.model import row_bytes
from studies.engine.ports import Silent
from studies.engine.scorers.kl_divergence import mean_kl
from studies.engine.study_settings import MAX_TRIALS_PER_BATCH
from studies.engine.wanted import Sets, Wanted
from tests.engine.test_directional import EVERYWHERE, parameters, prepared
from tests.engine.test_generation import batches_of
from tests.engine.test_session import STRONG, folder, session_of  # noqa: F401 - a fixture
from tests.engine.test_session import parameters as values
from tests.engine.tiny import tiny_model

MANY = [
    parameters(),
    parameters(mlp_weight=0.0, max_weight=0.0, min_weight_relative=0.0),  # the original
    parameters(scope="per layer", mlp_weight=-0.2),
    EVERYWHERE,
]
WANTED = Wanted(max_new_tokens=8, first_logprobs=True)


def one_by_one(loaded, method, many, batches, wanted=WANTED):
    found = []
    for one in many:
        method.apply(one)
        found += answer_sets(loaded, batches, wanted, progress=progress())
    method.reset()
    return found


def side_by_side(loaded, method, many, batches, wanted=WANTED, limit=None):
    method.apply_many(many)
    sets = Sets(method.assign, [0] * len(many))
    found = answer_sets(loaded, batches, wanted, progress=progress(), limit=limit, sets=sets)
    method.reset()
    return found


def progress():
    return Progress(Silent(), Silent(), "generating")


def assert_same(found, expected):
    assert [one.responses for one in found] == [one.responses for one in expected]
    assert [one.finished for one in found] == [one.finished for one in expected]
    assert [one.n_tokens for one in found] == [one.n_tokens for one in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.first_logprobs, other.first_logprobs, rtol=1e-5, atol=1e-4)
        original = expected[1].first_logprobs
        divergences = [mean_kl(original, each.first_logprobs) for each in (one, other)]
        assert divergences[0] == pytest.approx(divergences[1], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("mode", ["none", "pre", "full"])
def test_every_row_normalisation_holds_side_by_side(mode):
    loaded = tiny_model("llama_bias")
    method = prepared(loaded, row_normalization=mode)
    batches = batches_of(loaded, 3)
    alone = one_by_one(loaded, method, MANY, batches)
    assert_same(side_by_side(loaded, method, MANY, batches), alone)


@pytest.mark.parametrize("rows", [1, 5, 8])
def test_rows_of_several_trials_are_split_where_memory_asks_for_it(rows):
    loaded = tiny_model("qwen3")
    method = prepared(loaded)
    batches = batches_of(loaded)
    alone = one_by_one(loaded, method, MANY, batches)
    sizes = []
    hook = loaded.layers[0].register_forward_pre_hook(
        lambda module, args: sizes.append(args[0].shape[0])
    )
    limit = BatchLimit(8, sets=4, most=rows)
    assert_same(side_by_side(loaded, method, MANY, batches, limit=limit), alone)
    hook.remove()
    assert max(sizes) == rows


def test_a_half_sized_float_rounds_side_by_side_as_it_does_alone():
    loaded = tiny_model("llama")
    method = prepared(loaded)
    loaded.model.bfloat16()
    method = prepared(loaded)
    batches = batches_of(loaded)
    wanted = Wanted(max_new_tokens=1, first_logprobs=True)
    alone = one_by_one(loaded, method, MANY, batches, wanted)
    together = side_by_side(loaded, method, MANY, batches, wanted)
    for one, other in zip(together, alone, strict=True):
        apart = (one.first_logprobs.exp() - other.first_logprobs.exp()).abs().max()
        assert apart < 0.05  # bfloat16 keeps 8 bits: rounding depends on the batch's shape


def test_directional_ablation_can_hold_several_trials_at_once():
    loaded = tiny_model("llama")
    assert isinstance(prepared(loaded), BatchMethod)


def test_rows_without_an_owner_are_refused():
    owners, vectors = RowOwners(), torch.ones(2, 3)
    owners.assign(torch.tensor([0, 1, 1]))
    assert owners.mask(vectors, 3).tolist() == [[1, 0], [0, 1], [0, 1]]
    with pytest.raises(ValueError, match="4 rows run, 3 have an owner"):
        owners.mask(vectors, 4)


def run(chooser, speeds, n=8):
    """What is tried, on a machine with a known speed (trials per second) at each number."""
    tried = []
    for _ in range(n):
        tried.append(chooser.count)
        chooser.took(chooser.count, chooser.count / speeds[chooser.count])
    return tried


@pytest.mark.parametrize(
    ("speeds", "tried"),
    [
        ({1: 1, 2: 2, 4: 3, 8: 3.5, 16: 4}, [1, 2, 4, 8, 16, 16, 16, 16]),
        ({1: 1, 2: 2, 4: 1.9, 8: 3}, [1, 2, 4, 2, 2, 2, 2, 2]),
        ({1: 1, 2: 1.02}, [1, 2, 1, 1, 1, 1, 1, 1]),
    ],
    ids=["grows", "stops growing", "not worth it"],
)
def test_the_number_of_trials_at_once_is_found_while_they_run(speeds, tried):
    assert run(TrialsAtOnce(0, 16), speeds) == tried


def test_a_fixed_number_of_trials_at_once_is_kept():
    assert run(TrialsAtOnce(4, 16), {4: 1.0}, 3) == [4, 4, 4]
    assert run(TrialsAtOnce(4, 1), {1: 1.0}, 3) == [1, 1, 1], "the method can only do one"


def test_a_rest_of_a_batch_teaches_nothing():
    chooser = TrialsAtOnce(0, 16)
    chooser.took(1, 1.0)
    chooser.took(1, 100.0)
    assert chooser.count == 2


def test_trouble_halves_the_number_for_good():
    chooser = TrialsAtOnce(0, 16)
    run(chooser, {1: 1, 2: 2, 4: 4}, 3)
    chooser.failed()
    assert chooser.count == 4
    assert run(chooser, {4: 9}, 3) == [4, 4, 4]


def test_trials_at_once_are_bounded_by_the_memory_that_is_free(folder, monkeypatch):  # noqa: F811
    session = session_of(folder, batch_size=3)
    monkeypatch.setattr("studies.engine.answering.free_memory", lambda device: 2**40)
    session.prepare()
    assert session.most_at_once == MAX_TRIALS_PER_BATCH
    needed = 3 * row_bytes(session.loaded, longest_of(session), 6)
    monkeypatch.setattr("studies.engine.answering.free_memory", lambda device: 11 * needed)
    assert session._trials_at_once().most == 5, "half of what is free"
    monkeypatch.setattr("studies.engine.answering.free_memory", lambda device: 0)
    assert session._trials_at_once().most == 1


def test_recorded_steps_need_room_for_a_second_cache():
    loaded = tiny_model("llama")
    on_gpu = dataclasses.replace(loaded, device=torch.device("cuda"))
    recording = dataclasses.replace(on_gpu, step=lambda **inputs: None)
    grown = [row_bytes(one, 10, 90) - row_bytes(one, 10, 0) for one in (on_gpu, recording)]
    assert grown[1] == 2 * grown[0] > 0


def longest_of(session):
    batches = session._answering._batches
    return max(batch.width for some in batches.values() for batch in some)


def test_a_trial_that_fails_beside_others_fails_as_it_does_alone(folder):  # noqa: F811
    session = session_of(folder, trials_per_batch=2)
    facts = session.prepare()
    good, bad = values(max_weight=0.0), values(max_weight=float("nan"))
    with pytest.raises(NonFiniteError):
        session.evaluate_many([good, bad])
    assert session.trials_at_once == 1
    result = session.evaluate(good)
    assert [one.value for one in result.scores] == [one.value for one in facts.baseline]


def test_scores_side_by_side_are_those_of_each_trial_alone(folder):  # noqa: F811
    session = session_of(folder)
    session.prepare()
    many = [
        values(**STRONG),
        values(),
        values(max_weight=0.0),
        values(direction_scope="per layer"),
    ]
    for together, one in zip(session.evaluate_many(many), many, strict=True):
        alone = session.evaluate(one)
        assert [score.value for score in together.scores] == pytest.approx(
            [score.value for score in alone.scores], rel=1e-5, abs=1e-5
        )
        assert together.responses == alone.responses
        assert together.details == alone.details


def test_a_method_without_batches_evaluates_one_after_the_other(folder):  # noqa: F811
    session = session_of(folder)
    session.prepare()
    many = [values(**STRONG), values(max_weight=0.0)]
    expected = [session.evaluate(one).responses for one in many]
    session.method = OneAtATime(session.method)
    assert session._trials_at_once().most == 1
    assert [one.responses for one in session.evaluate_many(many)] == expected


class OneAtATime:
    """The same method, as one would write it that swaps weights."""

    def __init__(self, method):
        self.apply, self.reset = method.apply, method.reset
        self.prepare, self.describe, self.baked = method.prepare, method.describe, method.baked
