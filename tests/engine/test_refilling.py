"""Rows that wait take the places of finished ones, and every answer stays what it is."""

from zlib import crc32

import pytest
import torch

from studies.engine import batch_work
from studies.engine.batch_runs import run_refilled
from studies.engine.batch_work import BatchWork
from studies.engine.batching import BatchLimit, Progress
from studies.engine.errors import DeviceMemoryError
from studies.engine.generation import answer_sets
from studies.engine.ports import Silent
from studies.engine.row_cache import RowCache
from studies.engine.wanted import Sets, Wanted
from tests.engine.test_directional import prepared
from tests.engine.test_generation import SILENT, batches_of, plain_batches
from tests.engine.test_prefill import MANY, remembered, with_prefix
from tests.engine.test_shared_steps import shapes_of_shared_steps
from tests.engine.test_side_by_side import assert_same
from tests.engine.tiny import tiny_model


class Leaving:
    """Work that leaves the last of its rows to the next batch, where there is one."""

    def __init__(self, room=100, n_left=2):
        self.room, self.n_left = room, n_left
        self.unfinished, self.tried, self.forgotten = [], [], 0

    def __call__(self, batch, *, more):
        self.tried.append((len(batch), len(self.unfinished)))
        indices = [*self.unfinished, *batch.indices]
        if len(indices) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        n_done = len(indices) - (self.n_left if more else 0)
        self.unfinished = indices[n_done:]
        return indices[:n_done]

    def forget(self):
        self.unfinished, self.forgotten = [], self.forgotten + 1


class Told(Silent):
    def __init__(self):
        self.counts = []

    def phase(self, name, *, done=0, total=0):
        self.counts.append((done, total))


def run(work, batches, limit, reporter=None):
    progress = Progress(reporter, Silent(), "generating") if reporter else SILENT
    done = list(run_refilled(batches, work, limit=limit, progress=progress))
    assert sorted(index for some in done for index in some) == list(range(8)), "each row once"
    return done


def test_a_batch_leaves_room_for_the_rows_that_the_last_one_left():
    work = Leaving()
    run(work, plain_batches(), BatchLimit(4))
    assert work.tried == [(4, 0), (2, 2), (2, 2)]


def test_a_row_counts_as_done_once_its_answer_is():
    told = Told()
    run(Leaving(), plain_batches(), BatchLimit(4), told)
    assert told.counts == [(0, 8), (2, 8), (4, 8), (8, 8)]


def test_out_of_memory_beside_others_begins_those_again_and_makes_no_batch_smaller():
    work, limit = Leaving(room=4), BatchLimit(5)
    batches = [part for batch in plain_batches() for part in batch.chunks(4)]
    run(work, batches, limit)
    assert work.tried == [(4, 0), (3, 2), (2, 0), (3, 0), (1, 0)]
    assert (work.forgotten, limit.rows, limit.refills) == (1, 5, False)


def test_out_of_memory_without_others_halves_the_batch():
    work, limit = Leaving(room=4, n_left=0), BatchLimit()
    run(work, plain_batches(), limit)
    assert work.tried == [(8, 0), (4, 0), (4, 0)]


def test_a_single_row_that_does_not_fit_is_an_error_in_words():
    with pytest.raises(DeviceMemoryError):
        run(Leaving(room=0), plain_batches(), BatchLimit())


class Case:
    """A model whose rows end at many different steps, and more of them than fit at once."""

    def __init__(self, monkeypatch):
        self.loaded = tiny_model("qwen2")
        self.loaded.model.generation_config.eos_token_id = []
        self.method, self.plain = prepared(self.loaded), batches_of(self.loaded)
        self.n_earlier, self.may_leave, self.places = [], [], []
        greedy = batch_work.greedy

        def watched(loaded, batch, wishes, **options):
            self.n_earlier.append(len(wishes.earlier) if wishes.earlier else 0)
            self.may_leave.append(wishes.may_leave)
            found = greedy(loaded, batch, wishes=wishes, **options)
            if found.unfinished and not wishes.earlier:
                prompts = [batch.indices[row] % 8 for row in found.unfinished.rows]
                self.places.append((found.unfinished.places, prompts))
            return found

        monkeypatch.setattr(batch_work, "greedy", watched)
        self.whole = self.answered(self.plain, None, 100)

    def answered(self, batches, memory, rows, n_answers=None):
        """What parameter sets answer with so many rows at once."""
        self.n_earlier.clear()
        self.may_leave.clear()
        options = {"first_logprobs": True, "n_answers": n_answers, "settled": settled}
        wanted = Wanted(max_new_tokens=24, memory=memory, **options)
        self.method.apply_many(MANY)
        sets = Sets(self.method.assign, [self.method.first_place(one) for one in MANY])
        limit = BatchLimit(8, sets=len(MANY), most=rows)
        found = answer_sets(self.loaded, batches, wanted, progress=SILENT, limit=limit, sets=sets)
        self.method.reset()
        return found

    def begun(self, rows, **options):
        """The same from states of the original's, which is when rows can be left."""
        batches = with_prefix(self.plain)
        return self.answered(batches, remembered(self.loaded, batches), rows, **options)


def settled(text):
    """Whether an answer is cut here: every third of its beginnings, by chance."""
    return crc32(text.encode()) % 3 == 0


@pytest.fixture
def case(monkeypatch):
    return Case(monkeypatch)


@pytest.mark.parametrize("rows", [7, 12, 20])
def test_rows_answer_beside_those_of_another_batch_as_they_do_alone(case, rows):
    found = case.begun(rows)
    assert_same(found, case.whole)
    assert [one.cut for one in found] == [one.cut for one in case.whole]
    assert max(case.n_earlier) > 1


def test_rows_that_share_layers_take_all_that_is_theirs_along(case, monkeypatch):
    monkeypatch.setattr("studies.engine.shared_steps._JOINING", 0.0)
    monkeypatch.setattr("studies.engine.decoding._Rows.follow_drafts", lambda rows: None)
    shapes = shapes_of_shared_steps(monkeypatch)
    assert_same(case.begun(20), case.whole)
    assert shapes, "layers were shared"
    assert max(case.n_earlier) > 1


def test_refilled_batches_need_fewer_steps(case, monkeypatch):
    refilled = steps_of(case)
    work = BatchWork.__call__
    monkeypatch.setattr(
        BatchWork, "__call__", lambda self, batch, more: work(self, batch, more=False)
    )
    assert refilled < 0.8 * steps_of(case)


def steps_of(case):
    """The passes of one token each that answering takes."""
    steps = []
    hook = case.loaded.layers[0].register_forward_hook(
        lambda module, args, output: steps.append(args[0].shape[1])
    )
    case.begun(12)
    hook.remove()
    return steps.count(1)


def test_where_all_rows_fit_none_is_left(case):
    assert_same(case.begun(100), case.whole)
    assert set(case.may_leave) == {0}


def test_rows_are_left_with_the_prompts_that_are_theirs(case):
    case.begun(20)
    for left, prompts in case.places:
        assert left == prompts
    assert len({place for left, _ in case.places for place in left}) > 1


def test_prompts_of_which_only_the_first_token_is_wanted_are_not_left(case):
    some = case.answered(case.plain, None, 100, n_answers=5)
    found = case.begun(20, n_answers=5)
    assert_same(found, some)
    assert max(case.n_earlier) > 1


def test_rows_begun_again_for_lack_of_memory_answer_the_same(case, monkeypatch):
    joined, n_joined = RowCache._joined, []

    def failing(self, own, more):
        n_joined.append(1)
        if len(n_joined) == 5:  # some layers have been taken over already
            raise torch.OutOfMemoryError("CUDA out of memory")
        return joined(self, own, more)

    monkeypatch.setattr(RowCache, "_joined", failing)
    assert_same(case.begun(12), case.whole)
    assert len(n_joined) == 5, "no rows are left again"
