"""Pooled scores, readings of the mean F1 and intervals, by hand."""

import pandas as pd
import pytest

from canonuclei.evaluation.aggregate import f1_curves, mean_f1_readings, mean_over_images, pooled
from canonuclei.evaluation.bootstrap import RATIO, differences
from canonuclei.evaluation.scores import TP, score_table


def rows(approach: str, tp: list[int], true: list[int], predicted: list[int], grid: int | None = 128):
    for image, values in enumerate(zip(tp, true, predicted, strict=True)):
        hit, n, m = values
        row = {"approach": approach, "encoder": "tiny", "grid": grid, "seed": 0, "scope": "tile"}
        row |= {"image": str(image), "look": "tissue", "true_nuclei": n, "predicted_nuclei": m}
        row |= {"intersection": hit, "union": n + m - hit, "true_pixels": n, "predicted_pixels": m}
        row |= {f"tp_{k}": hit if k < 10 else 0 for k in range(1, 11)}
        row |= {f"any_{side}_{k}": hit for side in ("true", "predicted") for k in range(1, 5)}
        yield row


def test_pooled_means_curves_and_readings_by_hand() -> None:
    scores = score_table(rows("Ours", [1, 3, 0], [2, 4, 0], [2, 4, 0]))
    table = pooled(scores).iloc[0]
    assert table["f1_50"] == pytest.approx(8 / 12) and table["f1_mean_9"] == pytest.approx(8 / 12)
    assert table["f1_mean_10"] == pytest.approx(0.9 * 8 / 12)
    assert (table["tp"], table["fp"], table["fn"], table["count_mae"]) == (4, 2, 2, 0)
    assert table["dice"] == pytest.approx(2 * table["iou"] / (1 + table["iou"]))
    # the image without truth and prediction is left out of the means
    assert mean_over_images(scores)["f1_50"].iloc[0] == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert f1_curves(scores)["f1"].tolist() == pytest.approx([8 / 12] * 9 + [0])
    nothing = mean_f1_readings(score_table(rows("Ours", [0, 0], [2, 4], [2, 4]))).iloc[0]
    assert nothing[["f1_mean_9", "f1_mean_10", "f1_mean_10_loose", "f1_mean_10_tiles"]].tolist() == [0.0] * 4
    readings = mean_f1_readings(scores).iloc[0]
    assert readings["f1_mean_10_loose"] == pytest.approx(0.9 * 8 / 12)
    assert readings["f1_mean_10_tiles"] == pytest.approx((0.9 / 2 + 0.9 * 3 / 4 + 1) / 3)
    assert readings["f1_50_tiles"] == pytest.approx((1 / 2 + 3 / 4 + 1) / 3)


def test_intervals_are_paired_and_skip_what_is_not_there() -> None:
    tp, n = [2, 5, 7, 3, 4], [10, 10, 10, 10, 10]
    scores = score_table([*rows("Ours", tp, n, n), *rows("Ours+P", [k + 1 for k in tp], n, n)])
    table = differences(scores, resamples=300, seed=0)
    assert set(table["approach_a"]) == {"Ours+P"} and set(table["approach_b"]) == {"Ours"}
    f1_50 = table[table["metric"] == "f1_50"].iloc[0]
    # one more hit in every image of ten: whatever is drawn, the difference is 0.1
    assert [f1_50["difference"], f1_50["low"], f1_50["high"]] == pytest.approx([0.1] * 3)
    again = differences(scores, resamples=300, seed=0)
    pd.testing.assert_frame_equal(table, again)
    assert (table["low"] <= table["difference"]).all() and (table["images"] == 5).all()


def test_one_image_has_no_interval() -> None:
    scores = score_table([*rows("Ours", [2], [10], [10]), *rows("Ours+P", [3], [10], [10])])
    table = differences(scores, resamples=20, seed=0)
    assert table.set_index("metric").loc["f1_50", "difference"] == pytest.approx(0.1)
    assert table["low"].isna().all() and table["high"].isna().all() and (table["images"] == 1).all()


def test_an_image_without_instance_labels_takes_no_part_in_f1_alone() -> None:
    tp, n = [2, 5, 7, 3], [10, 10, 10, 10]
    scores = score_table([*rows("Ours", tp, n, n), *rows("Ours+P", [k + 1 for k in tp], n, n)])
    labelled = differences(scores[scores["image"] != scores["image"].iloc[-1]], resamples=300, seed=0)
    masks_only = scores["image"] == scores["image"].iloc[-1]
    scores.loc[masks_only, [*TP, "true_nuclei"]] = pd.NA
    table = differences(scores, resamples=300, seed=0)
    columns = ["metric", "difference", "low", "high", "images"]
    of_matches = table["metric"].str.startswith(("f1", "count"))
    expected = labelled[labelled["metric"].str.startswith(("f1", "count"))]
    assert len(expected) == 4
    pd.testing.assert_frame_equal(table[of_matches][columns], expected[columns])
    assert table.loc[~of_matches, "images"].tolist() == [4, 4]


def test_the_share_of_full_supervision_has_an_interval_of_its_own() -> None:
    """Half as many hits in every image: whatever is drawn, the share is one half; no other rival has one."""
    tp, n = [2, 6, 8, 4, 4], [10, 10, 10, 10, 10]
    ours = rows("Ours+L_cnt+P", [k // 2 for k in tp], n, n)
    rivals = [row for name in ("Mask R-CNN", "Semantic+WS") for row in rows(name, tp, n, n, None)]
    table = differences(score_table([*ours, *rivals]), resamples=300, seed=0)
    share = table[table["metric"] == RATIO]
    assert share["approach_b"].tolist() == ["Mask R-CNN"]
    assert share[["difference", "low", "high"]].iloc[0].tolist() == pytest.approx([0.5] * 3)
    # shares of single images differ: it is that of the sums, and drawn images move it
    ours = rows("Ours+L_cnt+P", [2, 1, 7, 4, 0], n, n)
    table = differences(score_table([*ours, *rivals]), resamples=300, seed=0)
    value, low, high = table.loc[table["metric"] == RATIO, ["difference", "low", "high"]].iloc[0]
    assert value == pytest.approx(14 / 24) and low < value < high
    # beside a rival that finds nothing there is none
    nothing = rows("Mask R-CNN", [0] * 5, n, n, None)
    table = differences(score_table([*rows("Ours+P", tp, n, n), *nothing]), resamples=20, seed=0)
    assert RATIO not in set(table["metric"]) and "f1_50" in set(table["metric"])


def test_claimed_pairs_follow_the_grids_that_are_there() -> None:
    tp, n = [2, 5, 7], [10, 10, 10]
    for coarse, fine in ((32, 128), (16, 64)):
        parts = [
            *rows("Ours", tp, n, n, coarse),
            *rows("Ours", tp, n, n, fine),
            *rows("Ours+P", tp, n, n, fine),
        ]
        table = differences(score_table(parts), resamples=20, seed=0)
        pairs = table[["approach_a", "approach_b", "grid_a", "grid_b"]].drop_duplicates().to_numpy().tolist()
        assert sorted(pairs) == [["Ours", "Ours", fine, coarse], ["Ours+P", "Ours", fine, fine]]


def test_a_rival_of_one_seed_stands_against_every_seed_of_ours() -> None:
    tp, n = [2, 5, 7], [10, 10, 10]

    def pairs(rival_seeds: tuple[int, ...]) -> list[list]:
        parts = [row | {"seed": seed} for seed in (0, 1, 2) for row in rows("Ours+L_cnt+P", tp, n, n)]
        parts += [row | {"seed": seed} for seed in rival_seeds for row in rows("Semantic+WS", tp, n, n, None)]
        table = differences(score_table(parts), resamples=20, seed=0)
        return table[["approach_b", "seed", "seed_b"]].drop_duplicates().to_numpy().tolist()

    assert pairs((0,)) == [["Semantic+WS", 0, 0], ["Semantic+WS", 1, 0], ["Semantic+WS", 2, 0]]
    # of several, each against its own
    assert pairs((0, 2)) == [["Semantic+WS", 0, 0], ["Semantic+WS", 2, 2]]


def test_a_label_of_the_users_own_stands_against_ours_of_the_same_supervision() -> None:
    tp, n = [2, 5, 7], [10, 10, 10]
    parts = [
        row
        for label in ("Ours", "Ours+L_cnt", "Fine+L_cnt", "Fine")
        for end in ("", "+P")
        for row in rows(label + end, tp, n, n)
    ]
    table = differences(score_table(parts), resamples=20, seed=0)
    beside = {name: set(part["approach_b"]) for name, part in table.groupby("approach_a")}
    assert beside["Fine+L_cnt"] == {"Ours", "Ours+L_cnt"}
    assert beside["Fine+L_cnt+P"] == {"Fine+L_cnt", "Ours+P", "Ours+L_cnt+P"}
    assert beside["Fine"] == {"Ours"} and beside["Ours+L_cnt"] == {"Ours"} and "Ours" not in beside
