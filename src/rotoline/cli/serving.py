"""Runs the server of the studio until Ctrl-C."""

import secrets
import socket
import webbrowser
from contextlib import suppress
from types import FrameType

import uvicorn

from rotoline.cli.terminal import console, print_warning
from rotoline.errors import ConfigError
from rotoline.studio.project import Project
from rotoline.studio.security import LOOPBACK
from rotoline.studio.server import create_app

_HERE = ("127.0.0.1", "localhost", "::1")


def serve(project: Project, host: str, port: int, *, with_browser: bool) -> None:
    """Serve a project, and close it at the end.

    Args:
        project: An open project.
        host: The address to listen on.
        port: The port; 0 for any that is free.
        with_browser: Whether to open the page in a browser.

    Raises:
        ConfigError: Address or port cannot be used.
    """
    token = secrets.token_urlsafe(32)
    with _listen(host, port) as listening:
        port = listening.getsockname()[1]
        names = [f"[{one}]" if ":" in one else one for one in _names(host)]
        link = f"http://{names[0]}:{port}/?token={token}"
        if host not in _HERE:
            print_warning(
                f"the studio listens on {host}: everybody on the network who has the link can "
                "see and change the project, and it is not encrypted; without --host only this "
                "machine can"
            )
        app = create_app(project, token=token, hosts={*LOOPBACK, *names})
        server = _Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        server.closing = app.state.studio.events.close
        console().print(f"the studio is at {link}", soft_wrap=True)
        console().print("the link works once; Ctrl-C ends the studio, and nothing is lost")
        if with_browser:
            webbrowser.open(link)
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends the streams of the pages first: they would keep it from ending."""

    closing = staticmethod(lambda: None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.closing()
        super().handle_exit(sig, frame)


def _names(host: str) -> list[str]:
    """The names of this machine under which the studio may be asked, the best one first."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    names = [socket.gethostname(), socket.getfqdn()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward, suppress(OSError):
        # Sends nothing: the system only chooses the address that it would send from.
        outward.connect(("192.0.2.1", 9))
        names.insert(0, outward.getsockname()[0])
    return [*names, host]


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; choose another "
            "port with --port, or leave it out for any that is free"
        ) from error
    return listening
