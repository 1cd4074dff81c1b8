import contextlib
import csv
import io
import json
import re

import numpy as np
import pytest
import skimage.metrics
import tensorflow as tf
from tensorflow import keras

from tests.cases.families import hints, pix2pix
from tests.training.test_evaluate import Markup, refused
from tfpix2pix import load_run
from tfpix2pix.data import codecs
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.inference import Control, Direction
from tfpix2pix.testing import save_untrained
from training import evaluate as program
from training.evaluate import evaluate
from training.evaluation import results_page, revealed_scores
from training.evaluation.revealed_scores import RevealedScores, revealing_control

DEFAULTS = [0, 1, 2, 5, 10, 20, 50, 100]


def rows_of(pixels, count, key):
    """Shows the first rows of an image, and black below; a control that is not of points."""
    del key
    return tf.concat([pixels[:, :count], tf.zeros_like(pixels[:, count:])], 1)


ROWS = Control("rows", tf.TensorSpec((None, None, 3)), tf.zeros_like, {"most": 8}, reveal=rows_of)


def psnr(one, other):
    error = np.mean((one.astype(float) - other) ** 2)
    return 10 * np.log10(255**2 / error)


def pictures(seed, side=8):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype("uint8")


def copied(values):
    return values["rows"][0].numpy().astype("uint8")


def test_who_copies_what_is_shown_errs_by_the_rest():
    """By hand: of the target's rows below those shown, black against what is there."""
    scores = RevealedScores(ROWS, [6, 0, 3, 6])
    targets = [pictures(seed) for seed in range(5)]
    plain = [pictures(seed + 50) for seed in range(5)]
    for target, no_color in zip(targets, plain):
        scores.add(target, copied, no_color)
    black = np.zeros((8, 8, 3))
    expected = {
        f"psnr_revealed_{count}": [
            psnr(t, np.concatenate([t[:count], black[count:]])) for t in targets
        ]
        for count in (0, 3, 6)
    }
    expected = {"psnr_no_color": list(map(psnr, targets, plain)), **expected}
    columns = scores.columns()
    assert list(columns) == list(expected)
    for title, values in expected.items():
        np.testing.assert_allclose(columns[title], values, rtol=1e-5)
    summary = scores.summary()
    assert summary["examples"] == 5
    assert [point["count"] for point in summary["points"]] == [0, 3, 6]
    means = [point["mean"] for point in summary["points"]]
    assert means == sorted(means)
    for point in summary["points"]:
        values = np.array(expected[f"psnr_revealed_{point['count']}"])
        gains = values - expected["psnr_revealed_0"]
        assert point["mean"] == pytest.approx(values.mean(), rel=1e-5)
        assert point["gain"]["mean"] == pytest.approx(gains.mean(), rel=1e-4, abs=1e-6)
        for one, every in ((point, values), (point["gain"], gains)):
            # Means of resampled values: among them, and about 1.96 of their errors apart.
            half = 1.96 * every.std() / np.sqrt(5)
            bounds = [one["mean"] - half, one["mean"] + half]
            assert [one["low"], one["high"]] == pytest.approx(bounds, abs=0.4 * half + 1e-6)


def test_examples_that_a_picture_equals_are_left_out_of_means():
    scores = RevealedScores(ROWS, [0, 3])
    grey = np.full((8, 8, 3), 90, "uint8")
    scores.add(grey, copied, grey)
    assert scores.columns()["psnr_no_color"] == [np.inf]
    assert scores.summary() is None
    scores.add(pictures(0), copied, grey)
    summary = scores.summary()
    assert summary["examples"] == 1
    for one in (summary["no_color"], *summary["points"]):
        assert one["low"] == one["mean"] == one["high"]


def test_a_control_shows_as_many_as_it_takes_and_only_of_targets():
    assert RevealedScores(ROWS).counts == [0, 1, 2, 5]
    assert RevealedScores(ROWS._replace(about={})).counts == DEFAULTS
    rule = "`revealed` must be whole numbers of places of a target to show by the control 'rows', "
    cure = "Leave it out for 0, 1, 2, 5, 10, 20, 50, 100."
    message = f"{rule}each from 0 to 8. Received: -1, 9. {cure}"
    refused(message, lambda: RevealedScores(ROWS, [-1, 3, 9]))
    message = f"{rule}each at least 0. Received: 0.5. {cure}"
    refused(message, lambda: RevealedScores(ROWS._replace(about={}), [0.5]))
    task = Pairs((PixelFormat(3, "uint8", (0, 255)),) * 2)
    image, other = keras.Input((None, None, 3)), keras.Input((None, None, 3))
    network = keras.Model([image, other], other)
    direction = Direction(network, task, multiple=1, controls=(ROWS,))
    assert revealing_control(direction) is ROWS
    assert revealing_control(direction._replace(paired=False)) is None
    plain = ROWS._replace(reveal=None)
    assert revealing_control(direction._replace(controls=(plain, ROWS))) is ROWS
    assert revealing_control(direction._replace(controls=(plain,))) is None


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of hints, of other weights, on the same photos."""
    folder = tmp_path_factory.mktemp("hints")
    one = hints(folder / "data")
    return [
        save_untrained(one, folder / "one"),
        save_untrained(hints(folder / "data", gain=0.3), folder / "two"),
    ]


@pytest.fixture(scope="module")
def evaluated(runs, tmp_path_factory):
    """`(folder, result, printed)` of the program."""
    folder = tmp_path_factory.mktemp("evaluations") / "to"
    arguments = ["--run", *map(str, runs), "--to", str(folder), "--revealed", "[20, 0, 5]"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        program.main(arguments)
    return folder, json.loads((folder / "metrics.json").read_text()), printed.getvalue()


@pytest.mark.slow
def test_pictures_are_those_of_the_run_with_squares_of_its_target(evaluated, runs):
    """By the run's own door: a photo and a list of points, which show its target's colours."""
    folder, result, _ = evaluated
    with (folder / "images.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    columns = ["psnr_no_color", "psnr_revealed_0", "psnr_revealed_5", "psnr_revealed_20"]
    assert list(table[0])[-4:] == columns
    for folder_of_run in runs:
        run = load_run(folder_of_run)
        _, direction = run.direction()
        (control,) = direction.controls
        for index, batch in enumerate(run.held_out(run.examples("held_out")).take(2)):
            target = codecs.read(folder / f"pictures/target/{index:05d}.png")
            expected = []
            for count in (0, 5, 20):
                key = tf.constant((revealed_scores.SEED, index), "int64")
                points = control.reveal(target[np.newaxis], count, key)[0].numpy()
                for row, column, *color, radius in points:
                    top, left = int(row - 2.5), int(column - 2.5)
                    square = target[top : top + 6, left : left + 6]
                    np.testing.assert_allclose(color, square.mean((0, 1)), rtol=1e-5)
                    assert radius == 2.5
                # What is translated is the target's lightness alone.
                translated = run.translate(target, hints=points)
                expected.append(skimage.metrics.peak_signal_noise_ratio(target, translated))
            (row,) = (r for r in table if (r["run"], r["number"]) == (run.folder.name, str(index)))
            values = [float(row[column]) for column in columns]
            np.testing.assert_allclose(values[1:], expected, atol=0.05)
            # The photo in grey.
            source = direction.example(batch).source
            grey = direction.task.picture(source, tf.zeros((*source.shape[:3], 2)))[0].numpy()
            assert np.ptp(grey.astype(int), axis=-1).max() <= 1
            assert values[0] == pytest.approx(psnr(target, grey), abs=0.05)
    for run in result["runs"]:
        own = [r for r in table if r["run"] == run["title"]]
        for point in run["revealed"]["points"]:
            values = [float(r[f"psnr_revealed_{point['count']}"]) for r in own]
            assert point["mean"] == pytest.approx(np.mean(values))
            assert point["low"] <= point["mean"] <= point["high"]


@pytest.mark.slow
def test_page_and_terminal_show_the_numbers_of_both_runs(evaluated):
    folder, result, printed = evaluated
    page = (folder / "index.html").read_text("utf-8")
    assert Markup(page).open == []
    lines = printed.splitlines()
    start = lines.index(f"{'PSNR, dB, by revealed points':34} {'one':>22} {'two':>22}")
    revealed = [run["revealed"] for run in result["runs"]]
    assert revealed[0] != revealed[1]
    cells = {"no colour at all": [one["no_color"] for one in revealed]}
    cells |= {
        str(count): [one["points"][number] for one in revealed]
        for number, count in enumerate((0, 5, 20))
    }
    for line, (title, of_runs) in zip(lines[start + 1 :], cells.items()):
        texts = [f"{c['mean']:.2f} [{c['low']:.2f}, {c['high']:.2f}]" for c in of_runs]
        assert line == f"{title:34} {texts[0]:>22} {texts[1]:>22}"
        assert f"<tr><th>{title}</th>" in page
        assert all(text in page for text in texts)
    for gain in (one["points"][2]["gain"] for one in revealed):
        assert f"{gain['mean']:+.3g} [{gain['low']:+.3g}, {gain['high']:+.3g}]" in page
    assert lines[start + 5].startswith("Look at ")


def test_the_curve_goes_through_the_means_within_their_band():
    points = [
        {"count": count, "mean": mean, "low": mean - 1, "high": mean + 2}
        for count, mean in ((0, 22.0), (9, 24.0), (99, 30.0))
    ]
    no_color = {"mean": 21.0, "low": 21.0, "high": 21.0}
    drawing = results_page.curve([None, {"points": points, "no_color": no_color}])
    paths = re.findall(r'<path d="M([^"]*)" (fill="[^n]|fill="none"|stroke="cu)', drawing)
    band, line, dashes = (
        [tuple(map(float, corner.split(","))) for corner in path.split("H")[0].split("L")]
        for path, _ in paths
    )
    left, right, top, bottom = 40, results_page.WIDTH - 16, 12, results_page.CURVE_HEIGHT - 36
    across = [left + (right - left) * share for share in (0, 0.5, 1)]  # log10 of 1, 10 and 100.

    def down(psnr):
        return [bottom - (bottom - top) * (value - 21) / 11 for value in psnr]

    np.testing.assert_allclose(np.transpose(line), [across, down([22, 24, 30])], atol=0.06)
    expected = [[*across, *across[::-1]], down([24, 26, 32, 29, 23, 21])]
    np.testing.assert_allclose(np.transpose(band), expected, atol=0.06)
    assert dashes == [(left, bottom)]
    assert results_page.COLORS[1] in drawing
    assert results_page.COLORS[0] not in drawing
    assert results_page.curve([None]) == ""
    one = {
        "points": [{"count": 0, "mean": 9.0, "low": 9.0, "high": 9.0}],
        "no_color": {"mean": 9.0},
    }
    assert "nan" not in results_page.curve([one])


@pytest.mark.slow
def test_what_shows_no_targets_is_left_out_or_refused(runs, tmp_path):
    plain = save_untrained(pix2pix(tmp_path / "data"), tmp_path / "plain")
    message = (
        "`revealed` needs a direction with targets and a control that shows places of them, such "
        "as hints. Received: [0, 5] for plain. Leave it out."
    )
    refused(message, lambda: evaluate(plain, tmp_path / "to", revealed=[0, 5]))
    assert not (tmp_path / "to").exists()
    (off,) = evaluate(runs[0], tmp_path / "to", limit=1, revealed=[])["runs"]
    assert off["revealed"] is None
    assert "revealed" not in (tmp_path / "to/images.csv").read_text()
    assert "revealed points" not in (tmp_path / "to/index.html").read_text("utf-8")
    (default,) = evaluate(runs[0], tmp_path / "to", limit=1)["runs"]
    assert [point["count"] for point in default["revealed"]["points"]] == DEFAULTS
