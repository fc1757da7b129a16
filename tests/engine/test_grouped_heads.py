"""Query heads that share keys and values, on the processor."""

import os

import pytest
import torch
from transformers.integrations import sdpa_attention

from studies.engine import grouped_heads
from studies.engine.grouped_heads import heads_grouped
from tests.engine.test_directional import prepared
from tests.engine.test_generation import batches_of
from tests.engine.test_prefill import MANY, answered, remembered, with_prefix
from tests.engine.test_side_by_side import assert_same
from tests.engine.tiny import tiny_model

CPU = torch.device("cpu")


def test_a_trial_copies_no_keys_for_its_query_heads(monkeypatch):
    loaded = tiny_model("llama")
    config = loaded.model.config
    assert config.num_attention_heads > config.num_key_value_heads
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    memory = remembered(loaded, batches, n_new=8)
    copies = []
    repeat = sdpa_attention.repeat_kv

    def counted(states, n_rep):
        copies.append(n_rep)
        return repeat(states, n_rep)

    monkeypatch.setattr(sdpa_attention, "repeat_kv", counted)
    grouped = answered(loaded, method, MANY, batches, memory)
    assert not copies
    monkeypatch.setattr(grouped_heads, "_SWITCH", "HERETIC_UNKNOWN")
    copied = answered(loaded, method, MANY, batches, memory)
    assert copies
    assert_same(grouped, copied)


@pytest.mark.parametrize(
    ("device", "before", "within"),
    [(CPU, None, "1"), (CPU, "0", "0"), (torch.device("cuda"), None, None)],
    ids=["processor", "set by the user", "other device"],
)
def test_the_switch_is_only_set_meanwhile(monkeypatch, device, before, within):
    name = grouped_heads._SWITCH
    monkeypatch.delenv(name, raising=False)
    if before is not None:
        monkeypatch.setenv(name, before)
    with heads_grouped(device):
        assert os.environ.get(name) == within
    assert os.environ.get(name) == before
