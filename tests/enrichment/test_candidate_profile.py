"""A résumé's document becomes a candidate, and a newer reading keeps what people have said."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from enrichment.models import Candidate
from jobs.models import Job
from tests.enrichment.running import perform
from uploads.models import Chunk, Document, Page, Upload

pytestmark = pytest.mark.django_db

RESUME = """Ada Example
ada@example.org | Berlin, Germany
Skills
Python, SQL, Docker
Experience
Backend Deve\ufffe
loper, Example Bank 2016 - 2024
• Built REST APIs in Python serving 2 million requests a day
Education
BSc Computer Science, University of Example 2012 - 2016
"""


def document(user: Any, text: str = RESUME) -> Document:
    upload = Upload.objects.create(
        owner=user, purpose="resume", name="ada.pdf", media_type="pdf", size=1, sha256="0" * 64,
        key=f"resume/{uuid.uuid4().hex}.pdf",
    )  # fmt: skip
    made = Document.objects.create(
        owner=user, upload=upload, links=[{"url": "https://github.com/ada", "page": 1}]
    )
    Page.objects.create(document=made, number=1, text=text)
    return made


def read(user: Any, made: Document) -> Job:
    return perform("candidate.profile", {"documentId": str(made.pk)}, owner=user)


def test_a_resume_becomes_a_candidate_with_its_links(user: Any) -> None:
    job = read(user, document(user))
    assert job.state == "completed", job.error
    candidate = Candidate.objects.get()
    assert job.result["candidateId"] == str(candidate.pk)
    assert candidate.name == "Ada Example" and candidate.owner == user
    profile = job.result["profile"]
    assert profile["emails"] == ["ada@example.org"]
    assert profile["experience"][0]["title"] == "Backend Developer"
    assert [link["url"] for link in profile["links"]] == ["https://github.com/ada"]


def test_reading_again_renews_the_same_candidate_and_keeps_corrections(user: Any) -> None:
    made = document(user)
    read(user, made)
    Candidate.objects.update(corrections={"name": "Ada Lovelace"})
    Page.objects.filter(document=made).update(
        text=RESUME.replace("Python, SQL, Docker", "Python, Kubernetes")
    )
    job = read(user, made)
    candidate = Candidate.objects.get()
    assert candidate.name == job.result["profile"]["name"] == "Ada Lovelace"
    assert job.result["corrected"] == ["name"]
    names = {skill["name"] for skill in job.result["profile"]["skills"]}
    assert {"Kubernetes", "Docker"} <= names
    assert candidate.profile["name"] == "Ada Example"


def test_without_kept_pages_the_chunks_are_read(user: Any) -> None:
    made = document(user)
    Page.objects.all().delete()
    text = RESUME.replace("\ufffe\n", "")
    Chunk.objects.create(document=made, number=0, text=text, page_start=1, page_end=1, offset=0)
    assert read(user, made).result["profile"]["emails"] == ["ada@example.org"]


def test_a_resume_without_text_is_said_to_hold_none(user: Any) -> None:
    job = read(user, document(user, "  "))
    assert (job.state, job.error["code"]) == ("failed", "no_text")


def test_somebody_elses_document_is_gone_for_me(user: Any, other_user: Any) -> None:
    job = read(user, document(other_user))
    assert (job.state, job.error["code"]) == ("failed", "gone")
    assert not Candidate.objects.exists()
