"""What was measured, as a table for people."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def as_text(found: Json) -> str:
    """Write everything in Markdown."""
    return "\n".join(
        [*_databases(found), "", *_pages(found), "", *_together(found), "", *_events(found)]
    )


def _databases(found: Json) -> Iterator[str]:
    yield "| | few | many |"
    yield "| --- | ---: | ---: |"
    few, many = found["database"]["few"], found["database"]["many"]
    for name in ("studies", "trials", "events"):
        yield f"| {name} | {few[name]:,} | {many[name]:,} |"
    yield f"| database, MB | {few['bytes'] / 1e6:,.0f} | {many['bytes'] / 1e6:,.0f} |"
    starts, rest, after = found["start_seconds"], found["at_rest"], found["memory_after"]
    yield f"| start of the web process, s | {starts['few']:.2f} | {starts['many']:.2f} |"
    yield _row(
        "at rest, share of a core", *(f"{rest[n]['processor']:.2%}" for n in ("few", "many"))
    )
    yield _row(
        "memory at the start, MB", *(f"{rest[n]['memory'] / 1e6:.0f}" for n in ("few", "many"))
    )
    yield _row(
        "memory after all requests, MB", *(f"{after[n] / 1e6:.0f}" for n in ("few", "many"))
    )


def _pages(found: Json) -> Iterator[str]:
    yield "| address | few: median | many: median | p99 | first | ratio | KB | queries | in SQL |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, sizes in found["pages"].items():
        few, many = sizes["few"], sizes["many"]
        asked = found["queries"]["many"].get(name)
        yield _row(
            name,
            *(
                _ms(seconds)
                for seconds in (few["median"], many["median"], many["p99"], many["first"])
            ),
            f"{many['median'] / few['median']:.1f}",
            f"{many['size'] / 1000:,.0f}",
            *((str(asked["queries"]), _ms(asked["seconds"])) if asked else ("–", "–")),
        )


def _together(found: Json) -> Iterator[str]:
    yield "| several clients at once | requests a second | median | p99 |"
    yield "| --- | ---: | ---: | ---: |"
    for name, one in found["at_once"].items():
        rate = f"{one['per_second']:.0f}"
        yield _row(f"{one['clients']} clients, {name}", rate, _ms(one["median"]), _ms(one["p99"]))


def _events(found: Json) -> Iterator[str]:
    yield "| events, worker to browser | received a second | median | p95 | p99 | web process |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for one in found["events"]:
        late = (_ms(one[name]) for name in ("median", "p95", "p99"))
        yield _row(one["name"], f"{one['per_second']:.0f}", *late, f"{one['web_process']:.0%}")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"
