"""The versions of presets: who made each, when, why, and what the preset said then."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import reversion
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.signals import post_save, pre_delete, pre_save
from reversion.models import Version

from studies.contents import Contents, contents_from, contents_of
from studies.models import ModelOverride, ParameterSpec, Profile, PromptSet, ScorerSpec

FIRST: Final = "As it was before its first recorded change"
UNRECORDED: Final = "Changed without a record"
ROWS: Final = (ParameterSpec, ModelOverride, ScorerSpec)
_touched: ContextVar[set[int] | None] = ContextVar("touched presets", default=None)

for _row in ROWS:
    reversion.register(_row)
reversion.register(
    Profile, exclude=("created_at", "updated_at"), follow=("specs", "overrides", "scorers")
)


@dataclass(frozen=True, slots=True)
class PresetVersion:
    """What a preset said from some moment on."""

    id: int
    at: datetime
    user: str  # "" where nobody was logged in, or the account is gone
    comment: str
    contents: Contents


@contextmanager
def recorded(user: AbstractBaseUser | None, comment: str) -> Iterator[None]:
    """Run the block in a transaction and keep each preset that it changed as a new version.

    Saved and deleted rows count, and with them whatever else of their preset changed. A block
    inside another is part of that one's version. What changes nothing makes no version.
    """
    if _touched.get() is not None:
        yield
        return
    touched: set[int] = set()
    token = _touched.set(touched)
    try:
        with transaction.atomic():
            yield
            for profile in Profile.objects.filter(pk__in=touched):
                _keep_if_new(profile, user, comment)
    finally:
        _touched.reset(token)


def versions_of(profile: Profile) -> QuerySet[Version]:
    """The stored versions of a preset, the newest first; `version_read` makes sense of them."""
    stored: QuerySet[Version] = Version.objects.get_for_object(profile)
    return (
        stored.select_related("revision__user")
        .prefetch_related("revision__version_set__content_type")
        .order_by("-pk")
    )


def version_read(stored: Version) -> PresetVersion:
    """What a preset said in a stored version; rows deleted since are read as they were."""
    rows: dict[type[Model], list[Any]] = {Profile: [], **{model: [] for model in ROWS}}
    for part in stored.revision.version_set.all():
        model = part.content_type.model_class()
        rows[model].append(model(**part.field_dict))
    profile = next(row for row in rows[Profile] if str(row.pk) == stored.object_id)
    _fill_names(profile, rows[ScorerSpec])
    revision = stored.revision
    return PresetVersion(
        id=stored.pk,
        at=revision.date_created,
        user=revision.user.get_username() if revision.user else "",
        comment=revision.comment,
        contents=contents_from(
            profile, rows[ParameterSpec], rows[ModelOverride], rows[ScorerSpec]
        ),
    )


def _fill_names(profile: Profile, scorers: Sequence[ScorerSpec]) -> None:
    """Find what the rows refer to; a name in brackets stands for what is gone."""
    if profile.parent_id is not None:
        parent = Profile.objects.filter(pk=profile.parent_id).first()
        profile.parent = parent or Profile(slug=f"(deleted preset {profile.parent_id})")
    known = PromptSet.objects.in_bulk([row.prompts_id for row in scorers])
    for row in scorers:
        gone = PromptSet(slug=f"(deleted prompt set {row.prompts_id})")
        row.prompts = known.get(row.prompts_id, gone)


def _keep_if_new(profile: Profile, user: AbstractBaseUser | None, comment: str) -> None:
    last = versions_of(profile).first()
    if last is not None and version_read(last).contents == contents_of(profile):
        return
    with reversion.create_revision(manage_manually=True):
        reversion.add_to_revision(profile)
        reversion.set_user(user)
        reversion.set_comment(comment)


def _before_change(sender: type[Model], instance: Model, **_: object) -> None:
    """Keep what a preset said before its first change, if no version has that yet."""
    touched, profile_id = _touched.get(), _profile_id(instance)
    if touched is None or profile_id is None or profile_id in touched:
        return
    touched.add(profile_id)
    if profile := Profile.objects.filter(pk=profile_id).first():
        _keep_if_new(profile, None, UNRECORDED if versions_of(profile).exists() else FIRST)


def _after_save(sender: type[Model], instance: Model, **_: object) -> None:
    touched, profile_id = _touched.get(), _profile_id(instance)
    if touched is not None and profile_id is not None:
        touched.add(profile_id)


def _profile_id(instance: Model) -> int | None:
    profile_id: int | None = (
        instance.pk if isinstance(instance, Profile) else getattr(instance, "profile_id", None)
    )
    return profile_id


for _model in (Profile, *ROWS):
    pre_save.connect(_before_change, sender=_model)
    pre_delete.connect(_before_change, sender=_model)
    post_save.connect(_after_save, sender=_model)
