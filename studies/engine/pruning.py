"""When a trial may end before all of its scorers have run: exact rules, never a guess."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studies.engine.pareto import dominates
from studies.engine.results import Direction
from studies.engine.scorer_settings import SCORERS
from studies.engine.study_settings import StudySettings

Front = Mapping[int, Sequence[float]]  # of each trial on it, by number, the objectives' values
Known = Mapping[int, float]  # the values measured so far, by their scorer's place


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules know of one scorer."""

    name: str
    direction: Direction
    best: float  # no value can be better; of a scorer that only reports, without meaning
    limit: float | None  # a value above it ends the trial


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a trial ends here."""

    reason: str
    excess: dict[str, float] = field(default_factory=dict)


class Pruning:
    """The rules of one study."""

    def __init__(self, judged: Sequence[Judged], *, to_front: bool) -> None:
        """`to_front`: trials that cannot reach the front any more end as well."""
        self._judged, self._to_front = judged, to_front
        self._objectives = [n for n, one in enumerate(judged) if one.direction != "none"]

    @property
    def is_on(self) -> bool:
        """Whether any trial can be pruned at all."""
        return self._to_front or any(one.limit is not None for one in self._judged)

    def verdict(self, known: Known, front: Front) -> Verdict | None:
        """Judge a trial by the values that are known; None: it goes on, or it is complete."""
        return self._above_limit(known) or self._behind(known, front)

    def _above_limit(self, known: Known) -> Verdict | None:
        above = {
            place: value - limit
            for place, value in known.items()
            if (limit := self._judged[place].limit) is not None and value > limit
        }
        if not above:
            return None
        sentences = [
            f"{self._judged[place].name} is {known[place]:.4g}, "
            f"above the limit of {self._judged[place].limit:g}."
            for place in above
        ]
        excess = {self._judged[place].name: by for place, by in above.items()}
        return Verdict(" ".join(sentences), excess)

    def _behind(self, known: Known, front: Front) -> Verdict | None:
        """Compare the best that the trial may still come to with each trial of the front.

        One that beats even that beats whatever it comes to; and if none does, it may reach the
        front with that very result. So the rule ends all that it may, and nothing else.
        """
        if not self._to_front or len(known) == len(self._judged):
            return None
        hoped = [known.get(place, self._judged[place].best) for place in self._objectives]
        directions = [self._judged[place].direction for place in self._objectives]
        for number, values in front.items():
            if dominates(values, hoped, directions):
                return Verdict(f"Trial {number} beats it{self._whatever(known)}.")
        return None

    def _whatever(self, known: Known) -> str:
        missing = [self._judged[n].name for n in self._objectives if n not in known]
        return f", whatever {' and '.join(missing)} would be" if missing else ""


def pruning_of(settings: StudySettings) -> Pruning:
    """The rules that a study's settings ask for."""
    judged = []
    for config in settings.scorers:
        kind = SCORERS[config.scorer]
        best = kind.highest if config.optimization == "maximize" else kind.lowest
        limit = getattr(settings, kind.limit) if kind.limit else None
        judged.append(Judged(config.title, config.optimization, best, limit))
    return Pruning(judged, to_front=settings.staged_evaluation)
