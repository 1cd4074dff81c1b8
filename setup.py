"""Packaging: the wheel holds the library alone; the programs are run from a checkout."""

import runpy
from pathlib import Path

from setuptools import find_packages, setup

# Without importing the package, and so TensorFlow.
VERSION = runpy.run_path(str(Path(__file__).with_name("tfpix2pix") / "version.py"))["__version__"]


def by_line(old, new):
    """Returns a requirement of both lines: TensorFlow 2.15 before Python 3.12, 2.21 from it on."""
    return [f'{old}; python_version < "3.12"', f'{new}; python_version >= "3.12"']


PROGRAMS = ["jsonargparse[signatures]>=4.28", "werkzeug>=3"]
SERVING = [
    *PROGRAMS,
    *by_line("tensorflow-serving-api>=2.15.1,<2.16", "tensorflow-serving-api>=2.21,<2.22"),
    "grpcio>=1.60",
    *by_line("grpcio-health-checking>=1.60,<1.63", "grpcio-health-checking>=1.80"),
    *by_line("protobuf>=4.21.6,<5", "protobuf>=6.31"),
    "prometheus-client>=0.20",
]
DEMO = [*SERVING, "gradio>=6.31", "pandas>=2,<3"]
FACES = ["opencv-python-headless>=4.7,<4.12"]
INDEX = ["scikit-learn>=1.3"]
PLOTS = ["matplotlib>=3.8"]
# Above these Ray has no retries that end; and pyarrow does not say that it needs NumPy 2.
RAY = ["ray[data]>=2.60,<2.64", 'pyarrow<26; python_version < "3.12"']
ONNX = [
    'onnx>=1.17,<1.18; python_version < "3.13"',
    'onnx>=1.23; python_version >= "3.13"',
    "onnxruntime>=1.20",
    "tf2onnx>=1.17,<1.18",
]

setup(
    name="tfpix2pix",
    version=VERSION,
    description="Image-to-image translation with conditional GANs on TensorFlow.",
    long_description=Path(__file__).with_name("README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["tfpix2pix", "tfpix2pix.*"]),
    package_data={"": ["py.typed", "*.html", "*.css", "*.js"]},
    python_requires=">=3.9,<3.14",
    install_requires=[
        *by_line("tensorflow>=2.15.1,<2.16", "tensorflow>=2.21,<2.22"),
        *by_line("keras>=2.15,<2.16", "tf_keras>=2.21,<2.22"),
        'tensorflow-addons>=0.23,<0.24; python_version < "3.12"',
        # Current TensorFlow no longer brings it.
        'tensorboard>=2.20; python_version >= "3.12"',
        *by_line("numpy>=1.23,<2", "numpy>=2,<2.5"),
        "pillow>=10.1",
        "scikit-image>=0.22",
        "tifffile>=2023.9",
        "imagecodecs>=2023.9",
        "scipy>=1.10",
        "ImageHash>=4.3",
        "platformdirs>=3",
        "requests>=2.31",
        "Jinja2>=3.1",
        "PyYAML>=6",
        "tqdm>=4.60",
    ],
    extras_require={
        "serving": SERVING,
        "demo": DEMO,
        "onnx": ONNX,
        "faces": FACES,
        "index": INDEX,
        "plots": PLOTS,
        "ray": RAY,
        "torch": ["torch>=2.2"],
        "test": [
            *DEMO,
            *ONNX,
            *FACES,
            *INDEX,
            *PLOTS,
            "faiss-cpu>=1.8",
            "pytest>=8",
            "pytest-xdist>=3.5",
            "hypothesis>=6",
            "ovmsclient==2023.1",
            "openvino>=2024.1",
            "playwright>=1.40",
            "ruff",
        ],
    },
)
