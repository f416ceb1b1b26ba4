"""The bundled clip, and `rotoline demo`, which segments and measures it (clip/ATTRIBUTION.md)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rotoline.evaluation.folders import evaluate_folders
from rotoline.evaluation.tables import markdown_table
from rotoline.io.atomic import write_text
from rotoline.io.frames import open_frames
from rotoline.io.output_folder import check_output
from rotoline.io.overlay import contact_sheet, draw_overlay, write_picture
from rotoline.io.results import read_label_maps
from rotoline.io.run_record import read_run_record
from rotoline.metrics import SequenceScores
from rotoline.presets import FAST
from rotoline.run import segment_to_folder
from rotoline.runtime.progress import Listener, Progress, ignore_progress
from rotoline.systems.protocol import SystemConfig

CLIP = Path(__file__).parent / "clip"
VIDEO = CLIP / "bigbuckbunny.mp4"
MASKS = CLIP / "masks"
TRUTH = CLIP / "truth"
NAMES = {1: "bunny", 2: "boulders", 3: "slab"}
SHOWN = (0, 20, 44, 56, 68, 92, 108, 124)
"""Frames on the contact sheet: the annotated ones, 0 and 44, and those with a hand-made truth."""
SHEET = "contact-sheet.png"
REPORT = "report.md"


def run_demo(
    output: Path,
    command: Sequence[str],
    config: SystemConfig = FAST,
    report: Listener = ignore_progress,
) -> Iterator[Progress]:
    """Segment the bundled clip into a new folder, with a contact sheet and a report.

    Args:
        output: Must not exist, or be empty.
        command: The command line, for the record.
        config: Settings.
        report: Called with the progress of learning and tuning, where they take long.

    Yields:
        Progress, at least once a frame.

    Raises:
        OutputError: The folder holds something.
    """
    check_output(output)
    yield from segment_to_folder(
        VIDEO, MASKS, output, weights=None, config=config, command=command, report=report
    )
    frames, labels = open_frames(VIDEO), read_label_maps(output)
    pictures = [
        draw_overlay(frame, labels[frames.name(index)])
        for index, frame in sorted(frames.read(SHOWN).items())
    ]
    write_picture(output / SHEET, contact_sheet(pictures, columns=4, width=1600))
    scores = evaluate_folders(output, TRUTH, every_frame=True)
    write_text(output / REPORT, make_report(scores, read_run_record(output)))


def make_report(scores: SequenceScores, record: Mapping[str, Any]) -> str:
    """The measurements of a demo run, as Markdown.

    Args:
        scores: Scores of the frames with a hand-made truth.
        record: The `run.json` of the run.
    """
    rows = [(NAMES[one.object_id], one.j_and_f, one.j.mean, one.f.mean) for one in scores.objects]
    rows.append(("mean", scores.j_and_f, scores.j.mean, scores.f.mean))
    objects = markdown_table(
        ("object", "J&F", "J", "F"),
        [(name, *(f"{value:.3f}" for value in values)) for name, *values in rows],
    )
    stages = markdown_table(
        ("stage", "seconds", "seconds a frame"),
        [
            (name, f"{seconds:.2f}", f"{seconds / record['frames']:.4f}")
            for name, seconds in record["seconds_per_stage"].items()
        ],
    )
    return f"""# Demo report

Big Buck Bunny, (c) Blender Foundation, CC BY 3.0: {record["frames"]} frames of
{record["input"]["size"][1]}x{record["input"]["size"][0]} pixels, three objects, annotated in
frames 0 and 44, measured against {len(scores.objects[0].frames)} other frames that were masked
by hand.

{objects}

First mask after {record["seconds_to_first_mask"]:.1f} s, everything after
{record["seconds"]:.1f} s, on {record["device"]["threads"]} threads.

{stages}
"""
