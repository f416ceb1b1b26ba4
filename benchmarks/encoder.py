"""Seconds of the encoder of the preset fast, once a frame, in float32 and in bfloat16.

    python benchmarks/encoder.py [--threads 2 4 8] [--tiny] [--label NAME]

A frame of noise at 864x480. Both precisions take turns, so that both see the same machine. A
processor without instructions for bfloat16 computes it in float32, and slowly.

Prints one JSON line per number of threads. `difference` is that of the backbone's maps at strides
4 to 32, in the mean, as a fraction of their mean size.
"""

import statistics
import time

import torch

from _report import describe_machine, make_parser, report
from rotoline.model import load_model
from rotoline.runtime.device import fast_precision
from rotoline.systems.fast.network import at_precision

ROUNDS = 9
"""Passes in each precision; the first two are left out."""


@torch.inference_mode()
def measure(nets, frame, threads, rounds):
    """Median seconds of a pass with each network, taking turns."""
    torch.set_num_threads(threads)
    seconds = {name: [] for name in nets}
    for _ in range(rounds):
        for name, net in nets.items():
            began = time.perf_counter()
            net.encoder(frame)
            seconds[name].append(time.perf_counter() - began)
    maps = [net.encoder.backbone_maps(frame) for net in nets.values()]
    differences = [
        float((exact - rounded).abs().mean() / exact.abs().mean())
        for exact, rounded in zip(*maps, strict=True)
    ]
    medians = {
        f"seconds_{name}": statistics.median(one[2:] or one) for name, one in seconds.items()
    }
    return {
        **{name: round(one, 4) for name, one in medians.items()},
        "ratio": round(medians["seconds_bfloat16"] / medians["seconds_float32"], 3),
        "difference": [round(one, 4) for one in differences],
        "precision_auto": fast_precision(torch.device("cpu")),
    }


if __name__ == "__main__":
    parser = make_parser(__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[2])
    arguments = parser.parse_args()
    size, passes = ((64, 96), 1) if arguments.tiny else ((480, 864), ROUNDS)
    picture = 255 * torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    exact = load_model().system.net
    both = {"float32": exact, "bfloat16": at_precision(exact, "bfloat16")}
    report(
        (measure(both, picture, one, passes) | describe_machine() for one in arguments.threads),
        arguments.label,
    )
