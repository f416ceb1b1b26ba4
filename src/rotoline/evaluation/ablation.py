"""What does each stage bring? The full configuration, and variants that leave one thing out.

    rotoline experiment ablation --data DATA --output OUT --weights FILE

OUT/ablation.md             accuracy of every row, and the differences with their intervals
OUT/VARIANT/results.json    what `rotoline experiment dev` measures, without the time
OUT/VARIANT/clips/NAME.json one per clip, as soon as it is measured

OUT/ablation.md has the rows of the paper's Table 2 (stages left out one after another) and the
seconds of its Table 3, beside the paper's own figures, then each thing left out alone. Takes three
to four times as long as `dev`: what does not depend on the variant is computed once.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from rotoline.model import load_model
from rotoline.config import read_config
from rotoline.errors import InputError
from rotoline.evaluation.development_clips import DevelopmentClip
from rotoline.evaluation.development import counted
from rotoline.evaluation.measure import ClipMeasure, measuring
from rotoline.evaluation.feature_cache import cached
from rotoline.evaluation.report import ablation_table
from rotoline.evaluation.results import FILE, make_results, write_record
from rotoline.io.atomic import write_text
from rotoline.pipeline import PipelineConfig
from rotoline.runtime.progress import Progress
from rotoline.run import check_output

FULL = "full"

Settings = tuple[str, ...]
"""Such as `regions.enabled=false`."""

_WITHOUT_BOTH = ("regions.enabled=false", "propagate.enabled=false")

VARIANTS: dict[str, dict[str, Settings]] = {
    "fast": {
        "no-regions": ("regions.enabled=false",),
        "no-regions-propagate": _WITHOUT_BOTH,
        # The foreground is learned in the first frame or not at all: there is no generic one.
        "no-regions-propagate-tuning": (*_WITHOUT_BOTH, "foreground.limit=false"),
        "no-propagate": ("propagate.enabled=false",),
        "no-prior": ("score.prior=false",),
        "no-recall": ("score.recall=false",),
        "no-updates": ("adapt.update_every=0",),
        "lone-updates": ("adapt.update_lone=true",),
        "no-foreground": ("foreground.limit=false",),
    },
    "paper": {
        "no-regions": ("regions.enabled=false",),
        "no-regions-propagate": _WITHOUT_BOTH,
        "no-regions-propagate-tuning": (*_WITHOUT_BOTH, "adapt.foreground=false"),
        "no-propagate": ("propagate.enabled=false",),
        "no-tuning": ("adapt.foreground=false",),
        "no-foreground": ("foreground.limit=false",),
        "script-regions": ("regions.rule=script",),
        "memory-regions": ("regions.rule=memory",),
        "solved-heads": ("adapt.whole=false",),
    },
}
"""By preset: name of the variant, and the settings that leave the thing out, or put another in.
The first three are those of the paper's Table 2."""


def measure_variants(
    clips: Sequence[DevelopmentClip],
    output: Path,
    *,
    weights: Path | None,
    config: PipelineConfig,
    command: Sequence[str],
    more: Sequence[tuple[str, Settings]] = (),
) -> Iterator[Progress]:
    """Measure `config` and the variants of its preset, into the new folder `output`.

    Args:
        clips: As `development_clips` finds them.
        output: Must not exist, or be empty.
        weights: A weights file, or None for the one that ships.
        config: The full configuration.
        command: What the user typed, for the record.
        more: Further variants: names and settings.

    Yields:
        Progress, once a frame and variant.

    Raises:
        RotolineError: Whatever is wrong with input, settings or output.
    """
    yield Progress("reading")
    check_output(output)
    configs = {FULL: config}
    for name, settings in (*VARIANTS[config.preset].items(), *more):
        if name in configs:
            raise InputError(f"there are two variants named {name}; give each a name of its own")
        configs[name] = read_config(config, None, settings)
    model = load_model(weights, config.preset)
    done = count(1)
    total = len(configs) * sum(len(clip.frame_names) for clip in clips)
    measures: dict[str, list[ClipMeasure]] = {name: [] for name in configs}
    with cached(model) as (model, memory):
        for clip in clips:
            memory.forget()
            for name, variant in configs.items():
                one = yield from counted(measuring(model, variant, clip), done, total)
                measure = one.measure
                if name != FULL:  # only the first computes everything
                    untimed = {"seconds_per_frame": None, "seconds_per_stage": None}
                    measure = measure.model_copy(update=untimed)
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


def read_variant(text: str) -> tuple[str, Settings]:
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
    return name, (setting,)
