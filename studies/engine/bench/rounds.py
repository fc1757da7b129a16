"""Rounds of both arms in turn, and what they come to."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from studies.engine.bench.arms import Arm, Scores
from studies.engine.search_space import Parameters

# Rank 3 is an approximation: near the edge of a refusal it may tip single answers.
_MATCHES_APART = 0.05  # of the prompts, median over the trials
_DIVERGENCE_APART = 0.25  # relative, median over the trials with a divergence worth comparing
_SMALL_DIVERGENCE = 1e-4  # nats


@dataclass(frozen=True, slots=True)
class ArmTimes:
    """How long each round of one arm took."""

    seconds: list[float]
    processor_seconds: list[float]  # of all threads: less disturbed by a busy machine
    trials_per_minute: float  # of the median round

    @classmethod
    def of(cls, took: Sequence[tuple[float, float]]) -> "ArmTimes":
        seconds, processor = [list(column) for column in zip(*took, strict=True)]
        return cls(seconds, processor, 60 / median(seconds))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a run, as it is written to JSON."""

    reference: ArmTimes
    product: ArmTimes
    ratio: float  # product's trials per minute over the reference arm's
    ratios: list[float]  # round by round
    processor_ratio: float  # the same from median processor seconds
    scores: list[dict[str, dict[str, float]]]
    matches_apart: float  # median difference, in answers
    divergence_apart: float  # median relative difference
    agree: bool


def compare(
    arms: Mapping[str, Arm],
    trials: Sequence[Parameters],
    *,
    n_prompts: int,
    tell: Callable[[str], None],
) -> Comparison:
    """Run every trial in both arms, one after the other; the first trial only warms up.

    Which arm begins alternates, so that a machine that slows down favours neither.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    scores: list[dict[str, Scores]] = []
    for number, parameters in enumerate(trials):
        found: dict[str, Scores] = {}
        took: dict[str, tuple[float, float]] = {}
        for name in sorted(arms, reverse=bool(number % 2)):
            begun, processor = time.perf_counter(), time.process_time()
            found[name] = arms[name].trial(parameters)
            took[name] = time.perf_counter() - begun, time.process_time() - processor
        if number == 0:
            continue
        scores.append(found)
        for name, one in took.items():
            seconds[name].append(one)
        tell(_line(number, len(trials) - 1, found, took))
    return _comparison(seconds, scores, n_prompts)


def _comparison(
    seconds: Mapping[str, list[tuple[float, float]]],
    scores: Sequence[Mapping[str, Scores]],
    n_prompts: int,
) -> Comparison:
    reference, product = ArmTimes.of(seconds["reference"]), ArmTimes.of(seconds["product"])
    pairs = [(one["reference"], one["product"]) for one in scores]
    matches = median(abs(a.matches - b.matches) for a, b in pairs)
    apart = [
        abs(a.divergence - b.divergence) / max(a.divergence, b.divergence)
        for a, b in pairs
        if max(a.divergence, b.divergence) > _SMALL_DIVERGENCE
    ]
    divergence = median(apart) if apart else 0.0
    return Comparison(
        reference=reference,
        product=product,
        ratio=product.trials_per_minute / reference.trials_per_minute,
        ratios=[a / b for a, b in zip(reference.seconds, product.seconds, strict=True)],
        processor_ratio=median(reference.processor_seconds) / median(product.processor_seconds),
        scores=[{name: one._asdict() for name, one in found.items()} for found in scores],
        matches_apart=matches,
        divergence_apart=divergence,
        agree=matches <= _MATCHES_APART * n_prompts and divergence <= _DIVERGENCE_APART,
    )


def as_json(comparison: Comparison) -> dict[str, object]:
    """The comparison as plain values."""
    return asdict(comparison)


def _line(
    number: int,
    total: int,
    found: Mapping[str, Scores],
    took: Mapping[str, tuple[float, float]],
) -> str:
    parts = [
        f"{name} {took[name][0]:6.2f} s, {found[name].matches:3d} matches, "
        f"KL {found[name].divergence:.4g}"
        for name in sorted(found, reverse=True)
    ]
    return f"trial {number:2d}/{total}:  " + "   |   ".join(parts)
