"""The document of the API, its errors whatever is sent, and what browsers of other sites may do."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import URLPattern
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from jobs import problems, urls
from jobs.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=out)
    return dict(json.loads(out.getvalue()))


def test_every_route_and_method_of_the_jobs_is_in_the_document(document: dict[str, Any]) -> None:
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        path = "/api/" + str(pattern.pattern).replace("<uuid:job_id>", "{job_id}")
        view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
        methods = {m for m in ("get", "post", "put", "patch", "delete") if hasattr(view, m)}
        assert methods <= set(document["paths"][path]), path


def test_every_operation_documents_its_errors_and_how_to_sign_in(document: dict[str, Any]) -> None:
    operations = [op for path in document["paths"].values() for op in path.values() if isinstance(op, dict)]
    assert all("application/problem+json" in op["responses"]["default"]["content"] for op in operations)
    assert {"bearer", "cookie"} <= set(document["components"]["securitySchemes"])


def test_the_document_and_its_page_are_served_without_another_site() -> None:
    assert APIClient().get("/api/schema").status_code == 200
    page = APIClient().get("/api/docs").content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert "cdn." not in page and "unpkg" not in page


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    [
        "type",
        "priority",
        "runAt",
        "callbackUrl",
        "maxAttempts",
        "text",
        "repeatCount",
        "jobs",
        "action",
        "filter",
    ]
)
BODIES = JSON | st.dictionaries(FIELDS | st.text(max_size=5), JSON, max_size=6).map(
    lambda body: {"type": "echo", **body} if len(body) % 2 else body
)


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/bulk", "/api/jobs/actions", "/api/auth/token"])
@given(body=BODIES)
@settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_body_whatever_is_answered_with_a_500(staff_api: APIClient, path: str, body: Any) -> None:
    before = Job.objects.count()
    content = json.dumps(body).encode()
    response = staff_api.post(path, content, content_type="application/json")
    assert response.status_code in (202, 400, 401, 429), response.content
    if response.status_code != 202:
        assert Job.objects.count() == before
        assert response["Content-Type"] == "application/problem+json"


@given(content=st.binary(max_size=200))
@settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_bytes_whatever_are_answered_with_a_500(api: APIClient, content: bytes) -> None:
    assert api.post("/api/jobs", content, content_type="application/json").status_code == 400


@given(query=st.dictionaries(st.sampled_from(["status", "type", "q", "cursor", "createdAfter"]), st.text()))
@settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_query_whatever_is_answered_with_a_500(api: APIClient, query: dict[str, str]) -> None:
    query = {name: text.encode(errors="replace").decode() for name, text in query.items()}
    assert api.get("/api/jobs", query).status_code in (200, 400)


# What Django itself answers


@pytest.mark.parametrize("debug", [True, False])
def test_an_unknown_api_route_is_json_and_a_page_is_not(settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    response = Client().get("/api/no/such/route")
    assert response.status_code == 404 and response["Content-Type"] == "application/problem+json"
    assert Client().get("/no-such-page")["Content-Type"].startswith("text/html")


def test_a_mistake_of_ours_is_a_json_500_that_tells_nothing(
    user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the secret is swordfish")

    monkeypatch.setattr("jobs.views.jobs.bodies.read_job", broken)
    client = APIClient(raise_request_exception=False)
    client.force_login(user)
    client.force_authenticate(user)
    response = client.post("/api/jobs", {"type": "echo"})
    assert response.status_code == 500 and response["Content-Type"] == "application/problem+json"
    assert b"swordfish" not in response.content


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/jobs", "application/problem+json"), ("/page", "text/html")]
)
def test_the_error_pages_of_django_are_json_under_api_only(path: str, kind: str) -> None:
    request = RequestFactory().get(path)
    for response in (
        problems.bad_request(request, ValueError()),
        problems.permission_denied(request, PermissionError()),
        problems.page_not_found(request, ValueError("x")),
        problems.server_error(request),
        problems.csrf_failure(request, "why"),
    ):
        assert response["Content-Type"].startswith(kind)
    if kind != "text/html":
        assert problems.bad_request(request, RequestDataTooBig()).status_code == 413


def test_a_foreign_host_name_is_refused(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["api.example.org"]
    assert Client().get("/api/jobs", headers={"host": "evil.example.org"}).status_code == 400


# Browsers of other sites


def preflight(origin: str) -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return Client().options("/api/jobs", headers=headers)


def test_listed_origins_may_call_and_others_may_not(settings: Any, api: APIClient) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.org"]
    allowed = preflight("https://app.example.org")
    assert allowed["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert "idempotency-key" in allowed["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in allowed
    assert "Access-Control-Allow-Origin" not in preflight("https://evil.example.org")
    answer = api.get("/api/jobs", headers={"Origin": "https://app.example.org"})
    assert "retry-after" in answer["Access-Control-Expose-Headers"]


def test_by_default_no_other_origin_may_call() -> None:
    assert "Access-Control-Allow-Origin" not in preflight("https://evil.example.org")


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_a_route_that_does_not_exist_is_a_404_by_every_method(method: str, db: None) -> None:
    from django.test import Client

    answer = getattr(Client(enforce_csrf_checks=True), method)("/api/no-such-thing")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
