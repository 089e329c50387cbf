"""What a careful reader finds in the real résumés, and what the parser must find too."""

from __future__ import annotations

import ctypes
import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from pypdfium2 import raw

from enrichment.profiles import from_json_resume, parse_profile

RESUMES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "resumes"
NEXUS = ("Co-Founder & CTO", "Nexus AI", "San Francisco, CA", "2023-06", None, True, 4)
JOHN: dict[str, Any] = {
    "name": "John Doe",
    "headline": "Co-Founder & CTO",
    "location": "San Francisco, CA",
    "emails": ["john.doe@email.com"],
    "phones": [],
    "links": {"https://linkedin.com/in/rendercv": "linkedin", "https://github.com/rendercv": "github"},
    "experience": [
        NEXUS,
        ("Research Intern", "NVIDIA Research", "Santa Clara, CA", "2022-05", "2022-08", False, 2),
        ("Research Intern", "Google DeepMind", "London, UK", "2021-05", "2021-08", False, 5),
        ("Research Intern", "Apple ML Research", "Cupertino, CA", "2020-05", "2020-08", False, 2),
        ("Research Intern", "Microsoft Research", "Redmond, WA", "2019-05", "2019-08", False, 2),
    ],
    "education": [
        ("PhD in Computer Science", "Princeton University", "2018-09", "2023-05"),
        ("BS in Computer Engineering", "Boğaziçi University", "2014-09", "2018-06"),
    ],
    "skills": {
        "Python",
        "C++",
        "CUDA",
        "Rust",
        "Julia",
        "PyTorch",
        "JAX",
        "Kubernetes",
        "Ray",
        "AWS",
        "Google Cloud",
    },
    "least": 25,
    "summary": "RenderCV reads",
}
BREMEN = "University of Bremen"
JAN: dict[str, Any] = {
    "name": "Jan Küster",
    "headline": "Consultant and Software Developer",
    "location": "Bremen, Germany",
    "emails": ["info@jankuester.com"],
    "phones": [],
    "links": {"https://www.jankuester.com": "website", "https://github.com/jankapunkt": "github"},
    "experience": [
        ("Scientific Employee / PhD Student", BREMEN, None, "2016", None, True, 2),
        ("IT Consultant for IBM XPages and Notes Domino", "We4IT GmbH", "Bremen", "2014", "2016", False, 2),
        ("Scientific Employee / Software Development", BREMEN, None, "2012", "2014", False, 2),
        ("Project Management Simulation Training", "Getoq Consulting", None, None, "2011-11", False, 2),
        ("Student Assistant / Programmer", "otulea.uni-bremen.de", None, "2010", "2011", False, 2),
    ],
    "education": [
        ("M.Sc. Digital Media", BREMEN, None, "2015-07"),
        ("Master Project - PrIMA", BREMEN, "2012", "2013"),
        ("Master Studies Digital Media", BREMEN, "2012", "2015"),
        ("Semester Abroad", "University of Melbourne", "2009", "2010"),
    ],
    "skills": {"Meteor", "JavaScript", "MongoDB", "Bootstrap", "Bash", "Git", "WebStorm", "Scrum", "XPages"},
    "least": 25,
    "summary": "Digital media graduate with project experience in the field",
}
JAN_LONG: dict[str, Any] = {
    **JAN,
    "headline": "Research Software Engineer",
    # Its 12 digits are one too many for a German mobile number: possible, not valid, confidence 0.5.
    "phones": ["+49 170 12 3456789"],
    "links": {"https://jankuester.com": "website", "https://orcid.org/0009-0008-8088-9837": "orcid"},
    "experience": [
        (
            "OpenQDA - A Free Sustainable Qualitative Research Software",
            f"ZeMKI, {BREMEN}",
            None,
            "2023",
            None,
            True,
            5,
        ),
        ("IMPACT", BREMEN, None, "2023", "2025", False, 4),
        ("lea.online", BREMEN, None, "2019", "2023", False, 4),
        ("CARO - Care Reflexion Online", BREMEN, None, "2016", "2019", False, 4),
        ("DomPL-IK", BREMEN, None, "2012", "2014", False, None),
        ("Project Management Simulation Training", "Getoq Consulting", None, None, "2011-11", False, None),
        ("Student Assistant / Programmer", BREMEN, None, "2010", "2011", False, 2),
    ],
    "education": [*JAN["education"], ("Bachelor Studies Digital Media", BREMEN, "2007", "2011")],
    "skills": {"Vue.js", "Vite", "Tailwind CSS", "Python", "React Native", "Requirements engineering"},
    "summary": "I am a Digital Media graduate",
}
EXPECTED = {
    "John_Doe_EngineeringresumesTheme_CV.pdf": JOHN,
    "John_Doe_Sb2novTheme_CV.pdf": JOHN,
    "John_Doe_EmberTheme_CV.pdf": JOHN,
    "latexcv_classic.pdf": JAN,
    "latexcv_minimalistic.pdf": JAN_LONG,
}


def read_pdf(path: Path) -> tuple[list[str], list[str]]:
    """Return the text of each page and the addresses of all link annotations."""
    pages, links = [], []
    document = pypdfium2.PdfDocument(path)
    for page in document:
        textpage = page.get_textpage()
        pages.append(textpage.get_text_bounded())
        textpage.close()
        position, link = ctypes.c_int(0), raw.FPDF_LINK()
        while raw.FPDFLink_Enumerate(page.raw, position, link):
            action = raw.FPDFLink_GetAction(link)
            size = raw.FPDFAction_GetURIPath(document.raw, action, None, 0) if action else 0
            buffer = ctypes.create_string_buffer(size or 1)
            raw.FPDFAction_GetURIPath(document.raw, action, buffer, size)
            links.append(buffer.value.decode())
        page.close()
    document.close()
    return pages, [link for link in links if link]


@cache
def parsed(name: str) -> dict[str, Any]:
    return parse_profile(*read_pdf(RESUMES / name), filename=name, today=date(2026, 6, 30)).to_dict()


@pytest.mark.parametrize("name", sorted(EXPECTED))
@pytest.mark.parametrize("key", ["name", "headline", "location", "emails", "phones"])
def test_a_resume_gives_what_a_reader_sees_at_its_top(name: str, key: str) -> None:
    assert parsed(name)[key] == EXPECTED[name][key]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_resume_gives_positions_with_their_companies_places_and_dates(name: str) -> None:
    found = parsed(name)["experience"]
    expected = EXPECTED[name]["experience"]
    keys = ("title", "company", "location", "start", "end", "current")
    assert [tuple(one[key] for key in keys) for one in found] == [one[:6] for one in expected]
    for one, (*_, bullets) in zip(found, expected, strict=True):
        assert bullets is None or len(one["bullets"]) == bullets


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_resume_gives_degrees_skills_links_and_summary(name: str) -> None:
    found, expected = parsed(name), EXPECTED[name]
    keys = ("degree", "institution", "start", "end")
    assert [tuple(one[key] for key in keys) for one in found["education"]] == expected["education"]
    assert expected["skills"] <= {one["name"] for one in found["skills"]}
    assert len(found["skills"]) >= expected["least"]
    assert expected["links"].items() <= {one["url"]: one["kind"] for one in found["links"]}.items()
    assert found["summary"].startswith(expected["summary"])


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_value_has_its_evidence_and_can_be_stored_as_json(name: str) -> None:
    found = json.loads(json.dumps(parsed(name)))
    for key in ("name", "headline", "summary", "location", "emails", "experience", "education", "skills"):
        evidence = found["evidence"][key]
        assert 0 < evidence["confidence"] <= 1 and evidence["source"]
    assert all(0 < one["confidence"] <= 1 and one["source"] for one in found["skills"])


@pytest.mark.parametrize(
    ("name", "person", "email", "position", "degree", "skills"),
    [
        (
            "new-grad.resume.json",
            "Maya Okonkwo",
            "maya.okonkwo@example.com",
            ("Software Engineering Intern", "Outreach", "2024-06", "2024-09"),
            "Bachelor of Science in Computer Science",
            12,
        ),
        (
            "sample.resume.json",
            "Richard Hendriks",
            "richard.hendriks@mail.com",
            ("CEO/President", "Pied Piper", "2013-12", "2014-12"),
            "Bachelor in Information Technology",
            6,
        ),
    ],
)
def test_a_json_resume_is_taken_as_it_is(
    name: str, person: str, email: str, position: tuple[str, ...], degree: str, skills: int
) -> None:
    found = from_json_resume(json.loads((RESUMES / name).read_text(encoding="utf-8"))).to_dict()
    assert found["name"] == person and found["emails"] == [email] and len(found["phones"]) == 1
    first = found["experience"][0]
    assert (first["title"], first["company"], first["start"], first["end"]) == position
    assert found["education"][0]["degree"] == degree
    assert len(found["skills"]) >= skills
    assert found["languages"][0] == {"name": "English", "level": "native"}
    assert found["evidence"]["name"]["confidence"] == 1.0
