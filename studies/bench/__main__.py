"""Command line: `python -m studies.bench`."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from studies.bench import news, report
from studies.bench.installation import Installation, Server
from studies.bench.probes import PROBES
from studies.bench.requesting import Site, Timings, at_once, in_turns
from studies.bench.saying import conditions, say

Json = dict[str, Any]
FEW: Final = 10  # studies of the installation that the large one is compared with
MANY, SMALL = "many", "few"
N_CLIENTS: Final = 4
QUICK: Final = 0.15  # seconds; what takes longer has its own line, and is not asked for at once
N_STARTS: Final = 3


def main() -> int:
    """Measure everything, and say it as a table."""
    options = _options()
    with nullcontext(options.keep) if options.keep else TemporaryDirectory() as folder:
        found = _measured(options, Path(folder))
    say(report.as_text(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _measured(options: argparse.Namespace, folder: Path) -> Json:
    sizes = {SMALL: (FEW, options.trials, options.trials)}
    sizes[MANY] = (options.studies, options.trials, options.large)
    installations = {name: Installation(folder / name) for name in sizes}
    filled = {name: _filled(installations[name], *sizes[name]) for name in sizes}
    starts = {name: _starts(one) for name, one in installations.items()}
    with _all_served(installations) as servers:
        for name, server in servers.items():
            starts[name].append(server.start_seconds)
        rest = {name: _at_rest(server, options.idle) for name, server in servers.items()}
        sites = {name: Site(server.address, filled[name]) for name, server in servers.items()}
        timings = in_turns(sites, PROBES, options.requests, options.seconds, say)
        quick = [probe for probe in PROBES if _is_quick(timings[probe.name])]
        together = {
            name: at_once(site, quick, N_CLIENTS, options.seconds) for name, site in sites.items()
        }
        memory = {name: server.memory for name, server in servers.items()}
        events = [
            news.measure(installations[MANY], servers[MANY], filled[MANY], load)
            for load in news.LOADS
        ]
    return {
        "conditions": conditions(),
        "database": {
            name: filled[name]["rows"]
            | {"bytes": installations[name].size, "fill_seconds": filled[name]["seconds"]}
            for name in sizes
        },
        "start_seconds": {name: median(taken) for name, taken in starts.items()},
        "at_rest": rest,
        "memory_after": memory,
        "pages": {
            name: {
                size: asdict(one) | {"median": one.median, "p99": one.p99}
                for size, one in sites.items()
            }
            for name, sites in timings.items()
        },
        "queries": {name: _queries(installations[name], filled[name]) for name in sizes},
        "at_once": together,
        "events": events,
    }


def _filled(installation: Installation, n_studies: int, n_trials: int, n_large: int) -> Json:
    say(f"A database with {n_studies} studies of {n_trials} trials, and one of {n_large}")
    return installation.fill(n_studies=n_studies, n_trials=n_trials, n_large=n_large)


def _starts(installation: Installation) -> list[float]:
    """All starts but the last, whose server goes on."""
    taken = []
    for _ in range(N_STARTS - 1):
        with installation.served() as server:
            taken.append(server.start_seconds)
    return taken


@contextmanager
def _all_served(installations: Mapping[str, Installation]) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(one.served()) for name, one in installations.items()}


def _at_rest(server: Server, seconds: float) -> Json:
    return {"memory": server.memory, "processor": server.idle_share(seconds)}


def _is_quick(timings: Mapping[str, Timings]) -> bool:
    """Whether a few of them leave time for others."""
    return all(one.median < QUICK for one in timings.values())


def _queries(installation: Installation, filled: Json) -> Json:
    paths = {probe.name: probe.at(filled["places"]) for probe in PROBES if probe.counted}
    return installation.part("queries", paths=paths)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description="Pages, API and live events with many studies in the database."
    )
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=200, help="of each study")
    parser.add_argument("--large", type=int, default=10_000, help="trials of one more study")
    parser.add_argument("--requests", type=int, default=100, help="of each address, at most")
    parser.add_argument("--seconds", type=float, default=8, help="for each address, about")
    parser.add_argument("--idle", type=float, default=10, help="seconds to look at rest")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep and reuse databases there"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
