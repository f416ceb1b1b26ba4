"""Everything that an open project needs, put together."""

from collections.abc import Callable

from rotoline.io.frames import open_frames, recorded_reading
from rotoline.studio.checks import Checks
from rotoline.studio.engine import Engine
from rotoline.studio.events import Events
from rotoline.studio.frame_masks import FrameMasks
from rotoline.studio.pictures import Pictures
from rotoline.studio.project import Project
from rotoline.studio.solver import Computing


class Studio:
    """An open project, its frames, its masks, and the engine.

    Args:
        project: The project; closed by `close`.
        load: Makes what the engine computes with; None for the network that ships.
    """

    def __init__(self, project: Project, load: Callable[[], Computing] | None = None) -> None:
        self.project, self.masks, self.events = project, FrameMasks(project), Events()
        self.pictures: Pictures | None = None
        self.checks: Checks | None = None
        if project.source is not None:
            # One of its own: a source may be read by one thread alone.
            source = open_frames(project.source.path, **recorded_reading(project.about.reading))
            self.pictures = Pictures(source, project.count, self._set_count)
            self.checks = Checks(project, self.masks, self.pictures, self._tell_ranking)
        self.engine = Engine(
            project, self.masks, self.pictures, self.events, load or (lambda: load_engine(project))
        )
        if self.pictures is not None:
            self.pictures.is_busy = lambda: self.engine.is_busy

    def start(self) -> None:
        """Begin to compute."""
        self.engine.start()

    def close(self) -> None:
        """Write all files and close them."""
        self.events.close()
        if self.checks is not None:
            self.checks.close()
        self.engine.close()
        if self.pictures is not None:
            self.pictures.close()
        self.masks.close()
        self.project.close()

    def _tell_ranking(self) -> None:
        self.events.publish("check", {})

    def _set_count(self, count: int) -> None:
        self.project.set_count(count)
        self.events.publish("project", {})


def load_engine(project: Project) -> Computing:
    """Load the network that ships, with the settings of a project.

    Raises:
        RotolineError: The settings or the weights cannot be used.
    """
    from rotoline.config import read_config
    from rotoline.interact import Session
    from rotoline.model import load_model
    from rotoline.presets import FAST
    from rotoline.run import circumstances

    about = project.about
    settings = [f"{name}={value}" for name, value in about.settings.items()]
    config = read_config(FAST, None, settings)
    model = load_model(None, config.preset)
    if not about.weights and not project.is_read_only:
        project.update(about.model_copy(update={"weights": model.record.model_dump(mode="json")}))
    session = Session(model, project.size, config=config)
    return Computing(session, circumstances(model, config))
