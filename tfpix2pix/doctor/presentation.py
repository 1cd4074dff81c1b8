"""Presentation of a diagnosis: as text to read, as JSON for programs, as a page with pictures."""

import base64
import json
from importlib import resources
from typing import Callable, Optional

import jinja2

from tfpix2pix.doctor.check import SHOWN, Diagnosis
from tfpix2pix.doctor.findings import Finding

_KINDS = {"photo": "photos", "labels": "label maps", "drawing": "drawings"}

# One file without a link, so that it can be sent; whatever a file is called stays text.
_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    resources.files("tfpix2pix.doctor").joinpath("page.html").read_text("utf-8")
)


def _no_commands(finding: Finding) -> str:
    return ""


def text(
    diagnosis: Diagnosis,
    command: Optional[str] = None,
    *,
    mending: Callable[[Finding], str] = _no_commands,
) -> str:
    """Returns a diagnosis as some lines of text, with the first names of each finding.

    Args:
        diagnosis: `tfpix2pix.doctor.check.Diagnosis`.
        command: The command that trains by its suggestions, if there is one to show.
        mending: Function of a finding to the commands that do as its cure says, one a line; empty
            where there are none.

    Returns:
        str, without a last line break.

    Example:
        >>> from tfpix2pix.doctor import check
        >>> print(text(check.Diagnosis("cats", "photos", {"all": 2}, [], [], [], {})))
        cats: photos, 2 all
        No errors, no warnings.
    """
    lines = [f"{diagnosis.data}: {_heading(diagnosis)}"]
    for side in diagnosis.sides:
        lines += [f"  {side.side or 'all'}: {_describe(side)}"]
        if side.side in diagnosis.domains:
            lines += [f"     {_describe_domain(diagnosis.domains[side.side])}"]
    for finding in diagnosis.findings:
        lines += ["", f"{finding.severity.upper()}: {finding.title} ({finding.count})"]
        lines += [f"    {_short(item)}" for item in finding.items[:SHOWN]]
        lines += [f"    and {finding.count - SHOWN} more"] if finding.count > SHOWN else []
        lines += [f"  -> {finding.cure}"]
        lines += [f"     {line}" for line in mending(finding).splitlines()]
    lines += [""] * bool(diagnosis.findings) + [_verdict(diagnosis)]
    if diagnosis.suggestions:
        lines += ["", "To train:"]
        lines += [f"  {command}"] if command else []
        lines += [f"    {s}: {s.reason}" for s in diagnosis.suggestions if s.reason]
    return "\n".join(lines)


def to_json(diagnosis: Diagnosis) -> str:
    """Returns a diagnosis, all but its pictures, as JSON.

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
        {
            **finding._asdict(),
            "preparation": finding.preparation and finding.preparation._asdict(),
            "count": finding.count,
            "items": [item._asdict() for item in finding.items],
        }
        for finding in diagnosis.findings
    ]
    # `text` is the flag, which readers of earlier reports go by.
    suggestions = [
        {**suggestion._asdict(), "text": f"--{suggestion}"} for suggestion in diagnosis.suggestions
    ]
    content = {
        "data": diagnosis.data,
        "layout": diagnosis.layout,
        "is_fit": diagnosis.is_fit,
        "splits": diagnosis.splits,
        "domains": {name: domain._asdict() for name, domain in diagnosis.domains.items()},
        "sides": [side._asdict() for side in diagnosis.sides],
        "findings": findings,
        "suggestions": suggestions,
    }
    return json.dumps(content, indent=2)


def html(
    diagnosis: Diagnosis,
    command: Optional[str] = None,
    *,
    mending: Callable[[Finding], str] = _no_commands,
) -> str:
    """Returns a diagnosis as one page with thumbnails, which needs no other file.

    Args:
        diagnosis: `tfpix2pix.doctor.check.Diagnosis`.
        command: As for `text`.
        mending: The same.

    Returns:
        str.

    Example:
        >>> from tfpix2pix.doctor import check
        >>> page = html(check.Diagnosis("<cats>", "photos", {"all": 2}, [], [], [], {}))
        >>> "<h1>&lt;cats&gt;</h1>" in page
        True
    """
    page = _PAGE.render(
        diagnosis=diagnosis,
        heading=_heading(diagnosis),
        verdict=_verdict(diagnosis),
        command=command,
        describe=_describe,
        describe_domain=_describe_domain,
        mending=mending,
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
    mean = " ".join(f"{value:.0f}" for value in side.mean)
    spread = " ".join(f"{value:.0f}" for value in side.spread)
    return (
        f"{side.count} {_KINDS[side.kind]}{colors}, {side.size[0]} x {side.size[1]} pixels, "
        f"{side.channels} channels, mean {mean}, spread {spread}"
    )


def _describe_domain(domain):
    counts = ", ".join(f"{count} {split}" for split, count in domain.counts.items())
    height, width = domain.smallest
    return (
        f"{counts}; smallest {height} x {width} pixels; lightness {domain.lightness[0]:.0f}, "
        f"deviation {domain.lightness[1]:.0f}, chroma {domain.chroma:.0f}; {domain.grey:.0%} grey, "
        f"{domain.barred:.0%} with bars, {domain.plain:.0%} on a plain background"
    )


def _verdict(diagnosis):
    severities = [finding.severity for finding in diagnosis.findings]
    counts = {name: severities.count(name) for name in ("error", "warning")}
    words = [f"{n or 'no'} {name}{'' if n == 1 else 's'}" for name, n in counts.items()]
    return f"{', '.join(words).capitalize()}."


def _short(item):
    more = len(item.files) - SHOWN
    short = item._replace(files=item.files[:SHOWN] + ((f"{more} more",) if more > 0 else ()))
    # A name may hold a line break or what a terminal obeys.
    return "".join(c if c.isprintable() else "?" for c in str(short))
