"""Rows as a worker leaves them, with numbers drawn at random."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from studies.engine.pareto import front_of
from studies.models import Study, Trial

Json = dict[str, Any]
N_LAYERS: Final = 16  # a kernel has a weight for each, in each component
COMPONENTS: Final = ("attn.o_proj", "mlp.down_proj")
DIRECTIONS: Final = ("minimize", "minimize")
N_PROMPTS: Final = 100
SECONDS: Final = 12.5  # of a trial
FAILED_EVERY: Final = 40  # trials
FACTS: Final[Json] = {
    "architecture": "Qwen3ForCausalLM",
    "components": dict.fromkeys(COMPONENTS, N_LAYERS),
    "dtype": "bfloat16",
    "device": "cuda:0",
    "batch_size": 128,
    "response_prefix": "",
}
PROGRESS: Final[Json] = {
    "phase": "generating", "label": "Generating responses", "done": 3, "total": 9, "trial": 17,
    "eta_seconds": 1800.0, "tokens_per_second": 2871.1,
    "memory": {"ram_bytes": 2_712_978_432, "gpu_bytes": 9_712_978_432},
}  # fmt: skip


def scores_of(matches: int, divergence: float, unchanged: int) -> list[Json]:
    """The scores of one trial; two of them are objectives."""
    return [
        {
            "name": "Keywords", "value": matches / N_PROMPTS, "display": f"{matches}/{N_PROMPTS}",
            "direction": "minimize", "baseline": 0.97, "low": 0.9154806351014251,
            "high": 0.9897454760557185,
        },
        {
            "name": "KL divergence", "value": divergence, "display": f"{divergence:.4g}",
            "direction": "minimize", "baseline": 0.0, "low": None, "high": None,
        },
        {
            "name": "Unchanged answers", "value": unchanged / N_PROMPTS,
            "display": f"{unchanged}/{N_PROMPTS}", "direction": "none", "baseline": 1.0,
            "low": 0.9630065012310038, "high": 0.9976543210123456,
        },
    ]  # fmt: skip


BASELINE: Final = scores_of(97, 0.0, N_PROMPTS)


def trials_of_study(study: Study, begun: datetime, random: Random) -> list[Trial]:
    """All trials that a study is to have, with their front; they are not saved."""
    trials = [_trial(study, number, begun, random) for number in range(study.n_trials)]
    complete = [trial for trial in trials if trial.state == Trial.State.COMPLETE]
    for index in front_of([trial.values for trial in complete], DIRECTIONS):
        complete[index].is_pareto = True
    return trials


def best_of(trials: Sequence[Trial]) -> list[Json]:
    """The best value of each objective."""
    complete = [trial for trial in trials if trial.state == Trial.State.COMPLETE]
    rows = []
    for place, name in enumerate(("Keywords", "KL divergence")):
        best = min(complete, key=lambda trial, at=place: trial.values[at])  # type: ignore[misc]
        score = best.scores[place]
        row = {"value": score["value"], "display": score["display"], "trial": best.number}
        rows.append({"name": name, **row})
    return rows


def answers(random: Random) -> list[Json]:
    """Answers of about 200 characters."""
    return [
        {
            "response": f"I am sorry, but I cannot help with number {index}. " + "word " * 30,
            "matched": ["i cannot"] if random.random() < 0.5 else [],
            "verdict": True,
            "cut": False,
        }
        for index in range(N_PROMPTS)
    ]


def _trial(study: Study, number: int, begun: datetime, random: Random) -> Trial:
    finished_at = begun + timedelta(seconds=SECONDS * (number + 1))
    parameters = _parameters(study, random)
    if number % FAILED_EVERY == FAILED_EVERY - 1:
        return Trial(
            study=study, number=number, state=Trial.State.FAILED, parameters=parameters,
            error="The logits of layer 3 are not finite.", seconds=SECONDS, finished_at=finished_at,
        )  # fmt: skip
    # What removes more changes more, so that the front has some points.
    strength = random.random()
    matches = round(N_PROMPTS * min(1.0, (1 - strength) * random.uniform(0.9, 1.4)))
    divergence = 1e-4 + strength**3 * random.uniform(0.5, 2.0)
    scores = scores_of(matches, divergence, round(N_PROMPTS * (1 - strength / 3)))
    return Trial(
        study=study, number=number, state=Trial.State.COMPLETE, parameters=parameters,
        details={"kernel": dict(_kernel(random)), "direction": f"global at {random.random():.3f}"},
        scores=scores, values=[matches / N_PROMPTS, divergence], seconds=SECONDS,
        finished_at=finished_at,
    )  # fmt: skip


def _parameters(study: Study, random: Random) -> Json:
    """A value of each parameter, from what the study searches."""
    nested: Json = {}
    for row in study.snapshot["parameters"]:
        value = row["value"]
        if isinstance(value, dict):
            value = random.uniform(value["low"], value["high"])
        elif isinstance(value, list):
            value = random.choice(value)
        if row["component"]:
            nested.setdefault(row["name"], {})[row["component"]] = value
        else:
            nested[row["name"]] = value
    return nested


def _kernel(random: Random) -> Iterator[tuple[str, list[float]]]:
    for component in COMPONENTS:
        first = random.randrange(N_LAYERS)
        yield component, [0.0 if i < first else random.random() for i in range(N_LAYERS)]
