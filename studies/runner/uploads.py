"""Uploads an export to the hub."""

from typing import Any

from django.conf import settings
from huggingface_hub import get_token

from studies.cards import card_settle
from studies.engine.export.folder import MANIFEST
from studies.engine.hub_upload import HubTokenError, HubUpload, upload_folder
from studies.exporting import export_folder
from studies.models import Upload
from studies.runner.job_run import JobContext
from studies.uploading import token_take, tokens_forget

Json = dict[str, Any]


def upload(context: JobContext) -> Json:
    """Send an export's files and commit them together; tell where they are.

    Raises:
        Stopped: the user asked for it; nothing is committed.
        EngineError: the token is gone or refused, or the hub did not take the files.
    """
    rows = Upload.objects.select_related("export__trial__study__owner")
    row = rows.get(job=context.job)
    token = token_take(row) or get_token()
    tokens_forget()
    if not token:
        raise HubTokenError("There is no token: none was typed, and the worker has none.")
    export = row.export
    card_settle(export)
    folder = export_folder(export.pk).final
    files = [(entry["path"], entry["size"]) for entry in export.manifest["files"]]
    what = HubUpload(
        folder=folder,
        files=[*files, (MANIFEST, (folder / MANIFEST).stat().st_size)],
        repo_id=row.repo_id,
        is_private=row.is_private,
        message=row.message,
        token=token,
        endpoint=settings.HUB_ENDPOINT or None,
    )
    return {"url": upload_folder(what, context.reporter, context.stop), "repo_id": row.repo_id}
