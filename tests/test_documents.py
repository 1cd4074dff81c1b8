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


def report(wrong):
    lines = sorted(f"{path.relative_to(ROOT)}: {name}" for path, name in wrong)
    assert "\n".join(line for line in lines if "NAME" not in line) == ""
