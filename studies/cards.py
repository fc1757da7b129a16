"""The model cards of exports: what they are made of, and where they lie."""

import getpass
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from huggingface_hub import try_to_load_from_cache

from studies.engine.card import FILE, CardFacts, CardParameter, CardScore, model_card
from studies.engine.errors import ModelError
from studies.engine.export_options import ExportOptions
from studies.engine.methods import method_get
from studies.engine.model_files import is_hub_id, locate_model
from studies.engine.parameters import Key, derived_layers
from studies.engine.private_text import without_private
from studies.exporting import (
    described,
    export_file_write,
    export_folder,
    export_manifest_write,
)
from studies.models import Export, ScoringResult, Study, Trial

Json = Mapping[str, Any]
MAX_BYTES: Final = 1024 * 1024  # of a card that is read; longer ones are cut


def card_text(export: Export) -> str:
    """The card of a finished export; one is made for those that were written without."""
    file = export_folder(export.pk).final / FILE
    if file.is_file():
        return _read(file)
    model = export.manifest.get("model", {})
    adapter = export.manifest.get("adapter")
    return card_of(export, model.get("name", "model"), model.get("commit"), adapter)


@transaction.atomic
def card_store(export: Export, data: bytes) -> None:
    """Write file, manifest and row of a finished export's card; one writer at a time."""
    row = Export.objects.select_for_update().get(pk=export.pk)
    row.manifest = described(row.manifest, FILE, data)
    row.size = row.manifest["size"]
    row.save(update_fields=["manifest", "size"])
    export_file_write(row.pk, FILE, data)
    export_manifest_write(row.pk, row.manifest)
    export.manifest, export.size = row.manifest, row.size


def card_settle(export: Export) -> None:
    """Make sure that the card lies in the folder and that the manifest tells its hash.

    A process that was killed while it stored a card leaves a file that its row does not know.
    """
    data = card_text(export).encode()
    if described(export.manifest, FILE, data) != export.manifest:
        card_store(export, data)


def card_of(export: Export, name: str, commit: str | None, adapter: Json | None) -> str:
    """Write the card of an export; `name` is the original's, without the folders of this machine."""
    study = export.trial.study
    method, options = method_get(study.snapshot["method"]), ExportOptions(**export.options)
    values = {row["name"]: row["value"] for row in study.snapshot["settings"]}
    again = _newest_scoring(export.trial)
    facts = CardFacts(
        model=name,
        is_on_hub=bool(commit) and is_hub_id(name),
        commit=commit,
        strategy=options.strategy,
        dtype=options.dtype,
        method=method.label,
        method_words=method.description,
        product=f"Heretic Web {settings.PRODUCT_VERSION}",
        parameters=list(_parameters(export.trial)),
        scores=list(_scores(export.trial.scores, study.baseline)),
        held_out=list(_scores(again.scores, again.scoring.baseline)) if again else (),
        held_out_prompts=[(r["name"], r["count"]) for r in again.scoring.prompts.values()]
        if again
        else (),
        prompts=[(row["name"], row["count"]) for row in study.snapshot["prompts"].values()],
        options={n: values[n] for n in method.settings.model_fields if n in values},
        adapter_error=adapter["error"] if adapter else None,
        adapter_rank=adapter["rank"] if adapter else None,
    )
    return without_private(model_card(facts, _original_card(study, commit)), folders=_folders())


def _original_card(study: Study, commit: str | None) -> str:
    """The card of the original model: of its folder, or of the hub as it was fetched."""
    try:
        ref = locate_model(study.model, settings.MODEL_ROOTS)
    except ModelError:  # it is not there any more
        return ""
    if ref.path is None:
        found = try_to_load_from_cache(study.model, FILE, revision=commit)
        return _read(Path(found)) if isinstance(found, str) else ""
    file = (ref.path / FILE).resolve()
    if not file.is_file() or not file.is_relative_to(ref.path.resolve()):
        return ""
    # Nobody has published this one: it may name whoever trained it, and where.
    return without_private(_read(file), folders=_folders(), names=_names(study))


def _read(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES).decode(errors="replace")


def _folders() -> list[str]:
    roots = [settings.DATA_DIR, *settings.MODEL_ROOTS, *settings.PROMPT_ROOTS, Path.home()]
    return [str(root) for root in roots if len(root.parts) > 1]


def _names(study: Study) -> list[str]:
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        account = ""
    return [account, socket.gethostname(), study.owner.get_username()]


def _parameters(trial: Trial) -> Iterator[CardParameter]:
    study = trial.study
    method = method_get(study.snapshot["method"])
    rows = {(row["name"], row["component"]): row for row in study.snapshot["parameters"]}
    for name, value in trial.parameters.items():
        for component, one in (value if isinstance(value, dict) else {"": value}).items():
            row = rows.get((name, component)) or {}
            layers = None
            if study.n_layers and method.parameter(name):
                layers = derived_layers(method, Key(name, component), one, study.n_layers)
            yield CardParameter(
                name=name,
                component=component,
                value=one,
                layers=layers,
                searched=row.get("display", "") if row.get("sampled") else "",
            )


def _newest_scoring(trial: Trial) -> ScoringResult | None:
    """How the trial did on held-out prompts, where it was asked."""
    results = ScoringResult.objects.filter(trial=trial, error="").select_related("scoring")
    return results.order_by("-scoring__created_at", "-pk").first()


def _scores(scores: Iterable[Json], baseline: Iterable[Json]) -> Iterator[CardScore]:
    originals = {row["name"]: row for row in baseline}
    for row in scores:
        original = originals.get(row["name"], {})
        yield CardScore(
            name=row["name"],
            display=row["display"],
            direction=row["direction"],
            interval=_interval(row),
            original=original.get("display", ""),
            original_interval=_interval(original),
        )


def _interval(row: Json) -> tuple[float, float] | None:
    low, high = row.get("low"), row.get("high")
    return None if low is None or high is None else (low, high)
