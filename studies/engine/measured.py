"""Which settings decide what a trial's scores mean."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from studies.engine.methods.schema import Method
from studies.engine.settings import complete_settings

# How the search goes on and how fast; a trial scores the same whatever they are. Every other
# setting, those of a method and new ones included, counts as part of the measurement.
SEARCH_ONLY: Final = frozenset(
    {
        *("n_trials", "n_startup_trials", "seed", "batch_size", "max_batch_size"),
        *("trials_per_batch", "n_workers", "compile", "early_verdict", "staged_evaluation"),
        "kl_limit",
    }
)


def measured_differently(
    method: Method,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    components: Sequence[str] | None = None,
) -> list[str]:
    """Name the settings in which two studies of one model measure different things.

    Raises:
        InvalidInputError: settings are incomplete or contradict each other.
    """
    before, after = (
        complete_settings(method, values, components=components).model_dump(mode="json")
        for values in (old, new)
    )
    return [name for name in after if name not in SEARCH_ONLY and before.get(name) != after[name]]
