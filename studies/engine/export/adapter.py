"""Writes the change alone as a LoRA adapter that PEFT loads on top of the original.

W' = W + B A with A (rank × d_in) and B (d_out × rank). Exact where every change has that rank;
otherwise the best approximation of it, with its error ‖Δ − B A‖ / ‖Δ‖ (Frobenius).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from studies.engine.errors import ModelError
from studies.engine.export.folder import ExportFolder, FileEntry, write_durably
from studies.engine.method_port import Change
from studies.engine.ports import Reporter, StopSignal

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
PREFIX = "base_model.model."  # PEFT's wrapper around the model
OVERSAMPLING = 8  # further directions that the randomised decomposition looks at
ITERATIONS = 4  # of its subspace; enough for a relative error of 1e-10 at rank 1


@dataclass(frozen=True, slots=True)
class LowRank:
    """One module's change."""

    module: str  # its name inside the model
    a: Float[Tensor, "rank d_in"]
    b: Float[Tensor, "d_out rank"]
    missed: float  # squared norm of what is left out
    total: float  # squared norm of the change


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """How well an adapter stands for the change."""

    rank: int
    is_exact: bool
    error: float  # ‖Δ − B A‖ / ‖Δ‖ over all matrices together
    worst_error: float  # of the matrix that is approximated worst
    worst_module: str


def write_adapter(
    folder: ExportFolder,
    model: PreTrainedModel,
    changes: Mapping[str, Change],
    *,
    rank: int,
    exact_rank: int | None,
    dtype: torch.dtype,
    base: Mapping[str, str | None],
    reporter: Reporter,
    stop: StopSignal,
) -> tuple[list[FileEntry], AdapterFacts]:
    """Write `adapter_model.safetensors` and `adapter_config.json`.

    `base` is what the configuration says of the original: its name and revision.

    Raises:
        Stopped: the host wants to end.
        ModelError: a matrix is no linear module, or nothing changes.
    """
    used = rank if exact_rank is None else exact_rank
    parts: list[LowRank] = []
    tensors: dict[str, Tensor] = {}
    for part in _parts(model, changes, used, dtype, reporter, stop):
        tensors[f"{PREFIX}{part.module}.lora_A.weight"] = part.a
        tensors[f"{PREFIX}{part.module}.lora_B.weight"] = part.b
        parts.append(part)
    if not parts:
        raise ModelError("These parameters change nothing; there is no adapter to write.")
    save_file(tensors, folder.partial / WEIGHTS, metadata={"format": "pt"})
    config = _config([part.module for part in parts], used, base)
    write_durably(folder.partial / CONFIG, json.dumps(config, indent=2).encode())
    entries = [folder.entry(WEIGHTS), folder.entry(CONFIG)]
    return entries, _facts(parts, used, exact_rank)


def low_rank(
    change: Float[Tensor, "d_out d_in"], rank: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor, float]:
    """Return A, B in `dtype` and the squared norm of what they leave out of a float64 change."""
    q = min(rank + OVERSAMPLING, *change.shape)
    with torch.random.fork_rng(devices=[change.device] if change.is_cuda else []):
        torch.manual_seed(0)  # the same adapter each time
        u, s, v = torch.svd_lowrank(change, q=q, niter=ITERATIONS)
    root = s[:rank].sqrt()
    b, a = (u[:, :rank] * root).to(dtype), (v[:, :rank] * root).T.to(dtype)
    missed = float((change - b.double() @ a.double()).square().sum())
    return a.cpu().contiguous(), b.cpu().contiguous(), missed


def _parts(
    model: PreTrainedModel,
    changes: Mapping[str, Change],
    rank: int,
    dtype: torch.dtype,
    reporter: Reporter,
    stop: StopSignal,
) -> Iterator[LowRank]:
    for done, (name, change) in enumerate(changes.items(), start=1):
        stop.check()
        module = name.removesuffix(".weight")
        if not isinstance(model.get_submodule(module), nn.Linear):
            raise ModelError(f"{module} is no linear module: export the merged model instead.")
        original = model.get_parameter(name).double()
        delta = change(original) - original
        total = float(delta.square().sum())
        if total > 0:
            a, b, missed = low_rank(delta, rank, dtype)
            yield LowRank(module, a, b, missed, total)
        reporter.phase("writing", done=done, total=len(changes))


def _facts(parts: list[LowRank], rank: int, exact_rank: int | None) -> AdapterFacts:
    worst = max(parts, key=lambda part: part.missed / part.total)
    missed, total = sum(part.missed for part in parts), sum(part.total for part in parts)
    return AdapterFacts(
        rank=rank,
        is_exact=exact_rank is not None,
        error=sqrt(missed / total),
        worst_error=sqrt(worst.missed / worst.total),
        worst_module=worst.module,
    )


def _config(modules: list[str], rank: int, base: Mapping[str, str | None]) -> dict[str, object]:
    """What PEFT reads; alpha = rank makes the scaling 1."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base["name"],
        "revision": base["revision"],
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "target_modules": sorted(modules),
    }
