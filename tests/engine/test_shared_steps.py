"""Single steps in which trials that have said the same share layers, against each trial alone."""

from functools import partial

import pytest
import torch

from studies.engine.answers import Wishes
from studies.engine.decoding import greedy
from studies.engine.layered_pass import LayeredPass
from studies.engine.parts import in_front
from studies.engine.proving import reads_alike
from studies.engine.reuse import Reuse, Twins
from tests.engine.test_directional import EVERYWHERE, parameters, prepared
from tests.engine.test_generation import batches_of, ending_early
from tests.engine.test_prefill import ORIGINAL, answered, late, remembered, with_prefix
from tests.engine.tiny import tiny_model

# Most of them say at first what the original says, and part from one another later.
WEAK = [late(0.1), ORIGINAL, parameters(max_weight=0.2, mlp_weight=0.1), late(0.3), late()]


@pytest.fixture(autouse=True)
def shared_for_few_rows(monkeypatch):
    monkeypatch.setattr("studies.engine.shared_steps._JOINING", 0.0)


@pytest.fixture
def without_drafts(monkeypatch):
    """Single steps from the first token on."""
    monkeypatch.setattr("studies.engine.decoding._Rows.follow_drafts", lambda rows: None)


def steps_of(loaded, work):
    """The rows that each layer computes in each single step meanwhile."""
    seen = [[] for _ in loaded.layers]
    hooks = [
        layer.mlp.register_forward_hook(
            lambda module, args, output, own=own: own.append(tuple(output.shape[:2]))
        )
        for layer, own in zip(loaded.layers, seen, strict=True)
    ]
    found = work()
    for hook in hooks:
        hook.remove()
    return [[rows for rows, n_tokens in own if n_tokens == 1] for own in seen], found


def test_a_layer_that_none_of_them_changes_is_computed_once_for_rows_with_the_same_text(
    without_drafts,
):
    loaded = tiny_model("llama")
    loaded.model.generation_config.eos_token_id = []
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    assert in_front(method.first_place(late())) == 2
    memory, n_rows = remembered(loaded, batches), len(batches[0])
    memory.finer = False  # whole layers are counted
    work = partial(answered, loaded, method, [late()] * 3, batches, memory)
    seen, found = steps_of(loaded, work)
    assert seen[0] == seen[1] == [n_rows] * 7
    assert seen[2] == seen[3] == [3 * n_rows] * 7
    assert len({tuple(one.responses) for one in found}) == 1


def doubled(loaded, starts):
    """Each prompt for two parameter sets; the batch, and what is known of its rows."""
    (batch,) = batches_of(loaded)
    twice = batch.picked([row for row in range(len(batch)) for _ in starts])
    sets = [row % len(starts) for row in range(len(twice))]
    reuse = Reuse(owners=sets, starts=[starts[one] for one in sets], places=twice.indices)
    return twice, reuse


def test_a_row_that_has_parted_is_computed_from_the_first_layer_on(without_drafts):
    loaded = tiny_model("llama")
    loaded.model.generation_config.eos_token_id = []
    method = prepared(loaded)
    batch, reuse = doubled(loaded, [2, 2])
    owners = torch.tensor(reuse.owners)
    wishes = Wishes(on_rows=lambda rows: method.assign(owners[rows]), reuse=reuse)
    method.apply_many([late(0.3), late()])
    seen, found = steps_of(loaded, lambda: greedy(loaded, batch, max_new_tokens=8, wishes=wishes))
    pairs = [found.tokens[row : row + 2] for row in range(0, len(batch), 2)]
    same = [next((i for i in range(8) if one[i] != two[i]), 8) for one, two in pairs]
    assert len(set(same)) > 2, "they must part at different steps"
    n_apart = [sum(n_same < step for n_same in same) for step in range(1, 8)]
    assert seen[0] == seen[1] == [len(pairs) + n for n in n_apart]
    assert seen[2] == seen[3] == [len(batch)] * 7


def test_verdicts_cut_rows_that_share_layers_where_they_cut_others(without_drafts):
    loaded = tiny_model("llama")
    loaded.model.generation_config.eos_token_id = []
    batch, reuse = doubled(loaded, [1, 1])

    def settled(tokens):
        return [row[0] % 2 == 0 or len(row) > 6 for row in tokens]

    def said(reuse):
        wishes = Wishes(settled=settled, reuse=reuse)
        return greedy(loaded, batch, max_new_tokens=12, wishes=wishes)

    seen, found = steps_of(loaded, lambda: said(reuse))
    whole = said(None)
    assert {len(row) for row in whole.tokens} == {4, 8}
    assert found.tokens == whole.tokens
    assert found.cut == whole.cut
    assert seen[0] == [n_rows // 2 for n_rows in seen[1]]
    assert seen[1][-1] < len(batch), "finished rows are not computed"


@pytest.mark.parametrize("many", [[late()], [late(), EVERYWHERE]], ids=["one set", "no layer"])
def test_steps_are_plain_where_there_is_nothing_to_share(many, without_drafts, monkeypatch):
    loaded = tiny_model("qwen2")
    method, plain = prepared(loaded), batches_of(loaded)
    ending_early(loaded, plain[0])
    whole = answered(loaded, method, [*many, ORIGINAL][:2], plain, None, starts=[0, 0])
    batches = with_prefix(plain)
    memory = remembered(loaded, batches)
    memory.finer = False
    shapes = shapes_of_shared_steps(monkeypatch)
    found = answered(loaded, method, many, batches, memory)
    assert [one.responses for one in found] == [one.responses for one in whole[: len(many)]]
    assert shapes == []


def test_few_shared_rows_of_a_small_model_are_not_worth_it(without_drafts, monkeypatch):
    monkeypatch.undo()
    loaded = tiny_model("llama")
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    memory = remembered(loaded, batches)
    shapes = shapes_of_shared_steps(monkeypatch)
    answered(loaded, method, [late()] * 2, batches, memory)
    assert shapes == []


def test_a_model_whose_shared_steps_differ_is_not_read_so(monkeypatch):
    loaded = tiny_model("llama")
    (batch,) = with_prefix(batches_of(loaded))
    assert reads_alike(loaded, batch)
    monkeypatch.setattr(Twins, "inputs", lambda self, layer, part, hidden: hidden[part] * 0)
    assert not reads_alike(loaded, batch)


def shapes_of_shared_steps(monkeypatch):
    """How many rows each layer computes in each shared step from now on."""
    shapes, step = [], LayeredPass.step

    def counted(self, ids, columns):
        shapes.append((len(ids), *self._active))
        return step(self, ids, columns)

    monkeypatch.setattr(LayeredPass, "step", counted)
    return shapes
