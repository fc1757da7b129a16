"""Which model a name means, as far as its files tell without loading it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, without __all__

from studies.engine.architectures import refuse_unsupported
from studies.engine.errors import ModelNotFoundError, ModelPathError
from studies.engine.model_config import (
    ModelFacts,
    facts_of,
)
from studies.engine.problems import shown
from studies.engine.roots import OutsideRootsError, path_below
from studies.engine.weight_files import check_weight_files

__all__ = ["ModelFacts", "ModelRef", "cached_facts", "inspect_model", "is_hub_id", "locate_model"]


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model: a folder here, or an id of the hub."""

    source: str  # as the user typed it
    path: Path | None  # links resolved; None: on the hub

    @property
    def is_local(self) -> bool:
        """Whether it is a folder on this machine."""
        return self.path is not None


def is_hub_id(text: str) -> bool:
    """Whether the text has the form of a model id: owner/name.

    The hub's few old names without an owner are left out: they would turn every misspelt
    folder into a download.
    """
    if "/" not in text:
        return False
    try:
        validate_repo_id(text)
    except HFValidationError:
        return False
    return True


def locate_model(model: str, roots: Sequence[Path]) -> ModelRef:
    """Find what a model's name means; a folder below a root wins over the hub.

    Raises:
        ModelPathError: the name is malformed or leads out of the roots.
        ModelNotFoundError: neither a folder below a root nor the form of a hub id.
    """
    try:
        path = path_below(model, roots)
    except OutsideRootsError as error:
        raise ModelPathError(str(error), place="model") from error
    if path is not None and path.is_dir():
        return ModelRef(model, path)
    if not is_hub_id(model):
        raise ModelNotFoundError(
            f"{shown(model)} is neither owner/name on the hub "
            "nor a folder below the model folders of this installation",
            place="model",
        )
    return ModelRef(model, None)


def inspect_model(path: Path) -> ModelFacts:
    """Read what a model folder says of itself, and check that it could be loaded.

    Raises:
        ModelNotFoundError: the folder holds no config.json.
        CustomCodeError: its configuration asks to run code of its own.
        UnsupportedArchitectureError: its type is not in the table.
        NoSafetensorsError: its weights are missing or in another format.
        ModelError: a file is damaged or missing.
    """
    if not (path / "config.json").is_file():
        raise ModelNotFoundError(f"The folder {shown(path.name)} holds no config.json: no model.")
    facts = facts_of(path)
    if facts.model_type:
        refuse_unsupported(facts.model_type)
    check_weight_files(path)
    return facts


def cached_facts(hub_id: str, revision: str | None = None) -> ModelFacts | None:
    """The facts of a hub model that was fetched before; asks no network. None: not here.

    Raises:
        CustomCodeError: its configuration asks to run code of its own.
        ModelError: the configuration is damaged.
    """
    if not is_hub_id(hub_id):
        return None
    found = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    if not isinstance(found, str):
        return None  # or a mark that the hub has no such file
    return facts_of(Path(found).parent)
