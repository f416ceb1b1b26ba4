"""The effect of each stage: the full configuration against variants that leave one thing out.

    rotoline experiment ablation --data DATA --output OUT --weights FILE
    rotoline experiment ablation --data DATA --output OUT --odd-weights ODD --even-weights EVEN

OUT/ablation.md             accuracy of every variant, and the differences with their intervals
OUT/VARIANT/results.json    what `dev` or `halves` measures; times of `full` only
OUT/VARIANT/clips/NAME.json one per clip, as soon as it is measured

OUT/ablation.md has the rows of the paper's Table 2 (stages left out one after another), of its
Table 1 (one softmax for all objects) and the seconds of its Table 3, next to the published figures,
then each thing left out alone. With the weights of two halves the clips are those of `rotoline
experiment halves` that the weights have not seen. Takes three to four times as long as one
configuration: what variants have in common is computed once per clip.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rotoline.config import read_config
from rotoline.errors import InputError
from rotoline.evaluation.report import ablation_table
from rotoline.evaluation.results import FILE, Results, make_results, read_results, write_record
from rotoline.evaluation.rows import Row
from rotoline.evaluation.runner import Measurements, Subject, load_models, make_tasks
from rotoline.io.atomic import write_text
from rotoline.io.output_folder import new_output
from rotoline.presets import find_preset
from rotoline.runtime.progress import Progress
from rotoline.systems.protocol import SystemConfig

FULL = "full"
"""Name of the configuration that the variants are compared with."""

Settings = tuple[str, ...]
"""Settings as for `--set`, such as `regions.method=off`."""


def measure_variants(
    subjects: Sequence[Subject],
    output: Path,
    *,
    configs: Mapping[str, SystemConfig],
    command: Sequence[str],
    means_of: Callable[[Results], list[Row]] | None = None,
    jobs: int = 1,
) -> Iterator[Progress]:
    """Measure several configurations, into the new folder `output`.

    The first configuration computes everything. The others take from a cache what they have in
    common with it, so their times would mislead and are left out.

    Args:
        subjects: Clips and weights.
        output: Must not exist, or be empty.
        configs: As `make_variants` makes them.
        command: The command line, for the record.
        means_of: The means to report; those of the groups of clips if None.
        jobs: Number of processes; see `Measurements`.

    Yields:
        Progress.

    Raises:
        RotolineError: Input, settings or output cannot be used.
    """
    yield Progress("reading")
    with new_output(output):
        models = load_models(subjects, configs[FULL].preset)
        measurements = Measurements(make_tasks(subjects, configs, output), jobs)
        yield from measurements.run()
        measured = measurements.measured
        rows = [
            (name, make_results(models, config, command, (one[name].measure for one in measured)))
            for name, config in configs.items()
        ]
        for name, results in rows:
            write_record(output / name / FILE, results)
        write_text(output / "ablation.md", ablation_table(rows, means_of))
        yield Progress("done", measurements.total, measurements.total)


def make_variants(
    config: SystemConfig, more: Sequence[tuple[str, Settings]] = ()
) -> dict[str, SystemConfig]:
    """Return the full configuration and its variants by name, the full one first.

    Args:
        config: The full configuration.
        more: Variants besides those of its preset: names and settings.

    Raises:
        InputError: Two variants have the same name.
        ConfigError: A setting cannot be used.
    """
    configs = {FULL: config}
    for name, settings in (*find_preset(config.preset).ablations.items(), *more):
        if name in configs:
            raise InputError(f"there are two variants named {name}; give each a name of its own")
        configs[name] = read_config(config, None, settings)
    return configs


def read_ablation(folder: Path) -> list[tuple[str, Results]]:
    """Read the results of every variant of a finished ablation, for `report.ablation_table`.

    Args:
        folder: The output folder: a folder for each variant, which holds `results.json`.

    Returns:
        Names and results: the full configuration, the variants of its preset in their order, then
        others in alphabetical order.

    Raises:
        InputError: The full configuration is missing, or a file is damaged.
    """
    full = read_results(folder / FULL)
    known = find_preset(str(full.config.get("preset"))).ablations
    found: Mapping[str, Results] = {
        path.parent.name: read_results(path.parent) for path in sorted(folder.glob(f"*/{FILE}"))
    }
    names = [name for name in known if name in found]
    names += [name for name in found if name not in (FULL, *known)]
    return [(FULL, full), *((name, found[name]) for name in names)]


def read_variant(text: str) -> tuple[str, Settings]:
    """Read `name:group.setting=value`.

    Raises:
        InputError: It is not of that form, or the name cannot name a folder.
    """
    name, colon, setting = text.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(
            f"the variant {text} has no name of letters, digits, '.', '_' and '-' before a ':'; "
            "write it as loose-regions:regions.threshold=0.2"
        )
    return name, (setting,)
