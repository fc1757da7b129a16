import torch

from studies.engine import threads
from tests.engine.tiny import tiny_model


def test_a_small_model_runs_on_one_thread_and_the_next_large_one_on_all(monkeypatch):
    loaded = tiny_model()
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "_ALL", 2)

    assert threads.use_threads_for(loaded) == 1
    monkeypatch.setattr(threads, "SMALL", 1)
    assert threads.use_threads_for(loaded) == 2

    torch.set_num_threads(before)
