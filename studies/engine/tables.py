"""Tables with a fixed set of keys, and the one translation of Pydantic's errors into problems."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.problems import MAX_PROBLEMS, got, kind_of, near_miss, place_at, suggestion

TAG: Final = "union:"  # how the tags of our unions begin: they are no part of a place
SHAPE: Final = "shape"  # error type of our unions: the message says only what is wanted
_FINAL: Final = "final"  # error type of a message that needs no translation
_REQUIRED: Final = "is required"

Path = tuple[str | int, ...]


def fault(message: str) -> PydanticCustomError:
    """What a validator raises: the message reaches the user as it is."""
    return PydanticCustomError(_FINAL, message)


def faults(messages: Mapping[Path, str]) -> ValidationError:
    """What a validator raises for several faults, each at its path below the validated value."""
    lines = [
        InitErrorDetails(type=fault(text), loc=at, input=None) for at, text in messages.items()
    ]
    return ValidationError.from_exception_data("faults", lines)


def problems_of(error: ValidationError, place: str = "") -> list[Problem]:
    """Give each fault its place and words."""
    return [Problem(place_at(place, at), text) for at, text in _messages(error).items()]


def refusal(error: ValidationError, place: str = "") -> InvalidInputError:
    """What to raise for what Pydantic refused."""
    return InvalidInputError(problems_of(error, place)[:MAX_PROBLEMS])


class Table(BaseModel):
    """A table with a fixed set of keys: strict types, finite numbers, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    also_called: ClassVar[Mapping[str, str]] = {}  # a likely wrong name → the key that is meant

    @model_validator(mode="wrap")
    @classmethod
    def _suggest_keys(cls, raw: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Say of an unknown key which one was meant; that one then is not missing as well."""
        try:
            return handler(raw)
        except ValidationError as error:
            messages = _messages(error)
        for at in [at for at, text in messages.items() if text == _UNKNOWN and len(at) == 1]:
            name = str(at[0])
            meant = cls.also_called.get(name) or near_miss(name, cls.model_fields)
            messages[at] = _UNKNOWN + suggestion(meant or name, list(cls.model_fields))
            if meant and messages.get((meant,)) == _REQUIRED:
                del messages[(meant,)]
        raise faults(messages)


def _messages(error: ValidationError) -> dict[Path, str]:
    found = error.errors(include_url=False)
    return {
        tuple(part for part in one["loc"] if not str(part).startswith(TAG)): _words(one)
        for one in found
        # This type only repeats that another key of the same table is wrong.
        if one["type"] != "default_factory_not_called"
    }


def _words(one: ErrorDetails) -> str:
    words = _WORDS.get(one["type"])
    if one["type"] == SHAPE:
        return one["msg"] + _found(one["input"])
    if words is None:
        return one["msg"]
    return words(one["input"], one.get("ctx", {})) if callable(words) else words


def _not(wanted: str) -> Callable[[object, dict[str, Any]], str]:
    return lambda raw, _: f"must be {wanted}{_found(raw)}"


def _found(raw: object) -> str:
    return f", not {kind_of(raw)}" + ("" if isinstance(raw, bool) else got(raw))


def _bound(relation: str, name: str) -> Callable[[object, dict[str, Any]], str]:
    return lambda raw, context: f"must be {relation} {context[name]}{got(raw)}"


def _whole(raw: object, _: dict[str, Any]) -> str:
    return "must be a whole number" + (got(raw) if isinstance(raw, float) else _found(raw))


_UNKNOWN: Final = "is not known here"
_WORDS: Final[Mapping[str, str | Callable[[object, dict[str, Any]], str]]] = {
    "missing": _REQUIRED,
    "extra_forbidden": _UNKNOWN,
    "invalid_key": "keys must be text",
    "finite_number": lambda raw, _: f"must be a finite number{got(raw)}",
    "bool_type": _not("true or false"),
    "string_type": _not("text"),
    "string_unicode": "contains an invalid Unicode character",
    "int_type": _whole,
    "float_type": _not("a number"),
    "list_type": _not("a list"),
    "tuple_type": _not("a list"),
    "model_type": _not("a table"),
    "literal_error": lambda raw, context: f"must be {context['expected']}{got(raw)}",
    "greater_than": _bound("above", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("below", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "too_short": lambda _, context: f"must have at least {context['min_length']} entries",
    "too_long": lambda _, context: f"must have at most {context['max_length']} entries",
    "string_too_long": lambda _, context: f"is longer than {context['max_length']} characters",
}
