"""The `paper` preset: the published system, a fine-tuned ResNet-101 per object and a guided SPN."""

import copy
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Self

import torch
from pydantic import Field
from torch import Tensor

from rotoline.annotations import Annotations
from rotoline.errors import WeightsError
from rotoline.learning.targets import rows_learned_from, with_union
from rotoline.runtime.device import Precision, autocast, precision_on
from rotoline.runtime.progress import Report
from rotoline.stages.foreground import ForegroundConfig, MaskLimit
from rotoline.stages.fuse import FuseConfig
from rotoline.stages.preprocess import to_tensor, working_size
from rotoline.stages.regions import Craf, RegionsConfig
from rotoline.systems.paper.fine_tuning import AnnotatedFrame, FineTuning, fine_tune
from rotoline.systems.paper.joint_softmax import (
    frames_to_learn_from,
    margins,
    tune_jointly,
    widened,
)
from rotoline.systems.paper.linear_probe import LinearProbe, predict_probe
from rotoline.systems.paper.network import PaperNet, network_from_state
from rotoline.systems.paper.probing import LinearProbing, probe_objects
from rotoline.systems.paper.segmentation import SegmentationNet, upsample_logits
from rotoline.systems.protocol import (
    FittedSystem,
    System,
    SystemConfig,
    Tensors,
    tensors_under,
)
from rotoline.types import Frame

LearnerConfig = Annotated[FineTuning | LinearProbing, Field(discriminator="method")]


class PaperConfig(SystemConfig):
    """The settings of the published system. Deviations from the paper: docs/method/paper.md."""

    preset: Literal["paper"] = "paper"
    """Name of the preset that these settings belong to."""
    foreground: ForegroundConfig = MaskLimit()
    """How the foreground limits the objects' maps."""
    regions: RegionsConfig = Craf()
    """Which connected regions of a map are removed."""
    fuse: FuseConfig = FuseConfig(background_threshold=100 / 255)
    """How the objects' maps become one label map."""
    learner: LearnerConfig = FineTuning()
    """How objects are learned."""
    precision: Precision = "auto"
    """Precision of the activations: `auto` is bfloat16 on a GPU and float32 on a CPU."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Decides the augmented views that objects are learned from."""

    def for_device(self, device: torch.device) -> Self:
        """These settings with the precision that `auto` stands for on a device."""
        return self.model_copy(update={"precision": precision_on(device, self.precision)})


class Encoded(NamedTuple):
    """What is known of a frame before its objects are scored."""

    pixels: Tensor
    """float `(1, 3, H, W)` in [0, 255]."""
    foreground: Tensor | None
    """`(1, h, w)`: logits of the foreground at 1/8 of the frame; None if `objects` say it."""
    objects: Tensor | None
    """`(K, h, w)`: logits of the objects, if they were computed together with the foreground; of a
    joint network `(K + 1, h, w)`, those of its softmax."""


class ObjectPredictor(Protocol):
    """The result of a learner: predicts the foreground and all objects of a frame."""

    def encode(self, pixels: Tensor) -> Encoded:
        """Compute what the objects share, for pixels `(1, 3, H, W)` in [0, 255]."""
        ...

    def score(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Logits of the objects `(K, H, W)` and of the foreground `(1, H, W)`."""
        ...

    def learned(self) -> Tensors:
        """What the learner has learned, by name; not copied."""
        ...


class FineTunedNetworks(NamedTuple):
    """A network for every object and one for the foreground; each runs on the frame separately."""

    objects: list[SegmentationNet]
    foreground: SegmentationNet
    is_foreground_learned: bool
    """Whether the foreground's network was tuned; if not, it is the generic one."""

    @classmethod
    def of(
        cls, tuned: list[SegmentationNet], count: int, generic: SegmentationNet | None
    ) -> "FineTunedNetworks":
        """The networks of `count` objects, and the last one or the generic one, if given."""
        return cls(tuned[:count], generic or tuned[-1], generic is None)

    def encode(self, pixels: Tensor) -> Encoded:
        """Run the foreground network."""
        return Encoded(pixels, _foreground_logits(self.foreground, pixels), None)

    def score(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Run the objects' networks."""
        assert encoded.foreground is not None
        foreground = _full_size(encoded.foreground)
        if self.objects == [self.foreground]:  # a lone object is the foreground
            return foreground, foreground
        objects = [_foreground_logits(net, encoded.pixels) for net in self.objects]
        return _full_size(torch.cat(objects)), foreground

    def learned(self) -> Tensors:
        """The networks that were tuned: those of the objects, then that of the foreground."""
        nets = [*self.objects]
        if self.foreground not in nets and self.is_foreground_learned:
            nets.append(self.foreground)
        return {
            f"{row}.{name}": value
            for row, net in enumerate(nets)
            for name, value in net.state_dict().items()
        }


class ProbedNetwork(NamedTuple):
    """Linear heads on the features of one network, which are computed once per frame."""

    net: SegmentationNet
    probe: LinearProbe
    """Heads of the objects and, as the last of several, of the foreground."""
    objects: int
    """Number of objects, K."""
    is_foreground_learned: bool
    """Whether the foreground has a head; if not, the network's own generic head predicts it."""

    def encode(self, pixels: Tensor) -> Encoded:
        """Run the network and all heads."""
        maps = self.net.maps(pixels)
        stage3, stage4, stage5 = (stage.float() for stage in maps)
        logits = predict_probe(self.probe, (stage3, stage4, stage5))
        learned = self.is_foreground_learned
        foreground = logits[-1:] if learned else _difference(self.net.coarse(maps))
        return Encoded(pixels, foreground, logits[: self.objects])

    def score(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """The logits of the heads."""
        assert encoded.objects is not None
        assert encoded.foreground is not None
        return _full_size(encoded.objects), _full_size(encoded.foreground)

    def learned(self) -> Tensors:
        """The heads."""
        return self.probe._asdict()


class JointNetwork(NamedTuple):
    """One network with an output for every object and for the background."""

    net: SegmentationNet
    generic: SegmentationNet | None
    """Predicts the foreground; if None, it is all that is not background."""

    def encode(self, pixels: Tensor) -> Encoded:
        """Run the network, and the generic one if it predicts the foreground."""
        logits = self.net.coarse(self.net.maps(pixels))[0]
        generic = self.generic
        foreground = None if generic is None else _foreground_logits(generic, pixels)
        return Encoded(pixels, foreground, logits)

    def score(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """What the softmax says; enlarged before, as in training."""
        assert encoded.objects is not None
        objects, foreground = margins(_full_size(encoded.objects))
        if encoded.foreground is not None:
            foreground = _full_size(encoded.foreground)
        return objects, foreground

    def learned(self) -> Tensors:
        """The network."""
        return self.net.state_dict()


class PaperSystem(System[PaperConfig]):
    """The networks of the `paper` preset, on a GPU where there is one."""

    def __init__(self, net: PaperNet, device: torch.device) -> None:
        self.net, self.device = net.to(device), device

    @classmethod
    def from_state(
        cls, state: Mapping[str, Tensor], device: torch.device, **options: Any
    ) -> "PaperSystem":
        """Build the system from the tensors of a weights file.

        Args:
            state: Tensors by name.
            device: Where the networks run.
            **options: `network_options` of the weights' record.
        """
        return cls(network_from_state(state, **options), device)

    @torch.inference_mode(mode=False)
    @torch.enable_grad()
    def fit(
        self,
        frames: Mapping[int, Frame],
        annotations: Annotations,
        config: PaperConfig,
        report: Report,
    ) -> "FittedPaperSystem":
        """Fine-tune networks, or fit linear heads, as `config.learner` says.

        Raises:
            WeightsError: Propagation is enabled, and the weights hold no propagation network.
            ConfigError: A loss is infinite or not a number.
        """
        if config.propagation.enabled and self.net.spn is None:
            raise WeightsError(
                "these weights hold no propagation network; train one (rotoline train paper-spn), "
                "or leave it out with --set propagation.enabled=false"
            )
        size = working_size(annotations.size, config.working_pixels)
        masks = {i: (annotations.masks_at(i, size) >= 0.5).float() for i in frames}
        told = {i: annotations.annotated_in(i) for i in frames}
        if _is_joint(config.learner):
            masks = frames_to_learn_from(masks, told)
        elif config.learner.tune_foreground:
            masks = targets_with_union(masks, told)
        annotated = [
            AnnotatedFrame(to_tensor(frames[i], size).to(self.device), targets.to(self.device))
            for i, targets in masks.items()
        ]
        predictor = self._learn(annotated, len(annotations.object_ids), config, report)
        return FittedPaperSystem(self.net, predictor, config, size, self.device)

    def restore(
        self, learned: Tensors, annotations: Annotations, config: PaperConfig
    ) -> "FittedPaperSystem":
        """The networks or heads that were learned."""
        size = working_size(annotations.size, config.working_pixels)
        predictor = self._predictor(learned, len(annotations.object_ids), config)
        return FittedPaperSystem(self.net, predictor, config, size, self.device)

    def fit_settings(self, config: PaperConfig) -> Hashable:
        """`fit` and `encode` depend on learner, working size, precision and seed."""
        return config.learner, config.working_pixels, config.precision, config.seed

    def _learn(
        self,
        annotated: list[AnnotatedFrame],
        count: int,
        config: PaperConfig,
        report: Report,
    ) -> ObjectPredictor:
        """Run the learner. Another learner needs a branch in this method and its own module."""
        net, learner = self.net.foreground, config.learner
        precision, seed = config.precision, config.seed
        generic = None if learner.tune_foreground else net
        if isinstance(learner, LinearProbing):
            probe = probe_objects(net, annotated, learner, precision=precision, seed=seed)
            return ProbedNetwork(net, probe, count, learner.tune_foreground)
        if learner.networks == "joint":
            joint = tune_jointly(
                net, annotated, learner, precision=precision, seed=seed, report=report
            )
            return JointNetwork(joint.fold(), generic)
        tuned = fine_tune(net, annotated, learner, precision=precision, seed=seed, report=report)
        return FineTunedNetworks.of([one.fold() for one in tuned], count, generic)

    def _predictor(self, learned: Tensors, count: int, config: PaperConfig) -> ObjectPredictor:
        """What the learner made, from what it gave as `learned`."""
        net, learner = self.net.foreground, config.learner
        learned = {name: value.to(self.device) for name, value in learned.items()}
        generic = None if learner.tune_foreground else net
        if isinstance(learner, LinearProbing):
            return ProbedNetwork(net, LinearProbe(**learned), count, learner.tune_foreground)
        if learner.networks == "joint":
            joint = widened(net, count).fold()
            joint.load_state_dict(learned)
            return JointNetwork(joint, generic)
        nets = []
        for row in range(len({name.partition(".")[0] for name in learned})):
            nets.append(copy.deepcopy(net).fold())
            nets[-1].load_state_dict(tensors_under(f"{row}.", learned))
        return FineTunedNetworks.of(nets, count, generic)


class FittedPaperSystem(FittedSystem[Encoded]):
    """Networks or heads of all objects and of the foreground; nothing is learned online."""

    def __init__(
        self,
        net: PaperNet,
        predictor: ObjectPredictor,
        config: PaperConfig,
        size: tuple[int, int],
        device: torch.device,
    ) -> None:
        self.net, self.predictor, self.config = net, predictor, config
        self.map_size, self.device = size, device

    def encode(self, frame: Frame) -> Encoded:
        """Compute what the objects share: run the foreground network, or the probed network."""
        pixels = to_tensor(frame, self.map_size).to(self.device)
        with autocast(self.device, self.config.precision):
            return self.predictor.encode(pixels)

    def score(self, features: Encoded, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the objects `(K, H, W)` and of the foreground `(1, H, W)`.

        The paper's networks see one frame at a time, so the previous `scores` are not used.
        """
        del scores
        with autocast(self.device, self.config.precision):
            return self.predictor.score(features)

    @torch.no_grad()
    def propagate(self, logits: Tensor, features: Encoded) -> Tensor:
        """Logits `(K, H, W)` refined under the guidance of the frame's pixels."""
        if not self.config.propagation.enabled:
            return logits
        spn = self.net.spn
        assert spn is not None
        with autocast(self.device, self.config.precision):
            gates = spn.gates(features.pixels)
            # One object at a time: lifted to 32 channels, all of them could fill the memory.
            refined = [spn(one[None, None].sigmoid(), gates).float() for one in logits]
        return torch.cat([_difference(two) for two in refined])

    def learned_tensors(self) -> Tensors:
        """The networks that were tuned, or the heads."""
        return self.predictor.learned()

    def with_config(self, config: PaperConfig) -> "FittedPaperSystem":
        """The same networks or heads under other settings of the stages."""
        return FittedPaperSystem(self.net, self.predictor, config, self.map_size, self.device)


def targets_with_union(
    masks: Mapping[int, Tensor], told: Mapping[int, Tensor] | None = None
) -> dict[int, Tensor]:
    """Masks `(K, H, W)` by frame with their union, the foreground, as the last row.

    `told` has the objects, bool `(K,)`, of which each frame says where they are or that they are
    hidden; those that it shows if None. In frames that do not tell of all objects, the union is
    empty if another frame tells of them all, and nothing is learned from it there; see
    `rotoline.learning.targets`.
    """
    learned = rows_learned_from(told or {i: part.flatten(1).any(1) for i, part in masks.items()})
    targets = {}
    for index, part in masks.items():
        targets[index] = with_union(part)
        if len(part) > 1:
            targets[index][-1] *= learned[index][-1]
    return targets


def _is_joint(learner: FineTuning | LinearProbing) -> bool:
    return isinstance(learner, FineTuning) and learner.networks == "joint"


def _foreground_logits(net: SegmentationNet, pixels: Tensor) -> Tensor:
    return _difference(net.coarse(net.maps(pixels)))


def _difference(logits: Tensor) -> Tensor:
    """Logits `(1, 2, h, w)` of background and foreground as one, `(1, h, w)`."""
    return logits[:, 1] - logits[:, 0]


def _full_size(coarse: Tensor) -> Tensor:
    """Coarse logits `(K, h, w)` at the working size, float32 `(K, H, W)`."""
    return upsample_logits(coarse[:, None].float())[:, 0]
