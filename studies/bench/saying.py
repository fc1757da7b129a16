"""What benchmarks say while they run, and of the machine that they ran on."""

import platform
import sys
from typing import Any

import psutil

Json = dict[str, Any]


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def conditions() -> Json:
    """The machine, and how much else it has to do."""
    return {
        "machine": platform.platform(),
        "cores": psutil.cpu_count(),
        "load": psutil.getloadavg(),  # over 1, 5 and 15 minutes, at the end
    }
