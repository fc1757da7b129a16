"""Writes a whole model with its ablated weights, one tensor of the original at a time.

What the ablation leaves alone is copied bit for bit, also what the loaded model ignores (draft
heads). In memory at any time: one new shard, and one matrix.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from studies.engine.errors import ModelError
from studies.engine.export.checkpoint import INDEX, SINGLE, Checkpoint, Stored
from studies.engine.export.folder import ExportFolder, FileEntry, write_durably
from studies.engine.method_port import Change
from studies.engine.ports import Reporter, StopSignal

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Shard:
    """One weights file to be written."""

    name: str
    tensors: tuple[Stored, ...]


class Weights:
    """The tensors of the new checkpoint, each made when it is asked for."""

    def __init__(
        self, model: PreTrainedModel, changes: Mapping[str, Change], checkpoint: Checkpoint
    ) -> None:
        self._model, self._changes = model, changes
        self._checkpoint = checkpoint
        self._names = self._names_by_key()
        self._converted: tuple[str, dict[str, Tensor]] = ("", {})  # of the last fused matrix

    def make(self, stored: Stored, dtype: torch.dtype) -> Tensor:
        """The new tensor in place of a stored one, on the CPU."""
        name = self._names.get(stored.key)
        if name is None:
            return stored.read().to(dtype)
        original = self._model.get_parameter(name)
        if original.shape == stored.shape:  # stored as it is used, its name apart
            source = stored.read().to(original.device)
            return self._changes[name](source.double()).to(dtype).cpu()
        if self._converted[0] != name:
            changed = self._changes[name](original)
            self._converted = name, revert_weight_conversion(self._model, {name: changed})
        return self._converted[1][stored.key].to(dtype).cpu().contiguous()

    def _names_by_key(self) -> dict[str, str]:
        """Which matrix of the model each changed tensor of the checkpoint belongs to.

        Raises:
            ModelError: the checkpoint has no such tensor.
        """
        found = {}
        for name in self._changes:
            probe = {name: torch.empty_like(self._model.get_parameter(name), device="meta")}
            for key in revert_weight_conversion(self._model, probe):
                if key not in self._checkpoint.tensors:
                    raise ModelError(f"The original weights have no {key}; nothing was written.")
                found[key] = name
        return found


def target_dtype(stored: Stored, chosen: str) -> torch.dtype:
    """The number format of a tensor in the export; only numbers with a point are converted."""
    if chosen == "auto" or not stored.dtype.is_floating_point:
        return stored.dtype
    dtype: torch.dtype = getattr(torch, chosen)
    return dtype


def shards_of(checkpoint: Checkpoint, dtype: str, largest: int) -> list[Shard]:
    """Spread the tensors, in the order of the original's files, over files of `largest` bytes."""
    groups: list[list[Stored]] = [[]]
    size = 0
    for stored in checkpoint.tensors.values():
        needed = stored.size_as(target_dtype(stored, dtype))
        if groups[-1] and size + needed > largest:
            groups.append([])
            size = 0
        groups[-1].append(stored)
        size += needed
    if len(groups) == 1:
        return [Shard(SINGLE, tuple(groups[0]))]
    count = len(groups)
    return [
        Shard(f"model-{number:05d}-of-{count:05d}.safetensors", tuple(group))
        for number, group in enumerate(groups, start=1)
    ]


def planned_bytes(shards: Sequence[Shard], dtype: str) -> int:
    """How much the weights will take."""
    return sum(one.size_as(target_dtype(one, dtype)) for s in shards for one in s.tensors)


def write_merged(
    folder: ExportFolder,
    shards: Sequence[Shard],
    weights: Weights,
    *,
    dtype: str,
    identity: Mapping[str, object],
    reporter: Reporter,
    stop: StopSignal,
    stored: Callable[[], None],
) -> list[FileEntry]:
    """Write the shards that are missing, and their index; `identity` names what goes into them.

    `stored` is called after each shard.

    Raises:
        Stopped: the host wants to end; what is finished stays.
    """
    plan = _plan(shards, dtype, identity)
    done = folder.journal_read(plan)
    total, written = planned_bytes(shards, dtype), 0
    for shard in shards:
        if shard.name not in done:
            tensors = {}
            for one, tensor in _made(shard, weights, dtype, stop):
                tensors[one.key] = tensor
                written += tensor.nbytes
                reporter.phase("writing", done=written // MIB, total=total // MIB)
            save_file(tensors, folder.partial / shard.name, metadata={"format": "pt"})
            del tensors
            done[shard.name] = folder.entry(shard.name)
            folder.journal_write(plan, done)
            stored()
        else:
            written += planned_bytes([shard], dtype)
    entries = [done[shard.name] for shard in shards]
    if len(shards) > 1:
        entries.append(_index(folder, shards, total))
    return entries


def _made(
    shard: Shard, weights: Weights, dtype: str, stop: StopSignal
) -> Iterator[tuple[Stored, Tensor]]:
    for one in shard.tensors:
        stop.check()
        yield one, weights.make(one, target_dtype(one, dtype))


def _index(folder: ExportFolder, shards: Sequence[Shard], total: int) -> FileEntry:
    index = {
        "metadata": {"total_size": total},
        "weight_map": {one.key: shard.name for shard in shards for one in shard.tensors},
    }
    write_durably(folder.partial / INDEX, json.dumps(index, indent=1).encode())
    return folder.entry(INDEX)


def _plan(shards: Sequence[Shard], dtype: str, identity: Mapping[str, object]) -> str:
    """Name what is written, so that a later start knows its own files from others'."""
    tensors = [[s.name, one.key, list(one.shape)] for s in shards for one in s.tensors]
    told = json.dumps([dtype, tensors, dict(identity)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
