"""Episodes a second of the training of the preset fast.

    python benchmarks/training.py [--tiny] [--label NAME] [--device cpu|cuda] [--batch 1 4]

Pictures with two objects each, at the size that the training uses. For each batch size the seconds
an episode takes to be drawn, and to be learned (losses, gradients, optimiser). Training does both
at once. The batch's losses are compared with those of its episodes one by one, in float32.
"""

import statistics
import time

import torch

from _report import describe_machine, make_parser, report
from rotoline.config import read_config
from rotoline.data.episode_maker import EpisodeMaker
from rotoline.data.training_clips import Clip
from rotoline.learning.episode import Episode
from rotoline.runtime.allocator import keep_freed_memory
from rotoline.runtime.device import choose_device, fast_precision
from rotoline.systems.fast.episode_loss import episode_losses
from rotoline.systems.fast.network import FastNet
from rotoline.training.batch_losses import batch_losses
from rotoline.training.fast import FastRecipe, FastTraining

PICTURES = 40


def make_stills(size):
    """Noise of several coarsenesses, with two ellipses that are the objects."""
    generator = torch.Generator().manual_seed(0)
    height, width = size
    rows, cols = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    clips = []
    for number in range(PICTURES):
        coarse = torch.rand(1, 3, 6, 8, generator=generator)
        frame = torch.nn.functional.interpolate(coarse, size, mode="bicubic")[0]
        frame = frame + 0.1 * torch.rand(3, *size, generator=generator)
        labels = torch.zeros(size, dtype=torch.uint8)
        for one, centre in ((1, -0.4), (2, 0.4)):
            labels[((rows / 0.7) ** 2 + ((cols - centre) / 0.3) ** 2) < 1] = one
        frame = (200 * frame + 25 * labels).clamp(0, 255).byte()
        clips.append(Clip(f"coco-instances/{number}", [frame], [labels]))
    return clips


def episodes_of(batch):
    """The episodes of a batch, one by one, as `episode_losses` takes them."""
    start = 0
    for number, count in enumerate(batch.object_counts):
        rows = slice(start, start + count)
        start += count
        yield Episode(
            frames=batch.frames[number],
            masks=batch.masks[rows],
            others=batch.masks[rows, 0].sum(0) - batch.masks[rows, 0],
            known=batch.known[number],
            previous_masks=batch.previous_masks[rows],
            uses_memory=batch.uses_memory[number],
            coarseness=batch.coarseness[number],
            marked_targets=batch.marked_targets[number],
        )


def differences(net, batch):
    """How far the batch's losses are from the mean of those of its episodes."""
    with torch.no_grad():
        found = batch_losses(net, batch)
        single = [episode_losses(net, episode) for episode in episodes_of(batch)]
    # Fine-tuning, which learns one by one, does not learn the objectness.
    means = {name: sum(float(one[name]) for one in single) / len(single) for name in single[0]}
    return max(abs(float(found[name]) - mean) / max(mean, 1) for name, mean in means.items())


def wait(device):
    """Wait until the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(batch, device, *, is_tiny):
    """Seconds an episode for drawing and learning, in batches of a size."""
    size, still, rounds = ((64, 96), (80, 120), 1) if is_tiny else ((240, 432), (384, 512), 6)
    settings = read_config(
        FastTraining(),
        None,
        [f"batch={batch}", f"crop.height={size[0]}", f"crop.width={size[1]}"],
    )
    torch.manual_seed(0)
    net, clips = FastNet().to(device), make_stills(still)
    run = FastRecipe(settings).prepare(net, clips)
    maker = EpisodeMaker.of(clips, 0, size, device)
    drawing, learning = [], []
    for number in range(rounds + 1):
        began = time.perf_counter()
        episodes = maker.make(range(number * batch, (number + 1) * batch), 0.5)
        wait(device)
        drawn = time.perf_counter()
        sum(run.loss(episodes).values()).backward()
        run.state.optimizer.step()
        run.state.optimizer.zero_grad()
        wait(device)
        drawing.append((drawn - began) / batch)
        learning.append((time.perf_counter() - drawn) / batch)
    on_cpu = EpisodeMaker.of(clips, 0, size, torch.device("cpu"))
    # An object that the reference frame does not show counts only one by one.
    shown = [
        number
        for number in range(20)
        if on_cpu.make([number], 0.5).masks[:, 0].flatten(1).any(1).all()
    ]
    difference = differences(net.cpu(), on_cpu.make(shown[:4], 0.5))
    return {
        "batch": batch,
        "device": device.type,
        "precision": fast_precision(device),
        "size": size,
        "seconds_drawing": round(statistics.median(drawing[1:] or drawing), 4),
        "seconds_learning": round(statistics.median(learning[1:] or learning), 4),
        "reference": "one by one",
        "difference": float(f"{difference:.2g}"),
    }


if __name__ == "__main__":
    parser = make_parser(__doc__)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    arguments = parser.parse_args()
    keep_freed_memory()
    chosen = choose_device(arguments.device)
    lines = (
        measure(batch, chosen, is_tiny=arguments.tiny) | describe_machine()
        for batch in arguments.batch
    )
    report(lines, arguments.label)
