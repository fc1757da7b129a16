"""What the workers did when: phases outside trials, and the trials."""

from collections.abc import Iterable
from datetime import UTC, datetime

from studies.engine.figures.records import Json, StudyRecord

TRIALS = "Trials"
PHASES = "Phases"
Bar = tuple[str, datetime, datetime, str]  # lane, start, end, what to say of it


def timeline(record: StudyRecord, objective: int) -> Json:
    """Phases and trials as bars over time, UTC; patterns tell the kinds apart."""
    now = datetime.now(UTC)
    own = [trial for trial in record.trials if not trial.is_taken_over]
    kinds: list[tuple[str, str, list[Bar]]] = [
        (
            "Phase",
            "/",
            [(PHASES, p.start, p.end or now, p.label) for p in record.phases],
        ),
        (
            "Complete trial",
            "",
            [
                (TRIALS, t.started_at, t.finished_at, f"trial {t.number}")
                for t in own
                if t.is_complete
            ],
        ),
        (
            "Pruned trial",
            ".",
            [
                (TRIALS, t.started_at, t.finished_at, f"trial {t.number} pruned")
                for t in own
                if t.is_pruned
            ],
        ),
        (
            "Failed trial",
            "x",
            [
                (TRIALS, t.started_at, t.finished_at, f"trial {t.number} failed")
                for t in own
                if not (t.is_complete or t.is_pruned)
            ],
        ),
    ]
    return {
        "data": [_trace(name, pattern, bars) for name, pattern, bars in kinds if bars],
        "layout": {
            "barmode": "overlay",
            "xaxis": {"type": "date"},
            "yaxis": {"categoryarray": [TRIALS, PHASES], "categoryorder": "array"},
            "bargap": 0.4,
        },
    }


def _trace(name: str, pattern: str, bars: Iterable[Bar]) -> Json:
    rows = list(bars)
    lengths = [max(0.0, (end - start).total_seconds()) for _, start, end, _ in rows]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": [lane for lane, _, _, _ in rows],
        "base": [start.isoformat() for _, start, _, _ in rows],
        "x": [1000 * seconds for seconds in lengths],  # milliseconds, as plotly counts time
        "text": [text for _, _, _, text in rows],
        "textposition": "none",
        "customdata": [round(seconds, 1) for seconds in lengths],
        "hovertemplate": "%{text}: %{customdata} s<extra></extra>",
        "marker": {"pattern": {"shape": pattern}, "line": {"width": 1}},
    }
