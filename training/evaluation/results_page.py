"""The page of an evaluation: numbers, their spread, and examples to look at and to compare."""

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
_PAGE = _ENVIRONMENT.from_string("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation of {{ titles|join(", ") }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 1.5rem auto; padding: 0 1rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } small, figcaption { font-size: .8rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; overflow-wrap: normal; }
th, td { padding: .25rem .8rem .25rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #8885; font-variant-numeric: tabular-nums; }
th:first-child, td:last-child { text-align: left; } td small { opacity: .75; font-weight: normal; }
.best { font-weight: bold; } .change { display: block; }
@media (max-width: 40rem) { td small { display: block; } }
.run { display: inline-block; width: .7rem; height: .7rem; border-radius: .2rem; }
svg { width: 100%; max-width: 40rem; } text { font-size: 11px; fill: currentColor; }
img { display: block; width: 100%; height: auto; background: #8883; }
.small img { image-rendering: pixelated; }
#examples { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, {{ 7 * columns|length }}rem), 1fr)); }
article { border: 1px solid #8885; border-radius: .5rem; padding: .6rem; }
article p { margin: 0 0 .4rem; display: flex; gap: .5rem;
  justify-content: space-between; align-items: baseline; }
article div { display: grid; gap: .4rem;
  grid-template-columns: repeat(auto-fit, minmax(5.5rem, 1fr)); }
figure { margin: 0; } figcaption { line-height: 1.3; margin-top: .2rem; }
button, select { font: inherit; padding: .1rem .5rem; } label { margin-right: 1rem;
  display: inline-block; }
[hidden] { display: none !important; }
#stage { position: relative; max-width: 32rem; overflow: hidden; --cut: 50%; margin: .6rem 0; }
#left { position: absolute; inset: 0; height: 100%; clip-path: inset(0 calc(100% - var(--cut)) 0 0);
  }
#stage::after { content: ""; position: absolute; inset: 0 auto 0 calc(var(--cut) - 1px);
  width: 2px; background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
#cut { position: absolute; inset: 0 -8px; width: calc(100% + 16px); height: 100%; margin: 0;
  z-index: 1; opacity: 0; cursor: ew-resize; touch-action: pan-y; }
#stage:focus-within { outline: 3px solid #2a7fd4; }
</style>
<h1>{{ titles|join(", ") }}</h1>
<p>{{ it.count }} examples{% if it.baseline_l1 %}. Answering each with the mean of the training
targets has an L1 of {{ it.baseline_l1|number }}:
{% for run in it.runs %}
{{ run.title }} has {{ (run.mean.l1 / it.baseline_l1)|number }} of that
{{- "." if loop.last else ", " -}}
{% endfor %}
{% else %}.{% endif %}
</p>
<div class="wide"><table>
<tr><th>Mean <small>(median)</small></th>
{% for run in it.runs %}
<th><span class="run" style="background: {{ color(loop.index0) }}"></span> {{ run.title }}</th>
{% endfor %}
{% if it.targets %}<th>target</th>{% endif %}
<td>Better</td></tr>
{% for name in rows %}
<tr><th>{{ measures[name].title }}</th>
{% for run in it.runs %}
<td{{ ' class="best"'|safe if loop.index0 == best[name] }}>{{ run.mean[name]|number }}
{% if name in run.median %}
<small>({{ run.median[name]|number }})</small>
{% endif %}
{% if run.difference[name] %}
<small class="change">{{ run.difference[name].mean|change }} [{{ run.difference[name].low|change }},
{{ run.difference[name].high|change }}]</small>
{% endif %}
</td>
{% endfor %}
{% if it.targets %}<td>{{ it.targets[name]|number if name in it.targets }}</td>{% endif %}
<td>{{ measures[name].better }}</td></tr>
{% endfor %}
</table></div>
{% if it.runs|length > 1 %}
<p><small>Best in bold. Below: the mean difference to {{ titles[0] }} on the same examples, with its
95% bootstrap interval.</small></p>
{% endif %}
<h2>L1 of the examples</h2>
{{ drawing|safe }}
<section id="viewer" hidden>
<h2>Compare</h2>
<p><label>Left <select id="of_left">
{% for column, _ in columns %}
<option value="{{ loop.index0 }}">{{ column }}</option>
{% endfor %}
</select></label>
<label>Right <select id="of_right">
{% for column, _ in columns %}
<option value="{{ loop.index0 }}"{{ " selected" if loop.index0 == 1 }}>{{ column }}</option>
{% endfor %}
</select></label>
<button id="back">Back</button> <button id="next">Next</button></p>
<div id="stage"{{ ' class="small"'|safe if small }}><img id="right" alt=""><img id="left" alt="">
<input id="cut" type="range" aria-label="Share of the left picture"></div>
<p><b id="name"></b></p>
</section>
<h2>Examples</h2>
<p id="controls" hidden>
<label>By <select id="by">
{% for name in by %}
<option value="{{ name }}">{{ measures[name].title }}</option>
{% endfor %}
</select></label>
<label{{ " hidden" if titles|length == 1 }}>of <select id="of">
{% for title in titles %}
<option value="{{ loop.index0 }}">{{ title }}</option>
{% endfor %}
</select></label>
<label>Show <select id="show"><option value="few">worst, median and best</option>
<option value="">all, the worst first</option></select></label></p>
<div id="examples"{{ ' class="small"'|safe if small }}>
{% for index in orders[0].l1 %}
<article id="example{{ index }}"><p><b>{{ names[index] }}</b> <small></small>
<button hidden>Compare</button></p><div>
{% for column, folder in columns %}
<figure><img loading="lazy" src="{{ folder }}/{{ "%05d"|format(index) }}.png"
width="{{ sizes[index][1] }}" height="{{ sizes[index][0] }}"
alt="{{ column }} of {{ names[index] }}"><figcaption>{{ column }}
{% if 0 < loop.index0 <= titles|length %}
<small>{{ values[loop.index0 - 1].l1[index] }}</small>
{% endif %}
</figcaption></figure>
{% endfor %}
</div></article>
{% endfor %}
</div>
<script>
const orders = {{ orders|tojson }}, values = {{ values|tojson }};
const few = {{ 3 if titles|length == 1 else 4 }};
const get = id => document.getElementById(id), list = get("examples"), count = list.children.length;
let current;
function arrange() {
  const middle = Math.floor((count - few) / 2);
  orders[get("of").value][get("by").value].forEach((index, rank) => {
    const article = get("example" + index);
    const group = rank < few ? "worst" : rank >= count - few ? "best"
      : rank >= middle && rank < middle + few ? "median" : "";
    article.hidden = Boolean(get("show").value) && !group;
    article.querySelector("p small").textContent = `${group} ${rank + 1} of ${count}`;
    article.querySelectorAll("figcaption small").forEach((told, run) => {
      told.textContent = values[run][get("by").value][index];
    });
    list.append(article);
  });
}
function open(article) {
  const pictures = (current = article).querySelectorAll("img");
  for (const side of ["left", "right"]) {
    const picture = pictures[get("of_" + side).value];
    [get(side).src, get(side).alt] = [picture.src, picture.alt];
  }
  get("name").textContent = article.querySelector("b").textContent;
}
function step(to) {
  const shown = [...list.children].filter(article => !article.hidden);
  open(shown[(shown.indexOf(current) + to + shown.length) % shown.length]);
}
for (const id of ["by", "of", "show"]) get(id).onchange = arrange;
for (const id of ["of_left", "of_right"]) get(id).onchange = () => open(current);
get("back").onclick = () => step(-1);
get("next").onclick = () => step(1);
get("cut").oninput = event => get("stage").style.setProperty("--cut", event.target.value + "%");
for (const article of list.children) {
  const button = article.querySelector("button");
  button.hidden = false;
  button.onclick = () => { open(article); get("viewer").scrollIntoView(); get("cut").focus(); };
}
get("viewer").hidden = get("controls").hidden = false;
arrange();
open(list.firstElementChild);
</script>
</html>
""")


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
