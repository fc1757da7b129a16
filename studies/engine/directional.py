"""The method "directional": removes the bad − good residual direction from what layers write."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import cast

from jaxtyping import Int
from torch import Tensor

from studies.engine.ablation import (
    OutputAblation,
    OutputTransform,
    RowNormalization,
    RowOwners,
    RowStatistics,
    bake,
    row_statistics,
    transform_for,
)
from studies.engine.components import Site, components_of
from studies.engine.directions import Blend, blend_at, orthogonalised, residual_directions
from studies.engine.kernel import layer_weights
from studies.engine.method_port import Change, Parameters
from studies.engine.model import LoadedModel
from studies.engine.parameters import Key
from studies.engine.parts import Place
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import TokenBatch
from studies.engine.residuals import residual_means
from studies.engine.study_settings import MAX_TRIALS_PER_BATCH

GLOBAL = "global"
Kernel = dict[str, list[float]]  # component -> weight per layer


class DirectionalAblation:
    """Directional ablation of one loaded model, exact, switched on its outputs."""

    def __init__(
        self, loaded: LoadedModel, sites: Sequence[Site], settings: Mapping[str, object]
    ) -> None:
        self._loaded = loaded
        self._sites = list(sites)
        self._mode = cast(RowNormalization, settings["row_normalization"])
        self._orthogonalize = bool(settings["orthogonalize_direction"])
        self._quantile = float(cast(float, settings["winsorization_quantile"]))
        self._compensate = bool(settings["compensate_output_norm"])
        self._owners = RowOwners()
        capacity = 1
        if loaded.step is not None:
            capacity = cast(int, settings["trials_per_batch"]) or MAX_TRIALS_PER_BATCH
        self._switches = [
            OutputAblation(site.module, self._owners, capacity=capacity) for site in self._sites
        ]
        if loaded.step is not None:
            self._owners.hold(self._switches[0].capacity)
        self._statistics: list[RowStatistics] = []

    def prepare(
        self,
        good: Sequence[TokenBatch],
        bad: Sequence[TokenBatch],
        *,
        reporter: Reporter,
        stop: StopSignal,
    ) -> None:
        """Measure residuals, directions and matrices on the original model.

        Raises:
            DegenerateDirectionError: good and bad prompts do not differ at some layer.
            NonFiniteError: a residual is NaN or infinite; names the layer index.
        """
        self.reset()
        good_means, bad_means = (
            residual_means(
                self._loaded,
                batches,
                winsorization_quantile=self._quantile,
                reporter=reporter,
                stop=stop,
                phase=phase,
            ).means
            for batches, phase in ((good, "good_residuals"), (bad, "bad_residuals"))
        )
        directions = residual_directions(good_means, bad_means)
        if self._orthogonalize:
            directions = orthogonalised(directions, good_means)
        self._measure(directions, reporter, stop)

    def apply(self, parameters: Parameters, *, strength: float = 1.0) -> None:
        """Ablate the running model; `strength` scales all weights (0: the original)."""
        self._switch([dict(self._transforms(parameters, strength))])

    def apply_many(
        self, many: Sequence[Parameters], *, strengths: Sequence[float] | None = None
    ) -> None:
        """Ablate the running model by several parameter sets, each in its own rows."""
        scales = [1.0] * len(many) if strengths is None else strengths
        pairs = zip(many, scales, strict=True)
        self._switch([dict(self._transforms(parameters, scale)) for parameters, scale in pairs])

    def first_place(self, parameters: Parameters) -> Place:
        """Behind the first product that these parameters change; the number of layers if none."""
        kernel, n_layers = self._kernel(parameters), self._loaded.n_layers
        changed = (site.place for site in self._sites if kernel[site.component][site.layer_index])
        return min(changed, default=n_layers)

    def assign(self, owners: Int[Tensor, " row"] | None) -> None:
        """Say which of the applied sets each row of the next forward passes belongs to."""
        self._owners.assign(owners)

    def reset(self) -> None:
        """Switch the running model back to the original, bit for bit."""
        self._owners.assign(None)
        for switch in self._switches:
            switch.switch_off()

    def describe(self, parameters: Parameters) -> dict[str, object]:
        """Return `{"kernel": {component: [weight per layer]}, "direction": words}`."""
        position = self._position(parameters)
        words = "per layer" if position is None else f"global at {position:.4g}"
        return {"kernel": self._kernel(parameters), "direction": words}

    def changes(self, parameters: Parameters) -> dict[str, Change]:
        """Return, by state dict name, how each matrix that changes is made from its original."""
        return {
            f"{self._sites[index].name}.weight": partial(bake, transform=transform)
            for index, transform in self._transforms(parameters, 1.0)
        }

    @property
    def exact_rank(self) -> int | None:
        """One direction leaves each matrix, unless its rows are scaled back as well."""
        return None if self._mode == "full" else 1

    def baked(self, parameters: Parameters) -> Iterator[tuple[str, Tensor]]:
        """Yield (state dict name, new weight) of every matrix that changes, one at a time."""
        weights = {f"{site.name}.weight": site.module.weight for site in self._sites}
        for name, change in self.changes(parameters).items():
            yield name, change(weights[name])

    def _measure(self, directions: Tensor, reporter: Reporter, stop: StopSignal) -> None:
        total = len(self._sites)
        self._statistics = []
        for done, site in enumerate(self._sites):
            stop.check()
            reporter.phase("matrices", done=done, total=total)
            gain = site.gain if self._compensate else None
            self._statistics.append(row_statistics(site.module.weight, directions, gain))
        reporter.phase("matrices", done=total, total=total)

    def _switch(self, chosen: Sequence[Mapping[int, OutputTransform]]) -> None:
        step = self._loaded.step
        is_kept = step is not None and step.is_on  # other modules would be another graph
        for index, switch in enumerate(self._switches):
            transforms = [transforms.get(index) for transforms in chosen]
            if is_kept or any(transform is not None for transform in transforms):
                switch.switch_to(*transforms)
            else:
                switch.switch_off()

    def _transforms(
        self, parameters: Parameters, strength: float
    ) -> Iterator[tuple[int, OutputTransform]]:
        """Yield (index of the site, its transform) where the weight is not 0."""
        kernel = self._kernel(parameters)
        position = self._position(parameters)
        for index, site in enumerate(self._sites):
            weight = strength * kernel[site.component][site.layer_index]
            if weight != 0:
                blend = _blend(position, site.layer_index)
                yield index, transform_for(self._statistics[index], blend, weight, self._mode)

    def _kernel(self, parameters: Parameters) -> Kernel:
        return {
            component: layer_weights(
                self._loaded.n_layers,
                max_weight=_number(parameters, "max_weight", component),
                position_fraction=_number(parameters, "max_weight_position_fraction", component),
                min_weight_relative=_number(parameters, "min_weight_relative", component),
                distance_fraction=_number(parameters, "min_weight_distance_fraction", component),
            )
            for component in components_of(self._sites)
        }

    def _position(self, parameters: Parameters) -> float | None:
        """Return the fractional layer of the global direction, or None for one per layer."""
        if parameters[Key("direction_scope")] != GLOBAL:
            return None
        return _number(parameters, "direction_fraction") * (self._loaded.n_layers - 1)


def _blend(position: float | None, layer_index: int) -> Blend:
    return blend_at(layer_index if position is None else position)


def _number(parameters: Parameters, name: str, component: str = "") -> float:
    return float(parameters[Key(name, component)])
