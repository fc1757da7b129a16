"""What one parameter accepts, and numbers and texts that are checked against it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo

from studies.engine.problems import got, suggestion
from studies.engine.tables import SHAPE, TAG, fault
from studies.engine.texts import Name

MAX_WHOLE: Final = 2**53 - 1  # beyond it, whole numbers are not exact in JavaScript and as floats


@dataclass(frozen=True, slots=True)
class Limits:
    """What one parameter accepts; it travels as Pydantic's validation context."""

    accepts: Literal["anything", "numbers", "texts"] = "anything"
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False  # of numbers: only whole ones
    texts: tuple[str, ...] = ()  # the allowed ones, if `accepts` is "texts"
    meaning: str = ""  # ends the message of a number out of bounds


def _limits(info: ValidationInfo) -> Limits:
    return info.context if isinstance(info.context, Limits) else Limits()


def _one_of(limits: Limits) -> str:
    return "must be one of " + ", ".join(f'"{text}"' for text in limits.texts)


def _allowed_number(number: int | float, info: ValidationInfo) -> int | float:
    limits = _limits(info)
    if limits.accepts == "texts":
        raise fault(_one_of(limits) + got(number))
    if not limits.low <= number <= limits.high:
        bounds = f"must be within {limits.low:g} and {limits.high:g}{limits.meaning}"
        raise fault(bounds + got(number))
    if limits.whole and not float(number).is_integer():
        raise fault(f"must be a whole number{got(number)}")
    return number


def _allowed_text(text: str, info: ValidationInfo) -> str:
    limits = _limits(info)
    if limits.accepts == "numbers":
        raise fault(f"must be a number, not text{got(text)}")
    if limits.accepts == "texts" and text not in limits.texts:
        raise fault(_one_of(limits) + got(text) + suggestion(text, limits.texts))
    return text


def allowed_range(raw: object, info: ValidationInfo) -> object:
    """Refuse a range where only texts are allowed, or one of fractions where they mean nothing."""
    limits = _limits(info)
    if limits.accepts == "texts":
        raise fault(f"{_one_of(limits)}, or a list of them, not a range")
    if limits.whole and not _samples_whole(raw):
        raise fault("must be a range of whole numbers: set integer to true")
    return raw


def _samples_whole(raw: object) -> bool:
    """Whether a raw range has its `integer` set; what cannot be read is judged by its own check."""
    if isinstance(raw, Mapping):
        return raw.get("integer", False) is not False
    return bool(getattr(raw, "integer", True))


def tagger(*kinds: tuple[type | tuple[type, ...], str]) -> Callable[[object], str | None]:
    """Tell the members of a union apart by the kind of the raw value."""

    def tag(raw: object) -> str | None:
        if isinstance(raw, bool):  # an int to Python, not to a user
            return None
        return next((TAG + name for kind, name in kinds if isinstance(raw, kind)), None)

    return tag


def union(tagger: Callable[[object], str | None], wanted: str) -> Discriminator:
    """A discriminator whose one error says what is wanted."""
    return Discriminator(tagger, custom_error_type=SHAPE, custom_error_message=wanted)


def _without_negative_zero(number: float) -> float:
    return number + 0.0


Number = Annotated[
    Annotated[int, Field(strict=True, ge=-MAX_WHOLE, le=MAX_WHOLE), Tag(TAG + "whole")]
    | Annotated[
        float,
        Field(strict=True, allow_inf_nan=False),
        AfterValidator(_without_negative_zero),
        Tag(TAG + "real"),
    ],
    union(tagger((int, "whole"), (float, "real")), "must be a number"),
]
Point = Annotated[Number, AfterValidator(_allowed_number)]
Text = Annotated[Name, AfterValidator(_allowed_text)]
