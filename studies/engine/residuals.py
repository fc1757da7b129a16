"""Residuals: the hidden state at the last prompt position, at every layer."""

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from studies.engine.batch_runs import run_batches
from studies.engine.batching import BatchLimit, Progress
from studies.engine.disk_cache import Entry
from studies.engine.errors import NonFiniteError, PromptSetError
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import TokenBatch


@dataclass(frozen=True, slots=True, eq=False)
class ResidualMeans:
    """Index 0 is the embedding output, index l + 1 the output of layer l."""

    means: Float[Tensor, "index d_model"]  # float64, on the CPU
    count: int  # prompts


@dataclass(frozen=True, slots=True, eq=False)
class PromptResiduals:
    """The residuals of single prompts, all of a set or an even sample of it."""

    rows: Float[np.ndarray, "prompt index d_model"]  # float32
    indices: tuple[int, ...]  # the prompts' places in their set, in the order of the rows
    total: int  # prompts of the set


@torch.inference_mode()
def residual_means(
    loaded: LoadedModel,
    batches: Sequence[TokenBatch],
    *,
    winsorization_quantile: float = 1.0,
    reporter: Reporter,
    stop: StopSignal,
    phase: str,
) -> ResidualMeans:
    """Return the means over all prompts, (L + 1, d_model), summed in float64.

    `winsorization_quantile` below 1 clamps, per prompt and layer, the components to that
    quantile of their magnitudes: a few huge ones ("massive activations") no longer decide.

    Raises:
        NonFiniteError: a residual is NaN or infinite; names the layer index.
        PromptSetError: there is no prompt.
        DeviceMemoryError: not even a single prompt fits.
        Stopped: the host asked to stop, between two batches.
    """
    inputs = {
        "tokens": [[one.input_ids, one.attention_mask] for one in batches],
        "quantile": winsorization_quantile,
    }

    def measured() -> ResidualMeans:
        return _means(loaded, batches, winsorization_quantile, Progress(reporter, stop, phase))

    return loaded.recall.recalled("residual means", inputs, measured, _packed, _unpacked)


def _packed(means: ResidualMeans) -> Entry:
    return Entry({"means": means.means}, {"count": means.count})


def _unpacked(entry: Entry) -> ResidualMeans:
    return ResidualMeans(entry.tensors["means"], entry.facts["count"])


def _means(
    loaded: LoadedModel, batches: Sequence[TokenBatch], quantile: float, progress: Progress
) -> ResidualMeans:
    shape = (loaded.n_layers + 1, loaded.d_model)
    sums = torch.zeros(shape, dtype=torch.float64, device=loaded.device)
    count = 0
    work = partial(last_residuals, loaded)
    for batch, residuals in run_batches(batches, work, limit=BatchLimit(), progress=progress):
        for index, residual in enumerate(residuals):
            values = _checked(residual, index).to(loaded.device)
            sums[index] += _winsorized(values, quantile).sum(dim=0)
        count += len(batch)
    if count == 0:
        raise PromptSetError("There is no prompt to take residuals from.")
    return ResidualMeans(sums.cpu() / count, count)


@torch.inference_mode()
def prompt_residuals(
    loaded: LoadedModel,
    batches: Sequence[TokenBatch],
    *,
    most: int,
    reporter: Reporter,
    stop: StopSignal,
    phase: str,
) -> PromptResiduals:
    """Keep the residuals of at most `most` prompts, evenly spaced over the set, in float32.

    They are as the model computes them, not winsorized.

    Raises:
        NonFiniteError: a residual is NaN or infinite; names the layer index.
        PromptSetError: there is no prompt.
        DeviceMemoryError: not even a single prompt fits.
        Stopped: the host asked to stop, between two batches.
    """
    total = sum(len(batch) for batch in batches)
    chosen = evenly_spaced(total, most)
    if not chosen:
        raise PromptSetError("There is no prompt to take residuals from.")
    place = {index: row for row, index in enumerate(chosen)}
    rows = np.empty((len(chosen), loaded.n_layers + 1, loaded.d_model), np.float32)
    progress = Progress(reporter, stop, phase)
    work = partial(last_residuals, loaded)
    wanted = _of_prompts(batches, place)
    for batch, residuals in run_batches(wanted, work, limit=BatchLimit(), progress=progress):
        places = [place[index] for index in batch.indices]
        for index, residual in enumerate(residuals):
            rows[places, index] = _checked(residual, index).float().cpu().numpy()
    return PromptResiduals(rows, chosen, total)


def evenly_spaced(total: int, most: int) -> tuple[int, ...]:
    """All of 0 … total − 1, or `most` of them at equal distances, the first included."""
    if total <= most:
        return tuple(range(total))
    return tuple(row * total // most for row in range(most))


def last_residuals(
    loaded: LoadedModel, batch: TokenBatch
) -> list[Float[Tensor, "prompt d_model"]]:
    """Return the residuals of a left-padded batch, one tensor per layer index.

    The last one is the raw output of the last layer: what transformers calls the last hidden
    state has already passed the final norm. No logits are computed.
    """
    with _captured(loaded) as residuals:
        mask = batch.attention_mask
        loaded.model.base_model(
            input_ids=batch.input_ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            use_cache=False,
        )
    return residuals


def _of_prompts(batches: Sequence[TokenBatch], wanted: Container[int]) -> list[TokenBatch]:
    """The rows of these prompts, by their places in the set."""
    found = []
    for batch in batches:
        rows = [row for row, index in enumerate(batch.indices) if index in wanted]
        if rows:
            found.append(batch.picked(rows).trimmed())
    return found


@contextmanager
def _captured(loaded: LoadedModel) -> Iterator[list[Tensor]]:
    residuals: list[Tensor] = []

    # The hooks copy one position: a slice would keep the whole hidden state alive.
    def before(module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        hidden = args[0] if args else kwargs["hidden_states"]
        residuals.append(hidden[:, -1].clone())

    def after(module: object, args: object, output: Any) -> None:  # noqa: ANN401 - varies
        hidden = output[0] if isinstance(output, tuple) else output
        residuals.append(hidden[:, -1].clone())

    with loaded.layers[0].register_forward_pre_hook(before, with_kwargs=True):
        handles = [layer.register_forward_hook(after) for layer in loaded.layers]
        try:
            yield residuals
        finally:
            for handle in handles:
                handle.remove()


def _checked(residual: Tensor, index: int) -> Tensor:
    if not bool(residual.isfinite().all()):
        raise NonFiniteError(f"The residual at layer index {index} is not finite.")
    return residual.double()


def _winsorized(
    values: Float[Tensor, "prompt d_model"], quantile: float
) -> Float[Tensor, "prompt d_model"]:
    if quantile >= 1:
        return values
    limits = values.abs().quantile(quantile, dim=1, keepdim=True)
    return values.clamp(-limits, limits)
