"""The process that segments: reads requests as lines of JSON, and answers in the same way.

    python -m rotoline.batch.child

Started and watched by `rotoline.batch.worker`. It ends when its standard input does, so that it
never outlives who started it. Whatever it prints goes to standard error, which is the log.
"""

import faulthandler
import json
import os
import queue
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import IO, Any

from rotoline.batch.jobs import failure
from rotoline.batch.ledger import FIELD, refuse_other

SECONDS_BETWEEN_REPORTS = 0.5
_saying = threading.Lock()
"""Learning and tracking report from threads of their own."""


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable()
    requests: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    segmenter = Segmenter(answers)
    while True:
        request = json.loads(requests.get())
        try:
            segmenter.segment(request)
            answer: dict[str, Any] = {"done": True}
        except Exception as error:  # noqa: BLE001 (one item must not end the others)
            traceback.print_exc()
            answer = failure(error)
        _say(answers, answer)


def _read(requests: "queue.Queue[str]") -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)  # in the middle of an item, too: whoever asked is gone


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    with _saying:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Segmenter:
    """Segments one item after the other, with weights that are loaded once.

    Args:
        answers: Where progress is written to.
    """

    def __init__(self, answers: IO[str]) -> None:
        self._answers = answers
        self._models: dict[tuple[str | None, str], Any] = {}
        self._last = 0.0

    def segment(self, request: dict[str, Any]) -> None:
        """Segment one item, see `rotoline.batch.item.request_of`.

        Raises:
            RotolineError: Something is wrong with its input or its output.
        """
        import torch

        from rotoline.presets import find_preset
        from rotoline.run import segment_to_folder

        torch.set_num_threads(request["threads"])
        output = Path(request["output"])
        overwrite = _is_other(output, request["record"], may_replace=request["overwrite"])
        preset, weights = request["preset"], request["weights"]
        config = type(find_preset(preset).config).model_validate(request["config"])
        steps = segment_to_folder(
            Path(request["video"]),
            Path(request["masks"]),
            output,
            weights=None if weights is None else Path(weights),
            config=config,
            command=request["command"],
            formats=request["formats"],
            is_strict=request["strict"],
            colours=request["colours"],
            sandbox=request["sandbox"],
            resume=not overwrite,
            overwrite=overwrite,
            report=self._report,
            model=self._model(weights, preset),
            more_record=request["record"],
        )
        for step in steps:
            self._report(step)
        if request["reports"]:
            self._write_report(output, Path(request["video"]))

    def _model(self, weights: str | None, preset: str) -> Any:
        from rotoline.model import load_model

        key = weights, preset
        if key not in self._models:
            self._models[key] = load_model(weights, preset)
            sys.stderr.write(f"loaded {weights or 'the weights that ship'}\n")
        return self._models[key]

    def _write_report(self, output: Path, video: Path) -> None:
        from rotoline.review.report import PAGE, TABLE, report_run

        for name in (PAGE, TABLE):
            (output / name).unlink(missing_ok=True)
        for step in report_run(output, video=video):
            self._report(step)

    def _report(self, step: Any) -> None:
        if step.warning:
            sys.stderr.write(f"warning: {step.warning}\n")
            sys.stderr.flush()
        now = time.monotonic()
        if now - self._last > SECONDS_BETWEEN_REPORTS:
            self._last = now
            _say(self._answers, {"progress": [step.stage, step.done, step.total]})


def _is_other(output: Path, record: dict[str, Any], *, may_replace: bool) -> bool:
    """Whether a run of other inputs is in the output, which is replaced; other masks count as such.

    Raises:
        ConfigError: There is one, and it may not be replaced.
    """
    from rotoline.io.run_record import read_run_record
    from rotoline.io.run_state import read_state

    saved = read_state(output)
    old = saved.facts["record"] if saved else read_run_record(output)
    if not old or old.get(FIELD) == record[FIELD]:
        return False
    if not may_replace:
        refuse_other(output, old, record[FIELD])
    return True


if __name__ == "__main__":
    main()
