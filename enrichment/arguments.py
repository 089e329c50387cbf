"""What the kinds of enrichment are told, checked field by field before a job exists."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from enrichment import engines
from enrichment.models import Candidate, Paper
from jobs.exceptions import InvalidInput

ProviderName = Literal["builtin", "openai", "anthropic"]
KindName = Literal["candidate_profile_enhancement", "skills_optimization", "experience_enhancement"]
MAX_CANDIDATES: Final = 1000


class Arguments(BaseModel):
    """Base: camelCase outside, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class _Lenient(BaseModel):
    # Importers send more than is read here; what is read must fit.
    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _addressed(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


Short = Annotated[str, Field(max_length=300)]
Text = Annotated[str, Field(max_length=10_000)]
Texts = Annotated[list[Text], BeforeValidator(_listed), Field(max_length=200)]


class SkillData(_Lenient):
    name: Annotated[str, Field(min_length=1, max_length=120)]
    group: Short | None = None
    level: Short | None = None
    years: float | None = Field(default=None, ge=0, le=80)


class LinkData(_Lenient):
    url: Annotated[str, Field(max_length=2000)]
    kind: Short = "website"


class PositionData(_Lenient):
    title: Short | None = None
    company: Short | None = None
    location: Short | None = None
    start: Short | None = Field(default=None)
    end: Short | None = None
    current: bool = False
    bullets: Texts = []
    description: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, value: Any) -> Any:
        """`position`, `employer`, `startDate`, `endDate` and `highlights` are read too."""
        if not isinstance(value, dict):
            return value
        known = dict(value)
        for ours, theirs in (
            ("title", "position"),
            ("company", "employer"),
            ("start", "startDate"),
            ("end", "endDate"),
            ("bullets", "highlights"),
        ):
            if known.get(ours) is None and known.get(theirs) is not None:
                known[ours] = known[theirs]
        return known


class StudyData(_Lenient):
    degree: Short | None = None
    institution: Short | None = None
    start: Short | None = None
    end: Short | None = None


class LanguageData(_Lenient):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    level: Short | None = None


class CandidateData(_Lenient):
    """A profile as callers send it: at least a summary, a skill or a position to work on."""

    name: Short | None = None
    headline: Short | None = None
    summary: Text | None = None
    location: Short | None = None
    emails: Annotated[list[Short], BeforeValidator(_listed), Field(max_length=20)] = []
    phones: Annotated[list[Short], BeforeValidator(_listed), Field(max_length=20)] = []
    links: list[Annotated[LinkData, BeforeValidator(_addressed)]] = Field(default=[], max_length=100)
    skills: list[Annotated[SkillData, BeforeValidator(_named)]] = Field(default=[], max_length=500)
    experience: list[PositionData] = Field(default=[], max_length=100)
    education: list[StudyData] = Field(default=[], max_length=100)
    languages: list[Annotated[LanguageData, BeforeValidator(_named)]] = Field(default=[], max_length=50)
    certifications: Texts = []

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, value: Any) -> Any:
        """`email`, `phone`, `title` and first and last name are read too."""
        if not isinstance(value, dict):
            return value
        known = dict(value)
        for ours, theirs in (("emails", "email"), ("phones", "phone"), ("headline", "title")):
            if not known.get(ours) and known.get(theirs):
                known[ours] = known[theirs]
        if not known.get("name") and isinstance(known.get("firstName"), str):
            known["name"] = f"{known['firstName']} {known.get('lastName') or ''}".strip()
        return known

    @model_validator(mode="after")
    def _not_empty(self) -> CandidateData:
        if not (self.summary or self.skills or self.experience):
            raise ValueError("There is nothing to work on: send at least summary, skills or experience.")
        return self

    def profile(self) -> dict[str, Any]:
        """The profile in the shape candidates are stored in."""
        found = self.model_dump(mode="json")
        for position in found["experience"]:
            text = position.pop("description") or ""
            if not position["bullets"]:
                position["bullets"] = [
                    line.strip(" •◦·*-") for line in text.splitlines() if line.strip(" •◦·*-")
                ]
        return found


class CandidateArgs(Arguments):
    """Whose profile: one that is stored, or one that is sent along and will be."""

    candidate_id: uuid.UUID | None = None
    candidate_data: CandidateData | None = None
    provider: ProviderName | None = None

    @model_validator(mode="after")
    def _one_candidate(self) -> CandidateArgs:
        if (self.candidate_id is None) == (self.candidate_data is None):
            raise ValueError("Send either candidateId or candidateData.")
        return self


class CompetenceArgs(CandidateArgs):
    """`formats` None: DOCX, and PDF where this installation can write it."""

    formats: list[Literal["docx", "pdf"]] | None = Field(default=None, min_length=1, max_length=2)


class BulkArgs(Arguments):
    """Many candidates: each is a child of its own, and one that does not fit fails alone.

    `batch_size` says how many are in line at a time; None: all at once.
    """

    candidates: list[dict[str, Any]] = Field(default=[], max_length=MAX_CANDIDATES)
    candidate_ids: list[uuid.UUID] = Field(default=[], max_length=MAX_CANDIDATES)
    kinds: list[KindName] = Field(
        default=["candidate_profile_enhancement", "skills_optimization", "experience_enhancement"],
        min_length=1,
        max_length=3,
    )
    batch_size: int | None = Field(default=None, ge=1, le=MAX_CANDIDATES)
    provider: ProviderName | None = None

    @model_validator(mode="after")
    def _some_candidates(self) -> BulkArgs:
        if bool(self.candidates) == bool(self.candidate_ids):
            raise ValueError("Send either candidates or candidateIds, at least one.")
        self.kinds = list(dict.fromkeys(self.kinds))
        self.candidate_ids = list(dict.fromkeys(self.candidate_ids))
        return self


class MemberArgs(Arguments):
    """One candidate of many. `candidate_data` is checked when it runs, so that it fails alone."""

    number: int
    candidate_id: uuid.UUID | None = None
    candidate_data: dict[str, Any] | None = None
    kinds: list[KindName]
    provider: ProviderName | None = None


class ResumeArgs(Arguments):
    """A résumé's text and the role it is meant for."""

    resume_text: str = Field(min_length=50, max_length=200_000)
    target_role: str = Field(min_length=2, max_length=200)
    provider: ProviderName | None = None


class PaperArgs(Arguments):
    """A stored paper and who is to read it; None: every provider that can be used here."""

    paper_id: uuid.UUID
    providers: list[str] | None = Field(default=None, min_length=1, max_length=3)

    @model_validator(mode="after")
    def _each_once(self) -> PaperArgs:
        if self.providers:
            self.providers = list(dict.fromkeys(self.providers))
        return self


def read_candidate(data: dict[str, Any]) -> CandidateData:
    """A member's data. Raises InvalidInput, naming the first field at fault."""
    try:
        return CandidateData.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        raise InvalidInput(
            f"{path}: {text}" if path else text, code="invalid_candidate", field=path or None
        ) from None


def check_request(args: Any, owner_id: Any) -> None:
    """A kind's `precheck`: the provider asked for can be used here, and the candidates are the owner's."""
    if args.provider:
        try:
            engines.check(args.provider)
        except InvalidInput as error:
            error.field = "provider"
            raise
    if getattr(args, "candidate_id", None):
        _check_owned(Candidate, [args.candidate_id], owner_id, "candidateId", "candidate")
    if getattr(args, "candidate_ids", None):
        _check_owned(Candidate, args.candidate_ids, owner_id, "candidateIds", "candidate")


def check_paper(args: PaperArgs, owner_id: Any) -> None:
    """The same for a paper and its providers."""
    for name in args.providers or []:
        engines.check(name)
    _check_owned(Paper, [args.paper_id], owner_id, "paperId", "paper")


def _check_owned(model: Any, ids: list[uuid.UUID], owner_id: Any, field: str, noun: str) -> None:
    """Somebody else's is answered like one that never was."""
    known = set(model.objects.filter(pk__in=ids, owner=owner_id).values_list("pk", flat=True))
    unknown = [str(wanted) for wanted in ids if wanted not in known]
    if unknown:
        raise InvalidInput(
            f"There is no {noun} {', '.join(unknown[:5])} among yours.", code=f"unknown_{noun}", field=field
        )
