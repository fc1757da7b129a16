"""A forward pass over prompts in trees."""

from jaxtyping import Float
from torch import Tensor

from studies.engine.layered_pass import LayeredPass
from studies.engine.row_cache import RowCache
from studies.engine.trees import Trees


class TreePass(LayeredPass):
    """Runs a model on trees, of which each prompt's last token goes on behind the last layer."""

    def read(self, trees: Trees, piece: slice) -> Float[Tensor, "row 1 vocab"]:
        """Read some trees; the logits behind each prompt, in the order of `trees.rows`."""
        assert isinstance(self.cache, RowCache)
        rows = trees.rows(piece)
        self._lasts = trees.where[rows] - piece.start, trees.lasts[rows]
        output = self._through_layers(
            input_ids=trees.tokens[piece],
            attention_mask=self.cache.reads_trees(self.first, self.done, trees.seen(piece)),
            position_ids=self.done + trees.depths[piece],
            past_key_values=self.cache,
            use_cache=True,
            **self._options,
        )
        for layer, keys, values in self._missing():
            self.cache.put(layer, self.first + self._whole[layer], self.done, keys, values)
        logits: Tensor = output.logits
        return logits
