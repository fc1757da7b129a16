"""Events from a worker's process to open pages: how many a second, and how late."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

import httpx
from websockets.asyncio.client import connect

from studies.bench.installation import Installation, Server
from studies.bench.requesting import percentile

Json = dict[str, Any]
SILENT_FOR: Final = 60  # seconds without an event: something is wrong


@dataclass(frozen=True, slots=True)
class Load:
    """How many events come how fast, and who looks."""

    name: str
    count: int
    per_second: float | None  # None: as fast as they can be written
    viewers: int


LOADS: Final = (
    Load("10 a second, 100 pages", 100, 10, 100),
    Load("200 a second, 1 page", 1000, 200, 1),
    Load("as fast as they are written, 1 page", 1500, None, 1),
)


def measure(
    installation: Installation, server: Server, filled: Mapping[str, Any], load: Load
) -> Json:
    """Let a process write events, and open pages receive them."""
    return asyncio.run(_measured(installation, server, filled, load))


async def _measured(
    installation: Installation, server: Server, filled: Mapping[str, Any], load: Load
) -> Json:
    study = filled["places"]["study"]
    token, session = filled["tokens"][0], filled["sessions"]["staff"]
    async with httpx.AsyncClient(base_url=f"http://{server.address}") as client:
        answer = await client.get(
            f"/api/v1/studies/{study}", headers={"Authorization": f"Bearer {token}"}
        )
    after = answer.json()["event_count"]
    url = f"ws://{server.address}/ws/studies/{study}/?after={after}"
    ready = asyncio.Semaphore(0)
    viewers = [
        asyncio.create_task(_view(url, session, server.address, load.count, ready))
        for _ in range(load.viewers)
    ]
    for _ in viewers:
        await ready.acquire()
    used, begun = server.processor_seconds, time.perf_counter()
    writer = installation.part_begun(
        "events", study=study, count=load.count, per_second=load.per_second
    )
    try:
        arrivals = [one for many in await asyncio.gather(*viewers) for one in many]
    finally:
        writer.terminate()
        await asyncio.to_thread(writer.wait)
    late = [received - made for made, received in arrivals]
    first, last = min(made for made, _ in arrivals), max(received for _, received in arrivals)
    return {
        "name": load.name,
        "events": len(arrivals),
        "per_second": len(arrivals) / (last - first),
        "median": median(late),
        "p95": percentile(late, 95),
        "p99": percentile(late, 99),
        "web_process": (server.processor_seconds - used) / (time.perf_counter() - begun),
    }


async def _view(
    url: str, session: str, address: str, count: int, ready: asyncio.Semaphore
) -> list[tuple[float, float]]:
    """Receive this many events as a page does: when each was made, and when it arrived.

    Raises:
        ValueError: one is missing, or came twice.
    """
    headers = {"Cookie": f"sessionid={session}", "Origin": f"http://{address}"}
    arrivals: list[tuple[float, float]] = []
    last: int | None = None
    async with connect(url, additional_headers=headers, max_size=None) as socket:
        while len(arrivals) < count:
            message = json.loads(await asyncio.wait_for(socket.recv(), SILENT_FOR))
            received = time.time()
            if message["kind"] == "progress":  # the first message: the page has all that there is
                ready.release()
                continue
            if last is not None and message["number"] != last + 1:
                raise ValueError(f"event {message['number']} came after {last}")
            last = message["number"]
            made = datetime.fromisoformat(message["at"]).astimezone(UTC).timestamp()
            arrivals.append((made, received))
    return arrivals
