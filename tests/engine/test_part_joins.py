"""Rows that begin inside a layer, behind a product that is known of them."""

from contextlib import contextmanager

import pytest
import torch

from studies.engine import batch_work
from studies.engine.answering import Answering
from studies.engine.generation import answer_sets
from studies.engine.parts import behind, in_front, parts_of
from studies.engine.ports import Silent
from studies.engine.prompts import Prompt
from studies.engine.proving import reads_alike
from studies.engine.remembering import Memory, kept_of
from studies.engine.scorers.base import Need, PromptSlice
from studies.engine.wanted import ALONE, Wanted
from tests.engine import test_arbitrary_rank as arbitrary_rank
from tests.engine.test_directional import EVERYWHERE, parameters, prepared
from tests.engine.test_generation import QUESTIONS, batches_of
from tests.engine.test_prefill import (
    MANY,
    ORIGINAL,
    ROOM,
    answered,
    in_last_layer,
    late,
    remembered,
    with_prefix,
)
from tests.engine.test_side_by_side import assert_same, progress
from tests.engine.tiny import FAMILIES, N_LAYERS, tiny_model

MLPS_ALONE = parameters(max_weight=0.0)  # from the second layer on


@contextmanager
def rows_read(loaded, layer, tokens=None):
    """How many rows each part of a layer computes meanwhile, in passes of so many tokens."""
    seen = {"self_attn.q_proj": 0, "mlp.up_proj": 0}

    def count(name, shape):
        if tokens is None or shape[1] == tokens:
            seen[name] += shape[0]

    hooks = [
        loaded.layers[layer]
        .get_submodule(name)
        .register_forward_hook(
            lambda module, args, output, name=name: count(name, tuple(output.shape))
        )
        for name in seen
    ]
    yield seen
    for hook in hooks:
        hook.remove()


def of_all(attention, mlp):
    return {"self_attn.q_proj": attention, "mlp.up_proj": mlp}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_part_of_a_layer_holds_one_matrix_and_has_a_place_of_its_own(family):
    loaded = tiny_model(family)
    layers = parts_of(loaded)
    assert len(layers) == N_LAYERS
    for layer, parts in zip(loaded.layers, layers, strict=True):
        assert 2 <= len(parts) <= 3
        modules = [part.module for part in parts]
        assert len(set(modules)) == len(modules)
        assert all(module in list(layer.children()) for module in modules)
        assert all(part.matrix in list(part.module.modules()) for part in parts)
    places = [behind(index, number) for index, parts in enumerate(layers) for number in range(3)]
    assert places == sorted(set(places))
    assert [in_front(place) for place in places] == sorted(list(range(N_LAYERS)) * 3)


@pytest.mark.parametrize("mode", ["none", "pre", "full"])
@pytest.mark.parametrize("family", ["llama_bias", "gemma2", "phi"])
def test_every_row_normalisation_holds_for_rows_that_begin_inside(family, mode):
    loaded = tiny_model(family, tie_word_embeddings=False)
    method, plain = prepared(loaded, row_normalization=mode), batches_of(loaded, 3)
    whole = answered(loaded, method, MANY, plain, None, starts=[0] * len(MANY))
    batches = with_prefix(plain)
    memory = remembered(loaded, batches, n_new=8)
    assert_same(answered(loaded, method, MANY, batches, memory), whole)


def test_prompts_are_read_by_the_parts_that_see_a_change(monkeypatch):
    monkeypatch.setattr(batch_work, "cheaper_trees", lambda *rows: None)  # row by row
    loaded = tiny_model("llama")
    method, (batch,) = prepared(loaded), batches_of(loaded, questions=QUESTIONS[:1] * 8)
    memory = remembered(loaded, [batch])
    n, width, many = len(batch), batch.width, [EVERYWHERE, parameters(), MLPS_ALONE, late()]

    def seen(layer, some=many):
        with rows_read(loaded, layer, width) as rows:
            answered(loaded, method, some, [batch], memory)
        return rows

    assert seen(0) == of_all(1, n), "none has to, but attention expects a row"
    assert seen(1) == of_all(n, 2 * n), "the second set changes what attention gives"
    assert seen(2) == of_all(3 * n, 4 * n)
    assert seen(1, [parameters()] * 2) == of_all(1, 2 * n)
    assert seen(1, [MLPS_ALONE] * 2) == of_all(1, 1)
    assert seen(0, [MLPS_ALONE] * 2) == of_all(0, 0)
    with rows_read(loaded, 3, 1) as rows:  # only the last token goes through the last MLP
        answered(loaded, method, [EVERYWHERE, in_last_layer(max_weight=0.0)], [batch], memory)
    assert rows["mlp.up_proj"] % n == 0


def test_drafts_are_read_by_the_parts_that_see_a_change():
    loaded = tiny_model("llama")
    loaded.model.generation_config.eos_token_id = []
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    n = len(batches[0])
    memory = remembered(loaded, batches)  # no answer of the original
    answered(loaded, method, [late()], batches, memory)
    whole = answered(loaded, method, [late()] * 3, batches, None, starts=[0] * 3)
    with rows_read(loaded, 2, tokens=7) as rows:
        assert_same(answered(loaded, method, [late()] * 3, batches, memory), whole)
    assert rows == of_all(n, 3 * n), "one of three computes what attention gives"


def test_what_is_original_stays_so_bit_for_bit_beside_rows_that_begin_inside():
    loaded = tiny_model("gemma3_text")
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    memory = remembered(loaded, batches, n_new=8)
    (alone,) = answered(loaded, method, [ORIGINAL], batches, memory)
    beside = answered(loaded, method, MANY, batches, memory)[1]
    assert torch.equal(beside.first_logprobs, alone.first_logprobs)
    assert beside.responses == alone.responses


def test_known_products_are_not_overwritten():
    loaded = tiny_model("llama_bias")
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    memory = remembered(loaded, batches, n_new=8)
    first = answered(loaded, method, MANY, batches, memory)
    assert_same(answered(loaded, method, MANY, batches, memory), first)
    ((kept, _),) = [memory.find(batch, len(batch)) for batch in batches]
    again = remembered(loaded, batches, n_new=8).find(batches[0], len(batches[0]))[0]
    for place, known in kept.own.products.items():
        assert torch.equal(known, again.own.products[place])


def adding_its_input(module):
    """Something of a part that its matrix does not see."""
    forward = module.forward
    module.forward = lambda hidden: forward(hidden) + hidden


def test_a_part_that_gives_more_than_its_matrix_runs_for_all_rows():
    loaded = tiny_model("llama")
    batches = with_prefix(batches_of(loaded))
    assert reads_alike(loaded, batches[0], finer=True)
    for layer in loaded.layers:
        adding_its_input(layer.mlp)
    assert not reads_alike(loaded, batches[0], finer=True)
    assert reads_alike(loaded, batches[0])
    method = prepared(loaded)
    whole = answered(loaded, method, MANY, batches, None, starts=[0] * len(MANY))
    memory = Memory(ROOM, finer=finer_of(loaded))
    wanted = Wanted(max_new_tokens=8, first_logprobs=True, memory=memory, remember=True)
    answer_sets(loaded, batches, wanted, progress=progress())
    with rows_read(loaded, 1) as rows:
        assert_same(answered(loaded, method, MANY, batches, memory), whole)
    assert rows["self_attn.q_proj"] == rows["mlp.up_proj"] > 0


def finer_of(loaded):
    """What the work of a session finds out before it remembers the original."""
    need = Need(PromptSlice("ask"), first_logprobs=True)
    prompts = {"ask": [Prompt(question, "Be kind.") for question in QUESTIONS]}
    told = {"max_response_length": 8, "reporter": Silent(), "stop": Silent()}
    answering = Answering(loaded, prompts, **told)
    answering.limit.size = 8
    answering.contexts([need], "baseline", ALONE, remember=True)
    (memory,) = answering._memories.values()
    return memory.finer


def test_a_usual_part_runs_for_the_rows_that_need_it():
    assert finer_of(tiny_model("llama"))


def test_a_family_without_a_table_begins_in_front_of_layers():
    loaded = tiny_model("llama")
    loaded.model.config.model_type = "unheard_of"
    assert parts_of(loaded) == [[]] * N_LAYERS
    batches = with_prefix(batches_of(loaded))
    assert not reads_alike(loaded, batches[0], finer=True)
    assert reads_alike(loaded, batches[0])


def test_states_without_products_are_kept_where_the_room_is_short():
    loaded = tiny_model("llama")
    method, plain = prepared(loaded), batches_of(loaded)
    whole = answered(loaded, method, MANY, plain, None, starts=[0] * len(MANY))
    batches = with_prefix(plain)
    logits = torch.empty(len(plain[0]), 0)
    both = kept_of(loaded, batches[0], [[]] * 8, [slice(0, 8)], logits, finer=True)
    assert both.shared.products.keys() == both.own.products.keys()
    assert len(both.own.products) == 2 * N_LAYERS
    fewer = both.without_products()
    assert fewer.n_bytes < both.n_bytes
    logits_bytes = 4 * 8 * loaded.model.config.vocab_size
    memory = remembered(loaded, batches, room=fewer.n_bytes + logits_bytes)
    assert not memory.find(batches[0], 8)[0].own.products
    with rows_read(loaded, 1) as rows:
        assert_same(answered(loaded, method, MANY, batches, memory), whole)
    assert rows["self_attn.q_proj"] == rows["mlp.up_proj"], "from the front of the layer"


def test_rows_begin_inside_layers_whose_modules_are_spread_by_accelerate():
    loaded = tiny_model("llama_bias")
    batches = with_prefix(batches_of(loaded))
    for parts in parts_of(loaded):
        for part in parts:
            spread(part.matrix)
    assert reads_alike(loaded, batches[0], finer=True)
    method = prepared(loaded)
    whole = answered(loaded, method, MANY, batches, None, starts=[0] * len(MANY))
    memory = remembered(loaded, batches, n_new=8)
    assert_same(answered(loaded, method, MANY, batches, memory), whole)


def spread(module):
    """Accelerate moves inputs in a forward of its own, which calls `_old_forward`."""
    module._old_forward = module.forward
    module.forward = lambda inputs: module._old_forward(2 * inputs)


def test_a_method_that_changes_weights_reads_its_prompts_whole():
    loaded = tiny_model("llama")
    method, batches = arbitrary_rank.prepared(loaded), with_prefix(batches_of(loaded))
    memory = remembered(loaded, batches, n_new=8)
    method.apply(arbitrary_rank.EVERYWHERE)
    found = [
        answer_sets(
            loaded,
            batches,
            Wanted(max_new_tokens=8, first_logprobs=True, memory=one),
            progress=progress(),
        )
        for one in (None, memory)
    ]
    method.reset()
    assert found[0][0].responses == found[1][0].responses
    torch.testing.assert_close(found[0][0].first_logprobs, found[1][0].first_logprobs)
