"""Prompts read without what is known of them already, against prompts read whole."""

import pytest
import torch

from studies.engine import batch_work, remembering
from studies.engine.answers import Wishes
from studies.engine.batching import BatchLimit
from studies.engine.decoding import greedy
from studies.engine.generation import answer_sets
from studies.engine.prefill import may_share
from studies.engine.prompts import shared_prefix, tokenize
from studies.engine.proving import reads_alike
from studies.engine.reading_order import in_parts
from studies.engine.remembering import Memory
from studies.engine.reuse import Reuse
from studies.engine.wanted import Sets, Wanted
from tests.engine.test_directional import EVERYWHERE, parameters, prepared
from tests.engine.test_generation import batches_of
from tests.engine.test_side_by_side import assert_same, progress
from tests.engine.tiny import N_LAYERS, tiny_model

ROOM = 2**30


@pytest.fixture(autouse=True)
def no_trees(monkeypatch):
    """Prompts are read one beside the other here, however cheap trees of them would be."""
    for module in (batch_work, remembering):
        monkeypatch.setattr(module, "cheaper_trees", lambda *args: None)


def late(weight=1.2):
    """Parameters that leave the first two layers alone."""
    return parameters(
        max_weight=weight,
        mlp_weight=weight,
        max_weight_position_fraction=1.0,
        min_weight_distance_fraction=0.4,
    )


def in_last_layer(**weights):
    """Parameters that change the last layer alone."""
    narrow = {
        "max_weight_position_fraction": 1.0,
        "min_weight_relative": 0.0,
        "min_weight_distance_fraction": 0.0,
    }
    return parameters(**narrow, **weights)


ORIGINAL = parameters(mlp_weight=0.0, max_weight=0.0, min_weight_relative=0.0)
MANY = [
    late(),
    ORIGINAL,
    EVERYWHERE,
    late(0.7),
    parameters(max_weight=0.0),  # the MLPs alone
    in_last_layer(),
    in_last_layer(max_weight=0.0),
]
# Behind the products of which they begin to differ, the attention's or the MLP's.
ATTENTION, MLP = 0.25, 0.5
PLACES = [2 + ATTENTION, N_LAYERS, 0 + ATTENTION, 2 + ATTENTION, 1 + MLP, 3 + ATTENTION, 3 + MLP]


def with_prefix(batches):
    prefix = shared_prefix(batches)
    assert prefix > 4
    return [batch.with_prefix(prefix) for batch in batches]


def remembered(loaded, batches, room=ROOM, n_new=1):
    """The memory of some prompts and of how the original begins to answer them."""
    memory = Memory(room)
    wanted = Wanted(max_new_tokens=n_new, first_logprobs=True, memory=memory, remember=True)
    answer_sets(loaded, batches, wanted, progress=progress())
    return memory


def answered(loaded, method, many, batches, memory, starts=None, limit=None):
    method.apply_many(many)
    starts = starts or [method.first_place(values) for values in many]
    wanted = Wanted(max_new_tokens=8, first_logprobs=True, memory=memory)
    sets = Sets(method.assign, starts)
    found = answer_sets(loaded, batches, wanted, progress=progress(), limit=limit, sets=sets)
    method.reset()
    return found


# Behind the last MLP the product is known of all tokens, else made of the last: it rounds otherwise.
@pytest.mark.parametrize("start", [0, 1, 1 + ATTENTION, 2 + MLP, 3, N_LAYERS])
@pytest.mark.parametrize("shared", [False, True], ids=["whole", "prefix first"])
def test_beginning_at_a_later_layer_is_the_same_bit_for_bit(start, shared):
    loaded = tiny_model("qwen3")
    (batch,) = with_prefix(batches_of(loaded)) if shared else batches_of(loaded)
    memory = remembered(loaded, [batch])
    starts = [start] * len(batch)
    order, parts = in_parts(batch.lengths.tolist(), starts, loaded.device)
    batch = batch.picked(order)
    kept, rows = memory.find(batch, len(batch))
    blank = {"owners": [0] * len(batch), "starts": starts, "parts": parts}
    from_memory, from_start = (
        greedy(loaded, batch, max_new_tokens=8, wishes=Wishes(reuse=reuse))
        for reuse in (Reuse(**blank, kept=kept, kept_rows=rows), Reuse(**blank))
    )
    assert torch.equal(from_memory.first_logits, from_start.first_logits)
    assert from_memory.tokens == from_start.tokens


def test_layers_below_the_first_changed_one_are_not_computed():
    loaded = tiny_model("llama")
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    memory = remembered(loaded, batches)
    seen = {index: [] for index in range(N_LAYERS)}
    hooks = [
        loaded.layers[index].mlp.register_forward_hook(
            lambda module, args, output, index=index: seen[index].append(tuple(output.shape[:2]))
        )
        for index in range(N_LAYERS)
    ]
    many = [late(), EVERYWHERE]
    answered(loaded, method, many, batches, memory)
    for hook in hooks:
        hook.remove()
    (batch,) = batches
    _, parts = in_parts(batch.lengths.tolist() * 2, [0] * 2 * len(batch), loaded.device)
    assert seen[1][0] == (1, batch.prefix), "one of two trials"
    assert seen[2][0] == (2, batch.prefix), "both"
    rows = [n_rows for n_rows, _ in seen[1][1 : 1 + len(parts)]]
    assert sum(rows) == len(batch), "one of two trials"
    rows = [n_rows for n_rows, _ in seen[2][1 : 1 + len(parts)]]
    assert sum(rows) == 2 * len(batch), "both"


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_smaller_batches_find_their_rows_in_memory(rows):
    loaded = tiny_model("qwen2")
    method, plain, many = prepared(loaded), batches_of(loaded), MANY[:3]
    whole = answered(loaded, method, many, plain, None, starts=[0] * len(many))
    batches = with_prefix(plain)
    memory = remembered(loaded, batches)
    limit = BatchLimit(8, sets=len(many), most=rows)
    assert_same(answered(loaded, method, many, batches, memory, limit=limit), whole)


def test_what_does_not_fit_into_memory_is_read_whole():
    loaded = tiny_model("llama")
    method, plain = prepared(loaded), batches_of(loaded, 3)
    whole = answered(loaded, method, MANY, plain, None, starts=[0] * len(MANY))
    memory = remembered(loaded, plain, room=300_000)
    found = [memory.find(batch, 8) is not None for batch in plain]
    assert set(found) == {True, False}
    assert_same(answered(loaded, method, MANY, plain, memory), whole)


def test_prompts_begin_in_the_first_column_with_the_padding_behind_them():
    loaded = tiny_model("llama")
    (batch,) = batches_of(loaded)
    for begun, ids, mask in zip(batch.begun, batch.input_ids, batch.attention_mask, strict=True):
        assert begun[: mask.sum()].tolist() == ids[mask == 1].tolist()
    assert batch.lengths.tolist() == batch.attention_mask.sum(dim=1).tolist()


def test_parts_of_a_batch_keep_its_prefix_and_lose_needless_padding():
    loaded = tiny_model("llama")
    (batch,) = with_prefix(batches_of(loaded))
    parts = batch.chunks(3)
    assert [len(part) for part in parts] == [3, 3, 2]
    assert all(part.prefix == batch.prefix for part in parts)
    assert parts[-1].width < batch.width
    assert all(bool(part.attention_mask.any(dim=0).all()) for part in parts)


@pytest.mark.parametrize(
    ("name", "tied"),
    [
        ("layers.1", lambda output: output + output.mean(dim=0)),
        ("layers.3.mlp", lambda output: output.cumsum(dim=1)),
    ],
    ids=["rows", "tokens of the last MLP"],
)
def test_a_model_that_ties_what_others_do_not_is_read_whole(name, tied):
    loaded = tiny_model("llama")
    (batch,) = with_prefix(batches_of(loaded))
    assert reads_alike(loaded, batch)
    module = loaded.model.get_submodule(f"model.{name}")
    forward = module.forward
    module.forward = lambda *args, **kwargs: tied(forward(*args, **kwargs))
    assert not reads_alike(loaded, batch)


def test_equal_prompts_keep_a_token_of_their_own():
    loaded = tiny_model("llama")
    batches = tokenize(loaded, ["same", "same"], 2)
    assert shared_prefix(batches) == batches[0].width - 1


@pytest.mark.parametrize(("window", "may"), [(16, False), (400, True)])
def test_a_window_shorter_than_the_prompts_shares_nothing(window, may):
    assert may_share(tiny_model("gemma3_text", sliding_window=window), 200) is may


def test_the_first_changed_place_is_that_of_the_kernel():
    loaded = tiny_model("llama")
    method = prepared(loaded)
    assert method.first_place(ORIGINAL) == N_LAYERS
    assert method.first_place(EVERYWHERE) == ATTENTION
    for values in (parameters(), parameters(max_weight=0.0), late(), in_last_layer()):
        kernel = method.describe(values)["kernel"]
        places = [
            layer + part
            for component, part in (("attn.o_proj", ATTENTION), ("mlp.down_proj", MLP))
            for layer, weight in enumerate(kernel[component])
            if weight
        ]
        assert method.first_place(values) == min(places)
