import numpy as np
import pytest

from rotoline.errors import InputError
from rotoline.stages.regions import craf_script
from rotoline.stages.regions.components import find_regions, overlaps
from rotoline.stages.regions.craf_script import (
    BACKGROUND_THRESHOLD,
    FULL_AREA,
    THRESHOLD,
    filter_as_script,
    label,
    mark_regions,
    recover_objects,
)


def keep(maps, masks, foreground=None):
    """The filtered maps of one row each, as text; `X` is certain."""
    everything = np.ones(maps[0].shape, dtype=bool)
    kept = filter_as_script(
        np.stack(maps), np.stack(masks), everything if foreground is None else foreground
    )
    return [text(score) for score in kept]


def text(score):
    return "".join(".123456789X"[round(10 * x)] for x in score[0].tolist())


@pytest.fixture
def change(monkeypatch):
    """A function that changes constants of the script for one test."""

    def apply(**constants):
        for name, value in constants.items():
            monkeypatch.setattr(craf_script, name, value)

    return apply


def test_constants_are_those_of_the_script():
    thresholds = (THRESHOLD, BACKGROUND_THRESHOLD, craf_script.RECOVERY_THRESHOLD)
    assert thresholds == (30 / 255, 100 / 255, 1 / 255)
    assert (craf_script.MIN_IOU, craf_script.MIN_AREA_RATIO) == (0.01, 0.2)
    assert craf_script.RECOVERY_MIN_AREA == 100
    assert (craf_script.RECOVERY_AREA_RATIO, craf_script.RECOVERY_MIN_IOU) == (0.3, 0.2)


# ------------------------------------------------------------------------------- steps 1 and 2


def test_region_that_agrees_best_is_kept(draw, mark):
    score, mask = draw("88.1.999"), mark("#.......")
    regions = find_regions(score > THRESHOLD)
    # 1 / (2 + 1 - 1) and 0; 2 / 3 of the largest is more than 0.2.
    assert regions.areas[1:].tolist() == [2, 3]
    assert overlaps(regions, mask)[1:].tolist() == [0.5, 0]
    # The pixel below the threshold is in no region and keeps its score.
    assert text(mark_regions(score, mask)) == "88.1...."


@pytest.mark.parametrize("before", [100, 99])
def test_object_is_lost_if_the_best_region_hardly_agrees(before):
    score = np.full((10, 10), 0.1, dtype=np.float32)
    score[0, 0] = 0.9
    mask = (np.arange(100) < before).reshape(10, 10)
    # 1 / 100 is just 0.01, 1 / 99 is more.
    expected = np.zeros_like(score) if before == 100 else score
    assert mark_regions(score, mask).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        # Agreement 2 / 3 and 1 / (9 + 3 - 1). 2 / 9 of the largest is more than 0.2.
        ("77.666666666.", "77..........."),
        # 2 / 10 is not. The small region is marked; the next best, 1 / (10 + 3 - 1), is large.
        ("77.6666666666", "XX.6666666666"),
    ],
)
def test_small_region_is_marked_as_certain(draw, mark, score, expected):
    mask = mark("##.#.........")
    assert text(mark_regions(draw(score), mask)) == expected


def test_regions_neither_marked_nor_kept_go(draw, mark):
    score, mask = draw("7.77.66666666666.7"), mark("#.##.#............")
    # Agreement 1 / 4, 2 / 4, 1 / (11 + 4 - 1), 0. So the second is first: 2 / 11, marked; then
    # the first: 1 / 11, marked; then the large one is kept.
    regions = find_regions(score > THRESHOLD)
    assert overlaps(regions, mask)[1:].tolist() == [1 / 4, 2 / 4, 1 / 14, 0]
    assert text(mark_regions(score, mask)) == "X.XX.66666666666.."


def test_flaw_object_that_agrees_with_small_regions_alone_is_lost_for_good(draw, mark, change):
    score, mask = draw("77....6666666666"), mark("####............")
    # Nothing agrees with an empty mask, neither in step 2 nor in step 4.
    assert keep([draw("9999............")], [mark("................")]) == ["................"]
    # Step 4 gives the region back in the same frame: 0 / 4 of the area is left, and the region
    # agrees by 2 / 4.
    assert keep([score], [mask]) == ["XX.............."]
    # Without it: 2 / 4, but 2 / 10 of the largest: marked. The next best agrees by 0: all goes.
    change(RECOVERY_MIN_AREA=1e9)
    assert keep([score], [mask]) == ["................"]


# -------------------------------------------------------------------------------------- step 3


def test_labels_go_to_the_highest_score_inside_the_foreground(draw, mark, change):
    change(RECOVERY_MIN_AREA=1e9)
    maps = [draw("999333"), draw("..955.")]
    masks = [mark("######"), mark("..###.")]
    kept = filter_as_script(np.stack(maps), np.stack(masks), mark(".#####"))
    assert [text(score) for score in kept] == [".99333", "..955."]
    # Outside of the foreground; alone; of equals the first; twice the second; 0.3 < 100 / 255.
    assert label(kept, BACKGROUND_THRESHOLD).tolist() == [[-1, 0, 0, 1, 1, -1]]


def test_marked_region_wins_against_every_score(draw, mark, change):
    change(RECOVERY_MIN_AREA=1e9)
    maps = [draw("22.4444444444"), draw("99...........")]
    masks = [mark("##.#........."), mark("##...........")]
    kept = filter_as_script(np.stack(maps), np.stack(masks), mark("#############"))
    assert [text(score) for score in kept] == ["XX.4444444444", "99..........."]
    assert label(kept, BACKGROUND_THRESHOLD)[0].tolist() == [0, 0, -1] + [0] * 10


# -------------------------------------------------------------------------------------- step 4


def test_shrunk_object_is_given_regions_that_nobody_has(draw, mark, change):
    maps = [draw("88.............."), draw("...22222....9999")]
    masks = [mark("##########......"), mark("............####")]
    # The first agrees by 2 / 10 and has 2 / 10 of its area, less than 0.3. The five faint pixels
    # of the second map, which step 2 removed there, agree by 5 / 10, more than 0.2.
    assert keep(maps, masks) == ["88.XXXXX........", "............9999"]
    # Ten pixels before are enough where objects of ten are recovered, not where eleven are needed.
    change(RECOVERY_MIN_AREA=10 * FULL_AREA / 16)
    assert keep(maps, masks) == ["88.XXXXX........", "............9999"]
    change(RECOVERY_MIN_AREA=11 * FULL_AREA / 16)
    assert keep(maps, masks) == ["88..............", "............9999"]


def test_areas_are_given_for_maps_of_480_by_854():
    mask = np.zeros((1, 240, 427), dtype=bool)
    mask[0, 0, :25] = True  # a quarter of the pixels, so 25 are as many as 100
    faint = np.where(mask, np.float32(0.01), np.float32(0))
    labels = np.full((240, 427), -1)
    assert recover_objects(faint, mask, labels).sum() == 25
    mask[0, 0, 24] = False
    assert recover_objects(faint, mask, labels).sum() == 0


def test_object_with_enough_left_is_not_rescued(draw, mark):
    maps = [draw("888............."), draw("....22222...9999")]
    masks = [mark("##########......"), mark("............####")]
    # 3 / 10 is not less than 0.3.
    assert keep(maps, masks) == ["888.............", "............9999"]


def test_region_must_agree_and_a_faint_one_may(draw, mark):
    masks = [mark("##########......"), mark("............####")]
    first = draw("88..............")
    # 2 / 10 is not more than 0.2.
    assert keep([first, draw("...22.......9999")], masks)[0] == "88.............."
    second = draw("............9999")
    second[0, 3:6] = 1 / 255
    assert keep([first, second], masks)[0] == "88.XXX.........."
    second[0, 3:6] = 0.99 / 255
    assert keep([first, second], masks)[0] == "88.............."


def test_labelled_pixels_are_no_part_of_the_regions(draw, mark):
    masks = [mark("##########......"), mark("............####")]
    # Of five pixels two have a label; three are left: 3 / 10.
    maps = [draw("88.............."), draw("22222.......9999")]
    assert keep(maps, masks)[0] == "88XXX..........."
    # Of four pixels two are left: 2 / 10.
    maps = [draw("88.............."), draw("2222........9999")]
    assert keep(maps, masks)[0] == "88.............."


def test_pixels_are_given_once(draw, mark):
    nothing, faint = draw("............"), draw("..2222......")
    masks = [mark("..####......"), mark("..######...."), mark("............")]
    # The first two have nothing left; 4 / 4 for the first, which comes first. Of the third map's
    # six pixels two are free then: 2 / 6 for the second.
    maps = [nothing, faint, draw("..222222....")]
    assert keep(maps, masks) == ["..XXXX......", "..2222XX....", "............"]
    # Without those two there is nothing for the second, though the faint pixels agree by 4 / 6.
    maps[2] = nothing
    assert keep(maps, masks) == ["..XXXX......", "..2222......", "............"]


def test_given_regions_end_with_the_foreground(draw, mark):
    maps = [draw("88.............."), draw("...22222....9999")]
    masks = [mark("##########......"), mark("............####")]
    # The whole region agrees by 5 / 10; three pixels of it are foreground.
    kept = keep(maps, masks, foreground=mark("######......####"))
    assert kept == ["88.XXX..........", "............9999"]


# -------------------------------------------------------------------------------- all together


def slow_labels(scores, previous, foreground, flood):  # noqa: C901 (steps in order)
    """The script in loops over pixels and sets; returns labels, -1 where there is none."""
    height, width = foreground.shape
    masks = [set(zip(*np.nonzero(mask), strict=True)) for mask in previous]
    maps = [score.tolist() for score in scores]

    def agreement(region, mask):
        return len(region & mask) / len(region | mask)

    for score, original, mask in zip(maps, scores, masks, strict=True):
        regions = flood(original > craf_script.THRESHOLD)
        values = [agreement(region, mask) for region in regions]
        marked, kept = [], None
        while kept is None and max(values, default=0) > craf_script.MIN_IOU:
            k = values.index(max(values))
            if len(regions[k]) / max(map(len, regions)) > craf_script.MIN_AREA_RATIO:
                kept = k
            else:
                marked.append(k)
                values[k] = 0
        for k, region in enumerate(regions):
            for row, column in region:
                if kept is not None and k in marked:
                    score[row][column] = 1.0
                elif k != kept:
                    score[row][column] = 0.0
        if kept is None:
            score[:] = [[0.0] * width for _ in range(height)]

    labels = {}
    for row, column in np.ndindex(height, width):
        values = [score[row][column] for score in maps]
        if max(values) >= craf_script.BACKGROUND_THRESHOLD and foreground[row, column]:
            labels[row, column] = values.index(max(values))

    areas = [list(labels.values()).count(i) for i in range(len(maps))]
    for i, mask in enumerate(masks):
        if len(mask) * FULL_AREA / (height * width) < craf_script.RECOVERY_MIN_AREA:
            continue
        if areas[i] < craf_script.RECOVERY_AREA_RATIO * len(mask):
            for original in scores:
                free = original >= craf_script.RECOVERY_THRESHOLD
                for pixel in labels:
                    free[pixel] = False
                for region in flood(free):
                    if agreement(region, mask) > craf_script.RECOVERY_MIN_IOU:
                        labels.update(dict.fromkeys(region, i))
    return [
        [labels.get((r, c), -1) if foreground[r, c] else -1 for c in range(width)]
        for r in range(height)
    ]


@pytest.mark.parametrize(
    "constants",
    [
        {},
        {"RECOVERY_MIN_AREA": 1e9},
        {"MIN_AREA_RATIO": 0.7, "RECOVERY_MIN_IOU": 0.05},
        {"MIN_IOU": 0.3},
    ],
)
def test_labels_are_those_of_the_slow_script(make_scene, flood, change, constants):
    change(**constants)
    for seed in range(300):
        scores, previous, foreground = make_scene(seed)
        before = scores.copy()
        kept = filter_as_script(scores, previous, foreground)
        expected = slow_labels(scores, previous, foreground, flood)
        assert label(kept, craf_script.BACKGROUND_THRESHOLD).tolist() == expected, seed
        assert kept.dtype == np.float32
        assert (scores == before).all()
        assert np.isin(kept[kept != scores], (0, 1)).all()


def test_refuses_a_foreground_of_another_size():
    maps, masks = np.zeros((1, 2, 3), "f4"), np.zeros((1, 2, 3), bool)
    for foreground in (np.ones((3, 2), bool), np.ones((2, 3), "f4")):
        with pytest.raises(InputError, match=r"one bool mask of the size .*\(2, 3\)"):
            filter_as_script(maps, masks, foreground)
