"""Presets as TOML files: reading one in, writing one out."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser

from studies.engine.errors import Problem
from studies.models import Profile


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What a file became; `notes` name by place what of it was left out or added."""

    profile: Profile
    notes: Sequence[Problem] = ()


def profile_import(
    user: AbstractBaseUser | None,
    text: str | bytes,
    *,
    replace: bool = False,
    fallback_name: str = "",
) -> ImportResult:
    """Make a preset of a TOML file, or with `replace` put it in the place of one.

    `fallback_name` (of the file, say) serves where the text gives neither slug nor name.

    Raises:
        InvalidInputError: all that is wrong with the file, each fault with its line or place.
    """
    raise NotImplementedError


def profile_toml(profile: Profile) -> str:
    """Write a preset as a TOML file; `profile_import` reads it back unchanged."""
    raise NotImplementedError
