"""Asks for addresses, one after the other and several at once, and takes the time."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from statistics import median, quantiles
from typing import Any, Final

import httpx

from studies.bench.probes import API, Probe

Json = dict[str, Any]
TIMEOUT: Final = 120  # seconds
# Nothing is encrypted; to read the machine's certificates would take longer than most answers.
NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
LEAST: Final = 5  # requests of each address, however long they take


class WrongAnswerError(RuntimeError):
    """An address did not answer as it should."""


@dataclass(slots=True)
class Timings:
    """What one address took, and how much it sent."""

    first: float = 0.0  # seconds; nothing of it had been asked for before
    seconds: list[float] = field(default_factory=list)
    size: int = 0  # bytes

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def p99(self) -> float:
        return percentile(self.seconds, 99)

    @property
    def total(self) -> float:
        return sum(self.seconds)


class Site:
    """One installation as its users reach it."""

    def __init__(self, address: str, filled: Mapping[str, Any]) -> None:
        self._base = f"http://{address}"
        self._places: Mapping[str, object] = filled["places"]
        self._sessions: Mapping[str, str] = filled["sessions"]
        self._tokens = cycle(filled["tokens"])

    @contextmanager
    def client(self) -> Iterator[Callable[[Probe], tuple[float, int]]]:
        """A client of its own, which keeps its connection: seconds and bytes of an address."""
        with httpx.Client(base_url=self._base, timeout=TIMEOUT, verify=NO_CERTIFICATES) as client:
            yield lambda probe: self._ask(client, probe)

    def _ask(self, client: httpx.Client, probe: Probe) -> tuple[float, int]:
        path = probe.at(self._places)
        headers = {"Cookie": f"sessionid={self._sessions[probe.who]}"}
        if path.startswith(API):
            headers = {"Authorization": f"Bearer {next(self._tokens)}"}
        begun = time.perf_counter()
        answer = client.get(path, headers=headers)
        seconds = time.perf_counter() - begun
        if answer.status_code != httpx.codes.OK:
            raise WrongAnswerError(f"{path} answered {answer.status_code}: {answer.text[:300]}")
        return seconds, len(answer.content)


def in_turns(
    sites: Mapping[str, Site],
    probes: Sequence[Probe],
    n_requests: int,
    seconds: float,
    tell: Callable[[str], None],
) -> dict[str, dict[str, Timings]]:
    """Ask all sites for each address in turns, one request at a time; timings by name and site.

    An address is asked for `n_requests` times, or fewer once all of it has taken `seconds`.
    """
    found: dict[str, dict[str, Timings]] = {}
    for probe in probes:
        timings = {name: Timings() for name in sites}
        for count in range(n_requests + 1):
            for name, site in sites.items():
                _take(site, probe, timings[name], is_first=not count)
            if count >= LEAST and sum(one.total for one in timings.values()) > seconds:
                break
        found[probe.name] = timings
        shown = ", ".join(f"{1000 * one.median:.1f} ms" for one in timings.values())
        tell(f"{probe.name}: {shown}")
    return found


def _take(site: Site, probe: Probe, timings: Timings, *, is_first: bool) -> None:
    with site.client() as ask:
        seconds, timings.size = ask(probe)
    if is_first:
        timings.first = seconds
    else:
        timings.seconds.append(seconds)


def at_once(site: Site, probes: Sequence[Probe], n_clients: int, seconds: float) -> Json:
    """Let several clients ask for these addresses, each in an order of its own, for some time."""
    until = time.perf_counter() + seconds

    def visit(number: int) -> list[float]:
        taken = []
        with site.client() as ask:
            for probe in cycle([*probes[number:], *probes[:number]]):
                taken.append(ask(probe)[0])
                if time.perf_counter() > until:
                    break
        return taken

    begun = time.perf_counter()
    with ThreadPoolExecutor(n_clients) as pool:
        steps = range(0, len(probes), max(1, len(probes) // n_clients))
        taken = [one for many in pool.map(visit, list(steps)[:n_clients]) for one in many]
    return {
        "clients": n_clients,
        "per_second": len(taken) / (time.perf_counter() - begun),
        "median": median(taken),
        "p99": percentile(taken, 99),
    }


def percentile(values: Sequence[float], which: int) -> float:
    """The value that so many per cent do not exceed; of few values nearly the largest."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[which - 1]
