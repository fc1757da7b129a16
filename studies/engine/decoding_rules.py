"""What a model's own generation config says about greedy decoding."""

import torch
from transformers import (
    LogitsProcessorList,
    MinNewTokensLengthLogitsProcessor,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
)

from studies.engine.model import LoadedModel
from studies.engine.prompts import TokenBatch


def end_tokens(loaded: LoadedModel) -> list[int]:
    """Every token that ends an answer; the tokenizer's, if the model names none."""
    config = loaded.model.generation_config
    ends = getattr(config, "eos_token_id", None)
    if ends is None:
        ends = loaded.tokenizer.eos_token_id
    if ends is None:
        return []
    return [int(end) for end in (ends if isinstance(ends, list) else [ends])]


def logits_rules(loaded: LoadedModel, batch: TokenBatch) -> LogitsProcessorList:
    """What the model's generation config changes in the logits, even without sampling."""
    config, device = loaded.model.generation_config, str(loaded.device)
    rules = LogitsProcessorList()
    ends = torch.tensor(end_tokens(loaded), device=device)
    width = batch.input_ids.shape[1]
    penalty, ngram = config.repetition_penalty, config.no_repeat_ngram_size
    if penalty is not None and penalty != 1.0:
        padding = (batch.attention_mask != 0).int().argmax(dim=1)
        rules.append(RepetitionPenaltyLogitsProcessor(float(penalty), padding))
    if ngram:
        rules.append(NoRepeatNGramLogitsProcessor(ngram))
    if config.bad_words_ids:
        rules.append(NoBadWordsLogitsProcessor(config.bad_words_ids, ends))
    if config.min_new_tokens:
        rules.append(
            MinNewTokensLengthLogitsProcessor(width, config.min_new_tokens, ends, device=device)
        )
    if config.suppress_tokens:
        rules.append(SuppressTokensLogitsProcessor(config.suppress_tokens, device=device))
    if config.begin_suppress_tokens:
        begin = config.begin_suppress_tokens
        rules.append(SuppressTokensAtBeginLogitsProcessor(begin, width, device=device))
    return rules
