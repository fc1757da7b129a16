"""What requests may say: strict types, no unknown field."""

from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from ninja import Field, Header, Path, Schema
from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints

from studies.commands.enqueuing import MAX_WAITING
from studies.commands.rescoring import MAX_TRIALS as MAX_RESCORED
from studies.engine.tables import Table, fault
from studies.models import Job, Study, Trial
from studies.selectors import FILTERS
from studies.selectors.figures import FIGURES

MAX_INTEGER = 2**31 - 1  # what the database's integer columns hold


def _id(raw: object) -> UUID:
    try:
        return UUID(str(raw))
    except ValueError as error:
        raise fault("is not a valid id") from error


def _searchable(text: str) -> str:
    if "\0" in text:  # PostgreSQL refuses it even in a search
        raise fault("contains an invalid character (U+0000)")
    return text


def _key(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise fault("must be printable ASCII characters without spaces")
    return text


Id = Annotated[UUID, BeforeValidator(_id)]
Searched = AfterValidator(_searchable)
# A name in a query: too long a one finds nothing and is refused.
SlugText = Annotated[str, StringConstraints(max_length=60), Searched]
ModelText = Annotated[str, StringConstraints(max_length=300), Searched]
StudyId = Path[Id]
JobId = Path[Id]
ExportId = Path[Id]
ChatId = Path[Id]
ScoringId = Path[Id]
BenchmarkId = Path[Id]
FilePath = Annotated[str, AfterValidator(_searchable), Path(max_length=300)]
TrialNumber = Annotated[int, Path(ge=0, le=MAX_INTEGER)]
TrialNumberIn = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
FileType = Path[Literal["csv", "jsonl"]]
NoticeTargetId = Annotated[int, Path(ge=1, le=MAX_INTEGER)]
AnswerPosition = Annotated[int, Path(ge=0, le=MAX_INTEGER)]
Slug = Path[SlugText]
IdempotencyKey = Annotated[
    str, AfterValidator(_key), Header("", alias="Idempotency-Key", max_length=100)
]
if TYPE_CHECKING:
    StatusText = str
    JobStatusText = str
    TrialStateText = str
    AnswerFilter = str
    FigureKind = str
else:  # what mypy cannot read
    StatusText = Literal[("", *Study.Status.values)]
    JobStatusText = Literal[("", *Job.Status.values)]
    TrialStateText = Literal[("", *Trial.State.values)]
    AnswerFilter = Literal[tuple(FILTERS)]
    FigureKind = Literal[tuple(FIGURES)]


class PageQuery(Schema):
    limit: int = Field(50, ge=1, le=500)
    offset: int = Field(0, ge=0, le=MAX_INTEGER)


class StudyQuery(PageQuery):
    status: StatusText = ""
    model: ModelText = ""
    tag: SlugText = ""


class JobQuery(PageQuery):
    status: JobStatusText = ""


class ChatQuery(PageQuery):
    study: Id | None = None
    trial: int | None = Field(None, ge=0, le=MAX_INTEGER, description="Its number.")


class TrialQuery(PageQuery):
    pareto: bool = Field(default=False, description="Only the trials of the Pareto front.")
    state: TrialStateText = ""
    tag: SlugText = ""
    brief: bool = Field(
        default=False, description="Leave kernel, direction and details empty, for long lists."
    )


class AnswerQuery(PageQuery):
    limit: int = Field(20, ge=1, le=100)
    show: AnswerFilter = "all"
    scorer: SlugText = Field("", description="Only answers that this scorer judged.")


class TableQuery(Schema):
    trial: int | None = Field(None, ge=0, le=MAX_INTEGER, description="Only this trial.")


class FigureQuery(Schema):
    objective: int = Field(0, ge=0, le=100, description="Which objective, from 0.")


class LabelIn(Table):
    label: bool | None = Field(description="true: thumb up, false: down, null: none.")


class EventQuery(Schema):
    after: int = Field(0, ge=0, le=MAX_INTEGER, description="Number of the last event seen.")
    wait: float = Field(
        0, ge=0, le=30, allow_inf_nan=False, description="Seconds to wait if there is none yet."
    )
    limit: int = Field(500, ge=1, le=500)


class EnqueueEntry(Table):
    """Typed values, or a trial of another study."""

    parameters: dict[str, Any] | None = Field(
        None, description="One value each; what is left out is up to the search."
    )
    study: Id | None = Field(None, description="The study whose trial to try again here.")
    number: int | None = Field(None, ge=0, le=MAX_INTEGER, description="Of that trial.")


Enqueue = Annotated[list[EnqueueEntry], Field(max_length=MAX_WAITING)]


class ResolveIn(Table):
    model: str = Field("", max_length=300, description="Hub id or local folder.")
    n_layers: int | None = Field(
        None, ge=1, le=10_000, description="Read from the model if known."
    )
    parameters: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None
    enqueue: Enqueue = Field([], description="Checked as well: trials to try first.")


class TomlQuery(Schema):
    dialect: Literal["own", "heretic"] = Field(
        "own",
        description="own: the file of this preset, to be imported again. heretic: what the "
        "preset comes to for `model`, as the table [parameters] of the reference tool.",
    )
    model: ModelText = Field("", description="Empty: the model that the preset suggests.")


class ImportQuery(Schema):
    replace: bool = Field(default=False, description="Replace the preset of the same slug.")
    name: SlugText = Field("", description="Serves where the file gives neither slug nor name.")


class StudyIn(Table):
    model: str = Field(max_length=300, description="Hub id or local folder.")
    profile: str = Field(max_length=60, description="Slug of a preset.")
    name: str = Field("", max_length=100)
    parameters: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None
    enqueue: Enqueue = Field([], description="Trials to try first, in this order.")
    start: bool = True


class ForkPreviewIn(Table):
    parameters: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None
    enqueue: Enqueue = Field([], description="Trials to try first, in this order.")


class ForkIn(ForkPreviewIn):
    name: str = Field("", max_length=100)
    start: bool = True


class EnqueueIn(Table):
    enqueue: Enqueue = Field(description="Trials to try next, in this order.")


class ExtendIn(Table):
    n_trials: int = Field(ge=1, le=10_000, description="How many trials more.")


class RescoreIn(Table):
    trials: Annotated[list[TrialNumberIn], Field(max_length=MAX_RESCORED)] | None = Field(
        None, description="Their numbers; left out: those on the front."
    )
    prompts: dict[SlugText, SlugText] = Field(
        {},
        description="Prompt sets by slug, to stand in for those that the study's scorers name. "
        "What is left out is found: the set called SLUG-held-out, what no scorer read of the "
        "set, or more rows of its dataset.",
    )


class EvaluationIn(Table):
    model: str = Field("", max_length=300, description="Hub id or local folder; or an export.")
    revision: str = Field("", max_length=200, description="Of a model on the hub.")
    export: Id | None = Field(None, description="A merged model or an adapter, made here.")
    base: str = Field(
        "", max_length=300, description="What it was made from; of an export: its study's model."
    )
    profile: str = Field(max_length=60, description="Slug of the preset whose scorers judge.")


class ReproductionIn(Table):
    bundle: dict[str, Any] = Field(description="The content of a reproduce.json.")
    model: str = Field("", max_length=300, description="The original, where it lies elsewhere.")
    profile: str = Field("", max_length=60, description="Slug of the preset to file it under.")
    name: str = Field("", max_length=100)
    n_layers: int | None = Field(
        None, ge=2, le=10_000, description="Of the model, where it is not known here."
    )


class CardIn(Table):
    text: str = Field(description="The whole README.md: front matter, then Markdown.")


class UploadIn(Table):
    repo_id: str = Field(max_length=200, description="owner/name on the hub.")
    private: bool = Field(default=True, description="Of a repository that is made by this.")
    token: SecretStr = Field(
        SecretStr(""), description="For this upload only; empty: the worker's HF_TOKEN."
    )
    message: str = Field("", max_length=300, description="Of the one commit.")


class NoticeTargetIn(Table):
    kind: Literal["webhook", "email"]
    url: str = Field("", max_length=500, description="Of a webhook.")
    on_finished: bool = True
    on_failed: bool = True
    on_new_best: bool = False


class NoticeTargetPatch(Table):
    on_finished: bool | None = None
    on_failed: bool | None = None
    on_new_best: bool | None = None
    is_active: bool | None = None


class PriorityIn(Table):
    priority: int = Field(ge=-100, le=100, description="Higher runs first.")


class PromptSetIn(Table):
    slug: str = Field(min_length=1, max_length=60)
    name: str = Field(min_length=1, max_length=100)
    source: Literal["text", "file", "dataset"]
    text: str = Field("", description="One prompt a line.")
    path: str = Field("", max_length=400, description="A file below a prompt folder.")
    dataset: str = Field("", max_length=200)
    commit: str = Field("", max_length=100)
    split: str = Field("", max_length=100)
    column: str = Field("", max_length=100)
    prefix: str = Field("", max_length=10_000)
    suffix: str = Field("", max_length=10_000)
    system_prompt: str = Field("", max_length=10_000)
