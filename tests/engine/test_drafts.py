"""Answers that are guessed and tried at once, against answers made token by token."""

import pytest
import torch

from studies.engine.answers import Wishes
from studies.engine.decoding import greedy
from studies.engine.drafts import ENDS, Answered, drafts_of
from studies.engine.reading_order import in_parts
from studies.engine.remembering import kept_of
from studies.engine.reuse import Reuse
from tests.engine.test_directional import prepared
from tests.engine.test_generation import batches_of, ending_early
from tests.engine.test_prefill import ATTENTION, MANY, answered, remembered, with_prefix
from tests.engine.test_side_by_side import assert_same
from tests.engine.tiny import N_LAYERS, tiny_model

CPU = torch.device("cpu")


def shapes_seen(loaded, work, layer=0):
    """The rows and tokens of every pass of a layer meanwhile."""
    seen = []
    hook = loaded.layers[layer].mlp.register_forward_hook(
        lambda module, args, output: seen.append(tuple(output.shape[:2]))
    )
    result = work()
    hook.remove()
    return seen, result


def drafted(loaded, batch, drafts, n_new=12, settled=None):
    """Answers of the original, given how they are said to begin."""
    whole = greedy(loaded, batch, max_new_tokens=1)
    kept = kept_of(loaded, batch, drafts, [slice(0, len(batch))], whole.first_logits)
    rows = range(len(batch))
    reuse = Reuse(owners=[0] * len(rows), starts=[1] * len(rows), kept=kept, kept_rows=rows)
    wishes = Wishes(reuse=reuse, settled=settled)
    return greedy(loaded, batch, max_new_tokens=n_new, wishes=wishes)


@pytest.mark.parametrize("wrong_at", [None, 0, 1, 3, 5])
def test_wrong_drafts_change_no_token(wrong_at):
    loaded = tiny_model("qwen3")
    (batch,) = batches_of(loaded)
    ending_early(loaded, batch)
    whole = greedy(loaded, batch, max_new_tokens=12)
    drafts = drafts_of(whole.tokens, 12, filler=0)
    if wrong_at is not None:
        drafts = [[*row[:wrong_at], row[wrong_at] ^ 1, *row[wrong_at + 1 :]] for row in drafts]
    found = drafted(loaded, batch, drafts)
    assert found.tokens == whole.tokens
    assert found.finished == whole.finished
    assert found.n_tokens == whole.n_tokens


def test_right_drafts_are_read_in_a_few_passes():
    loaded = tiny_model("llama")
    loaded.model.generation_config.eos_token_id = []
    (batch,) = batches_of(loaded)
    whole = greedy(loaded, batch, max_new_tokens=12)
    drafts = drafts_of(whole.tokens, 12, filler=0)
    seen, found = shapes_seen(loaded, lambda: drafted(loaded, batch, drafts), layer=2)
    assert [n_tokens for _, n_tokens in seen[-2:]] == [5, 6], "up to 6 tokens, then up to 12"
    assert found.tokens == whole.tokens
    assert drafts_of(whole.tokens, 1, filler=0) == [[]] * len(batch)


def test_a_verdict_cuts_a_drafted_answer_where_it_cuts_others():
    loaded = tiny_model("llama")
    loaded.model.generation_config.eos_token_id = []
    (batch,) = batches_of(loaded)
    whole = greedy(loaded, batch, max_new_tokens=12)

    def settled(tokens):
        return [row[0] % 2 == 0 or len(row) > 6 for row in tokens]

    step_by_step = greedy(loaded, batch, max_new_tokens=12, wishes=Wishes(settled=settled))
    found = drafted(loaded, batch, drafts_of(whole.tokens, 12, filler=0), settled=settled)
    assert {len(row) for row in step_by_step.tokens} == {4, 8}
    assert found.tokens == step_by_step.tokens
    assert found.cut == step_by_step.cut


def test_rows_with_the_same_draft_share_the_layers_that_none_of_them_changes():
    loaded = tiny_model("llama")
    loaded.model.generation_config.eos_token_id = []
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    late = MANY[0]
    assert method.first_place(late) == 2 + ATTENTION
    whole = answered(loaded, method, [late, late], batches, None, starts=[0, 0])
    memory = remembered(loaded, batches)  # no answer of the original
    answered(loaded, method, [late], batches, memory)

    def again():
        return answered(loaded, method, [late, late], batches, memory)

    below, found = shapes_seen(loaded, again, layer=1)
    above, _ = shapes_seen(loaded, again, layer=2)
    assert_same(found, [whole[0], whole[1]])
    n_rows = len(batches[0])
    assert sum(rows for rows, n_tokens in below if n_tokens == 7) == n_rows
    assert sum(rows for rows, n_tokens in above if n_tokens == 7) == 2 * n_rows


def test_the_latest_answer_with_the_same_first_token_is_the_guess():
    known = Answered()
    known.add(3, [5, 6, 7])
    known.add(3, [5, 6, 8])
    known.add(3, [9])
    assert known.find(3, 5) == [5, 6, 8]
    assert known.find(3, 9) == ()
    assert known.find(4, 5) == ()


def test_answers_that_go_apart_are_only_guessed_at_their_beginning():
    known = Answered()
    for number in range(4):
        known.add(0, [1, *range(100 * number, 100 * number + 20)])
    assert known.find(0, 1) == [1, *range(300, 300 + ENDS[0] - 1)]


def test_answers_that_stay_alike_are_guessed_whole():
    known = Answered()
    for last in range(4):
        known.add(0, [*range(20), last])
    assert known.find(0, 0) == [*range(20), 3]


def test_prompts_are_read_with_those_of_about_the_same_length():
    lengths = [10, 100, 11, 99, 10, 100] * 20
    starts = [row % N_LAYERS for row in range(len(lengths))]
    order, parts = in_parts(lengths, starts, CPU)
    assert sorted(order) == list(range(len(lengths)))
    read = [[lengths[row] for row in order[part]] for part in parts]
    assert all(max(some) - min(some) <= 1 for some in read)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(120))
    for part in parts:
        joining = [starts[row] for row in order[part]]
        assert joining == sorted(joining)
    assert max(max(some) * len(some) for some in read) <= 4096


def test_few_prompts_are_read_at_once_whatever_their_lengths():
    _, parts = in_parts([3, 9, 4], [0, 0, 0], CPU)
    assert parts == [slice(0, 3)]
