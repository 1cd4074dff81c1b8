"""The model that comes with the repository, with which the page opens without arguments."""

import base64
import io
import subprocess

import numpy as np
import tensorflow as tf
from PIL import Image

from serving.demo import SHIPPED
from serving.engine.servable import Servable
from tfpix2pix.export import read_card, verify, versions

MOST_BYTES = 12_000_000


def test_the_shipped_model_is_small_whole_and_described():
    (number,) = versions(SHIPPED)
    version = SHIPPED / str(number)
    assert verify(version) >= 3
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    command = ["git", "ls-files", "--error-unmatch", *map(str, files)]
    assert subprocess.run(command, cwd=SHIPPED, capture_output=True, check=False).returncode == 0
    card = read_card(version)
    assert (card["name"], card["weights"], card["image_size"]) == (
        "edges2cats",
        "float16",
        [128] * 2,
    )
    assert card["parity"] < 1e-4
    assert card["rounding"]["mean"] < 1 / 127.5
    assert card["drawing"]["kind"] == "lines"
    assert card["metrics"]


def test_the_shipped_model_colours_its_examples():
    version = SHIPPED / str(versions(SHIPPED)[0])
    examples = [base64.b64decode(example) for example in read_card(version)["examples"]]
    assert examples
    _, outputs = Servable(version).predict("", {"image_bytes": tf.make_tensor_proto(examples)}, ())
    for sent, answered in zip(examples, outputs["output_bytes"]):
        drawn, made = (
            np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in (sent, answered)
        )
        assert made.shape == drawn.shape == (128, 128, 3)
        assert (made.max(-1) - made.min(-1)).mean() > 5  # Lines are grey.
