"""The original checkpoint on the disk: its tensors one by one, and the files beside them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import torch
from huggingface_hub import snapshot_download
from safetensors import safe_open
from torch import Tensor

from studies.engine.errors import ModelError, NoSafetensorsError
from studies.engine.export.folder import sha256_of
from studies.engine.load_errors import load_error
from studies.engine.model_config import read_config

SINGLE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
# Beside the weights: configurations, tokenizer, processor, templates, licences.
WANTED: Final = ("*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken", "LICENSE*", "NOTICE*")
TEMPLATES: Final = "additional_chat_templates"
BITS: Final[Mapping[str, torch.dtype]] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor of a checkpoint, not read yet."""

    key: str
    file: Path
    shape: tuple[int, ...]
    dtype: torch.dtype

    def size_as(self, dtype: torch.dtype) -> int:
        """Bytes that it takes in another number format."""
        return prod(self.shape) * dtype.itemsize

    def read(self) -> Tensor:
        """Read it, on the CPU, bit for bit."""
        with safe_open(self.file, framework="pt") as opened:
            tensor: Tensor = opened.get_tensor(self.key)
        return tensor


class Checkpoint:
    """The files that a model was loaded from; safetensors only."""

    def __init__(self, folder: Path, boundary: Path) -> None:
        self.folder = folder
        self._boundary = boundary.resolve()  # no file may lie outside, links resolved
        self.tensors = {one.key: one for file in self.weight_files() for one in _stored(file)}

    def weight_files(self) -> list[Path]:
        """The weight files, as the library that loads them chooses; links resolved.

        Raises:
            NoSafetensorsError: there is none.
        """
        return [self._inside(self.folder / name) for name in self._weight_names()]

    def side_files(self) -> dict[str, Path]:
        """What belongs to the model beside its weights, by the path that an export gives it."""
        found = {
            file.name: file
            for pattern in WANTED
            for file in sorted(self.folder.glob(pattern))
            if file.is_file() and not file.name.endswith(".index.json")
        }
        templates = sorted((self.folder / TEMPLATES).glob("*.jinja"))
        found |= {f"{TEMPLATES}/{file.name}": file for file in templates}
        return {name: self._inside(file) for name, file in found.items()}

    def hashes(self, check: Callable[[], None]) -> dict[str, str]:
        """SHA-256 of each weight file, by name; `check` may raise to end it."""
        return {
            name: sha256_of(self._inside(self.folder / name), check)
            for name in self._weight_names()
        }

    def _weight_names(self) -> list[str]:
        if (self.folder / SINGLE).is_file():
            return [SINGLE]
        if not (self.folder / INDEX).is_file():
            raise NoSafetensorsError("The original model has no safetensors weights any more.")
        weight_map: Any = read_config(self.folder / INDEX).get("weight_map")
        return sorted({Path(name).name for name in weight_map.values()})

    def _inside(self, file: Path) -> Path:
        resolved = file.resolve()
        if not resolved.is_relative_to(self._boundary):
            raise ModelError(f"{file.name} of the original model leads out of its folder.")
        return resolved


def checkpoint_of(path: str, revision: str | None) -> Checkpoint:
    """Find the files of a model that was loaded from this path or hub id.

    Raises:
        ModelError: they cannot be had (any more).
    """
    if Path(path).is_dir():
        return Checkpoint(Path(path), Path(path))
    try:
        # The weights are here already, since the model was loaded from them.
        # The card is no part of the model, but ours quotes it.
        patterns = [*WANTED, f"{TEMPLATES}/*.jinja", "README.md"]
        snapshot = snapshot_download(path, revision=revision, allow_patterns=patterns)
    except Exception as error:
        raise load_error(path, error) from error
    folder = Path(snapshot)
    return Checkpoint(folder, folder.parent.parent)  # links lead to the blobs of the repository


def _stored(file: Path) -> Iterator[Stored]:
    with safe_open(file, framework="pt") as opened:
        for key in opened.keys():  # noqa: SIM118 - not a mapping
            view = opened.get_slice(key)
            kind = view.get_dtype()
            if kind not in BITS:
                raise ModelError(f"{file.name} holds numbers of the unknown format {kind}.")
            yield Stored(key, file, tuple(view.get_shape()), BITS[kind])


def without_paths(raw: bytes) -> bytes:
    """A JSON configuration without the name of the folder that it was saved from."""
    config = json.loads(raw)
    if not isinstance(config, dict) or not {"_name_or_path", "name_or_path"} & set(config):
        return raw
    kept = {k: v for k, v in config.items() if k not in ("_name_or_path", "name_or_path")}
    return (json.dumps(kept, indent=2, ensure_ascii=False) + "\n").encode()
