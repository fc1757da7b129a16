"""What is asked of the rows of a batch, and what they answer."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from studies.engine.model import SingleStep
from studies.engine.reuse import Reuse

Tokens = list[list[int]]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The new tokens of each row (without the end token) and where each came from."""

    tokens: list[list[int]]
    finished: list[bool]  # ended by itself, not by a limit or a verdict
    cut: list[bool]  # not answered further, since the verdict was settled
    first_logits: Float[Tensor, "row vocab"]  # raw, at the last prompt position, float32
    n_tokens: int  # generated in all, end tokens included


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wishes:
    """What is wanted of the rows of a batch beyond the model's own greedy answers."""

    to_the_end: bool = False  # go on behind end tokens (to measure speed)
    # Told which rows of the batch the next forward passes compute, whenever that changes.
    on_rows: Callable[[Int[Tensor, " left"]], None] | None = None
    # Told the tokens so far of some rows: whether more tokens could not change a verdict.
    settled: Callable[[Tokens], list[bool]] | None = None
    answered: Bool[Tensor, " row"] | None = None  # the others end with their first token
    reuse: Reuse | None = None  # what is known of the prompts already; None: they are read whole
    step: SingleStep | None = None  # runs single steps where a `RowCache` is used; None: the model


NO_WISHES = Wishes()
