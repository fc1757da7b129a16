"""The read-only table of what a preset resolves to for a model, and who decided."""

from typing import Any

from studies.admin.setting_values import setting_display
from studies.engine.errors import EngineError
from studies.models import Profile
from studies.parameters import Resolution, profile_resolve, value_display

Json = dict[str, Any]


def resolved_context(profile: Profile, model: str) -> Json:
    """Template context: the rows, or the sentences that say why there are none."""
    model = model.strip()[:300]
    context: Json = {"resolved_model": model, "resolved_profile": profile}
    try:
        resolution = profile_resolve(profile, model)
    except EngineError as error:
        return context | {"resolved_problems": [str(problem) for problem in error.problems]}
    table = resolution.as_json()
    return context | {
        "resolved_parameters": [_parameter_row(row) for row in table["parameters"]],
        "resolved_settings": [_setting_row(row) for row in table["settings"]],
        "resolved_n_layers": resolution.n_layers,
        "resolved_n_sampled": sum(row["sampled"] for row in table["parameters"]),
        "resolved_gaps": _gaps(resolution),
    }


def _gaps(resolution: Resolution) -> list[str]:
    """What a study started now would be refused for."""
    try:
        resolution.check()
    except EngineError as error:
        return [str(problem) for problem in error.problems]
    return []


def _parameter_row(row: Json) -> Json:
    layers = row["layers"]
    return row | {"layers": layers_display(layers) if layers is not None else ""}


def _setting_row(row: Json) -> Json:
    name = row["name"]
    earlier = [{**old, "display": setting_display(name, old["value"])} for old in row["chain"]]
    display = setting_display(name, row["value"])
    if row.get("layers") is not None:
        display += f" (layers {', '.join(map(str, row['layers'])) or 'none'})"
    return row | {"display": display, "chain": earlier}


def layers_display(layers: object) -> str:
    """Write derived layer indices with one decimal place."""
    if isinstance(layers, dict):
        return f"{layers['low']:.1f} … {layers['high']:.1f}"
    if isinstance(layers, list):
        return " | ".join(f"{one:.1f}" for one in layers)
    return f"{layers:.1f}" if isinstance(layers, int | float) else value_display(layers)
