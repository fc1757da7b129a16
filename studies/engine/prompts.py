"""From prompts to padded batches of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from studies.engine.errors import PromptSetError, TemplateError
from studies.engine.model import LoadedModel


class Prompt(NamedTuple):
    """One question; an empty `system` sends no system message."""

    user: str
    system: str = ""


class Message(NamedTuple):
    """One message of a dialogue; `role` is user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, eq=False)
class TokenBatch:
    """Left-padded prompts; `indices` are their places in the list that was tokenised.

    All prompts begin with the same `prefix` tokens, as far as somebody looked.
    """

    input_ids: Int[Tensor, "row token"]
    attention_mask: Int[Tensor, "row token"]  # 0 on padding
    indices: tuple[int, ...]
    prefix: int = 0

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def width(self) -> int:
        return self.input_ids.shape[1]

    @property
    def is_padded(self) -> bool:
        return bool((self.attention_mask == 0).any())

    @property
    def positions(self) -> Int[Tensor, "row token"]:
        """Each token's place in its prompt; 0 on padding."""
        counted = self.attention_mask.cumsum(dim=1) - 1
        return counted.masked_fill(self.attention_mask == 0, 0)

    @property
    def lengths(self) -> Int[Tensor, " row"]:
        """The tokens of each prompt."""
        return self.attention_mask.sum(dim=1)

    @property
    def begun(self) -> Int[Tensor, "row token"]:
        """The tokens with the padding behind them, as attention without a mask needs it."""
        order = (self.attention_mask == 0).int().argsort(dim=1, stable=True)
        return self.input_ids.gather(1, order)

    @property
    def own(self) -> list[list[int]]:
        """The tokens of each prompt that follow the prefix."""
        rows = zip(self.begun.tolist(), self.lengths.tolist(), strict=True)
        return [row[self.prefix : length] for row, length in rows]

    def chunks(self, size: int) -> list["TokenBatch"]:
        """The same rows in batches of at most `size`, padding that none needs cut off."""
        starts = range(0, len(self), size)
        return [self._part(slice(start, start + size)) for start in starts]

    def cut(self, size: int) -> list["TokenBatch"]:
        """The first `size` rows and, if there are more, the rest; as they are, if all fit."""
        if len(self) <= size:
            return [self]
        return [self._part(slice(0, size)), self._part(slice(size, None))]

    def _part(self, rows: slice) -> "TokenBatch":
        return self.picked(range(len(self))[rows]).trimmed()

    def repeated(self, times: int, n_prompts: int) -> "TokenBatch":
        """Each row `times` times in succession; copy n of prompt i is number i + n · n_prompts."""
        rows = [row for row in range(len(self)) for _ in range(times)]
        numbers = list(range(times)) * len(self)
        copies = self.picked(rows)
        indices = [i + n * n_prompts for i, n in zip(copies.indices, numbers, strict=True)]
        return replace(copies, indices=tuple(indices))

    def picked(self, rows: Sequence[int]) -> "TokenBatch":
        """Some rows, in that order."""
        chosen = torch.tensor(rows, device=self.input_ids.device)
        return replace(
            self,
            input_ids=self.input_ids[chosen],
            attention_mask=self.attention_mask[chosen],
            indices=tuple(self.indices[row] for row in rows),
        )

    def followed_by(self, tokens: Sequence[Sequence[int]]) -> "TokenBatch":
        """Each prompt with more tokens behind it, as many for each; padding in front."""
        more = torch.tensor(tokens, dtype=torch.long, device=self.input_ids.device)
        return replace(
            self,
            input_ids=torch.cat([self.input_ids, more], dim=1),
            attention_mask=torch.cat([self.attention_mask, torch.ones_like(more)], dim=1),
        )

    def trimmed(self) -> "TokenBatch":
        """The same rows without the columns in which all of them are padded."""
        used = self.attention_mask.any(dim=0)
        return replace(
            self, input_ids=self.input_ids[:, used], attention_mask=self.attention_mask[:, used]
        )

    def with_prefix(self, prefix: int) -> "TokenBatch":
        """The same prompts, of which it is known that the first `prefix` tokens are the same."""
        return replace(self, prefix=prefix)


def shared_prefix(batches: Sequence[TokenBatch]) -> int:
    """How many first tokens all prompts have in common; each keeps one of its own."""
    rows = [
        ids[mask == 1].tolist()
        for batch in batches
        for ids, mask in zip(batch.input_ids, batch.attention_mask, strict=True)
    ]
    first, last = min(rows), max(rows)  # in sorted order, all others lie between them
    shortest = min(len(row) for row in rows)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return min(sum(1 for _ in same), shortest - 1)


def render(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], response_prefix: str = ""
) -> list[str]:
    """The text that the model reads for each prompt, up to where its answer begins.

    Raises:
        TemplateError: the chat template cannot render a prompt.
    """
    asked = ((Message("user", prompt.user), prompt.system) for prompt in prompts)
    return [
        render_dialogue(tokenizer, [message], system) + response_prefix
        for message, system in asked
    ]


def render_dialogue(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], system: str
) -> str:
    """The text that the model reads of a dialogue, up to where its next answer begins.

    Raises:
        TemplateError: the chat template cannot render it.
    """
    if not tokenizer.chat_template:
        return _plain(messages, system)
    told = [message._asdict() for message in messages]
    if not system:
        return _apply_template(tokenizer, told)
    try:
        return _apply_template(tokenizer, [{"role": "system", "content": system}, *told])
    except TemplateError:  # some templates (Gemma 2) refuse the system role
        first = told[0] | {"content": f"{system}\n\n{told[0]['content']}"}
        return _apply_template(tokenizer, [first, *told[1:]])


def count_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    """How many tokens the model reads of a rendered text."""
    return len(_token_ids(tokenizer, text))


def context_length(loaded: LoadedModel) -> int | None:
    """How many tokens the model can read and write in all; None: it names no limit."""
    limit = getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None)
    return limit if isinstance(limit, int) else None


def tokenize(loaded: LoadedModel, texts: Sequence[str], batch_size: int) -> list[TokenBatch]:
    """Batches on the model's device, the longest texts first: what does not fit fails early.

    Raises:
        PromptSetError: a text is longer than the model can read.
    """
    ids = [_token_ids(loaded.tokenizer, text) for text in texts]
    _check_lengths(loaded, ids)
    order = sorted(range(len(ids)), key=lambda index: -len(ids[index]))
    starts = range(0, len(order), batch_size)
    return [_padded(loaded, ids, order[start : start + batch_size]) for start in starts]


def _plain(messages: Sequence[Message], system: str) -> str:
    """A dialogue that a base model, which has no template, is likely to continue."""
    opening = f"{system}\n\n" if system else ""
    said = "".join(f"{one.role.capitalize()}: {one.content}\n" for one in messages)
    return f"{opening}{said}Assistant:"


def _apply_template(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> str:
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except Exception as error:
        raise TemplateError(f"The model's chat template failed: {error}") from error
    return str(text)


def _token_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """A template writes its own special tokens; adding them again would double the BOS."""
    given: Any = tokenizer(text, add_special_tokens=not tokenizer.chat_template)
    ids = list(given["input_ids"])
    return ids or [_filler(tokenizer)]  # a row without any token cannot be attended to


def _filler(tokenizer: PreTrainedTokenizerBase) -> int:
    known = (tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id)
    return next((int(token) for token in known if isinstance(token, int)), 0)


def _check_lengths(loaded: LoadedModel, ids: Sequence[Sequence[int]]) -> None:
    limit = context_length(loaded)
    longest = max(range(len(ids)), key=lambda index: len(ids[index]), default=None)
    if limit is None or longest is None or len(ids[longest]) < limit:
        return
    raise PromptSetError(
        f"Prompt {longest + 1} has {len(ids[longest])} tokens; the model reads less than {limit}."
    )


def _padded(loaded: LoadedModel, ids: Sequence[Sequence[int]], rows: Sequence[int]) -> TokenBatch:
    width = max(len(ids[row]) for row in rows)
    pad = loaded.tokenizer.pad_token_id
    filler = pad if isinstance(pad, int) else _filler(loaded.tokenizer)
    padded = [[filler] * (width - len(ids[row])) + list(ids[row]) for row in rows]
    masks = [[0] * (width - len(ids[row])) + [1] * len(ids[row]) for row in rows]
    return TokenBatch(
        torch.tensor(padded, device=loaded.device),
        torch.tensor(masks, device=loaded.device),
        tuple(rows),
    )
