"""Each kind of enrichment, from its arguments to its records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages

from enrichment.models import Analysis, Candidate, CompetenceFile, Enrichment, Paper
from jobs import transitions
from jobs.exceptions import InvalidInput
from jobs.models import Job
from tests.enrichment.people import ADA
from tests.enrichment.running import drain, perform, states

pytestmark = pytest.mark.django_db

PAPER = """Abstract
We present a method for ranking sentences of long documents. We show that accuracy improves by 12 percent.
Methods
We use a graph of sentences and compute their centrality with a power iteration on 40 documents.
Results
The accuracy increases from 61 to 73 percent compared to the baseline on both datasets.
Limitations
The approach is limited to English text and cannot find paraphrases.
Conclusion
In future work we plan to compare it with trained models."""


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGES = {
        **settings.STORAGES,
        "uploads": {
            "BACKEND": "uploads.storage.DurableFileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("enrichment.profile", "candidate_profile_enhancement"),
        ("enrichment.skills", "skills_optimization"),
        ("enrichment.experience", "experience_enhancement"),
    ],
)
def test_a_proposal_is_a_version_with_a_difference_and_the_profile_stays(
    user: Any, kind: str, type_: str
) -> None:
    first = perform(kind, {"candidateData": ADA}, owner=user)
    assert first.state == "completed", first.error
    candidate = Candidate.objects.get()
    original = candidate.profile
    assert candidate.name == "Ada Example"
    made = Enrichment.objects.get()
    assert (made.kind, made.version, made.decision, made.provider) == (type_, 1, "pending", "builtin")
    assert made.diff and made.before != made.after
    assert first.result["changes"] == made.diff
    second = perform(kind, {"candidateId": str(candidate.pk)}, owner=user)
    assert second.result["version"] == 2
    assert Candidate.objects.get().profile == original


def test_somebody_elses_candidate_can_not_be_enriched(user: Any, other_user: Any) -> None:
    theirs = Candidate.objects.create(owner=other_user, profile=ADA)
    with pytest.raises(InvalidInput, match="among yours"):
        perform("enrichment.skills", {"candidateId": str(theirs.pk)}, owner=user)
    assert not Enrichment.objects.exists()


def test_a_competence_file_is_written_and_kept_as_a_version(user: Any, media: Path) -> None:
    args = {"candidateData": ADA, "formats": ["docx"]}
    job = perform("enrichment.competence_file", args, owner=user)
    assert job.state == "completed", job.error
    row = CompetenceFile.objects.get()
    assert (row.version, bool(row.docx_key), row.pdf_key) == (1, True, "")
    with storages["uploads"].open(row.docx_key) as file:
        assert file.read(2) == b"PK"
    assert job.result["files"]["docx"].startswith(f"/api/candidates/{row.candidate_id}/competence-file")
    assert row.sections["contact"]["emails"] == ["ada@example.org"]


def test_a_bulk_says_what_became_of_each_and_runs_only_the_failed_again(user: Any) -> None:
    people = [{**ADA, "name": f"Person {number}"} for number in range(6)]
    people[2] = {"name": "Nobody"}
    people[4] = {**ADA, "experience": "much"}
    job = perform("enrichment.bulk", {"candidates": people, "kinds": ["skills_optimization"]}, owner=user)
    assert job.state == "completed", job.error
    assert (job.result["completed"], job.result["failed"], job.result["partialSuccess"]) == (4, 2, True)
    failed = {o["number"]: o["error"] for o in job.result["outcomes"] if o["status"] == "failed"}
    assert "nothing to work on" in failed[2]["message"]
    assert failed[4]["message"].startswith("experience:")
    attempts = dict(Job.objects.filter(parent=job).values_list("pk", "attempt"))

    transitions.retry_failed_children(job)
    drain()
    again = dict(Job.objects.filter(parent=job).values_list("pk", "attempt"))
    assert sorted(again[pk] - attempts[pk] for pk in again) == [0, 0, 0, 0, 1, 1]
    assert Job.objects.get(pk=job.pk).result["failed"] == 2
    assert Enrichment.objects.count() == 4


def test_a_bulk_puts_no_more_than_its_batch_in_line_at_a_time(user: Any) -> None:
    from jobs.enqueue import create
    from tests.enrichment.running import attempt

    people = [{**ADA, "name": f"Person {number}"} for number in range(5)]
    args = {"candidates": people, "batchSize": 2, "kinds": ["skills_optimization"]}
    job = create("enrichment.bulk", args, owner=user)
    attempt(job)
    assert states(job) == ["queued"] * 2
    drain()
    job.refresh_from_db()
    assert (job.state, job.children_total, job.result["completed"]) == ("completed", 5, 5)
    assert [o["number"] for o in job.result["outcomes"]] == [0, 1, 2, 3, 4]


def test_a_bulk_in_which_all_fail_fails_and_says_why_for_each(user: Any) -> None:
    job = perform("enrichment.bulk", {"candidates": [{}, {"name": "x"}]}, owner=user)
    assert (job.state, job.error["code"]) == ("failed", "all_failed")


def test_cancelling_a_bulk_cancels_what_is_left_of_it(user: Any) -> None:
    from jobs.enqueue import create
    from tests.enrichment.running import attempt

    job = create("enrichment.bulk", {"candidates": [ADA, ADA, ADA]}, owner=user)
    attempt(job)
    attempt(job.children.order_by("id")[0])
    transitions.cancel(Job.objects.get(pk=job.pk))
    assert states(job) == ["completed", "cancelled", "cancelled"]
    assert Job.objects.get(pk=job.pk).state == "cancelled"


def test_a_resume_is_scored_and_rewritten_for_a_role(user: Any) -> None:
    text = "Ada Example\nSkills\nPython, SQL, Docker\nExperience\nBackend Developer, Bank 2016 - 2024\n"
    job = perform("resume.optimise", {"resumeText": text, "targetRole": "Backend Engineer"}, owner=user)
    assert job.state == "completed", job.error
    assert 0 <= job.result["score"] <= 100
    assert job.result["suggestions"] and "Ada Example" in job.result["rewrittenResume"]
    assert job.result["usage"]["provider"] == "builtin"


def test_a_paper_is_read_and_its_reading_is_stored(user: Any) -> None:
    paper = Paper.objects.create(owner=user, title="Ranking", text=PAPER)
    job = perform("paper.compare", {"paperId": str(paper.pk), "providers": ["builtin"]}, owner=user)
    assert job.state == "completed", job.error
    reading = Analysis.objects.get()
    assert (reading.paper, reading.provider) == (paper, "builtin")
    assert reading.data["claims"] and reading.data["limitations"]
    assert job.result["analyses"]["builtin"]["data"] == reading.data
    assert job.result["agreement"] is None and job.result["errors"] == {}


def test_somebody_elses_paper_can_not_be_read(user: Any, other_user: Any) -> None:
    paper = Paper.objects.create(owner=other_user, title="Ranking", text=PAPER)
    with pytest.raises(InvalidInput, match="among yours"):
        perform("paper.compare", {"paperId": str(paper.pk)}, owner=user)
