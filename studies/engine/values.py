"""What a parameter may be: a number, a text, a list of choices, or a range."""

from typing import Annotated, Final, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field, Tag, TypeAdapter, ValidationError

from studies.engine.limits import Limits, Point, Text, allowed_range, tagger, union
from studies.engine.problems import got, kind_of, refuse_depth
from studies.engine.ranges import Range
from studies.engine.tables import TAG, Path, fault, faults, refusal
from studies.engine.texts import same_text

__all__ = [
    "Choices",
    "Limits",
    "Range",
    "Value",
    "constant_of",
    "is_sampled",
    "parse_value",
    "value_to_json",
]

MAX_CHOICES: Final = 100


def _at_least_one(choices: tuple[int | float | str, ...]) -> tuple[int | float | str, ...]:
    if not choices:  # Pydantic's own min_length would also speak where the only choice is wrong
        raise fault("needs at least one choice")
    return choices


def _one_kind(choices: tuple[int | float | str, ...]) -> tuple[int | float | str, ...]:
    kinds = list(dict.fromkeys(kind_of(choice) for choice in choices))
    if len(kinds) > 1:
        raise fault(f"all choices must be of one kind (found {', '.join(kinds)})")
    return choices


def _all_different(choices: tuple[int | float | str, ...]) -> tuple[int | float | str, ...]:
    first: dict[object, int] = {}
    doubled: dict[Path, str] = {}
    for index, choice in enumerate(choices):
        same = same_text(choice) if isinstance(choice, str) else choice
        earlier = first.setdefault(same, index)
        if earlier != index:
            doubled[(index,)] = f"is the same as choice [{earlier}]{got(choice)}"
    if doubled:
        raise faults(doubled)
    return choices


_Choice = Annotated[
    Annotated[Point, Tag(TAG + "number")] | Annotated[Text, Tag(TAG + "text")],
    union(tagger(((int, float), "number"), (str, "text")), "must be a number or a text"),
]
Choices = Annotated[
    tuple[_Choice, ...],
    Field(strict=False, max_length=MAX_CHOICES),  # JSON has lists only
    AfterValidator(_at_least_one),
    AfterValidator(_one_kind),
    AfterValidator(_all_different),
]
Value = Annotated[
    Annotated[Point, Tag(TAG + "number")]
    | Annotated[Text, Tag(TAG + "text")]
    | Annotated[Choices, Tag(TAG + "choices")]
    | Annotated[Range, BeforeValidator(allowed_range), Tag(TAG + "range")],
    union(
        tagger(
            ((int, float), "number"),
            (str, "text"),
            ((list, tuple), "choices"),
            ((dict, Range), "range"),
        ),
        "must be a number, a text, a list of choices or a range",
    ),
]
_value: Final[TypeAdapter[Value]] = TypeAdapter(Value)


def parse_value(place: str, raw: object, limits: Limits | None = None) -> Value:
    """Check one stored or typed value; numbers stay as typed.

    Raises:
        InvalidInputError: all faults, each at its exact place, e.g. `max_weight.low`.
    """
    refuse_depth(place, raw)
    try:
        return _value.validate_python(raw, context=limits)
    except ValidationError as error:
        raise refusal(error, place) from None


def value_to_json(value: Value) -> object:
    """Write a value as it was typed; a range leaves out the keys that have their default."""
    if isinstance(value, Range):
        ends = {"low": value.low, "high": value.high}
        return ends | value.model_dump(exclude_defaults=True, exclude={"low", "high"})
    return list(value) if isinstance(value, tuple) else value


def is_sampled(value: Value) -> TypeGuard[tuple[int | float | str, ...] | Range]:
    """Whether a search has something to choose: not for a constant, however it is written."""
    if isinstance(value, Range):
        return value.low < value.high
    return isinstance(value, tuple) and len(value) > 1


def constant_of(value: Value) -> int | float | str:
    """The constant that a value which is not sampled stands for."""
    if is_sampled(value):
        raise ValueError("a sampled value is no constant")
    if isinstance(value, Range):
        return int(value.low) if value.integer else value.low
    return value[0] if isinstance(value, tuple) else value
