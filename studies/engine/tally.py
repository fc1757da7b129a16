"""Whether trying guessed tokens pays, by how many of them have held lately.

On a processor it always does: at 30 million weights, where two thirds of them hold, leaving the
rows that join early to single steps cost 7 % more.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import torch

# On one H200, a pass of a model of 4 billion weights took about as long as a step of so many rows.
_PASS_ON_GPU: Final = 1500  # tokens
_TOKEN: Final = 0.6  # of a step's, what one costs that joins where its row begins
_FADE: Final = 0.5  # what earlier passes count, beside the next
_HOPE: Final = 2000  # tokens that count as having held, so that what failed is tried again


@dataclass(slots=True)
class Tally:
    """How many guessed tokens have held lately."""

    tried: float = 0.0
    held: float = 0.0

    def add(self, tried: int, held: int) -> None:
        """Take note of so many guessed tokens, tried together."""
        self.tried = _FADE * self.tried + tried
        self.held = _FADE * self.held + held

    def pays(self, n_tokens: int, device: torch.device) -> bool:
        """Whether a pass over so many may save more than it costs; if not, this fades as well."""
        share = (self.held + _HOPE) / (self.tried + _HOPE)
        if device.type == "cpu" or share * n_tokens > _TOKEN * n_tokens + _PASS_ON_GPU:
            return True
        self.tried *= _FADE
        self.held *= _FADE
        return False


@dataclass(frozen=True, slots=True)
class Tallies:
    """Those of all guesses at the answers to some prompts."""

    # What the original answered, by the place in the answer at which a pass begins.
    original: Mapping[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    earlier: Tally = field(default_factory=Tally)  # what earlier trials did
