"""Writes the reproduction bundle of an export, and says whether one was reproduced."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from django.conf import settings

from studies.engine.bundle import (
    Bundle,
    BundleFile,
    BundleModel,
    BundlePrompts,
    BundleScore,
    environment,
    environment_differences,
)
from studies.engine.export.folder import FileEntry
from studies.engine.export_options import ExportOptions
from studies.models import Study, Trial

Json = dict[str, Any]
PROMPT_SOURCE = (
    "dataset", "commit", "split", "column", "prefix", "suffix", "system_prompt"
)  # fmt: skip


def bundle_of(
    trial: Trial, options: ExportOptions, model: BundleModel, files: Iterable[FileEntry]
) -> Bundle:
    """All that is needed to build an export again; nothing of it is private."""
    study = trial.study
    return Bundle(
        model=model,
        method=study.snapshot["method"],
        parameters=trial.parameters,
        settings=_settings(study),
        prompts={slug: _prompts(row) for slug, row in study.snapshot["prompts"].items()},
        scores=[
            BundleScore(name=row["name"], value=row["value"], baseline=row["baseline"])
            for row in trial.scores
        ],
        export=options,
        files=[BundleFile(path=f.path, size=f.size, sha256=f.sha256) for f in files],
        environment=environment_here(),
    )


def environment_here() -> dict[str, str]:
    """With what this worker computes."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return environment(settings.PRODUCT_VERSION, device)


def reproduction(bundle: Bundle, rebuilt: Bundle) -> Json:
    """Compare what was rebuilt with the bundle that it came from, file by file."""
    found = {file.path: file.sha256 for file in rebuilt.files}
    files = [
        {
            "path": file.path,
            "expected": file.sha256,
            "found": found.get(file.path, ""),
            "equal": found.get(file.path) == file.sha256,
        }
        for file in bundle.files
    ]
    base = {name: rebuilt.model.files.get(name) for name in bundle.model.files}
    differences = environment_differences(bundle.environment, rebuilt.environment)
    return {
        "equal": bool(files) and all(row["equal"] for row in files),
        "same_original": base == bundle.model.files,
        "files": files,
        "scores": _scores(bundle, rebuilt),
        "differences": [one._asdict() for one in differences],
    }


def _scores(bundle: Bundle, rebuilt: Bundle) -> list[Json]:
    now = {score.name: score.value for score in rebuilt.scores}
    return [
        {"name": score.name, "expected": score.value, "found": now.get(score.name)}
        for score in bundle.scores
    ]


def _settings(study: Study) -> Json:
    """The resolved settings, with what the study's start found by trying put in."""
    values = {row["name"]: row["value"] for row in study.snapshot["settings"]}
    found = {n: study.facts[n] for n in ("batch_size", "response_prefix") if n in study.facts}
    return values | found


def _prompts(row: Mapping[str, Any]) -> BundlePrompts:
    source = row.get("dataset") or {}
    told = {name: source[name] for name in PROMPT_SOURCE if source.get(name)}
    return BundlePrompts(name=row["name"], digest=row["digest"], count=row["count"], **told)
