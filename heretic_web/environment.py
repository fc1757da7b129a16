"""Reads the environment variables that configure an installation (README, "Configuration")."""

import os
import secrets
from pathlib import Path

TRUE = {"1", "true", "yes", "on"}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool = False) -> bool:
    value = text(name)
    return value.lower() in TRUE if value else default


def names(name: str, default: list[str]) -> list[str]:
    value = text(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else default


def paths(name: str, default: list[Path]) -> list[Path]:
    """Read a list of folders, separated as in PATH."""
    value = text(name)
    chosen = [Path(part).expanduser() for part in value.split(os.pathsep) if part] or default
    return [path.resolve() for path in chosen]


def secret_key(data_dir: Path) -> str:
    """Return SECRET_KEY, or the key that this installation made for itself at its first start."""
    if key := text("SECRET_KEY"):
        return key
    file = data_dir / "secret_key"
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    with os.fdopen(descriptor, "w") as handle:
        key = secrets.token_urlsafe(50)
        handle.write(key)
    return key
