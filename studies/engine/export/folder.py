"""The folder of an export: written under another name, and visible only when it is whole."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from studies.engine.errors import DiskFullError

MANIFEST: Final = "manifest.json"
JOURNAL: Final = ".journal.json"
SPARE: Final = 1.02  # of the planned bytes: headers and small files
BLOCK: Final = 4 * 2**20  # bytes
GIB: Final = 2**30


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an export."""

    path: str  # below its folder, with forward slashes
    size: int  # bytes
    sha256: str


class ExportFolder:
    """`<root>/.<id>.partial/` while it is written, `<root>/<id>/` once it is whole."""

    def __init__(self, root: Path, export_id: UUID) -> None:
        self.partial = root / f".{export_id}.partial"
        self.final = root / str(export_id)

    def inner(self, name: str) -> "ExportFolder":
        """A folder inside the partial one, for what is only needed meanwhile."""
        inside = ExportFolder(self.partial, UUID(int=0))
        inside.partial = self.partial / name
        return inside

    def open(self) -> None:
        """Make the partial folder, or go on with the one that is there."""
        self.partial.mkdir(parents=True, exist_ok=True)

    def finished(self) -> dict[str, Any] | None:
        """The manifest of a folder that was published before; None: there is none."""
        file = self.final / MANIFEST
        return dict(json.loads(file.read_text())) if file.is_file() else None

    def journal_read(self, plan: str) -> dict[str, FileEntry]:
        """The weight files that a former start has finished for the same plan, checked again."""
        try:
            told = json.loads((self.partial / JOURNAL).read_text())
            rows = [FileEntry(**row) for row in told["files"]] if told["plan"] == plan else []
        except (OSError, ValueError, KeyError, TypeError):  # none, or cut off
            return {}
        return {row.path: row for row in rows if self._is_whole(row)}

    def journal_write(self, plan: str, files: Mapping[str, FileEntry]) -> None:
        """Note which weight files are finished."""
        told = {"plan": plan, "files": [asdict(entry) for entry in files.values()]}
        write_durably(self.partial / JOURNAL, json.dumps(told).encode())

    def entry(self, path: str) -> FileEntry:
        """Sync a written file to the disk and describe it from what is read back."""
        file = self.partial / path
        sync(file)
        return FileEntry(path, file.stat().st_size, sha256_of(file))

    def publish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest last, then give the folder its name in one step."""
        (self.partial / JOURNAL).unlink(missing_ok=True)
        write_durably(self.partial / MANIFEST, json.dumps(manifest, indent=1).encode())
        sync(self.partial)
        self.partial.rename(self.final)
        sync(self.final.parent)

    def discard(self) -> None:
        """Remove what was written so far."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def _is_whole(self, entry: FileEntry) -> bool:
        file = self.partial / Path(entry.path).name
        return (
            file.is_file()
            and file.stat().st_size == entry.size
            and sha256_of(file) == entry.sha256
        )


def refuse_full_disk(root: Path, wanted: int) -> None:
    """Check that there is room for that many bytes.

    Raises:
        DiskFullError: there is not; says how much is missing.
    """
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < wanted * SPARE:
        raise DiskFullError(
            f"The export needs {wanted * SPARE / GIB:.2f} GiB; "
            f"the disk of the data folder has {free / GIB:.2f} GiB left."
        )


def sweep(root: Path, *, unfinished: set[UUID], known: set[UUID]) -> list[str]:
    """Remove partial folders that no job works on, and folders that no export knows.

    Names that are not of the form of an export's are left alone. Returns what was removed.
    """
    removed = []
    for folder, export_id, partial in _folders(root):
        if export_id not in (unfinished if partial else known):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed


def _folders(root: Path) -> Iterator[tuple[Path, UUID, bool]]:
    for folder in root.iterdir() if root.is_dir() else ():
        partial = folder.name.startswith(".") and folder.name.endswith(".partial")
        name = folder.name[1 : -len(".partial")] if partial else folder.name
        try:
            export_id = UUID(name)
        except ValueError:
            continue
        if str(export_id) == name and folder.is_dir() and not folder.is_symlink():
            yield folder, export_id, partial


def sha256_of(file: Path, check: Callable[[], None] | None = None) -> str:
    """Hash a file's bytes; `check` is called between blocks and may raise."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            if check is not None:
                check()
    return digest.hexdigest()


def write_durably(file: Path, data: bytes) -> None:
    """Replace a file in one step that survives a power cut."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_bytes(data)
    sync(temporary)
    temporary.replace(file)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
