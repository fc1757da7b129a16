"""The weight files of a model folder: there, complete, and with a readable header."""

from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open

from studies.engine.errors import ModelError, NoSafetensorsError
from studies.engine.model_config import read_config
from studies.engine.problems import shown

_INDEX: Final = "model.safetensors.index.json"


def check_weight_files(folder: Path) -> None:
    """Check that safetensors files are there, whole, and all that the index names.

    Raises:
        NoSafetensorsError: there is none.
        ModelError: one is missing, damaged or cut off.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise NoSafetensorsError(f"The folder {shown(folder.name)} holds no safetensors weights.")
    if (folder / _INDEX).is_file():
        _check_index(folder)
    for file in files:
        try:
            # numpy: reading a header needs no torch, and the web process has none.
            with safe_open(file, framework="numpy") as opened:
                opened.keys()
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{file.name} is damaged or cut off ({error}).") from error


def _check_index(folder: Path) -> None:
    weight_map = read_config(folder / _INDEX).get("weight_map")
    shards = set(weight_map.values()) if isinstance(weight_map, dict) else set()
    if not shards:
        raise ModelError(f"{_INDEX} names no weight files.")
    for shard in sorted(map(str, shards)):
        if Path(shard).name != shard or not (folder / shard).is_file():
            raise ModelError(f"The weight file {shown(shard)} that {_INDEX} names is missing.")
