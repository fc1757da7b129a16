"""What can be exported here, and where exports lie."""

import hashlib
import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.conf import settings

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.export.folder import MANIFEST, ExportFolder, FileEntry, write_durably
from studies.engine.export_options import GGUF, ExportOptions


def export_folder(export_id: UUID) -> ExportFolder:
    """The folder of an export; the server chooses its name."""
    return ExportFolder(settings.EXPORT_DIR, export_id)


def gguf_command() -> list[str] | None:
    """The converter's command line, its program found; None: it is not installed."""
    words = shlex.split(settings.GGUF_CONVERTER)
    program = shutil.which(words[0]) if words else None
    return [program, *words[1:]] if program else None


def unavailable_strategies() -> dict[str, str]:
    """Why a strategy cannot be had on this machine, by its name."""
    if gguf_command():
        return {}
    reason = (
        "is not available here: install llama.cpp's convert_hf_to_gguf.py on the PATH, "
        "or name a converter in HERETIC_GGUF_CONVERTER"
    )
    return {GGUF: reason}


def refuse_unavailable(options: ExportOptions) -> None:
    """Stop if a strategy cannot be had on this machine.

    Raises:
        InvalidInputError: says why.
    """
    if reason := unavailable_strategies().get(options.strategy):
        raise InvalidInputError([Problem("strategy", reason)])


def described(manifest: Mapping[str, Any], path: str, data: bytes) -> dict[str, Any]:
    """A manifest in which a file has this content, whether it was listed before or not."""
    entry = FileEntry(path, len(data), hashlib.sha256(data).hexdigest())
    files = [row for row in manifest["files"] if row["path"] != path] + [asdict(entry)]
    files.sort(key=lambda row: row["path"])
    return {**manifest, "files": files, "size": sum(row["size"] for row in files)}


def export_file_write(export_id: UUID, path: str, data: bytes) -> None:
    """Replace a small file of a finished export in one step."""
    write_durably(export_folder(export_id).final / path, data)


def export_manifest_write(export_id: UUID, manifest: Mapping[str, Any]) -> None:
    """Replace the manifest of a finished export in one step."""
    export_file_write(export_id, MANIFEST, json.dumps(manifest, indent=1).encode())
