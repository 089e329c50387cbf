"""Who may call: each kind of token, and each way to get it wrong."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import RequestFactory
from pytest_httpserver import HTTPServer
from rest_framework.request import Request
from rest_framework.test import APIClient

from jobs import local_tokens, outside_tokens, tickets
from jobs.authentication import (
    AuthenticationError,
    AuthenticationUnavailable,
    Principal,
    authenticate_token,
)
from jobs.models import Identity, Ticket
from jobs.priorities import default_priority
from tests.factories import JobFactory, UserFactory

pytestmark = pytest.mark.django_db

SECRET = "a shared secret of more than thirty-two bytes"
ISSUER, AUDIENCE = "https://id.example.org/", "millrace-api"


@pytest.fixture(autouse=True)
def _secret(settings: Any) -> None:
    settings.JWT_SECRET = SECRET


def shared(**claims: Any) -> str:
    return jwt.encode(claims, SECRET, "HS256")


def client(token: str) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {token}")


def refused(token: str) -> str:
    response = client(token).get("/api/jobs")
    assert response.status_code == 401, response.content
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response["Content-Type"] == "application/problem+json"
    return str(response.json()["detail"])


# The shared secret


def test_a_user_is_made_at_first_sight_and_found_again() -> None:
    token = shared(userId="42", exp=time.time() + 60, email="ada@example.org")
    for _ in range(2):
        assert client(token).get("/api/jobs").status_code == 200
    identity = Identity.objects.get()
    assert (identity.issuer, identity.subject) == ("jwt-secret", "42")
    assert identity.user.email == "ada@example.org"
    assert not identity.user.has_usable_password() and not identity.user.is_staff


@pytest.mark.parametrize("claims", [{"sub": "42"}, {"userId": 42}, {"userId": 42, "sub": "other"}])
def test_the_user_is_the_claim_user_id_or_else_sub(claims: dict[str, Any]) -> None:
    authenticate_token(shared(**claims))
    assert Identity.objects.get().subject == "42"


def test_a_subject_named_like_a_local_account_does_not_become_it(staff: Any) -> None:
    for claim in (staff.username, str(staff.pk)):
        principal = authenticate_token(shared(userId=claim, is_staff=True))
        assert principal.user != staff and not principal.staff and not principal.user.is_staff


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": time.time() - 60},
        {"iat": time.time() - 120, "expiresIn": 60},
        {"iat": time.time() - 120, "expiresIn": "1m"},
        {"expiresIn": time.time() - 60},
        {"expiresIn": (time.time() - 60) * 1000},
        {"expiresIn": 60},
        {"expiresIn": "soon"},
        {"expiresIn": True},
        {"nbf": time.time() + 600},
        {"exp": "never"},
    ],
)
def test_a_token_past_its_time_is_refused(claims: dict[str, Any]) -> None:
    refused(shared(userId="42", **claims))
    assert not Identity.objects.exists()


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": int(time.time()), "expiresIn": 600},
        {"iat": int(time.time()), "expiresIn": "2h"},
        {"expiresIn": time.time() + 600},
        {"expiresIn": str(int(time.time() + 600))},
        {"expiresIn": (time.time() + 600) * 1000},
        {"aud": "another application"},
        {},
    ],
)
def test_a_token_within_its_time_is_accepted(claims: dict[str, Any]) -> None:
    assert client(shared(userId="42", **claims)).get("/api/jobs").status_code == 200


def test_a_site_may_ask_that_every_token_ends(settings: Any) -> None:
    settings.JWT_REQUIRE_EXPIRY = True
    refused(shared(userId="42"))
    authenticate_token(shared(userId="42", exp=time.time() + 60))


@pytest.mark.parametrize(
    "subject", [None, "", True, 1.5, [], {"a": 1}, "x" * 256, "a\x00b", "line\nbreak", "\ud800"]
)
def test_a_subject_that_is_no_name_is_refused(subject: Any) -> None:
    refused(shared(userId=subject))


@pytest.mark.parametrize(
    "token",
    [
        "", "nonsense", "a.b.c", "é" * 10, "x" * 9000,
        jwt.encode({"userId": "42"}, "another secret of more than thirty-two bytes", "HS256"),
        jwt.encode({"userId": "42"}, SECRET * 2, "HS512"),
        jwt.encode({"userId": "42"}, None, algorithm="none"),
    ],
)  # fmt: skip
def test_a_forged_token_is_refused(token: str) -> None:
    with pytest.raises(AuthenticationError):
        authenticate_token(token)
    if token.isascii() and token:
        refused(token)


def test_an_inactive_account_is_refused() -> None:
    token = shared(userId="42")
    user = authenticate_token(token).user
    get_user_model().objects.filter(pk=user.pk).update(is_active=False)
    assert "not active" in refused(token)


def test_without_any_token_the_answer_is_401(api_for: Callable[[Any], APIClient]) -> None:
    response = api_for(None).get("/api/jobs")
    assert response.status_code == 401 and response["WWW-Authenticate"] == 'Bearer realm="api"'


# The identity provider


@pytest.fixture
def keys(httpserver: HTTPServer, settings: Any) -> Iterator[dict[str, Any]]:
    made: dict[str, Any] = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
    }
    document = {
        "keys": [
            {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(made["rsa"].public_key())), "kid": "rsa"},
            {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(made["ec"].public_key())), "kid": "ec"},
        ]
    }
    httpserver.expect_request("/keys").respond_with_json(document)
    settings.JWT_JWKS_URL, settings.JWT_ISSUER = httpserver.url_for("/keys"), ISSUER
    settings.JWT_AUDIENCE = AUDIENCE
    outside_tokens._keys.cache_clear()
    yield made
    outside_tokens._keys.cache_clear()


def provided(keys: dict[str, Any], kind: str = "rsa", algorithm: str = "RS256", **claims: Any) -> str:
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": time.time() + 60, **claims}
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(body, keys[kind], algorithm, headers={"kid": kind})


@pytest.mark.parametrize(("kind", "algorithm"), [("rsa", "RS256"), ("ec", "ES256")])
def test_a_provider_token_is_accepted(keys: dict[str, Any], kind: str, algorithm: str) -> None:
    principal = authenticate_token(
        provided(keys, kind, algorithm, email="a@example.org", email_verified=True)
    )
    assert Identity.objects.get().issuer == ISSUER
    assert principal.user.email == "a@example.org"


def test_an_email_nobody_verified_is_not_kept(keys: dict[str, Any]) -> None:
    assert authenticate_token(provided(keys, email="boss@example.org")).user.email == ""


def test_the_keys_are_fetched_once(keys: dict[str, Any], httpserver: HTTPServer) -> None:
    for _ in range(5):
        authenticate_token(provided(keys))
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example.org/"}, {"iss": None}, {"aud": "other"}, {"aud": None}, {"sub": None},
        {"exp": time.time() - 60}, {"exp": None},
    ],
)  # fmt: skip
def test_a_provider_token_for_others_is_refused(keys: dict[str, Any], claims: dict[str, Any]) -> None:
    refused(provided(keys, **claims))


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(keys: dict[str, Any]) -> None:
    pem = (
        keys["rsa"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    import hashlib
    import hmac

    signed = (
        f"{part(json.dumps({'alg': 'HS256', 'kid': 'rsa'}).encode())}."
        f"{part(json.dumps({'iss': ISSUER, 'aud': AUDIENCE, 'sub': 'ada'}).encode())}"
    )
    refused(f"{signed}.{part(hmac.new(pem, signed.encode(), hashlib.sha256).digest())}")


def test_a_key_the_provider_does_not_have_is_refused(keys: dict[str, Any]) -> None:
    stranger = rsa.generate_private_key(65537, 2048)
    refused(provided({"rsa": stranger}))
    with pytest.raises(AuthenticationError):
        authenticate_token(
            jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "a"}, stranger, "RS256", headers={"kid": "x"})
        )


def test_keys_that_can_not_be_fetched_are_a_503(keys: dict[str, Any], settings: Any) -> None:
    settings.JWT_JWKS_URL = "http://127.0.0.1:9/keys"
    outside_tokens._keys.cache_clear()
    token = provided(keys)
    with pytest.raises(AuthenticationUnavailable):
        authenticate_token(token)
    response = client(token).get("/api/jobs")
    assert response.status_code == 503 and response["Retry-After"]


def test_a_provider_without_issuer_and_audience_accepts_nobody(keys: dict[str, Any], settings: Any) -> None:
    settings.JWT_AUDIENCE = ""
    refused(provided(keys))


# Local accounts


@pytest.fixture
def pair(user: Any) -> dict[str, Any]:
    response = APIClient().post("/api/auth/token", {"username": user.username, "password": "secret-pass"})
    assert response.status_code == 200 and response["Cache-Control"] == "no-store"
    return dict(response.json())


def refresh(token: str) -> Any:
    return APIClient().post("/api/auth/token/refresh", {"refresh": token})


def test_a_local_account_signs_in(pair: dict[str, Any], user: Any) -> None:
    assert pair["expiresIn"] == 600
    assert authenticate_token(pair["access"]) == Principal(user)
    assert client(pair["access"]).get("/api/jobs").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "ada", "password": "wrong"}, 401), ({"username": "nobody", "password": "x"}, 401),
        ({}, 400), ({"username": "ada"}, 400), ({"username": {"a": 1}, "password": []}, 400), ([], 400),
    ],
)  # fmt: skip
def test_wrong_credentials_are_a_problem(user: Any, body: Any, status: int) -> None:
    response = APIClient().post("/api/auth/token", body)
    assert response.status_code == status and response["Content-Type"] == "application/problem+json"


def test_an_inactive_account_can_not_sign_in(user: Any) -> None:
    type(user).objects.update(is_active=False)
    response = APIClient().post("/api/auth/token", {"username": "ada", "password": "secret-pass"})
    assert response.status_code == 401


def test_a_refresh_token_is_good_once(pair: dict[str, Any]) -> None:
    new = refresh(pair["refresh"])
    assert new.status_code == 200 and new.json()["refresh"] != pair["refresh"]
    assert refresh(pair["refresh"]).status_code == 401
    assert refresh(new.json()["refresh"]).status_code == 200


def test_tokens_are_used_only_for_what_they_are(pair: dict[str, Any], user: Any) -> None:
    refused(pair["refresh"])
    assert refresh(pair["access"]).status_code == 401
    job_token = local_tokens.issue_for_job(user, uuid.uuid4())
    assert refresh(job_token).status_code == 401
    assert refresh("nonsense").status_code == 401


@pytest.mark.parametrize("change", ["password", "inactive", "deleted"])
def test_a_changed_account_ends_its_tokens(pair: dict[str, Any], user: Any, change: str) -> None:
    if change == "password":
        user.set_password("another-pass")
        user.save()
    elif change == "inactive":
        type(user).objects.update(is_active=False)
    else:
        user.delete()
    refused(pair["access"])
    assert refresh(pair["refresh"]).status_code == 401


def test_an_expired_access_token_is_refused(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_tokens.AccessToken, "lifetime", timedelta(seconds=-30))
    refused(local_tokens.issue_pair(user)["access"])


def test_a_token_signed_with_the_site_secret_or_the_shared_one_is_not_a_local_one(
    user: Any, settings: Any
) -> None:
    claims = {
        "iss": "millrace", "aud": "millrace", "token_type": "access", "user_id": str(user.pk), "jti": "1",
        "exp": time.time() + 60, "bound": user.get_session_auth_hash()[:32],
    }  # fmt: skip
    refused(jwt.encode(claims, settings.SECRET_KEY, "HS256"))
    refused(jwt.encode(claims, SECRET, "HS256"))


def test_expired_refresh_tokens_are_forgotten(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_tokens.RefreshToken, "lifetime", timedelta(seconds=-30))
    local_tokens.issue_pair(user)
    assert (local_tokens.forget_expired(), local_tokens.forget_expired()) == (1, 0)


# One job's token, tickets, the session cookie


def test_a_job_token_reads_that_job_and_nothing_else(api: APIClient, user: Any) -> None:
    mine, other = JobFactory.create_batch(2, owner=user)
    answer = api.post(f"/api/jobs/{mine.id}/token")
    assert answer.status_code == 201 and answer.json()["jobId"] == str(mine.id)
    reader = client(answer.json()["token"])
    assert reader.get(f"/api/jobs/{mine.id}").status_code == 200
    assert reader.get(f"/api/jobs/{mine.id}/status").status_code == 200
    assert reader.get(f"/api/jobs/status?jobId={mine.id}").status_code == 200
    for method, path in [
        ("get", f"/api/jobs/{other.id}"),
        ("get", "/api/jobs"),
        ("get", f"/api/jobs?jobId={mine.id}"),
        ("get", f"/api/jobs/status?jobId={other.id}"),
        ("post", "/api/jobs"),
        ("post", f"/api/jobs/{mine.id}/cancel"),
        ("delete", f"/api/jobs/{mine.id}"),
        ("post", f"/api/jobs/{mine.id}/token"),
    ]:
        response = getattr(reader, method)(path)
        assert (response.status_code, response.json().get("code")) in [
            (403, "token_scope")
        ] or response.json()["error"]["code"] == "token_scope", (method, path)


def test_a_job_token_of_staff_carries_no_staff_rights(staff: Any, user: Any) -> None:
    job = JobFactory(owner=user)
    principal = authenticate_token(local_tokens.issue_for_job(staff, job.id))
    assert (principal.job_id, principal.staff) == (job.id, False)
    assert principal.may_see(job) and not principal.may_see(JobFactory(owner=user))


def test_a_ticket_is_good_once_and_only_its_hash_is_stored(api: APIClient, user: Any) -> None:
    answer = api.post("/api/auth/ticket", {})
    assert answer.status_code == 201 and answer.json()["expiresIn"] == 30
    ticket = answer.json()["ticket"]
    assert ticket not in str(list(Ticket.objects.values()))
    assert tickets.redeem(ticket) == Principal(user)
    with pytest.raises(AuthenticationError):
        tickets.redeem(ticket)


@pytest.mark.parametrize("ticket", ["", "nonsense", "\ud800", "x" * 100_000])
def test_an_unknown_ticket_is_refused(ticket: str) -> None:
    with pytest.raises(AuthenticationError):
        tickets.redeem(ticket)


def test_an_expired_ticket_is_refused(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "LIFETIME", timedelta(seconds=-1))
    with pytest.raises(AuthenticationError, match="expired"):
        tickets.redeem(tickets.issue(user))


def test_a_ticket_of_an_inactive_account_is_refused(user: Any) -> None:
    ticket = tickets.issue(user)
    type(user).objects.update(is_active=False)
    with pytest.raises(AuthenticationError):
        tickets.redeem(ticket)


def test_a_ticket_can_be_narrowed_to_a_job_of_ones_own(api: APIClient, user: Any) -> None:
    mine, theirs = JobFactory(owner=user), JobFactory()
    ticket = api.post("/api/auth/ticket", {"jobId": str(mine.id)}).json()["ticket"]
    assert tickets.redeem(ticket) == Principal(user, mine.id)
    assert api.post("/api/auth/ticket", {"jobId": str(theirs.id)}).status_code == 404
    assert api.post("/api/auth/ticket", {"jobId": "x"}).status_code == 400


def test_a_job_token_gets_tickets_for_its_job_only(user: Any) -> None:
    mine, other = JobFactory.create_batch(2, owner=user)
    reader = client(local_tokens.issue_for_job(user, mine.id))
    assert tickets.redeem(reader.post("/api/auth/ticket", {}).json()["ticket"]).job_id == mine.id
    assert reader.post("/api/auth/ticket", {"jobId": str(other.id)}).status_code == 404


def test_the_session_cookie_reads_freely_and_writes_with_the_csrf_token_only(user: Any) -> None:
    page = APIClient(enforce_csrf_checks=True)
    page.login(username="ada", password="secret-pass")
    assert page.get("/api/jobs").status_code == 200
    response = page.post("/api/jobs", {"type": "echo"})
    assert response.status_code == 403 and response["Content-Type"] == "application/problem+json"
    token = "a" * 32
    page.cookies["csrftoken"] = token
    assert page.post("/api/jobs", {"type": "echo"}, headers={"X-CSRFToken": token}).status_code == 202


# Premium


def asked_by(user: Any, auth: Any = None) -> Request:
    request = Request(RequestFactory().get("/"))
    request.user, request.auth = user, auth
    return request


@pytest.mark.parametrize(
    ("claims", "priority"),
    [
        ({"premium": True}, 10), ({"groups": ["a", "premium"]}, 10), ({"premium": "yes"}, None),
        ({"groups": "premium"}, None), ({}, None),
    ],
)  # fmt: skip
def test_a_premium_token_raises_the_default_priority(claims: dict[str, Any], priority: int | None) -> None:
    principal = authenticate_token(shared(userId="42", **claims))
    assert default_priority(asked_by(principal.user, principal)) == priority


def test_a_premium_caller_may_still_ask_for_less(user: Any) -> None:
    user.groups.add(Group.objects.create(name="premium"))
    assert default_priority(asked_by(user)) == 10
    api = client(local_tokens.issue_pair(user)["access"])
    assert api.post("/api/jobs", {"type": "echo"}).json()["priority"] == 10
    assert api.post("/api/jobs", {"type": "echo", "priority": 1}).json()["priority"] == 1
    assert default_priority(asked_by(UserFactory())) is None
