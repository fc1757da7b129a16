"""When guessed tokens are tried."""

from functools import partial

import pytest
import torch

from studies.engine import tally
from studies.engine.tally import Tally
from tests.engine.test_directional import prepared
from tests.engine.test_drafts import shapes_seen
from tests.engine.test_generation import batches_of
from tests.engine.test_prefill import MANY, answered, remembered, with_prefix
from tests.engine.test_side_by_side import assert_same
from tests.engine.tiny import tiny_model

GPU, CPU = torch.device("cuda"), torch.device("cpu")


def test_a_gpu_tries_many_guesses_and_leaves_few():
    assert Tally().pays(10_000, GPU)
    assert not Tally().pays(1000, GPU), "a pass costs more than they can save"
    assert Tally().pays(1000, CPU)


def test_guesses_that_did_not_hold_are_left_until_that_is_long_ago():
    found = Tally()
    found.add(20_000, 4000)
    tries = [found.pays(10_000, GPU) for _ in range(8)]
    assert tries[0] is False
    assert tries == sorted(tries)
    assert tries[-1] is True


def test_guesses_that_hold_are_tried_again():
    found = Tally()
    for _ in range(5):
        assert found.pays(10_000, GPU)
        found.add(10_000, 9500)


@pytest.mark.parametrize("pays", [True, False])
def test_guesses_left_untried_change_no_answer(monkeypatch, pays):
    loaded = tiny_model("llama")
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    memory = remembered(loaded, batches, n_new=8)
    expected = answered(loaded, method, MANY, batches, memory)
    noted = memory.tallies.original
    assert 0 < noted.held <= noted.tried
    monkeypatch.setattr(tally, "_PASS_ON_GPU", -1e9 if pays else 1e9)
    here = Tally.pays
    monkeypatch.setattr(Tally, "pays", lambda self, n_tokens, device: here(self, n_tokens, GPU))
    work = partial(answered, loaded, method, MANY, batches, memory)
    seen, found = shapes_seen(loaded, work)
    assert_same(found, expected)
    assert any(1 < n_tokens <= 6 for _, n_tokens in seen) is pays
