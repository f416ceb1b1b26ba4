"""Parts of a region that are new, on drawn masks."""

import numpy as np
import pytest

from rotoline.stages.regions import new_parts_reference
from rotoline.stages.regions.components import find_regions
from rotoline.stages.regions.new_parts import split_off_new_parts

SIZE = (40, 60)
STAYS = np.array([True])


def box(rows, columns):
    mask = np.zeros(SIZE, dtype=bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


NOTHING = np.zeros(SIZE, dtype=bool)
OBJECT = box((10, 30), (5, 25))
NEIGHBOUR = box((10, 30), (27, 45))
BRIDGE = box((18, 21), (25, 27))


def parts_of(mask, last, *, carried=NOTHING, removed=NOTHING, stays=STAYS):
    regions = find_regions(mask)
    return regions, split_off_new_parts(regions, stays, last | carried, last, removed)


def test_a_neighbour_that_touches_the_object_is_a_part():
    _, found = parts_of(OBJECT | BRIDGE | NEIGHBOUR, OBJECT)
    assert len(found.areas) == 3
    part = found.labels == 2
    assert not (part & OBJECT).any()
    # What is near the object, and nearer to it than to the part, is the object's.
    assert (part & NEIGHBOUR).sum() > 0.9 * NEIGHBOUR.sum()


@pytest.mark.parametrize("growth", [1, 4])
def test_an_object_that_grows_or_moves_a_little_has_no_new_part(growth):
    grown = box((10 - growth, 30 + growth), (5 - growth, 25 + growth))
    regions, found = parts_of(grown, OBJECT)
    assert found is regions


def test_an_object_that_jumps_to_where_the_map_was_carried_has_no_new_part():
    regions, found = parts_of(NEIGHBOUR, OBJECT, carried=NEIGHBOUR)
    assert found is regions


def test_an_object_that_is_hardly_where_it_was_has_no_new_part():
    moved = box((10, 30), (20, 45))
    regions, found = parts_of(moved, OBJECT)
    assert found is regions


def test_a_region_away_from_the_object_is_no_part():
    regions = find_regions(OBJECT | NEIGHBOUR)
    stays = np.array([True, True])
    assert split_off_new_parts(regions, stays, OBJECT, OBJECT, NOTHING) is regions


def test_a_region_that_is_removed_is_not_split():
    mask = OBJECT | BRIDGE | NEIGHBOUR
    regions, found = parts_of(mask, OBJECT, stays=np.array([False]))
    assert found is regions


def test_without_a_last_mask_nothing_is_new():
    regions, found = parts_of(OBJECT | NEIGHBOUR | BRIDGE, NOTHING, carried=OBJECT)
    assert found is regions


def test_what_was_removed_stays_a_part_also_next_to_the_object():
    """So the object does not grow into a neighbour by a few pixels in every frame."""
    beside = box((10, 30), (25, 29))
    assert parts_of(OBJECT | beside, OBJECT)[1].areas.size == 2
    _, found = parts_of(OBJECT | beside, OBJECT, removed=beside)
    assert ((found.labels == 2) == beside).all()


def test_a_small_part_stays_with_its_region():
    regions, found = parts_of(OBJECT | box((14, 17), (25, 34)), OBJECT)
    assert found is regions


def test_it_equals_the_reference():
    generator = np.random.default_rng(0)
    split = 0
    for _ in range(80):
        masks = []
        for _ in range(4):
            mask = np.zeros((18, 26), dtype=bool)
            for _ in range(2):
                row, column = generator.integers(0, 12), generator.integers(0, 18)
                height, width = generator.integers(3, 9, size=2)
                mask[row : row + height, column : column + width] = True
            masks.append(mask)
        mask, last, carried, removed = masks
        regions = find_regions(mask | last)
        stays = generator.random(len(regions.areas) - 1) > 0.2
        arguments = (regions, stays, last | (carried & mask), last, removed & mask)
        found = split_off_new_parts(*arguments)
        wanted = new_parts_reference.split_off_new_parts(*arguments)
        assert np.array_equal(found.labels, wanted.labels)
        assert np.array_equal(found.areas, wanted.areas)
        split += len(found.areas) > len(regions.areas)
    assert split > 5
