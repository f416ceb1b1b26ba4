"""Who may talk to the server: the page that it gave out, in the browser that opened its link.

Any web site that a person visits can send requests to a server on their own machine, and can even
make its own name point there (DNS rebinding). So every request is checked:

* its `Host` is one of the names that the server was started for;
* it has the cookie that the link with the one-time token was exchanged for;
* what changes or streams anything comes from the page itself, by `Sec-Fetch-Site` or `Origin`,
  which no script can set;
* what changes anything has the header `X-Rotoline`, which another site cannot send unasked.
"""

import secrets
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""The names of the machine itself."""
MAX_BODY = 2**20
"""Largest body of a request in bytes: a stroke of some ten thousand points."""
SAFE = ("GET", "HEAD")
_STREAMED = ("/api/", "/frames/", "/masks/")
"""What is answered to the page alone, even if nothing is changed."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; font-src 'self'; worker-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """Refuses requests, around another application (ASGI).

    Args:
        app: The application.
        token: The one-time token of the link; it is worth nothing after its first use.
        hosts: The names under which the server may be asked, without the port.
    """

    def __init__(self, app: App, token: str, hosts: Collection[str] = LOOPBACK) -> None:
        self._app, self._token, self._hosts = app, token, frozenset(hosts)
        self._secret = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._check(scope)
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
            return
        await self._app(scope, _Limited(receive), send_guarded)

    def _check(self, scope: Scope) -> Response | None:
        """The answer to a request that goes no further; None if it may."""
        headers = Headers(scope=scope)
        path, host = str(scope["path"]), headers.get("host", "")
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        if (name if port.isdigit() else host) not in self._hosts:
            return _refuse(scope, f"the studio does not answer to the name {host!r}", 403)
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        has_cookie = self._has_cookie(headers, port)
        if path == "/" and scope["method"] == "GET" and token:
            return self._exchange(token, port, has_cookie=has_cookie)
        if not has_cookie:
            return _refuse(
                scope, "open the studio by the link that the command rotoline studio printed", 401
            )
        is_safe = scope["method"] in SAFE
        if (not is_safe or path.startswith(_STREAMED)) and not _is_own(headers, host):
            return _refuse(scope, "only the page of the studio itself may ask for this", 403)
        if not is_safe and headers.get("x-rotoline") != "1":
            return _refuse(scope, "the header X-Rotoline: 1 is missing", 403)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            return _refuse(scope, f"a request may have no more than {MAX_BODY} bytes", 413)
        return None

    def _exchange(self, token: str, port: str, *, has_cookie: bool) -> Response:
        """Give a cookie for the token, once."""
        is_right = bool(self._token) and secrets.compare_digest(
            token.encode(), self._token.encode()
        )
        if not (is_right or has_cookie):
            return PlainTextResponse(
                "This link was used before, or is of another studio. Start rotoline studio again "
                "for a new one; nothing is lost.",
                401,
            )
        response = RedirectResponse("/", 303)
        if is_right:
            self._token = ""
            # Cookies know no ports: another studio on this machine has one of its own.
            response.set_cookie(
                f"rotoline-{port}",
                self._secret,
                max_age=7 * 24 * 3600,
                httponly=True,
                samesite="strict",
            )
        return response

    def _has_cookie(self, headers: Headers, port: str) -> bool:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == f"rotoline-{port}" and secrets.compare_digest(
                value.encode(), self._secret.encode()
            ):
                return True
        return False


def _is_own(headers: Headers, host: str) -> bool:
    """Whether a request comes from the page, or from a program that is no browser."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or origin == f"http://{host}"


def _refuse(scope: Scope, reason: str, status: int) -> Response:
    if str(scope["path"]).startswith("/api/"):
        return JSONResponse({"error": reason}, status)
    return PlainTextResponse(reason, status)


class _Limited:
    """Receives a body of limited length, whatever its header says."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._left = receive, MAX_BODY

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            return {"type": "http.disconnect"}
        return message
