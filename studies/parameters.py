"""Loads presets and overrides from the database and resolves them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.conf import settings
from django.db.models import Q

from studies.engine import parameters as engine
from studies.engine import targeting
from studies.engine.errors import EngineError, InvalidInputError, Problem
from studies.engine.methods import method_get
from studies.engine.methods.schema import Method
from studies.engine.model_files import ModelFacts, cached_facts, inspect_model, locate_model
from studies.engine.parameters import Key, Layer, Resolved
from studies.engine.settings import (
    ResolvedSetting,
    complete_settings,
    parse_settings,
    resolve_settings,
)
from studies.engine.values import Value, is_sampled, parse_value, value_to_json
from studies.models import ModelOverride, Profile, SpecColumns

STUDY = "this study"  # the layer of values given for one study
DRAWN = "drawn for this study"  # the source of a seed that nobody set
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a study would run with, and who decided each part of it."""

    method: Method
    parameters: Mapping[Key, Resolved]
    settings: Mapping[str, ResolvedSetting]
    n_layers: int | None = None
    # Of components that only some families have, while it is unknown which this model has.
    further: Mapping[Key, Resolved] = field(default_factory=dict)

    @property
    def space(self) -> dict[Key, Value]:
        """The search space by itself."""
        return {key: resolved.value for key, resolved in self.parameters.items()}

    def as_json(self) -> dict[str, list[Json]]:
        """The table that pages, the admin and the API show, and that a study freezes."""
        return {
            "parameters": [self._parameter(r) for r in self.parameters.values()],
            "settings": [self._setting(s) for s in self.settings.values()],
        }

    def further_json(self) -> list[Json]:
        """Rows that a study freezes for the worker, which keeps those of the model's components."""
        return [self._parameter(r) for r in self.further.values()]

    def check(self) -> None:
        """Refuse settings that are incomplete or contradict each other.

        Raises:
            InvalidInputError: with every such setting.
        """
        complete_settings(self.method, {s.name: s.value for s in self.settings.values()})

    def _setting(self, s: ResolvedSetting) -> Json:
        row = {"name": s.name, "value": s.value, "source": s.source, "chain": _chain(s.chain)}
        if s.name in targeting.SETTINGS and s.value and self.n_layers:
            row["layers"] = targeting.layers_of(s.name, cast(list[object], s.value), self.n_layers)
        return row

    def _parameter(self, resolved: Resolved) -> Json:
        key, value = resolved.key, resolved.value
        derived = self.n_layers and engine.derived_layers(self.method, key, value, self.n_layers)
        chain = [(source, value_to_json(old)) for source, old in resolved.chain]
        return {
            "name": key.name,
            "component": key.component,
            "value": value_to_json(value),
            "display": value_display(value_to_json(value)),
            "source": resolved.source,
            "chain": _chain(chain),
            "sampled": is_sampled(value),
            "layers": derived or None,
        }


def profile_resolve(
    profile: Profile,
    model: str = "",
    *,
    parameters: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    n_layers: int | None = None,
) -> Resolution:
    """Resolve a preset for a model, with the study's own values on top.

    Raises:
        InvalidInputError: the study's values, or a stored row that was edited past the
            checks, cannot be taken; every fault with its place.
    """
    method = method_get(profile.method)
    own_parameters, own_settings, problems = study_values(method, parameters, settings)
    if problems:
        raise InvalidInputError(problems)
    ancestry = _ancestry(profile)
    layers = [
        *(_profile_layer(method, preset) for preset in ancestry),
        *_override_layers(method, model, ancestry),
        Layer(STUDY, own_parameters),
    ]
    setting_layers = [(p.name, profile_settings(p)) for p in ancestry] + [(STUDY, own_settings)]
    resolved_settings = resolve_settings(method, setting_layers)
    facts = model_facts(model)
    if n_layers is None and facts:
        n_layers = facts.n_layers
    shown, further = components_asked(method, facts, n_layers, resolved_settings)
    rest = engine.resolve(method, layers, further)
    return Resolution(
        method=method,
        parameters=engine.resolve(method, layers, shown),
        settings=resolved_settings,
        n_layers=n_layers,
        further={key: one for key, one in rest.items() if key.component},
    )


def components_asked(
    method: Method,
    facts: ModelFacts | None,
    n_layers: int | None,
    settings: Mapping[str, ResolvedSetting],
) -> tuple[list[str], list[str]]:
    """The components of the table, and those that the model may turn out to have as well.

    Raises:
        InvalidInputError: the settings name a component or a layer that the model lacks.
    """
    names = (*targeting.SETTINGS, "target_components")
    # Stored settings may have been edited past the checks.
    parse_settings(method, {name: settings[name].value for name in names})
    values = {name: cast(Any, settings[name].value) for name in names}
    if n_layers is not None:
        indices, fractions = values[targeting.INDICES], values[targeting.FRACTIONS]
        targeting.untouched_layers(indices, fractions, n_layers)
    model, targets = facts.components if facts else (), values["target_components"]
    if model:
        targeting.check_targets(targets, model)
    return targeting.table_components(method.known_components, method.components, model, targets)


def profile_settings(profile: Profile) -> Json:
    """The settings that a preset sets itself, its scorer rows included."""
    scorers = [row.raw for row in profile.scorers.select_related("prompts")]
    return {**profile.settings, **({"scorers": scorers} if scorers else {})}


def model_facts(model: str) -> ModelFacts | None:
    """What the files of a local or cached model say of it, read without loading weights."""
    if not model:
        return None
    try:
        ref = locate_model(model, settings.MODEL_ROOTS)
        return inspect_model(ref.path) if ref.path else cached_facts(ref.source)
    except EngineError:
        return None


def model_n_layers(model: str) -> int | None:
    """The layer count of a local or cached model."""
    facts = model_facts(model)
    return facts.n_layers if facts else None


def snapshot_settle(snapshot: Json, components: Iterable[str], n_layers: int) -> Json:
    """Fit a study's frozen table to its model, once that is loaded: components and layers."""
    method, present = method_get(snapshot["method"]), {"", *components}
    rows = [*snapshot["parameters"], *snapshot.get("further_parameters", [])]
    fitting = [row for row in rows if row["component"] in present]
    for row in fitting:
        key, value = Key(row["name"], row["component"]), parse_value("", row["value"])
        row["layers"] = engine.derived_layers(method, key, value, n_layers)
    for row in snapshot["settings"]:
        if row["name"] in targeting.SETTINGS and row["value"]:
            row["layers"] = targeting.layers_of(row["name"], row["value"], n_layers)
    return {**snapshot, "parameters": fitting, "further_parameters": [], "n_layers": n_layers}


def value_display(value: object) -> str:
    """Write a value as a person reads it: 0.4 … 0.9, global | per layer, 1."""
    if isinstance(value, Mapping) and "low" in value:
        extras = [name for name in ("log", "integer") if value.get(name)]
        if value.get("step"):
            extras.append(f"step {value['step']}")
        end = f" ({', '.join(extras)})" if extras else ""
        return f"{value['low']} … {value['high']}{end}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " | ".join(map(str, value))
    return str(value)


def study_values(
    method: Method, parameters: Mapping[str, Any] | None, settings: Mapping[str, Any] | None
) -> tuple[Mapping[Key, Any], Json, list[Problem]]:
    """Read what was given for one study; both halves report their faults together."""
    problems: list[Problem] = []
    own_parameters: Mapping[Key, Any] = {}
    own_settings: Json = {}
    try:
        own_parameters = engine.parse_parameters(method, parameters or {})
    except InvalidInputError as error:
        problems += error.problems
    try:
        own_settings = dict(parse_settings(method, settings or {}))
    except InvalidInputError as error:
        problems += error.problems
    return own_parameters, own_settings, problems


def _ancestry(profile: Profile) -> list[Profile]:
    """The preset with those that it is based on, the oldest first.

    Raises:
        InvalidInputError: the presets are based on each other in a circle, or one of them is
            for another method.
    """
    line: list[Profile] = []
    current: Profile | None = profile
    while current is not None:
        if current in line:
            names = " → ".join(p.name for p in [*line, current])
            raise InvalidInputError([Problem("parent", f"presets are based in a circle: {names}")])
        if current.method != profile.method:
            message = f"{current.name} is for another method, {current.method}"
            raise InvalidInputError([Problem("parent", message)])
        line.append(current)
        current = current.parent
    return line[::-1]


def _profile_layer(method: Method, profile: Profile) -> Layer:
    return Layer(profile.name, _row_values(method, profile.specs.all()))


def _override_layers(method: Method, model: str, ancestry: Sequence[Profile]) -> list[Layer]:
    """Overrides for this model: global ones first, then each preset's, vague to specific."""
    rows = ModelOverride.objects.filter(
        Q(profile__isnull=True, method=method.name) | Q(profile__in=ancestry)
    )
    layers = []
    for owner in (None, *ancestry):
        owned = [row for row in rows if row.profile_id == (owner.pk if owner else None)]
        for pattern in engine.match_order({row.pattern for row in owned}, model):
            values = _row_values(method, [row for row in owned if row.pattern == pattern])
            kind = f"override of {owner.name}" if owner else "model override"
            layers.append(Layer(f"{kind}: {pattern}", values))
    return layers


def _row_values(method: Method, rows: Iterable[SpecColumns]) -> dict[Key, Any]:
    values = {}
    for row in rows:
        key = Key(row.parameter, row.component)
        values[key] = engine.read_value(method, key, row.raw, row.place)
    return values


def _chain(chain: Iterable[tuple[str, Any]]) -> list[Json]:
    return [
        {"source": source, "value": value, "display": value_display(value)}
        for source, value in chain
    ]
