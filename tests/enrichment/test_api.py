"""The routes of enrichment, candidates and papers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from enrichment.models import Candidate, Enrichment, Paper
from jobs.models import Job
from tests.enrichment.people import ADA
from tests.enrichment.running import drain
from tests.enrichment.test_kinds import PAPER, media

__all__ = ["media"]
pytestmark = pytest.mark.django_db


def start(api: APIClient, **body: Any) -> dict[str, Any]:
    response = api.post("/api/enrichment", {"type": "skills_optimization", "candidateData": ADA, **body})
    assert response.status_code == 202, response.content
    return response.json()


@pytest.fixture
def proposal(api: APIClient) -> Enrichment:
    start(api, type="experience_enhancement")
    drain()
    return Enrichment.objects.get()


@pytest.mark.parametrize(
    ("given", "priority", "queue", "attempts"),
    [
        (None, 5, "enrichment-normal", 3),
        (20, 20, "enrichment-critical", 5),
        ("critical", 20, "enrichment-critical", 5),
        (19, 19, "enrichment-high", 4),
        ("high", 10, "enrichment-high", 4),
        (9, 9, "enrichment-normal", 3),
        (4, 4, "enrichment-low", 2),
        ("low", 1, "enrichment-low", 2),
    ],
)
def test_a_priority_leads_to_its_queue_and_its_attempts(
    api: APIClient, given: Any, priority: int, queue: str, attempts: int
) -> None:
    body = start(api, **({"priority": given} if given else {}))
    assert (body["priority"], body["queue"], body["maxAttempts"]) == (priority, queue, attempts)
    assert body["type"] == "skills_optimization"


def test_a_premium_caller_starts_higher(api: APIClient, user: Any) -> None:
    user.groups.add(Group.objects.create(name="premium"))
    assert start(api)["queue"] == "enrichment-high"
    assert start(api, priority="low")["queue"] == "enrichment-low"


def test_reprioritising_a_waiting_job_moves_it_to_the_other_queue(api: APIClient) -> None:
    job = start(api, priority="low")
    moved = api.patch(f"/api/enrichment?jobId={job['jobId']}", {"priority": "critical"})
    assert (moved.status_code, moved.json()["queue"]) == (200, "enrichment-critical")
    assert api.patch(f"/api/enrichment?jobId={job['jobId']}", {"priority": 21}).status_code == 400


def test_a_job_is_shown_in_the_shape_of_this_route(api: APIClient) -> None:
    job = start(api)
    address = f"/api/enrichment?jobId={job['jobId']}"
    assert api.get(address).json() == {
        "status": "pending",
        "progress": {"percentage": 0.0, "message": "", "stage": ""},
        "result": None,
        "error": None,
        "retryCount": 0,
        "maxRetries": 2,
    }
    drain()
    done = api.get(address).json()
    assert (done["status"], done["progress"]["percentage"]) == ("completed", 100.0)
    assert done["result"]["changes"][0]["path"] == "skills"


def test_a_job_is_cancelled_and_run_again_here(api: APIClient) -> None:
    address = f"/api/enrichment?jobId={start(api)['jobId']}"
    assert api.delete(address).json()["status"] == "cancelled"
    assert api.delete(address).status_code == 409
    assert api.delete(f"{address}&action=retry").status_code == 202
    drain()
    assert api.get(address).json()["status"] == "completed"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "skills"}, "type"),
        ({"type": "ai-analysis"}, "type"),
        ({}, "type"),
        ({"type": "skills_optimization"}, "args"),
        ({"type": "skills_optimization", "candidateData": {"name": "Ada"}}, "candidateData"),
        ({"type": "skills_optimization", "candidateData": {"skills": [5]}}, "candidateData.skills.0"),
        (
            {"type": "skills_optimization", "candidateData": {"skills": ["a"], "experience": [{"title": 5}]}},
            "candidateData.experience.0.title",
        ),
        ({"type": "skills_optimization", "candidateId": "x"}, "candidateId"),
        ({"type": "skills_optimization", "candidateData": ADA, "provider": "openai"}, "provider"),
        ({"type": "skills_optimization", "candidateData": ADA, "provider": "best"}, "provider"),
        ({"type": "skills_optimization", "candidateData": ADA, "colour": 1}, "colour"),
        ({"type": "competence_file_generation", "candidateData": ADA, "formats": ["odt"]}, "formats.0"),
        ({"type": "bulk_candidate_enrichment"}, "args"),
        ({"type": "bulk_candidate_enrichment", "candidates": ["x"]}, "candidates.0"),
        ({"type": "bulk_candidate_enrichment", "candidates": [ADA], "batchSize": 0}, "batchSize"),
        ({"type": "bulk_candidate_enrichment", "candidates": [ADA], "kinds": ["x"]}, "kinds.0"),
        ({"type": "skills_optimization", "candidateData": ADA, "priority": "urgent"}, "priority"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_stored(api: APIClient, body: Any, field: str) -> None:
    response = api.post("/api/enrichment", body)
    assert response.status_code == 400, response.content
    assert field in response.json()["errors"]
    assert not Job.objects.exists()


def test_the_same_key_and_body_is_the_same_job(api: APIClient) -> None:
    body = {"type": "skills_optimization", "candidateData": ADA}
    key = {"HTTP_IDEMPOTENCY_KEY": "k1"}
    first = api.post("/api/enrichment", body, **key).json()["jobId"]
    assert api.post("/api/enrichment", body, **key).json()["jobId"] == first
    assert api.post("/api/enrichment", {**body, "priority": 9}, **key).status_code == 422
    assert Job.objects.count() == 1


def test_an_accepted_proposal_shows_in_the_profile_and_leaves_the_original(
    api: APIClient, proposal: Enrichment
) -> None:
    address = f"/api/candidates/{proposal.candidate_id}"
    original = api.get(address).json()["original"]
    change = proposal.diff[0]
    accepted = api.post(f"{address}/enrichments/{proposal.pk}/accept", {"paths": [change["path"]]})
    assert (accepted.status_code, accepted.json()["decision"]) == (200, "accepted")
    now = api.get(address).json()
    assert now["original"] == original
    assert now["corrections"] == {change["path"]: change["after"]}
    number = int(change["path"].rsplit(".", 1)[1])
    assert now["profile"]["experience"][0]["bullets"][number] == change["after"]
    assert api.post(f"{address}/enrichments/{proposal.pk}/reject").status_code == 409


def test_a_proposal_about_a_line_that_has_changed_since_is_not_accepted(
    api: APIClient, proposal: Enrichment
) -> None:
    address = f"/api/candidates/{proposal.candidate_id}"
    path = proposal.diff[0]["path"]
    assert api.patch(address, {"corrections": {path: "My own words"}}).status_code == 200
    response = api.post(f"{address}/enrichments/{proposal.pk}/accept")
    assert (response.status_code, response.json()["paths"]) == (409, [path])
    proposal.refresh_from_db()
    assert proposal.decision == "pending"


def test_a_rejected_proposal_changes_nothing(api: APIClient, proposal: Enrichment) -> None:
    address = f"/api/candidates/{proposal.candidate_id}"
    before = api.get(address).json()["profile"]
    assert api.post(f"{address}/enrichments/{proposal.pk}/reject").json()["decision"] == "rejected"
    assert api.get(address).json()["profile"] == before
    assert api.get(f"{address}/enrichments").json()["enrichments"][0]["decidedBy"] == "ada"


@pytest.mark.parametrize(
    ("corrections", "field"),
    [
        ({"shoe": 1}, "shoe"),
        ({"evidence": {}}, "evidence"),
        ({"name": 5}, "name"),
        ({"experience.9.title": "x"}, "experience.9.title"),
        ({"experience.0.nope": "x"}, "experience.0.nope"),
        ({"skills": "Python"}, "skills"),
        ({"emails.0": {"a": 1}}, "emails.0"),
    ],
)
def test_a_correction_that_does_not_fit_is_named(
    api: APIClient, user: Any, corrections: Any, field: str
) -> None:
    candidate = Candidate.objects.create(owner=user, profile=ADA)
    response = api.patch(f"/api/candidates/{candidate.pk}", {"corrections": corrections})
    assert response.status_code == 400 and field in response.json()["errors"]
    candidate.refresh_from_db()
    assert candidate.corrections == {}


def test_a_correction_can_be_taken_back(api: APIClient, user: Any) -> None:
    candidate = Candidate.objects.create(owner=user, profile=ADA)
    address = f"/api/candidates/{candidate.pk}"
    assert api.patch(address, {"corrections": {"name": "Ada L."}}).json()["name"] == "Ada L."
    assert api.patch(address, {"remove": ["name"]}).json()["name"] == "Ada Example"
    assert api.get("/api/candidates").json()["candidates"][0]["name"] == "Ada Example"


def test_a_competence_file_is_handed_out_as_an_attachment(api: APIClient, media: Path) -> None:
    job = start(api, type="competence_file_generation", formats=["docx"])
    drain()
    result = api.get(f"/api/enrichment?jobId={job['jobId']}").json()["result"]
    response = api.get(result["files"]["docx"])
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith("attachment")
    assert b"".join(response.streaming_content)[:2] == b"PK"
    missing = api.get(f"/api/candidates/{result['candidateId']}/competence-file?format=pdf")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_competence_file")


def test_everything_of_somebody_else_is_not_there(
    api: APIClient, other_user: Any, api_for: Callable[[Any], APIClient], proposal: Enrichment
) -> None:
    theirs = api_for(other_user)
    one = f"/api/candidates/{proposal.candidate_id}"
    paper = Paper.objects.create(owner=proposal.candidate.owner, text=PAPER)
    answers = [
        theirs.get(one),
        theirs.patch(one, {"corrections": {}}),
        theirs.get(f"{one}/enrichments"),
        theirs.get(f"{one}/competence-file"),
        theirs.post(f"{one}/enrichments/{proposal.pk}/accept"),
        theirs.post(f"{one}/enrichments/{proposal.pk}/reject"),
        theirs.get(f"/api/papers/{paper.pk}"),
        theirs.get(f"/api/enrichment?jobId={proposal.job_id}"),
        theirs.delete(f"/api/enrichment?jobId={proposal.job_id}"),
        theirs.post(
            "/api/enrichment", {"type": "skills_optimization", "candidateId": str(proposal.candidate_id)}
        ),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert theirs.get("/api/candidates").json()["candidates"] == []
    assert theirs.get("/api/papers").json()["papers"] == []


def test_a_paper_sent_as_text_is_read_and_shown(api: APIClient) -> None:
    response = api.post("/api/papers", {"title": "Ranking", "text": PAPER})
    assert response.status_code == 202
    assert set(response.json()) == {"paperId", "jobId"}
    drain()
    paper = api.get(f"/api/papers/{response.json()['paperId']}").json()
    assert paper["status"] == "completed"
    assert paper["analyses"]["builtin"]["data"]["claims"]


def test_a_paper_sent_as_a_file_is_extracted_and_read(api: APIClient, media: Path) -> None:
    file = SimpleUploadedFile("ranking.txt", PAPER.encode(), content_type="text/plain")
    response = api.post("/api/papers", {"file": file, "title": "Ranking"}, format="multipart")
    assert response.status_code == 202, response.content
    drain()
    job = Job.objects.get(pk=response.json()["jobId"])
    assert job.state == "completed", job.error
    assert [c.kind for c in job.children.order_by("id")] == ["document.process", "paper.analyse"]
    paper = api.get(f"/api/papers/{response.json()['paperId']}").json()
    assert paper["analyses"]["builtin"]["data"]["claims"]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"text": "short"}, "text"), ({"title": 5, "text": PAPER}, "title"), ({"text": PAPER, "x": 1}, "x"),
     ({"text": PAPER, "providers": ["openai"]}, "providers")],
)  # fmt: skip
def test_a_bad_field_of_a_paper_is_named(api: APIClient, body: Any, field: str) -> None:
    response = api.post("/api/papers", body)
    assert response.status_code == 400 and field in response.json()["errors"]
    assert not Paper.objects.exists()


def test_statistics_count_by_type_priority_and_error_in_a_bounded_number_of_queries(
    api: APIClient, user: Any, django_assert_max_num_queries: Any
) -> None:
    start(api)
    start(api, type="experience_enhancement", priority="high")
    drain()
    start(api, priority="low")
    gone = Candidate.objects.create(owner=user, profile=ADA)
    api.post("/api/jobs", {"type": "skills_optimization", "candidateId": str(gone.pk)})
    gone.delete()
    drain()
    with django_assert_max_num_queries(8):
        stats = api.get("/api/enrichment?action=stats").json()
    assert stats["totals"]["total"] == 4
    assert set(stats["perType"]) == {"skills_optimization", "experience_enhancement"}
    assert {"normal", "high", "low"} <= set(stats["perPriority"])
    assert stats["averageProcessingTimeMs"] is not None


def test_health_shows_every_queue_of_enrichment(api: APIClient) -> None:
    start(api)
    health = api.get("/api/enrichment?action=health").json()
    assert set(health) == {"redis", "workers", "queues"}
    assert health["queues"]["enrichment-normal"] == {
        "waiting": 1,
        "active": 0,
        "workers": 0,
        "paused": False,
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "ai-analysis", "paperId": str(uuid.uuid4()), "providers": ["builtin"]}, "paperId"),
        ({"type": "skills_optimization", "candidateId": str(uuid.uuid4())}, "candidateId"),
        ({"type": "bulk_candidate_enrichment", "candidateIds": [str(uuid.uuid4())]}, "candidateIds"),
    ],
)
def test_a_job_about_what_is_not_yours_is_refused_when_it_is_asked_for(
    api: APIClient, body: dict[str, Any], field: str
) -> None:
    answer = api.post("/api/jobs", body, format="json")
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["errors"]
    assert not Job.objects.exists()
