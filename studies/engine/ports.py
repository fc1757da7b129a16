"""What the engine asks of its host. The worker implements these; tests fake them."""

from typing import Protocol


class Stopped(Exception):  # noqa: N818 - not a fault: the host asked for it
    """The host asked to stop; work in progress is dropped, nothing is half-stored."""


class Reporter(Protocol):
    """Where the engine says what it is doing. Calls are cheap and may be throttled."""

    def phase(self, name: str, *, done: int = 0, total: int = 0) -> None:
        """Report a phase and how far it is (`total` 0: unknown)."""

    def tokens(self, count: int, seconds: float) -> None:
        """Report generated tokens, for the speed shown to the user."""

    def note(self, text: str) -> None:
        """Record something that the user should know about this study."""


class StopSignal(Protocol):
    def check(self) -> None:
        """Return if work may go on.

        Raises:
            Stopped: the host wants it to end; asked between two batches.
        """


class Silent:
    """A reporter and stop signal for scripts: says nothing, never stops."""

    def phase(self, name: str, *, done: int = 0, total: int = 0) -> None:
        pass

    def tokens(self, count: int, seconds: float) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def check(self) -> None:
        pass
