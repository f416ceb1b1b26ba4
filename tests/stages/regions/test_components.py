import numpy as np
import pytest

from rotoline.errors import InputError
from rotoline.stages.regions.components import (
    check_maps,
    count_inside,
    find_regions,
    overlap,
    overlaps,
)


def test_regions_are_8_connected_and_numbered_in_scan_order(mark):
    regions = find_regions(
        mark(
            ".#..#",
            "#...#",
            "...#.",
        )
    )
    assert regions.labels.tolist() == [[0, 1, 0, 0, 2], [1, 0, 0, 0, 2], [0, 0, 0, 2, 0]]
    assert regions.areas.tolist() == [10, 2, 3]


def test_overlaps_are_worked_by_hand(mark):
    regions = find_regions(mark("##.###"))
    mask = mark(".####.")
    assert count_inside(regions, mask).tolist() == [1, 1, 2]
    # 1 / (2 + 4 - 1), 2 / (3 + 4 - 2)
    assert overlaps(regions, mask).tolist() == [0, 1 / 5, 2 / 5]
    assert overlap(mark("##...."), mask) == 1 / 5


@pytest.mark.parametrize("rows", ["....", "####"])
def test_empty_masks_and_full_maps_agree_with_nothing(mark, rows):
    regions, nothing = find_regions(mark(rows)), mark("....")
    assert not overlaps(regions, nothing).any()
    assert overlap(nothing, nothing) == 0


def test_regions_are_those_of_a_flood_fill(make_scene, flood):
    for seed in range(100):
        for score in make_scene(seed)[0]:
            labels, areas = find_regions(score > 0.3)
            expected = np.zeros(score.shape, dtype=int)
            found = flood(score > 0.3)
            for number, region in enumerate(found, start=1):
                for row, column in region:
                    expected[row, column] = number
            assert labels.tolist() == expected.tolist()
            assert areas[1:].tolist() == [len(region) for region in found]


@pytest.mark.parametrize(
    "previous", [np.zeros((2, 3, 4)), np.zeros((1, 3, 4), bool), np.zeros((3, 4), bool)]
)
def test_refuses_masks_that_do_not_belong_to_the_maps(previous):
    with pytest.raises(InputError, match=r"\(2, 3, 4\).*masks are bool"):
        check_maps(np.zeros((2, 3, 4)), previous)
