"""What the original model computes before the first trial, kept from one study to the next.

An entry's key covers all that its numbers depend on: the model's files, how it was loaded, the
machine's arithmetic, our own code, and the very tokens that were read. So what is recalled is,
bit for bit, what would be computed; where that is not known, nothing is recalled.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
import transformers

from studies.engine.disk_cache import DiskCache, Entry

_T = TypeVar("_T")
FORMAT: Final = 1  # of the entries


@dataclass(frozen=True, slots=True)
class Recall:
    """The entries that belong to one loaded model; without a `cache`, everything is computed."""

    cache: DiskCache | None = None
    identity: str = ""  # of the model as it is loaded here

    def recalled(
        self,
        kind: str,
        inputs: Mapping[str, Any],
        compute: Callable[[], _T],
        pack: Callable[[_T], Entry],
        unpack: Callable[[Entry], _T],
    ) -> _T:
        """What `compute` gives for these inputs (JSON, tensors and bytes), now or earlier."""
        if self.cache is None:
            return compute()
        key = _digest([FORMAT, self.identity, kind, sorted(inputs.items())])
        entry = self.cache.find(key)
        if entry is not None:
            return unpack(entry)
        made = compute()
        self.cache.keep(key, pack(made))
        return made

    def fact(self, kind: str, inputs: Mapping[str, Any], compute: Callable[[], _T]) -> _T:
        """The same for a value that is JSON."""

        def unpack(entry: Entry) -> _T:
            found: _T = entry.facts["value"]
            return found

        return self.recalled(kind, inputs, compute, lambda one: Entry({}, {"value": one}), unpack)


NOTHING: Final = Recall()


def recall_of(
    cache: DiskCache | None, model_path: str, model: transformers.PreTrainedModel
) -> Recall:
    """What may be recalled of a model that was just loaded; nothing if its files are unknown."""
    files = _files(Path(model_path), model)
    if cache is None or files is None:
        return NOTHING
    identity = [
        files,
        [type(model).__name__, model.config.to_json_string(use_diff=False)],
        [str(model.dtype), model.config._attn_implementation],  # noqa: SLF001 - no public way
        [str(device) for device in sorted({str(one.device) for one in model.parameters()})],
        _arithmetic(),
        _code(),
    ]
    return Recall(cache, _digest(identity))


def _files(folder: Path, model: transformers.PreTrainedModel) -> Any:  # noqa: ANN401 - JSON
    """Names, sizes and times of a local model's files, or the commit of one from the hub."""
    if folder.is_dir():
        stats = [(one.name, one.stat()) for one in sorted(folder.iterdir()) if one.is_file()]
        # The time of change cannot be set: weights that were put in place of others show.
        files = [[name, s.st_size, s.st_mtime_ns, s.st_ctime_ns] for name, s in stats]
        return [str(folder.resolve()), files]
    commit = getattr(model.config, "_commit_hash", None)
    return commit and [str(folder), commit]


def _arithmetic() -> list[Any]:
    """What decides how sums are rounded here."""
    cuda = torch.cuda.is_available()
    return [
        [torch.__version__, transformers.__version__, torch.get_num_threads()],
        [platform.machine(), platform.processor(), torch.backends.cpu.get_cpu_capability()],
        [torch.version.cuda, torch.cuda.get_device_name()] if cuda else [],
        [torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled()],
    ]


@cache
def _code() -> str:
    """A digest of the engine: a change of how something is computed must not find old numbers."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _digest(inputs: Any) -> str:  # noqa: ANN401 - JSON, tensors and bytes
    digest = hashlib.sha256()
    for part in _parts(inputs):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:  # noqa: ANN401 - JSON, tensors and bytes
    if isinstance(value, torch.Tensor):
        yield f"{value.dtype} {tuple(value.shape)}".encode()
        yield value.detach().cpu().contiguous().numpy().tobytes()
    elif isinstance(value, list | tuple):
        yield f"[{len(value)}".encode()
        for one in value:
            yield from _parts(one)
    else:
        yield json.dumps(value, sort_keys=True).encode()
