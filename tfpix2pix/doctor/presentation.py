"""Check report: a diagnosis as text to read, as JSON for programs and as a page with pictures."""

import base64
import json
from pathlib import Path

import jinja2

from tfpix2pix.doctor.check import SHOWN

_KINDS = {"photo": "photos", "labels": "label maps", "drawing": "drawings"}

# One file without a link, so that it can be sent; whatever a file is called stays text.
_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Check of {{ it.data }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-left: .4rem solid #888; padding: .2rem 1rem; margin: 1rem 0; }
.error { border-color: #c22; } .warning { border-color: #d90; } .note { border-color: #38c; }
h2 { font-size: 1.1rem; margin: 0; } p { margin: .3rem 0; }
figure { display: inline-block; margin: .3rem .6rem .3rem 0; vertical-align: top; }
figcaption { font-size: .8rem; max-width: 24rem; overflow-wrap: anywhere; }
img { max-height: 6rem; background: #ddd; } th, td { text-align: left; padding-right: 1rem; }
.color { display: inline-block; width: 1rem; height: 1rem; border: 1px solid #888; }
pre { background: #eee; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
<h1>{{ it.data }}</h1>
<p>{{ heading }}. {{ verdict }}</p>
<table>
{% for side in it.sides %}
<tr><th>{{ side.side }}</th><td>{{ describe(side) }}
{% for color in side.palette[:64] %}
<span class="color" title="{{ color|join(", ") }}"
style="background: rgb({{ color|join(", ") }})"></span>
{% endfor %}
</td></tr>
{% endfor %}
</table>
{% for finding in it.findings %}
<section class="{{ finding.severity }}">
<h2>{{ finding.severity|capitalize }}: {{ finding.title }} ({{ finding.count }})</h2>
<p>{{ finding.cure }}</p>
{% for item in finding["items"][:shown] %}
<figure>
{% for name in item.files[:shown] if name in it.thumbnails %}
<img src="data:image/png;base64,{{ base64(it.thumbnails[name]) }}" alt="{{ name }}">
{% endfor %}
<figcaption>{{ item }}</figcaption>
</figure>
{% endfor %}
{% if finding.count > shown %}
<details><summary>All {{ finding.count }}</summary>
{% for item in finding["items"] %}
{{ item }}<br>
{% endfor %}
</details>
{% endif %}
</section>
{% endfor %}
{% if it.suggestions %}
<h2>To train</h2>
<pre>{{ command }}</pre>
<ul>
{% for flag in it.suggestions if flag.reason %}
<li><code>{{ flag.text }}</code>: {{ flag.reason }}</li>
{% endfor %}
</ul>
{% endif %}
</html>
""")


def text(diagnosis):
    """Tells a diagnosis in some lines, with the first names of each finding.

    Args:
        diagnosis: `tfpix2pix.doctor.check.Diagnosis`.

    Returns:
        str, without a last line break.

    Example:
        >>> from tfpix2pix.doctor import check
        >>> print(text(check.Diagnosis("cats", "photos", {"all": 2}, [], [], [], {})))
        cats: photos, 2 all
        No errors, no warnings.
    """
    lines = [f"{diagnosis.data}: {_heading(diagnosis)}"]
    lines += [f"  {side.side or 'all'}: {_describe(side)}" for side in diagnosis.sides]
    for finding in diagnosis.findings:
        lines += ["", f"{finding.severity.upper()}: {finding.title} ({finding.count})"]
        lines += [f"    {_short(item)}" for item in finding.items[:SHOWN]]
        lines += [f"    and {finding.count - SHOWN} more"] if finding.count > SHOWN else []
        lines += [f"  -> {finding.cure}"]
    lines += [""] * bool(diagnosis.findings) + [_verdict(diagnosis)]
    if diagnosis.suggestions:
        lines += ["", "To train:", f"  {_command(diagnosis)}"]
        lines += [f"    {f.text}: {f.reason}" for f in diagnosis.suggestions if f.reason]
    return "\n".join(lines)


def to_json(diagnosis):
    """Returns a whole diagnosis but its pictures as JSON.

    Args:
        diagnosis: `tfpix2pix.doctor.check.Diagnosis`.

    Returns:
        str.

    Example:
        >>> from tfpix2pix.doctor import check
        >>> cats = check.Diagnosis("cats", "photos", {"all": 2}, [], [], [], {})
        >>> json.loads(to_json(cats))["is_fit"]
        True
    """
    findings = [
        {**of._asdict(), "count": of.count, "items": [item._asdict() for item in of.items]}
        for of in diagnosis.findings
    ]
    content = {
        "data": diagnosis.data,
        "layout": diagnosis.layout,
        "is_fit": diagnosis.is_fit,
        "splits": diagnosis.splits,
        "sides": [side._asdict() for side in diagnosis.sides],
        "findings": findings,
        "suggestions": [flag._asdict() for flag in diagnosis.suggestions],
    }
    return json.dumps(content, indent=2)


def html(diagnosis):
    """Returns a diagnosis as one page with thumbnails, which needs no other file.

    Args:
        diagnosis: `tfpix2pix.doctor.check.Diagnosis`.

    Returns:
        str.

    Example:
        >>> from tfpix2pix.doctor import check
        >>> page = html(check.Diagnosis("<cats>", "photos", {"all": 2}, [], [], [], {}))
        >>> "<h1>&lt;cats&gt;</h1>" in page
        True
    """
    page = _PAGE.render(
        it=diagnosis,
        heading=_heading(diagnosis),
        verdict=_verdict(diagnosis),
        command=_command(diagnosis),
        describe=_describe,
        base64=lambda content: base64.b64encode(content).decode(),
        shown=SHOWN,
    )
    # Names of files need not be UTF-8.
    return page.encode("utf-8", "replace").decode()


def _heading(diagnosis):
    counts = (f"{count} {split}" for split, count in diagnosis.splits.items())
    return f"{diagnosis.layout}, {', '.join(counts)}"


def _describe(side):
    colors = f" of {len(side.palette)} colours" if side.palette else ""
    mean, spread = (" ".join(f"{v:.0f}" for v in of) for of in (side.mean, side.spread))
    return (
        f"{side.count} {_KINDS[side.kind]}{colors}, {side.size[0]} x {side.size[1]} pixels, "
        f"{side.channels} channels, mean {mean}, spread {spread}"
    )


def _verdict(diagnosis):
    severities = [finding.severity for finding in diagnosis.findings]
    counts = {name: severities.count(name) for name in ("error", "warning")}
    told = ", ".join(f"{n or 'no'} {name}{'s' * (n != 1)}" for name, n in counts.items())
    return f"{told[0].upper()}{told[1:]}."


def _short(item):
    more = len(item.files) - SHOWN
    short = item._replace(files=item.files[:SHOWN] + ((f"{more} more",) if more > 0 else ()))
    # A name may hold a line break or what a terminal obeys.
    return "".join(c if c.isprintable() else "?" for c in str(short))


def _command(diagnosis):
    flags = " ".join(flag.text for flag in diagnosis.suggestions)
    return f"python -m training.train facades {flags} --run runs/{Path(diagnosis.data).stem}"
