from collections.abc import AsyncIterator, Iterator
from typing import Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from ninja import Query, Router

from studies.api.auth import ApiRequest
from studies.api.schemas import FileType, StudyId, TableQuery
from studies.engine.row_formats import csv_text, json_lines
from studies.models import Study
from studies.selectors import studies_visible_to
from studies.selectors.row_tables import Table, answer_table, trial_table

router = Router(tags=["downloads"])
CONTENT_TYPES: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


@router.get("/{study_id}/trials.{file_type}", operation_id="trial_table", response=None)
def trials_download(
    request: ApiRequest, study_id: StudyId, file_type: FileType, query: Query[TableQuery]
) -> StreamingHttpResponse:
    """Download all trials, or one, as CSV or as lines of JSON."""
    study = _study(request, study_id)
    return table_response(trial_table(study, query.trial), f"trials-{study.pk}", file_type)


@router.get("/{study_id}/responses.{file_type}", operation_id="response_table", response=None)
def responses_download(
    request: ApiRequest, study_id: StudyId, file_type: FileType, query: Query[TableQuery]
) -> StreamingHttpResponse:
    """Download the answers of all trials, or of one, beside the original's."""
    study = _study(request, study_id)
    return table_response(answer_table(study, query.trial), f"responses-{study.pk}", file_type)


def table_response(table: Table, name: str, file_type: str) -> StreamingHttpResponse:
    """Send a table as a download, chunk by chunk."""
    return StreamingHttpResponse(
        _in_a_thread(_written(table, file_type)),
        content_type=CONTENT_TYPES[file_type],
        headers={"Content-Disposition": f'attachment; filename="{name}.{file_type}"'},
    )


def _written(table: Table, file_type: str) -> Iterator[str]:
    if file_type == "csv":
        yield csv_text([], table.columns, header=True)
    for chunk in table.chunks:
        if file_type == "csv":
            yield csv_text((flat for _, flat in chunk), table.columns)
        else:
            yield json_lines(nested for nested, _ in chunk)


async def _in_a_thread(pieces: Iterator[str]) -> AsyncIterator[str]:
    """Take one piece at a time: under ASGI, Django reads a plain iterator to its end first."""
    while (piece := await _next(pieces)) is not None:
        yield piece


@sync_to_async
def _next(pieces: Iterator[str]) -> str | None:
    return next(pieces, None)


def _study(request: ApiRequest, study_id: UUID) -> Study:
    return get_object_or_404(studies_visible_to(request.auth), pk=study_id)
