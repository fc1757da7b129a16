"""The reproduction bundle: all that is needed to build an export again, and nothing private.

It names no local path, no user and no host. What it says of prompts is their digests.
"""

import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field, ValidationError

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.export_options import ExportOptions
from studies.engine.problems import refuse_depth
from studies.engine.tables import Table, refusal

FORMAT: Final = "heretic-web reproduction"
FILE: Final = "reproduce.json"
MAX_BYTES: Final = 1024 * 1024
MAX_ENTRIES: Final = 2000
# By how likely another version changes the numbers.
PACKAGES: Final[Mapping[str, str]] = {
    "torch": "high",
    "transformers": "high",
    "heretic-web": "high",
    "tokenizers": "medium",
    "accelerate": "medium",
    "safetensors": "low",
    "numpy": "low",
    "optuna": "low",
}
OTHERS: Final[Mapping[str, str]] = {"device": "high", "python": "low", "system": "low"}
SEVERITIES: Final = ("high", "medium", "low")

Short = Annotated[str, Field(max_length=300)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")]
Versions = Annotated[dict[Short, Short], Field(max_length=MAX_ENTRIES)]


class BundleModel(Table):
    """The original model: its name, its commit if it is of the hub, and its weights."""

    name: Short
    commit: Short | None = None
    files: Annotated[dict[FileName, Hash], Field(max_length=MAX_ENTRIES)] = {}


class BundlePrompts(Table):
    """A prompt set: the digest of its text, and where a dataset comes from."""

    name: Short
    digest: Hash
    count: int = Field(ge=1)
    dataset: Short | None = None
    commit: Short | None = None
    split: Short | None = None
    column: Short | None = None
    prefix: Annotated[str, Field(max_length=10_000)] = ""
    suffix: Annotated[str, Field(max_length=10_000)] = ""
    system_prompt: Annotated[str, Field(max_length=10_000)] = ""


class BundleScore(Table):
    """A score of the trial, with the original model's beside it."""

    name: Short
    value: float
    baseline: float | None = None


class BundleFile(Table):
    """A weights file of the export."""

    path: FileName
    size: int = Field(ge=0)
    sha256: Hash


class Bundle(Table):
    """A whole bundle; parameters and settings are checked where they are used."""

    format: Literal["heretic-web reproduction"] = FORMAT
    version: Literal[1] = 1
    model: BundleModel
    method: Short
    parameters: dict[str, Any]
    settings: dict[str, Any]
    prompts: Annotated[dict[Short, BundlePrompts], Field(max_length=100)]
    scores: Annotated[list[BundleScore], Field(max_length=100)]
    export: ExportOptions
    files: Annotated[list[BundleFile], Field(max_length=MAX_ENTRIES)]
    environment: Versions


class Difference(NamedTuple):
    """One thing that is not as it was when the export was made."""

    what: str
    then: str
    now: str
    severity: str  # high, medium, low


def parse_bundle(raw: object) -> Bundle:
    """Check a bundle that somebody hands in.

    Raises:
        InvalidInputError: it is no bundle of ours, or not as we write them.
    """
    refuse_depth("bundle", raw)
    if not isinstance(raw, Mapping) or raw.get("format") != FORMAT:
        raise InvalidInputError([Problem("format", f'must be "{FORMAT}"')])
    try:
        return Bundle.model_validate(dict(raw))
    except ValidationError as error:
        raise refusal(error) from error


def environment(product_version: str, device: str) -> dict[str, str]:
    """Say with what this machine computes."""
    found = {name: _installed(name) for name in PACKAGES if name != "heretic-web"}
    return {
        **found,
        "heretic-web": product_version,
        "python": platform.python_version(),
        "system": f"{sys.platform} {platform.machine()}",
        "device": device,
    }


def environment_differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[Difference]:
    """What differs between two environments, what matters most first."""
    ranks = {**PACKAGES, **OTHERS}
    found = [
        Difference(what, then.get(what, "unknown"), now.get(what, "unknown"), severity)
        for what, severity in ranks.items()
        if then.get(what) != now.get(what)
    ]
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
