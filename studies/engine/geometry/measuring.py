"""The whole of it: from a loaded model to table, projections and animation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Int

from studies.engine.geometry.animation import animated
from studies.engine.geometry.layers import Line, layer_line
from studies.engine.geometry.projection import LEAST_PROMPTS, projections
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import TokenBatch
from studies.engine.residuals import PromptResiduals, prompt_residuals

MOST_PROMPTS: Final = 500  # of each set: all pairs are compared, and a page shows every one
MOST_BYTES: Final = 2 * 1024**3  # of both sets' residuals together
UNIT: Final = 1000  # projections are stored in thousandths
PHASE: Final = "geometry"


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Places of the good prompts, then of the bad ones, at each layer index."""

    points: Int[np.ndarray, "index prompt 2"]  # thousandths of the root mean squared radius
    animation: bytes  # GIF


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """What a job finds; `projection` None: there are fewer than `LEAST_PROMPTS` prompts."""

    lines: list[Line]  # of layer index 0 (embedding output), 1 (output of layer 0) …
    good: PromptResiduals
    bad: PromptResiduals
    projection: Projection | None


def measure(
    loaded: LoadedModel,
    contrast: tuple[Sequence[TokenBatch], Sequence[TokenBatch]],
    *,
    seed: int,
    reporter: Reporter,
    stop: StopSignal,
) -> Geometry:
    """Measure how the residuals of (good, bad) prompts lie in the unchanged model.

    Sets larger than `MOST_PROMPTS`, or than fits into `MOST_BYTES`, are sampled evenly.

    Raises:
        Stopped: the host wants to end.
        EngineError: the model computes NaN, or a single prompt does not fit.
    """
    most = most_prompts(loaded.n_layers, loaded.d_model)
    good, bad = (
        prompt_residuals(loaded, batches, most=most, reporter=reporter, stop=stop, phase=phase)
        for batches, phase in zip(contrast, ("good_residuals", "bad_residuals"), strict=True)
    )
    lines = []
    for index in range(loaded.n_layers + 1):
        stop.check()
        reporter.phase(PHASE, done=index, total=loaded.n_layers + 1)
        lines.append(layer_line(good.rows[:, index], bad.rows[:, index]))
    return Geometry(lines, good, bad, _projection(good, bad, seed, reporter, stop))


def most_prompts(n_layers: int, d_model: int) -> int:
    """How many prompts of each set are kept, in float32."""
    each = 2 * 4 * (n_layers + 1) * d_model
    return max(1, min(MOST_PROMPTS, MOST_BYTES // each))


def _projection(
    good: PromptResiduals,
    bad: PromptResiduals,
    seed: int,
    reporter: Reporter,
    stop: StopSignal,
) -> Projection | None:
    n_good = len(good.indices)
    if n_good + len(bad.indices) < LEAST_PROMPTS:
        return None
    points = projections(good.rows, bad.rows, seed=seed, reporter=reporter, stop=stop)
    gif = animated(points, n_good, reporter=reporter, stop=stop)
    return Projection(np.rint(UNIT * points).astype(np.int32), gif)
