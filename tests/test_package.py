"""The wheel holds the library alone, and its import loads no program, page or other framework."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfpix2pix

ROOT = Path(__file__).parents[1]


def files(folder):
    paths = (path.relative_to(folder) for path in folder.rglob("*.*") if path.is_file())
    return {str(path) for path in paths if "__pycache__" not in path.parts}


def test_the_wheel_holds_all_files_of_the_library_but_the_tour(tmp_path):
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    assert files(tmp_path / "tfpix2pix") == files(ROOT / "tfpix2pix") - {"README.md"}
    # Type checkers ignore the hints of a package without it (PEP 561).
    assert (tmp_path / "tfpix2pix/py.typed").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["tfpix2pix"]


def test_the_library_loads_neither_programs_nor_other_frameworks():
    strangers = {"jsonargparse", "gradio", "matplotlib", "torch", "onnx", "openvino"}
    strangers |= {"sklearn", "faiss"}
    code = "import sys, tfpix2pix; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert strangers & set(result.stdout.split()) == set()


def test_the_version_stands_once():
    command = [sys.executable, "setup.py", "--version"]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert result.stdout.split()[-1] == tfpix2pix.__version__
    stands = [
        path.name
        for path in (ROOT / "setup.py", *(ROOT / "tfpix2pix").rglob("*.py"))
        if f'"{tfpix2pix.__version__}"' in path.read_text("utf-8")
    ]
    assert stands == ["version.py"]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs the standard library's names")
def test_the_library_requires_what_it_imports():
    required = (ROOT / "setup.py").read_text().split("install_requires=[")[1].split("]")[0]
    required = {name.lower() for name in re.findall(r'"([\w-]+)', required)}
    packages = {"PIL": "pillow", "skimage": "scikit-image", "yaml": "pyyaml"}
    for path in (ROOT / "tfpix2pix").rglob("*.py"):
        modules = set()
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add(node.module.split(".")[0])
        strangers = modules - set(sys.stdlib_module_names) - {"tfpix2pix"}
        assert {packages.get(name, name.lower()) for name in strangers} <= required, path
