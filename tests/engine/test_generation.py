"""Our decode loop against the library's `generate`, and what happens when it fails."""

from itertools import combinations

import pytest
import torch

from studies.engine.batch_runs import run_batches
from studies.engine.batching import BatchLimit, Progress, choose_batch_size
from studies.engine.decoding import greedy
from studies.engine.errors import DeviceMemoryError, NonFiniteError
from studies.engine.generation import answer, first_token_logprobs, generate
from studies.engine.ports import Silent, Stopped
from studies.engine.prompts import Prompt, TokenBatch, render, tokenize
from tests.engine.tiny import tiny_model

torch.set_num_threads(1)

QUESTIONS = [
    "Why is the sky blue?", "Hi", "Tell me of the sea, please.", "?", "One two three four",
    "What does the fox say at night?", "Name a colour", "Go on, and on, and on, and on.",
]  # fmt: skip
SILENT = Progress(Silent(), Silent(), "generating")


def batches_of(loaded, batch_size=8, questions=QUESTIONS):
    prompts = [Prompt(question, "Be kind.") for question in questions]
    return tokenize(loaded, render(loaded.tokenizer, prompts), batch_size)


def by_library(loaded, batch, max_new_tokens=24):
    out = loaded.model.generate(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        do_sample=False,
        max_new_tokens=max_new_tokens,
        pad_token_id=0,
    )
    ends = loaded.model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    return cut_at(ends, out[:, batch.input_ids.shape[1] :].tolist())


def cut_at(ends, rows):
    """Each row up to its first end token."""
    places = [
        next((place for place, token in enumerate(row) if token in ends), len(row)) for row in rows
    ]
    return [row[:place] for row, place in zip(rows, places, strict=True)]


def ending_early(loaded, batch, max_new_tokens=24):
    """Name the two end tokens that make the rows end at as many different steps as can be."""
    loaded.model.generation_config.eos_token_id = []
    rows = by_library(loaded, batch, max_new_tokens)
    loaded.model.generation_config.eos_token_id = end_tokens(rows)
    return rows


def end_tokens(rows):
    """The two tokens that end the rows at as many different steps as can be."""
    pairs = combinations(sorted({token for row in rows for token in row}), 2)
    return list(max(pairs, key=lambda ends: len({len(row) for row in cut_at(ends, rows)})))


@pytest.mark.parametrize("family", ["mistral", "gemma2", "gemma3_text"])
def test_a_sliding_window_shorter_than_the_prompts_changes_nothing(family):
    loaded = tiny_model(family, sliding_window=16)
    (batch,) = batches_of(loaded)
    ending_early(loaded, batch)
    assert greedy(loaded, batch, max_new_tokens=40).tokens == by_library(loaded, batch, 40)


def test_finished_rows_are_no_longer_computed():
    loaded = tiny_model()
    (batch,) = batches_of(loaded)
    ending_early(loaded, batch)
    sizes = []
    hook = loaded.layers[0].register_forward_pre_hook(
        lambda module, args: sizes.append(args[0].shape[0])
    )
    greedy(loaded, batch, max_new_tokens=24)
    hook.remove()
    assert sizes[0] == len(batch)
    assert sizes[-1] < len(batch) / 2


def test_no_step_is_made_once_all_rows_are_done():
    loaded = tiny_model()
    (batch,) = batches_of(loaded)
    answers = greedy(loaded, batch, max_new_tokens=4)
    loaded.model.generation_config.eos_token_id = sorted({row[-1] for row in answers.tokens})
    steps = []
    hook = loaded.model.register_forward_pre_hook(lambda module, args: steps.append(1))
    answers = greedy(loaded, batch, max_new_tokens=24)
    hook.remove()
    assert len(steps) == max(len(row) for row in answers.tokens) + 1 <= 4


def test_a_repetition_penalty_does_not_count_padding():
    loaded = tiny_model("qwen2")
    (batch,) = batches_of(loaded)
    common = torch.tensor(by_library(loaded, batch, 4)[1:4]).flatten().mode().values
    loaded.tokenizer.pad_token = loaded.tokenizer.convert_ids_to_tokens(int(common))
    loaded.model.generation_config.repetition_penalty = 3.0
    (batch,) = batches_of(loaded)
    answers = greedy(loaded, batch, max_new_tokens=24).tokens
    assert answers == by_library(loaded, batch)
    singles = [greedy(loaded, one, max_new_tokens=24) for one in batches_of(loaded, 1)]
    assert answers == [single.tokens[0] for single in singles]


@pytest.mark.parametrize(
    "setting",
    [
        {"repetition_penalty": 1.8},
        {"no_repeat_ngram_size": 2},
        {"suppress_tokens": list(range(60, 140))},
        {"begin_suppress_tokens": list(range(100))},
        {"min_new_tokens": 12},
        {"bad_words_ids": [[token] for token in range(60, 140)]},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_the_models_own_decoding_rules_hold(setting):
    loaded = tiny_model("qwen2")
    (batch,) = batches_of(loaded)
    ending_early(loaded, batch)
    before = greedy(loaded, batch, max_new_tokens=24).tokens
    loaded.model.generation_config.update(**setting)
    after = greedy(loaded, batch, max_new_tokens=24).tokens
    assert after == by_library(loaded, batch)
    assert after != before


def test_each_prompt_gets_its_own_answer_whatever_the_batch_size():
    loaded = tiny_model("qwen3")

    def answers(batches):
        return generate(loaded, batches, max_new_tokens=12, reporter=Silent(), stop=Silent())

    alone = [answers(batches_of(loaded, 1, [question]))[0] for question in QUESTIONS]
    assert len(set(alone)) > 4
    assert answers(batches_of(loaded, 3)) == answers(batches_of(loaded, 8)) == alone


def test_first_token_probabilities_are_those_of_a_plain_forward_pass():
    loaded = tiny_model()
    batches = batches_of(loaded, 3)
    found = first_token_logprobs(loaded, batches, reporter=Silent(), stop=Silent())
    for batch in batches:
        for row, index in enumerate(batch.indices):
            ids = batch.input_ids[row][batch.attention_mask[row] == 1]
            logits = loaded.model(ids.unsqueeze(0)).logits[0, -1]
            torch.testing.assert_close(found[index], logits.log_softmax(-1), rtol=1e-4, atol=1e-4)


def test_a_model_that_computes_nan_gives_an_error_and_no_answer():
    loaded = tiny_model()
    loaded.model.lm_head.weight[7, 3] = float("nan")
    with pytest.raises(NonFiniteError):
        answer(loaded, batches_of(loaded), max_new_tokens=4, progress=SILENT)


def test_a_stop_is_heeded_between_two_batches():
    class StopAtSecond(Silent):
        asked = 0

        def check(self):
            self.asked += 1
            if self.asked == 2:
                raise Stopped

    loaded, stop = tiny_model(), StopAtSecond()
    with pytest.raises(Stopped):
        generate(loaded, batches_of(loaded, 2), max_new_tokens=2, reporter=Silent(), stop=stop)
    assert stop.asked == 2


def test_progress_counts_prompts_and_reaches_the_total():
    class Recorder(Silent):
        def __init__(self):
            self.seen, self.tokens_made = [], 0

        def phase(self, name, *, done=0, total=0):
            self.seen.append((name, done, total))

        def tokens(self, count, seconds):
            self.tokens_made += count

    loaded, recorder = tiny_model(), Recorder()
    loaded.model.generation_config.eos_token_id = []
    generate(loaded, batches_of(loaded, 3), max_new_tokens=2, reporter=recorder, stop=Silent())
    assert recorder.seen == [("generating", done, 8) for done in (0, 3, 6, 8)]
    assert recorder.tokens_made == 8 * 2


def plain_batches(batch_size=8):
    """Eight rows of one token each, without a model."""
    whole = torch.ones(8, 1, dtype=torch.long)
    return TokenBatch(whole, whole, tuple(range(8))).chunks(batch_size)


class FullAt:
    """A device that holds `room` rows at a time."""

    def __init__(self, room, error=None):
        self.room, self.tried = room, []
        self.error = error or torch.OutOfMemoryError("CUDA out of memory")

    def __call__(self, batch):
        self.tried.append(len(batch))
        if len(batch) > self.room:
            raise self.error
        return batch.input_ids[:, -1].tolist()


def test_out_of_memory_halves_the_batch_and_loses_no_row():
    device, limit = FullAt(2), BatchLimit()
    done = list(run_batches(plain_batches(7), device, limit=limit, progress=SILENT))
    rows = [index for batch, _ in done for index in batch.indices]
    assert sorted(rows) == list(range(8))
    assert device.tried == [7, 3, 1, 1, 1, 1, 1, 1, 1, 1]
    assert limit.size == 1


def test_a_batch_that_once_failed_is_not_tried_again():
    limit = BatchLimit()
    device = FullAt(4)
    for _ in range(2):
        list(run_batches(plain_batches(), device, limit=limit, progress=SILENT))
    assert device.tried == [8, 4, 4, 4, 4]


def test_out_of_memory_with_a_single_prompt_is_an_error_in_words():
    with pytest.raises(DeviceMemoryError):
        list(run_batches(plain_batches(), FullAt(0), limit=BatchLimit(), progress=SILENT))


def test_another_error_is_not_taken_for_lack_of_memory():
    device = FullAt(2, RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        list(run_batches(plain_batches(), device, limit=BatchLimit(), progress=SILENT))


def test_halved_batches_give_the_same_answers():
    loaded = tiny_model()
    whole = answer(loaded, batches_of(loaded), max_new_tokens=8, progress=SILENT).responses
    real, tried = loaded.model.forward, []

    def forward(input_ids=None, **kwargs):
        tried.append(len(input_ids))
        if len(input_ids) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(input_ids=input_ids, **kwargs)

    loaded.model.forward = forward
    parts = answer(loaded, batches_of(loaded), max_new_tokens=8, progress=SILENT).responses
    assert max(tried) == 8
    assert parts == whole


class Machine:
    """A clock and a probe with a known speed (tokens per second) at each batch size."""

    def __init__(self, speeds):
        self.now, self.speeds, self.tried = 0.0, speeds, []

    def __call__(self, size):
        self.tried.append(size)
        if self.speeds.get(size) is None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.now += size / self.speeds[size]
        return size


@pytest.mark.parametrize(
    ("speeds", "largest", "best", "tried"),
    [
        ({1: 1, 2: 2, 4: 4, 8: 7}, 8, 8, [1, 1, 2, 4, 8]),
        ({1: 1, 2: 2, 4: 3, 8: None}, 64, 4, [1, 1, 2, 4, 8]),
        ({1: 1, 2: 2, 4: 2, 6: 3}, 6, 6, [1, 1, 2, 4, 6]),
        ({1: 1, 2: 5, 4: 4, 8: 4}, 64, 2, [1, 1, 2, 4, 8]),
        ({1: 0.01}, 64, 1, [1, 1]),  # 100 seconds: over the budget
        ({1: 1}, 1, 1, [1, 1]),
    ],
    ids=["grows", "memory ends it", "last is the largest", "stops growing", "slow", "one"],
)
def test_the_batch_size_is_the_fastest_that_fits(speeds, largest, best, tried):
    machine = Machine(speeds)
    size = choose_batch_size(machine, largest=largest, progress=SILENT, clock=lambda: machine.now)
    assert size == best
    assert machine.tried == tried


def test_no_batch_size_is_an_error_in_words():
    with pytest.raises(DeviceMemoryError):
        choose_batch_size(Machine({}), largest=8, progress=SILENT)
