"""What import-linter can not see, because it looks at whole packages: who names which part of django-q2."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "jobs", "uploads", "enrichment", "monitoring")
FORBIDDEN_NAMES = {"services", "utils", "helpers", "common", "misc"}


def sources() -> list[Path]:
    return sorted(path for app in APPS for path in (ROOT / app).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_jobs_brokers_knows_the_brokers_of_django_q2() -> None:
    knowing = [
        str(path.relative_to(ROOT))
        for path in sources()
        if any(name == "django_q.brokers" or name.startswith("django_q.brokers.") for name in imported(path))
    ]
    assert {name.rpartition("/")[0] for name in knowing} == {"jobs/brokers"}


def test_only_the_configuration_reads_the_environment_of_a_site() -> None:
    # The sandbox clears it, which is the opposite of reading it; what starts a site hands it on.
    allowed = {"config/", "jobs/confinement.py", "monitoring/management/", "monitoring/demo/running.py"}
    reading = {
        str(path.relative_to(ROOT))
        for path in sources()
        if "os.environ" in path.read_text() or "os.getenv" in path.read_text()
    }
    strangers = {name for name in reading if not any(name.startswith(prefix) for prefix in allowed)}
    assert strangers == set()


def test_every_module_is_named_after_its_subject() -> None:
    assert [str(path) for path in sources() if path.stem in FORBIDDEN_NAMES] == []
