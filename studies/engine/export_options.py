"""What a user chooses for an export, checked in one place for page, API and worker."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from studies.engine.tables import Table

MERGE: Final = "merge"
ADAPTER: Final = "adapter"
GGUF: Final = "gguf"
STRATEGIES: Final[Mapping[str, str]] = {
    MERGE: "Merged model: the whole model with the ablated weights",
    ADAPTER: "LoRA adapter: the change alone, to load on top of the original",
    GGUF: "GGUF file: for llama.cpp and what is built on it",
}
LARGEST_SHARD: Final = 5.0  # GB, 10⁹ bytes; what the hub takes well


class ExportOptions(Table):
    """The options of an export; those that another strategy has are ignored."""

    strategy: Literal["merge", "adapter", "gguf"] = Field(
        description="Whole model, LoRA adapter, or a GGUF file."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number format of the weights; auto: each as the original has it."
    )
    rank: int = Field(
        8, ge=1, le=256, description="Rank of an adapter whose change has no exact low rank."
    )
    max_shard_gb: float = Field(
        LARGEST_SHARD, ge=0.001, le=50, strict=False, description="Largest weights file, in GB."
    )

    @property
    def max_shard_bytes(self) -> int:
        """The largest weights file in bytes."""
        return int(self.max_shard_gb * 10**9)
