"""One model and one study: all that happens before and inside trials."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pkgutil import resolve_name

from studies.engine.answering import (
    Answering,
    answering_as_set,
    prompts_of,
    seed_everything,
)
from studies.engine.batching import OutOfMemory, TrialsAtOnce, attempt
from studies.engine.components import Site, components_of, find_sites, prove_sites
from studies.engine.disk_cache import DiskCache
from studies.engine.errors import EngineError
from studies.engine.judging import Judge
from studies.engine.method_port import BatchMethod, MethodImplementation, Parameters
from studies.engine.methods.schema import Method
from studies.engine.model import LoadedModel
from studies.engine.opening import opened
from studies.engine.parameters import Key
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import Prompt, TokenBatch
from studies.engine.pruning import Front, pruning_of
from studies.engine.results import Direction, ResponseSet, Score, SessionFacts, TrialResult
from studies.engine.scope import details_within, fitting_values, targeted_sites
from studies.engine.scorers import load_scorers
from studies.engine.scorers.base import (
    Measured,
    PromptSlice,
    Scorer,
    ScoringContext,
    as_score,
    needs_of,
    responses_of,
)
from studies.engine.staging import Staging, trial_result
from studies.engine.study_settings import MAX_TRIALS_PER_BATCH, StudySettings
from studies.engine.values import Value
from studies.engine.wanted import ALONE, Sets


class Session:
    """Loads and measures a model once (`prepare`), then scores any number of parameter sets.

    A trial leaves nothing behind: between trials the model is the original.
    """

    def __init__(
        self,
        *,
        model_path: str,
        revision: str | None,
        method: Method,
        settings: StudySettings,
        prompt_sets: Mapping[str, Sequence[Prompt]],
        resolved: Mapping[Key, Value],
        reporter: Reporter,
        stop: StopSignal,
        cache: DiskCache | None = None,
    ) -> None:
        """`cache`: what other sessions have computed of the original; None: all is computed."""
        self._model_path, self._revision, self._cache = model_path, revision, cache
        self._method_type, self._settings = method, settings
        self._prompt_sets = prompt_sets
        self._reporter, self._stop = reporter, stop
        self._scorers = load_scorers(settings.scorers)
        self._pruning = pruning_of(settings)
        self._staging = Staging(self._scorers, self._pruning, self._n_prompts, reporter)
        self._baseline: list[Score] = []
        self.resolved = dict(resolved)
        # Set by `prepare`.
        self.loaded: LoadedModel
        self.method: MethodImplementation
        self._answering: Answering
        self._at_once: TrialsAtOnce
        self._targets: list[str]  # components that are ablated
        self._ablated: set[tuple[str, int]]  # (component, layer index)
        self._notes: list[str]

    @property
    def objectives(self) -> list[tuple[str, Direction]]:
        """The optimised scorers, in order, as (name, direction)."""
        return [(one.name, one.direction) for one in self._scorers if one.direction != "none"]

    def prepare(self) -> SessionFacts:
        """Load, check and measure the original model.

        Raises:
            Stopped: the host wants to end.
            EngineError: and its kinds: model, prompt sets, memory, NaN, degenerate directions.
        """
        self._check_prompts()
        seed_everything(self._settings.seed)
        self.loaded, self._notes = opened(
            self._model_path,
            self._revision,
            method=self._method_type,
            settings=self._settings,
            cache=self._cache,
            reporter=self._reporter,
        )
        self._stop.check()
        sites = self._checked_sites()
        self._answering = self._answers()
        measured = self._measured_original()
        self._baseline = [
            as_score(scorer, one, one.value)
            for scorer, one in zip(self._scorers, measured, strict=True)
        ]
        self._prepare_method(sites)
        return self._facts(sites, responses_of(measured))

    def search_over(self, resolved: Mapping[Key, Value]) -> None:
        """Sample from these values from now on; those of components that it lacks do not count.

        Raises:
            InvalidInputError: a component that is ablated has no value.
        """
        self.resolved = fitting_values(self._method_type, resolved, self._targets)

    @property
    def trials_at_once(self) -> int:
        """How many trials should be given to `evaluate_many` next."""
        return self._at_once.count

    @property
    def most_at_once(self) -> int:
        """The most that `trials_at_once` may come to."""
        return self._at_once.most

    @property
    def may_prune(self) -> bool:
        """Whether trials run in stages, and may end before the last one."""
        return self._pruning.is_on

    def evaluate(self, parameters: Parameters, front: Front | None = None) -> TrialResult:
        """Score the model as these parameters ablate it.

        `front`: the best trials so far, for a study that prunes; without it, every scorer runs.

        Raises:
            Stopped: the host wants to end; nothing of this trial is kept.
            NonFiniteError: the ablated model computes NaN or infinity.
            DeviceMemoryError: a single prompt does not fit.
        """
        (result,) = self._timed([parameters], lambda: self.method.apply(parameters), front)
        return result

    def evaluate_many(
        self, many: Sequence[Parameters], front: Front | None = None
    ) -> list[TrialResult]:
        """Score several parameter sets side by side, as `evaluate` does one after the other.

        The seconds of each are its share. Raises as `evaluate` does, without any result: which
        set is at fault shows when each is evaluated alone.
        """
        method = self.method
        if len(many) == 1 or not isinstance(method, BatchMethod):
            return [self.evaluate(parameters, front) for parameters in many]
        try:
            return self._timed(many, lambda: method.apply_many(many), front)
        except EngineError:
            self._at_once.failed()
            raise

    def _timed(
        self, many: Sequence[Parameters], apply: Callable[[], None], front: Front | None
    ) -> list[TrialResult]:
        begun = time.perf_counter()
        self._stop.check()
        sets = self._sets(many)
        details = [details_within(self.method.describe(one), self._ablated) for one in many]
        try:
            apply()
            found = self._staging.measure(sets, self._contexts, front)
        finally:
            self.method.reset()
            self._answering.limit.sets = 1
        seconds = time.perf_counter() - begun
        if all(one.pruned is None for one in found):  # others say little about whole trials
            self._at_once.took(len(many), seconds)
        around = (seconds - sum(one.seconds for one in found)) / len(many)
        return [
            trial_result(self._scorers, self._baseline, one, said, one.seconds + around)
            for one, said in zip(found, details, strict=True)
        ]

    def _contexts(self, scorers: Sequence[Scorer], sets: Sets) -> list[ScoringContext]:
        self._answering.limit.sets = sets.count
        needs = needs_of(scorers, whole=not self._settings.early_verdict)
        return self._answering.contexts(needs, "generating", sets)

    def _sets(self, many: Sequence[Parameters]) -> Sets:
        if not isinstance(self.method, BatchMethod):
            return ALONE
        return Sets(self.method.assign, [self.method.first_place(one) for one in many])

    def judge(self) -> Judge:
        """What scores another model as this session scores its trials."""
        return Judge(
            scorers=self._scorers,
            baseline=self._baseline,
            prompt_sets=self._prompt_sets,
            max_response_length=self._settings.max_response_length,
            prefix=self._answering.prefix,
            batch_size=self._answering.limit.size or 1,
            configs=self._settings.scorers,
        )

    def contrast(self) -> tuple[list[TokenBatch], list[TokenBatch]]:
        """The good and the bad prompts, prefix included, in batches that fit."""
        settings, answering = self._settings, self._answering
        good, bad = PromptSlice(settings.good_prompts), PromptSlice(settings.bad_prompts)
        return answering.batches(good), answering.batches(bad)

    def _check_prompts(self) -> None:
        """Refuse missing prompts before the model is loaded."""
        contrast = (self._settings.good_prompts, self._settings.bad_prompts)
        slices = [PromptSlice(slug) for slug in contrast]
        for chosen in (*slices, *(need.prompts for need in needs_of(self._scorers))):
            prompts_of(self._prompt_sets, chosen)

    def _n_prompts(self, chosen: PromptSlice) -> int:
        return len(self._prompt_sets.get(chosen.slug, ())[: chosen.n_prompts])

    def _checked_sites(self) -> list[Site]:
        self._reporter.phase("checking")
        sites = find_sites(self.loaded)
        prove_sites(self.loaded, sites)
        self._stop.check()
        targeted = targeted_sites(sites, self._settings, self.loaded.n_layers)
        self._targets = list(components_of(targeted))
        self.search_over(self.resolved)
        self._ablated = {(site.component, site.layer_index) for site in targeted}
        return targeted

    def _answers(self) -> Answering:
        return answering_as_set(
            self.loaded,
            self._prompt_sets,
            self._settings,
            reporter=self._reporter,
            stop=self._stop,
        )

    def _measured_original(self) -> list[Measured]:
        # Whole answers: what others are compared with, and read beside them.
        needs = needs_of(self._scorers, whole=True)
        (context,) = self._answering.contexts(needs, "baseline", remember=True)
        return [scorer.remember(context) for scorer in self._scorers]

    def _prepare_method(self, sites: Sequence[Site]) -> None:
        implementation = resolve_name(self._method_type.implementation)
        self.method = implementation(self.loaded, sites, self._settings.model_dump())
        self._prepare_residuals()
        self._at_once = self._trials_at_once()

    def _trials_at_once(self) -> TrialsAtOnce:
        """Several, if the method can and memory allows; as many as the user says, if he does."""
        fixed = self._settings.trials_per_batch
        if not isinstance(self.method, BatchMethod):
            return TrialsAtOnce(fixed, 1)
        return TrialsAtOnce(fixed, fixed or self._answering.most_sets(MAX_TRIALS_PER_BATCH))

    def _prepare_residuals(self) -> None:
        while isinstance(attempt(self._measure_residuals), OutOfMemory):
            largest = max(len(batch) for batches in self.contrast() for batch in batches)
            self._answering.limit.halve(largest)

    def _measure_residuals(self) -> None:
        self._reporter.phase("residuals")
        good, bad = self.contrast()
        self.method.prepare(good, bad, reporter=self._reporter, stop=self._stop)

    def _facts(self, sites: Sequence[Site], responses: list[ResponseSet]) -> SessionFacts:
        loaded = self.loaded
        return SessionFacts(
            n_layers=loaded.n_layers,
            components=dict(Counter(site.component for site in sites)),
            dtype=loaded.dtype,
            device=str(loaded.device),
            architecture=loaded.architecture,
            batch_size=self._answering.limit.size or 1,
            response_prefix=self._answering.prefix,
            notes=self._notes,  # may become more
            baseline=self._baseline,
            baseline_responses=responses,
        )
