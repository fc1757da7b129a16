"""Whether guessing tokens pays on a device that hides them behind its launches."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch

# On one H200, a pass of a model of 4 billion weights took about as long as a step of so many rows.
_PASS_ON_GPU: Final = 1500  # tokens
_TOKEN: Final = (
    0.6  # what one costs that joins behind the first changed product, in those of a step
)
_FADE: Final = 0.5  # what earlier passes count, beside the next
_HOPE: Final = 2000  # tokens that count as having held, so that what failed is tried again


@dataclass(slots=True)
class Tally:
    """How many guessed tokens have held lately."""

    tried: float = 0.0
    held: float = 0.0

    def add(self, tried: int, held: int) -> None:
        """Take note of a pass over so many guessed tokens."""
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


class Tallies(NamedTuple):
    """Those of two kinds of guesses."""

    original: Tally  # what the original answered
    earlier: Tally  # what earlier trials did
