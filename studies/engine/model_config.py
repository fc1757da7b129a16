"""The configuration files of a model folder: its facts, and what they must not ask for."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studies.engine.architectures import components_of_type
from studies.engine.errors import CustomCodeError, InvalidInputError, ModelError
from studies.engine.problems import got, refuse_depth

MAX_CONFIG_BYTES: Final = 32 * 1024 * 1024  # tokenizer configurations with many tokens are large
_ATTENTION_KEYS: Final = ("attn_implementation", "_attn_implementation")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a configuration says of a model."""

    model_type: str  # of the text model; empty where only its class knows it
    architectures: tuple[str, ...]
    n_layers: int | None
    hidden_size: int | None
    has_chat_template: bool

    @property
    def components(self) -> tuple[str, ...]:
        """What can be ablated in it; empty where its family is not known."""
        return components_of_type(self.model_type)


def facts_of(folder: Path) -> ModelFacts:
    """Read config.json and what lies beside it.

    Raises:
        CustomCodeError: a file asks to run code of its own.
        ModelError: a file is damaged.
    """
    config = read_config(folder / "config.json")
    tokenizer = folder / "tokenizer_config.json"
    tokenizer_config = read_config(tokenizer) if tokenizer.is_file() else {}
    refuse_custom_code(config, "config.json")
    refuse_custom_code(tokenizer_config, "tokenizer_config.json")
    templates = ("chat_template.jinja", "chat_template.json")
    architectures = config.get("architectures")
    return ModelFacts(
        model_type=_text_type(config),
        architectures=tuple(map(str, architectures if isinstance(architectures, list) else ())),
        n_layers=_whole(config, "num_hidden_layers"),
        hidden_size=_whole(config, "hidden_size"),
        has_chat_template=bool(tokenizer_config.get("chat_template"))
        or any((folder / name).is_file() for name in templates),
    )


def _text_type(config: Mapping[str, object]) -> str:
    part = config.get("text_config", config)
    return str(part.get("model_type", "")) if isinstance(part, Mapping) else ""


def read_config(file: Path) -> Mapping[str, object]:
    """Read one configuration file.

    Raises:
        ModelError: it cannot be read, is too large, or holds no JSON object.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{file.name} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise ModelError(f"{file.name} is larger than {MAX_CONFIG_BYTES // 2**20} MiB.")
    try:
        config = json.loads(data)
        refuse_depth(file.name, config)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file.name} is not valid JSON.") from error
    except InvalidInputError as error:
        raise ModelError(f"{error}.") from error
    if not isinstance(config, Mapping):
        raise ModelError(f"{file.name} does not hold a JSON object.")
    return config


def refuse_custom_code(config: Mapping[str, object], file_name: str) -> None:
    """Refuse a configuration that would load code, wherever in it the request is nested.

    Raises:
        CustomCodeError: names the file and the key.
    """
    for key, value in _entries(config):
        fetches_kernel = key in _ATTENTION_KEYS and "/" in str(value)
        if key in ("auto_map", "_attn_implementation_internal") or fetches_kernel:
            shown_value = got(value) if fetches_kernel else ""
            raise CustomCodeError(
                f"{file_name} asks to run code from elsewhere ({key}{shown_value}); "
                "such models are refused."
            )


def _entries(config: object) -> Iterator[tuple[str, object]]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield str(key), value
            yield from _entries(value)
    elif isinstance(config, list):
        for value in config:
            yield from _entries(value)


def _whole(config: Mapping[str, object], key: str) -> int | None:
    """A number of the model or, where it also sees images, of its text part."""
    text_config = config.get("text_config")
    for part in (config, text_config if isinstance(text_config, Mapping) else {}):
        value = part.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
