"""What of a model a study ablates, and the parameters that this takes."""

from collections.abc import Collection, Mapping, Sequence

from studies.engine.components import Site, components_of
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.methods.schema import GENERAL, Method
from studies.engine.parameters import Key
from studies.engine.problems import refuse
from studies.engine.study_settings import StudySettings
from studies.engine.targeting import FRACTIONS, INDICES, check_targets, untouched_layers
from studies.engine.targeting import SETTINGS as UNTOUCHED
from studies.engine.values import Value


def targeted_sites(sites: list[Site], settings: StudySettings, n_layers: int) -> list[Site]:
    """The sites that the study ablates.

    Raises:
        InvalidInputError: the model lacks a component or a layer that the settings name, or
            they leave nothing to ablate.
    """
    known = components_of(sites)
    check_targets(settings.target_components, known)
    targets = settings.target_components or known
    values = settings.model_dump(mode="json", include=set(UNTOUCHED))
    untouched = untouched_layers(values[INDICES], values[FRACTIONS], n_layers)
    left = [
        site for site in sites if site.component in targets and site.layer_index not in untouched
    ]
    if not left:
        message = f"leaves nothing to ablate: only other layers have {', '.join(targets)}"
        raise InvalidInputError([Problem(f"settings.{INDICES}", message)])
    return left


def fitting_values(
    method: Method, resolved: Mapping[Key, Value], components: Sequence[str]
) -> dict[Key, Value]:
    """The parameters of what is ablated: a component that this model lacks is left out.

    Raises:
        InvalidInputError: a component has no value.
    """
    keys = [
        Key(parameter.name, component)
        for parameter in method.parameters
        for component in (components if parameter.per_component else (GENERAL,))
    ]
    refuse([Problem(f"parameters.{key}", "has no value") for key in keys if key not in resolved])
    return {key: resolved[key] for key in keys}


def details_within(
    details: Mapping[str, object], ablated: Collection[tuple[str, int]]
) -> dict[str, object]:
    """A method's description of a trial, its kernel 0 where nothing is ablated.

    `ablated` holds (component, layer index).
    """
    if not isinstance(kernel := details.get("kernel"), Mapping):
        return dict(details)
    shown = {
        component: [
            weight if (component, layer_index) in ablated else 0.0
            for layer_index, weight in enumerate(weights)
        ]
        for component, weights in kernel.items()
    }
    return {**details, "kernel": shown}
