"""The harness's model around a loaded one, which says how far it is and can be stopped."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from studies.engine.batching import OutOfMemory, attempt, free_memory
from studies.engine.benchmarks.port import Watch
from studies.engine.errors import DeviceMemoryError
from studies.engine.model import LoadedModel, row_bytes

SHARE: Final = 0.5  # of the free memory that a batch may take
FLOAT32_BYTES: Final = 4


class WatchedModel(HFLM):
    """A loaded model, with a tokenizer of its own, since the harness changes how that one pads.

    The size of a batch follows from the longest request and the free memory; where that was too
    much after all, it is halved.
    """

    def __init__(self, loaded: LoadedModel, *, batch_size: int, watch: Watch) -> None:
        super().__init__(
            pretrained=loaded.model,
            tokenizer=copy.deepcopy(loaded.tokenizer),
            backend="causal",
            batch_size=batch_size,
            softmax_dtype="float32",  # sums of log-probabilities in half precision lose digits
            trust_remote_code=False,
        )
        self._loaded, self._most, self._watch = loaded, batch_size, watch
        self.cache_hook = _Counter(watch)

    def loglikelihood(
        self,
        requests: list[Instance],
        disable_tqdm: bool = True,  # noqa: FBT001, FBT002 - theirs
    ) -> list[tuple[float, bool]]:
        """The log-likelihood of each continuation, and whether it is the greedy one."""
        return self._fitted(super().loglikelihood, requests)

    def loglikelihood_rolling(
        self,
        requests: list[Instance],
        disable_tqdm: bool = True,  # noqa: FBT001, FBT002 - theirs
    ) -> list[float]:
        """The log-likelihood of each text."""
        return self._fitted(super().loglikelihood_rolling, requests)

    def generate_until(
        self,
        requests: list[Instance],
        disable_tqdm: bool = True,  # noqa: FBT001, FBT002 - theirs
    ) -> list[str]:
        """What the model says to each prompt."""
        return self._fitted(super().generate_until, requests)

    def _fitted(self, work: Callable[..., list[Any]], requests: list[Instance]) -> list[Any]:
        """Do the work in batches that fit.

        Raises:
            DeviceMemoryError: a single request does not fit.
        """
        self.batch_size_per_gpu = self._rows_for(requests)
        while True:
            self.cache_hook.begin(len(requests))
            with at_each_step(self._loaded, self._step):
                answers = attempt(lambda: work(requests, disable_tqdm=True))
            if not isinstance(answers, OutOfMemory):
                self.cache_hook.tell()
                return answers
            if self.batch_size_per_gpu == 1:
                raise DeviceMemoryError("Out of memory with a single example at a time.")
            self.batch_size_per_gpu //= 2

    def _step(self) -> None:
        self._watch.stop.check()
        self.cache_hook.tell()

    def _rows_for(self, requests: Sequence[Instance]) -> int:
        longest = max((_text_of(one) for one in requests), key=len)
        wished = max(_tokens_wished(one, self.max_gen_toks) for one in requests)
        width = min(len(self.tok_encode(longest)) + wished, self.max_length)
        # All positions' logits, and their log-probabilities in float32.
        size = self._loaded.model.dtype.itemsize + 2 * FLOAT32_BYTES
        logits = 0 if wished else width * int(self.config.get_text_config().vocab_size) * size
        room = SHARE * free_memory(self._loaded.device)
        return max(1, min(self._most, int(room / (row_bytes(self._loaded, width, 0) + logits))))


@contextmanager
def at_each_step(loaded: LoadedModel, call: Callable[[], None]) -> Iterator[None]:
    """Call before each pass of the model, that of every generated token too."""
    handle = loaded.model.register_forward_pre_hook(lambda module, inputs: call())
    try:
        yield
    finally:
        handle.remove()


class _Counter:
    """Stands where the harness hands in each answer that it could keep, and counts them."""

    def __init__(self, watch: Watch) -> None:
        self._watch, self._done, self._total = watch, 0, 0

    def begin(self, total: int) -> None:
        self._done, self._total = 0, total
        self.tell()

    def tell(self) -> None:
        """Report how far it is: between batches, whose answers come all at once."""
        self._watch.reporter.phase(self._watch.phase, done=self._done, total=self._total)

    def add_partial(self, attribute: str, request: Iterable[object], answer: object) -> None:
        """Take one answer; the harness's own name for it."""
        self._done = min(self._done + 1, self._total)


def _text_of(request: Instance) -> str:
    return "".join(part for part in request.args if isinstance(part, str))


def _tokens_wished(request: Instance, most: int) -> int:
    """How many tokens a request wants to have generated."""
    if request.request_type != "generate_until":
        return 0
    return int(request.args[1].get("max_gen_toks", most))
