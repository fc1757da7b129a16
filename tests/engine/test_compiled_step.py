"""A compiled step beside the model's own, and what happens where it cannot be had."""

import dataclasses
import gc
import weakref
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from transformers.integrations import sdpa_attention

from studies.engine import compiled_step, decoding, step_choice
from studies.engine.answers import Wishes
from studies.engine.compiled_step import CompiledStep
from studies.engine.decoding import greedy
from studies.engine.generation import answer_sets
from studies.engine.grouped_heads import heads_grouped
from studies.engine.methods import method_get
from studies.engine.ports import Silent
from studies.engine.recorded_step import RecordedStep
from studies.engine.step_choice import chosen_step
from studies.engine.step_memory import rounded_rows
from studies.engine.wanted import Sets, Wanted
from tests.engine.step_stand import Stand, Told, check_all
from tests.engine.test_directional import EVERYWHERE, parameters, prepared
from tests.engine.test_generation import batches_of, ending_early
from tests.engine.test_prefill import remembered, with_prefix
from tests.engine.test_session import STRONG, session_of
from tests.engine.test_session import parameters as values
from tests.engine.test_side_by_side import progress
from tests.engine.tiny import save_tiny, tiny_model

ORIGINAL = parameters(mlp_weight=0.0, max_weight=0.0, min_weight_relative=0.0)
STRONGER = parameters(mlp_weight=1.2, max_weight=1.4)
N_NEW = 16


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # the compiler's own
def test_a_really_compiled_step_serves_all_rows_columns_and_transforms():
    stand = Stand(CompiledStep)
    check_all(stand)
    assert (stand.step.n_compiled, stand.step.is_on, stand.told.notes) == (1, True, [])
    assert stand.told.phases == ["compiling", "generating"]


@pytest.mark.parametrize("graphs", [False, True], ids=["as they are", "padded, in one place"])
def test_one_graph_serves_all_rows_columns_and_transforms(graphs):
    stand = Stand(CompiledStep, backend="eager", graphs=graphs)
    check_all(stand)
    assert (stand.step.n_compiled, stand.step.is_on, stand.told.notes) == (1, True, [])
    stand.switch.switch_off()  # the original: other code runs
    stand.check(4)
    assert stand.step.n_compiled == 2


@pytest.fixture(scope="module")
def as_on_gpu():
    """Trials with the model's own steps and with compiled ones as a GPU has them, and the notes.

    Two layers are one of each kind. Where the compiler meets keys that are copied for the heads
    that share them, it says so.
    """
    loaded = tiny_model("gemma3_text", num_hidden_layers=2, tie_word_embeddings=False)
    config = loaded.model.config
    assert config.num_attention_heads > config.num_key_value_heads
    loaded.model.generation_config.eos_token_id = []
    batches = with_prefix(batches_of(loaded))
    ending_early(loaded, batches_of(loaded)[0])
    told, copies, repeat = Told(), [], sdpa_attention.repeat_kv
    step = CompiledStep(
        loaded.model, reporter=told, tell=told.notes.append, backend="eager", graphs=True
    )
    stepping = dataclasses.replace(loaded, step=step)
    ways = (loaded, prepared(loaded)), (stepping, prepared(stepping, trials_per_batch=0))

    def watched(states, n_rep):
        if torch.compiler.is_compiling():
            copies.append(n_rep)
        return repeat(states, n_rep)

    on_gpu = partial(heads_grouped, torch.device("cuda"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "heads_grouped", lambda device, **options: on_gpu())
        patch.setattr(sdpa_attention, "repeat_kv", watched)
        found = [
            [answered(one, method, many, batches) for one, method in ways]
            for many in (
                [STRONGER, ORIGINAL, EVERYWHERE],
                [parameters()],
                [EVERYWHERE, parameters()],
            )
        ]
    return SimpleNamespace(found=found, copies=copies, step=step, notes=told.notes)


def test_trials_answer_as_they_do_with_the_model_s_own_steps(as_on_gpu):
    assert all(found == expected for expected, found in as_on_gpu.found)
    assert len({tuple(texts) for _, found in as_on_gpu.found for texts, *_ in found}) > 2
    assert (as_on_gpu.step.n_compiled, as_on_gpu.step.is_on, as_on_gpu.notes) == (1, True, [])


def test_on_a_gpu_compiled_steps_copy_no_keys_for_query_heads(as_on_gpu):
    assert as_on_gpu.copies == []


def answered(loaded, method, many, batches, n_known=N_NEW, limit=None):
    memory = remembered(loaded, batches, n_new=n_known)
    method.apply_many(many)
    wanted = Wanted(max_new_tokens=N_NEW, memory=memory)
    sets = Sets(method.assign, [method.first_place(one) for one in many])
    found = answer_sets(loaded, batches, wanted, progress=progress(), limit=limit, sets=sets)
    method.reset()
    return [(one.responses, one.finished, one.n_tokens) for one in found]


class Watching:
    """A step by the model itself, which looks at how much of the cache it sees."""

    is_on = True

    def __init__(self, model):
        self.model, self.unseen = model, []

    def __call__(self, **inputs):
        keys, _ = inputs["past_key_values"].states()[0]
        self.unseen.append(keys.shape[2] - inputs["attention_mask"].shape[3])
        return self.model(**inputs)


def test_no_step_sees_all_columns_which_would_be_another_graph():
    loaded = tiny_model("llama", num_hidden_layers=1)
    loaded.model.generation_config.eos_token_id = []
    step = Watching(loaded.model)
    stepping = dataclasses.replace(loaded, step=step)
    method = prepared(stepping, trials_per_batch=0)
    batches = with_prefix(batches_of(loaded))
    # Of the original some tokens are known, so it ends first; its rows are too few to leave.
    answered(stepping, method, [*[STRONGER] * 12, ORIGINAL], batches, n_known=6)
    assert min(step.unseen) == 1


def test_a_single_row_is_left_to_the_model():
    stand = Stand(CompiledStep, backend="eager")
    stand.check(1)
    assert stand.step.n_compiled == 0


def failing(error):
    def backend(graph, inputs):
        raise error

    return backend


@pytest.mark.parametrize(
    ("error", "said"),
    [(RuntimeError("No C++ compiler.\nMore"), "No C++ compiler"), (KeyError("x"), "x")],
)
def test_where_compiling_fails_the_model_goes_on_and_a_note_says_why(error, said):
    stand = Stand(CompiledStep, backend=failing(error))
    stand.ablate(2)
    for n_rows in (4, 5):
        found, expected = stand.both(n_rows)
        assert torch.equal(found, expected)
    (note,) = stand.told.notes
    assert said in note
    assert "More" not in note
    assert stand.told.phases == ["compiling", "generating"]
    assert (stand.step.is_on, stand.step.n_compiled) == (False, 1)


def test_code_that_cannot_be_compiled_is_left_to_the_model():
    stand = Stand(CompiledStep, backend="eager")
    stand.model.out.register_forward_hook(lambda module, args, output: gc.collect() and None)
    found, expected = stand.both(4)
    assert torch.equal(found, expected)
    assert len(stand.told.notes) == 1


def test_short_memory_is_no_failure_of_compiling():
    stand = Stand(CompiledStep, backend=failing(torch.OutOfMemoryError("CUDA out of memory.")))
    with pytest.raises(RuntimeError, match="out of memory"):
        stand.both(4)
    assert (stand.step.is_on, stand.told.notes) == (True, [])


def test_a_graph_that_computes_something_else_is_not_used():
    def wrong(graph, inputs):
        return lambda *args: tuple(one + 0.1 for one in graph(*args))

    stand = Stand(CompiledStep, backend=wrong)
    found, expected = stand.both(4)
    assert torch.equal(found, expected)
    assert "other numbers" in stand.told.notes[0]
    assert not stand.step.is_on


def test_a_model_that_is_recompiled_again_and_again_is_left_alone(monkeypatch):
    monkeypatch.setattr(compiled_step, "GRAPHS_LIMIT", 1)
    stand = Stand(CompiledStep, backend="eager")
    for n_more in range(3):
        stand.model.extra = [1.0] * n_more
        stand.check(4)
    assert not stand.step.is_on
    assert len(stand.told.notes) == 1


def test_broken_numbers_are_the_model_s_not_the_compiler_s():
    stand = Stand(CompiledStep, backend="eager")
    stand.model.embed.weight[3] = torch.nan
    found, expected = stand.both(4)
    assert found.isnan().any()
    torch.testing.assert_close(found, expected, equal_nan=True)
    assert stand.step.is_on


def test_what_a_broken_batch_left_in_memory_does_not_reach_the_next():
    stand = Stand(CompiledStep, backend="eager", graphs=True)
    weight = stand.model.embed.weight.clone()
    stand.model.embed.weight.fill_(torch.nan)
    stand.both(7, 8, 60)
    stand.model.embed.weight.copy_(weight)
    stand.check(4)
    assert stand.step.is_on


def test_rows_are_rounded_to_few_numbers():
    rounded = {n: rounded_rows(n) for n in range(1, 2049)}
    assert all(n <= size < max(9, 1.5 * n + 1) for n, size in rounded.items())
    assert all(size < 9 / 8 * n + 1 for n, size in rounded.items() if n > 256)
    assert all(size < 17 / 16 * n + 1 for n, size in rounded.items() if n > 1024)
    assert len(set(rounded.values())) == 11 + 16 + 16


def test_a_dropped_model_is_freed():
    stand = Stand(CompiledStep, backend="eager")
    stand.check(4)
    gone = weakref.ref(stand.model)
    del stand
    gc.collect()
    assert gone() is None


def test_only_steps_with_rows_of_their_own_are_given_away():
    loaded = tiny_model("llama", num_hidden_layers=1)
    (batch,) = batches_of(loaded)
    wishes = Wishes(step=None), Wishes(step=failing(AssertionError))
    plain, other = (greedy(loaded, batch, max_new_tokens=4, wishes=one) for one in wishes)
    assert plain.tokens == other.tokens


def choose(loaded, wanted, method="directional"):
    notes = []
    return chosen_step(loaded, method_get(method), wanted, Silent(), notes), notes


def test_steps_are_recorded_on_a_gpu_and_compiled_where_the_user_says_so():
    loaded = tiny_model("llama", num_hidden_layers=1)
    on_gpu = dataclasses.replace(loaded, device=torch.device("cuda"))
    assert choose(loaded, "auto") == (None, [])
    assert choose(on_gpu, "off") == (None, [])
    assert isinstance(choose(on_gpu, "auto")[0], RecordedStep)
    assert isinstance(choose(on_gpu, "on")[0], CompiledStep)
    assert isinstance(choose(loaded, "on")[0], CompiledStep)


@pytest.mark.parametrize(
    ("family", "method", "said"),
    [("lfm2", "directional", "keeps more"), ("llama", "arbitrary_rank", "other weights")],
)
def test_who_wants_steps_compiled_that_cannot_be_hears_why(family, method, said):
    loaded = tiny_model(family)
    step, (note,) = choose(loaded, "on", method)
    assert step is None
    assert said in note
    on_gpu = dataclasses.replace(loaded, device=torch.device("cuda"))
    assert choose(on_gpu, "auto", method) == (None, [])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny("qwen3", tmp_path_factory.mktemp("model"), num_hidden_layers=1)


def scored(folder, reporter, compiled):
    session = session_of(folder, reporter=reporter, compile=compiled)
    facts = session.prepare()
    results = session.evaluate_many([values(**STRONG), values()])
    results += [session.evaluate(values(max_weight=0.8))]
    return facts, [([score.value for score in one.scores], one.responses) for one in results]


@pytest.fixture(scope="module")
def scored_plainly(folder):
    return scored(folder, Silent(), "off")[1]


@pytest.mark.parametrize("fails", [False, True])
def test_a_session_scores_the_same_with_compiled_steps(folder, scored_plainly, monkeypatch, fails):
    backend = "none of that name" if fails else "eager"
    monkeypatch.setattr(step_choice, "CompiledStep", partial(CompiledStep, backend=backend))
    told = Told()
    facts, found = scored(folder, told, "on")
    for (scores, responses), (expected, others) in zip(found, scored_plainly, strict=True):
        assert responses == others
        assert scores == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert told.phases.count("compiling") == 1
    assert facts.notes == told.notes
    assert len(told.notes) == fails
