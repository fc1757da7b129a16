"""Command line: `python -m studies.bench.workers`: one study by one worker and by several."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil

from studies.bench.installation import Installation
from studies.bench.saying import conditions, say

Json = dict[str, Any]
FROM, TO = 0.4, 0.95  # of a study's trials: all workers have begun, and none has ended
THREADS: Final = {"OMP_NUM_THREADS": "1"}  # of each worker, however many there are


def main() -> int:
    """Measure in turns, and say the ratio."""
    options = _options()
    with TemporaryDirectory() as folder:
        rounds = _measured(options, Installation(Path(folder)))
    ratios = [one["several"]["rate"] / one["one"]["rate"] for one in rounds]
    costs = [one["several"]["processor"] / one["one"]["processor"] for one in rounds]
    medians = {arm: _medians([one[arm] for one in rounds]) for arm in ("one", "several")}
    for arm, count in (("one", 1), ("several", options.workers)):
        rate, processor = medians[arm]["rate"], medians[arm]["processor"]
        say(f"by {count}: {rate:.0f} trials a minute, {processor:.2f} s of a processor for each")
    say(
        f"{options.workers} workers: {median(ratios):.2f} times the trials per minute of one "
        f"({min(ratios):.2f}-{max(ratios):.2f}), {median(costs):.2f} times the processor time each"
    )
    if options.json:
        asked = {"workers": options.workers, "trials": options.trials, "at_once": options.at_once}
        found = {"rounds": rounds, "medians": medians, "ratios": ratios}
        found["conditions"] = asked | conditions()
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _medians(arms: Sequence[Json]) -> Json:
    return {name: median(arm[name] for arm in arms) for name in ("rate", "processor")}


def _measured(options: argparse.Namespace, installation: Installation) -> list[Json]:
    """Run each study twice: the workers that do not help wait meanwhile."""
    installation.set_up()
    rounds = []
    with ExitStack() as stack:
        pids = [stack.enter_context(installation.working(THREADS)) for _ in range(options.workers)]
        for number in range(options.rounds):
            several, one = (
                _arm(installation, options, pids, n_workers, number)
                for n_workers in (options.workers, 1)
            )
            rounds.append({"one": one, "several": several})
            say(
                f"round {number + 1}/{options.rounds}: {one['rate']:.0f} trials a minute by one, "
                f"{several['rate']:.0f} by {options.workers}"
            )
    return rounds


def _arm(
    installation: Installation,
    options: argparse.Namespace,
    pids: Sequence[int],
    n_workers: int,
    seed: int,
) -> Json:
    before = processor_seconds(pids)
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
    return {
        "rate": trials_per_minute(found["finished"]),
        "processor": (processor_seconds(pids) - before) / options.trials,
        "by_helpers": found["by_helpers"],
    }


def processor_seconds(pids: Sequence[int]) -> float:
    """What these processes and those that they have started have used so far."""
    roots = map(psutil.Process, pids)
    times = [one.cpu_times() for root in roots for one in (root, *root.children(recursive=True))]
    return sum(one.user + one.system for one in times)


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


if __name__ == "__main__":
    sys.exit(main())
