"""How a bad input of the tables is written down."""

from dataclasses import dataclass
from typing import Any, Final

from studies.engine.methods.directional import METHOD

Json = dict[str, Any]
Row = tuple[str, str, Any]  # parameter, component, value

NAN: Final = float("nan")
INF: Final = float("inf")
ATTENTION, MLP = "attn.o_proj", "mlp.down_proj"
KEYWORDS: Final[Json] = {"scorer": "KeywordRate", "settings": {"prompts": "bad-test"}}
DIVERGENCE: Final[Json] = {"scorer": "KLDivergence", "settings": {"prompts": "good"}}
ONE_WEIGHT: Final[Json] = {"parameters": {"max_weight": 1}}
STRANGER: Final = "is not a parameter of the method directional; known: " + ", ".join(
    parameter.name for parameter in METHOD.parameters
)
COMPONENTS: Final = "known: " + ", ".join(METHOD.known_components)
FRACTION: Final = "must be within 0 and 1, a fraction of the last layer's index"
SCOPES: Final = 'must be one of "global", "per layer"'
KINDS: Final = "must be a number, a text, a list of choices or a range"
SLUG: Final = "must be small letters, digits and single hyphens, such as no-slop"
PROMPTS: Final = "must be letters, digits, hyphens and underscores, at most 100"
REVISION: Final = "must be a branch, a tag or a 40-character commit"
OUTSIDE: Final = "leads out of the folders that are open to users"
CONTROL: Final = "contains a control character"
INVISIBLE: Final = "contains an invisible character"
SURROGATE: Final = "contains an invalid Unicode character"
TIE: Final = (
    "some models match both this pattern and {}, and neither is the more specific, "
    "so it is open which one decides; make one of them longer"
)


@dataclass(frozen=True)
class Bad:
    """A part of a preset's document, and the one problem that every door has with it.

    `row` is the same as one row of parameters. `without` names doors that do not know of it.
    """

    document: Json
    place: str
    message: str
    row: Row | None = None
    at: str = ""  # the end of the place, below the row
    without: str = ""


def deep(levels: int) -> Any:
    """A list in a list in a list …"""
    raw: Any = 1
    for _ in range(levels):
        raw = [raw]
    return raw


def value(
    raw: Any,
    at: str,
    message: str,
    *,
    of: str = "max_weight",
    component: str = "",
    without="",
) -> Bad:
    """A bad value of a parameter; `at` is the end of its place."""
    entry = {component: raw} if component else raw
    place = f'parameters.{of}["{component}"]' if component else f"parameters.{of}"
    row = (of, component, raw)
    return Bad({"parameters": {of: entry}}, place + at, message, row, at, without)


def parameters(raw: Any, at: str, message: str, row: Row | None = None) -> Bad:
    """Parameters of which a name or the shape is bad."""
    return Bad({"parameters": raw}, f"parameters{at}", message, row)


def setting(name: str, raw: Any, message: str, at: str = "", without: str = "") -> Bad:
    return Bad({"settings": {name: raw}}, f"settings.{name}{at}", message, without=without)


def scorer(change: Json, at: str, message: str, without: str = "") -> Bad:
    """The second of two scorers."""
    raw = [KEYWORDS, DIVERGENCE | change]
    place = f"settings.scorers[1]{at}"
    return Bad({"settings": {"scorers": raw}}, place, message, without=without)


def markers(raw: Any, at: str, message: str) -> Bad:
    own = {"prompts": "good", "keyword_markers": raw}
    change = {"scorer": "KeywordRate", "name": "Second", "settings": own}
    return scorer(change, f".settings.keyword_markers{at}", message)


def column(name: str, raw: Any, message: str, without: str = "") -> Bad:
    return Bad({name: raw}, name, message, without=without)


def overrides(raw: Any, at: str, message: str) -> Bad:
    return Bad({"overrides": raw}, f"overrides{at}", message)
