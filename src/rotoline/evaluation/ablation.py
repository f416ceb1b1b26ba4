"""The effect of each stage: the full configuration against variants that leave one thing out.

    rotoline experiment ablation --data DATA --output OUT --weights FILE

OUT/ablation.md             accuracy of every variant, and the differences with their intervals
OUT/VARIANT/results.json    what `rotoline experiment dev` measures; times of `full` only
OUT/VARIANT/clips/NAME.json one per clip, as soon as it is measured

OUT/ablation.md has the rows of the paper's Table 2 (stages left out one after another) and the
seconds of its Table 3, next to the published figures, then each thing left out alone. Takes three
to four times as long as `dev`: what variants have in common is computed once per clip.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from rotoline.config import read_config
from rotoline.errors import InputError
from rotoline.evaluation.development_clips import DevelopmentClip
from rotoline.evaluation.feature_cache import CachedSystem
from rotoline.evaluation.measure import ClipMeasure, ClipMeasurement
from rotoline.evaluation.report import ablation_table
from rotoline.evaluation.results import FILE, Results, make_results, read_results, write_record
from rotoline.io.atomic import write_text
from rotoline.model import load_model
from rotoline.presets import find_preset
from rotoline.run import check_output
from rotoline.runtime.progress import Progress
from rotoline.systems.protocol import SystemConfig

FULL = "full"
"""Name of the configuration that the variants are compared with."""

Settings = tuple[str, ...]
"""Settings as for `--set`, such as `regions.method=off`."""


def measure_variants(
    clips: Sequence[DevelopmentClip],
    output: Path,
    *,
    weights: Path | None,
    config: SystemConfig,
    command: Sequence[str],
    more: Sequence[tuple[str, Settings]] = (),
) -> Iterator[Progress]:
    """Measure `config` and the variants of its preset, into the new folder `output`.

    Args:
        clips: As `development_clips` finds them.
        output: Must not exist, or be empty.
        weights: A weights file, or None for the one that ships.
        config: The full configuration.
        command: The command line, for the record.
        more: Further variants: names and settings.

    Yields:
        Progress, once a frame and variant.

    Raises:
        RotolineError: Input, settings or output cannot be used.
    """
    yield Progress("reading")
    check_output(output)
    configs = make_variants(config, more)
    model = load_model(weights, config.preset)
    cache = CachedSystem(model.system)
    model = replace(model, system=cache)
    done = count(1)
    total = len(configs) * sum(len(clip.frame_names) for clip in clips)
    measures: dict[str, list[ClipMeasure]] = {name: [] for name in configs}
    for clip in clips:
        for name, variant in configs.items():
            measurement = ClipMeasurement(model, variant, clip)
            for _ in measurement.run():
                yield Progress("segmenting", next(done), total)
            measure = measurement.result().measure
            if name != FULL:
                # The full configuration comes first and computes everything. The others take from
                # the cache what they have in common with it, so their times would mislead.
                measure = measure.untimed()
            write_record(output / name / "clips" / f"{clip.name}.json", measure)
            measures[name].append(measure)
        cache.clear()
    rows = [
        (name, make_results(model, configs[name], command, of_all))
        for name, of_all in measures.items()
    ]
    for name, results in rows:
        write_record(output / name / FILE, results)
    write_text(output / "ablation.md", ablation_table(rows))
    yield Progress("done", total, total)


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
