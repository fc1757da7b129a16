"""A dialogue with the original and the ablated model side by side, token by token."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, cast

import torch
from jaxtyping import Float, Int
from torch import FloatTensor, LongTensor, Tensor

from studies.engine.batching import OutOfMemory, attempt
from studies.engine.chat_options import ChatSettings
from studies.engine.decoding import logits_to_keep
from studies.engine.decoding_rules import end_tokens, logits_rules
from studies.engine.errors import DeviceMemoryError, DialogueTooLongError
from studies.engine.method_port import MethodImplementation, Parameters
from studies.engine.model import LoadedModel
from studies.engine.prompts import (
    Message,
    TokenBatch,
    context_length,
    count_tokens,
    render_dialogue,
    tokenize,
)
from studies.engine.sampling import Sampler

Ending = Literal["", "end", "length", "context"]
_HALF = "\ufffd"  # what decoders write for bytes that are no character (yet)


@dataclass(frozen=True, slots=True)
class Column:
    """One side of a chat: how strongly its model is ablated, and what was said there."""

    strength: float
    messages: Sequence[Message]  # the question last


@dataclass(frozen=True, slots=True)
class Answer:
    """What a column has said so far, without half characters, and why it ended, if it has."""

    text: str
    n_tokens: int
    ending: Ending = ""  # by itself, at the longest length, or where the model can read no more


class Talk:
    """Answers the questions of all columns at once; used as `with Talk(…) as talk`.

    Where the model cannot read it all, the oldest questions and their answers are left out of
    every column (`dropped` counts them). Afterwards the model is the original again.

    Raises:
        DialogueTooLongError: the question alone leaves no room for an answer.
        TemplateError: the chat template cannot render the dialogue.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        method: MethodImplementation,
        parameters: Parameters,
        columns: Sequence[Column],
        settings: ChatSettings,
        *,
        seed: int,
    ) -> None:
        self._method, self._parameters = method, parameters
        self._columns = columns
        texts, self.dropped, room = _fitted(loaded, columns, settings)
        most = settings.max_tokens if room is None else min(settings.max_tokens, room)
        full: Ending = "length" if most == settings.max_tokens else "context"
        self._lanes = [
            _Lane(loaded, tokenize(loaded, [text], 1)[0], settings, seed, most, full)
            for text in texts
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._method.reset()

    def step(self) -> bool:
        """Let every column say one token more; False once all have ended.

        Raises:
            NonFiniteError: the model computed NaN or infinity.
            DeviceMemoryError: the dialogue does not fit.
        """
        for column, lane in zip(self._columns, self._lanes, strict=True):
            if lane.ending:
                continue
            self._method.apply(self._parameters, strength=column.strength)
            if isinstance(attempt(lane.step), OutOfMemory):
                raise DeviceMemoryError("Out of memory: the dialogue does not fit.")
        return not all(lane.ending for lane in self._lanes)

    def answers(self) -> list[Answer]:
        """What each column has said so far."""
        return [lane.answer() for lane in self._lanes]


class _Lane:
    """One dialogue while it is answered."""

    def __init__(
        self,
        loaded: LoadedModel,
        prompt: TokenBatch,
        settings: ChatSettings,
        seed: int,
        most: int,
        full: Ending,
    ) -> None:
        self._loaded, self._most, self._full = loaded, most, full
        self._ends = set(end_tokens(loaded))
        self._rules = logits_rules(loaded, prompt)
        self._sampler = Sampler(
            temperature=settings.temperature, top_p=settings.top_p, seed=seed, n_rows=1
        )
        self._next: Int[Tensor, "1 token"] = prompt.input_ids
        self._seen: Int[Tensor, "1 token"] = prompt.input_ids
        self._cache: Any = None
        self._keep_last = logits_to_keep(loaded)
        self._said: list[int] = []
        self.ending: Ending = ""

    @torch.inference_mode()
    def step(self) -> None:
        """Say one token more, or end."""
        chosen = self._sampler.choose(self._scores())
        token = int(chosen)
        if token in self._ends:
            self.ending = "end"
            return
        self._said.append(token)
        self._next = chosen.unsqueeze(0)
        self._seen = torch.cat([self._seen, self._next], dim=1)
        if len(self._said) >= self._most:
            self.ending = self._full

    def answer(self) -> Answer:
        text = str(self._loaded.tokenizer.decode(self._said, skip_special_tokens=True))
        if not self.ending:
            text = text.rstrip(_HALF)
        # PostgreSQL stores no NUL, which byte-level tokenizers can write.
        return Answer(text.replace("\0", _HALF), len(self._said), self.ending)

    def _scores(self) -> Float[Tensor, "1 vocab"]:
        first = self._seen.shape[1] - self._next.shape[1]
        positions = torch.arange(first, self._seen.shape[1], device=self._loaded.device)
        output = self._loaded.model(
            input_ids=self._next,
            position_ids=positions.unsqueeze(0),
            past_key_values=self._cache,
            use_cache=True,
            **self._keep_last,
        )
        self._cache = output.past_key_values
        logits: Tensor = output.logits[:, -1].to(self._loaded.device, torch.float32)
        if not self._rules:
            return logits
        return self._rules(cast(LongTensor, self._seen), cast(FloatTensor, logits))


def _fitted(
    loaded: LoadedModel, columns: Sequence[Column], settings: ChatSettings
) -> tuple[list[str], int, int | None]:
    """The rendered dialogues, how many old turns they leave out, and the tokens left to say."""
    limit = context_length(loaded)
    wanted = settings.max_tokens if limit is None else min(settings.max_tokens, limit // 2)
    n_old = len(columns[0].messages) // 2  # a question and its answer each
    for dropped in itertools.count():
        texts = [
            render_dialogue(
                loaded.tokenizer, column.messages[2 * dropped :], settings.system_prompt or ""
            )
            for column in columns
        ]
        if limit is None:
            return texts, dropped, None
        room = limit - max(count_tokens(loaded.tokenizer, text) for text in texts)
        if room >= wanted or (dropped == n_old and room > 0):
            return texts, dropped, room
        if dropped == n_old:
            break
    raise DialogueTooLongError(
        f"The message has {limit - room} tokens with all that comes before it; the model reads "
        f"and writes at most {limit} in all."
    )
