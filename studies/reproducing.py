"""Turns a reproduction bundle, ours or the reference tool's, into a study that can be built."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from studies.engine.bundle import (
    PACKAGES,
    Bundle,
    BundlePrompts,
    Difference,
    environment_differences,
    parse_bundle,
)
from studies.engine.errors import InvalidInputError, Problem, PromptSetError
from studies.engine.prompt_sources import check_dataset_name, digest, parse_split
from studies.engine.reference_bundle import METHOD, is_reference, read_reference
from studies.frozen import DATASET_COLUMNS, prompt_set_lines
from studies.models import FrozenPrompts, Profile, PromptSet
from studies.parameters import Resolution, model_facts, profile_resolve

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be built, before anything is stored."""

    model: str
    profile: Profile
    resolution: Resolution
    prompts: Json  # as a study's snapshot has them
    bundle: Bundle | None  # None: of the reference tool, whose hashes cannot be met
    differences: list[Difference]
    notes: list[str]

    def as_json(self) -> Json:
        """The plan as page and API show it."""
        return {
            "model": self.model,
            "comparable": self.bundle is not None,
            "resolved": self.resolution.as_json(),
            "differences": [one._asdict() for one in self.differences],
            "notes": self.notes,
        }


def reproduction_plan(
    raw: object, *, profile: Profile | None = None, model: str = "", n_layers: int | None = None
) -> Plan:
    """Read a bundle that somebody hands in; `model` names the original where it lies here.

    Raises:
        InvalidInputError: it is no bundle, names what is not known, or prompts are not here.
        EngineError: the model's name cannot be taken.
    """
    if isinstance(raw, Mapping) and is_reference(raw):
        return _reference_plan(raw, profile, model, n_layers)
    bundle = parse_bundle(raw)
    if bundle.model.commit and not model:
        settings = bundle.settings | {"model_commit": bundle.model.commit}
    else:
        settings = dict(bundle.settings)
    chosen = model or bundle.model.name
    preset = profile or _preset(bundle.method)
    if preset.method != bundle.method:
        raise InvalidInputError([Problem("profile", f"has another method than {bundle.method}")])
    return Plan(
        model=chosen,
        profile=preset,
        resolution=_resolved(preset, chosen, bundle.parameters, settings, n_layers),
        prompts=_prompts_here(bundle.prompts, str(settings.get("system_prompt") or "")),
        bundle=bundle,
        differences=_differences(bundle.environment),
        notes=[],
    )


def _reference_plan(
    raw: Mapping[str, Any], profile: Profile | None, model: str, n_layers: int | None
) -> Plan:
    settings = raw.get("settings")
    named = settings.get("model", "") if isinstance(settings, Mapping) else ""
    chosen = model or str(named)
    facts = model_facts(chosen)
    read = read_reference(raw, n_layers or (facts.n_layers if facts else None))
    prompts = {
        slug: {"name": slug, "source": "dataset", "digest": "", "count": None}
        | {"dataset": _dataset(slug, source, f"prompts.{slug}")}
        for slug, source in read.prompts.items()
    }
    preset = profile or _preset(METHOD)
    return Plan(
        model=chosen,
        profile=preset,
        resolution=_resolved(preset, chosen, read.parameters, read.settings, n_layers),
        prompts=prompts,
        bundle=None,
        differences=_differences(read.versions),
        notes=read.differences,
    )


def _preset(method: str) -> Profile:
    """A preset of that method; every value that it has is replaced by the bundle's."""
    preset = Profile.objects.filter(method=method, is_active=True).order_by("pk").first()
    if preset is None:
        raise InvalidInputError([Problem("profile", f"there is no preset of the method {method}")])
    return preset


def _resolved(
    preset: Profile,
    model: str,
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
    n_layers: int | None,
) -> Resolution:
    one = dict(settings) | {"n_trials": 1}
    resolution = profile_resolve(
        preset, model, parameters=parameters, settings=one, n_layers=n_layers
    )
    resolution.check()
    open_ones = [str(r["name"]) for r in resolution.as_json()["parameters"] if r["sampled"]]
    if open_ones:
        message = f"leaves {', '.join(sorted(set(open_ones)))} open; one trial needs every value"
        raise InvalidInputError([Problem("parameters", message)])
    return resolution


def _prompts_here(wanted: Mapping[str, BundlePrompts], default_system: str) -> Json:
    """Find the prompts of a bundle by their digests: kept ones, prompt sets, datasets.

    Raises:
        InvalidInputError: some are not on this installation, each with its place.
    """
    known = FrozenPrompts.objects.in_bulk([row.digest for row in wanted.values()])
    found: Json = {}
    problems = []
    for slug, row in wanted.items():
        base = {"name": row.name, "source": "text", "digest": row.digest, "count": row.count}
        if row.digest in known or prompt_set_digest(slug, default_system) == row.digest:
            found[slug] = base
        elif row.dataset:
            source = row.model_dump(include={*DATASET_COLUMNS})
            dataset = _dataset(slug, {k: v or "" for k, v in source.items()}, f"prompts.{slug}")
            found[slug] = base | {
                "source": "dataset", "digest": "", "count": None, "dataset": dataset,
                "expected": row.digest,
            }  # fmt: skip
        else:
            message = f'are not here: make a prompt set "{slug}" of the same {row.count} prompts'
            problems.append(Problem(f"prompts.{slug}", message))
    if problems:
        raise InvalidInputError(problems)
    return found


def prompt_set_digest(slug: str, default_system: str) -> str:
    """The digest of a typed or file prompt set as it is now; empty if there is none."""
    prompt_set = PromptSet.objects.filter(slug=slug).exclude(source="dataset").first()
    if prompt_set is None:
        return ""
    try:
        lines = prompt_set_lines(prompt_set)
    except PromptSetError:
        return ""
    return digest(lines, prompt_set.system_prompt or default_system)


def _dataset(slug: str, source: Mapping[str, str], place: str) -> dict[str, str]:
    try:
        check_dataset_name(source["dataset"], f"{place}.dataset")
        parse_split(source["split"] or "train", f"{place}.split")
    except PromptSetError as error:
        raise InvalidInputError([Problem(place, str(error))]) from error
    named = {name: source.get(name, "") for name in DATASET_COLUMNS if name != "slug"}
    return named | {"slug": slug, "split": source["split"] or "train"}


def _differences(then: Mapping[str, str]) -> list[Difference]:
    """What differs from the packages of this process; the worker tells of its device later."""
    now = {name: here for name in PACKAGES if (here := _installed(name))}
    told = {name: value for name, value in then.items() if name in now}
    return environment_differences(told, {name: now[name] for name in told})


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
