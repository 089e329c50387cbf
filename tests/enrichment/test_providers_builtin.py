"""The offline engine: useful, deterministic, and never inventing."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from enrichment import schemas
from enrichment.analysis import agreement, bullets, papers, roles
from enrichment.analysis.passages import from_pages
from enrichment.providers.answers import figures
from enrichment.providers.base import Provider, Request, Usage, request
from enrichment.providers.builtin import BuiltinProvider
from jobs.exceptions import InvalidInput, PermanentError

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
needs_fixtures = pytest.mark.skipif(not FIXTURES.exists(), reason="the shared fixtures are not here")
PROFILE: dict[str, Any] = {
    "name": "Ada Example",
    "emails": ["ada@example.org", None],
    "skills": [
        {"name": "postgres"},
        {"name": "PostgreSQL"},
        "Python",
        {"name": "Docker", "level": "Expert"},
        None,
    ],
    "experience": [
        {
            "title": "Backend Developer",
            "company": "Bank",
            "start": "2016-01",
            "end": "2022-12",
            "bullets": ["Responsible for developing REST APIs in Python", "Reduced run time by 40%"],
        },
        {"title": "Intern", "company": "Shop", "start": "2015", "end": None, "bullets": None},
        "nonsense",
    ],
    "languages": [{"name": "German", "level": "native"}],
}


def do(task: str, **data: Any) -> Any:
    return BuiltinProvider().complete(request(task, data)).data


def paper_pages() -> list[str]:
    import pypdfium2

    with pypdfium2.PdfDocument(FIXTURES / "papers" / "N18-3011.pdf") as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def test_it_is_a_provider_that_costs_nothing() -> None:
    builtin = BuiltinProvider()
    assert isinstance(builtin, Provider)
    assert builtin.price(Usage(10**9, 10**9)) == Decimal(0)
    assert builtin.count_tokens("word " * 100) >= 100


def test_it_embeds_with_a_named_engine() -> None:
    done = BuiltinProvider().embed(["one text", "another text"])
    assert (done.engine, done.dimension, len(done.vectors)) == ("hash-1024-v1", 1024, 2)


@pytest.mark.parametrize("task", sorted(schemas.SCHEMAS))
def test_every_task_answers_the_same_way_twice_and_says_how(task: str) -> None:
    text = "The river rose by 4 metres in 1921. However, nobody should forget the harbour. " * 5
    data = {"text": text, "resumeText": text, "targetRole": "Data Analyst", "candidate": PROFILE}
    first, second = do(task, **data), do(task, **data)
    assert first == second
    assert isinstance(first, schemas.SCHEMAS[task])
    assert first.method and first.coverage
    assert "method" in first.model_dump(by_alias=True)


@pytest.mark.parametrize(
    ("task", "data", "field"),
    [
        ("document.analyse", {}, "text"),
        ("paper.analyse", {}, "text"),
        ("resume.optimise", {"targetRole": "x"}, "resumeText"),
        ("resume.optimise", {"resumeText": "x"}, "targetRole"),
        ("profile.enhance", {"candidate": 3}, "candidate"),
    ],
)
def test_missing_data_names_the_field(task: str, data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        do(task, **data)
    assert caught.value.field == field


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(PermanentError) as caught:
        BuiltinProvider().complete(Request("tea.brew", {}, schemas.Result))
    assert caught.value.code == "unknown_task"


def test_progress_is_told_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    BuiltinProvider().complete(
        request("document.analyse", {"text": "A short text."}, progress=lambda *at: told.append(at))
    )
    assert told[-1] == (5, 5)


@needs_fixtures
def test_the_paper_is_read_like_a_reviewer_would() -> None:
    found = do("paper.analyse", pages=paper_pages())
    assert found.title == "Construction of the Literature Graph in Semantic Scholar"
    assert any("280M nodes" in one.text and one.page == 1 for one in found.results)
    assert any("4.2 F1 points" in one.numbers for one in found.results)
    assert any("lacks coverage" in one.text for one in [*found.limitations, *found.open_questions])
    assert "literature graph" in found.keywords
    assert all(1 <= one.page <= 8 for one in [*found.claims, *found.methods, *found.summary])
    own = " ".join(paper_pages()).replace("\x02", "")
    assert all(one.text.split()[0] in own for one in found.claims)


@needs_fixtures
def test_the_papers_themes_name_its_subjects_with_their_pages() -> None:
    found = do("document.analyse", passages=from_pages(paper_pages()))
    labels = " ".join(theme.label for theme in found.themes).lower()
    assert "literature graph" in labels
    assert abs(sum(theme.weight for theme in found.themes) - 1) < 0.01
    assert all(theme.pages for theme in found.themes)
    assert {one.kind for one in found.insights} >= {"number", "limitation", "definition", "contrast"}
    assert not any("et al" in theme.label for theme in found.themes)


@needs_fixtures
def test_a_resume_is_scored_with_reasons_and_rewritten_without_invention() -> None:
    import pypdfium2

    path = FIXTURES / "resumes" / "John_Doe_EngineeringresumesTheme_CV.pdf"
    with pypdfium2.PdfDocument(path) as document:
        text = "\n".join(page.get_textpage().get_text_bounded() for page in document)
    found = do("resume.optimise", resumeText=text, targetRole="Machine Learning Engineer")
    names = {one.name for one in found.found_skills}
    assert {"Python", "PyTorch", "Kubernetes"} <= names
    assert found.matched_role == "Machine Learning Engineer"
    assert abs(sum(one.weight for one in found.scores) - 1) < 0.001
    assert all(one.explanation for one in found.scores)
    assert figures(found.rewritten_resume) <= figures(text)
    assert all(one.original in text.replace("\r", "") for one in found.suggestions)


def test_skills_are_merged_grouped_and_dated_by_experience() -> None:
    found = do("skills.optimise", candidate=PROFILE)
    by_name = {one.name: one for group in found.groups for one in group.skills}
    assert set(by_name["PostgreSQL"].original) == {"postgres", "PostgreSQL"}
    assert by_name["Python"].years == 7.0 and by_name["Python"].level == "expert"
    assert by_name["Docker"].level == "expert" and by_name["Docker"].basis == "as stated by the candidate"
    assert by_name["PostgreSQL"].level is None
    assert all(one.name not in by_name for one in found.suggested)
    assert all(one.evidence for one in found.suggested)


def test_experience_gains_verbs_and_questions_and_no_facts() -> None:
    found = do("experience.enhance", candidate=PROFILE)
    first, second = found.entries[0].bullets
    assert first.rewritten == "Developed REST APIs in Python"
    assert first.question
    assert second.rewritten == "Reduced run time by 40%" and second.question is None
    assert found.entries[1].questions


@pytest.mark.parametrize(
    ("line", "better"),
    [
        ("• Responsible for the management of a team of 5", "Managed a team of 5"),
        ("I was in charge of testing various releases.", "Tested releases"),
        (
            "Research integrated into Azure, reducing cost by 60%",
            "Research integrated into Azure, reducing cost by 60%",
        ),
        ("Develop and evaluate the next generation", "Developed and evaluated the next generation"),
        ("Utilized Python in order to automate reports", "Used Python to automate reports"),
        ("Python", "Python"),
    ],
)
def test_a_line_is_improved_by_its_own_words(line: str, better: str) -> None:
    assert bullets.improve(line).rewritten == better


def test_a_competence_file_holds_everything_a_client_reads() -> None:
    found = do("competence.compose", candidate=PROFILE)
    assert found.name == "Ada Example" and found.emails == ["ada@example.org"]
    assert found.competences[0].name in {"Python", "REST APIs"} and found.competences[0].evidence
    assert found.experience[0].company in {"Bank", "Shop"}
    assert {entry.months for entry in found.experience} >= {84}
    dumped = json.loads(found.model_dump_json(by_alias=True))
    assert dumped["skillMatrix"][0].keys() == {"group", "skill", "level", "years"}


def test_sixty_roles_are_known_by_the_names_people_use() -> None:
    assert len(roles.roles()) >= 60
    for words, name in [
        ("Senior Backend Engineer (m/f/d)", "Backend Developer"),
        ("ML engineer", "Machine Learning Engineer"),
        ("registered nurse", "Nurse"),
        ("Full stack dev", "Full-Stack Developer"),
    ]:
        role = roles.match(words)
        assert role and role.name == name
    assert roles.match("Astronaut") is None


def test_agreement_finds_what_is_shared_what_differs_and_which_figures_conflict() -> None:
    def paper(*claims: str) -> dict[str, Any]:
        return {"claims": [{"text": text, "page": 1} for text in claims], "keywords": ["graphs"]}

    found = agreement.compare(
        {
            "openai": paper("The model improves accuracy by 4.2 points on the test set", "Data is scarce"),
            "builtin": paper("On the test set the model improves accuracy by 42 points"),
        }
    )
    assert found.shared[0].providers == ("builtin", "openai")
    assert found.conflicts[0].numbers["openai"] != found.conflicts[0].numbers["builtin"]
    assert found.only["openai"]["claims"] == ["Data is scarce"]
    assert found.score == 0.5 and found.shared_keywords == ("graphs",)
    assert agreement.compare({}).score == 0.0


def test_figures_of_a_sentence_leave_years_and_citations_out() -> None:
    assert papers.numbers("In 2019 (Doe, 2018) we saw 4.2 F1 points and 37M nodes in Table 3") == [
        "4.2 F1 points",
        "37M nodes",
    ]
