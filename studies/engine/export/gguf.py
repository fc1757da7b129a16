"""Turns a merged export into a GGUF file with a converter that is installed."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from studies.engine.errors import EngineError
from studies.engine.export.folder import ExportFolder, FileEntry
from studies.engine.ports import Reporter, StopSignal

FILE: Final = "model.gguf"
MAGIC: Final = b"GGUF"
TYPES: Final = {"auto": "auto", "float32": "f32", "bfloat16": "bf16", "float16": "f16"}
PAUSE: Final = 0.2  # seconds between two looks at the converter


class ConverterError(EngineError):
    """The converter did not make a GGUF file."""

    code = "converter_failed"
    advice = "Check that the converter supports this architecture; the merged export does."


def convert(
    folder: ExportFolder,
    source: Path,
    command: Sequence[str],
    *,
    dtype: str,
    reporter: Reporter,
    stop: StopSignal,
) -> FileEntry:
    """Run the converter on a merged model's folder; it ends with the job.

    Raises:
        Stopped: the host wants to end.
        ConverterError: it failed, or wrote something else.
    """
    target = folder.partial / FILE
    log = folder.partial / ".converter.log"
    arguments = [str(source), "--outfile", str(target), "--outtype", TYPES[dtype]]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the server's own command, no shell
            [*command, *arguments], stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                stop.check()
                reporter.phase("converting")
                time.sleep(PAUSE)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    lines = log.read_text(errors="replace").strip().splitlines()
    log.unlink()
    if process.returncode != 0:
        last = lines[-1][:300] if lines else f"it ended with status {process.returncode}"
        raise ConverterError(f"The GGUF converter failed: {last}")
    if not _is_gguf(target):
        raise ConverterError("The GGUF converter wrote no GGUF file.")
    return folder.entry(FILE)


def _is_gguf(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC
