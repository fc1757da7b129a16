"""Steps that are recorded and replayed, by a recorder that needs no GPU."""

import dataclasses
import gc
import weakref

import pytest
import torch

from studies.engine import recorded_step
from studies.engine.ablation import OutputAblation
from studies.engine.batching import BatchLimit
from studies.engine.recorded_step import RecordedStep
from studies.engine.row_cache import RowCache
from studies.engine.traced import is_traced, traced
from tests.engine.step_stand import Stand, Told, check_all
from tests.engine.test_compiled_step import N_NEW, ORIGINAL, STRONGER, answered
from tests.engine.test_directional import EVERYWHERE, parameters, prepared
from tests.engine.test_generation import batches_of, ending_early
from tests.engine.test_prefill import with_prefix
from tests.engine.tiny import tiny_model


class Tape:
    """Replays work by doing it again, as it was taken down: with what is in memory then."""

    def __init__(self):
        self.n_recorded = self.n_replayed = 0

    def __call__(self, work):
        self.n_recorded += 1
        work()

        def again():
            self.n_replayed += 1
            with traced():
                work()

        return again


def stand_with(tape):
    return Stand(RecordedStep, record=tape)


def test_replayed_steps_serve_all_rows_columns_and_transforms():
    stand = stand_with(Tape())
    for _ in range(2):  # at first, shapes are new
        check_all(stand)
    assert (stand.step.is_on, stand.told.notes) == (True, [])


def test_a_step_is_recorded_when_its_shape_comes_again_and_replayed_from_then_on():
    tape = Tape()
    stand = stand_with(tape)
    counts = []
    for n_rows in (12, 9, 7, 4, 5, 12):  # padded to 12 and to 8
        stand.check(n_rows)
        counts.append((tape.n_recorded, tape.n_replayed))
    assert counts == [(0, 0), (1, 1), (1, 1), (2, 2), (2, 3), (2, 4)]


def test_a_recorded_step_is_held_against_the_model_s_once():
    stand = stand_with(Tape())
    counts, ran = [], []
    stand.model.register_forward_hook(lambda *args: ran.append(1))
    for _ in range(4):
        inputs = stand.inputs(4)
        ran.clear()
        with torch.inference_mode():
            stand.step(**inputs)
        counts.append(len(ran))
    assert counts == [1, 1, 0, 0]


def test_one_row_is_recorded_too():
    tape = Tape()
    stand = stand_with(tape)
    for _ in range(3):
        stand.check(1)
    assert tape.n_replayed == 2


def test_a_longer_cache_than_any_before_is_recorded_anew():
    tape = Tape()
    stand = stand_with(tape)
    stand.check(4)
    stand.check(4)
    stand.check(4, 5, 60)  # the same step in a cache with more room
    assert tape.n_recorded == 2


def test_a_row_moves_with_what_steps_wrote_elsewhere():
    stand = stand_with(Tape())
    stand.check(4)
    inputs = stand.inputs(4)
    cache = inputs["past_key_values"]
    with torch.inference_mode():
        stand.step(**inputs)
        before = [states[3].clone() for states in cache.states()[0]]
        cache.move(0, [0], [3])
    assert all(map(torch.equal, (states[0] for states in cache.states()[0]), before))
    assert before[0][:, 5].any(), "the step's own column"


def test_few_recordings_are_kept(monkeypatch):
    monkeypatch.setattr(recorded_step, "MOST_GRAPHS", 2)
    stand = stand_with(Tape())
    for n_rows in (16, 16, 4, 4, 12, 12):
        stand.check(n_rows)
    assert list(stand.step._recorded) == [(8, 32), (12, 32)]


def test_where_recording_fails_the_model_goes_on_and_a_note_says_why():
    def failing(work):
        raise RuntimeError("operation not permitted when stream is capturing\nMore")

    stand = stand_with(failing)
    for _ in range(3):
        found, expected = stand.both(4)
        assert torch.equal(found, expected)
    (note,) = stand.told.notes
    assert note.startswith("Decoding steps are not recorded")
    assert "not permitted" in note
    assert not stand.step.is_on


def test_where_memory_is_short_nothing_is_recorded_and_the_batch_stays():
    def failing(work):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    stand = stand_with(failing)
    for _ in range(3):
        stand.check(4)
    assert len(stand.told.notes) == 1
    assert not stand.step.is_on


def test_a_recording_that_computes_something_else_is_not_used():
    def wrong(work):
        def again():
            with traced():
                work()
            stand.step._out.add_(0.1)

        return again

    stand = stand_with(wrong)
    for _ in range(3):
        stand.check(4)
    assert "other numbers" in stand.told.notes[0]


def test_what_a_broken_batch_left_in_memory_does_not_reach_the_next():
    stand = stand_with(Tape())
    weight = stand.model.embed.weight.clone()
    stand.check(4, 8, 60)
    stand.model.embed.weight.fill_(torch.nan)
    stand.both(7, 8, 60)
    stand.model.embed.weight.copy_(weight)
    stand.check(4)
    assert stand.step.is_on


def test_trials_answer_as_they_do_with_the_model_s_own_steps():
    loaded = tiny_model("qwen3", num_hidden_layers=2, tie_word_embeddings=False)
    loaded.model.generation_config.eos_token_id = []
    batches = with_prefix(batches_of(loaded))
    ending_early(loaded, batches_of(loaded)[0])
    told, tape = Told(), Tape()
    step = RecordedStep(loaded.model, reporter=told, tell=told.notes.append, record=tape)
    stepping = dataclasses.replace(loaded, step=step)
    ways = (loaded, prepared(loaded)), (stepping, prepared(stepping, trials_per_batch=0))
    for many in ([STRONGER, ORIGINAL, EVERYWHERE], [parameters()], [EVERYWHERE, parameters()]):
        expected, found = (answered(one, method, many, batches) for one, method in ways)
        assert found == expected
    assert tape.n_replayed > N_NEW
    assert (step.is_on, told.notes) == (True, [])


def test_rows_that_one_batch_left_answer_as_they_do_with_the_model_s_own_steps(monkeypatch):
    loaded = tiny_model("qwen3", num_hidden_layers=2, tie_word_embeddings=False)
    batches = with_prefix(batches_of(loaded))
    ending_early(loaded, batches_of(loaded)[0])
    many = [STRONGER, ORIGINAL, EVERYWHERE]
    expected = answered(loaded, prepared(loaded), many, batches)
    told, tape = Told(), Tape()
    step = RecordedStep(loaded.model, reporter=told, tell=told.notes.append, record=tape)
    stepping = dataclasses.replace(loaded, step=step)
    limit = BatchLimit(8, sets=len(many), most=10)
    n_joined, take_over = [], RowCache.take_over

    def watched(cache, other):
        n_joined.append(other.shape[0])
        take_over(cache, other)

    monkeypatch.setattr(RowCache, "take_over", watched)
    for _ in range(2):
        method = prepared(stepping, trials_per_batch=0)
        assert answered(stepping, method, many, batches, limit=limit) == expected
    assert sum(n_joined) > 5
    assert tape.n_replayed > N_NEW
    assert (step.is_on, told.notes) == (True, [])


def test_a_dropped_model_is_freed():
    stand = stand_with(Tape())
    stand.check(4)
    stand.check(4)
    gone = weakref.ref(stand.model)
    del stand
    gc.collect()
    assert gone() is None


def test_recorded_is_what_runs_meanwhile_and_nothing_else():
    assert not is_traced()
    with pytest.raises(KeyError), traced():
        assert is_traced()
        raise KeyError
    assert not is_traced()


def test_a_recording_computes_with_room_for_transforms_of_later_trials():
    stand = stand_with(Tape())
    assert isinstance(stand.switch, OutputAblation)
    stand.ablate(1)
    stand.check(6)
    stand.check(6)  # recorded with one transform
    stand.ablate(3, seed=1)
    stand.check(6)
