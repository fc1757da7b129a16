"""Reads prompt sets and keeps what a study uses, so that later edits do not change it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from studies.engine.errors import PromptSetError
from studies.engine.prompt_sources import digest, parse_prompt_text, read_prompt_file
from studies.models import FrozenPrompts, PromptSet, Study

Json = dict[str, Any]
# What a study keeps of a dataset until its worker has fetched it.
DATASET_COLUMNS = (
    "slug", "dataset", "commit", "split", "column", "prefix", "suffix", "system_prompt"
)  # fmt: skip


def prompt_set_lines(prompt_set: PromptSet) -> list[str]:
    """Read a typed or file prompt set, a prompt per element, prefix and suffix applied.

    Raises:
        PromptSetError: it has no prompt, or its file cannot be read.
    """
    if prompt_set.source == PromptSet.Source.FILE:
        lines = read_prompt_file(prompt_set.path, settings.PROMPT_ROOTS)
    else:
        lines = parse_prompt_text(prompt_set.text)
    return with_affixes(prompt_set, lines)


def with_affixes(prompt_set: PromptSet, lines: Sequence[str]) -> list[str]:
    """Put a prompt set's prefix and suffix around each of its prompts.

    Raises:
        PromptSetError: there is no prompt.
    """
    if not lines:
        raise PromptSetError(f'Prompt set "{prompt_set.slug}" has no prompts.')
    return [f"{prompt_set.prefix}{line}{prompt_set.suffix}" for line in lines]


def freeze(prompt_set: PromptSet, lines: Sequence[str], default_system: str) -> FrozenPrompts:
    """Store prompts under the hash of their content, once for all studies that use them."""
    return _stored(lines, prompt_set.system_prompt or default_system)


def _stored(lines: Sequence[str], system: str) -> FrozenPrompts:
    frozen, _ = FrozenPrompts.objects.get_or_create(
        digest=digest(lines, system),
        defaults={
            "prompts": [{"user": line, "system": system} for line in lines],
            "count": len(lines),
        },
    )
    return frozen


def refreeze(row: Json, old_system: str, new_system: str) -> Json:
    """Freeze prompts again under another system prompt; the prompts stay as they were.

    Those whose set has a system prompt of its own keep it.
    """
    old = FrozenPrompts.objects.filter(digest=row["digest"]).first()
    # None: a dataset that no worker has read yet.
    if old is None or any(prompt["system"] != old_system for prompt in old.prompts):
        return row
    frozen = _stored([prompt["user"] for prompt in old.prompts], new_system)
    return row | {"digest": frozen.digest}


def prompt_sets_used(values: Mapping[str, Any]) -> dict[str, str]:
    """Name every prompt set that settings refer to, with the place that does."""
    used = {
        values[name]: f"settings.{name}"
        for name in ("good_prompts", "bad_prompts")
        if values.get(name)
    }
    for index, scorer in enumerate(values.get("scorers") or []):
        if slug := scorer["settings"].get("prompts"):
            used.setdefault(slug, f"settings.scorers[{index}].settings.prompts")
    return used


def study_prompts(study: Study) -> dict[str, FrozenPrompts]:
    """The frozen prompts of a study by prompt-set slug; those still to be fetched are absent."""
    digests = {slug: row["digest"] for slug, row in study.snapshot["prompts"].items()}
    rows = FrozenPrompts.objects.in_bulk([d for d in digests.values() if d])
    return {slug: rows[d] for slug, d in digests.items() if d in rows}
