"""The tokenizer of a model, made fit for batches of prompts."""

from transformers import AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase
from transformers.models.auto.tokenization_auto import get_tokenizer_config

from studies.engine.errors import EngineError
from studies.engine.load_errors import load_error
from studies.engine.model_config import refuse_custom_code

NO_TEMPLATE = (
    "The model has no chat template: prompts are written as plain dialogue (User: … Assistant:)."
)
NEW_PAD = "<|pad|>"
NO_PAD = "The tokenizer has no padding token: {token} is used instead."
FOREIGN_PAD = (
    "The tokenizer has neither a padding nor an end token: {token} is used to pad, "
    "and is left out of shown answers."
)


def load_tokenizer(path: str, revision: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer, padding on the left so that all prompts end at the same position.

    Raises:
        CustomCodeError: it asks to run code of its own.
        ModelError: it is missing or damaged.
    """
    try:
        refuse_custom_code(get_tokenizer_config(path, revision=revision), "tokenizer_config.json")
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            path, revision=revision, trust_remote_code=False, padding_side="left"
        )
    except EngineError:
        raise
    except Exception as error:
        raise load_error(f"The tokenizer of {path}", error) from error
    tokenizer.truncation_side = "left"
    return tokenizer


def prepare_tokenizer(
    tokenizer: PreTrainedTokenizerBase, generation: GenerationConfig | None, n_embeddings: int
) -> list[str]:
    """Give the tokenizer a padding token if it lacks one; return what the user should know.

    `n_embeddings` is the number of rows of the embedding: no token may lie beyond.
    """
    notes = [] if tokenizer.chat_template else [NO_TEMPLATE]
    if tokenizer.pad_token_id is not None:
        return notes
    if token := tokenizer.eos_token or _end_token(tokenizer, generation):
        notes.append(NO_PAD.format(token=token))
    else:
        token = _spare_token(tokenizer, n_embeddings)
        notes.append(FOREIGN_PAD.format(token=token))
    tokenizer.pad_token = token
    return notes


def _end_token(
    tokenizer: PreTrainedTokenizerBase, generation: GenerationConfig | None
) -> str | None:
    end = None if generation is None else generation.eos_token_id
    end = end[0] if isinstance(end, list) and end else end
    return str(tokenizer.convert_ids_to_tokens(end)) if isinstance(end, int) else None


def _spare_token(tokenizer: PreTrainedTokenizerBase, n_embeddings: int) -> str:
    """Padding is masked, so any token will do; best one that no answer contains."""
    for token in (tokenizer.unk_token, tokenizer.bos_token):
        if token:
            return str(token)
    if len(tokenizer) < n_embeddings:
        tokenizer.add_special_tokens({"pad_token": NEW_PAD})
        return NEW_PAD
    return str(tokenizer.convert_ids_to_tokens(0))
