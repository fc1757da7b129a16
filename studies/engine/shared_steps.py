"""Steps of one token, in which rows that have said the same share what none of them changes."""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from studies.engine.layered_pass import LayeredPass
from studies.engine.lineup import apart, lined_up, moves, twins_of
from studies.engine.model import LoadedModel
from studies.engine.reuse import Reuse, Twins
from studies.engine.row_answers import RowAnswers
from studies.engine.row_cache import RowCache

Rows = Int[Tensor, " row"]

# Finished rows leave once they are this share: lining rows up costs about a step of a tenth.
_FINISHED_SHARE = 0.1
# What joining rows costs a layer beside what it computes, in weights times rows; measured on the
# demo model, where it is worth six rows. On one H200, lining up 1,600 rows of a model of 4 billion
# weights cost more than it saved: 0.27 instead of 0.23 s a trial.
_JOINING = 1e6
_JOINING_ON_GPU = math.inf


class SharedSteps:
    """Lines up the rows of a cache before each step, so that none is computed for nothing."""

    shared: LayeredPass | None = None  # what runs the next step; None: the model itself

    def __init__(
        self,
        loaded: LoadedModel,
        reuse: Reuse,
        cache: RowCache,
        on_rows: Callable[[Rows], None],
        options: dict[str, Any],
        *,
        plain: bool,
    ) -> None:
        """`on_rows` hears which rows the next layers compute; `plain`: no row joins another."""
        self._loaded, self._reuse, self._cache = loaded, reuse, cache
        self._on_rows, self._options = on_rows, options
        self._is_lined_up = False
        self._line = apart(len(reuse.starts))
        self._rows = self._twins = torch.arange(len(reuse.starts), device=loaded.device)
        self._least = 0.0 if reuse.share_always else _least_saved(loaded)
        self._prompts = () if plain else reuse.places

    def lined_up(self, answers: RowAnswers) -> Rows:
        """The rows that the next step reads, in the order in which the cache now holds them."""
        left = answers.left()
        if not self._holds(left[self._rows], answers.latest(self._rows)):
            texts = answers.texts(self._rows[left[self._rows]])
            self._line_up(self._worthwhile_twins(texts))
        return self._rows

    def parted(self, left: Bool[Tensor, " row"]) -> Rows:
        """The rows that are left, in the order of the cache, which now holds all of each."""
        self._line_up({row: row for row in self._rows[left[self._rows]].tolist()})
        return self._rows

    def _holds(self, left: Bool[Tensor, " row"], latest: Rows) -> bool:
        """Whether few rows are finished, and none has parted from its twin."""
        if not self._is_lined_up or int(left.sum()) <= (1 - _FINISHED_SHARE) * len(left):
            return False
        if self.shared is None:
            return True
        same = (latest == latest[self._twins]) & (left == left[self._twins])
        return bool(same.all())

    def _line_up(self, twins: dict[int, int]) -> None:
        n_layers, device = self._loaded.n_layers, self._loaded.device
        line = lined_up(self._line, twins, self._reuse.starts)
        for layer, (places, sources) in enumerate(moves(self._line, line, n_layers)):
            self._cache.move(layer, places, sources)
        self._line, self._is_lined_up = line, True
        self._rows = torch.tensor(line.rows, device=device)
        self._twins = torch.tensor(line.twins, device=device)
        self.shared = self._pass() if any(line.begins) else None
        if self.shared is None:
            self._on_rows(self._rows)

    def _worthwhile_twins(self, texts: dict[int, tuple[int, ...]]) -> dict[int, int]:
        """The twin of each row; itself for all, where the rest would save too little."""
        starts, prompts = self._reuse.starts, self._prompts
        if prompts:
            keys = {row: (prompts[row], text) for row, text in texts.items()}
            twins = twins_of(keys, starts)
            saved = sum(starts[row] for row, twin in twins.items() if twin != row)
            if saved > self._least:
                return twins
        return {row: row for row in texts}

    def _pass(self) -> LayeredPass:
        """Its rows get keys and values of the layers that they skip when they part."""
        rows, begins = self._rows, self._line.begins
        twins = Twins(self._cache, rows, rows.new_empty(0, 1), self._line.twins)
        one = LayeredPass(self._loaded, begins, twins, self._options)
        one.cache = self._cache
        one.on_rows = lambda n: self._on_rows(rows[:n])
        return one


def _least_saved(loaded: LoadedModel) -> float:
    """The layers that must not be computed, over all rows, for sharing to pay."""
    joining = _JOINING if loaded.device.type == "cpu" else _JOINING_ON_GPU
    n_weights = sum(one.numel() for one in loaded.layers.parameters())
    return joining * loaded.n_layers**2 / max(1, n_weights)
