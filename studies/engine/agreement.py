"""How far people's verdicts and a scorer's agree."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """The four counts of two raters, both of whom say good or bad."""

    both_good: int
    both_bad: int
    only_person: int  # the person says good, the scorer bad
    only_scorer: int

    @property
    def total(self) -> int:
        return self.both_good + self.both_bad + self.only_person + self.only_scorer

    @property
    def agreed(self) -> int:
        return self.both_good + self.both_bad

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond chance, 1 at most; None where chance alone gives all.

        Source: J. Cohen, A coefficient of agreement for nominal scales, 1960.
        """
        if not self.total:
            return None
        person = (self.both_good + self.only_person) / self.total
        scorer = (self.both_good + self.only_scorer) / self.total
        by_chance = person * scorer + (1 - person) * (1 - scorer)
        if by_chance == 1:
            return None
        return (self.agreed / self.total - by_chance) / (1 - by_chance)


def agreement(pairs: Iterable[tuple[bool, bool]]) -> Agreement:
    """Count pairs of (person says good, scorer says good)."""
    counts = Counter(pairs)
    return Agreement(
        both_good=counts[True, True],
        both_bad=counts[False, False],
        only_person=counts[True, False],
        only_scorer=counts[False, True],
    )
