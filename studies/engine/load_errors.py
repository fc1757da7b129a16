"""What can go wrong while a model is loaded, in the engine's own errors."""

import errno
from collections.abc import Iterator

from huggingface_hub import errors as hub
from safetensors import SafetensorError

from studies.engine.batching import is_out_of_memory
from studies.engine.errors import (
    DeviceMemoryError,
    DiskFullError,
    EngineError,
    HubError,
    ModelError,
    ModelNotFoundError,
    NoSafetensorsError,
    UnsupportedArchitectureError,
)

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
TOO_MANY_REQUESTS = 429

# By what a link of the exception's chain is; the first that fits decides, gated before missing.
BY_TYPE: tuple[tuple[tuple[type[BaseException], ...], type[ModelError], str], ...] = (
    (
        (hub.GatedRepoError,),
        HubError,
        "{model} is gated: accept its terms on the hub and give the worker a token (HF_TOKEN).",
    ),
    (
        (hub.RepositoryNotFoundError,),
        ModelNotFoundError,
        "{model} does not exist on the hub, or is private and the worker's token (HF_TOKEN) "
        "may not read it.",
    ),
    (
        (hub.RevisionNotFoundError,),
        ModelNotFoundError,
        "{model} has no such revision on the hub.",
    ),
    (
        (hub.HFValidationError,),
        ModelNotFoundError,
        "{model} is neither an existing folder nor a hub id (owner/name).",
    ),
    (
        (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled),
        HubError,
        "The hub cannot be reached, and there is no complete copy of {model} on this machine.",
    ),
    ((SafetensorError,), ModelError, "A weights file of {model} is damaged: {text}."),
)

# By what the message says, where the library has no type of its own for it.
BY_WORDS: tuple[tuple[tuple[str, ...], type[ModelError], str], ...] = (
    (
        ("no file named", "safetensors"),
        NoSafetensorsError,
        "{model} has no safetensors weights.",
    ),
    (
        ("not appear to have a file named", "safetensors"),
        NoSafetensorsError,
        "{model} has no safetensors weights.",
    ),
    (
        ("not appear to have a file named config.json",),
        ModelNotFoundError,
        "{model} is not a model: it has no config.json.",
    ),
    (
        ("should have a `model_type`",),
        ModelNotFoundError,
        "{model} is not a model: it has no config.json with a model type.",
    ),
    (("not a valid json",), ModelError, "A configuration file of {model} is not valid JSON."),
    (("does not recognize",), UnsupportedArchitectureError, "{model} is not supported: {text}"),
    (
        ("ignore_mismatched_sizes",),
        ModelError,
        "The weights of {model} do not have the shapes that its config.json states.",
    ),
)


def load_error(model: str, error: BaseException) -> EngineError:
    """Return the engine's error for whatever loading `model` raised."""
    links = list(_chain(error))
    if any(is_out_of_memory(link) for link in links):
        return DeviceMemoryError(f"{model} does not fit into memory.")
    if any(isinstance(link, OSError) and link.errno in FULL_DISK for link in links):
        return DiskFullError(f"The disk is full; {model} could not be stored.")
    if any(_status(link) == TOO_MANY_REQUESTS for link in links):
        return HubError(f"The hub refuses more requests for now; {model} was not loaded.")
    return _known(model, links) or ModelError(f"{model} cannot be loaded: {first_line(error)}")


def _known(model: str, links: list[BaseException]) -> ModelError | None:
    for types, kind, sentence in BY_TYPE:
        for link in links:
            if isinstance(link, types):
                return kind(sentence.format(model=model, text=first_line(link)))
    for words, kind, sentence in BY_WORDS:
        for link in links:
            if all(word in str(link).lower() for word in words):
                return kind(sentence.format(model=model, text=first_line(link)))
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def first_line(error: BaseException) -> str:
    """Return the first line of a message; libraries append advice for programmers below it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
