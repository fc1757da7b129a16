"""The largest logit of each place."""

import pytest
import torch

from studies.engine.peaks import peaks_of


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_each_place_has_its_own_peak(dtype):
    logits = torch.randn(3, 4, 50, generator=torch.Generator().manual_seed(0)).to(dtype)
    peaks, chosen = peaks_of(logits)
    assert torch.equal(peaks, logits.amax(dim=-1))
    assert torch.equal(logits.gather(-1, chosen[..., None])[..., 0], peaks)


def test_of_equal_logits_the_first_token_counts():
    _, chosen = peaks_of(torch.tensor([[1.0, 3.0, 3.0, 2.0]]))
    assert chosen.tolist() == [1]


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
def test_what_is_no_number_is_the_peak(broken):
    peaks, chosen = peaks_of(torch.tensor([[1.0, broken, 2.0]]))
    assert chosen.tolist() == [1]
    assert not peaks.isfinite().any()


def test_a_part_of_longer_memory_is_read_where_it_lies():
    logits = torch.arange(24.0).view(2, 3, 4)[:, -1]
    assert peaks_of(logits)[0].tolist() == [11.0, 23.0]
