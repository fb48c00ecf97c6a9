"""The page of the analysis: what is claimed beside what came out, and nothing that could not be made."""

import pandas as pd

from canonuclei.analysis.failures import TRUE_KINDS
from canonuclei.analysis.page import analysis_page
from canonuclei.evaluation.bootstrap import RATIO

KEYS = {"supervision": "masks", "encoder": "tiny", "grid": 128, "seed": 0}


def tables() -> dict[str, pd.DataFrame]:
    scored = {"Ours": 0.30, "Ours+L_cnt": 0.60, "Ours+L_cnt+P": 0.66, "Mask R-CNN": 0.75}
    rows = [KEYS | {"approach": name, "f1_50": value} for name, value in scored.items()]
    pair = {"encoder": "tiny", "seed": 0, "scope": "tile", "grid_a": 128, "grid_b": 128, "images": 9}
    pair |= {"epochs_a": 50, "epochs_b": 50}
    differences = [
        pair
        | {"approach_a": "Ours+L_cnt", "approach_b": "Ours", "metric": metric, "difference": 0.3}
        | {"low": 0.21, "high": 0.38}
        for metric in ("f1_50", "dice")
    ]
    grids = {"approach_a": "Ours", "approach_b": "Ours", "grid_b": 32, "metric": "f1_50"}
    differences.append(pair | grids | {"difference": -0.001, "low": -0.01, "high": 0.012})
    rival = {"approach_a": "Ours+L_cnt+P", "approach_b": "Mask R-CNN", "grid_b": None, "metric": RATIO}
    differences.append(pair | rival | {"difference": 0.88, "low": 0.8149, "high": 0.95})
    readings = KEYS | {"approach": "Ours+L_cnt", "f1_mean_10": 0.48, "f1_mean_9": 0.54}
    readings |= {"f1_mean_10_loose": 0.5, "f1_mean_10_tiles": 0.7, "f1_50_tiles": 0.8}
    differences = pd.DataFrame(differences)
    return {
        "table1": pd.DataFrame(rows).assign(epochs=50),
        "differences": differences,
        "differences_by_look": differences.iloc[:0].assign(look=[]),
        "differences_by_density": differences.iloc[:0].assign(k=[]),
        "by_density": pd.DataFrame(columns=["approach", "k", *KEYS, "f1_50", "tp", "fn", "count_mae"]),
        "readings": pd.DataFrame([readings]),
    }


def lines(page: str, begin: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(begin)]


def test_a_claim_stands_beside_the_papers_own():
    page = analysis_page(tables(), "mine")
    assert lines(page, "| Ours+L_cnt − Ours ") == [
        "| Ours+L_cnt − Ours | tiny | 0 | F1@0.5 | **+30.0** | +21.0 … +38.0 | +34.8 |"
    ]
    # an interval around 0 is no difference that is claimed; the paper: 30.55 − 32.49
    assert lines(page, "| Ours (128) − Ours (32) ") == [
        "| Ours (128) − Ours (32) | tiny | 0 | F1@0.5 | -0.1 | -1.0 … +1.2 | -1.9 |"
    ]
    assert lines(page, "| tiny | tiles |") == ["| tiny | tiles | 0 | 88 % | 81 … 95 % |"]
    assert "48.0 (0.80) | 54.0 (0.90)" in page


def test_of_several_seeds_the_median_share_of_full_supervision_stands_below_them():
    given = tables()
    share = given["differences"].query("metric == @RATIO")
    others = [share.assign(seed=seed, difference=value) for seed, value in ((1, 0.10), (2, 0.95))]
    given["differences"] = pd.concat([given["differences"], *others, share.assign(scope="whole")])
    assert lines(analysis_page(given, "mine"), "| tiny | tiles | median |") == [
        "| tiny | tiles | median | 88 % | – |"
    ]
    assert len(lines(analysis_page(given, "mine"), "| tiny | whole images |")) == 1


def test_an_encoder_whose_runs_are_shorter_says_so():
    given = tables()
    page = analysis_page(given, "mine")
    assert "different lengths" not in " ".join(page.split()) and "epochs" not in page
    short = {"encoder": "resnet50", "epochs_a": 8, "epochs_b": 8}
    given["differences"] = pd.concat([given["differences"], given["differences"].assign(**short)])
    page = analysis_page(given, "mine")
    assert lines(page, "| Ours+L_cnt − Ours ") == [
        "| Ours+L_cnt − Ours | tiny, 50 epochs | 0 | F1@0.5 | **+30.0** | +21.0 … +38.0 | +34.8 |",
        "| Ours+L_cnt − Ours | resnet50, 8 epochs | 0 | F1@0.5 | **+30.0** | +21.0 … +38.0 | +34.8 |",
    ]
    assert lines(page, "| resnet50, 8 epochs | tiles |") and "48.0 (0.80)" in page
    assert "different lengths" not in " ".join(page.split())


def test_what_was_trained_for_another_length_is_told_and_not_bold():
    given = tables()
    ours, full = (given["differences"][side] for side in ("approach_a", "approach_b"))
    given["differences"].loc[(ours == "Ours+L_cnt") & (full == "Ours"), "epochs_b"] = 8
    given["differences"].loc[full == "Mask R-CNN", "epochs_b"] = 2
    page = analysis_page(given, "mine")
    assert lines(page, "| Ours+L_cnt − Ours ") == [
        "| Ours+L_cnt − Ours | tiny, 50 and 8 epochs | 0 | F1@0.5 | +30.0 | +21.0 … +38.0 | +34.8 |"
    ]
    assert "| tiny, 50 and 2 epochs | tiles | 0 | 88 % |" in page
    # beside what was not trained at all nothing is of another length
    given["differences"] = given["differences"].replace({"Ours": "Otsu+WS", 8: float("nan")})
    assert "tiny, 50 epochs | 0 | F1@0.5 | **+30.0** |" in analysis_page(given, "mine")
    assert "different lengths**, a's first" in " ".join(page.split())


def test_few_images_are_called_few_and_one_has_no_interval():
    given = tables()
    said = " ".join(analysis_page(given, "mine").split())
    assert "**Test images: 9**; intervals of so few say little." in said
    given["differences"] = given["differences"].assign(images=1, low=float("nan"), high=float("nan"))
    page = analysis_page(given, "mine")
    assert lines(page, "| Ours+L_cnt − Ours ") == [
        "| Ours+L_cnt − Ours | tiny | 0 | F1@0.5 | +30.0 | – | +34.8 |"
    ]
    assert "**Test images: 1**; one image has no interval." in " ".join(page.split()) and "nan" not in page
    given["differences"]["images"] = 10
    assert "Test images" not in analysis_page(given, "mine")


def test_what_could_not_be_made_has_no_heading():
    page = analysis_page(tables(), "mine")
    assert lines(page, "## ") == ["## What is claimed, and what came out", "## Readings of the mean F1"]


def test_shapes_failures_and_measures():
    found = {"grid": 128, **KEYS, "approach": "Ours+P"}
    shares = {"found": 0.5, "merged": 0.2, "split": 0.1, "outline": 0.1, "missed": 0.1}
    shares |= {"unmatched": 0.125, "false": 0.25}
    groups = [("all", "all"), ("look", "tissue"), ("look", "fluorescence"), ("density", "0–5")]
    failures = [found | {"by": by, "group": group, "nuclei": 1200} | shares for by, group in groups]
    failures.append(failures[1] | {"approach": "Ours"})
    measure = found | {"measure": "area", "unit": "%", "nuclei": 600, "bias": -3.25, "median_error": 9.0}
    shape = {"approach": "Ours", "encoder": "tiny", "seed": 0, "has_inside": True, "closed": True}
    shape |= {"pieces": 1, "convex": True, "eccentricity": 0.1, "offset": 0.02, "equivalent_radius": 0.5}
    more = {
        "failures": pd.DataFrame(failures),
        "measurements": pd.DataFrame([measure | {"correlation": None}]),
        "shapes": pd.DataFrame([shape | {"edge_width": None, "maximum": 0.99}]),
    }
    page = analysis_page(tables() | more, "mine")
    assert "| Ours+P | tiny | 0 | tissue | 1,200 | 50.0 | 20.0 | 10.0 | 10.0 | 10.0 | 12.5 | 25.0 |" in page
    # by group what an approach gives in the end; one group alone is all again
    assert not lines(page, "| Ours | tiny | 0 | tissue")
    assert "### By density" not in page
    assert "| Ours+P | tiny | 0 | area | 600 | -3.2 % | 9.0 % | – |" in page
    pictures = ["shapes.png", "failures.png", "failures_of_each.png", "measurements.png"]
    assert [line.split("(")[1][:-1] for line in lines(page, "![")] == pictures
    assert "| Ours | tiny | 0 | yes | yes | 0.100 | 0.020 | 0.500 | – | 0.990 |" in page


def test_differences_of_fates_stand_below_the_shares():
    given = tables()
    pair = given["differences"].iloc[0].to_dict() | {"scope": "whole", "metric": "found", "look": "all"}
    given["fate_differences"] = pd.DataFrame(
        [
            pair | {"approach_a": "Ours+L_cnt+P", "approach_b": "Ours+P", "difference": 0.0, "low": -0.02},
            pair | {"approach_a": "Ours+L_cnt+P", "approach_b": "Ours+L_cnt", "metric": "missed"},
            pair | {"approach_a": "Ours+L_cnt", "approach_b": "Ours", "metric": "false"},
            pair | {"approach_a": "Ours+L_cnt", "approach_b": "Semantic+WS"},
            pair | {"approach_a": "Ours+L_cnt+P", "approach_b": "Ours+P", "look": "tissue"},
        ]
    )
    assert not lines(analysis_page(given, "mine"), "| a − b | encoder | seed | found |")
    row = KEYS | {"approach": "Ours+P", "by": "all", "group": "all", "nuclei": 40, "predicted": 50}
    shares = dict.fromkeys((*TRUE_KINDS, "unmatched", "false"), 0.2)
    given["failures"] = pd.DataFrame([row | shares])
    page = analysis_page(given, "mine")
    heads = " | ".join((*TRUE_KINDS, "unmatched", "false"))
    assert f"| a − b | encoder | seed | {heads} |" in page
    assert lines(page, "| Ours+L_cnt+P − Ours") == [
        "| Ours+L_cnt+P − Ours+P | tiny | 0 | +0.0 (-2.0 … +38.0) | – | – | – | – | – | – |",
        "| Ours+L_cnt+P − Ours+L_cnt | tiny | 0 | – | – | – | – | **+30.0** (+21.0 … +38.0) | – | – |",
        "| Ours+L_cnt+P − Ours+P | tissue | tiny | 0 | **+30.0** (+21.0 … +38.0) | – | – | – | – | – | – |",
    ]
    assert f"| a − b | look | encoder | seed | {heads} |" in page
    assert lines(page, "| Ours+L_cnt − Ours | tiny | 0 | – | – | – | – | – | – | **+30.0** ")
    assert not lines(page, "| Ours+L_cnt − Semantic+WS")


def test_by_look_and_by_nuclei_in_the_tile():
    given = tables()
    rival = {"approach_a": "Ours+L_cnt+P", "approach_b": "Semantic+WS", "grid_b": None, "metric": "f1_50"}
    pair = given["differences"].iloc[0].to_dict() | rival
    given["differences_by_look"] = pd.DataFrame(
        [
            pair | {"look": "fluorescence", "images": 40},
            pair | {"look": "tissue", "images": 7, "low": -0.01},
            pair | {"look": "tissue", "metric": "iou"},
            pair | {"look": "tissue", "approach_a": "Ours"},
        ]
    )
    row = KEYS | {"approach": "Ours+P", "fn": 30}
    given["by_density"] = pd.DataFrame(
        [row | {"k": "0", "f1_50": 0.0, "tp": 0, "fn": 0, "count_mae": 0.5}]
        + [
            row | {"k": "1–2", "f1_50": 0.6 + seed / 10, "tp": 70, "count_mae": 1.5, "seed": seed}
            for seed in range(3)
        ]
        + [row | {"approach": "Ours", "k": "1–2", "f1_50": 0.1, "tp": 5, "count_mae": 9}]
    )
    given["differences_by_density"] = pd.DataFrame(
        [
            pair | {"k": "0", "images": 8, "difference": 0.0},
            pair | {"k": "1–2", "images": 30, "low": -0.01},
            pair | {"k": "3–5", "images": 9},
            pair | {"k": "3–5", "metric": "iou"},
        ]
    )
    page = analysis_page(given, "mine")
    assert "| a − b | encoder | seed | K = 1–2 (30 images) | K = 3–5 (9 images) |" in page
    assert lines(page, "| Ours+L_cnt+P − Semantic+WS ") == [
        "| Ours+L_cnt+P − Semantic+WS | tiny | 0 | fluorescence | 40 | **+30.0** | +21.0 … +38.0 |",
        "| Ours+L_cnt+P − Semantic+WS | tiny | 0 | tissue | 7 | +30.0 | -1.0 … +38.0 |",
        "| Ours+L_cnt+P − Semantic+WS | tiny | 0 | +30.0 (-1.0 … +38.0) | **+30.0** (+21.0 … +38.0) |",
    ]
    assert lines(page, "| approach | encoder | K = ") == [
        "| approach | encoder | K = 1–2 (100) |",
        "| approach | encoder | K = 0 (0) | K = 1–2 (100) |",
    ]
    # the median of the seeds; without nuclei there is only a count to be wrong
    assert lines(page, "| Ours+P | tiny |") == ["| Ours+P | tiny | 70.0 |", "| Ours+P | tiny | 0.50 | 1.50 |"]


def test_images_of_ones_own_without_instance_labels():
    """No F1, and nothing of the paper: pixel IoU is what can be claimed."""
    own = tables()
    own["differences"] = own["differences"].query("metric == 'dice'").assign(metric="iou")
    own["readings"] = own["readings"].iloc[:0]
    page = analysis_page(own, "mylab", own=True)
    assert lines(page, "| Ours+L_cnt − Ours ") == [
        "| Ours+L_cnt − Ours | tiny | 0 | IoU | **+30.0** | +21.0 … +38.0 |"
    ]
    assert "aper" not in page
    own["differences"] = own["differences"].iloc[:0]
    assert lines(analysis_page(own, "mylab", own=True), "## ") == []


def test_simulated_images_are_called_so_and_stand_beside_no_paper():
    page = analysis_page(tables(), "demo", simulated=True)
    assert page.splitlines()[2].startswith("**Simulated images.**") and "aper" not in page
    assert "imulated" not in analysis_page(tables(), "mine")


def test_a_shape_that_is_not_whole_says_why():
    shape = {"approach": "Ours", "encoder": "tiny", "seed": 0, "has_inside": True, "closed": False}
    shape |= {"pieces": 1, "convex": False, "eccentricity": None, "offset": None, "equivalent_radius": None}
    shape |= {"edge_width": None, "maximum": 0.99}
    rows = [shape, shape | {"has_inside": False, "pieces": 0}, shape | {"closed": True, "pieces": 2}]
    page = analysis_page(tables() | {"shapes": pd.DataFrame(rows)}, "mine")
    said = [line.split(" | ")[3] for line in lines(page, "| Ours | tiny | 0 | ")]
    assert said == ["not closed", "no inside", "2 pieces"]
