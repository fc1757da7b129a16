"""The method "arbitrary_rank": updates matrices so that bad prompts are treated like good ones."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from studies.engine.batch_runs import run_batches
from studies.engine.batching import BatchLimit, Progress
from studies.engine.components import Site
from studies.engine.errors import NonFiniteError, PromptSetError
from studies.engine.forwards import slot_of
from studies.engine.method_port import Change, Parameters
from studies.engine.model import LoadedModel
from studies.engine.parameters import Key
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import TokenBatch
from studies.engine.steering import Inputs, Update, Weights, best_update, reduced

Captured = Float[Tensor, "prompt d_in"]


class ArbitraryRankAblation:
    """Arbitrary-rank ablation of one loaded model; the running model has the baked weights."""

    def __init__(
        self, loaded: LoadedModel, sites: Sequence[Site], settings: Mapping[str, object]
    ) -> None:
        self._loaded = loaded
        self._sites = list(sites)
        self._switches = [WeightSwitch(site.module) for site in self._sites]
        self._inputs: list[Inputs] = []

    def prepare(
        self,
        good: Sequence[TokenBatch],
        bad: Sequence[TokenBatch],
        *,
        reporter: Reporter,
        stop: StopSignal,
    ) -> None:
        """Capture what every matrix reads at the last position of each prompt.

        Raises:
            NonFiniteError: an input is NaN or infinite; names the matrix.
            PromptSetError: there is no prompt.
        """
        self.reset()
        captured = [
            self._captured(batches, Progress(reporter, stop, phase))
            for batches, phase in ((good, "good_residuals"), (bad, "bad_residuals"))
        ]
        self._inputs = []
        for done, pair in enumerate(zip(*captured, strict=True)):
            stop.check()
            reporter.phase("matrices", done=done, total=len(self._sites))
            self._inputs.append(reduced(*pair))
        reporter.phase("matrices", done=len(self._sites), total=len(self._sites))

    def apply(self, parameters: Parameters, *, strength: float = 1.0) -> None:
        """Ablate the running model; `strength` scales the updates (0: the original)."""
        chosen = {
            index: updated(self._sites[index].module.weight, update, strength)
            for index, update in (self._updates(parameters) if strength else ())
        }
        for index, switch in enumerate(self._switches):
            if index in chosen:
                switch.switch_to(chosen[index])
            else:
                switch.switch_off()

    def reset(self) -> None:
        """Switch the running model back to the original, bit for bit."""
        for switch in self._switches:
            switch.switch_off()

    def describe(self, parameters: Parameters) -> dict[str, object]:
        """Return `{"layers": "2–6"}`: the method has no kernel and no direction."""
        first, last = self._span(parameters)
        return {"layers": f"{first}–{last}" if first < last else str(first)}

    def changes(self, parameters: Parameters) -> dict[str, Change]:
        """Return, by state dict name, how each matrix that changes is made from its original."""
        return {
            f"{self._sites[index].name}.weight": partial(updated, update=update)
            for index, update in self._updates(parameters)
        }

    @property
    def exact_rank(self) -> int | None:
        """An update has whatever rank its prompts ask for."""
        return None

    def baked(self, parameters: Parameters) -> Iterator[tuple[str, Tensor]]:
        """Yield (state dict name, new weight) of every matrix that changes, one at a time."""
        for index, update in self._updates(parameters):
            site = self._sites[index]
            yield f"{site.name}.weight", updated(site.module.weight, update)

    def _updates(self, parameters: Parameters) -> Iterator[tuple[int, Update]]:
        """Yield (index of the site, its update) where something changes."""
        first, last = self._span(parameters)
        weights = _aims(parameters)
        for index, site in enumerate(self._sites):
            if not first <= site.layer_index <= last:
                continue
            update = best_update(site.module.weight, self._inputs[index], weights)
            if update is not None:
                yield index, update

    def _span(self, parameters: Parameters) -> tuple[int, int]:
        """Return the first and the last layer that change: those nearest to the two fractions."""
        fractions = (
            float(parameters[Key(name)]) for name in ("start_layer_fraction", "end_layer_fraction")
        )
        first, last = sorted(
            math.floor(fraction * (self._loaded.n_layers - 1) + 0.5) for fraction in fractions
        )
        return first, last

    @torch.no_grad()
    def _captured(self, batches: Sequence[TokenBatch], progress: Progress) -> list[Captured]:
        parts: list[list[Tensor]] = [[] for _ in self._sites]
        work = partial(last_inputs, self._loaded, self._sites)
        for _, found in run_batches(batches, work, limit=BatchLimit(), progress=progress):
            for index, inputs in enumerate(found):
                parts[index].append(_checked(inputs, self._sites[index]))
        if not parts[0]:
            raise PromptSetError("There is no prompt to take inputs from.")
        return [torch.cat(part) for part in parts]


def updated(
    weight: Float[Tensor, "d_out d_in"], update: Update, strength: float = 1.0
) -> Float[Tensor, "d_out d_in"]:
    """Return the weight plus its update, computed in float64, in the dtype of `weight`."""
    change = update.full().to(weight.device)
    return (weight.double() + strength * change).to(weight.dtype)


class WeightSwitch:
    """Runs one Linear of a live model with another weight; the module's own stays as it is."""

    def __init__(self, module: nn.Linear) -> None:
        self._module = module
        self._slot = slot_of(module)
        self._had = vars(module).get(self._slot)  # set by accelerate where it spreads a model
        self._weight = module.weight.new_empty(0)

    def switch_to(self, weight: Float[Tensor, "d_out d_in"]) -> None:
        """Use this weight from the next forward pass on."""
        self._weight = weight
        setattr(self._module, self._slot, self._forward)

    def switch_off(self) -> None:
        """Give the module its own forward back, bit for bit, and let go of the weight."""
        self._weight = self._module.weight.new_empty(0)
        if self._had is not None:
            setattr(self._module, self._slot, self._had)
        else:
            vars(self._module).pop(self._slot, None)

    def _forward(self, inputs: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_out"]:
        return functional.linear(inputs, self._weight, self._module.bias)


def last_inputs(
    loaded: LoadedModel, sites: Sequence[Site], batch: TokenBatch
) -> list[Float[Tensor, "row d_in"]]:
    """Return what each matrix reads at the last position of a left-padded batch."""
    found: dict[int, Tensor] = {}

    def keep(index: int, module: object, args: tuple[Any, ...]) -> None:
        found[index] = args[0][:, -1].clone()  # a slice would keep all positions alive

    with ExitStack() as hooks:
        for index, site in enumerate(sites):
            hooks.enter_context(site.module.register_forward_pre_hook(partial(keep, index)))
        mask = batch.attention_mask
        loaded.model.base_model(
            input_ids=batch.input_ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            use_cache=False,
        )
    return [found[index] for index in range(len(sites))]


def _checked(inputs: Tensor, site: Site) -> Tensor:
    if not bool(inputs.isfinite().all()):
        raise NonFiniteError(f"The input of {site.name} is not finite.")
    return inputs.double()


def _aims(parameters: Parameters) -> Weights:
    return Weights(
        preserve_good=float(parameters[Key("preserve_good_weight")]),
        steer_bad=float(parameters[Key("steer_bad_weight")]),
        overcorrect=float(parameters[Key("overcorrect_weight")]),
        neighbor_count=int(parameters[Key("neighbor_count")]),
    )
