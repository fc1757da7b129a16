"""Scores a finished model beside its base, one loaded after the other."""

import gc
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from django.conf import settings
from django.db import transaction

from studies.engine.export.adapter import WEIGHTS
from studies.engine.export.verification import adapter_applied
from studies.engine.export_options import ADAPTER
from studies.engine.judging import Judge, judge_of
from studies.engine.kinship import refuse_other_tokens, refuse_strangers
from studies.engine.loading import load_model
from studies.engine.methods import method_get
from studies.engine.model import LoadedModel
from studies.engine.model_files import inspect_model, locate_model
from studies.engine.prompts import Prompt
from studies.engine.results import Score
from studies.engine.settings import StudySettings, complete_settings
from studies.exporting import export_folder
from studies.frozen import freeze, with_affixes
from studies.models import PromptSet, Scoring
from studies.runner.job_run import JobContext
from studies.runner.prompts import dataset_lines
from studies.runner.rescoring import baseline_store, frozen_prompts, result_store
from studies.runner.sessions import session_drop

Json = dict[str, Any]
ORIGINAL, FINISHED = "original", "finished model"  # phases


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is read from."""

    path: str
    revision: str | None = None


def evaluate(context: JobContext) -> Json:
    """Score the base, then the finished model, with the scorers of a preset.

    Both read the same tokens: those of the base's tokenizer and chat template.

    Raises:
        Stopped: the user asked for it.
        EngineError: a model or the prompts cannot be used, or the models cannot be compared.
    """
    scoring = Scoring.objects.select_related("export").get(job=context.job)
    if scoring.results.exists():  # a worker that was lost right after it had stored them
        return {"n_models": 1}
    context.reporter.phase("prompts")
    prompts = _prompts(context, scoring)
    values = _settings(scoring)
    base = _located(scoring.original, values.model_commit)
    session_drop()
    begun = time.perf_counter()
    if scoring.export and scoring.export.strategy == ADAPTER:
        found = _with_adapter(context, scoring, base, values, prompts)
    else:
        found = _reloaded(context, scoring, base, values, prompts)
    seconds = time.perf_counter() - begun
    scores = [asdict(score) for score in found]
    result_store(context, scoring, None, {"scores": scores, "seconds": seconds})
    return {"n_models": 1}


def _reloaded(
    context: JobContext,
    scoring: Scoring,
    base: Place,
    values: StudySettings,
    prompts: dict[str, list[Prompt]],
) -> list[Score]:
    model = _finished(context, scoring)
    refuse_strangers((base.path, base.revision), (model.path, model.revision))
    loaded, judge = _judged(context, scoring, base, values, prompts)
    tokenizer, dtype = loaded.tokenizer, loaded.dtype
    del loaded  # first: two models may not fit
    _free_memory()
    finished = load_model(
        model.path, dtypes=[dtype], revision=model.revision, reporter=context.reporter
    )
    refuse_other_tokens(tokenizer, finished.tokenizer)
    return _scores(context, judge, replace(finished, tokenizer=tokenizer))


def _with_adapter(
    context: JobContext,
    scoring: Scoring,
    base: Place,
    values: StudySettings,
    prompts: dict[str, list[Prompt]],
) -> list[Score]:
    folder = _finished(context, scoring)
    loaded, judge = _judged(context, scoring, base, values, prompts)
    with adapter_applied(loaded, Path(folder.path) / WEIGHTS):
        return _scores(context, judge, loaded)


def _judged(
    context: JobContext,
    scoring: Scoring,
    base: Place,
    values: StudySettings,
    prompts: dict[str, list[Prompt]],
) -> tuple[LoadedModel, Judge]:
    """The base as loaded, and what it has been measured by; its scores are stored."""
    loaded = load_model(
        base.path, dtypes=values.dtypes, revision=base.revision, reporter=context.reporter
    )
    context.stop.check()
    judge = judge_of(
        loaded, values, prompts, reporter=context.reporter, stop=context.stop, phase=ORIGINAL
    )
    facts = {
        "architecture": loaded.architecture,
        "dtype": loaded.dtype,
        "device": str(loaded.device),
        "response_prefix": judge.prefix,
    }
    baseline_store(context, scoring, judge, facts)
    return loaded, judge


def _scores(context: JobContext, judge: Judge, loaded: LoadedModel) -> list[Score]:
    return judge.score(loaded, reporter=context.reporter, stop=context.stop, phase=FINISHED)


def _settings(scoring: Scoring) -> StudySettings:
    """Checked again, since the worker trusts no stored value."""
    stored = scoring.settings
    return complete_settings(method_get(stored["method"]), stored["values"])


def _finished(context: JobContext, scoring: Scoring) -> Place:
    if scoring.export:
        return Place(str(export_folder(scoring.export.pk).final))
    return _located(scoring.model, context.job.payload["revision"] or None)


def _located(model: str, revision: str | None) -> Place:
    ref = locate_model(model, settings.MODEL_ROOTS)
    if ref.path:
        inspect_model(ref.path)
    return Place(str(ref.path or ref.source), revision)


def _prompts(context: JobContext, scoring: Scoring) -> dict[str, list[Prompt]]:
    system = str(scoring.settings["values"]["system_prompt"])
    for row in scoring.prompts.values():
        if not row["digest"]:
            prompt_set = PromptSet(**row["dataset"])
            lines = with_affixes(prompt_set, dataset_lines(prompt_set))
            frozen = freeze(prompt_set, lines, system)
            row |= {"digest": frozen.digest, "count": frozen.count}
    with transaction.atomic():
        context.lease.renew()
        scoring.save(update_fields=["prompts"])
    return frozen_prompts(scoring)


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
