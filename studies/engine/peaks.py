"""The largest of many numbers."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def peaks_of(
    logits: Float[Tensor, "*place vocab"],
) -> tuple[Float[Tensor, "*place"], Int[Tensor, "*place"]]:
    """The largest logit of each place, and the first token that has it; NaN is the largest.

    On the processor, NumPy is ten times as fast as torch's own way (0.3 against 4 ms for 1,600
    places and 1,024 tokens).
    """
    if logits.device.type != "cpu":
        peaks, chosen = logits.max(dim=-1)
        return peaks, chosen
    numbers = logits.detach().float().numpy()
    chosen = torch.from_numpy(numbers.argmax(axis=-1))
    return logits.gather(-1, chosen.unsqueeze(-1)).squeeze(-1), chosen
