"""The bundled clip, and everything rotoline does with it: see clip/ATTRIBUTION.md."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rotoline.evaluation.folders import evaluate_folders
from rotoline.io.atomic import write_text
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_labels
from rotoline.io.overlay import contact_sheet, draw_overlay, write_picture
from rotoline.metrics import SequenceScores
from rotoline.presets import FAST
from rotoline.runtime.progress import Progress
from rotoline.run import mask_path, segment_to_folder

CLIP = Path(__file__).parent / "clip"
VIDEO = CLIP / "bigbuckbunny.mp4"
MASKS = CLIP / "masks"
TRUTH = CLIP / "truth"
NAMES = {1: "bunny", 2: "boulders", 3: "slab"}
SHOWN = (0, 20, 44, 56, 68, 92, 108, 124)
"""Frames on the contact sheet: the marked ones, 0 and 44, and those with a hand-made truth."""


def run_demo(output: Path, command: Sequence[str]) -> Iterator[Progress]:
    """Segment the bundled clip, and write `contact-sheet.png` and `report.md` beside the masks."""
    yield from segment_to_folder(VIDEO, MASKS, output, weights=None, config=FAST, command=command)
    frames = open_frames(VIDEO)
    pictures = [
        draw_overlay(frame, read_labels(mask_path(output, frames, index)))
        for index, frame in sorted(frames.read(SHOWN).items())
    ]
    write_picture(output / "contact-sheet.png", contact_sheet(pictures, columns=4, width=1600))
    scores = evaluate_folders(output / "masks", TRUTH, every_frame=True)
    record = json.loads((output / "run.json").read_text())
    write_text(output / "report.md", make_report(scores, record))


def make_report(scores: SequenceScores, record: dict) -> str:
    """The measurements of a demo run, as Markdown."""
    objects = "\n".join(
        f"| {NAMES[o.object_id]} | {o.j_and_f:.3f} | {o.j.mean:.3f} "
        f"| {o.f.mean:.3f} |"
        for o in scores.objects
    )
    stages = "\n".join(
        f"| {name} | {seconds:.2f} | {seconds / record['frames']:.4f} |"
        for name, seconds in record["seconds_per_stage"].items()
    )
    return f"""# Demo report

Big Buck Bunny, (c) Blender Foundation, CC BY 3.0: {record["frames"]} frames of
{record["input"]["size"][1]}x{record["input"]["size"][0]} pixels, three objects, marked in
frames 0 and 44, measured against {len(scores.objects[0].frames)} other frames that were masked
by hand.

| object | J&F | J | F |
|---|---|---|---|
{objects}
| mean | {scores.j_and_f:.3f} | {scores.j.mean:.3f} | {scores.f.mean:.3f} |

First mask after {record["seconds_to_first_mask"]:.1f} s, everything after
{record["seconds"]:.1f} s, on {record["device"]["threads"]} threads.

| stage | seconds | seconds a frame |
|---|---|---|
{stages}
"""
