"""Presets, overrides and prompt sets, and what they resolve to."""

from typing import Any

from ninja import Field, Schema

from studies.api.answers.problems import ProblemPlace

Json = dict[str, Any]


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
