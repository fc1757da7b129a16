"""What is asked of a model, and in which of the states that parameter sets put it in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from studies.engine.parts import Place
from studies.engine.remembering import Memory


@dataclass(frozen=True, slots=True)
class Sets:
    """Parameter sets that answer the same prompts side by side, in rows of one batch."""

    assign: Callable[[Int[Tensor, " row"]], None]  # told which set each computed row belongs to
    starts: Sequence[Place]  # of each set, where rows begin to differ by it

    @property
    def count(self) -> int:
        return len(self.starts)


ALONE = Sets(lambda owners: None, [0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of the answers to some prompts."""

    max_new_tokens: int
    first_logprobs: bool = False
    n_answers: int | None = None  # the prompts behind these only get their first token; None: all
    settled: Callable[[str], bool] | None = None  # whether no more text could change the verdict
    memory: Memory | None = None  # of these prompts
    remember: bool = False  # the model is the original: fill the memory
