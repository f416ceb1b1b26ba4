import numpy as np
import pytest

from rotoline.errors import InputError
from rotoline.stages.regions.components import find_regions, overlap, overlaps
from rotoline.stages.regions.craf import (
    Craf,
    Origin,
    keep_selected_regions,
    resolve_overlaps,
    select_free_region,
    select_region,
)

PAPER = Craf()


def keep(maps, masks, config=PAPER):
    """The filtered maps, as text."""
    return text(keep_selected_regions(np.stack(maps), np.stack(masks), config))


def text(scores):
    return [
        ["".join(str(round(10 * x)).replace("0", ".") for x in row) for row in score]
        for score in scores.tolist()
    ]


def test_constants_are_those_of_the_paper():
    assert (PAPER.alpha, PAPER.beta, PAPER.gamma, PAPER.delta) == (0.2, 0.9, 0.1, 0.4)
    assert PAPER.threshold == 30 / 255


# ------------------------------------------------------------------------------------- step 1


def test_region_that_agrees_best_is_selected_and_the_rest_is_0(draw, mark):
    score = draw(
        "88.1.999",
        "88...999",
        "..7..999",
    )
    mask = mark(
        ".#......",
        ".#......",
        ".#......",
    )
    # Above 0.118: the left region, five pixels with the one at its corner, and nine on the right.
    regions = find_regions(score > PAPER.threshold)
    assert regions.areas[1:].tolist() == [5, 9]
    # 2 / (5 + 3 - 2) and 0; the share of the largest is 5 / 9, more than alpha.
    assert overlaps(regions, mask)[1:].tolist() == [2 / 6, 0]
    assert select_region(regions, mask, PAPER.alpha) == 1
    assert keep([score], [mask]) == [["88......", "88......", "..7....."]]


def test_of_equal_agreement_the_largest_region_is_selected(draw, mark):
    score, mask = draw("77.66666666"), mark(".####......")
    regions = find_regions(score > PAPER.threshold)
    # 1 / (2 + 4 - 1) = 2 / (8 + 4 - 2); 2 / 8 is more than alpha.
    assert overlaps(regions, mask)[1:].tolist() == [0.2, 0.2]
    assert keep([score], [mask]) == [["...66666666"]]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        # Agreement 2 / 3 and 1 / (9 + 3 - 1). 2 / 9 is more than alpha.
        ("77.666666666.", "77..........."),
        # 1 / (10 + 3 - 1) is the next best; 2 / 10 is not more than alpha.
        ("77.6666666666", "...6666666666"),
    ],
)
def test_region_that_is_too_small_leaves_it_to_the_next_best(draw, mark, score, expected):
    assert keep([draw(score)], [mark("##.#.........")]) == [[expected]]


def test_region_without_a_shared_pixel_is_not_the_next_best(draw, mark):
    score = draw("77....6666666666")
    regions = find_regions(score > PAPER.threshold)
    # 2 / 10 is not more than alpha, and the large region shares nothing with the mask. Step 3
    # looks at what is free: the agreement 2 / 5 is not more than delta ...
    mask = mark("#####...........")
    assert select_region(regions, mask, PAPER.alpha) == 0
    assert overlaps(regions, mask)[1:].tolist() == [0.4, 0]
    assert keep([score], [mask]) == [["................"]]
    # ... and 2 / 4 is.
    mask = mark("####............")
    assert select_region(regions, mask, PAPER.alpha) == 0
    assert keep([score], [mask]) == [["77.............."]]


def test_lost_object_stays_lost(draw, mark):
    score = draw("999..999")
    assert keep([score], [mark("........")]) == [["........"]]
    assert keep([score], [mark("...##...")]) == [["........"]]


# ------------------------------------------------------------------------------------- step 2


def test_object_around_another_gives_its_pixels_up(draw, mark):
    outer, inner = draw("9999999999.."), draw("......7777..")
    masks = [mark("##########.."), mark("......####..")]
    # Coverage (outer, inner) = 4 / 4, (inner, outer) = 4 / 10.
    assert keep([outer, inner], masks) == [["999999......"], ["......7777.."]]
    assert keep([inner, outer], masks[::-1]) == [["......7777.."], ["999999......"]]


def test_coverage_of_just_beta_changes_nothing(mark):
    # The second has ten pixels, nine of them are the first's too.
    selected = np.stack([mark("###################."), mark("..........##########")])
    assert resolve_overlaps(selected, selected, 0.9).tolist() == selected.tolist()
    settled = resolve_overlaps(selected, selected, 0.89)
    assert settled.sum((1, 2)).tolist() == [10, 10]


@pytest.mark.parametrize("is_swapped", [False, True])
@pytest.mark.parametrize(
    ("first_before", "second_before", "expected"),
    [
        # Agreement of the first 10 / 10, of the second 8 / 11: the second gives up.
        ("##########..", "...########.", ["##########..", "..........#."]),
        # 2 / 10 against 11 / 12: the first gives up, and nothing is left of it.
        ("##..........", "############", ["............", "###########."]),
    ],
)
def test_of_nearly_identical_regions_the_one_that_agrees_less_gives_up(
    mark, first_before, second_before, expected, is_swapped
):
    selected = np.stack([mark("##########.."), mark("###########.")])
    previous = np.stack([mark(first_before), mark(second_before)])
    # Each covers the other: 10 / 11 and 10 / 10.
    wanted = np.stack([mark(row) for row in expected])
    order = [1, 0] if is_swapped else [0, 1]
    settled = resolve_overlaps(selected[order], previous[order], 0.9)
    assert settled[order].tolist() == wanted.tolist()


def test_of_equal_agreement_the_first_object_keeps_an_identical_region(mark):
    selected = np.stack([mark("###.")] * 2)
    previous = np.stack([mark("##.."), mark(".##.")])
    assert overlap(selected[0], previous[0]) == overlap(selected[1], previous[1]) == 2 / 3
    settled = resolve_overlaps(selected, previous, 0.9)
    assert settled.sum((1, 2)).tolist() == [3, 0]


# ------------------------------------------------------------------------------------- step 3


def test_object_that_gave_everything_up_selects_again(draw, mark):
    both, one = draw("9999999999.777777777"), draw("8888888888..........")
    masks = [mark("##########.#########"), mark("##########..........")]
    regions = find_regions(both > PAPER.threshold)
    # 10 / 19 and 9 / 19: both objects select the ten pixels on the left. Each covers the other
    # wholly, the second agrees wholly, so the first gives up and has 0 / 19 of its area.
    assert overlaps(regions, masks[0])[1:].tolist() == [10 / 19, 9 / 19]
    # The region on the right is free and agrees by more than delta.
    assert keep([both, one], masks) == [["...........777777777"], ["8888888888.........."]]
    strict = PAPER.model_copy(update={"delta": 9 / 19})
    assert keep([both, one], masks, strict)[0] == ["...................."]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        # One pixel of ten before is just gamma; nothing happens.
        ("......#####..#####", "..........9......."),
        # One of eleven is less; the free region agrees by 5 / 11, more than delta.
        (".....######..#####", ".............77777"),
    ],
)
def test_gamma_is_a_share_of_the_area_before(draw, mark, before, expected):
    maps = [draw("99999999999......."), draw("8888888888........"), draw(".............77777")]
    masks = [mark(before), mark("##########........"), mark("..................")]
    # The first covers the second wholly and is covered by 10 / 11, but agrees less. It has one
    # pixel left. The third is lost, so its region is free, and brings its scores along.
    assert keep(maps, masks) == [[expected], ["8888888888........"], [".................."]]


def test_own_scores_stay_in_a_region_of_another_map_where_they_are_higher(draw, mark):
    maps = [draw(".1.1"), draw("7777")]
    maps[0][0, 3] = 0.11  # no region: not above 30 / 255
    maps[1][0, 3] = 0.12
    kept = keep_selected_regions(np.stack(maps), np.stack([mark("####"), mark("....")]), PAPER)
    np.testing.assert_allclose(kept, [[[0.7, 0.7, 0.7, 0.12]], [[0, 0, 0, 0]]])


def test_selected_regions_are_not_free(draw, mark):
    maps = [draw("........"), draw("99999...")]
    masks = [mark("#####..."), mark("..#####.")]
    # The second selects the only region, by 3 / 7, though the first agrees wholly with it.
    assert keep(maps, masks) == [["........"], ["99999..."]]
    regions = [find_regions(score > PAPER.threshold) for score in maps]
    assert select_free_region(regions, masks[0], set(), 0.4) == Origin(1, 1)
    assert select_free_region(regions, masks[0], {Origin(1, 1)}, 0.4) is None


def test_of_free_regions_the_one_that_agrees_best_is_selected(draw, mark):
    maps = [draw("...."), draw("66.."), draw("777."), draw("888.")]
    masks = [mark("###."), *[mark("....")] * 3]
    # 2 / 3, then twice 3 / 3, of which the first counts.
    assert keep(maps, masks)[0] == ["777."]


def test_coverage_is_settled_again_after_step_3(draw, mark):
    maps = [draw("........"), draw("..77777."), draw("...99...")]
    masks = [mark("..#####."), mark("........"), mark("...##...")]
    # The first takes the region of the second, which is lost; now it covers the third wholly.
    assert keep(maps, masks) == [["..7..77."], ["........"], ["...99..."]]


# ------------------------------------------------------------------------------- all together


def slow_filter(scores, previous, config, flood):  # noqa: C901 (the steps as the paper lists them)
    """The filter in loops over pixels and sets; returns the maps as lists."""
    masks = [set(zip(*np.nonzero(mask), strict=True)) for mask in previous]
    regions = [flood(score > config.threshold) for score in scores]
    objects = range(len(scores))

    def agreement(region, i):
        return len(region & masks[i]) / len(region | masks[i]) if region else 0.0

    def best_of(candidates, i):
        best = None
        for map_, region in candidates:
            value = (agreement(region, i), len(region))
            if best is None or value > (agreement(best[1], i), len(best[1])):
                best = (map_, region)
        return best or (i, frozenset())

    def settle(parts):
        parts = [set(part) for part in parts]
        for i in objects:
            for j in range(i + 1, len(scores)):
                shared = parts[i] & parts[j]
                if not shared:
                    continue
                givers = []
                if len(shared) / len(parts[j]) > config.beta:
                    givers.append(i)
                if len(shared) / len(parts[i]) > config.beta:
                    givers.append(j)
                if len(givers) == 2:
                    givers = [i if agreement(parts[i], i) < agreement(parts[j], j) else j]
                for giver in givers:
                    parts[giver] -= shared
        return parts

    chosen = []
    for i in objects:
        largest = max(map(len, regions[i]), default=0)
        large = [r for r in regions[i] if len(r) / largest > config.alpha and r & masks[i]]
        chosen.append(best_of([(i, region) for region in large], i))
    parts, taken, again = settle([region for _, region in chosen]), list(chosen), False
    for i in objects:
        if masks[i] and len(parts[i]) / len(masks[i]) < config.gamma:
            free = [(m, region) for m in objects for region in regions[m]]
            free = [x for x in free if x not in taken and agreement(x[1], i) > config.delta]
            if free:
                chosen[i], again = best_of(free, i), True
                taken.append(chosen[i])
                parts[i] = set(chosen[i][1])
    parts = settle(parts) if again else parts
    result = np.zeros(scores.shape).tolist()
    for i in objects:
        for row, column in parts[i]:
            source = scores[chosen[i][0]]
            result[i][row][column] = float(max(scores[i, row, column], source[row, column]))
    return result


@pytest.mark.parametrize(
    "change", [{}, {"beta": 0.4, "gamma": 0.6, "delta": 0.1}, {"alpha": 0.6, "delta": 0.0}]
)
def test_agrees_with_the_slow_filter(make_scene, flood, change):
    config = PAPER.model_copy(update=change)
    for seed in range(300):
        scores, previous, _ = make_scene(seed)
        before = scores.copy()
        kept = keep_selected_regions(scores, previous, config)
        assert kept.tolist() == slow_filter(scores, previous, config, flood), seed
        assert kept.dtype == np.float32
        assert (scores == before).all()


def test_refuses_masks_of_another_size():
    with pytest.raises(InputError, match="objects, height, width"):
        keep_selected_regions(np.zeros((1, 2, 3), "f4"), np.zeros((1, 3, 2), bool), PAPER)


@pytest.mark.parametrize("name", ["threshold", "alpha", "beta", "gamma", "delta"])
def test_refuses_constants_out_of_range(name):
    with pytest.raises(ValueError, match=name):
        Craf(**{name: -0.1})
