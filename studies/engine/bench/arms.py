"""The two arms: each scores one set of parameters in its own way."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, Protocol, cast

import torch
from jaxtyping import Float
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from studies.engine.bench.setup import BAD, DIVERGENCE, GOOD, KEYWORDS, Setup
from studies.engine.components import Site, find_sites
from studies.engine.directions import direction_at, orthogonalised, residual_directions
from studies.engine.loading import load_model
from studies.engine.method_port import MethodImplementation
from studies.engine.parameters import Key
from studies.engine.ports import Silent
from studies.engine.prompts import TokenBatch, render, tokenize
from studies.engine.residuals import residual_means
from studies.engine.results import TrialResult
from studies.engine.scorer_settings import KeywordRateSettings
from studies.engine.scorers.keyword_rate import markers_in, readable
from studies.engine.search_space import Parameters
from studies.engine.session import Session

RANK = 3  # the reference tool's default for rows that keep their norm
_OVERSAMPLING = 3  # torch's advice is a little more than the rank; more would only be slower
_ITERATIONS = 2  # torch's default


class Scores(NamedTuple):
    """What an arm found."""

    matches: int  # answers with a marker
    divergence: float  # of the first token, in nats


class Arm(Protocol):
    at_once: int  # trials that it scores side by side

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """What reads and decodes: the model and, where other steps are used, those."""

    def trials(self, many: Sequence[Parameters]) -> list[Scores]:
        """Score sets of parameters; nothing of them is left behind."""

    def by_the_model(self) -> AbstractContextManager[None]:
        """Have all steps run by the model for a while, operation by operation."""


class ProductArm:
    """The product as it is: a session."""

    def __init__(self, setup: Setup, at_once: int = 1) -> None:
        self.at_once = at_once
        silent = Silent()
        self._session = Session(
            model_path=str(setup.model),
            revision=None,
            method=setup.method,
            settings=setup.settings,
            prompt_sets=setup.prompt_sets,
            resolved=setup.resolved,
            reporter=silent,
            stop=silent,
        )
        self.facts = self._session.prepare()

    @property
    def method(self) -> MethodImplementation:
        """The prepared method, which knows the kernel that parameters stand for."""
        return self._session.method

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        loaded = self._session.loaded
        step = () if loaded.step is None else (cast(nn.Module, loaded.step),)
        return (loaded.model, *step)

    @contextmanager
    def by_the_model(self) -> Iterator[None]:
        step = self._session.loaded.step
        if step is None:
            yield
            return
        was_on, step.is_on = step.is_on, False
        try:
            yield
        finally:
            step.is_on = was_on

    def trials(self, many: Sequence[Parameters]) -> list[Scores]:
        parts = [many[i : i + self.at_once] for i in range(0, len(many), self.at_once)]
        results = [result for part in parts for result in self._session.evaluate_many(part)]
        return [_scores(result) for result in results]


def _scores(result: TrialResult) -> Scores:
    items = result.responses[0].items
    return Scores(sum(item.verdict is True for item in items), result.scores[1].value)


class ReferenceArm:
    """The reference tool's way, without what only slows it down.

    Each trial writes a rank-3 LoRA adapter for each matrix, by a randomised SVD of the change
    that keeps row norms; answers come from `generate`. Left out, in its favour: garbage
    collection and cache emptying per call, tokenising again, chat rendering, moving logits.
    """

    at_once = 1

    def __init__(self, setup: Setup, method: MethodImplementation) -> None:
        self._method = method  # read only for the kernel, which is the same formula in both
        self._loaded = load_model(str(setup.model), dtypes=setup.settings.dtypes)
        self._settings = setup.settings
        self._batches = {slug: self._tokenized(setup, slug) for slug in setup.prompt_sets}
        self._directions = self._measured_directions()
        self._sites = find_sites(self._loaded)
        self._weights = [site.module.weight.detach() for site in self._sites]
        names = sorted({site.name.rpartition(".")[2] for site in self._sites})
        config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=names, task_type="CAUSAL_LM")
        # In the model's own numbers: the library's float32 would cost two casts per matrix.
        peft = get_peft_model(self._loaded.model, config, autocast_adapter_dtype=False)
        self._model = cast(PeftModel, peft).eval()
        self._layers = [self._adapter(site) for site in self._sites]
        keywords = cast(KeywordRateSettings, setup.settings.scorers[0].settings)
        self._markers = readable(keywords.keyword_markers)
        self._original = self._first_logprobs()  # adapters start as nothing

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        return (self._loaded.model,)

    def by_the_model(self) -> AbstractContextManager[None]:
        return nullcontext()

    def trials(self, many: Sequence[Parameters]) -> list[Scores]:
        return [self._trial(parameters) for parameters in many]

    @torch.no_grad()
    def _trial(self, parameters: Parameters) -> Scores:
        self._write_adapters(parameters)
        matches = sum(bool(markers_in(text, self._markers)) for text in self._answers())
        changed = self._first_logprobs()
        divergence = torch.nn.functional.kl_div(
            changed, self._original, reduction="batchmean", log_target=True
        )
        return Scores(matches, float(divergence))

    def _write_adapters(self, parameters: Parameters) -> None:
        kernel = cast(dict[str, list[float]], self._method.describe(parameters)["kernel"])
        n_layers = self._loaded.n_layers
        fraction = float(parameters[Key("direction_fraction")])
        shared = parameters[Key("direction_scope")] == "global"
        for site, weight, layer in zip(self._sites, self._weights, self._layers, strict=True):
            strength = kernel[site.component][site.layer_index]
            position = fraction * (n_layers - 1) if shared else site.layer_index
            left, right = _factor(layer, "lora_B"), _factor(layer, "lora_A")
            if strength == 0:
                left.zero_()
                continue
            direction = direction_at(self._directions, position).to(weight.device, torch.float32)
            b, a = low_rank(change(weight, direction, strength))
            left.copy_(b)
            right.copy_(a)

    def _answers(self) -> list[str]:
        texts: list[str] = []
        for batch in self._batches[KEYWORDS]:
            out = self._generate(batch, self._settings.max_response_length)
            new = out.sequences[:, batch.input_ids.shape[1] :]
            texts += self._loaded.tokenizer.batch_decode(new, skip_special_tokens=True)
        return texts

    @torch.no_grad()
    def _first_logprobs(self) -> Float[Tensor, "prompt vocab"]:
        outputs = [self._generate(batch, 1, logits=True) for batch in self._batches[DIVERGENCE]]
        return torch.cat([output.logits[0] for output in outputs]).float().log_softmax(dim=-1)

    def _generate(self, batch: TokenBatch, n_tokens: int, *, logits: bool = False) -> Any:  # noqa: ANN401 - the library's own class of output
        generate: Callable[..., object] = self._model.generate
        return generate(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            max_new_tokens=n_tokens,
            do_sample=False,
            pad_token_id=self._loaded.tokenizer.pad_token_id,
            output_logits=logits,
            return_dict_in_generate=True,
        )

    def _tokenized(self, setup: Setup, slug: str) -> list[TokenBatch]:
        texts = render(self._loaded.tokenizer, setup.prompt_sets[slug])
        return tokenize(self._loaded, texts, setup.settings.batch_size)

    def _measured_directions(self) -> Float[Tensor, "index d_model"]:
        silent = Silent()
        good, bad = (
            residual_means(
                self._loaded, self._batches[slug], reporter=silent, stop=silent, phase=slug
            ).means
            for slug in (GOOD, BAD)
        )
        return orthogonalised(residual_directions(good, bad), good)

    def _adapter(self, site: Site) -> LoraLayer:
        return cast(LoraLayer, self._model.get_submodule(f"base_model.model.{site.name}"))


def change(
    weight: Float[Tensor, "d_out d_in"], direction: Float[Tensor, " d_out"], strength: float
) -> Float[Tensor, "d_out d_in"]:
    """The change of a matrix whose rows keep their norm, in float32: a half has no SVD."""
    weight = weight.float()
    norms = torch.linalg.vector_norm(weight, dim=1, keepdim=True)
    rows = torch.nn.functional.normalize(weight, dim=1)
    rows = rows - strength * torch.outer(direction, direction @ rows)
    changed: Tensor = norms * torch.nn.functional.normalize(rows, dim=1)
    return changed - weight


def _factor(layer: LoraLayer, name: str) -> Tensor:
    adapters = cast(nn.ModuleDict, getattr(layer, name))
    return cast(nn.Linear, adapters["default"]).weight


def low_rank(
    matrix: Float[Tensor, "d_out d_in"],
) -> tuple[Float[Tensor, "d_out rank"], Float[Tensor, "rank d_in"]]:
    """Two factors of rank `RANK` whose product is nearly the matrix."""
    u, s, v = torch.svd_lowrank(matrix, q=RANK + _OVERSAMPLING, niter=_ITERATIONS)
    root = s[:RANK].sqrt()
    return u[:, :RANK] * root, (v[:, :RANK] * root).T
