"""KLDivergence: how far the first token's probabilities move from the original's."""

import torch
from jaxtyping import Float
from torch import Tensor

from studies.engine.results import Direction
from studies.engine.scorer_settings import KLDivergenceSettings
from studies.engine.scorers.base import (
    Measured,
    Need,
    PromptSlice,
    ScoringContext,
    refuse_non_finite,
)

_ROWS = 16  # at a time: float64 copies of large vocabularies are what costs memory here


class KLDivergence:
    """KL(original ‖ ablated) of the first answer token in nats, mean over the prompts."""

    def __init__(self, name: str, direction: Direction, settings: KLDivergenceSettings) -> None:
        self.name, self.direction = name, direction
        self._prompts = PromptSlice(settings.prompts, settings.n_prompts)
        self._original: Tensor | None = None
        self.needs = [Need(self._prompts, first_logprobs=True)]

    def remember(self, context: ScoringContext) -> Measured:
        """Keep the original's probabilities; their divergence from themselves is 0."""
        self._original = context.first_logprobs(*self._prompts)
        return _measured(self.name, 0.0, len(self._original))

    def score(self, context: ScoringContext) -> Measured:
        """Compare with the original.

        Raises:
            NonFiniteError: the divergence is NaN or infinite.
        """
        if self._original is None:
            raise RuntimeError("score before remember")
        changed = context.first_logprobs(*self._prompts)
        return _measured(self.name, mean_kl(self._original, changed), len(changed))


def mean_kl(
    original: Float[Tensor, "prompt vocab"], changed: Float[Tensor, "prompt vocab"]
) -> float:
    """The mean over the rows of Σ p (log p − log q), in float64, from log-probabilities."""
    pairs = zip(torch.split(original, _ROWS), torch.split(changed, _ROWS), strict=True)
    total = sum(float(_kl(p, q).sum()) for p, q in pairs)
    return total / len(original)


def _kl(original: Tensor, changed: Tensor) -> Float[Tensor, " prompt"]:
    # Normalised again: float32 leaves sums off 1 by 1e-7, as much as a good ablation changes.
    log_p, log_q = (rows.double().log_softmax(dim=-1) for rows in (original, changed))
    terms = log_p.exp() * (log_p - log_q)
    impossible = log_p == -torch.inf  # 0 log 0 is 0
    return terms.masked_fill(impossible, 0.0).sum(dim=-1).clamp(min=0.0)


def _measured(name: str, value: float, n: int) -> Measured:
    refuse_non_finite(name, value)
    return Measured(value, f"{value:.4g}", n=n)
