"""Every way in that is closed, and the one that is open."""

import pytest
from starlette.testclient import TestClient

from rotoline.studio.project import Project
from rotoline.studio.security import MAX_BODY
from rotoline.studio.server import create_app

OWN = {"X-Rotoline": "1", "Sec-Fetch-Site": "same-origin"}
STREAMED = ["/api/project", "/api/events", "/masks/0", "/frames/key/0.jpg", "/api/check"]


@pytest.fixture
def stranger(project_folder):
    """A client without the cookie."""
    app = create_app(Project(project_folder), token="secret", load=lambda: None)
    with TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger):
    """One with the cookie, and no further headers."""
    assert stranger.get("/?token=secret").status_code == 303
    return stranger


def test_the_link_gives_a_cookie_once(stranger):
    answer = stranger.get("/?token=secret")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("rotoline-8000=")
    assert "secret" not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert stranger.get("/").status_code == 200
    assert stranger.get("/?token=secret").status_code == 303  # the same browser, again
    stranger.cookies.clear()
    assert stranger.get("/?token=secret").status_code == 401


@pytest.mark.parametrize("path", ["/", "/static/index.html", "/nowhere", *STREAMED])
def test_without_the_cookie_nothing_is_given_out(stranger, path):
    assert stranger.get(path, headers=OWN).status_code == 401
    assert stranger.get(f"{path}?token=wrong", headers=OWN).status_code == 401
    stranger.cookies.set("rotoline-8000", "wrong")
    assert stranger.get(path, headers=OWN).status_code == 401


def test_a_link_of_another_studio_gives_no_cookie(stranger):
    for token in ("wrong", "%00", "secretsecret", "s"):
        assert "set-cookie" not in stranger.get(f"/?token={token}").headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example:8000", "", "[::2]:8000"]
)
def test_another_name_is_refused(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 403
    assert client.get("/?token=secret", headers={"Host": host}).status_code == 403


def test_the_names_of_this_machine_are_known(client):
    cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in client.cookies.items())}
    for host in ("localhost:8000", "127.0.0.1:8000", "[::1]:8000"):
        assert client.get("/", headers={"Host": host, **cookie}).status_code == 200


@pytest.mark.parametrize("path", STREAMED)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9000"},
        {"Origin": "null"},
    ],
)
def test_other_pages_read_nothing(client, path, headers):
    assert client.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/objects"),
        ("PATCH", "/api/objects/1"),
        ("DELETE", "/api/objects/1"),
        ("POST", "/api/frames/0/strokes"),
        ("POST", "/api/undo"),
        ("DELETE", "/api/jobs"),
        ("POST", "/api/open-folder"),
        ("PUT", "/"),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Rotoline": "1", "Sec-Fetch-Site": "same-site"},
        {"X-Rotoline": "1", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://127.0.0.1:8000"},
        {},
    ],
)
def test_other_pages_change_nothing(client, method, path, headers):
    assert client.request(method, path, headers=headers).status_code == 403
    assert client.get("/api/project", headers=OWN).json()["objects"] == []


def test_the_page_itself_may_change_things(client):
    for headers in (OWN, {"X-Rotoline": "1", "Origin": "http://127.0.0.1:8000"}):
        assert client.post("/api/objects", headers=headers, json={}).status_code == 200


def test_long_bodies_are_refused(client):
    body = b"[" + b"0," * MAX_BODY + b"0]"
    assert client.post("/api/objects", headers=OWN, content=body).status_code == 413
    pieces = (body[i : i + 65536] for i in range(0, len(body), 65536))
    answer = client.post("/api/objects", headers=OWN, content=pieces)  # without its length
    assert answer.status_code >= 400
    assert client.get("/api/project", headers=OWN).json()["objects"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/index.html%00.js",
        "/static/..\\server.py",
        "/static/",
    ],
)
def test_no_file_is_found_by_a_path(client, path):
    assert client.get(path, headers=OWN).status_code in (400, 404)


@pytest.mark.parametrize("path", ["/", "/api/project", "/nowhere", "/static/index.html"])
def test_every_answer_says_what_a_browser_may_do(client, path):
    headers = client.get(path, headers=OWN).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


def test_nothing_describes_the_server(client):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path, headers=OWN).status_code == 404
