"""Decoders are closed early, in many threads at once, without a deadlock.

PyAV 17.0.1 could wait for ever where a codec was freed while its threads decoded. By hand, with
more of it: ROTOLINE_OPENINGS=20000 pytest tests/io/test_codec_threads.py
"""

import os
import subprocess
import sys

import av
import numpy as np
import pytest

OPENINGS = int(os.environ.get("ROTOLINE_OPENINGS", "120"))
CODECS = {"h264.mp4": "libx264", "hevc.mp4": "libx265", "vp9.webm": "libvpx-vp9"}

PROGRAM = """
import faulthandler, gc, random, sys, threading
from pathlib import Path
from rotoline.errors import RotolineError
from rotoline.io.frames import open_frames

faulthandler.dump_traceback_later(float(sys.argv[2]), exit=True)
files = [Path(name) for name in sys.argv[3:]]
opened = []

def work(seed, openings):
    draw = random.Random(seed)
    for _ in range(openings):
        try:
            source = open_frames(draw.choice(files))
            passes = [iter(source), iter(source), source.backwards(draw.randrange(1, 9))]
            for one in draw.sample(passes, 3):
                for _, _ in zip(range(draw.randrange(4)), one):
                    pass
            if draw.random() < 0.3:
                del one, passes
                gc.collect()
        except RotolineError:
            pass
        opened.append(1)

threads = [threading.Thread(target=work, args=(k, int(sys.argv[1]) // 4)) for k in range(4)]
for one in threads: one.start()
for one in threads: one.join()
print(len(opened))
"""


@pytest.mark.slow
def test_decoders_may_be_closed_early_in_many_threads(tmp_path):
    generator = np.random.default_rng(0)
    paths = []
    for name, codec in CODECS.items():
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=25, options=options)
            stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
            for _ in range(12):
                noise = generator.integers(0, 256, (96, 128, 3), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(noise)))
            container.mux(stream.encode(None))
        # A damaged one beside each: codecs that complain do so from their threads.
        data = bytearray((tmp_path / name).read_bytes())
        for at in generator.integers(len(data) // 3, len(data) * 2 // 3, 60):
            data[at] ^= 0x55
        (tmp_path / f"damaged-{name}").write_bytes(data)
        paths += [tmp_path / name, tmp_path / f"damaged-{name}"]
    limit = 60 + OPENINGS / 5
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(OPENINGS), str(limit), *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=limit + 60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == OPENINGS
