"""What answers say; the parts that a method, a model or a scorer shapes stay open."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from ninja import Field, Schema

from studies.api.schemas import PageQuery

Json = dict[str, Any]
Item = TypeVar("Item")


class Page(Schema, Generic[Item]):
    items: list[Item]
    count: int = Field(description="Of all items, not only those of this page.")


def page_of(rows: QuerySet[Any] | Sequence[Any], page: PageQuery) -> Json:
    """Cut one page out of all rows and count them."""
    count = rows.count() if isinstance(rows, QuerySet) else len(rows)
    return {"items": list(rows[page.offset : page.offset + page.limit]), "count": count}


class ProblemPlace(Schema):
    place: str
    message: str


class ProblemOut(Schema):
    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemPlace]


class WorkerOut(Schema):
    id: str
    state: str
    device: str
    seen_seconds_ago: float


class HealthOut(Schema):
    status: str
    version: str
    workers: list[WorkerOut]


class ProfileName(Schema):
    slug: str
    name: str


class ProfileOut(Schema):
    slug: str
    name: str
    description: str
    parent: str | None = Field(description="Slug of the preset that it is based on.")
    method: str
    model: str = Field(description="Suggested model, or empty.")


class ProfileDetailOut(ProfileOut):
    is_active: bool = Field(description="Whether it is offered for new studies.")
    parameters: Json = Field(description="What this preset sets itself.")
    settings: Json = Field(description="What this preset sets itself.")
    overrides: Json = Field(description="What it sets for single models, by pattern.")


class OverrideOut(Schema):
    id: int
    pattern: str
    method: str
    parameter: str
    component: str = Field(description="Empty: every component.")
    value: Any


class ProfileImportOut(Schema):
    profile: ProfileDetailOut
    notes: list[ProblemPlace] = Field(
        description="What of the file was left out or added, by place."
    )


class Decision(Schema):
    source: str
    value: Any
    display: str = ""


class ParameterOut(Schema):
    name: str
    component: str
    value: Any
    display: str
    source: str = Field(description="The layer that decided.")
    chain: list[Decision] = Field(description="What it overrides, the first layer first.")
    sampled: bool
    layers: Any = Field(None, description="The value in layers, where it is a fraction of them.")


class SettingOut(Schema):
    name: str
    value: Any
    source: str = Field(description="The layer that decided.")
    chain: list[Decision] = []
    layers: list[int] | None = Field(None, description="The layers that it means, where any.")


class ResolvedOut(Schema):
    parameters: list[ParameterOut]
    settings: list[SettingOut]


class LeftOutOut(Schema):
    reason: str
    example: str
    count: int
    trials: list[int] = Field(description="Numbers of the first of them.")


class TakeoverOut(Schema):
    n_finished: int = Field(description="Finished trials of the original.")
    n_taken_over: int
    n_left_out: int
    changed: list[str] = Field(
        description="Settings by which the fork measures something else; no trial fits then."
    )
    left_out: list[LeftOutOut]
    sentence: str


class ForkOut(TakeoverOut):
    study: UUID = Field(description="The original.")
    name: str


class ForkPreviewOut(ResolvedOut):
    fork: TakeoverOut


class TrialRef(Schema):
    study: UUID
    number: int


class WaitingOut(Schema):
    id: int
    parameters: Json = Field(description="Those left out are up to the search.")
    origin: TrialRef | None = Field(description="The trial whose parameters these are.")


class ErrorOut(Schema):
    code: str
    message: str
    advice: str


class StudyRow(Schema):
    id: UUID
    name: str
    model: str
    profile: ProfileName
    owner: str
    status: str
    status_label: str
    queue_place: int | None
    n_trials: int = Field(description="How many finished trials are wanted.")
    n_finished: int
    n_failed: int
    n_taken_over: int = Field(description="Trials of other studies, beside its own.")
    best: list[Json] = Field(description="The best value of each objective.")
    notes: str = Field(description="People's own.")
    tags: list[str]
    error: ErrorOut | None
    seconds: float = Field(description="Spent in finished trials.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class StudyOut(StudyRow):
    event_count: int
    progress: Json
    objectives: list[Json]
    baseline: list[Json]
    facts: Json
    n_layers: int | None
    remarks: list[str] = Field(description="What loading noticed.")
    recommended: int | None = Field(description="The front's compromise, by its number.")
    actions: list[str] = Field(description="What can be done with it now.")
    fork: ForkOut | None = Field(description="What it was made from, if it is a fork.")
    waiting: list[WaitingOut] = Field(description="What it is to try next.")
    resolved: ResolvedOut


class ScoreOut(Schema):
    name: str
    value: float
    display: str
    baseline: float | None = None
    direction: str
    low: float | None = None
    high: float | None = None


class TrialOut(Schema):
    number: int
    state: str
    source: str = Field(description="sampled, enqueued or taken_over")
    origin: TrialRef | None = Field(
        description="Where it was measured, or whose parameters it tried."
    )
    parameters: Json
    kernel: Json = Field(
        description="The weight in each layer, by component; empty where the method has none."
    )
    direction: str = Field(description="In words; empty where the method has none.")
    details: Json = Field(description="What else the method says of the trial, by name.")
    scores: list[ScoreOut]
    seconds: float
    pareto: bool
    recommended: bool = Field(
        description="The front's trial nearest to the best value of every objective, each "
        "measured in its own full span: 1 for a share, 1 nat for a divergence."
    )
    note: str
    tags: list[str]
    error: str | None


class ResponseOut(Schema):
    scorer: str
    prompt: str
    response: str
    matched: list[str] = Field(description="The markers found in the response.")
    cut: bool = Field(
        default=False,
        description="Ended as soon as the verdict was settled; the model would have gone on.",
    )
    verdict: bool | None = Field(description="Whether the scorer counted it; null: not stored.")


class PieceOut(Schema):
    changed: bool
    text: str


class VerdictOut(Schema):
    scorer: str
    counted: bool
    counted_before: bool | None
    is_good: bool = Field(description="Counted where maximised, not counted where minimised.")


class AnswerOut(Schema):
    position: int = Field(description="Among the trial's answers; what a label names.")
    prompt: str
    response: str
    before: str | None = Field(description="The original model's response, if it is stored.")
    cut: bool = Field(
        description="Ended as soon as the verdict was settled; the model would have gone on."
    )
    pieces: list[PieceOut] = Field(description="The response, cut where it differs from before.")
    pieces_before: list[PieceOut]
    matched: list[str]
    matched_before: list[str]
    verdicts: list[VerdictOut]
    label: bool | None = Field(description="Your own: true is a thumb up.")
    up: int = Field(description="Thumbs up of everybody.")
    down: int


class AgreementCounts(Schema):
    n: int
    agreed: int
    both_good: int
    both_bad: int
    only_person: int = Field(description="The person says good, the scorer bad.")
    only_scorer: int
    kappa: float | None = Field(description="Cohen's kappa; null where it is not defined.")


class AgreementOut(Schema):
    scorer: str
    mine: AgreementCounts
    everybody: AgreementCounts


class AnswersOut(Schema):
    items: list[AnswerOut]
    count: int = Field(description="Of all answers that the filter lets through.")
    counts: dict[str, int] = Field(description="Answers by filter.")
    agreement: list[AgreementOut]


class LabelOut(Schema):
    position: int
    label: bool | None
    up: int
    down: int
    counts: dict[str, int]
    agreement: list[AgreementOut]


class EventsOut(Schema):
    items: list[Json]
    count: int = Field(description="Of all events of the study.")


class JobStudy(Schema):
    id: UUID
    name: str


class JobOut(Schema):
    id: UUID
    kind: str
    kind_label: str
    status: str
    place: int | None = Field(description="1 is the next.")
    priority: int
    attempt: int
    worker: str
    progress: Json = Field(description="Phase, how far it is, and the seconds left, if known.")
    stopping: bool = Field(description="It was asked to end, and its worker has not yet.")
    study: JobStudy
    trial: int | None = Field(description="The trial that it is about, if it is about one.")
    result: Json = Field(description="What came of it, as its kind says.")
    error: str
    error_code: str
    error_advice: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ExportOut(Schema):
    id: UUID
    study: UUID
    trial: int
    strategy: str
    options: Json
    status: str = Field(description="queued, running, failed, canceled, or ready.")
    size: int = Field(description="Bytes of all its files.")
    job: JobOut
    manifest: Json | None = Field(
        description="Once it is ready: files with sizes and SHA-256, and what was verified."
    )
    created_at: datetime
    ready_at: datetime | None


class CardOut(Schema):
    text: str = Field(description="The whole README.md: front matter, then Markdown.")
    sha256: str = Field(description="As the export's manifest lists it; empty: not stored yet.")


class UploadOut(Schema):
    id: UUID
    repo_id: str
    private: bool
    message: str
    has_own_token: bool = Field(description="Whether one was typed; it is never told.")
    url: str | None = Field(description="Of the commit, once it is done.")
    job: JobOut
    created_at: datetime


class NoticeTargetOut(Schema):
    id: int
    kind: str
    url: str
    address: str = Field(description="Of an e-mail: that of the account.")
    on_finished: bool
    on_failed: bool
    on_new_best: bool
    is_active: bool
    secret: str = Field(description="In the answer to its making alone; else empty.")


class NoticeDeliveryOut(Schema):
    id: UUID
    target: str
    event: str
    study: str | None
    status: str = Field(description="waiting, sent or failed.")
    attempts: int
    result: str = Field(description="Of the last try.")
    created_at: datetime
    done_at: datetime | None


class ColumnOut(Schema):
    text: str = Field(description="Markdown, as far as it is there.")
    n_tokens: int
    ending: str = Field(
        description="end: by itself; length: at max_tokens; context: the model reads no more."
    )


class TurnColumns(Schema):
    original: ColumnOut
    ablated: ColumnOut


class TurnOut(Schema):
    number: int
    parent: int | None = Field(description="The turn that it follows in the dialogue.")
    message: str
    settings: Json = Field(description="With the seed that was drawn.")
    state: str = Field(description="queued, running, stopping, done, stopped or failed")
    place: int | None = Field(description="In the queue; 1 is the next.")
    columns: TurnColumns
    n_dropped: int = Field(description="Old turns that the model had no room to read.")
    seconds: float
    error: str
    error_advice: str
    created_at: datetime


class ChatRow(Schema):
    id: UUID
    study: JobStudy
    trial: int
    title: str
    created_at: datetime
    changed_at: datetime


class ChatOut(ChatRow):
    settings: Json = Field(description="Those of the next turn, if it gives no others.")
    event_count: int = Field(description="Number of the last news that this knows of.")
    progress: Json = Field(description="Of the loading of its model.")
    turns: list[TurnOut]


class DifferenceOut(Schema):
    what: str
    then: str
    now: str
    severity: str = Field(description="high, medium or low.")


class PlanOut(Schema):
    model: str
    comparable: bool = Field(description="Whether hashes can be compared afterwards.")
    resolved: ResolvedOut
    differences: list[DifferenceOut]
    notes: list[str] = Field(description="What could not be taken over as it was.")


class ReproductionOut(PlanOut):
    study: StudyOut
    job: JobOut | None = Field(description="Compares the hashes once the study is done.")


class PromptSetRow(Schema):
    slug: str
    name: str
    source: str
    path: str
    dataset: str
    commit: str
    split: str
    column: str
    prefix: str
    suffix: str
    system_prompt: str


class PromptSetOut(PromptSetRow):
    text: str
