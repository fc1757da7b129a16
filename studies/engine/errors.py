"""Everything the engine refuses, each with a stable code and a sentence for the user."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple


class Problem(NamedTuple):
    """One fault of an input: `place` is the path that the user typed, or empty."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class EngineError(Exception):
    """Base of the engine's own errors: safe to show to a user as it is.

    `place` is the input at fault, where one is.
    """

    code: ClassVar[str] = "engine_error"
    advice: ClassVar[str] = ""  # what the user can do about it, where that is general

    def __init__(self, message: str, *, place: str = "") -> None:
        self._problem = Problem(place, message)
        super().__init__(str(self._problem))

    @property
    def problems(self) -> Sequence[Problem]:
        """The faults one by one; most errors are a single one."""
        return [self._problem]

    def at(self, place: str) -> "EngineError":
        """The same error at another place, for a caller that knows which input it was."""
        return type(self)(self._problem.message, place=place)


class InvalidInputError(EngineError):
    """Values that were typed or sent and cannot be taken, all of them at once."""

    code = "invalid_input"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self._problems))

    @property
    def problems(self) -> Sequence[Problem]:
        return self._problems


class ModelError(EngineError):
    """A model that cannot be used; the message names it and the reason."""

    code = "model_unusable"


class ModelNotFoundError(ModelError):
    code = "model_not_found"


class ModelPathError(ModelError):
    """A path outside the configured model roots."""

    code = "model_path_refused"


class NoSafetensorsError(ModelError):
    code = "model_without_safetensors"
    advice = "Convert the weights to safetensors, or pick a model that has them."


class CustomCodeError(ModelError):
    """A model whose configuration asks to run code of its own."""

    code = "model_with_custom_code"


class UnsupportedArchitectureError(ModelError):
    code = "architecture_unsupported"


class ModelsDifferError(ModelError):
    """A finished model and a base that cannot be compared."""

    code = "models_differ"
    advice = "Name the model that the finished one was made from."


class HubError(ModelError):
    """The hub did not give the model: unreachable, gated or rate-limited."""

    code = "hub_failed"


class TemplateError(ModelError):
    """A chat template that cannot render the prompts."""

    code = "chat_template_failed"


class DialogueTooLongError(EngineError):
    """A question that leaves no room for an answer."""

    code = "message_too_long"
    advice = "Shorten the message or the system prompt."


class PromptSetError(EngineError):
    """A prompt set that cannot be read or is empty."""

    code = "prompt_set_unusable"


class DegenerateDirectionError(EngineError):
    code = "direction_degenerate"
    advice = "Check that the good and the bad prompts differ in the behaviour to remove."

    def __init__(self, layer_indices: Sequence[int]) -> None:
        super().__init__(
            "Good and bad prompts give the same mean residual at layer index "
            f"{', '.join(map(str, layer_indices))}."
        )
        self.layer_indices = list(layer_indices)


class NonFiniteError(EngineError):
    """NaN or infinity where a finite number is needed; the message says where."""

    code = "non_finite"
    advice = "The weights or the number format are unusable: try bfloat16 or float32."


class DeviceMemoryError(EngineError):
    """Out of memory even with a batch of one."""

    code = "out_of_memory"
    advice = "Use shorter responses, a smaller model, or a device with more memory."


class DiskFullError(EngineError):
    """No room left where a model is downloaded or a result is written."""

    code = "disk_full"
    advice = "Free some space on the disk and start again."
