"""The HTTP server of the studio: `create_app` puts together what answers to the page."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from rotoline.errors import OutputError, RotolineError, explain
from rotoline.studio import job_routes, routes
from rotoline.studio.engine import SupersededError
from rotoline.studio.pictures import NotReachedError
from rotoline.studio.project import Project
from rotoline.studio.security import LOOPBACK, Guard
from rotoline.studio.solver import Computing
from rotoline.studio.studio import Studio

PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
"""The files of the page that are given out, by their suffix."""


def create_app(
    project: Project,
    *,
    token: str,
    hosts: Collection[str] = LOOPBACK,
    load: Callable[[], Computing] | None = None,
) -> FastAPI:
    """The application that serves a project. The project is closed when it shuts down.

    Args:
        project: An open project.
        token: The one-time token of the link.
        hosts: The names under which it may be asked.
        load: Makes what the engine computes with; None for the network that ships.
    """
    studio = Studio(project, load)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        studio.start()
        try:
            yield
        finally:
            studio.close()

    app = FastAPI(
        title="rotoline studio",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[Middleware(Guard, token=token, hosts=hosts)],
    )
    app.state.studio = studio
    app.include_router(routes.router)
    app.include_router(job_routes.router)
    _add_page(app)
    _add_errors(app)
    return app


def _add_page(app: FastAPI) -> None:
    """Serve the files of the page, each under a name that is looked up and never joined."""
    files = {
        path.relative_to(PAGE).as_posix(): path
        for path in sorted(PAGE.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }

    def send(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "there is no such file")
        path = files[name]
        return Response(path.read_bytes(), media_type=_TYPES[path.suffix])

    @app.get("/")
    def get_page() -> Response:
        return send("index.html")

    @app.get("/static/{name:path}")
    def get_file(name: str) -> Response:
        return send(name)


def _add_errors(app: FastAPI) -> None:
    """Answer errors as JSON, with the text that the command would print."""

    def answer(error: object, status: int) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status)

    @app.exception_handler(RotolineError)
    def _(request: Request, error: RotolineError) -> Response:
        del request
        if isinstance(error, NotReachedError):
            return answer(error, 404)
        return answer(error, 409 if isinstance(error, OutputError) else 400)

    @app.exception_handler(OSError)
    @app.exception_handler(MemoryError)
    @app.exception_handler(RuntimeError)
    def _(request: Request, error: Exception) -> Response:
        del request
        text = explain(error)
        if text is None:
            raise error
        return answer(text, 400)

    @app.exception_handler(SupersededError)
    def _(request: Request, error: SupersededError) -> Response:
        del request, error
        return JSONResponse({"superseded": True}, 409)

    @app.exception_handler(HTTPException)
    def _(request: Request, error: HTTPException) -> Response:
        del request
        return answer(error.detail, error.status_code)

    @app.exception_handler(RequestValidationError)
    def _(request: Request, error: RequestValidationError) -> Response:
        del request
        return answer("; ".join(_explain(one) for one in error.errors()[:3]), 422)


def _explain(problem: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in problem["loc"][1:]) or "the body"
    message = str(problem["msg"])
    return f"{place}: {message[:1].lower()}{message[1:]}"
