"""What can be exported here, and where exports lie."""

import shlex
import shutil
from uuid import UUID

from django.conf import settings

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.export.folder import ExportFolder
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
