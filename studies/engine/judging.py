"""Scores a finished model as a session scores its trials; holds no weights itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from studies.engine.answering import Answering, answering_as_set
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import Prompt
from studies.engine.results import Score
from studies.engine.scorer_settings import ScorerConfig
from studies.engine.scorers import load_scorers
from studies.engine.scorers.base import Scorer, ScoringContext, as_score
from studies.engine.study_settings import StudySettings


@dataclass(frozen=True, slots=True)
class Judge:
    """Scorers that have seen the original model, and how its answers were made."""

    scorers: Sequence[Scorer]
    baseline: Sequence[Score]
    prompt_sets: Mapping[str, Sequence[Prompt]]
    max_response_length: int  # tokens
    prefix: str
    batch_size: int
    configs: Sequence[ScorerConfig]  # what the scorers were made from

    def on(
        self,
        prompt_sets: Mapping[str, Sequence[Prompt]],
        loaded: LoadedModel,
        *,
        reporter: Reporter,
        stop: StopSignal,
        phase: str = "scoring",
    ) -> "Judge":
        """A judge on other prompts, which the original, loaded as it is, answers first.

        `prompt_sets` are by the slugs that the scorers name. This judge stays as it was.

        Raises:
            Stopped, NonFiniteError, DeviceMemoryError: as in `score`.
            PromptSetError: a set is missing or empty.
        """
        fresh = replace(self, scorers=load_scorers(self.configs), prompt_sets=prompt_sets)
        context = _context(fresh, loaded, reporter, stop, phase)
        measured = [scorer.remember(context) for scorer in fresh.scorers]
        pairs = zip(fresh.scorers, measured, strict=True)
        return replace(fresh, baseline=[as_score(scorer, one, one.value) for scorer, one in pairs])

    def score(
        self, loaded: LoadedModel, *, reporter: Reporter, stop: StopSignal, phase: str = "scoring"
    ) -> list[Score]:
        """Let a model answer every scorer's prompts, and score the answers.

        Raises:
            Stopped: the host wants to end.
            NonFiniteError: the model computes NaN or infinity.
            DeviceMemoryError: a single prompt does not fit.
        """
        context = _context(self, loaded, reporter, stop, phase)
        return [
            as_score(scorer, scorer.score(context), before.value)
            for scorer, before in zip(self.scorers, self.baseline, strict=True)
        ]


def judge_of(
    loaded: LoadedModel,
    settings: StudySettings,
    prompt_sets: Mapping[str, Sequence[Prompt]],
    *,
    reporter: Reporter,
    stop: StopSignal,
    phase: str = "scoring",
) -> Judge:
    """A judge by the scorers of the settings; `loaded` is the original.

    Raises:
        Stopped, NonFiniteError, DeviceMemoryError, PromptSetError: as in `Judge.on`.
    """
    answering = answering_as_set(loaded, prompt_sets, settings, reporter=reporter, stop=stop)
    unseen = Judge(
        scorers=[],
        baseline=[],
        prompt_sets=prompt_sets,
        max_response_length=settings.max_response_length,
        prefix=answering.prefix,
        batch_size=answering.limit.size or 1,
        configs=settings.scorers,
    )
    return unseen.on(prompt_sets, loaded, reporter=reporter, stop=stop, phase=phase)


def _context(
    judge: Judge, loaded: LoadedModel, reporter: Reporter, stop: StopSignal, phase: str
) -> ScoringContext:
    answering = Answering(
        loaded,
        judge.prompt_sets,
        max_response_length=judge.max_response_length,
        reporter=reporter,
        stop=stop,
    )
    answering.limit.size, answering.prefix = judge.batch_size, judge.prefix
    needs = [need for scorer in judge.scorers for need in scorer.needs]
    (context,) = answering.contexts(needs, phase)
    return context
