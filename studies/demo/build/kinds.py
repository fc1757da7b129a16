"""What a kind of question is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kind:
    """One question about each of `subjects`; `refusals` makes it a surprise to be kept.

    Templates know {name} (the subject), {Name} (capitalised) and the keys of `pools`.
    """

    label: str
    subjects: Sequence[str]
    pools: Mapping[str, Sequence[str]]
    questions: Sequence[str]
    answer: str
    refusals: Sequence[str] = field(default=())
