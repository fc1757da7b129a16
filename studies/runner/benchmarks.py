"""Puts a trial and the original model to the tasks of a benchmark, one task after the other."""

import hashlib
import json
from typing import Any

from django.conf import settings
from django.db import transaction

from studies.engine.benchmarks.options import BenchmarkOptions
from studies.engine.benchmarks.port import TaskHarness, Watch, load_harness
from studies.engine.session import Session
from studies.models import Benchmark, OriginalScores
from studies.runner.job_run import JobContext
from studies.runner.sessions import Prepared, files_of, model_of, prepared_session
from studies.runner.trials import trial_parameters

Json = dict[str, Any]


def benchmark(context: JobContext) -> Json:
    """Do the tasks that a former start has not done; each is stored as it ends.

    Raises:
        Stopped: the user asked for it; finished tasks stay.
        EngineError: the model or a task cannot be used.
    """
    row = Benchmark.objects.select_related("trial__study").get(job=context.job)
    options = BenchmarkOptions.model_validate(row.options)
    done = {one["name"] for one in row.results}
    left = [name for name in options.tasks if name not in done]
    # Before the model: what is wrong with the tasks shows at once.
    harness = load_harness(settings.BENCHMARK_ROOTS)
    harness.prepare(left, context.reporter, context.stop)
    prepared = prepared_session(row.study, context.reporter, context.stop)
    for name in left:
        measuring = _Measuring(context, row, options, harness, prepared)
        _store(context, row, measuring.both(name))
    return {"benchmark": str(row.pk)}


class _Measuring:
    """One benchmark under way."""

    def __init__(
        self,
        context: JobContext,
        row: Benchmark,
        options: BenchmarkOptions,
        harness: TaskHarness,
        prepared: Prepared,
    ) -> None:
        self._context, self._row, self._options = context, row, options
        self._harness, self._prepared = harness, prepared

    def both(self, name: str) -> Json:
        """The original's scores, from an earlier benchmark if they are known, and the trial's."""
        original, reused = self._original(name)
        method = self._session.method
        try:
            method.apply(trial_parameters(self._row.trial))
            ablated = self._scores(name, f"trial {self._row.trial.number}")
        finally:
            method.reset()
        return {"name": name, "original": original, "ablated": ablated, "reused": reused}

    @property
    def _session(self) -> Session:
        return self._prepared.session

    def _original(self, name: str) -> tuple[list[Json], bool]:
        key = self._key(name)
        known = OriginalScores.objects.filter(key=key).first()
        if known is not None:
            scores: list[Json] = known.scores
            return scores, True
        scores = self._scores(name, "original model")
        given = {"model": self._row.study.model, "task": name, "scores": scores}
        OriginalScores.objects.get_or_create(key=key, defaults=given)
        return scores, False

    def _scores(self, name: str, who: str) -> list[Json]:
        number, total = self._options.tasks.index(name) + 1, len(self._options.tasks)
        phase = f"{who} on {name} (task {number} of {total})"
        return self._harness.run(
            name,
            self._session.loaded,
            self._options,
            batch_size=self._prepared.facts.batch_size,
            watch=Watch(self._context.reporter, self._context.stop, phase),
        )

    def _key(self, name: str) -> str:
        """Name all that the original's scores on a task depend on."""
        ref, loaded = model_of(self._row.study), self._session.loaded
        wanted = {
            "model": str(ref.path or ref.source),
            "files": files_of(ref.path) if ref.path else [],
            "commit": getattr(loaded.model.config, "_commit_hash", None),
            "dtype": loaded.dtype,
            "task": name,
            "options": self._options.model_dump(exclude={"tasks"}),
            "own tasks": self._harness.own_state(name),
            "harness": self._harness.version,
        }
        return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


@transaction.atomic
def _store(context: JobContext, row: Benchmark, result: Json) -> None:
    context.lease.progressed()
    row.results = [*row.results, result]
    row.save(update_fields=["results"])
