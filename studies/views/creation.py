"""The page on which a study is put together; the API resolves and creates it."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studies.engine import targeting
from studies.engine.methods import method_get
from studies.engine.methods.schema import Method, Parameter
from studies.engine.settings import settings_class
from studies.models import PromptSet
from studies.permissions import RUN_STUDIES, require
from studies.selectors import profiles_active, recent_models

PROMPT_SETTINGS = {"good_prompts", "bad_prompts"}
Json = dict[str, Any]


@require_safe
@login_required
def study_new(request: HttpRequest) -> HttpResponse:
    """Offer models, presets and every value that can be changed for one study."""
    require(request.user, RUN_STUDIES)
    profiles = list(profiles_active())
    methods = {profile.method: method_get(profile.method) for profile in profiles}
    wanted = request.GET.get("preset", "")
    page_data = {
        "profiles": [
            {
                "slug": profile.slug,
                "name": profile.name,
                "description": profile.description,
                "model": profile.model,
                "method": profile.method,
            }
            for profile in profiles
        ],
        "methods": {name: _method_out(method) for name, method in methods.items()},
        "prompt_sets": list(PromptSet.objects.values("slug", "name")),
    }
    slugs = [profile.slug for profile in profiles]
    context = {
        "profiles": profiles,
        "chosen": wanted if wanted in slugs else "demo",
        "models": recent_models(request.user),
        "page_data": page_data,
    }
    return render(request, "studies/new.html", context)


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
