"""The presets, prompt sets and groups that a new installation begins with."""

from studies.starters.seeding import starters_seed

__all__ = ["starters_seed"]
