"""The page on which a study is put together; the API resolves and creates it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studies.engine import targeting
from studies.engine.methods import method_get
from studies.engine.methods.schema import Method, Parameter
from studies.engine.settings import settings_class
from studies.models import Profile, PromptSet, Study, Trial
from studies.permissions import RUN_STUDIES, require
from studies.selectors import (
    profiles_active,
    recent_models,
    studies_visible_to,
    studies_with_trials,
)

MAX_DIGITS = 9  # of a trial's number: what the database's integer columns hold
PROMPT_SETTINGS = {"good_prompts", "bad_prompts"}
Json = dict[str, Any]


@require_safe
@login_required
def study_new(request: HttpRequest) -> HttpResponse:
    """Offer models, presets and every value that can be changed for one study.

    With `?fork=ID` that study stands in the place of a preset; `?try=ID:NUMBER` names a trial
    whose parameters are to be tried first.
    """
    require(request.user, RUN_STUDIES)
    fork = _study_named(request, request.GET["fork"]) if "fork" in request.GET else None
    first = _trial_named(request, request.GET["try"]) if "try" in request.GET else None
    profiles = list(profiles_active())
    names = {fork.snapshot["method"]} if fork else {profile.method for profile in profiles}
    page_data = {
        "profiles": [_profile_out(profile) for profile in profiles],
        "methods": {name: _method_out(method_get(name)) for name in sorted(names)},
        "prompt_sets": list(PromptSet.objects.values("slug", "name")),
        "fork": fork and {"id": str(fork.pk), "method": fork.snapshot["method"]},
        "studies": studies_with_trials(request.user),
        "first": [_first_out(first)] if first else [],
    }
    context = {
        "profiles": profiles,
        "chosen": _preset_chosen(request, profiles, first),
        "models": recent_models(request.user),
        "model": first.study.model if first else "",
        "fork": fork,
        "page_data": page_data,
    }
    return render(request, "studies/new.html", context)


def _study_named(request: HttpRequest, text: str) -> Study:
    """Find a study by the id in an address.

    Raises:
        Http404: it is no id, or nothing that the user may see.
    """
    try:
        study_id = UUID(text)
    except ValueError as error:
        raise Http404 from error
    visible = studies_visible_to(request.user).select_related("profile")
    return get_object_or_404(visible, pk=study_id)


def _trial_named(request: HttpRequest, text: str) -> Trial:
    """Find a trial by ID:NUMBER.

    Raises:
        Http404: it is no such text, or nothing that the user may see.
    """
    study, _, number = text.partition(":")
    if not number.isascii() or not number.isdigit() or len(number) > MAX_DIGITS:
        raise Http404
    trials = _study_named(request, study).trials.select_related("study__profile")
    return get_object_or_404(trials, number=int(number))


def _preset_chosen(request: HttpRequest, profiles: Sequence[Profile], first: Trial | None) -> str:
    """The preset that is asked for, else that of the trial to try first, else the demo."""
    wanted = request.GET.get("preset") or (first.study.profile.slug if first else "")
    return wanted if wanted in [profile.slug for profile in profiles] else "demo"


def _profile_out(profile: Profile) -> Json:
    return {
        "slug": profile.slug,
        "name": profile.name,
        "description": profile.description,
        "model": profile.model,
        "method": profile.method,
    }


def _first_out(trial: Trial) -> Json:
    return {"study": str(trial.study_id), "number": trial.number, "name": trial.study.name}


def _method_out(method: Method) -> Json:
    properties = settings_class(method).model_json_schema()["properties"]
    return {
        "label": method.label,
        "description": method.description,
        "parameters": [_parameter_out(parameter) for parameter in method.parameters],
        "settings": [_setting_out(name, schema) for name, schema in properties.items()],
    }


def _parameter_out(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "unit": parameter.unit.value,
        "description": parameter.description,
        "choices": list(parameter.choices),
    }


def _setting_out(name: str, schema: Json) -> Json:
    """Say which field fits a setting, from its JSON schema."""
    variants = [schema, *schema.get("anyOf", []), *schema.get("oneOf", [])]
    kinds = {variant["type"] for variant in variants if "type" in variant}
    choices: list[str] = next((variant["enum"] for variant in variants if "enum" in variant), [])
    return {
        "name": name,
        "description": schema.get("description", ""),
        "kind": _field_kind(name, kinds, choices),
        "choices": choices,
    }


def _field_kind(name: str, kinds: set[str], choices: list[str]) -> str:
    if name in PROMPT_SETTINGS:
        return "prompts"
    if name in targeting.SETTINGS:
        return "spans"
    if choices:
        return "choice"
    for kind in ("boolean", "number", "integer", "string"):
        if kind in kinds:
            return kind
    return "json"
