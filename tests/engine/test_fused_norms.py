"""Norms in the library's own kernels."""

import copy

import pytest
import torch
from torch import nn

from studies.engine.fused_norms import fuse_norms
from tests.engine.tiny import tiny_model

# Two norms a layer and one behind them; Qwen3 has two more in its attention.
PLAIN = {"llama": (2, 5), "qwen3": (2, 9), "mistral": (1, 3)}


@pytest.mark.parametrize("family", PLAIN)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_model_with_fused_norms_computes_the_same(family, dtype):
    n_layers, n_norms = PLAIN[family]
    model = tiny_model(family, num_hidden_layers=n_layers).model.to(dtype)
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if hasattr(module, "variance_epsilon"):  # gains that are not all ones
            module.weight.data = torch.rand(module.weight.shape, generator=generator).to(dtype)
    fused = copy.deepcopy(model)
    assert fuse_norms(fused) == n_norms
    ids = torch.arange(12).view(2, 6)
    with torch.inference_mode():
        expected, found = model(ids).logits, fused(ids).logits
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 5e-2}[dtype] * float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def test_norms_of_another_kind_are_left_alone():
    assert fuse_norms(tiny_model("gemma3_text").model) == 0


class Shifted(nn.Module):
    """Looks like a plain norm."""

    variance_epsilon = 1e-6

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, hidden):
        return hidden + self.weight


def test_what_only_looks_like_a_norm_is_left_alone():
    module = Shifted()
    assert fuse_norms(module) == 0
    assert torch.equal(module(torch.zeros(2, 8)), torch.ones(2, 8))
