"""A model as small as can be, to hold other ways to run its steps against its own."""

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_outputs import CausalLMOutputWithPast

from studies.engine.ablation import OutputAblation, OutputTransform, RowOwners
from studies.engine.ports import Silent
from studies.engine.row_cache import RowCache

K, D, VOCABULARY = 3, 8, 11


class Told(Silent):
    def __init__(self):
        self.phases, self.notes = [], []

    def phase(self, name, *, done=0, total=0):
        self.phases.append(name)

    def note(self, text):
        self.notes.append(text)


class OneLayer(nn.Module):
    """As little of a model as there is: one layer of attention, whose output can be ablated."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(VOCABULARY, D)
        self.inputs, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.requires_grad_(False)
        self.extra = []  # what is added on the way

    def forward(
        self, input_ids, attention_mask, position_ids, past_key_values, use_cache, **options
    ):
        hidden = self.embed(input_ids)
        parts = self.inputs(hidden).unflatten(2, (3, 2, D // 2)).permute(2, 0, 3, 1, 4)
        keys, values_ = past_key_values.update(parts[1], parts[2], 0)
        mixed = functional.scaled_dot_product_attention(
            parts[0], keys, values_, attn_mask=attention_mask
        )
        hidden = hidden + self.out(mixed.transpose(1, 2).flatten(2))
        logits = hidden @ self.embed.weight.T
        for one in self.extra:
            logits = logits + one
        return CausalLMOutputWithPast(logits=logits, past_key_values=past_key_values)


class Stand:
    """A tiny model whose prompts have been read, ready for steps of several rows."""

    def __init__(self, kind, **options):
        self.model, self.told = OneLayer(), Told()
        self.step = kind(self.model, reporter=self.told, tell=self.told.notes.append, **options)
        self.owners = RowOwners()
        self.switch = OutputAblation(self.model.out, self.owners, capacity=K)
        self.owners.hold(self.switch.capacity)

    def ablate(self, k, seed=0):
        torch.manual_seed(seed)
        self.switch.switch_to(*(OutputTransform(*torch.rand(3, D) / 2) for _ in range(k)))

    @torch.inference_mode()
    def inputs(self, n_rows, width=5, n_columns=9):
        cache = RowCache(1, n_rows, n_columns + 1, torch.float32)
        ids = torch.arange(n_rows * width).view(n_rows, width) % VOCABULARY
        self.owners.assign(torch.arange(n_rows) % len(self.switch.vectors))
        mask = cache.reads(0, 0, width, ids.device)
        self.model(ids, mask, None, cache, use_cache=True)
        columns = torch.full((n_rows, 1), width)
        columns[0] = width - 1  # a shorter row
        return {
            "input_ids": ids[:, :1],
            "attention_mask": cache.appends(columns),
            "position_ids": columns,
            "past_key_values": cache,
            "use_cache": True,
        }

    @torch.inference_mode()
    def both(self, *args):
        """The logits of a step and of the model, each with a cache of its own."""
        own, other = self.inputs(*args), self.inputs(*args)
        found, expected = self.step(**own), self.model(**other)
        assert found.past_key_values is own["past_key_values"]
        for one, two in zip(
            own["past_key_values"].states()[0], other["past_key_values"].states()[0], strict=True
        ):
            torch.testing.assert_close(one[:, :, :6], two[:, :, :6], equal_nan=True)
        return found.logits, expected.logits

    def check(self, *args):
        found, expected = self.both(*args)
        torch.testing.assert_close(found, expected)


def check_all(stand):
    """Other rows, columns, numbers and strengths of transforms."""
    stand.ablate(2)
    for n_rows, *sizes in ((4,), (7,), (2, 6, 30), (5, 8)):
        stand.check(n_rows, *sizes)
    for k in (1, 3, 2):
        stand.ablate(k, seed=k)
        stand.check(6)
