"""The prompt sets of an imported preset: named ones are found, described ones found or made."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from studies.commands.prompt_sets import prompt_set_create
from studies.engine.errors import EngineError, Problem
from studies.engine.problems import place_at, shown
from studies.engine.toml.preset import PresetFile
from studies.engine.toml.prompt_tables import PromptTable, numbered
from studies.frozen import prompt_sets_used
from studies.models import PromptSet

Json = dict[str, Any]
DATASET_OF_FILE = "dataset"  # what the file calls our column `path`


def with_prompt_sets(
    user: AbstractBaseUser | None, preset: PresetFile, problems: list[Problem]
) -> PresetFile:
    """Put stored prompt sets where the settings name or describe them; faults are added."""
    stored = {
        slug: _stored(user, table, place_at("", preset.prompt_places[slug]), problems)
        for slug, table in preset.prompt_tables.items()
    }
    named = {
        slug: place
        for slug, place in prompt_sets_used(preset.settings).items()
        if slug not in stored
    }
    known = set(PromptSet.objects.filter(slug__in=named).values_list("slug", flat=True))
    for slug, place in named.items():
        if slug not in known:
            at = preset.ledger.original(place.removeprefix("settings."))
            problems.append(Problem(at, f"there is no prompt set {shown(slug)}"))
    return replace(preset, settings=_renamed(preset.settings, stored))


def _stored(
    user: AbstractBaseUser | None, table: PromptTable, place: str, problems: list[Problem]
) -> str:
    """The slug of the prompt set that a table describes, made if there is none like it."""
    same = PromptSet.objects.filter(**table.columns).order_by("pk").first()
    if same is not None:
        return same.slug
    taken = set(PromptSet.objects.values_list("slug", flat=True))
    slug = next(one for one in numbered(table.slug) if one not in taken)
    name = f"{table.dataset} {table.split}".strip()[:100]
    try:
        prompt_set_create(user, {"slug": slug, "name": name, **table.columns})
    except EngineError as error:
        for problem in error.problems:
            field = DATASET_OF_FILE if problem.place in ("", "path") else problem.place
            problems.append(Problem(f"{place}.{field}", problem.message))
    return slug


def _renamed(settings: Mapping[str, Any], stored: Mapping[str, str]) -> Json:
    renamed = dict(settings)
    for name in ("good_prompts", "bad_prompts"):
        if name in renamed:
            renamed[name] = stored.get(renamed[name], renamed[name])
    if "scorers" in renamed:
        renamed["scorers"] = [_scorer(entry, stored) for entry in renamed["scorers"]]
    return renamed


def _scorer(entry: Mapping[str, Any], stored: Mapping[str, str]) -> Json:
    slug = entry["settings"]["prompts"]
    return {**entry, "settings": {**entry["settings"], "prompts": stored.get(slug, slug)}}
