"""Rounds of all arms in turn, and what they come to."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from studies.engine.bench.arms import Arm, Scores
from studies.engine.bench.probes import PeakMemory, Phases
from studies.engine.search_space import Parameters

REFERENCE, SIDE_BY_SIDE, COMPILED = "reference", "side by side", "compiled"
# Rank 3 is an approximation: near the edge of a refusal it may tip single answers.
_MATCHES_APART = 0.05  # of the prompts, median over the trials
_DIVERGENCE_APART = 0.25  # relative, median over the trials with a divergence worth comparing
_SMALL_DIVERGENCE = 1e-4  # nats


@dataclass(frozen=True, slots=True)
class Turn:
    """One arm's part of a round; seconds are those of one trial."""

    seconds: float
    processor_seconds: float  # of all threads: less disturbed by a busy machine
    peak_bytes: int  # of the device, or of the process where it is the processor
    phases: dict[str, float]  # share of the time
    scores: list[Scores]


@dataclass(frozen=True, slots=True)
class ArmResult:
    """How long the trials of one arm took, round by round, beside the reference arm."""

    at_once: int
    seconds: list[float]
    processor_seconds: list[float]
    trials_per_minute: float  # of the median round
    ratio: float  # median over the rounds; above 1: faster than the reference arm
    ratios: list[float]
    processor_ratio: float
    peak_bytes: int
    phases: dict[str, float]
    matches_apart: float  # median difference from the reference arm, in answers
    divergence_apart: float  # median relative difference
    agrees: bool


def compare(
    arms: Mapping[str, Arm],
    rounds: Sequence[Sequence[Parameters]],
    *,
    n_alone: int,
    n_prompts: int,
    tell: Callable[[str], None],
) -> dict[str, ArmResult]:
    """Run every round in all arms, one after the other; the first round only warms up.

    Arms that score trials one by one take the first `n_alone` of a round, the others all. Which
    arm begins alternates, so that a machine that slows down favours none.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in arms}
    for number, trials in enumerate(rounds):
        names = sorted(arms, reverse=bool(number % 2))
        done = {
            name: _turn(arms[name], trials if arms[name].at_once > 1 else trials[:n_alone])
            for name in names
        }
        if number:
            for name, turn in done.items():
                turns[name].append(turn)
            tell(_line(number, len(rounds) - 1, done))
    return {name: _result(arms[name], turns[name], turns[REFERENCE], n_prompts) for name in arms}


def as_json(found: Mapping[str, ArmResult]) -> dict[str, object]:
    """The comparison as plain values."""
    return {name: asdict(result) for name, result in found.items()}


def _turn(arm: Arm, trials: Sequence[Parameters]) -> Turn:
    with PeakMemory() as memory, Phases(*arm.modules) as phases:
        begun, processor = time.perf_counter(), time.process_time()
        scores = arm.trials(trials)
        seconds, processed = time.perf_counter() - begun, time.process_time() - processor
    return Turn(
        seconds / len(trials),
        processed / len(trials),
        memory.peak,
        phases.shares(seconds),
        scores,
    )


def _result(
    arm: Arm, turns: Sequence[Turn], reference: Sequence[Turn], n_prompts: int
) -> ArmResult:
    seconds = [turn.seconds for turn in turns]
    ratios = [a.seconds / b.seconds for a, b in zip(reference, turns, strict=True)]
    processor = [
        a.processor_seconds / b.processor_seconds for a, b in zip(reference, turns, strict=True)
    ]
    matches, divergence = _apart(turns, reference)
    return ArmResult(
        at_once=arm.at_once,
        seconds=seconds,
        processor_seconds=[turn.processor_seconds for turn in turns],
        trials_per_minute=60 / median(seconds),
        ratio=median(ratios),
        ratios=ratios,
        processor_ratio=median(processor),
        peak_bytes=max(turn.peak_bytes for turn in turns),
        phases={name: median(turn.phases[name] for turn in turns) for name in turns[0].phases},
        matches_apart=matches,
        divergence_apart=divergence,
        agrees=matches <= _MATCHES_APART * n_prompts and divergence <= _DIVERGENCE_APART,
    )


def _apart(turns: Sequence[Turn], reference: Sequence[Turn]) -> tuple[float, float]:
    """Median differences over the trials that both scored."""
    pairs = [
        pair
        for one, other in zip(turns, reference, strict=True)
        for pair in zip(one.scores, other.scores, strict=False)
    ]
    apart = [
        abs(a.divergence - b.divergence) / max(a.divergence, b.divergence)
        for a, b in pairs
        if max(a.divergence, b.divergence) > _SMALL_DIVERGENCE
    ]
    return median(abs(a.matches - b.matches) for a, b in pairs), median(apart) if apart else 0.0


def _line(number: int, total: int, done: Mapping[str, Turn]) -> str:
    parts = [
        f"{name} {turn.seconds:.2f} s ({turn.scores[0].matches} matches, "
        f"KL {turn.scores[0].divergence:.3g})"
        for name, turn in sorted(done.items(), reverse=True)
    ]
    return f"round {number}/{total}, a trial:  " + "  |  ".join(parts)
