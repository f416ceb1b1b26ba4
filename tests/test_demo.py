"""`rotoline demo` as printed in the README, once, in full."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from rotoline.cli import app
from rotoline.demo import TRUTH
from rotoline.evaluation.folders import evaluate_folders


@pytest.mark.slow
def test_demo_leaves_masks_overlay_sheet_and_report(tmp_path):
    out = tmp_path / "demo"
    result = CliRunner().invoke(app, ["demo", "--output", str(out)])
    assert result.exit_code == 0, result.output
    found = {path.name for path in out.glob("[!.]*")}
    assert found == {"masks", "overlay.mp4", "run.json", "contact-sheet.png", "report.md"}
    assert len(list((out / "masks").iterdir())) == 132
    with Image.open(out / "masks" / "00131.png") as last:
        assert last.size == (1280, 720)
        assert set(np.unique(last)) <= {0, 1, 2, 3}
    scores = evaluate_folders(out / "masks", TRUTH, every_frame=True)
    # What the shipped weights reach, give or take a little for other processors.
    assert len(scores.objects[0].frames) == 6
    assert scores.j_and_f == pytest.approx(0.953, abs=0.02)
    assert f"{scores.j_and_f:.3f}" in (out / "report.md").read_text()
    record = json.loads((out / "run.json").read_text())
    assert record["status"] == "complete"
    assert record["frames"] == record["frames_declared"] == 132


def test_demo_refuses_a_folder_with_files_and_names_no_option_that_it_lacks(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    result = CliRunner().invoke(app, ["demo", "--output", str(tmp_path)])
    assert result.exit_code == 2
    assert "holds files already" in result.output
    assert "--resume" not in result.output
