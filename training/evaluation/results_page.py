"""The page of an evaluation: numbers, their spread, and examples to look at and to compare."""

from pathlib import Path

import jinja2
import numpy as np

from training.evaluation.scores import MEASURES, OF_EXAMPLES, badness

WIDTH, HEIGHT, BINS = 360, 150, 24  # Of the histogram; the first two in pixels.
COLORS = ("#2a7fd4", "#d9730d", "#2a9d5c", "#b84fc4", "#c43d3d", "#8a7a1c")  # Of runs.


def number(value):
    """Returns a number as people read it."""
    return "none" if value is None else f"{value:.4g}"


# All links are relative, so that the folder can be moved or sent. Without scripts the numbers and
# all examples remain, the worst first.
_ENVIRONMENT = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.filters["number"] = number
_ENVIRONMENT.filters["change"] = lambda value: f"{value:+.3g}"
_PAGE = _ENVIRONMENT.from_string(Path(__file__).with_name("page.html").read_text("utf-8"))


def html(result, names, sizes, scores, columns):
    """Returns the page of an evaluation.

    Args:
        result: Dict, see `training.evaluate.evaluate`.
        names: Name of each example.
        sizes: `(height, width)` of each example's pictures, in pixels.
        scores: For each run a dict of the names of `training.evaluation.scores.OF_EXAMPLES` to
            float `[examples]`.
        columns: `(title, folder)` of the pictures: input, outputs, target.

    Returns:
        str.
    """
    runs = result["runs"]
    by = [name for name in OF_EXAMPLES if name in scores[0]]
    orders = [
        {name: np.argsort(-badness(name, of[name]), kind="stable").tolist() for name in by}
        for of in scores
    ]
    return _PAGE.render(
        it=result,
        titles=[run["title"] for run in runs],
        rows=[name for name in MEASURES if name in runs[0]["mean"]],
        best={name: _best(name, runs) for name in MEASURES},
        measures=MEASURES,
        color=_color,
        drawing=histogram([of["l1"] for of in scores], result["baseline_l1"]),
        names=names,
        sizes=sizes,
        small=np.max(sizes) <= 128,
        columns=columns,
        by=by,
        orders=orders,
        values=[{name: [number(value) for value in of[name]] for name in by} for of in scores],
    )


def histogram(values, baseline):
    """Draws how often which L1 occurs.

    Args:
        values: For each run float `[examples]`.
        baseline: L1 of the mean image, drawn as a dashed line, or `None`.

    Returns:
        str, SVG with a path for each run.
    """
    everything = [*np.concatenate(values), *([baseline] if baseline else [])]
    counts = [np.histogram(of, BINS, (min(everything), max(everything)))[0] for of in values]
    edges = np.histogram_bin_edges(everything, BINS)
    left, top, bottom, most = 8, 10, HEIGHT - 20, np.max(counts)

    def across(value):
        share = (value - edges[0]) / (edges[-1] - edges[0])
        return f"{left + share * (WIDTH - 2 * left):.1f}"

    drawn = []
    for index, of in enumerate(counts):
        steps = "".join(
            f"V{bottom - count / most * (bottom - top):.1f}H{across(edge)}"
            for count, edge in zip(of, edges[1:])
        )
        color = _color(index)
        drawn.append(
            f'<path d="M{left},{bottom}{steps}V{bottom}" fill="{color}" fill-opacity=".25" '
            f'stroke="{color}"/>'
        )
    if baseline:
        x = across(baseline)
        drawn.append(
            f'<path d="M{x},{top}V{bottom}" stroke="currentColor" stroke-dasharray="4"/>'
            f'<text x="{x}" y="{top - 2}" text-anchor="end">mean image</text>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Histogram of L1">'
        f'{"".join(drawn)}<text x="{left}" y="{HEIGHT - 6}">{edges[0]:.3g}</text>'
        f'<text x="{WIDTH - left}" y="{HEIGHT - 6}" text-anchor="end">{edges[-1]:.3g}</text></svg>'
    )


def _best(name, runs):
    """Returns the index of the run that is best by a measure; of one run alone none is."""
    values = [run["mean"].get(name) for run in runs]
    if len(runs) == 1 or None in values:
        return None
    return int(np.argmin(badness(name, np.array(values))))


def _color(index):
    return COLORS[index % len(COLORS)]
