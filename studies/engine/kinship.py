"""Whether a finished model and its base can be compared: one architecture, one vocabulary."""

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from studies.engine.errors import ModelsDifferError
from studies.engine.loading import load_config


def refuse_strangers(base: tuple[str, str | None], model: tuple[str, str | None]) -> None:
    """Compare two models, each a path and a revision, by their configurations alone.

    Raises:
        ModelsDifferError: they are of two architectures, or know different numbers of tokens.
        ModelError: one of them cannot be loaded at all.
    """
    ours, theirs = (load_config(path, revision or "main") for path, revision in (base, model))
    if ours.model_type != theirs.model_type:
        raise ModelsDifferError(
            f"The architectures differ: the base is of type {ours.model_type}, "
            f"the model of type {theirs.model_type}."
        )
    if _n_tokens(ours) != _n_tokens(theirs):
        raise ModelsDifferError(
            f"The vocabularies differ: the base has {_n_tokens(ours)} tokens, "
            f"the model {_n_tokens(theirs)}."
        )


def refuse_other_tokens(base: PreTrainedTokenizerBase, model: PreTrainedTokenizerBase) -> None:
    """Check that each token of the base has the same number in the model.

    Raises:
        ModelsDifferError: some have not, so that probabilities cannot be compared.
    """
    ours, theirs = base.get_vocab(), model.get_vocab()
    other = sorted(token for token, number in ours.items() if theirs.get(token) != number)
    if other:
        raise ModelsDifferError(
            f"The vocabularies differ: {len(other)} tokens of the base are others in the model, "
            f"the first: {other[0]!r}."
        )


def _n_tokens(config: PretrainedConfig) -> int:
    return int(config.get_text_config().vocab_size)
