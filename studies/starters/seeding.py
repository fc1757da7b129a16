"""Gives a new installation its starters, each once."""

from django.db import transaction

from studies.history import recorded
from studies.models import ParameterSpec, Profile, PromptSet, ScorerSpec, Starter
from studies.starters.groups import group_add, group_names
from studies.starters.presets import PRESETS, Preset
from studies.starters.prompt_sets import PROMPT_SETS


@transaction.atomic
def starters_seed() -> list[str]:
    """Add the starters that this installation has not been given yet; return their keys.

    What was edited stays as it is, and what was deleted stays away.
    """
    known = set(Starter.objects.values_list("key", flat=True))
    added = []
    for slug, columns in PROMPT_SETS.items():
        if (key := f"prompts/{slug}") not in known:
            PromptSet.objects.get_or_create(slug=slug, defaults=columns)
            added.append(key)
    for slug, preset in PRESETS.items():
        if (key := f"preset/{slug}") not in known:
            with recorded(None, "Came with the installation"):
                _preset_add(slug, preset)
            added.append(key)
    for name in group_names():
        if (key := f"group/{name}") not in known:
            group_add(name)
            added.append(key)
    Starter.objects.bulk_create(Starter(key=key) for key in added)
    return added


def _preset_add(slug: str, preset: Preset) -> None:
    taken = Profile.objects.filter(slug=slug) | Profile.objects.filter(name=preset.name)
    if taken.exists():
        return
    profile = Profile.objects.create(
        slug=slug,
        name=preset.name,
        description=preset.description,
        model=preset.model,
        settings=preset.settings,
    )
    for name, value in preset.specs.items():
        spec = ParameterSpec(profile=profile, parameter=name)
        spec.raw = value
        spec.save()
    for position, (scorer, optimization, prompts, options) in enumerate(preset.scorers):
        ScorerSpec.objects.create(
            profile=profile,
            position=position,
            scorer=scorer,
            optimization=optimization,
            prompts=PromptSet.objects.get(slug=prompts),
            options=options,
        )
