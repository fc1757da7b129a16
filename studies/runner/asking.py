"""Which trials come next, and how many of them are asked for at once."""

from collections.abc import Mapping

import optuna

from studies.engine import search
from studies.engine.parameters import Key
from studies.engine.session import Session
from studies.models import Study
from studies.runner.enqueued import hand_over_next
from studies.runner.turns import Turns

Parameters = Mapping[Key, float | str]
Asked = tuple[int, Parameters]

# Asked for at once when the search chooses by what it has seen: each group is one look at the
# results. Small ones cost it nothing measurable (two surrogates of this space, 32 seeds).
LEARNING_GROUP = 4


class Asking:
    """Asks for trials in groups whose sizes do not depend on how fast a machine is.

    So a study that was cut off goes on with the parameters that it would have had.
    """

    def __init__(self, of: Study, study: optuna.Study, session: Session, turns: Turns) -> None:
        self._of, self._study, self._session, self._turns = of, study, session, turns
        settings = {row["name"]: row["value"] for row in of.snapshot["settings"]}
        self._seed = settings["seed"]
        self._n_startup = int(settings["n_startup_trials"])
        self._is_fixed = bool(settings.get("trials_per_batch"))  # older studies have none

    def next(self, most: int) -> list[Asked]:
        """Ask for the trials of the next group, at most so many."""
        n_existing = search.look(self._study)
        count = self._left_of_group(n_existing) or self._group(n_existing)
        return self._ask(n_existing, min(most, count))

    def rest(self, most: int) -> list[Asked]:
        """Ask for what is missing of a group that was cut off while it was asked for."""
        n_existing = search.look(self._study)
        return self._ask(n_existing, min(most, self._left_of_group(n_existing)))

    def finish(self, number: int) -> Parameters:
        """Sample what is missing of a trial that was cut off while it was asked for."""
        sampler = search.sampler_for(self._seed, number, self._n_startup)
        return search.ask_on(self._study, number, self._session.resolved, sampler)

    def _ask(self, n_existing: int, count: int) -> list[Asked]:
        asked: list[Asked] = []
        space, is_first_waiting = self._session.resolved, True
        for number in range(n_existing, n_existing + count):
            sampler = search.sampler_for(self._seed, number, self._n_startup)
            is_first_waiting = is_first_waiting and hand_over_next(self._of, self._study, space)
            ask = search.ask_enqueued if is_first_waiting else search.ask
            asked.append(ask(self._study, space, sampler, self._turns.mark))
            self._turns.extend()
        return asked

    def _left_of_group(self, n_existing: int) -> int:
        """How many are missing until the current group of learned trials is whole."""
        learned = n_existing - self._n_startup
        return -learned % self._group(n_existing) if learned > 0 else 0

    def _group(self, n_existing: int) -> int:
        most = self._session.most_at_once
        random_left = self._n_startup - n_existing
        if random_left > 0:  # random ones learn nothing from one another
            return min(self._session.trials_at_once, random_left)
        return most if self._is_fixed else min(most, LEARNING_GROUP)
