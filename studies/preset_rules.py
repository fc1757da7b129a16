"""What a preset or an override may not be, judged against the rows that there are."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from studies.engine.errors import EngineError, Problem
from studies.engine.override_rows import DUPLICATE, look_alike_problem, tie_problem
from studies.engine.parameters import Key
from studies.engine.problems import shown
from studies.engine.roots import OutsideRootsError, path_below
from studies.frozen import prompt_sets_used
from studies.models import ModelOverride, Profile, PromptSet

EXAMPLES = 3  # of what uses a preset


class PresetInUseError(EngineError):
    """A preset that others refer to; it can be deactivated, not deleted."""

    code = "preset_in_use"
    advice = "Deactivate it instead: it is then no longer offered for new studies."


def taken_problems(profile: Profile, columns: Mapping[str, Any]) -> list[Problem]:
    """Check that no other preset has the slug or the name."""
    others = Profile.objects.exclude(pk=profile.pk)
    return [
        Problem(name, f"a preset called {shown(columns[name])} exists already")
        for name in ("slug", "name")
        if columns.get(name) and others.filter(**{name: columns[name]}).exists()
    ]


def family_problems(profile: Profile, parent: Profile | None, method: str) -> list[Problem]:
    """Check what a preset is based on: no circle, and one method in the whole family."""
    if profile.pk and profile in _ancestry(parent):
        return [Problem("parent", "that preset is itself based on this one")]
    if parent is not None and parent.method != method:
        return [Problem("parent", f"that preset is for the method {parent.method}, not {method}")]
    if profile.pk and (child := profile.children.exclude(method=method).first()):
        text = f"the preset {shown(child.name)} is based on this one, for {child.method}"
        return [Problem("method", text)]
    return []


def _ancestry(profile: Profile | None) -> list[Profile]:
    line: list[Profile] = []
    while profile is not None and profile not in line:
        line.append(profile)
        profile = profile.parent
    return line


def model_problems(model: str) -> list[Problem]:
    """Check that a suggested model does not lead out of the model folders."""
    try:
        path_below(model, settings.MODEL_ROOTS) if model else None
    except OutsideRootsError as error:
        return [Problem("model", str(error))]
    return []


def prompt_set_problems(values: Mapping[str, Any]) -> list[Problem]:
    """Check that the prompt sets exist which settings name."""
    used = prompt_sets_used(values)
    known = set(PromptSet.objects.filter(slug__in=used).values_list("slug", flat=True))
    return [
        Problem(place, f"there is no prompt set {shown(slug)}")
        for slug, place in used.items()
        if slug not in known
    ]


def override_problems(row: ModelOverride) -> list[Problem]:
    """Check an override for every preset against the others of its method."""
    others = ModelOverride.objects.filter(profile__isnull=True, method=row.method)
    rows = others.exclude(pk=row.pk).values_list("pattern", "parameter", "component")
    claims = [(pattern, Key(parameter, component)) for pattern, parameter, component in rows]
    key = Key(row.parameter, row.component)
    if (row.pattern, key) in claims:
        return [Problem("pattern", f"{key} {DUPLICATE}")]
    message = look_alike_problem(row.pattern, (pattern for pattern, _ in claims))
    message = message or tie_problem(row.pattern, key, claims)
    return [Problem("pattern", message)] if message else []


def profile_uses(profile: Profile) -> str:
    """Say in a sentence what refers to a preset, or nothing."""
    kinds = (("study", "studies", profile.studies), ("preset", "presets", profile.children))
    parts = [_counted(one, many, rows.all()) for one, many, rows in kinds]
    used = " and ".join(part for part in parts if part)
    return f"The preset {shown(profile.name)} is used by {used}." if used else ""


def _counted(one: str, many: str, rows: QuerySet[Any]) -> str:
    names = [shown(name) for name in rows.values_list("name", flat=True)[: EXAMPLES + 1]]
    if not names:
        return ""
    count = rows.count()
    listed = ", ".join(names[:EXAMPLES]) + (", …" if len(names) > EXAMPLES else "")
    return f"{count} {one if count == 1 else many} ({listed})"
