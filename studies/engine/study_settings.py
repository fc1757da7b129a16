"""The settings that every study has, whatever its method."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from studies.engine.limits import Number
from studies.engine.problems import got
from studies.engine.scorer_settings import SCORERS, Scorers
from studies.engine.tables import Path, Table, fault, faults
from studies.engine.targeting import UntouchedFractions, UntouchedLayers
from studies.engine.texts import Name, Prose, Slug

MAX_TRIALS: Final = 10_000
MAX_SEED: Final = 2**32 - 1  # of the search's random generator
MAX_RESPONSE_TOKENS: Final = 4096
MAX_BATCH: Final = 512  # prompts
MAX_TRIALS_PER_BATCH: Final = 16  # more gain little and use much memory
MAX_WORKERS: Final = 16  # on one study; each loads the model
_REVISION: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}")

Dtype = Literal["auto", "float16", "bfloat16", "float32"]
Compile = Literal["auto", "on", "off"]
# How models open their reasoning → what stands for an empty one. As in Heretic.
CHAIN_OF_THOUGHT_SKIPS: Final = (
    ("<think>", "<think></think>"),
    (
        "<|channel|>analysis<|message|>",
        "<|channel|>analysis<|message|><|end|><|start|>assistant<|channel|>final<|message|>",
    ),
    ("<thought>", "<thought></thought>"),
    ("[THINK]", "[THINK][/THINK]"),
)


def revision_problem(text: str) -> str | None:
    """Say why a text cannot be a revision of the hub, or None."""
    if _REVISION.fullmatch(text):
        return None
    return f"must be a branch, a tag or a 40-character commit{got(text)}"


def _revision(text: str) -> str:
    if problem := revision_problem(text):
        raise fault(problem)
    return text


def _some_text(text: str) -> str:
    if not text:
        raise fault("must not be empty")
    return text


def _different(entries: list[str]) -> list[str]:
    doubled: dict[Path, str] = {
        (index,): f"appears twice{got(entry)}"
        for index, entry in enumerate(entries)
        if entry in entries[:index]
    }
    if doubled:
        raise faults(doubled)
    if not entries:
        raise fault("needs at least one entry")
    return entries


def with_its_scorer(limit: float | None, info: ValidationInfo) -> float | None:
    """Refuse a limit on what no scorer measures, where the scorers are given."""
    scorers = info.data.get("scorers")
    if limit is not None and scorers:
        kinds = [SCORERS[one.scorer] for one in scorers]
        if all(kind.limit != info.field_name for kind in kinds):
            known = [name for name, kind in SCORERS.items() if kind.limit == info.field_name]
            raise fault(f"needs the scorer {' or '.join(known)} among the scorers")
    return limit


def unlike_good_prompts(slug: str, info: ValidationInfo) -> str:
    """Refuse bad prompts that are the good ones, where both are given."""
    if slug == info.data.get("good_prompts"):
        raise fault("must be another prompt set than good_prompts")
    return slug


_Opening = Annotated[Prose, AfterValidator(_some_text)]
_Skip = Annotated[tuple[_Opening, Prose], Field(strict=False)]  # JSON has lists only


class StudySettings(Table):
    """The settings that every study has, whatever its method."""

    n_trials: int = Field(200, ge=1, le=MAX_TRIALS, description="Trials to run.")
    n_startup_trials: int = Field(
        60,
        ge=0,
        le=MAX_TRIALS,
        description="Trials with random parameters before the search learns.",
    )
    seed: int | None = Field(
        None, ge=0, le=MAX_SEED, description="Start of all randomness; empty: drawn when created."
    )
    good_prompts: Slug = Field(
        description="Prompt set, by slug, that does not trigger the behaviour to remove."
    )
    bad_prompts: Slug = Field(description="Prompt set, by slug, that triggers it.")
    scorers: Scorers = Field(description="How trials are judged; at least one is optimised.")
    system_prompt: Prose = Field(
        "You are a helpful assistant.",
        description="System prompt, where a prompt set has none of its own.",
    )
    response_prefix: Prose | None = Field(
        None,
        description="Text that every answer begins with, so that scoring starts behind it; "
        "empty: the common beginning of the model's answers is found first.",
    )
    max_response_length: int = Field(
        100, ge=1, le=MAX_RESPONSE_TOKENS, description="Longest answer, in tokens."
    )
    batch_size: int = Field(
        0, ge=0, le=MAX_BATCH, description="Prompts at once; 0: the fastest is found by trying."
    )
    max_batch_size: int = Field(
        128, ge=1, le=MAX_BATCH, description="Largest batch that the automatic choice tries."
    )
    trials_per_batch: int = Field(
        0,
        ge=0,
        le=MAX_TRIALS_PER_BATCH,
        description="Trials that run side by side, each with its own prompts; "
        "0: the fastest number is found while the study runs.",
    )
    n_workers: int = Field(
        1,
        ge=1,
        le=MAX_WORKERS,
        description="Workers that run trials of this study at the same time, as far as they are "
        "free; each loads the model. With more than one, the same seed may draw other parameters.",
    )
    compile: Compile = Field(
        "auto",
        description="How the steps of decoding are launched; answers stay the same. auto: on a "
        "GPU, all kernels of a step at once; on: compiled as well, which takes up to minutes once; "
        "off: one by one.",
    )
    early_verdict: bool = Field(
        default=True,
        description="End a response as soon as it contains a marker: the same scores in less "
        "time, but the stored response is cut there.",
    )
    staged_evaluation: bool = Field(
        default=False,
        description="Run cheap scorers first, and prune a trial that can no longer reach the "
        "front, whatever the others would give; it counts as finished.",
    )
    kl_limit: Annotated[Number, Field(gt=0)] | None = Field(
        None,
        description="Prune a trial whose KL divergence is above this, in nats, before it "
        "generates answers; above 0.5 a model is usually damaged.",
    )
    dtypes: Annotated[list[Dtype], AfterValidator(_different)] = Field(
        ["auto", "float16", "bfloat16", "float32"],
        description="Number formats to load the model in; the first that works is used.",
    )
    target_components: Annotated[list[Name], AfterValidator(_different)] | None = Field(
        None, description="Components to ablate; empty: all that the model has."
    )
    untouched_layers: UntouchedLayers = Field(
        [],
        description="Layers that stay as they are, by index from 0: single ones, or ranges.",
    )
    untouched_layer_fractions: UntouchedFractions = Field(
        [],
        description="The same, as fractions of the last layer's index, so that it fits models "
        "of any depth. A single fraction means the nearest layer.",
    )
    model_commit: Annotated[str, AfterValidator(_revision)] | None = Field(
        None, description="Branch, tag or commit of a model from the hub."
    )
    chain_of_thought_skips: list[_Skip] = Field(
        list(CHAIN_OF_THOUGHT_SKIPS),
        max_length=20,
        description="Pairs: the beginning of a reasoning block, and the closed block to put in "
        "its place, so that answers come without it.",
    )

    _unlike = field_validator("bad_prompts")(unlike_good_prompts)
    _limited = field_validator("kl_limit")(with_its_scorer)
