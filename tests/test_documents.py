"""Documents and docstrings refer to files and names that exist."""

import ast
import importlib.util
import pkgutil
import re
from pathlib import Path

import tfpix2pix
from tfpix2pix import DataConfig, TrainConfig, families

ROOT = Path(__file__).parents[1]
TOPS = ("tfpix2pix", "training", "serving")
PAGES = [path for path in ROOT.rglob("*.md") if "node_modules" not in path.parts]
SOURCES = [path for top in (*TOPS, "tests") for path in (ROOT / top).rglob("*.py")]
PARTS = "|".join(module.name for module in pkgutil.iter_modules([str(ROOT / "tfpix2pix")]))
FULL_NAME = re.compile(rf"(?<![\w.])((?:{'|'.join(TOPS)})(?:\.[A-Za-z_]\w*)+)")
SHORT_NAME = re.compile(rf"`((?:{PARTS})(?:\.(?!py|json|yaml)[A-Za-z_]\w*)+)[`(]")
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)*\.(?:py|md|html|css|js)|[\w-]+(?:/[\w-]+)*/)`")
OPTION = re.compile(r"--(data|model|train)\.(\w+)")
# Of runs and data sets; of the PyTorch reference and of TensorFlow Serving.
ELSEWHERE = {"A/", "B/", "best/", "checkpoints/", "events/", "samples/", "train/", "test/"}
ELSEWHERE |= {"finished/", "index.html", "test.py", "batching/README.md"}


def texts(path):
    """Returns the text of a page, or the docstrings of a source."""
    content = path.read_text("utf-8")
    if path.suffix == ".md":
        return content
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(content)) if isinstance(node, kinds)]
    return "\n".join(ast.get_docstring(node) or "" for node in nodes)


def is_name(name):
    """Whether a dotted name is a module, or an attribute or a field of what precedes it."""
    try:
        if importlib.util.find_spec(name):
            return True
    except ModuleNotFoundError:
        pass  # What precedes the last dot is no package.
    owner, _, attribute = name.rpartition(".")
    try:
        value = pkgutil.resolve_name(owner)
    except (ImportError, AttributeError):
        return False
    return hasattr(value, attribute) or attribute in getattr(value, "__annotations__", ())


def is_path(target, path):
    """Whether a file or folder is there, beside the text that names it or from the root."""
    return any((room / target).exists() for room in (ROOT, path.parent, ROOT / "tfpix2pix"))


def test_names_in_documents_and_docstrings_exist():
    named = set()
    for path in (*PAGES, *SOURCES):
        text = texts(path)
        named |= {(path, name) for name in FULL_NAME.findall(text)}
        named |= {(path, f"tfpix2pix.{name}") for name in SHORT_NAME.findall(text)}
    known = {name for name in {name for _, name in named} if is_name(name)}
    report({(path, name) for path, name in named if name not in known})


def test_paths_in_documents_and_docstrings_exist():
    named = {(path, to) for path in (*PAGES, *SOURCES) for to in PATH.findall(texts(path))}
    report({(path, to) for path, to in named if to not in ELSEWHERE and not is_path(to, path)})


def test_documents_train_presets_that_exist():
    named = {
        (path, name)
        for path in PAGES
        for name in re.findall(r"training\.train ([a-z]\w*(?:/\w+)?)", texts(path))
    }
    report({(path, name) for path, name in named if name not in tfpix2pix.presets()})


def test_documents_and_programs_name_options_that_exist():
    sections = {"data": [DataConfig], "train": [TrainConfig]}
    sections["model"] = [family.options for family in families.FAMILIES.values()]
    programs = [path for top in TOPS for path in (ROOT / top).rglob("*.py")]
    named = {
        (path, *option)
        for path in (*PAGES, *programs)
        for option in OPTION.findall(path.read_text("utf-8"))
    }
    report(
        (path, f"--{section}.{name}")
        for path, section, name in named
        if not any(name in options.__dataclass_fields__ for options in sections[section])
    )


# What a stranger asked of the code -> the file that the tour must answer with, and what is there.
ASKED = {
    "the discriminator's loss": ("losses/gan.py", "def cross_entropy_discriminator("),
    "learning rate decay": ("schedules.py", "class LearningRate("),
    "decoding of images, 16-bit PNG too": ("data/images.py", "tf.io.decode_png("),
    "names of checkpoints": ("checkpointing.py", '"ckpt-*.index"'),
    "where a new generator, model or paper goes": ("CONTRIBUTING.md", "networks/NAME.py"),
    "guards exact resume": (
        "tests/training/engine/test_checkpoints.py",
        "_run_killed_at_any_moment",
    ),
    "the client's retry": ("serving/client/connection.py", "def attempts("),
    "the largest image that a server accepts": ("export/limits.py", "def check_size("),
    "the canvas of the page": ("serving/page/canvas.js", "canvas.getContext("),
    "the weight of L1, lambda = 100": ("families/pix2pix.py", "l1_weight: float = 100.0"),
    "AtoB and BtoA": ("data/sources.py", '"BtoA"'),
    "`index.html`, `metrics.jsonl`": ("training/engine/run_log.py", '"index.html"'),
    "the flags of `training.train`": ("training/train.py", "ArgumentParser("),
    "moving averages of weights": ("models/averaging.py", "def approach("),
    "what fills the model card": ("export/run_card.py", "def run_details("),
}


def test_the_tour_answers_where_things_are():
    tour = (ROOT / "tfpix2pix/README.md").read_text("utf-8")
    rows = [row for row in tour.split("## Every file")[0].splitlines() if row.startswith("| ")]
    for question, (file, content) in ASKED.items():
        (row,) = (row for row in rows if question in row.split("|")[1])
        assert f"`{file}`" in row, question
        (path,) = (top / file for top in (ROOT, ROOT / "tfpix2pix") if (top / file).exists())
        assert content in path.read_text("utf-8"), question


def report(wrong):
    lines = sorted(f"{path.relative_to(ROOT)}: {name}" for path, name in wrong)
    assert "\n".join(line for line in lines if "NAME" not in line) == ""
