"""Writes one trial into a folder: weights by the chosen strategy, and the files beside them."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from studies.engine.export.adapter import AdapterFacts, write_adapter
from studies.engine.export.checkpoint import Checkpoint, without_paths
from studies.engine.export.folder import ExportFolder, FileEntry, write_durably
from studies.engine.export.merged import Weights, planned_bytes, shards_of, write_merged
from studies.engine.export_options import ADAPTER, GGUF, ExportOptions
from studies.engine.method_port import MethodImplementation, Parameters
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal

CONFIGS: Final = ("config.json", "tokenizer_config.json", "generation_config.json")
MODEL_ONLY: Final = ("config.json", "generation_config.json")  # an adapter has none of its own


@dataclass(frozen=True, slots=True)
class Source:
    """The loaded original with its ablation method, and the files that it came from."""

    loaded: LoadedModel
    method: MethodImplementation
    checkpoint: Checkpoint
    name: str  # of the model, as others find it: no local path
    commit: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """What lies in the folder now."""

    weights: list[FileEntry]
    others: list[FileEntry]
    adapter: AdapterFacts | None = None


def needed_bytes(source: Source, options: ExportOptions) -> int:
    """How much room an export takes while it is written."""
    checkpoint = source.checkpoint
    sides = sum(file.stat().st_size for file in checkpoint.side_files().values())
    if options.strategy == ADAPTER:
        # Generous: every changed matrix has fewer rows and columns than the model has weights.
        return sides + 4 * options.rank * _edges(source)
    shards = shards_of(checkpoint, options.dtype, options.max_shard_bytes)
    weights = planned_bytes(shards, options.dtype)
    return sides + weights * (2 if options.strategy == GGUF else 1)


def write_trial(
    folder: ExportFolder,
    source: Source,
    parameters: Parameters,
    options: ExportOptions,
    *,
    reporter: Reporter,
    stop: StopSignal,
    stored: Callable[[], None],
) -> Written:
    """Write the weights of one set of parameters; `stored` is called after each finished file.

    Raises:
        Stopped: the host wants to end; finished files stay for the next start.
        ModelError: the original's files do not fit the loaded model.
    """
    if options.strategy == ADAPTER:
        dtype = torch.float32 if options.dtype == "auto" else getattr(torch, options.dtype)
        weights, facts = write_adapter(
            folder,
            source.loaded.model,
            source.method.changes(parameters),
            rank=options.rank,
            exact_rank=source.method.exact_rank,
            dtype=dtype,
            base={"name": source.name, "revision": source.commit},
            reporter=reporter,
            stop=stop,
        )
        return Written(weights, _copy_sides(folder, source.checkpoint, "auto", MODEL_ONLY), facts)
    changes = source.method.changes(parameters)
    weights = write_merged(
        folder,
        shards_of(source.checkpoint, options.dtype, options.max_shard_bytes),
        Weights(source.loaded.model, changes, source.checkpoint),
        dtype=options.dtype,
        identity={str(key): value for key, value in parameters.items()},
        reporter=reporter,
        stop=stop,
        stored=stored,
    )
    return Written(weights, _copy_sides(folder, source.checkpoint, options.dtype, ()))


def _copy_sides(
    folder: ExportFolder, checkpoint: Checkpoint, dtype: str, without: tuple[str, ...]
) -> list[FileEntry]:
    entries = []
    for name, file in checkpoint.side_files().items():
        if name in without:
            continue
        target = folder.partial / name
        target.parent.mkdir(exist_ok=True)
        if name in CONFIGS:
            write_durably(target, _config(file, dtype if name == "config.json" else "auto"))
        else:
            shutil.copyfile(file, target)
        entries.append(folder.entry(name))
    return entries


def _config(file: Path, dtype: str) -> bytes:
    """A configuration without local paths, and with the number format that was chosen."""
    raw = without_paths(file.read_bytes())
    if dtype == "auto":
        return raw
    config: dict[str, Any] = json.loads(raw)
    for part in (config, config.get("text_config")):
        if isinstance(part, dict):
            _set_dtype(part, dtype)
    return (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()


def _set_dtype(config: dict[str, Any], dtype: str) -> None:
    named = [name for name in ("dtype", "torch_dtype") if name in config]
    config |= dict.fromkeys(named or ["dtype"], dtype)


def _edges(source: Source) -> int:
    """Rows and columns of all matrices of the model together."""
    shapes: Mapping[str, torch.Size] = {
        name: weight.shape for name, weight in source.loaded.model.named_parameters()
    }
    return sum(sum(shape) for shape in shapes.values() if len(shape) == 2)
