"""Scores a finished model as a session scores its trials; holds no weights itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studies.engine.answering import Answering
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import Prompt
from studies.engine.results import Score
from studies.engine.scorers.base import Scorer, as_score


@dataclass(frozen=True, slots=True)
class Judge:
    """Scorers that have seen the original model, and how its answers were made."""

    scorers: Sequence[Scorer]
    baseline: Sequence[Score]
    prompt_sets: Mapping[str, Sequence[Prompt]]
    max_response_length: int  # tokens
    prefix: str
    batch_size: int

    def score(
        self, loaded: LoadedModel, *, reporter: Reporter, stop: StopSignal, phase: str = "scoring"
    ) -> list[Score]:
        """Let a model answer every scorer's prompts, and score the answers.

        Raises:
            Stopped: the host wants to end.
            NonFiniteError: the model computes NaN or infinity.
            DeviceMemoryError: a single prompt does not fit.
        """
        answering = Answering(
            loaded,
            self.prompt_sets,
            max_response_length=self.max_response_length,
            reporter=reporter,
            stop=stop,
        )
        answering.limit.size, answering.prefix = self.batch_size, self.prefix
        needs = [need for scorer in self.scorers for need in scorer.needs]
        (context,) = answering.contexts(needs, phase)
        return [
            as_score(scorer, scorer.score(context), before.value)
            for scorer, before in zip(self.scorers, self.baseline, strict=True)
        ]
