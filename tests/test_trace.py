import torch

from rotoline.state import ObjectState
from rotoline.trace import StageTrace


class System:
    """Counts how often it is asked for the maps inside the stage score."""

    asked = 0

    def intermediate_maps(self, features, scores):
        self.asked += 1
        return {"appearance": features * scores}


MAPS = torch.ones(2, 3, 4)


def state_with(value):
    state = ObjectState.empty(2, (3, 4), torch.device("cpu"))
    state.scores += value
    return state


def record_frame(trace, system, index, state, shift=0.0):
    trace.begin(index, system, state)
    trace.record("encode", torch.tensor(0.5))
    trace.record("score", (MAPS + shift, MAPS[:1] + 1 + shift))
    for number, stage in enumerate(("limit", "propagate", "filter"), start=2):
        trace.record(stage, MAPS + number + shift)
    state.scores += 0.1  # the tracker changes its state before the system learns
    trace.record("update", None)
    trace.record("update", None)


def test_maps_of_a_frame_are_kept_by_stage():
    trace, system = StageTrace([4]), System()
    record_frame(trace, system, 4, state_with(0.25))
    maps = trace.maps[4]
    expected = {
        "previous": 0.25, "score: appearance": 0.125, "score": 1.0, "foreground": 2.0,
        "limit": 3.0, "propagate": 4.0, "filter": 5.0,
    }  # fmt: skip
    assert list(maps) == list(expected)
    for name, value in expected.items():
        assert maps[name].unique().tolist() == [value]
    assert maps["foreground"].shape == (1, 3, 4)


def test_other_frames_are_not_kept_and_cost_nothing():
    trace, system = StageTrace([4]), System()
    for index in (3, 5):
        record_frame(trace, system, index, state_with(0.25))
    assert trace.maps == {}
    assert system.asked == 0


def test_later_pass_over_a_frame_replaces_the_earlier_one():
    trace, system = StageTrace([4]), System()
    record_frame(trace, system, 4, state_with(0.25))
    record_frame(trace, system, 4, state_with(0.75), shift=10.0)
    assert trace.maps[4]["previous"].unique().tolist() == [0.75]
    assert trace.maps[4]["filter"].unique().tolist() == [15.0]


def test_kept_maps_are_copies():
    trace, maps = StageTrace([0]), MAPS.clone()
    trace.begin(0, System(), state_with(0.0))
    trace.record("limit", maps)
    maps += 1
    assert trace.maps[0]["limit"].unique().tolist() == [1.0]


def test_stages_between_frames_are_not_recorded():
    """Labels are fused after the update, and in frames that are not tracked."""
    trace = StageTrace([0])
    trace.record("fuse", torch.zeros(3))
    record_frame(trace, System(), 0, state_with(0.0))
    before = list(trace.maps[0])
    trace.record("limit", MAPS)
    trace.record("fuse", torch.zeros(3))
    assert list(trace.maps[0]) == before
