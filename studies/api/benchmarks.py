from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status

from studies import commands, selectors
from studies.api.answers.benchmarks import BenchmarkChoices, BenchmarkOut
from studies.api.answers.paging import Page, page_of
from studies.api.auth import ApiRequest
from studies.api.schemas import BenchmarkId, PageQuery, StudyId, TrialNumber
from studies.engine.benchmarks.options import BenchmarkOptions
from studies.models import Benchmark, Study, Trial

router = Router(tags=["benchmarks"])
study_router = Router(tags=["benchmarks"])
Json = dict[str, Any]


@study_router.get(
    "/{study_id}/benchmarks", response=Page[BenchmarkOut], operation_id="study_benchmarks"
)
def study_benchmarks(request: ApiRequest, study_id: StudyId, query: Query[PageQuery]) -> Json:
    """List the benchmarks of all trials of a study, the newest first."""
    study = _study(request, study_id)
    rows = page_of(selectors.benchmarks_visible_to(request.auth).filter(study=study), query)
    return rows | {"items": [selectors.benchmark_out(one) for one in rows["items"]]}


@study_router.get(
    "/{study_id}/benchmark-choices", response=BenchmarkChoices, operation_id="benchmark_choices"
)
def benchmark_choices(request: ApiRequest, study_id: StudyId) -> Json:
    """Suggest tasks for a study's model: this server's own ones, and the usual ones."""
    return selectors.benchmark_choices(_study(request, study_id).model)


@study_router.get(
    "/{study_id}/trials/{number}/benchmarks",
    response=list[BenchmarkOut],
    operation_id="benchmark_list",
)
def benchmark_list(request: ApiRequest, study_id: StudyId, number: TrialNumber) -> list[Json]:
    """List the benchmarks of a trial, the newest first."""
    trial = _trial(request, study_id, number)
    found = selectors.benchmarks_of(request.auth, trial.study, number)
    return [selectors.benchmark_out(one) for one in found]


@study_router.post(
    "/{study_id}/trials/{number}/benchmarks",
    response={202: BenchmarkOut},
    operation_id="benchmark_create",
)
def benchmark_create(
    request: ApiRequest, study_id: StudyId, number: TrialNumber, body: BenchmarkOptions
) -> Status[Json]:
    """Put a trial and the original to tasks; the job says how far it is, and cancels it."""
    benchmark = commands.benchmark_create(_trial(request, study_id, number), body)
    return Status(202, selectors.benchmark_out(_benchmark(request, benchmark.pk)))


@router.get("/{benchmark_id}", response=BenchmarkOut, operation_id="benchmark_read")
def benchmark_read(request: ApiRequest, benchmark_id: BenchmarkId) -> Json:
    """Read a benchmark: its job and the scores of the tasks that are done."""
    return selectors.benchmark_out(_benchmark(request, benchmark_id))


@router.delete("/{benchmark_id}", response={204: None}, operation_id="benchmark_delete")
def benchmark_delete(request: ApiRequest, benchmark_id: BenchmarkId) -> Status[None]:
    """Remove a benchmark with its scores."""
    commands.benchmark_delete(_benchmark(request, benchmark_id))
    return Status(204, None)


def _study(request: ApiRequest, study_id: UUID) -> Study:
    return get_object_or_404(selectors.studies_visible_to(request.auth), pk=study_id)


def _trial(request: ApiRequest, study_id: UUID, number: int) -> Trial:
    study = _study(request, study_id)
    return get_object_or_404(Trial.objects.select_related("study"), study=study, number=number)


def _benchmark(request: ApiRequest, benchmark_id: UUID) -> Benchmark:
    return get_object_or_404(selectors.benchmarks_visible_to(request.auth), pk=benchmark_id)
