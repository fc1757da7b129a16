from studies.models.annotations import AnswerLabel, StudyTag, TrialTag
from studies.models.benchmark import Benchmark, OriginalScores
from studies.models.chat import Chat, ChatEvent, ChatTurn
from studies.models.export import Export
from studies.models.geometry import Geometry, GeometryProjection
from studies.models.job import Job, Worker
from studies.models.notice import NoticeDelivery, NoticeTarget
from studies.models.parameters import (
    ModelOverride,
    ParameterSpec,
    Profile,
    ScorerSpec,
    SpecColumns,
    SpecKind,
)
from studies.models.prompts import FrozenPrompts, PromptSet
from studies.models.scoring import Scoring, ScoringResult
from studies.models.starter import Starter
from studies.models.study import Study, StudyEvent, StudyRequest
from studies.models.token import ApiToken
from studies.models.trial import QueuedTrial, ResponseSet, Trial
from studies.models.upload import Upload

__all__ = [
    "AnswerLabel",
    "ApiToken",
    "Benchmark",
    "Chat",
    "ChatEvent",
    "ChatTurn",
    "Export",
    "FrozenPrompts",
    "Geometry",
    "GeometryProjection",
    "Job",
    "ModelOverride",
    "NoticeDelivery",
    "NoticeTarget",
    "OriginalScores",
    "ParameterSpec",
    "Profile",
    "PromptSet",
    "QueuedTrial",
    "ResponseSet",
    "ScorerSpec",
    "Scoring",
    "ScoringResult",
    "SpecColumns",
    "SpecKind",
    "Starter",
    "Study",
    "StudyEvent",
    "StudyRequest",
    "StudyTag",
    "Trial",
    "TrialTag",
    "Upload",
    "Worker",
]
