"""The session that a worker keeps in memory: model, scorers' baselines, statistics, directions.

An export, a chat or a benchmark right after a study needs no second loading. One session is
kept; it goes when another one is wanted, when memory is short, and when a job failed with it.
"""

import gc
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from django.conf import settings

from studies.engine.disk_cache import DiskCache
from studies.engine.methods import method_get
from studies.engine.model_files import ModelRef, inspect_model, locate_model
from studies.engine.parameters import Key, read_value
from studies.engine.ports import Reporter, StopSignal
from studies.engine.problems import place_at
from studies.engine.prompts import Prompt
from studies.engine.results import SessionFacts
from studies.engine.session import Session
from studies.engine.settings import complete_settings
from studies.engine.values import Value
from studies.models import Study
from studies.runner.ports import Switchboard
from studies.runner.prompts import prompts_load

logger = logging.getLogger(__name__)
LEAST_FREE = 0.1  # of the machine's memory; below, an idle session is dropped
# Settings of the search alone: studies that differ in nothing else share a session.
SEARCH_ONLY = ("n_trials", "n_startup_trials", "n_workers")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A loaded and measured model, ready for trials, exports and chat."""

    session: Session
    facts: SessionFacts
    key: str
    ports: Switchboard


_kept: Prepared | None = None


def prepared_session(study: Study, reporter: Reporter, stop: StopSignal) -> Prepared:
    """Return the session that a study's snapshot describes: the kept one, or a new one.

    It reports to `reporter` and asks `stop` until the next call.

    Raises:
        Stopped: the host wants to end.
        EngineError: the model or a prompt set cannot be used (any more).
    """
    global _kept
    ref = model_of(study)
    reporter.phase("prompts")
    prompts = prompts_load(study)
    key = session_key(study, ref)
    if _kept is None or _kept.key != key:
        session_drop()  # first: two models may not fit
        ports = Switchboard()
        session = _session_for(study, ref, prompts, ports)
        ports.connect(reporter, stop)
        _kept = Prepared(session, session.prepare(), key, ports)
    _kept.ports.connect(reporter, stop)
    _kept.session.search_over(resolved_values(study.snapshot))
    return _kept


def session_drop() -> None:
    """Forget the kept session and free what it held."""
    global _kept
    if _kept is None:
        return
    _kept = None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def session_rest() -> None:
    """Tell that a job is over: the session speaks for nobody, and goes if memory is short."""
    if _kept is None:
        return
    _kept.ports.disconnect()
    memory = psutil.virtual_memory()
    if memory.available < LEAST_FREE * memory.total:
        logger.info("memory is short, the kept model is dropped")
        session_drop()


def session_key(study: Study, ref: ModelRef) -> str:
    """Name what a session depends on: model files, method, settings, prompts."""
    snapshot = study.snapshot
    wanted = {
        "model": str(ref.path or ref.source),
        "files": files_of(ref.path) if ref.path else [],
        "method": snapshot["method"],
        "settings": {k: v for k, v in _settings_of(study).items() if k not in SEARCH_ONLY},
        "prompts": {slug: row["digest"] for slug, row in snapshot["prompts"].items()},
    }
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def resolved_values(snapshot: dict[str, Any]) -> dict[Key, Value]:
    """Read the frozen search space; checked again, since the worker trusts no stored value."""
    method = method_get(snapshot["method"])
    return {
        key: read_value(method, key, row["value"], place_at("parameters", filter(None, key)))
        for row in (*snapshot["parameters"], *snapshot.get("further_parameters", ()))
        for key in [Key(row["name"], row["component"])]
    }


def model_of(study: Study) -> ModelRef:
    """Find the model of a study, and check that it can be loaded.

    Raises:
        EngineError: it is not there (any more), or cannot be used.
    """
    ref = locate_model(study.model, settings.MODEL_ROOTS)
    if ref.path:
        inspect_model(ref.path)
    return ref


def _session_for(
    study: Study, ref: ModelRef, prompts: Mapping[str, Sequence[Prompt]], ports: Switchboard
) -> Session:
    method = method_get(study.snapshot["method"])
    values = _settings_of(study)
    return Session(
        model_path=str(ref.path or ref.source),
        revision=values.get("model_commit"),
        method=method,
        settings=complete_settings(method, values | _found_before(study)),
        prompt_sets=prompts,
        resolved=resolved_values(study.snapshot),
        reporter=ports,
        stop=ports,
        cache=disk_cache(),
    )


def disk_cache() -> DiskCache | None:
    """Where studies find what earlier ones have computed of their model, if that is wanted."""
    most_bytes = int(settings.CACHE_GB * 2**30)
    return DiskCache(settings.CACHE_DIR, most_bytes) if most_bytes > 0 else None


def _settings_of(study: Study) -> dict[str, Any]:
    return {row["name"]: row["value"] for row in study.snapshot["settings"]}


def _found_before(study: Study) -> dict[str, Any]:
    """What the study's first start found by trying: the same again makes the same numbers."""
    facts = study.facts
    return {name: facts[name] for name in ("batch_size", "response_prefix") if name in facts}


def files_of(folder: Path) -> list[list[str | int]]:
    """Name, size and time of change of each file: a model that was replaced is another one."""
    stats = [(file.name, file.stat()) for file in sorted(folder.iterdir()) if file.is_file()]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
