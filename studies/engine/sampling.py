"""Drawing the next token of each row: the most likely one, or by temperature and top-p."""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import FloatTensor, LongTensor, Tensor
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

from studies.engine.errors import NonFiniteError

_UNREAD = cast(LongTensor, torch.empty(0, dtype=torch.long))  # these warpers read scores alone


class Sampler:
    """Draws with a generator for each row, all of one seed: equal rows get equal answers."""

    def __init__(self, *, temperature: float, top_p: float, seed: int, n_rows: int) -> None:
        self._warpers = LogitsProcessorList()
        self._generators: list[torch.Generator] = []
        if temperature == 0:
            return
        self._warpers.append(TemperatureLogitsWarper(float(temperature)))
        if top_p < 1:
            self._warpers.append(TopPLogitsWarper(float(top_p)))
        # On the CPU, so that a seed means the same on every device.
        self._generators = [torch.Generator().manual_seed(seed) for _ in range(n_rows)]

    def choose(self, scores: Float[Tensor, "row vocab"]) -> Int[Tensor, " row"]:
        """The next token of each row.

        Raises:
            NonFiniteError: the model computed NaN or infinity.
        """
        if not bool(scores.amax(dim=-1).isfinite().all()):
            raise NonFiniteError("The model computed NaN or infinity instead of an answer.")
        if not self._generators:
            return scores.argmax(dim=-1)
        warped = self._warpers(_UNREAD, cast(FloatTensor, scores.float().cpu()))
        drawn = [
            torch.multinomial(row, 1, generator=generator)
            for row, generator in zip(warped.softmax(dim=-1), self._generators, strict=True)
        ]
        return torch.cat(drawn).to(scores.device)
