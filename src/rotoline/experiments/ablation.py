"""What does each stage bring? The full configuration, and variants that leave one thing out.

    rotoline experiment ablation --data DATA --output OUT --weights FILE

OUT/ablation.md             accuracy of every row, and the differences with their intervals
OUT/VARIANT/results.json    what `rotoline experiment dev` measures, without the time
OUT/VARIANT/clips/NAME.json one per clip, as soon as it is measured

Takes two to three times as long as `dev`: features of a frame do not depend on the variant and
are computed once, for some 1 GB of memory.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from rotoline.api import load_model
from rotoline.config import read_config
from rotoline.errors import InputError
from rotoline.experiments.clips import DevelopmentClip
from rotoline.experiments.development import counted
from rotoline.experiments.measure import ClipMeasure, measuring
from rotoline.experiments.remember import remembering
from rotoline.experiments.report import ablation_table
from rotoline.experiments.results import FILE, make_results, write_record
from rotoline.io.atomic import write_text
from rotoline.pipeline import PipelineConfig
from rotoline.progress import Progress
from rotoline.run import check_output

FULL = "full"

VARIANTS = (
    ("no-regions", "regions.enabled=false"),
    ("no-propagate", "propagate.enabled=false"),
    ("no-prior", "score.prior=false"),
    ("no-recall", "score.recall=false"),
    ("no-updates", "adapt.update_every=0"),
    ("lone-updates", "adapt.update_lone=true"),
    ("no-foreground", "foreground.limit=false"),
)
"""Name of the variant, and the setting that leaves the thing out, or puts in what is left out."""


def measure_variants(
    clips: Sequence[DevelopmentClip],
    output: Path,
    *,
    weights: Path | None,
    config: PipelineConfig,
    command: Sequence[str],
    variants: Sequence[tuple[str, str]] = VARIANTS,
) -> Iterator[Progress]:
    """Measure `config` and its variants on the same clips, into the new folder `output`.

    Args:
        clips: As `development_clips` finds them.
        output: Must not exist, or be empty.
        weights: A weights file, or None for the one that ships.
        config: The full configuration.
        command: What the user typed, for the record.
        variants: Names and settings, as `VARIANTS`.

    Yields:
        Progress, once a frame and variant.

    Raises:
        RotolineError: Whatever is wrong with input, settings or output.
    """
    yield Progress("reading")
    check_output(output)
    configs = {FULL: config}
    for name, setting in variants:
        if name in configs:
            raise InputError(f"there are two variants named {name}; give each a name of its own")
        configs[name] = read_config(config, None, [setting])
    model = load_model(weights)
    done = count(1)
    total = len(configs) * sum(len(clip.frame_names) for clip in clips)
    measures: dict[str, list[ClipMeasure]] = {name: [] for name in configs}
    with remembering(model.net) as memory:
        for clip in clips:
            memory.forget()
            for name, variant in configs.items():
                one = yield from counted(measuring(model, variant, clip), done, total)
                # Only the first variant computes the features.
                measure = one.measure.model_copy(update={"seconds_per_frame": None})
                write_record(output / name / "clips" / f"{clip.name}.json", measure)
                measures[name].append(measure)
    rows = [
        (name, make_results(model, configs[name], command, of_all))
        for name, of_all in measures.items()
    ]
    for name, results in rows:
        write_record(output / name / FILE, results)
    write_text(output / "ablation.md", ablation_table(rows))
    yield Progress("done", total, total)


def read_variant(text: str) -> tuple[str, str]:
    """Read `name:stage.setting=value`.

    Raises:
        InputError: It is not of that form, or the name cannot name a folder.
    """
    name, colon, setting = text.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(
            f"the variant {text} has no name of letters, digits, '.', '_' and '-' before a ':'; "
            "write it as loose-regions:regions.threshold=0.2"
        )
    return name, setting
