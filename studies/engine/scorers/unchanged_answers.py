"""UnchangedAnswers: how many answers are the original's, word for word."""

from studies.engine.results import Direction, ResponseItem, ResponseSet
from studies.engine.scorer_settings import UnchangedAnswersSettings
from studies.engine.scorers.base import Measured, Need, PromptSlice, ScoringContext
from studies.engine.scorers.rates import measured_rate


class UnchangedAnswers:
    """The share of answers equal to the original's: sees what first-token KL cannot."""

    def __init__(
        self, name: str, direction: Direction, settings: UnchangedAnswersSettings
    ) -> None:
        self.name, self.direction = name, direction
        self._prompts = PromptSlice(settings.prompts, settings.n_prompts)
        self._original: list[str] | None = None
        self.needs = [Need(self._prompts, responses=True)]

    def remember(self, context: ScoringContext) -> Measured:
        """Keep the original's answers."""
        self._original = list(context.responses(*self._prompts))
        return self.score(context)

    def score(self, context: ScoringContext) -> Measured:
        """Compare with the original's answers."""
        if self._original is None:
            raise RuntimeError("score before remember")
        prompts, responses = context.prompts(*self._prompts), context.responses(*self._prompts)
        items = [
            ResponseItem(prompt.user, response, [], verdict=response == original)
            for prompt, response, original in zip(prompts, responses, self._original, strict=True)
        ]
        return measured_rate(ResponseSet(self.name, self._prompts.slug, items))
