"""Command line: `python -m studies.bench.workers`: one study by one worker and by several."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil

from studies.bench.installation import Installation

Json = dict[str, Any]
FROM, TO = 0.4, 0.95  # of a study's trials: all workers have begun, and none has ended
THREADS: Final = {"OMP_NUM_THREADS": "1"}  # of each worker, however many there are


def main() -> int:
    """Measure in turns, and say the ratio."""
    options = _options()
    with TemporaryDirectory() as folder:
        rounds = _measured(options, Installation(Path(folder)))
    ratios = [one["several"]["rate"] / one["one"]["rate"] for one in rounds]
    _say(
        f"{options.workers} workers: {median(ratios):.2f} times the trials per minute of one "
        f"({min(ratios):.2f}-{max(ratios):.2f})"
    )
    if options.json:
        found = {"rounds": rounds, "ratios": ratios, "conditions": _conditions(options)}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _measured(options: argparse.Namespace, installation: Installation) -> list[Json]:
    """Run each study twice: the workers that do not help wait meanwhile."""
    installation.set_up()
    rounds = []
    with ExitStack() as stack:
        for _ in range(options.workers):
            stack.enter_context(installation.working(THREADS))
        for number in range(options.rounds):
            several, one = (
                _arm(installation, options, n_workers, number)
                for n_workers in (options.workers, 1)
            )
            rounds.append({"one": one, "several": several})
            _say(
                f"round {number + 1}/{options.rounds}: {one['rate']:.0f} trials a minute by one, "
                f"{several['rate']:.0f} by {options.workers}"
            )
    return rounds


def _arm(
    installation: Installation, options: argparse.Namespace, n_workers: int, seed: int
) -> Json:
    found = installation.part(
        "study",
        n_workers=n_workers,
        n_trials=options.trials,
        trials_per_batch=options.at_once,
        seed=seed,
    )
    if found["status"] != "completed":
        raise SystemExit(f"A study has {found['status']}.")
    if n_workers > 1 and not found["by_helpers"]:
        raise SystemExit("The study was over before another worker could help: take more trials.")
    return {"rate": trials_per_minute(found["finished"]), "by_helpers": found["by_helpers"]}


def trials_per_minute(finished: Sequence[float]) -> float:
    """The rate in the middle of a study; `finished` are the seconds when its trials ended."""
    first, last = int(FROM * len(finished)), int(TO * len(finished)) - 1
    return 60 * (last - first) / (finished[last] - finished[first])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.workers", description="Trials per minute of several workers on one study."
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=320, help="of each study")
    parser.add_argument("--at-once", type=int, default=8, help="trials side by side, per worker")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    return parser.parse_args()


def _conditions(options: argparse.Namespace) -> Json:
    return {
        "workers": options.workers,
        "trials": options.trials,
        "at_once": options.at_once,
        "cores": os.cpu_count(),
        "load": psutil.getloadavg(),  # over 1, 5 and 15 minutes, at the end
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
