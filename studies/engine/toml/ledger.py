"""What a translation found: notes, faults, and which places have another name in the file."""

from dataclasses import dataclass, field

from studies.engine.errors import Problem
from studies.engine.problems import place_at
from studies.engine.tables import Path


@dataclass(slots=True)
class Ledger:
    notes: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)  # our place → that of the file

    def note(self, path: Path, message: str) -> None:
        """Tell what was left out or added."""
        self.notes.append(Problem(place_at("", path), message))

    def refuse(self, path: Path, message: str) -> None:
        """Tell what is wrong."""
        self.problems.append(Problem(place_at("", path), message))

    def rename(self, ours: Path, theirs: Path) -> None:
        """Remember that the file says at one path what our validators call another."""
        self.renamed[place_at("", ours)] = place_at("", theirs)

    def original(self, place: str) -> str:
        """Where the file says what our validators speak of."""
        for ours in sorted(self.renamed, key=len, reverse=True):
            rest = place.removeprefix(ours)
            if place.startswith(ours) and rest[:1] in ("", ".", "["):
                return self.renamed[ours] + rest
        return place
