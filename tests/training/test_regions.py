"""Learning the numbers of the region filter."""

from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rotoline.data.long_sequences import LongSequence, LongSequenceMaker
from rotoline.errors import InputError
from rotoline.model import load_model
from rotoline.stages.regions.components import find_regions
from rotoline.stages.regions.evidence import FEATURES, Evidence, region_logits
from rotoline.systems.fast import choice, tuning
from rotoline.systems.fast.tuning import TuningConfig
from rotoline.training import region_files, region_fit, region_samples, regions
from rotoline.training.region_files import read_samples, write_samples
from rotoline.training.region_fit import (
    fit_region_model,
    make_report,
    with_copies_elsewhere,
    wrong_decisions,
)
from rotoline.training.region_samples import (
    RegionSamples,
    collect_samples,
    follow_model,
    follow_truth,
    judge_truly,
    true_maps,
)
from rotoline.training.regions import RegionInputs, RegionTraining, train_regions
from rotoline.weights.files import read_weights, shipped_weights


@pytest.fixture
def _quick(monkeypatch, small):
    monkeypatch.setattr(region_fit, "STEPS", 300)
    monkeypatch.setattr(region_fit, "BATCH", 512)
    config = small.model_copy(update={"regions": Evidence(), "working_pixels": 64 * 96})
    monkeypatch.setattr(region_samples, "CONFIG", config)
    maker = partial(LongSequenceMaker, size=(64, 96), count=8)
    monkeypatch.setattr(regions, "LongSequenceMaker", maker)


def planted(count, seed):
    """Features of different scales, and a rule that no weighted sum of them is."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(count, len(FEATURES))) * np.geomspace(0.1, 10, len(FEATURES))
    features = (features + 3).astype(np.float32)
    is_object = (np.abs(features[:, 0] - 3) > 0.07) == (features[:, 19] > 3)
    # Visible, and not in place: nothing is found again, and there are no copies elsewhere.
    for name in ("hidden", "covers last", "covers carried"):
        features[:, FEATURES.index(name)] = 0
    return RegionSamples(features, is_object, generator.random(count).astype(np.float32))


@pytest.mark.usefixtures("_quick")
def test_planted_rule_is_learned():
    model, unseen = fit_region_model(planted(4000, 0), seed=0), planted(2000, 1)
    assert wrong_decisions(model, unseen).mean() < 0.3  # of .5 by chance
    grown = region_fit.feature_importance(model, unseen)
    assert sorted(np.argsort(-grown)[:2].tolist()) == [0, 19]


@pytest.mark.usefixtures("_quick")
def test_numbers_depend_on_samples_and_seed_alone():
    state, samples = torch.get_rng_state(), planted(500, 0)
    one, same, other = (fit_region_model(samples, seed) for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one.weights, other.weights)


@pytest.mark.usefixtures("_quick")
def test_samples_of_little_weight_do_not_count():
    right, wrong = planted(600, 0), planted(600, 2)
    joined = region_samples.join_samples(
        [right, RegionSamples(wrong.features, ~wrong.is_object, wrong.weights * 0.001)]
    )
    one, other = (fit_region_model(samples, 0) for samples in (right, joined))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_copies_of_what_is_in_place_lie_elsewhere_and_are_not_the_object():
    column = FEATURES.index
    features = np.full((4, len(FEATURES)), 0.9, np.float32)
    features[:, column("hidden")] = [0, 0, 0, 1]
    features[1, [column("covers last"), column("covers carried")]] = 0.2
    is_object = np.array([True, True, False, True])
    weights = np.array([0.4, 0.3, 0.2, 0.1], np.float32)
    found = with_copies_elsewhere(RegionSamples(features, is_object, weights), 0)
    assert len(found.weights) == 5  # of the first alone
    assert np.array_equal(found.features[:4], features)
    assert not found.is_object[4]
    assert 0 < found.weights[4] < 0.4
    copy = dict(zip(FEATURES, found.features[4], strict=True))
    assert copy["own score"] == copy["elsewhere"] == np.float32(0.9)
    for name in ("carried", "inside last", "covers last", "near last", "covers carried"):
        assert copy[name] == 0
    assert np.log1p(1.0) < copy["distance"] < np.log1p(6.0)


@pytest.mark.usefixtures("_quick")
def test_report_says_how_many_decisions_are_wrong():
    samples = planted(2000, 0)
    model = fit_region_model(samples, 0)
    report = make_report(model, samples, model, planted(500, 1))
    assert all(f"| {name} |" in report for name in FEATURES)
    staying = samples.weights @ ~samples.is_object / samples.weights.sum()
    assert f"| every region stays | {staying:.2%} |" in report


def test_region_is_the_object_if_most_of_it_is():
    """Three regions; the object has 6 of 10 pixels of the first, none of 4, and 3 of 10."""
    maps, truth = np.zeros((2, 3, 20), bool)
    maps[0, :10] = maps[0, 14:18] = maps[2, :10] = True
    truth[0, :6] = truth[2, :3] = True
    found, known = find_regions(maps), np.ones_like(maps)
    is_object, weights = judge_truly(found, truth, known)
    assert is_object.tolist() == [True, False, False]
    np.testing.assert_allclose(weights, (2 / (9 + 10 + 4), 4 / (9 + 4 + 4), 4 / (9 + 10 + 4)))
    known[2, 3:] = False
    assert judge_truly(found, truth, known)[0].tolist() == [True, False, True]
    is_object, weights = judge_truly(found, truth, np.zeros_like(known))
    assert not is_object.any()
    assert not weights.any()


def test_labels_are_reduced_to_the_maps():
    labels = np.zeros((8, 12), np.uint8)
    labels[:4, :3], labels[:4, 3:6], labels[4:, 8:] = 1, 2, 255
    maps = true_maps(labels, 2, (2, 3))
    assert maps.objects.tolist() == [
        [[True, False, False], [False] * 3],
        [[False] * 3, [False] * 3],
    ]
    assert maps.known.tolist() == [[True] * 3, [True, True, False]]


def sequence_of(make_clip, frames=5):
    pictures, labels = make_clip(frames=frames)
    unknown = labels[0].copy()
    unknown[:4] = 255
    return LongSequence(pictures, [unknown, *labels[1:]])


@pytest.mark.usefixtures("_quick")
def test_decisions_of_the_policy_are_followed(model, make_clip):
    sequence = sequence_of(make_clip)
    assert sequence.object_count == 1
    shown = []

    def nothing_stays(features, is_object):
        shown.append(is_object.copy())
        return np.zeros_like(is_object)

    kept, gone = (
        collect_samples(sequence, model.system, policy)
        for policy in (lambda features, is_object: is_object, nothing_stays)
    )
    hidden = FEATURES.index("hidden")
    assert kept.is_object.sum() == 4
    assert not kept.features[:, hidden].any()
    assert np.array_equal(np.concatenate(shown), gone.is_object)
    assert np.allclose(np.unique(gone.features[:, hidden]), np.log1p([0, 1, 2, 3]))


@pytest.mark.usefixtures("_quick")
def test_policies_make_mistakes(make_sampler):
    generator = np.random.default_rng(0)
    truth = generator.random(400) < 0.5
    features = np.zeros((400, len(FEATURES)), np.float32)
    wrong = np.array(
        [(follow_truth(make_sampler(seed))(features, truth) != truth).mean() for seed in range(200)]
    )
    assert 0.3 < (wrong == 0).mean() < 0.5
    assert 0.05 < (wrong > 0.4).mean() < 0.2
    assert wrong[(wrong > 0) & (wrong < 0.4)].mean() == pytest.approx(0.05, abs=0.01)
    learned = fit_region_model(planted(200, 0), 0)
    features = planted(400, 1).features
    own = region_logits(features, learned) > 0
    policy = follow_model(learned, make_sampler(0))
    lapses = [bool((policy(features, truth) != own).any()) for _ in range(400)]
    assert 0.01 < np.mean(lapses) < 0.06


@pytest.mark.usefixtures("_quick")
def test_samples_count_less_after_a_wrong_mask(model, make_clip):
    """Everything is kept, so the mask is wrong from the first frame after the marked one on."""
    sequence = sequence_of(make_clip)
    for labels in sequence.labels[1:]:
        labels[:] = 0  # the object is gone, says the truth
    kept = collect_samples(sequence, model.system, lambda features, truth: np.ones_like(truth))
    hidden = kept.features[:, FEATURES.index("hidden")]
    assert not hidden.any()
    assert kept.weights[0] > 0.5
    assert not kept.weights[1:].any()


def test_sequences_with_several_objects_are_tuned_too():
    assert (
        region_samples.CONFIG.tuning.steps_for(3) == region_samples.CONFIG.tuning.steps_for(1) > 0
    )


@pytest.mark.tuning
@pytest.mark.usefixtures("_quick")
def test_samples_of_tuned_networks_differ(model, make_clip, monkeypatch):
    monkeypatch.setattr(tuning, "CLIP_SIZE", (64, 96))
    few = TuningConfig(steps=3, learning_rate=3e-3)
    config = region_samples.CONFIG.model_copy(update={"tuning": few})
    monkeypatch.setattr(region_samples, "CONFIG", config)
    monkeypatch.setattr(choice, "is_not_worse", lambda *_: True)
    sequence = sequence_of(make_clip)
    one, other = (
        collect_samples(sequence, model.system, lambda features, truth: truth, is_tuned=is_tuned)
        for is_tuned in (False, True)
    )
    assert not np.array_equal(one.features[:2], other.features[:2])


@pytest.mark.usefixtures("_quick")
def test_what_is_found_again_counts_twice(monkeypatch):
    """Of regions that look alike, two of five are the hidden object."""
    features = np.zeros((300, len(FEATURES)), np.float32)
    features[:, FEATURES.index("hidden")] = 1
    is_object = np.arange(300) % 5 < 2
    samples = RegionSamples(features, is_object, np.ones(300, np.float32))
    stays = {}
    for weight in (1.0, 2.0):
        monkeypatch.setattr(region_fit, "FOUND_AGAIN_WEIGHT", weight)
        stays[weight] = bool(region_logits(features[0], fit_region_model(samples, 0)) > 0)
    assert stays == {1.0: False, 2.0: True}


def test_samples_are_read_as_they_were_written(tmp_path):
    written = [planted(5, 0), planted(0, 1), planted(3, 2)]
    write_samples(tmp_path / "s.safetensors", written, "here")
    read, origin = read_samples(tmp_path / "s.safetensors")
    assert origin == "here"
    for one, same in zip(written, read, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))


def test_files_that_are_no_samples_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="there is no"):
        read_samples(tmp_path / "none")
    with pytest.raises(InputError, match="is no file of samples"):
        read_samples(shipped_weights("fast"))
    (tmp_path / "text").write_text("text")
    with pytest.raises(InputError, match="is no file of samples"):
        read_samples(tmp_path / "text")
    write_samples(tmp_path / "s.safetensors", [planted(5, 0)], "")
    monkeypatch.setattr(region_files, "FEATURES", ("other",))
    with pytest.raises(InputError, match="other features"):
        read_samples(tmp_path / "s.safetensors")


@pytest.mark.slow
@pytest.mark.usefixtures("_quick")
def test_numbers_are_learned_from_samples_of_earlier_runs(tmp_path, call, words_of):
    for name in ("one", "two"):
        write_samples(tmp_path / name, [planted(200, 0), planted(200, 1)] * 2, f"of {name}")
    arguments = [
        "train",
        "regions",
        "--weights",
        shipped_weights("fast"),
        "--output",
        tmp_path / "o",
    ]
    both = ["--samples", tmp_path / "one", "--samples", tmp_path / "two"]
    result = call(*arguments, *both)
    assert result.exit_code == 0, result.output
    record, _ = read_weights(tmp_path / "o/fast.safetensors")
    assert "1600 regions in 8 sequences, of one; of two, by: rotoline" in record.data
    assert not (tmp_path / "o/samples.safetensors").exists()
    for wrong in ([], ["--data", tmp_path, *both]):
        result = call(*arguments, *wrong)
        assert result.exit_code == 2
        assert "give --data or --samples, and not both" in words_of(result)
    result = call(*arguments, *both, "--leave-out", "odd")
    assert result.exit_code == 2
    assert "to the run that collects them" in words_of(result)


@pytest.mark.slow
@pytest.mark.usefixtures("_quick")
def test_command_writes_the_network_with_new_numbers(clips, tmp_path, call, write_data, words_of):
    write_data(tmp_path / "data", clips)
    source = shipped_weights("fast")
    arguments = ["train", "regions", "--data", tmp_path / "data", "--weights", source]
    arguments += ["--set", "sequences=4", "--set", "seed=3", "--output"]
    results = [call(*arguments, tmp_path / name) for name in ("one", "two")]
    assert [result.exit_code for result in results] == [0, 0], results[0].output
    assert "fast.safetensors is ready" in words_of(results[0])
    assert "wrong decisions" in (tmp_path / "one/regions.md").read_text()

    before, one, two = (
        load_file(path)
        for path in (source, *(tmp_path / name / "fast.safetensors" for name in ("one", "two")))
    )
    assert before.keys() == one.keys()
    changed = {name for name in before if not torch.equal(before[name], one[name])}
    assert changed == {name for name in before if name.startswith("region_model.")}
    assert [name for name in one if not torch.equal(one[name], two[name])] == []
    load_model(tmp_path / "one/fast.safetensors")

    old, new = (read_weights(path)[0] for path in (source, tmp_path / "one/fast.safetensors"))
    assert (new.steps, new.seed, new.command, new.commit) == (
        *(old.steps, old.seed, old.command, old.commit),
    )
    assert new.data.count("; region filter: ") == 1
    assert "in 8 sequences, of 8 frames composed of 2 sequences of DAVIS, seed 3" in new.data
    assert len(read_samples(tmp_path / "one/samples.safetensors")[0]) == 8


@pytest.mark.slow
@pytest.mark.usefixtures("_quick")
def test_stopped_run_writes_nothing(clips, tmp_path, write_data):
    write_data(tmp_path / "data", clips)
    inputs = RegionInputs(shipped_weights("fast"), tmp_path / "data")
    steps = train_regions(inputs, tmp_path / "out", RegionTraining(sequences=4, rounds=1))
    assert [next(steps).done for _ in range(3)] == [0, 1, 2]
    steps.close()
    assert list((tmp_path / "out").iterdir()) == []


def test_weights_are_not_replaced_while_they_are_read(tmp_path):
    source = tmp_path / "fast.safetensors"
    steps = train_regions(RegionInputs(source, tmp_path), tmp_path, RegionTraining())
    with pytest.raises(InputError, match="choose another folder for the output"):
        next(steps)
