"""Reads version 3 of the reference tool's `reproduce.json` (Heretic) as a study of ours.

Its positions are layers, ours are fractions of the last layer's index; its weights are stored
as an adapter of low rank, ours exactly. What cannot be taken over is said, never guessed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.problems import got, kind_of, refuse_depth, shown
from studies.engine.scorer_settings import SCORERS

VERSION: Final = "3"
METHOD: Final = "directional"
SAME: Final = (
    "seed", "system_prompt", "response_prefix", "max_response_length", "batch_size",
    "max_batch_size", "dtypes", "row_normalization", "orthogonalize_direction",
    "winsorization_quantile", "chain_of_thought_skips", "model_commit",
)  # fmt: skip
READ: Final = (*SAME, "model", "good_prompts", "bad_prompts", "scorers", "scorer")
PROMPT_FIELDS: Final = (
    "dataset", "commit", "split", "column", "prefix", "suffix", "system_prompt"
)  # fmt: skip
# What its scorers read unless told otherwise.
SCORED: Final[Mapping[str, Mapping[str, str]]] = {
    "KeywordRate": {"dataset": "mlabonne/harmful_behaviors"},
    "KLDivergence": {"dataset": "mlabonne/harmless_alpaca"},
}
ITS_HASHES: Final = (
    "The reference stores the change as an adapter of low rank, here it is exact: "
    "the weights will differ from its hashes, the scores a little."
)


@dataclass(slots=True)
class ReferenceStudy:
    """What the file comes to here."""

    model: str
    parameters: dict[str, Any]
    settings: dict[str, Any]
    prompts: dict[str, dict[str, str]]  # slug -> a dataset of the hub
    versions: dict[str, str]  # package -> version
    differences: list[str] = field(default_factory=list)


def is_reference(raw: object) -> bool:
    """Whether this looks like a file of the reference tool, of any version."""
    return isinstance(raw, Mapping) and "format" not in raw and "parameters" in raw


def read_reference(raw: Mapping[str, Any], n_layers: int | None) -> ReferenceStudy:
    """Translate a file of version 3; `n_layers` are the model's.

    Raises:
        InvalidInputError: another version, a part is missing or no such part, or the number
            of layers is not known.
    """
    refuse_depth("bundle", raw)
    if str(raw.get("version")) != VERSION:
        message = (
            f'must be "{VERSION}", the only version that can be read{got(raw.get("version"))}'
        )
        raise InvalidInputError([Problem("version", message)])
    settings = _table(raw, "settings", "settings")
    model = settings.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidInputError([Problem("settings.model", "is required")])
    study = ReferenceStudy(model, {}, {}, {}, _versions(raw), [ITS_HASHES])
    study.settings = {name: settings[name] for name in SAME if settings.get(name) is not None}
    _read_prompts(study, settings)
    _read_scorers(study, settings)
    _tell_rest(study, settings)
    study.parameters = _parameters(study, _table(raw, "parameters", "parameters"), n_layers)
    return study


def _table(raw: Mapping[str, Any], name: str, place: str) -> Mapping[str, Any]:
    value = raw.get(name)
    if not isinstance(value, Mapping):
        raise InvalidInputError([Problem(place, f"must be a table, not {kind_of(value)}")])
    return value


def _versions(raw: Mapping[str, Any]) -> dict[str, str]:
    environment = raw.get("environment")
    told = environment if isinstance(environment, Mapping) else {}
    required = told.get("requirements")
    versions = required if isinstance(required, Mapping) else {}
    torch = {"torch": told["pytorch_version"]} if "pytorch_version" in told else {}
    return {str(k): str(v)[:100] for k, v in list({**versions, **torch}.items())[:2000]}


def _read_prompts(study: ReferenceStudy, settings: Mapping[str, Any]) -> None:
    for name, slug in (("good_prompts", "reference-good"), ("bad_prompts", "reference-bad")):
        spec = _table(settings, name, f"settings.{name}")
        study.prompts[slug] = _prompt_set(spec, f"settings.{name}")
        study.settings[name] = slug


def _prompt_set(spec: Mapping[str, Any], place: str) -> dict[str, str]:
    found = {}
    for name in PROMPT_FIELDS:
        value = spec.get(name)
        if value is not None and not isinstance(value, str):
            message = f"must be text, not {kind_of(value)}"
            raise InvalidInputError([Problem(f"{place}.{name}", message)])
        found[name] = value or ""
    if not found["dataset"] or not found["column"]:
        raise InvalidInputError([Problem(place, "names no column of a dataset of the hub")])
    return found


def _read_scorers(study: ReferenceStudy, settings: Mapping[str, Any]) -> None:
    rows = settings.get("scorers")
    if not isinstance(rows, list):
        raise InvalidInputError(
            [Problem("settings.scorers", f"must be a list, not {kind_of(rows)}")]
        )
    taken = [
        scorer
        for index, row in enumerate(rows[:20])
        if (scorer := _scorer(study, settings, row, index)) is not None
    ]
    study.settings["scorers"] = taken


def _scorer(
    study: ReferenceStudy, settings: Mapping[str, Any], row: object, index: int
) -> dict[str, Any] | None:
    place = f"settings.scorers[{index}]"
    if not isinstance(row, Mapping):
        raise InvalidInputError([Problem(place, f"must be a table, not {kind_of(row)}")])
    # A dotted or file path is only a name here: nothing is ever imported by it.
    kind = str(row.get("plugin", "")).replace(":", ".").rpartition(".")[2]
    if kind not in SCORERS:
        study.differences.append(f"The scorer {shown(str(row.get('plugin')))} is left out.")
        return None
    own = _own_settings(settings, kind, row.get("instance_name"))
    spec = own.get("prompts")
    if not isinstance(spec, Mapping):
        spec = {
            **SCORED.get(kind, SCORED["KLDivergence"]),
            "split": "test[:100]",
            "column": "text",
        }
        study.differences.append(f"{kind} names no prompts: the reference's usual ones are taken.")
    slug = f"reference-scorer-{index}"
    study.prompts[slug] = _prompt_set(spec, f"{place}.prompts")
    chosen: dict[str, Any] = {"prompts": slug}
    if kind == "KeywordRate" and own.get("keyword_markers"):
        chosen["keyword_markers"] = own["keyword_markers"]
    name = {"name": row["instance_name"]} if row.get("instance_name") else {}
    optimization = {k: row[k] for k in ("optimization",) if row.get(k)}
    return {"scorer": kind, "settings": chosen, **name, **optimization}


def _own_settings(settings: Mapping[str, Any], kind: str, instance: object) -> Mapping[str, Any]:
    nested = settings.get("scorer")
    for table in (nested if isinstance(nested, Mapping) else {}, settings):
        for key in (f"{kind}_{instance}", instance, kind):
            if isinstance(key, str) and isinstance(table.get(key), Mapping):
                return dict(table[key])
    return {}


def _tell_rest(study: ReferenceStudy, settings: Mapping[str, Any]) -> None:
    if settings.get("quantization", "none") != "none":
        study.differences.append("It was quantised there; here it is loaded in full precision.")
    rest = sorted(str(name) for name in settings if name not in (*READ, *SCORERS, "quantization"))
    if rest:
        listed = ", ".join(shown(name) for name in rest[:50])
        study.differences.append(f"Settings that mean nothing here are left out: {listed}.")


def _parameters(
    study: ReferenceStudy, raw: Mapping[str, Any], n_layers: int | None
) -> dict[str, Any]:
    if n_layers is None or n_layers < 2:
        message = "is needed, since this model's layers are not known here before it is loaded"
        raise InvalidInputError([Problem("n_layers", message)])
    last = n_layers - 1
    place = "parameters.abliteration_parameters"
    components = _table(raw, "abliteration_parameters", place)
    parameters: dict[str, Any] = {}
    for component, values in components.items():
        at = f'{place}["{component}"]'
        if not isinstance(values, Mapping):
            raise InvalidInputError([Problem(at, f"must be a table, not {kind_of(values)}")])
        for name, value in _component(study, str(component), values, last, at):
            parameters.setdefault(name, {})[component] = value
    index = raw.get("direction_index")
    scope = "per layer" if index is None else "global"
    fraction = 0.5 if index is None else _fraction(study, "direction_index", index, last)
    return parameters | {"direction_scope": scope, "direction_fraction": fraction}


def _component(
    study: ReferenceStudy, component: str, values: Mapping[str, Any], last: int, place: str
) -> Iterator[tuple[str, float]]:
    names = ("max_weight", "max_weight_position", "min_weight", "min_weight_distance")
    for name in names:
        _number(values.get(name), f"{place}.{name}")
    most = float(values["max_weight"])
    yield "max_weight", most
    at = f"{component}: max_weight_position"
    position = _fraction(study, at, values["max_weight_position"], last)
    yield "max_weight_position_fraction", position
    share = float(values["min_weight"]) / most if most > 0 else 0.0
    yield "min_weight_relative", _within(study, f"{component}: min_weight", share)
    at = f"{component}: min_weight_distance"
    distance = _fraction(study, at, values["min_weight_distance"], last)
    yield "min_weight_distance_fraction", distance


def _fraction(study: ReferenceStudy, name: str, value: object, last: int) -> float:
    return _within(study, name, _number(value, f"parameters.{name}") / last)


def _within(study: ReferenceStudy, name: str, share: float) -> float:
    kept = min(max(share, 0.0), 1.0)
    if kept != share:
        study.differences.append(f"{name} lies outside of the model and is cut to its edge.")
    return kept


def _number(value: object, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 10**6:
        raise InvalidInputError([Problem(place, f"must be a number{got(value)}")])
    return float(value)
