"""What each task answers, whoever does it: the shape the API shows and a model's output is checked against.

Fields are camelCase outside (`model_dump(by_alias=True)`) and snake_case inside; both are read.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel


def _percent(value: object) -> object:
    return max(0, min(100, round(value))) if isinstance(value, int | float) else value


Percent = Annotated[int, BeforeValidator(_percent), Field(description="0 to 100")]
Importance = Literal["high", "medium", "low"]


class Shape(BaseModel):
    """Base of every shape."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Result(Shape):
    """Base of every task's answer; the provider fills these fields, a model is never asked for them.

    `method` says honestly how the answer was made, `coverage` how much of the material was read, `warnings`
    what a person should know before trusting it.
    """

    method: str = ""
    coverage: str = ""
    warnings: list[str] = Field(default_factory=list)


class Statement(Shape):
    """A sentence about the material and the page it comes from (None when there are no pages)."""

    text: str
    page: int | None


class Theme(Shape):
    label: str = Field(description="a readable name of two to six words")
    weight: float = Field(description="share of the document, 0 to 1")
    keyphrases: list[str]
    passages: list[int] = Field(description="indexes of the passages it is found in")
    pages: list[int]


class Quote(Shape):
    text: str = Field(description="word for word from the material")
    kind: Literal["quotation", "statement"]
    page: int | None
    passage: int | None
    offset: int | None = Field(description="characters from the passage's start")
    reason: str


class Insight(Shape):
    text: str
    kind: Literal[
        "claim", "number", "recommendation", "contrast", "definition", "limitation", "cause", "question"
    ]
    page: int | None
    reason: str


class DocumentAnalysis(Result):
    """`document.analyse`."""

    summary: list[Statement]
    themes: list[Theme]
    quotes: list[Quote]
    insights: list[Insight]
    keyphrases: list[str]


class Finding(Statement):
    numbers: list[str] = Field(description="the figures it gives, as written")


class PaperAnalysis(Result):
    """`paper.analyse`."""

    title: str
    summary: list[Statement]
    claims: list[Statement]
    methods: list[Statement]
    results: list[Finding]
    limitations: list[Statement]
    open_questions: list[Statement]
    keywords: list[str]


class SubScore(Shape):
    name: str
    score: Percent
    weight: float = Field(description="its part in the overall score, 0 to 1")
    explanation: str


class FoundSkill(Shape):
    name: str
    used: bool = Field(description="true when shown in experience, false when only listed")
    evidence: str = Field(description="the line it was found in")


class MissingSkill(Shape):
    name: str
    importance: Importance
    why: str


class Suggestion(Shape):
    section: str
    original: str = Field(description="the line as it stands; empty when something is to be added")
    why: str
    rewritten: str = Field(description="the better line, with [placeholders] for facts only the person knows")
    importance: Importance


class ResumeOptimisation(Result):
    """`resume.optimise`."""

    target_role: str
    matched_role: str | None
    score: Percent
    scores: list[SubScore]
    found_skills: list[FoundSkill]
    missing_skills: list[MissingSkill]
    found_keywords: list[str]
    missing_keywords: list[str]
    suggestions: list[Suggestion]
    rewritten_resume: str


class Strength(Shape):
    text: str
    evidence: str


class Gap(Shape):
    area: str
    why: str
    action: str


class FieldSuggestion(Shape):
    field: str
    current: str
    proposed: str
    why: str


class ProfileEnhancement(Result):
    """`profile.enhance`."""

    headline: str
    summary: str
    completeness: Percent
    strengths: list[Strength]
    gaps: list[Gap]
    suggestions: list[FieldSuggestion]


Level = Literal["expert", "advanced", "intermediate", "beginner"]


class OptimisedSkill(Shape):
    name: str
    original: list[str] = Field(description="how the person wrote it")
    level: Level | None
    years: float | None
    basis: str = Field(description="what level and years rest on")
    evidence: list[str]


class SkillGroup(Shape):
    name: str
    skills: list[OptimisedSkill]


class SkillMerge(Shape):
    kept: str
    merged: list[str]


class SuggestedSkill(Shape):
    name: str
    group: str
    why: str
    evidence: str


class SkillsOptimisation(Result):
    """`skills.optimise`."""

    groups: list[SkillGroup]
    merged: list[SkillMerge]
    suggested: list[SuggestedSkill]


class EnhancedBullet(Shape):
    original: str
    rewritten: str
    changes: list[str]
    question: str | None = Field(description="what to ask the person where a figure is missing")


class EnhancedEntry(Shape):
    index: int = Field(description="position in the candidate's experience, from 0")
    title: str
    company: str
    period: str
    bullets: list[EnhancedBullet]
    questions: list[str]


class ExperienceEnhancement(Result):
    """`experience.enhance`."""

    entries: list[EnhancedEntry]


class Competence(Shape):
    name: str
    evidence: list[str]


class SkillRow(Shape):
    group: str
    skill: str
    level: Level | None
    years: float | None


class CompetenceEntry(Shape):
    title: str
    company: str
    location: str
    start: str
    end: str
    months: int | None
    bullets: list[str]
    skills: list[str]


class EducationEntry(Shape):
    degree: str
    institution: str
    start: str
    end: str


class LanguageEntry(Shape):
    name: str
    level: str


class CompetenceFile(Result):
    """`competence.compose`."""

    name: str
    headline: str
    summary: str
    emails: list[str]
    phones: list[str]
    links: list[str]
    competences: list[Competence]
    skill_matrix: list[SkillRow]
    experience: list[CompetenceEntry]
    education: list[EducationEntry]
    languages: list[LanguageEntry]
    certifications: list[str]


SCHEMAS: dict[str, type[Result]] = {
    "document.analyse": DocumentAnalysis,
    "paper.analyse": PaperAnalysis,
    "resume.optimise": ResumeOptimisation,
    "profile.enhance": ProfileEnhancement,
    "skills.optimise": SkillsOptimisation,
    "experience.enhance": ExperienceEnhancement,
    "competence.compose": CompetenceFile,
}
"""Task name → the shape of its answer."""
