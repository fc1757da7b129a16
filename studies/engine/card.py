"""The model card of an export, from plain facts: no file, no database, no clock.

The original's own text follows ours. What is private to this machine is taken out of both.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from studies.engine.card_metadata import front_matter, merged_metadata, split_card
from studies.engine.export_options import ADAPTER, GGUF, MERGE

FILE: Final = "README.md"
MAX_BASE: Final = 100_000  # characters of the original's card that are taken over
LIBRARIES: Final[Mapping[str, str]] = {MERGE: "transformers", ADAPTER: "peft", GGUF: "gguf"}
TAGS: Final[Mapping[str, tuple[str, ...]]] = {MERGE: (), ADAPTER: ("lora",), GGUF: ("gguf",)}
BETTER: Final[Mapping[str, str]] = {"minimize": "lower", "maximize": "higher"}
_WORDS: Final[Mapping[str, str]] = {
    MERGE: "the whole model, with the change baked into its weights",
    ADAPTER: "a LoRA adapter: the change alone, to load on top of the original",
    GGUF: "a GGUF file of the whole model, with the change baked into its weights",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardParameter:
    """A parameter of the trial as it was typed or sampled."""

    name: str
    component: str  # empty: of no single one
    value: float | str
    layers: object = None  # what a fraction comes to in this model
    searched: str = ""  # from what it was chosen; empty: it was fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class CardScore:
    """A score with its 95 % interval, and the original model's beside it."""

    name: str
    display: str
    direction: str  # minimize, maximize, none
    interval: tuple[float, float] | None = None
    original: str = ""
    original_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """All that a card says."""

    model: str  # the original, without local folders
    is_on_hub: bool
    commit: str | None
    strategy: str
    dtype: str
    method: str
    method_words: str
    product: str  # name and version of what made the export
    parameters: Sequence[CardParameter] = ()
    scores: Sequence[CardScore] = ()
    prompts: Sequence[tuple[str, int]] = ()  # names of the prompt sets, and how many they hold
    held_out: Sequence[CardScore] = ()  # on prompts that took no part in the search
    held_out_prompts: Sequence[tuple[str, int]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)  # settings of the method
    adapter_error: float | None = None  # share of the change that an adapter leaves out
    adapter_rank: int | None = None


def model_card(facts: CardFacts, original: str = "") -> str:
    """Write the whole card; `original` is the card of the original model, if there is one."""
    metadata, text = split_card(original[:MAX_BASE])
    parts = [
        f"# {_title(facts)}\n",
        _introduction(facts),
        "## Scores\n",
        _scores(facts.scores),
        *_held_out(facts),
        "## Method\n",
        _method(facts),
        "## Parameters\n",
        _parameters(facts.parameters),
        "## Reproduction\n",
        _reproduction(facts),
    ]
    if text:
        parts += ["---\n", f"*What follows is the card of the original model, {_link(facts)}.*\n"]
        parts.append(f"{text}\n")
    return front_matter(merged_metadata(metadata, _own(facts))) + "\n" + "\n".join(parts)


def _own(facts: CardFacts) -> dict[str, Any]:
    own: dict[str, Any] = {"library_name": LIBRARIES[facts.strategy]}
    if facts.is_on_hub:
        own["base_model"] = facts.model
        own["base_model_relation"] = "adapter" if facts.strategy == ADAPTER else "finetune"
    return own | {"tags": ["heretic-web", "directional-ablation", *TAGS[facts.strategy]]}


def _title(facts: CardFacts) -> str:
    name = facts.model.rpartition("/")[2]
    return f"{name}, ablated" + (" (adapter)" if facts.strategy == ADAPTER else "")


def _introduction(facts: CardFacts) -> str:
    text = f"Made from {_link(facts)} by {facts.method.lower()}. This is {_WORDS[facts.strategy]}."
    if facts.dtype != "auto":
        text += f" Its weights are stored as `{facts.dtype}`."
    if facts.adapter_rank is not None and facts.adapter_error is not None:
        text += f" The adapter has rank {facts.adapter_rank} and leaves out "
        text += f"{100 * facts.adapter_error:.3g} % of the change."
    return text + "\n"


def _link(facts: CardFacts) -> str:
    if not facts.is_on_hub:
        return f"`{_cell(facts.model)}`"
    address = f"https://huggingface.co/{facts.model}"
    if facts.commit:
        address += f"/tree/{facts.commit}"
    return f"[{facts.model}]({address})"


def _scores(scores: Sequence[CardScore]) -> str:
    rows = [
        (
            one.name,
            one.display,
            _interval(one.interval),
            one.original or "–",
            _interval(one.original_interval),
            BETTER.get(one.direction, "–"),
        )
        for one in scores
    ]
    titles = ("Score", "This model", "95 % interval", "Original", "95 % interval", "Better is")
    return _table(titles, rows) if rows else "No score is stored.\n"


def _held_out(facts: CardFacts) -> list[str]:
    """The part on prompts that took no part in the search; nothing where there are no scores."""
    if not facts.held_out:
        return []
    told = f"Scored again on prompts that took no part in the search: {_sets(facts.held_out_prompts)}.\n"
    return ["### On held-out prompts\n", told, _scores(facts.held_out)]


def _sets(prompts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{_cell(name)} ({count})" for name, count in prompts)


def _method(facts: CardFacts) -> str:
    lines = [facts.method_words]
    if facts.prompts:
        lines.append(f"Prompt sets and how many prompts they hold: {_sets(facts.prompts)}.")
    if facts.options:
        rows = [(name, f"`{value}`") for name, value in facts.options.items()]
        lines.append(_table(("Option", "Value"), rows).rstrip())
    return "\n\n".join(lines) + "\n"


def _parameters(parameters: Sequence[CardParameter]) -> str:
    rows = [
        (
            f"`{one.name}`",
            f"`{one.component}`" if one.component else "–",
            _number(one.value),
            "–" if one.layers is None else _number(one.layers),
            one.searched or "fixed",
        )
        for one in parameters
    ]
    titles = ("Parameter", "Component", "Value", "In layers", "Searched in")
    return _table(titles, rows) if rows else "No parameter is stored.\n"


def _reproduction(facts: CardFacts) -> str:
    return (
        "`reproduce.json` beside this card holds the exact parameters and settings, the hashes "
        f"of the original's weights and of these, and the versions used. {facts.product} builds "
        "the same model from it and compares the hashes: page *Reproduce*, or "
        "`python manage.py reproduce`.\n"
    )


def _interval(pair: tuple[float, float] | None) -> str:
    return "–" if pair is None else f"{pair[0]:.4g} to {pair[1]:.4g}"


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *([_cell(one) for one in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """A text that can end neither its cell nor its line, and is no markup."""
    return re.sub(r"([|<\[\]*])", r"\\\1", " ".join(text.split()))
