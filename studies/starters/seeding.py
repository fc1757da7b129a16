"""Gives a new installation its starters, each once."""

import logging
from pathlib import Path

from django.db import transaction

from studies.commands import profile_import
from studies.engine.errors import InvalidInputError
from studies.engine.toml.preset import parse_preset
from studies.history import recorded
from studies.models import Profile, PromptSet, Starter
from studies.starters.groups import group_add, group_names
from studies.starters.prompt_sets import PROMPT_SETS

logger = logging.getLogger(__name__)
PRESET_FILES = ("demo.toml", "refusals.toml", "no-slop.toml", "no-humour.toml")
FOLDER = Path(__file__).resolve().parent


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
    for file in PRESET_FILES:
        key = f"preset/{file.removesuffix('.toml')}"
        if key not in known and _preset_add((FOLDER / file).read_bytes(), key):
            added.append(key)
    for name in group_names():
        if (key := f"group/{name}") not in known:
            group_add(name)
            added.append(key)
    Starter.objects.bulk_create(Starter(key=key) for key in added)
    return added


def _preset_add(text: bytes, key: str) -> bool:
    """Import a starter unless a user has taken its slug or name; say whether that is done with."""
    preset = parse_preset(text)
    taken = Profile.objects.filter(slug=preset.slug) | Profile.objects.filter(name=preset.name)
    if taken.exists():
        return True
    try:
        with recorded(None, "Came with the installation"):
            profile_import(None, text)
    except InvalidInputError:
        # A user may have deleted a prompt set that it needs; it is tried again next time.
        logger.exception("a starter preset could not be added", extra={"starter": key})
        return False
    return True
