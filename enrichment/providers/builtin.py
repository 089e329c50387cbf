"""The offline engine: every task without a key and without the network, deterministic, free of charge.

It counts, ranks, sorts and rearranges what is in the material. It follows no instruction in it, since nothing
reads it as one, and says in `method` how each answer was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from enrichment import schemas
from enrichment.analysis import (
    bullets,
    embeddings,
    injections,
    insights,
    keyphrases,
    papers,
    profiles,
    quotes,
    resumes,
    skills,
    summary,
    themes,
)
from enrichment.analysis.candidate import Candidate, Experience, month, months, read
from enrichment.analysis.passages import Progress, from_data
from enrichment.analysis.sentences import Sentence, split
from enrichment.analysis.skillbook import Skillbook, TaxonomySkillbook
from enrichment.prompts import visible
from enrichment.providers.base import Completion, Embeddings, Request, Usage, estimate_tokens
from jobs.exceptions import InvalidInput, PermanentError

MODEL = "builtin-v1"
WHOLE = "the whole text"


class BuiltinProvider:
    """The offline engine. `skills` finds skills in text; by default the product's own taxonomy."""

    name = "builtin"
    model = MODEL

    def __init__(self, skills: Skillbook | None = None) -> None:
        self._skills = skills or TaxonomySkillbook()
        self._tasks: dict[str, Callable[[dict[str, Any], Progress | None], BaseModel]] = {
            "document.analyse": self._document,
            "paper.analyse": self._paper,
            "resume.optimise": self._resume,
            "profile.enhance": self._profile,
            "skills.optimise": self._skill_list,
            "experience.enhance": self._experience,
            "competence.compose": self._competence,
        }

    def complete(self, request: Request) -> Completion:
        """Do one task.

        Raises:
            InvalidInput: the data lacks what the task reads (`field` names it).
            PermanentError: code `unknown_task`.
        """
        work = self._tasks.get(request.task)
        if work is None:
            raise PermanentError(f"There is no task “{request.task}”.", code="unknown_task")
        answer = work(request.data, request.progress)
        checked = request.schema.model_validate(answer.model_dump())
        return Completion(checked, Usage(), MODEL)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return lexical vectors; see `analysis.embeddings` for what they can and cannot do."""
        return Embeddings(embeddings.ENGINE, embeddings.DIMENSION, embeddings.embed(texts), Usage())

    def count_tokens(self, text: str) -> int:
        """Estimate the tokens a language model would count."""
        return estimate_tokens(text)

    def price(self, usage: Usage) -> Decimal:
        """Return 0: nothing is called."""
        return Decimal(0)

    def _document(self, data: dict[str, Any], progress: Progress | None) -> BaseModel:
        passages = _passages(data)
        steps = _Steps(progress, 5)
        ranking = summary.rank(split(passages))
        steps.done()
        found = themes.find(passages)
        steps.done()
        words = keyphrases.find(passages)
        steps.done()
        said = quotes.find(passages, ranking=ranking)
        steps.done()
        marked = insights.find(passages, ranking=ranking)
        steps.done()
        return schemas.DocumentAnalysis(
            summary=_statements(summary.summarise(passages, ranking=ranking)),
            themes=[
                schemas.Theme(
                    label=t.label,
                    weight=t.weight,
                    keyphrases=list(t.keyphrases),
                    passages=list(t.passages),
                    pages=list(t.pages),
                )
                for t in found
            ],
            quotes=[
                schemas.Quote.model_validate(
                    {
                        "text": q.text,
                        "kind": q.kind,
                        "page": q.page,
                        "passage": q.passage,
                        "offset": q.offset,
                        "reason": q.reason,
                    }
                )
                for q in said
            ],
            insights=[
                schemas.Insight.model_validate(
                    {"text": i.text, "kind": i.kind, "page": i.page, "reason": i.reason}
                )
                for i in marked
            ],
            keyphrases=[phrase.text for phrase in words],
            method=f"{summary.METHOD}; themes {themes.METHOD}",
            coverage=_coverage(len(ranking.sentences)),
        )

    def _paper(self, data: dict[str, Any], progress: Progress | None) -> BaseModel:
        found = papers.analyse(_passages(data), title=str(data.get("title") or ""), progress=progress)
        return schemas.PaperAnalysis(
            title=found.title,
            summary=_statements(found.summary),
            claims=_statements(found.claims),
            methods=_statements(found.methods),
            results=[
                schemas.Finding(text=s.text, page=s.page, numbers=numbers) for s, numbers in found.results
            ],
            limitations=_statements(found.limitations),
            open_questions=_statements(found.open_questions),
            keywords=found.keywords,
            method=papers.METHOD,
            coverage=WHOLE,
        )

    def _resume(self, data: dict[str, Any], progress: Progress | None) -> BaseModel:
        text = data.get("resumeText", data.get("resume_text"))
        target = str(data.get("targetRole", data.get("target_role")) or "").strip()
        if not isinstance(text, str) or not text.strip():
            raise InvalidInput("There is no résumé text.", field="resumeText")
        if not target:
            raise InvalidInput("Say which role the résumé is for.", field="targetRole")
        target = visible(target)[:200]
        found = resumes.review(text, target, self._skills)
        return schemas.ResumeOptimisation(
            target_role=target,
            matched_role=found.role.name if found.role else None,
            score=found.score,
            scores=[
                schemas.SubScore(name=s.name, score=s.score, weight=s.weight, explanation=s.explanation)
                for s in found.scores
            ],
            found_skills=[schemas.FoundSkill(name=n, used=used, evidence=e) for n, used, e in found.found],
            missing_skills=[
                schemas.MissingSkill.model_validate({"name": n, "importance": level, "why": why})
                for n, level, why in found.missing
            ],
            found_keywords=found.found_keywords,
            missing_keywords=found.missing_keywords,
            suggestions=[
                schemas.Suggestion.model_validate(
                    {
                        "section": a.section,
                        "original": a.original,
                        "why": a.why,
                        "rewritten": a.rewritten,
                        "importance": a.importance,
                    }
                )
                for a in found.advice
            ],
            rewritten_resume=found.rewritten,
            method=resumes.METHOD,
            coverage=WHOLE,
            warnings=injections.warning(found.left_out),
        )

    def _profile(self, data: dict[str, Any], progress: Progress | None) -> BaseModel:
        candidate = _candidate(data)
        found = profiles.enhance(candidate, self._skills)
        return schemas.ProfileEnhancement(
            headline=found.headline,
            summary=found.summary,
            completeness=found.completeness,
            strengths=[schemas.Strength(text=text, evidence=evidence) for text, evidence in found.strengths],
            gaps=[schemas.Gap(area=area, why=why, action=action) for area, why, action in found.gaps],
            suggestions=[
                schemas.FieldSuggestion(field=name, current=current, proposed=proposed, why=why)
                for name, current, proposed, why in found.changes
            ],
            method=profiles.METHOD,
            coverage=WHOLE,
            warnings=injections.warning(candidate.left_out),
        )

    def _skill_list(self, data: dict[str, Any], progress: Progress | None) -> BaseModel:
        candidate = _candidate(data)
        known = skills.gather(candidate, self._skills)
        groups: dict[str, list[schemas.OptimisedSkill]] = {}
        for one in known:
            groups.setdefault(one.group, []).append(
                schemas.OptimisedSkill.model_validate(
                    {
                        "name": one.name,
                        "original": list(one.original),
                        "level": one.level,
                        "years": one.years,
                        "basis": one.basis,
                        "evidence": list(one.evidence),
                    }
                )
            )
        return schemas.SkillsOptimisation(
            groups=[schemas.SkillGroup(name=name, skills=items) for name, items in groups.items()],
            merged=[
                schemas.SkillMerge(kept=one.name, merged=list(one.original))
                for one in known
                if len(one.original) > 1 or (one.original and one.original[0] != one.name)
            ],
            suggested=[
                schemas.SuggestedSkill(name=s.name, group=s.group, why=s.why, evidence=s.evidence)
                for s in skills.suggest(known, self._skills)
            ],
            method=skills.METHOD,
            coverage=WHOLE,
            warnings=injections.warning(candidate.left_out),
        )

    def _experience(self, data: dict[str, Any], progress: Progress | None) -> BaseModel:
        candidate = _candidate(data)
        entries = []
        for position, entry in enumerate(candidate.experience):
            ongoing = month(entry.end, end=True) == month("present")
            improved = [bullets.improve(line, ongoing=ongoing) for line in entry.bullets]
            asked = [f"{b.question} — {b.original}" for b in improved if b.question][:5]
            entries.append(
                schemas.EnhancedEntry(
                    index=position,
                    title=entry.title,
                    company=entry.company,
                    period=entry.period,
                    bullets=[
                        schemas.EnhancedBullet(
                            original=b.original,
                            rewritten=b.rewritten,
                            changes=list(b.changes),
                            question=b.question,
                        )
                        for b in improved
                    ],
                    questions=asked if improved else ["What did you do there, and what came of it?"],
                )
            )
        return schemas.ExperienceEnhancement(
            entries=entries,
            method="rules: wording only; no fact is added",
            coverage=WHOLE,
            warnings=injections.warning(candidate.left_out),
        )

    def _competence(self, data: dict[str, Any], progress: Progress | None) -> BaseModel:
        candidate = _candidate(data)
        known = skills.gather(candidate, self._skills)
        shown = profiles.distinct(known) or [(one, one.evidence) for one in known]
        return schemas.CompetenceFile(
            name=candidate.name,
            headline=profiles.headline(candidate, known),
            summary=profiles.summary(candidate, known),
            emails=list(candidate.emails),
            phones=list(candidate.phones),
            links=list(candidate.links),
            competences=[schemas.Competence(name=one.name, evidence=list(lines)) for one, lines in shown[:8]],
            skill_matrix=[
                schemas.SkillRow.model_validate(
                    {"group": one.group, "skill": one.name, "level": one.level, "years": one.years}
                )
                for one in sorted(known, key=lambda one: one.group)
            ],
            experience=[self._entry(entry) for entry in profiles.recent(candidate)],
            education=[schemas.EducationEntry.model_validate(entry) for entry in candidate.education],
            languages=[schemas.LanguageEntry.model_validate(entry) for entry in candidate.languages],
            certifications=list(candidate.certifications),
            method=profiles.METHOD,
            coverage=WHOLE,
            warnings=injections.warning(candidate.left_out),
        )

    def _entry(self, entry: Experience) -> schemas.CompetenceEntry:
        ongoing = month(entry.end, end=True) == month("present")
        return schemas.CompetenceEntry(
            title=entry.title,
            company=entry.company,
            location=entry.location,
            start=entry.start,
            end=entry.end,
            months=months(entry),
            bullets=[bullets.improve(line, ongoing=ongoing).rewritten for line in entry.bullets],
            skills=self._skills.find(entry.text),
        )


class _Steps:
    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._count = progress, total, 0

    def done(self) -> None:
        self._count += 1
        if self._progress:
            self._progress(self._count, self._total)


def _passages(data: dict[str, Any]) -> list[Any]:
    try:
        return from_data(data)
    except ValueError:
        raise InvalidInput("There is no text to analyse.", field="text") from None


def _candidate(data: dict[str, Any]) -> Candidate:
    profile = data.get("candidate", data.get("candidateData", data))
    if not isinstance(profile, dict):
        raise InvalidInput("The candidate's profile is missing.", field="candidate")
    return read(profile)


def _statements(sentences: Sequence[Sentence]) -> list[schemas.Statement]:
    return [schemas.Statement(text=sentence.text, page=sentence.page) for sentence in sentences]


def _coverage(ranked: int) -> str:
    even = f"themes and phrases from the whole text, sentences from an even sample of {ranked}"
    return even if ranked >= summary.MAX_RANKED else WHOLE
