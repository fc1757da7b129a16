"""What both arms share: model, prompts, settings and the parameters of each trial."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import optuna

from studies.demo import files
from studies.engine.methods import method_get
from studies.engine.methods.schema import Method
from studies.engine.parameters import Key, resolve
from studies.engine.prompts import Prompt
from studies.engine.search_space import Parameters, suggest
from studies.engine.settings import complete_settings
from studies.engine.study_settings import StudySettings
from studies.engine.values import Value

KEYWORDS, DIVERGENCE = "bad_scoring", "good_scoring"  # prompt sets that trials are scored on
GOOD, BAD = "good_directions", "bad_directions"


@dataclass(frozen=True, slots=True)
class Setup:
    """One comparison."""

    model: Path
    prompt_sets: Mapping[str, list[Prompt]]
    method: Method
    settings: StudySettings
    resolved: Mapping[Key, Value]
    rounds: list[list[Parameters]]  # the first one is for warming up


def make_setup(
    *,
    model: Path,
    prompts: Path,
    n_rounds: int,
    n_trials: int,
    n_prompts: int | None,
    batch_size: int,
    max_response_length: int,
    markers: list[str] | None,
    seed: int,
    dtype: str = "float32",
) -> Setup:
    """Read the prompts and draw the parameters at random from the method's search space.

    A round has `n_trials`.
    """
    method = method_get("directional")
    system = StudySettings.model_fields["system_prompt"].default
    names = {GOOD: files.GOOD_DIRECTIONS, BAD: files.BAD_DIRECTIONS}
    names |= {KEYWORDS: files.BAD_SCORING, DIVERGENCE: files.GOOD_SCORING}
    keywords = {"prompts": KEYWORDS} | ({"keyword_markers": markers} if markers else {})
    settings = complete_settings(
        method,
        {
            "good_prompts": GOOD,
            "bad_prompts": BAD,
            "scorers": [
                {"scorer": "KeywordRate", "settings": keywords},
                {"scorer": "KLDivergence", "settings": {"prompts": DIVERGENCE}},
            ],
            "batch_size": batch_size,
            "max_response_length": max_response_length,
            "response_prefix": "",
            "dtypes": [dtype],
            "seed": seed,
        },
    )
    resolved = {key: one.value for key, one in resolve(method, []).items()}
    drawn = _drawn(resolved, (n_rounds + 1) * n_trials, seed)
    return Setup(
        model=model,
        prompt_sets={
            slug: _read(prompts / name, system, n_prompts) for slug, name in names.items()
        },
        method=method,
        settings=settings,
        resolved=resolved,
        rounds=[drawn[i : i + n_trials] for i in range(0, len(drawn), n_trials)],
    )


def with_compiled_steps(setup: Setup) -> Setup:
    """The same comparison, for an arm that compiles its decoding steps."""
    settings = setup.settings.model_copy(update={"compile": "on"})
    return replace(setup, settings=settings)


def _read(path: Path, system: str, n_prompts: int | None) -> list[Prompt]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [Prompt(line, system) for line in lines if line][:n_prompts]


def _drawn(resolved: Mapping[Key, Value], n_trials: int, seed: int) -> list[Parameters]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [suggest(study.ask(), resolved) for _ in range(n_trials)]
