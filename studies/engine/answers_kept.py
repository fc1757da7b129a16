"""Answers of the original model as an entry of the cache, and back."""

import torch

from studies.engine.answers import Answers
from studies.engine.disk_cache import Entry


def pack_answers(answers: Answers, *, with_logits: bool) -> Entry:
    """Everything but the speed; the logits only where somebody reads them: they are large."""
    facts = {"tokens": answers.tokens, "finished": answers.finished, "cut": answers.cut}
    tensors = {"first_logits": answers.first_logits} if with_logits else {}
    return Entry(tensors, facts)


def unpack_answers(entry: Entry, *, device: torch.device) -> Answers:
    """The answers as they were, on the device; none of their tokens was generated now."""
    facts = entry.facts
    logits = entry.tensors.get("first_logits", torch.empty(len(facts["tokens"]), 0))
    return Answers(facts["tokens"], facts["finished"], facts["cut"], logits.to(device), 0)
