"""What the model reads for a prompt, and how prompts become batches."""

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from studies.engine.errors import PromptSetError, TemplateError
from studies.engine.prompts import Prompt, TokenBatch, render, tokenize
from tests.engine.tiny import tiny_model, tiny_tokenizer

USER_ONLY = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "<|im_start|>{{ messages[0]['content'] }}"
)


def test_a_prompt_is_rendered_by_the_chat_template_up_to_the_answer():
    (text,) = render(tiny_tokenizer(), [Prompt("Why?", "Be kind.")])
    assert text == (
        "<bos><|im_start|>system\nBe kind.<|im_end|>\n"
        "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_without_a_system_prompt_no_system_message_is_sent():
    (text,) = render(tiny_tokenizer(), [Prompt("Why?")])
    assert "system" not in text


def test_the_response_prefix_is_where_the_answer_goes_on():
    texts = render(tiny_tokenizer(), [Prompt("Why?"), Prompt("How?")], "Well, ")
    assert all(text.endswith("<|im_start|>assistant\nWell, ") for text in texts)


def test_a_template_that_refuses_system_messages_gets_them_in_the_question():
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = USER_ONLY
    assert render(tokenizer, [Prompt("Why?", "Be kind.")]) == ["<|im_start|>Be kind.\n\nWhy?"]


def test_a_broken_template_is_an_error_in_words():
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ messages[0].content.nothing.at_all }}"
    with pytest.raises(TemplateError, match="chat template"):
        render(tokenizer, [Prompt("Why?", "Be kind.")])


def test_a_model_without_a_template_gets_a_plain_dialogue():
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    (text,) = render(tokenizer, [Prompt("Why?", "Be kind.")])
    assert text == "Be kind.\n\nUser: Why?\nAssistant:"


def test_batches_are_padded_left_and_no_prompt_is_lost_or_mixed_up():
    loaded = tiny_model()
    texts = [
        character * length
        for character, length in zip("abcdefg", (3, 9, 1, 4, 4, 7, 2), strict=True)
    ]
    batches = tokenize(loaded, texts, 3)
    assert [len(batch) for batch in batches] == [3, 3, 1]
    seen = {}
    for batch in batches:
        assert batch.attention_mask.sum(1).max() == batch.input_ids.shape[1]
        for ids, mask, index in zip(
            batch.input_ids, batch.attention_mask, batch.indices, strict=True
        ):
            assert mask.tolist() == sorted(mask.tolist()), "padding comes first"
            seen[index] = loaded.tokenizer.decode(ids[mask == 1])
    assert [seen[index] for index in range(7)] == texts


def test_longest_prompts_come_first_so_that_memory_runs_out_early():
    widths = [batch.input_ids.shape[1] for batch in tokenize(tiny_model(), ["a", "bbbb", "cc"], 1)]
    assert widths == [4, 2, 1]


def test_special_tokens_that_the_template_wrote_are_not_doubled():
    loaded = tiny_model()
    adds_bos = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    loaded.tokenizer.backend_tokenizer.post_processor = adds_bos
    assert loaded.tokenizer("Why?")["input_ids"][0] == 1
    (batch,) = tokenize(loaded, render(loaded.tokenizer, [Prompt("Why?")]), 1)
    assert batch.input_ids[0, :2].tolist() == [1, 2]  # <bos><|im_start|>, one each


def test_an_empty_text_is_still_a_token_to_attend_to():
    loaded = tiny_model()
    loaded.tokenizer.chat_template = None
    (batch,) = tokenize(loaded, ["", "abc"], 2)
    assert batch.attention_mask.sum(1).tolist() == [3, 1]
    assert (
        loaded.model(batch.input_ids, attention_mask=batch.attention_mask).logits.isfinite().all()
    )


def test_a_prompt_longer_than_the_model_reads_is_named():
    loaded = tiny_model(max_position_embeddings=16)
    with pytest.raises(PromptSetError, match="Prompt 2 has 16 tokens"):
        tokenize(loaded, ["short", "x" * 16], 2)


def test_chunks_of_a_batch_drop_padding_that_no_row_needs():
    batch = TokenBatch(
        torch.tensor([[5, 6, 7, 8], [0, 6, 7, 8], [0, 0, 0, 8]]),
        torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]]),
        (4, 2, 9),
    )
    first, second = batch.chunks(2)
    assert first.input_ids.tolist() == [[5, 6, 7, 8], [0, 6, 7, 8]]
    assert second.input_ids.tolist() == [[8]]
    assert (first.indices, second.indices) == ((4, 2), (9,))
