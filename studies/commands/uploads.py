"""Uploading exports to the hub."""

from dataclasses import dataclass, field

from django.db import transaction

from studies.commands.doorbell import ring_after_commit
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.model_files import is_hub_id
from studies.engine.texts import name_problem
from studies.jobs import ACTIVE, job_enqueue
from studies.lifecycle import StatusConflictError
from studies.models import Export, Upload
from studies.models.job import JobKind
from studies.uploading import token_seal, tokens_forget

MAX_MESSAGE = 300  # characters
MAX_TOKEN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """What a user asks for."""

    repo_id: str
    is_private: bool = True
    message: str = ""
    token: str = field(default="", repr=False)  # empty: the worker's own


@transaction.atomic
def upload_create(export: Export, wanted: UploadRequest) -> Upload:
    """Queue the upload of a finished export; a typed token is sealed until its worker takes it.

    Raises:
        StatusConflictError: the export is not finished, or is on its way there already.
        InvalidInputError: the name, the message or the token cannot be one.
    """
    if export.ready_at is None:
        raise StatusConflictError(export.job.status, "uploaded")
    message = wanted.message.strip() or f"Upload trial {export.trial.number} by Heretic Web"
    _check(wanted, message)
    if export.uploads.filter(repo_id=wanted.repo_id, job__status__in=ACTIVE).exists():
        raise StatusConflictError("running", "uploaded to the same place twice at once")
    tokens_forget()
    token = wanted.token.strip()
    payload = {"trial": export.trial.number, "repo_id": wanted.repo_id}
    upload = Upload.objects.create(
        export=export,
        job=job_enqueue(export.study_id, JobKind.UPLOAD, payload=payload),
        repo_id=wanted.repo_id,
        is_private=wanted.is_private,
        message=message,
        has_own_token=bool(token),
        sealed_token=token_seal(token) if token else "",
    )
    ring_after_commit()
    return upload


def _check(wanted: UploadRequest, message: str) -> None:
    problems = []
    if not is_hub_id(wanted.repo_id):
        words = "must be owner/name, of letters, digits, dots, hyphens and underscores"
        problems.append(Problem("repo_id", words))
    if said := name_problem(message, max_characters=MAX_MESSAGE):
        problems.append(Problem("message", said))
    token = wanted.token.strip()
    if len(token) > MAX_TOKEN or not token.isascii() or len(token.split()) > 1:
        problems.append(Problem("token", "is no token of the hub"))  # and is not shown
    if problems:
        raise InvalidInputError(problems)
