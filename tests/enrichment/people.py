"""A candidate to work on."""

from __future__ import annotations

from typing import Any

ADA: dict[str, Any] = {
    "name": "Ada Example",
    "headline": "Backend Developer",
    "summary": "Developer for payment systems.",
    "emails": ["ada@example.org"],
    "skills": ["python", "Postgres", "postgresql", "Docker"],
    "experience": [
        {
            "title": "Backend Developer",
            "company": "Example Bank",
            "start": "2016-03",
            "end": "2024-01",
            "bullets": [
                "Was responsible for the maintenance of REST APIs in Python serving 2 million requests a day",
                "Reduced batch run time by 40% with SQL tuning",
                "Helped with the deployment with Docker",
            ],
        }
    ],
    "education": [{"degree": "BSc Computer Science", "institution": "University of Example", "end": "2016"}],
}
