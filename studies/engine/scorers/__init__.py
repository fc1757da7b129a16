"""The scorers of a study, made from its settings."""

from collections.abc import Sequence
from pkgutil import resolve_name

from studies.engine.scorer_settings import SCORERS, ScorerConfig
from studies.engine.scorers.base import Scorer


def load_scorers(configs: Sequence[ScorerConfig]) -> list[Scorer]:
    """One scorer for each entry, in order."""
    return [_load(config) for config in configs]


def _load(config: ScorerConfig) -> Scorer:
    implementation = resolve_name(SCORERS[config.scorer].implementation)
    scorer: Scorer = implementation(config.title, config.optimization, config.settings)
    return scorer
