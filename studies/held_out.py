"""Which prompts a study's trials can be scored on again: some that took no part in its search."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from studies.engine.errors import PromptSetError
from studies.engine.held_out import apart, rows_beside
from studies.engine.prompt_sources import parse_split
from studies.frozen import (
    DATASET_COLUMNS,
    freeze,
    prompt_set_lines,
    study_prompts,
    with_affixes,
)
from studies.models import PromptSet, Study

Json = dict[str, Any]
SUFFIX: Final = "-held-out"  # a prompt set of this name stands in for the one before it
# How the prompts were found.
CHOSEN, NAMED, REST, ROWS = "chosen", "named", "rest", "rows"
OWN, PREFIX = "own", "prefix"  # where nothing is held out: read by scorers, or for the prefix


def scored_counts(study: Study) -> dict[str, int | None]:
    """How many of the first prompts of each set the scorers read, by slug; None: all."""
    counts: dict[str, int | None] = {}
    for scorer in _settings(study)["scorers"]:
        slug, n = scorer["settings"]["prompts"], scorer["settings"].get("n_prompts")
        known = counts.get(slug, 0)
        counts[slug] = None if n is None or known is None else max(n, known)
    return counts


def used_prompts(study: Study) -> list[str]:
    """Every prompt that the search has read: for directions, for scores, or for both."""
    counts, contrast = scored_counts(study), _contrast(study)
    return [
        prompt["user"]
        for slug, frozen in study_prompts(study).items()
        for prompt in frozen.prompts[: None if slug in contrast else counts.get(slug)]
    ]


def stand_in(study: Study, slug: str) -> Json | None:
    """Say which prompts would stand in for a scored set, if nobody chooses; None: there are none.

    In this order: the prompt set called SLUG-held-out; what no scorer read of the set itself;
    the rows of its dataset beside the slice.
    """
    row = study.snapshot["prompts"].get(slug, {})
    if named := PromptSet.objects.filter(slug=f"{slug}{SUFFIX}").first():
        return set_row(named, NAMED)
    read = None if slug in _contrast(study) else scored_counts(study)[slug]
    if read is not None and (row.get("count") or 0) > read:
        return {
            "name": f"{row['name']}, the rest behind the first {read}",
            "slug": "",
            "how": REST,
        }
    dataset = row.get("dataset")
    if dataset and (split := rows_beside(parse_split(dataset["split"]))):
        name = f"{row['name']}, more of {dataset['dataset']} ({split})"
        more = {"dataset": dataset | {"split": split}, "most": row["count"]}
        return {"name": name, "slug": "", "how": ROWS} | more
    return None


def set_row(prompt_set: PromptSet, how: str = CHOSEN) -> Json:
    """The row of a prompt set that somebody keeps for this."""
    row: Json = {"name": prompt_set.name, "slug": prompt_set.slug, "how": how}
    if prompt_set.source == PromptSet.Source.DATASET:
        row["dataset"] = {name: getattr(prompt_set, name) for name in DATASET_COLUMNS}
    return row


def settled(study: Study, slug: str, row: Json) -> Json:
    """The row with its prompts frozen; those of a dataset are left to the worker.

    Raises:
        EngineError: they cannot be read, or the search has read them all.
    """
    if "dataset" in row:
        return row | {"digest": "", "count": None, "dropped": 0}
    if row["how"] == REST:
        frozen = study_prompts(study)[slug].prompts[scored_counts(study)[slug] :]
        prompt_set = PromptSet(slug=slug, system_prompt=frozen[0]["system"])
        return _without_used(study, row, prompt_set, [prompt["user"] for prompt in frozen])
    prompt_set = PromptSet.objects.get(slug=row["slug"])
    return _without_used(study, row, prompt_set, prompt_set_lines(prompt_set))


def settled_rows(study: Study, row: Json, lines: Sequence[str]) -> Json:
    """The row of a dataset with its prompts frozen; `lines` are what was read of it.

    Raises:
        PromptSetError: the search has read them all.
    """
    prompt_set = PromptSet(**row["dataset"])
    return _without_used(study, row, prompt_set, with_affixes(prompt_set, lines))


def _without_used(study: Study, row: Json, prompt_set: PromptSet, lines: Sequence[str]) -> Json:
    """Leave out what the search has read: what is left keeps the promise, and can be counted.

    To refuse the whole set would make people mend files for a few lines in common.
    """
    kept = apart(lines, used_prompts(study))
    dropped = len(lines) - len(kept)
    if not kept:
        raise PromptSetError(
            f'"{row["name"]}" has no prompt that is held out: the search has read all of its '
            f"{len(lines)}"
        )
    frozen = freeze(prompt_set, kept[: row.get("most")], _settings(study).get("system_prompt", ""))
    return row | {"digest": frozen.digest, "count": frozen.count, "dropped": dropped}


def _settings(study: Study) -> Json:
    return {row["name"]: row["value"] for row in study.snapshot["settings"]}


def _contrast(study: Study) -> Collection[str]:
    settings = _settings(study)
    return {settings["good_prompts"], settings["bad_prompts"]}
