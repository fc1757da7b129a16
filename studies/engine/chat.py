"""A dialogue with the original and the ablated model side by side, token by token."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, cast

import torch
from jaxtyping import Float, Int
from torch import FloatTensor, LongTensor, Tensor

from studies.engine.batching import OutOfMemory, attempt
from studies.engine.chat_options import ChatSettings
from studies.engine.decoding_rules import end_tokens, logits_rules
from studies.engine.errors import DeviceMemoryError, DialogueTooLongError
from studies.engine.method_port import BatchMethod, MethodImplementation, Parameters
from studies.engine.model import LoadedModel
from studies.engine.prefill import logits_to_keep
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
    """Answers the questions of all columns, used as `with Talk(…) as talk`.

    A method that holds several strengths at once answers in one pass; with others, one column
    answers after the other.

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
        texts, self.dropped, room = _fitted(loaded, columns, settings)
        most = settings.max_tokens if room is None else min(settings.max_tokens, room)
        full: Ending = "length" if most == settings.max_tokens else "context"
        together = isinstance(method, BatchMethod)
        batches = tokenize(loaded, texts, len(texts) if together else 1)
        self._lanes = [_Lane(loaded, batch, settings, seed, most, full) for batch in batches]
        self._switched_to: int | None = None  # the lane that the model is ablated for
        # By lane and row, which `tokenize` has sorted by length.
        self._strengths = [
            [columns[index].strength for index in batch.indices] for batch in batches
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
        """Let the columns whose turn it is say one token more; False once all have ended.

        Raises:
            NonFiniteError: the model computed NaN or infinity.
            DeviceMemoryError: the dialogue does not fit.
        """
        for number, lane in enumerate(self._lanes):
            if lane.has_ended:
                continue
            self._switch_to(number)
            if isinstance(attempt(lane.step), OutOfMemory):
                raise DeviceMemoryError("Out of memory: the dialogue does not fit.")
            break
        return not all(lane.has_ended for lane in self._lanes)

    def answers(self) -> list[Answer]:
        """What each column has said so far."""
        said = {index: answer for lane in self._lanes for index, answer in lane.answers()}
        return [said[index] for index in sorted(said)]

    def _switch_to(self, number: int) -> None:
        """Ablate the model as a lane's columns want it; once for each, since it may be costly."""
        if number == self._switched_to:
            return
        self._switched_to = number
        strengths = self._strengths[number]
        if isinstance(self._method, BatchMethod):
            same = [self._parameters] * len(strengths)
            self._method.apply_many(same, strengths=strengths)
            self._method.assign(torch.arange(len(strengths)))
        else:
            (strength,) = strengths
            self._method.apply(self._parameters, strength=strength)


class _Lane:
    """Dialogues that are answered in one pass, one a row; a row that has ended is not read."""

    def __init__(
        self,
        loaded: LoadedModel,
        prompts: TokenBatch,
        settings: ChatSettings,
        seed: int,
        most: int,
        full: Ending,
    ) -> None:
        n_rows = len(prompts)
        self._loaded, self._indices, self._most, self._full = loaded, prompts.indices, most, full
        self._ends = set(end_tokens(loaded))
        self._rules = logits_rules(loaded, prompts)
        self._sampler = Sampler(
            temperature=settings.temperature, top_p=settings.top_p, seed=seed, n_rows=n_rows
        )
        self._next: Int[Tensor, "row token"] = prompts.input_ids
        self._seen: Int[Tensor, "row token"] = prompts.input_ids
        self._mask = prompts.attention_mask
        self._is_padded = prompts.is_padded
        self._positions = prompts.positions
        self._cache: Any = None
        self._keep_last = logits_to_keep(loaded)
        self._said: list[list[int]] = [[] for _ in range(n_rows)]
        self._endings: list[Ending] = [""] * n_rows

    @property
    def has_ended(self) -> bool:
        return all(self._endings)

    @torch.inference_mode()
    def step(self) -> None:
        """Let each row say one token more, or end."""
        chosen = self._sampler.choose(self._scores())
        for row, token in enumerate(chosen.tolist()):
            self._take(row, token)
        self._next = chosen.unsqueeze(1)
        self._seen = torch.cat([self._seen, self._next], dim=1)
        self._mask = torch.cat([self._mask, torch.ones_like(self._next)], dim=1)
        self._positions = self._positions[:, -1:] + 1

    def answers(self) -> Iterator[tuple[int, Answer]]:
        """The index of each row's text, and what it has said."""
        for index, said, ending in zip(self._indices, self._said, self._endings, strict=True):
            text = str(self._loaded.tokenizer.decode(said, skip_special_tokens=True))
            if not ending:
                text = text.rstrip(_HALF)
            # PostgreSQL stores no NUL, which byte-level tokenizers can write.
            yield index, Answer(text.replace("\0", _HALF), len(said), ending)

    def _take(self, row: int, token: int) -> None:
        if self._endings[row]:
            return
        if token in self._ends:
            self._endings[row] = "end"
            return
        self._said[row].append(token)
        if len(self._said[row]) >= self._most:
            self._endings[row] = self._full

    def _scores(self) -> Float[Tensor, "row vocab"]:
        output = self._loaded.model(
            input_ids=self._next,
            attention_mask=self._mask if self._is_padded else None,
            position_ids=self._positions,
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

    def rendered(dropped: int) -> list[str]:
        told = settings.system_prompt or ""
        kept = (column.messages[2 * dropped :] for column in columns)
        return [render_dialogue(loaded.tokenizer, messages, told) for messages in kept]

    limit = context_length(loaded)
    if limit is None:
        return rendered(0), 0, None
    wanted = min(settings.max_tokens, limit // 2)
    n_old = len(columns[0].messages) // 2  # a question and its answer each
    room = 0
    for dropped in range(n_old + 1):
        texts = rendered(dropped)
        room = limit - max(count_tokens(loaded.tokenizer, text) for text in texts)
        if room >= wanted or (dropped == n_old and room > 0):
            return texts, dropped, room
    raise DialogueTooLongError(
        f"The message has {limit - room} tokens with all that comes before it; the model reads "
        f"and writes at most {limit} in all."
    )
