"""The page of an evaluation: numbers, their spread, and examples to look at and to compare."""

from pathlib import Path

import jinja2
import numpy as np

from training.evaluation import revealed_scores
from training.evaluation.scores import MEASURES, badness, shared_names

# Of drawings, in pixels.
WIDTH = 360
HEIGHT = 150
CURVE_HEIGHT = 220
TICKS = 4  # Of decibels.
BINS = 24
SMALL = 128  # Pixels; pictures of at most that side are enlarged without smoothing.
COLORS = ("#2a7fd4", "#d9730d", "#2a9d5c", "#b84fc4", "#c43d3d", "#8a7a1c")  # Of runs.


def number(value):
    """Returns a number as people read it."""
    return "none" if value is None else f"{value:.4g}"


# All links are relative, so that the folder can be moved or sent. Without scripts the numbers and
# all examples remain, the worst first.
_ENVIRONMENT = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.filters["number"] = number
_ENVIRONMENT.filters["change"] = lambda value: f"{value:+.3g}"
_ENVIRONMENT.filters["interval"] = revealed_scores.text
_PAGE = _ENVIRONMENT.from_string(Path(__file__).with_name("page.html").read_text("utf-8"))


def html(result, names, sizes, scores, columns, real=()):
    """Returns the page of an evaluation.

    Args:
        result: Dict, see `training.evaluate.evaluate`.
        names: Name of each example.
        sizes: `(height, width)` of each example's pictures, in pixels.
        scores: For each run a dict of the names of `training.evaluation.scores.EXAMPLE_MEASURES` to
            float `[examples]`.
        columns: `(title, folder)` of the pictures: input, the outputs of each run, others.
        real: Paths of pictures of real images of what is translated into.

    Returns:
        str.
    """
    runs = result["runs"]
    measured = shared_names(scores)
    first = measured[0]
    return _PAGE.render(
        result=result,
        titles=[run["title"] for run in runs],
        rows=shared_names([run["mean"] for run in runs]),
        best={name: _best(name, runs) for name in MEASURES},
        measures=MEASURES,
        color=_color,
        drawing=histogram([run_scores[first] for run_scores in scores], result["baseline_l1"]),
        revealed=revealed_scores.table(runs),
        curve=curve([run["revealed"] for run in runs]),
        names=names,
        sizes=sizes,
        small=np.max(sizes) <= SMALL,
        columns=columns,
        real=real,
        measured=measured,
        orders=[_orders(run_scores, measured) for run_scores in scores],
        values=[_texts(run_scores, measured) for run_scores in scores],
    )


def histogram(values, baseline):
    """Draws how often each value of a measure occurs.

    Args:
        values: For each run float `[examples]`; what is not finite is left out.
        baseline: The value of the mean image, drawn as a dashed line, or `None`.

    Returns:
        str, SVG with a path for each run.
    """
    values = [of_run[np.isfinite(of_run)] for of_run in values]
    everything = [*np.concatenate(values), *([baseline] if baseline else [])]
    edges = np.histogram_bin_edges(everything, BINS)
    counts = [np.histogram(l1, edges)[0] for l1 in values]
    left = 8
    top = 10
    bottom = HEIGHT - 20
    most = np.max(counts)

    def across(value):
        share = (value - edges[0]) / (edges[-1] - edges[0])
        return f"{left + share * (WIDTH - 2 * left):.1f}"

    paths = []
    for index, run_counts in enumerate(counts):
        steps = "".join(
            f"V{bottom - count / most * (bottom - top):.1f}H{across(edge)}"
            for count, edge in zip(run_counts, edges[1:])
        )
        color = _color(index)
        paths.append(
            f'<path d="M{left},{bottom}{steps}V{bottom}" fill="{color}" fill-opacity=".25" '
            f'stroke="{color}"/>'
        )
    if baseline:
        x = across(baseline)
        paths.append(
            f'<path d="M{x},{top}V{bottom}" stroke="currentColor" stroke-dasharray="4"/>'
            f'<text x="{x}" y="{top - 2}" text-anchor="end">mean image</text>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Histogram">'
        f'{"".join(paths)}<text x="{left}" y="{HEIGHT - 6}">{edges[0]:.3g}</text>'
        f'<text x="{WIDTH - left}" y="{HEIGHT - 6}" text-anchor="end">{edges[-1]:.3g}</text></svg>'
    )


def curve(revealed):
    """Draws the PSNR against the number of revealed points, whose logarithms are even.

    Args:
        revealed: For each run what `training.evaluation.revealed_scores.RevealedScores.summary`
            returns, or `None`.

    Returns:
        str, SVG with a line within its 95% interval for each run that has one, and a dashed line
        for pictures without colour; empty if no run has any.
    """
    drawn = [(_color(index), one) for index, one in enumerate(revealed) if one]
    if not drawn:
        return ""
    points = [point for _, one in drawn for point in one["points"]]
    no_color = drawn[0][1]["no_color"]["mean"]
    counts = sorted({point["count"] for point in points})
    ends = [no_color, *(point[bound] for point in points for bound in ("low", "high"))]
    lowest, highest = min(ends), max(ends)
    left = 40
    right = WIDTH - 16
    top = 12
    bottom = CURVE_HEIGHT - 36

    def across(count):
        share = np.log1p(count) / max(np.log1p(counts[-1]), 1.0)
        return f"{left + share * (right - left):.1f}"

    def down(psnr, offset=0):
        share = (psnr - lowest) / max(highest - lowest, 1e-6)
        return f"{bottom - share * (bottom - top) + offset:.1f}"

    def path(corners, style):
        return f'<path d="M{"L".join(corners)}" {style}/>'

    parts = [
        f'<text x="{left - 6}" y="{down(psnr, 4)}" text-anchor="end">{psnr:.1f}</text>'
        + path([f"{left},{down(psnr)}H{right}"], 'stroke="#8885"')
        for psnr in np.linspace(lowest, highest, TICKS)
    ]
    for color, one in drawn:
        low, mean, high = (
            [f"{across(point['count'])},{down(point[bound])}" for point in one["points"]]
            for bound in ("low", "mean", "high")
        )
        parts.append(path([*high, *low[::-1]], f'fill="{color}" fill-opacity=".25"'))
        parts.append(path(mean, f'fill="none" stroke="{color}" stroke-width="2"'))
    parts.append(
        path([f"{left},{down(no_color)}H{right}"], 'stroke="currentColor" stroke-dasharray="4"')
        + f'<text x="{right}" y="{down(no_color, -4)}" text-anchor="end">'
        f"{revealed_scores.NO_COLOR}</text>"
    )
    parts += [
        f'<text x="{across(count)}" y="{bottom + 16}" text-anchor="middle">{count}</text>'
        for count in counts
    ]
    parts.append(f'<text x="{right}" y="{bottom + 31}" text-anchor="end">revealed points</text>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {CURVE_HEIGHT}" role="img" aria-label="PSNR in decibels by '
        f'the number of revealed points">{"".join(parts)}</svg>'
    )


def _orders(scores, measured):
    """Returns a dict of measure to the indices of a run's examples, the worst first."""
    return {
        name: np.argsort(-badness(name, scores[name]), kind="stable").tolist() for name in measured
    }


def _texts(scores, measured):
    """Returns a dict of measure to the value of each of a run's examples as text."""
    return {name: [number(value) for value in scores[name]] for name in measured}


def _best(name, runs):
    """Returns the index of the best run by a measure, or `None` for a single run."""
    values = [run["mean"].get(name) for run in runs]
    if len(runs) == 1 or None in values:
        return None
    return int(np.argmin(badness(name, np.array(values))))


def _color(index):
    return COLORS[index % len(COLORS)]
