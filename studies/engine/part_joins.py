"""Rows that begin behind the product of a part's matrix: the part runs without them."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from studies.engine.forwards import finished, first_rows, product, replace_forward, slot_of
from studies.engine.parts import Part

Products = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartJoin:
    """How one part of a layer runs while some rows know the product of its matrix."""

    part: Part
    n_rows: int  # of the layer
    n_own: int  # those that run the part: the first ones
    known: Products  # the product of the others, given theirs

    def enter(self, changed: ExitStack) -> None:
        """Let the part run like this until `changed` ends."""
        module, matrix = self.part.module, self.part.matrix
        replace_forward(changed, module, partial(self._run, module.forward))
        replace_forward(changed, matrix, self._joined, slot_of(matrix))

    def _run(self, forward: Callable[..., Any], *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - as the module gives it
        n = max(1, self.n_own)  # modules do not expect a batch without a row
        some = partial(first_rows, n_rows=self.n_rows, n=n)
        return forward(*map(some, args), **{key: some(one) for key, one in kwargs.items()})

    def _joined(self, inputs: Tensor) -> Tensor:
        own = product(self.part.matrix, inputs[: self.n_own])
        return finished(self.part.matrix, torch.cat([own, self.known(own)]))


def keep_product(changed: ExitStack, part: Part, keep: Callable[[Tensor], None]) -> None:
    """Give each product of a part's matrix to `keep` until `changed` ends."""
    matrix, slot = part.matrix, slot_of(part.matrix)
    bias: Tensor | None = matrix.bias
    forward: Callable[[Tensor], Tensor] = getattr(matrix, slot)

    def kept(inputs: Tensor) -> Tensor:
        output = forward(inputs)
        # With a bias, the sum rounds otherwise than the library's own: it is left as it is.
        keep(output if bias is None else product(matrix, inputs))
        return output

    replace_forward(changed, matrix, kept, slot)
