"""Tensors and facts on disk under names that say what they were computed from.

Everything here may be deleted at any time. Several processes may use one folder: a file is
complete when it appears, and two that compute the same write the same.
"""

import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

logger = logging.getLogger(__name__)
SUFFIX = ".safetensors"
STRANDED = 3600  # seconds, after which a file that somebody was writing is left over
Json = dict[str, Any]


class Entry(NamedTuple):
    """What is kept under one key."""

    tensors: Mapping[str, Tensor]
    facts: Json


@dataclass(frozen=True, slots=True)
class DiskCache:
    """Entries by key, a SHA-256 in hex; those not used for longest go when they take too much."""

    folder: Path
    most_bytes: int

    def find(self, key: str) -> Entry | None:
        """The entry of a key; one that is damaged or of another key counts as missing."""
        path = self._path(key)
        try:
            entry = _read(path, key)
            os.utime(path)  # used now
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            logger.warning("cached file is damaged, computed anew", extra={"file": path.name})
            return None
        return entry

    def keep(self, key: str, entry: Entry) -> None:
        """Write an entry, then make room; a full or read-only disk loses it and nothing else."""
        if sum(tensor.nbytes for tensor in entry.tensors.values()) > self.most_bytes:
            return
        path = self._path(key)
        partial = path.with_name(f".{key}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            tensors = {name: one.contiguous().cpu() for name, one in entry.tensors.items()}
            save_file(tensors, partial, {"key": key, **_sealed(tensors, entry.facts)})
            partial.replace(path)
            self._make_room()
        except (OSError, SafetensorError) as error:
            logger.warning("nothing cached: %s", error)
        finally:
            _remove(partial)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{SUFFIX}"

    def _make_room(self) -> None:
        left, now = self.most_bytes, time.time()
        for used, size, path in sorted(self._files(), reverse=True):
            if path.name.startswith("."):
                if now - used > STRANDED:
                    _remove(path)
                continue
            left -= size
            if left < 0:
                _remove(path)

    def _files(self) -> list[tuple[float, int, Path]]:
        """When each file was last used, its size and its path; others may remove some."""
        found = []
        for path in self.folder.glob("??/*"):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            found.append((stat.st_mtime, stat.st_size, path))
        return found


def _read(path: Path, key: str) -> Entry:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    facts: Json = json.loads(metadata["facts"])
    if metadata["key"] != key or metadata["sha256"] != _sealed(tensors, facts)["sha256"]:
        raise ValueError("the content is another one than was written")
    return Entry(tensors, facts)


def _sealed(tensors: Mapping[str, Tensor], facts: Json) -> dict[str, str]:
    """The facts as text, and a checksum of everything: safetensors files carry none."""
    text = json.dumps(facts, sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].numpy().tobytes())
    return {"facts": text, "sha256": digest.hexdigest()}


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("cannot remove a cached file: %s", error)
