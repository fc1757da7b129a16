"""Silence for libraries that write to the terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import datasets


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the harness prints, and progress bars, out of the worker's log."""
    had_none = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with (
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            yield
    finally:
        if not had_none:
            datasets.enable_progress_bars()
