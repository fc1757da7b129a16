"""Bringing back what a preset said before."""

from django.contrib.auth.models import AbstractBaseUser

from studies.commands.preset_rows import comments_write
from studies.commands.presets import profile_update
from studies.history import PresetVersion, recorded
from studies.models import Profile


def profile_restore(
    user: AbstractBaseUser | None, profile: Profile, version: PresetVersion
) -> Profile:
    """Let a preset say again what a version of it said, as a new version.

    Raises:
        InvalidInputError: it can no longer be said: a name is taken, a prompt set is gone …
    """
    with recorded(user, f"Restored the version of {version.at:%Y-%m-%d %H:%M:%S} UTC"):
        restored = profile_update(user, profile, version.contents.document())
        comments_write(restored, version.contents.comments)
    return restored
