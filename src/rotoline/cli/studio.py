"""`rotoline studio`."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from rotoline.cli.options import End, Every, FirstNumber, GreyRange, Settings, Start, Stream

Given = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CLIP|PROJECT]",
        help="A video file or a folder of pictures; or the folder of a project, or of a run of "
        "rotoline segment. By default the bundled clip.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PROJECT",
        help="The folder for the project of a clip. By default one beside the clip.",
        show_default=False,
    ),
]
Source = Annotated[
    Path | None,
    typer.Option(help="Where the clip of the project is now, if it was moved.", show_default=False),
]
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for any that is free.")
]
Host = Annotated[
    str,
    typer.Option(
        help="The address to listen on. Any but the default lets others on the network in who "
        "have the link."
    ),
]
NoBrowser = Annotated[
    bool, typer.Option("--no-browser", help="Print the link, and open no browser.")
]


def studio(  # noqa: PLR0913 (each is an option)
    given: Given = None,
    output: Output = None,
    source: Source = None,
    port: Port = 0,
    host: Host = "127.0.0.1",
    settings: Settings = None,
    stream: Stream = None,
    grey_range: GreyRange = None,
    start: Start = None,
    end: End = None,
    every: Every = 1,
    first_number: FirstNumber = 0,
    *,
    no_browser: NoBrowser = False,
) -> None:
    """Mark objects, track them and correct the result, in the browser.

    Everything that is drawn is kept in the folder of the project at once. Ctrl-C ends the studio.
    """
    from rotoline.cli.terminal import console, print_warning
    from rotoline.extras import import_extra
    from rotoline.io.frames import Reading

    for package in ("fastapi", "uvicorn"):
        import_extra(package, "rotoline studio", "studio")
    from rotoline.cli.serving import serve
    from rotoline.studio.opening import default_folder, open_anything

    if given is None:
        from rotoline.demo import VIDEO

        given = VIDEO
        output = default_folder(VIDEO.stem) if output is None else output
    reading = Reading(
        stream=stream,
        grey_range=grey_range,
        start=start,
        end=end,
        every=every,
        first_number=first_number,
    )
    with closing(open_anything(given, output, source, reading, settings or [])) as project:
        console().print(f"the project is in {project.folder}", soft_wrap=True)
        for warning in (project.read_only_because, project.source_problem):
            if warning:
                print_warning(warning)
        serve(project, host, port, with_browser=not no_browser)
