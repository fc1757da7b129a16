"""Prompts that begin alike, read in trees, against prompts read one beside the other."""

import random

import pytest
import torch

from studies.engine import batch_work, remembering
from studies.engine.answers import Wishes
from studies.engine.batching import BatchLimit
from studies.engine.decoding import greedy
from studies.engine.generation import answer_sets
from studies.engine.parts import in_front
from studies.engine.prompts import Prompt, render, tokenize
from studies.engine.proving import reads_alike
from studies.engine.reading_order import cost, in_parts
from studies.engine.reuse import Reuse
from studies.engine.trees import Trees, cheaper_trees, in_trees, trees_of
from studies.engine.wanted import Sets, Wanted
from tests.engine.test_directional import EVERYWHERE, prepared
from tests.engine.test_prefill import MANY, answered, late, remembered, with_prefix
from tests.engine.test_side_by_side import assert_same, progress
from tests.engine.tiny import N_LAYERS, tiny_model

ALIKE = [
    "Please tell me of the sea.", "Please tell me of the sea, and of ships.", "Please tell",
    "Please tell me of cats.", "Please tell me why the sky is blue.", "Please tell me of cats.",
    "Why is the sky blue?", "Why is the sky up?", "Why not?", "Hi",
]  # fmt: skip


def alike(loaded, texts=ALIKE):
    """Prompts of which one begins as another does, some for long; two are equal."""
    rendered = render(loaded.tokenizer, [Prompt(text, "Be kind.") for text in texts])
    return with_prefix(tokenize(loaded, rendered, len(texts)))


@pytest.fixture
def chosen(monkeypatch):
    """The trees that are chosen from now on, None where there are none."""
    found = []

    def watch(*args):
        found.append(cheaper_trees(*args))
        return found[-1]

    for module in (batch_work, remembering):
        monkeypatch.setattr(module, "cheaper_trees", watch)
    return found


@pytest.mark.parametrize(
    ("rows", "many"), [(1, MANY[:2]), (23, MANY), (31, MANY)], ids=["1", "23", "31"]
)
def test_smaller_batches_are_trees_of_some_rows(rows, many, chosen):
    loaded = tiny_model("qwen2")
    method, batches = prepared(loaded), alike(loaded)
    whole = answered(loaded, method, many, batches, None, starts=[0] * len(many))
    memory = remembered(loaded, batches)
    chosen.clear()
    limit = BatchLimit(len(ALIKE), sets=len(many), most=rows)
    assert_same(answered(loaded, method, many, batches, memory, limit=limit), whole)
    assert any(chosen) is (rows > 1), "single rows share nothing"


def test_without_kept_states_trees_are_read_from_the_first_layer(chosen):
    loaded = tiny_model("llama")
    method, batches = prepared(loaded), alike(loaded)
    whole = answered(loaded, method, MANY, batches, None, starts=[0] * len(MANY))
    nothing = remembered(loaded, batches, room=0)
    assert_same(answered(loaded, method, MANY, batches, nothing), whole)
    assert chosen[-1] is not None


@pytest.mark.parametrize("start", [0, 1, 3, N_LAYERS])
def test_trees_that_begin_at_a_later_layer_are_the_same_bit_for_bit(start):
    loaded = tiny_model("qwen3")
    (batch,) = alike(loaded)
    memory = remembered(loaded, [batch])
    owners, starts = [0] * len(batch), [start] * len(batch)
    order, parts = in_parts(batch.lengths.tolist(), starts, loaded.device)
    batch = batch.picked(order)
    kept, rows = memory.find(batch, len(batch))
    trees = cheaper_trees(batch.own, owners, starts, parts, loaded.device)
    blank = {"owners": owners, "starts": starts, "trees": trees}
    from_memory, from_start = (
        greedy(loaded, batch, max_new_tokens=8, wishes=Wishes(reuse=reuse))
        for reuse in (Reuse(**blank, kept=kept, kept_rows=rows), Reuse(**blank))
    )
    assert torch.equal(from_memory.first_logits, from_start.first_logits)
    assert from_memory.tokens == from_start.tokens


def test_shared_tokens_run_through_a_layer_once_for_each_set_that_changes_it(chosen):
    loaded = tiny_model("llama")
    method, (batch,) = prepared(loaded), alike(loaded, ALIKE[:6])
    memory = remembered(loaded, [batch])
    memory.finer = False  # whole layers are counted
    many = [late(), EVERYWHERE, late(0.7)]
    assert [in_front(method.first_place(one)) for one in many] == [2, 0, 2]
    own = batch.own
    n_stems = len({tuple(row[: n + 1]) for row in own for n in range(len(row))})
    assert n_stems < 0.75 * sum(map(len, own)), "enough is shared for this to say anything"
    read, lasts = tokens_read(loaded, method, many, [batch], memory)
    assert len(chosen[-1]) == len(many), "a tree for each"
    assert read == [(batch.prefix + n_stems) * n_sets for n_sets in (1, 1, 3, 3)]
    assert lasts == (1 + len(own)) * 3, "of the last MLP: behind the prefix, behind each prompt"


def tokens_read(loaded, method, many, batches, memory):
    """How many tokens run through the attention of each layer, and through the last MLP."""
    read, lasts = [0] * N_LAYERS, []

    def count(index, hidden):
        read[index] += hidden.shape[0] * hidden.shape[1]

    hooks = [
        layer.self_attn.register_forward_pre_hook(
            lambda module, args, kwargs, index=index: count(index, kwargs["hidden_states"]),
            with_kwargs=True,
        )
        for index, layer in enumerate(loaded.layers)
    ]
    hooks.append(
        loaded.layers[-1].mlp.down_proj.register_forward_hook(
            lambda module, args, output: lasts.append(output.shape[0] * output.shape[1])
        )
    )
    method.apply_many(many)
    sets = Sets(method.assign, [method.first_place(one) for one in many])
    wanted = Wanted(max_new_tokens=1, memory=memory)
    answer_sets(loaded, batches, wanted, progress=progress(), sets=sets)
    method.reset()
    for hook in hooks:
        hook.remove()
    return read, sum(lasts)


@pytest.mark.parametrize("name", ["layers.1", "layers.3.mlp"])
def test_a_model_whose_tokens_see_their_neighbours_by_another_way_is_found_out(name):
    loaded = tiny_model("llama")
    (batch,) = alike(loaded)
    assert reads_alike(loaded, batch)
    module = loaded.model.get_submodule(f"model.{name}")
    forward = module.forward

    def shifted(*args, **kwargs):
        output = forward(*args, **kwargs)
        return output + 0.5 * output.roll(1, dims=1) if output.shape[1] > 1 else output

    module.forward = shifted
    assert not reads_alike(loaded, batch)


def test_the_proof_reads_trees(monkeypatch):
    loaded = tiny_model("llama")
    (batch,) = alike(loaded)
    assert reads_alike(loaded, batch)
    monkeypatch.setattr(Trees, "seen", lambda self, piece: causal(self, piece))
    assert not reads_alike(loaded, batch), "tokens see those of other prompts"


def causal(trees, piece):
    return torch.ones(trees.tokens[piece].shape[0], trees.width, trees.width).tril().bool()


def lists(seed):
    """Prompts over few letters, so that many begin alike; some are equal."""
    chance = random.Random(seed)
    letters, longest = chance.choice([(1, 9), (2, 12), (3, 30), (9, 200)])
    return [
        tuple(chance.randrange(letters) for _ in range(chance.randint(1, longest)))
        for _ in range(chance.randint(1, 40))
    ]


@pytest.mark.parametrize("seed", range(30))
def test_each_row_finds_its_tokens_in_a_tree_that_has_none_twice_or_in_vain(seed):
    prompts = lists(seed)
    trees = trees_of(tuple(prompts))
    assert trees.width <= max(128, *map(len, prompts))
    stems = [set() for _ in range(len(trees))]
    for row, prompt in enumerate(prompts):
        tree, last = int(trees.where[row]), int(trees.lasts[row])
        path = trees.paths[row, : len(prompt)]
        assert tuple(trees.tokens[tree, path].tolist()) == prompt
        assert trees.depths[tree, path].tolist() == list(range(len(prompt)))
        assert last == path[-1]
        seen = trees.seen(slice(tree, tree + 1))[0]
        for n, place in enumerate(path.tolist()):
            assert seen[place].nonzero().flatten().tolist() == path[: n + 1].tolist()
            reader = int(trees.readers[tree, place])
            assert prompts[reader][: n + 1] == prompt[: n + 1]
            stems[tree].add(prompt[: n + 1])
    sizes = [int((ends > 0).sum()) for ends in trees.ends]
    assert sizes == [len(some) for some in stems], "a token for each stem"


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_trees_are_chosen_where_they_cost_less(seed, device):
    device = torch.device(device)  # any but the processor counts as a GPU
    chance, prompts = random.Random(seed), lists(seed)
    owners = [chance.randrange(3) for _ in prompts]
    starts = [owner // 2 for owner in owners]
    order, parts = in_parts([len(prompt) for prompt in prompts], starts, device)
    prompts, owners, starts = ([some[row] for row in order] for some in (prompts, owners, starts))
    plain = cost(((len(prompts[part]), max(map(len, prompts[part]))) for part in parts), device)
    trees = in_trees(prompts, owners, starts, device)
    together = [(piece.stop - piece.start, trees.width) for piece in trees.pieces]
    assert [piece.start for piece in trees.pieces[1:]] == [one.stop for one in trees.pieces[:-1]]
    found = cheaper_trees(prompts, owners, starts, parts, device)
    assert (found is not None) is (cost(together, device) < plain)


@pytest.mark.parametrize("seed", range(10))
def test_rows_of_a_batch_share_trees_with_those_of_their_set_alone(seed):
    chance, prompts = random.Random(seed), lists(seed)
    owners = [chance.randrange(3) for _ in prompts]
    starts = [2 - owner for owner in owners]
    trees = in_trees(prompts, owners, starts, torch.device("cpu"))
    begun = [starts[row] for row in trees.readers[:, 0].tolist()]
    assert begun == sorted(begun), "rows that join later come later"
    for row, prompt in enumerate(prompts):
        tree = trees.where[row]
        assert owners[row] == owners[int(trees.readers[tree, 0])]
        assert tuple(trees.tokens[tree, trees.paths[row, : len(prompt)]].tolist()) == prompt
    rows = torch.cat([trees.rows(piece) for piece in trees.pieces])
    assert sorted(rows.tolist()) == list(range(len(prompts)))
    assert trees.where[rows].tolist() == sorted(trees.where.tolist())


def test_prompts_that_share_nothing_stand_side_by_side():
    prompts = [tuple(range(20 * row, 20 * row + 20)) for row in range(50)]
    assert cheaper_trees(prompts, [0] * 50, [0] * 50, [slice(0, 50)], torch.device("cpu")) is None
