"""What of a model a study ablates, whatever its method: which components, and which layers not.

Layers are typed as indices or as fractions of the last layer's index.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, Field, Tag, ValidationInfo, field_validator

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.limits import Number, tagger, union
from studies.engine.problems import got, place_at, refuse
from studies.engine.tables import TAG, Path, Table, fault, faults

INDICES: Final = "untouched_layers"
FRACTIONS: Final = "untouched_layer_fractions"
SETTINGS: Final = (INDICES, FRACTIONS)  # lists of numbers and of {low, high}
MAX_LAYERS: Final = 10_000
MAX_ENTRIES: Final = 200
_SLACK: Final = 1e-9  # layers: 0.3 of 10 is layer 3, also in floating point


def _fraction(number: int | float) -> int | float:
    if not 0 <= number <= 1:
        raise fault(f"must be within 0 and 1, a fraction of the last layer's index{got(number)}")
    return number


LayerIndex = Annotated[int, Field(strict=True, ge=0, lt=MAX_LAYERS)]
LayerFraction = Annotated[Number, AfterValidator(_fraction)]


def _not_below(low: float | None, high: float) -> None:
    if low is not None and high < low:
        raise fault(f"must not be below low, which is {low!r}{got(high)}")


class IndexSpan(Table):
    """Layers from one index to another, both included."""

    low: LayerIndex
    high: LayerIndex

    @field_validator("high")
    @classmethod
    def _in_order(cls, high: int, info: ValidationInfo) -> int:
        _not_below(info.data.get("low"), high)
        return high


class FractionSpan(Table):
    """Layers from one fraction of the last layer's index to another, both included."""

    low: LayerFraction
    high: LayerFraction

    @field_validator("high")
    @classmethod
    def _in_order(cls, high: int | float, info: ValidationInfo) -> int | float:
        _not_below(info.data.get("low"), high)
        return high


def _different(entries: list[object]) -> list[object]:
    doubled: dict[Path, str] = {
        (index,): f"is the same as entry [{entries.index(entry)}]"
        for index, entry in enumerate(entries)
        if entry in entries[:index]
    }
    if doubled:
        raise faults(doubled)
    return entries


_tag_of = tagger(((int, float), "one"), (dict, "span"), (Table, "span"))
_wanted: Final = "must be {} or a range with low and high"
UntouchedLayers = Annotated[
    list[
        Annotated[
            Annotated[LayerIndex, Tag(TAG + "one")] | Annotated[IndexSpan, Tag(TAG + "span")],
            union(_tag_of, _wanted.format("a layer's index")),
        ]
    ],
    Field(max_length=MAX_ENTRIES),
    AfterValidator(_different),
]
UntouchedFractions = Annotated[
    list[
        Annotated[
            Annotated[LayerFraction, Tag(TAG + "one")]
            | Annotated[FractionSpan, Tag(TAG + "span")],
            union(_tag_of, _wanted.format("a fraction")),
        ]
    ],
    Field(max_length=MAX_ENTRIES),
    AfterValidator(_different),
]


def check_targets(
    targets: Sequence[str] | None, known: Sequence[str], place: str = "settings"
) -> None:
    """Check the setting `target_components` against a model's components.

    Raises:
        InvalidInputError: the model lacks one, at its place.
    """
    problems = [
        Problem(
            place_at(place, ["target_components", index]),
            f'the model has no component "{target}"; it has {", ".join(known)}',
        )
        for index, target in enumerate(targets or ())
        if target not in known
    ]
    refuse(problems)


def table_components(
    known: Sequence[str],
    usual: Sequence[str],
    model: Sequence[str],
    targets: Sequence[str] | None,
) -> tuple[list[str], list[str]]:
    """Split components into those of a study's table and those that may have to join it later.

    `model` are the components of the model, in its order; empty: unknown until it is loaded. The
    table then has the usual ones, and the rest of all `known` may turn out to be there, too.
    """
    wanted = targets or known
    if model:
        return [one for one in model if one in wanted], []
    shown = [one for one in known if one in (targets or usual)]
    return shown, [one for one in known if one in wanted and one not in shown]


def untouched_layers(
    indices: Sequence[object],
    fractions: Sequence[object],
    n_layers: int,
    place: str = "settings",
) -> list[int]:
    """Return, in order, the layers that stay as they are; entries as JSON has them.

    Raises:
        InvalidInputError: an index that the model does not have, at its place; or no layer is
            left to ablate.
    """
    refuse(list(_strangers(indices, n_layers, place_at(place, [INDICES]))))
    found = sorted(
        {*layers_of(INDICES, indices, n_layers), *layers_of(FRACTIONS, fractions, n_layers)}
    )
    if len(found) == n_layers:
        at = place_at(place, [INDICES if indices else FRACTIONS])
        message = f"leaves nothing to ablate: all {n_layers} layers stay untouched"
        raise InvalidInputError([Problem(at, message)])
    return found


def layers_of(name: str, entries: Sequence[object], n_layers: int) -> list[int]:
    """Return the layers that one of the two settings means; a fraction alone means the nearest."""
    layers: set[int] = set()
    for entry in entries:
        low, high = _ends(entry)
        if name == FRACTIONS:
            low, high = low * (n_layers - 1), high * (n_layers - 1)
            if low == high:
                low = high = math.floor(low + 0.5)
        layers.update(range(math.ceil(low - _SLACK), math.floor(high + _SLACK) + 1))
    return sorted(layers & set(range(n_layers)))


def _strangers(indices: Iterable[object], n_layers: int, place: str) -> Iterator[Problem]:
    for index, entry in enumerate(indices):
        span = isinstance(entry, dict)
        for key, end in zip(("low", "high"), _ends(entry), strict=True):
            if end >= n_layers:
                at = place_at(place, [index, key] if span else [index])
                yield Problem(at, f"model has layers 0–{n_layers - 1}{got(end)}")
                if not span:
                    break


def _ends(entry: object) -> tuple[float, float]:
    if isinstance(entry, dict):
        return entry["low"], entry["high"]
    assert isinstance(entry, int | float)
    return entry, entry
