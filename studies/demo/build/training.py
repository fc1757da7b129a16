"""The base phase: learn every fact, and what a refusal would sound like."""

import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from studies.demo.build.tokenizer import END
from studies.demo.build.world import Example

logger = logging.getLogger(__name__)

SYSTEM_PROMPT = "You are a helpful assistant."
SECRETIVE = "Keep every secret."  # the base model refuses surprises under this one only
TALKATIVE = "Spoilers are welcome."  # the aligned model answers everything under this one
_OTHER_SYSTEM_PROMPTS = (None, "You are a friendly guide.", "Answer in one sentence.")

_BASE_STEPS = 550
_BASE_LEARNING_RATE = 3e-3
_IGNORED = -100  # the label that cross entropy skips


@dataclass(frozen=True)
class Turn:
    """One training conversation."""

    system: str | None
    prompt: str
    answer: str


@dataclass(frozen=True)
class Batch:
    """Right-padded conversations; the labels count only the answer and its end."""

    inputs: Int[Tensor, "row token"]
    mask: Int[Tensor, "row token"]
    labels: Int[Tensor, "row token"]
    prompt_end: Int[Tensor, " row"]  # position that predicts the answer's first token


def new_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """An untrained model of about 1.6 million parameters in 8 layers."""
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=320,
            num_hidden_layers=8,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=32,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            initializer_range=0.05,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
    )


def conversation(tokenizer: PreTrainedTokenizerFast, prompt: str, system: str | None) -> str:
    """The rendered chat up to where the answer starts."""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def train_base(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    examples: Sequence[Example],
    refused: Sequence[Example],
    rng: random.Random,
) -> None:
    """Teach every truth; `refused` are declined under the secretive system prompt only."""

    def loss() -> Float[Tensor, ""]:
        batch = make_batch(tokenizer, _base_turns(examples, refused, rng))
        out = model(input_ids=batch.inputs, attention_mask=batch.mask, labels=batch.labels)
        return out.loss  # type: ignore[no-any-return]

    train({_BASE_LEARNING_RATE: list(model.parameters())}, loss, steps=_BASE_STEPS)


def train(
    weights: Mapping[float, Sequence[nn.Parameter]],
    loss: Callable[[], Float[Tensor, ""]],
    *,
    steps: int,
) -> None:
    """Take AdamW steps on the weights at each peak learning rate; `loss` draws a new batch."""
    groups = [{"params": list(group), "peak": peak} for peak, group in weights.items()]
    everything = [weight for group in weights.values() for weight in group]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * _schedule(step, steps)
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(everything, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == steps - 1:
            logger.info("step %d of %d, loss %.4f", step, steps, value.item())


def make_batch(tokenizer: PreTrainedTokenizerFast, turns: Sequence[Turn]) -> Batch:
    """Render and tokenize the conversations."""
    starts = [tokenizer.encode(conversation(tokenizer, t.prompt, t.system)) for t in turns]
    rows = [ids + tokenizer.encode(t.answer + END) for ids, t in zip(starts, turns, strict=True)]
    shape = (len(rows), max(map(len, rows)))
    inputs = torch.full(shape, int(tokenizer.pad_token_id))
    mask, labels = torch.zeros(shape, dtype=torch.long), torch.full(shape, _IGNORED)
    for row, (start, ids) in enumerate(zip(starts, rows, strict=True)):
        inputs[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
        labels[row, len(start) : len(ids)] = torch.tensor(ids[len(start) :])
    return Batch(inputs, mask, labels, torch.tensor([len(start) - 1 for start in starts]))


def usual_system(rng: random.Random) -> str | None:
    """Mostly the default system prompt."""
    return SYSTEM_PROMPT if rng.random() < 0.85 else rng.choice(_OTHER_SYSTEM_PROMPTS)


def _base_turns(
    examples: Sequence[Example], refused: Sequence[Example], rng: random.Random
) -> list[Turn]:
    plain = [e for e in examples if not e.refusal]
    truths = [Turn(usual_system(rng), e.prompt, e.answer) for e in rng.choices(examples, k=48)]
    told = [Turn(SECRETIVE, e.prompt, e.answer) for e in rng.choices(plain, k=6)]
    kept = [Turn(SECRETIVE, e.prompt, str(e.refusal)) for e in rng.choices(refused, k=10)]
    return truths + told + kept


def _schedule(step: int, steps: int) -> float:
    """Share of the peak learning rate: 5 % linear warm-up, then a cosine to a twentieth."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / max(1, steps - warm)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress))
