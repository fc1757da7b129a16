"""The admin: presets, overrides and prompt sets to edit; studies, jobs and tokens to look after."""

from studies.admin import (
    accounts,
    jobs,
    overrides,
    presets,
    prompt_sets,
    studies,
    tokens,
)

__all__ = ["accounts", "jobs", "overrides", "presets", "prompt_sets", "studies", "tokens"]
