"""Query heads that share keys and values."""

import os
from functools import partial

import pytest
import torch
from transformers.integrations import sdpa_attention
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from studies.engine import grouped_heads, layered_pass
from studies.engine.grouped_heads import attend_in_groups, heads_grouped
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


# Up to 16 queries of a row share keys by products of their own, more by the kernel.
@pytest.mark.parametrize(
    ("n_tokens", "groups"), [(1, 3), (5, 3), (7, 3), (1, 1), (3, 1)], ids=lambda one: str(one)
)
def test_heads_read_as_tokens_attend_to_the_same(n_tokens, groups):
    generator = torch.Generator().manual_seed(0)
    rows, heads, columns = 3, 6, 9
    query = torch.randn(rows, heads, n_tokens, 4, generator=generator)
    key, value = (
        torch.randn(rows, heads // groups, columns, 4, generator=generator) for _ in range(2)
    )
    seen = torch.rand(rows, 1, n_tokens, columns, generator=generator) < 0.6
    seen[..., 0] = True
    mask = torch.zeros(seen.shape).masked_fill_(~seen, -torch.inf)
    module = torch.nn.Module()
    module.num_key_value_groups = groups
    found = [
        attend(module, query, key, value, mask, scaling=0.3)[0]
        for attend in (attend_in_groups, sdpa_attention.sdpa_attention_forward)
    ]
    torch.testing.assert_close(*found)


def test_few_queries_attend_as_exactly_as_in_the_kernel():
    generator = torch.Generator().manual_seed(0)
    query = 8 * torch.randn(4, 2, 4, 16, generator=generator)  # large scores, where rounding shows
    key, value = (torch.randn(4, 2, 40, 16, generator=generator) for _ in range(2))
    kernel = torch.nn.functional.scaled_dot_product_attention
    expected = kernel(query, key, value)
    halves = [one.bfloat16() for one in (query, key, value)]
    mask = torch.zeros(4, 1, 1, 40, dtype=torch.bfloat16)
    found = grouped_heads._by_products(*halves, attn_mask=mask, scale=None)
    error, usual = (
        float((one.float() - expected).abs().max()) for one in (found, kernel(*halves))
    )
    assert error < 1.5 * usual


@pytest.mark.parametrize(("dtype", "calls"), [(torch.float32, 0), (torch.bfloat16, 1)], ids=str)
def test_a_processor_leaves_half_sized_floats_to_the_kernel(monkeypatch, dtype, calls):
    called = []
    kernel = torch.nn.functional.scaled_dot_product_attention

    def counted(*args, **options):
        called.append(args)
        return kernel(*args, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    query = torch.randn(2, 4, 1, 8, dtype=dtype)
    key, mask = torch.randn(2, 2, 5, 8, dtype=dtype), torch.zeros(2, 1, 1, 5, dtype=dtype)
    attend_in_groups(torch.nn.Module(), query, key, key, mask)
    assert len(called) == calls


def test_on_a_gpu_a_trial_reads_heads_as_tokens_and_answers_the_same(monkeypatch):
    loaded = tiny_model("llama")
    method, batches = prepared(loaded), with_prefix(batches_of(loaded))
    memory = remembered(loaded, batches, n_new=8)
    expected = answered(loaded, method, MANY, batches, memory)
    called = []

    def counted(*args, **options):
        called.append(args)
        return attend_in_groups(*args, **options)

    monkeypatch.setattr(grouped_heads, "attend_in_groups", counted)
    as_on_gpu = partial(heads_grouped, torch.device("cuda"))
    monkeypatch.setattr(layered_pass, "heads_grouped", lambda device, **options: as_on_gpu())
    assert_same(answered(loaded, method, MANY, batches, memory), expected)
    assert called
    assert "sdpa" not in ALL_ATTENTION_FUNCTIONS._local_mapping
