"""Programs that nobody here wrote run the export, or ask the server.

Each is a script beside this file. Where what it needs is not installed, its test is skipped.
"""

import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2

from tests.cases import smooth_images
from tests.cases.image_kinds import UNKNOWN_KIND
from tests.serving.local import check_translated, picture

HERE = Path(__file__).parent
LIMIT = 120  # Seconds.
SIZES = [(24, 40), (13, 9)]  # One that the network takes, one that is padded.

pytestmark = pytest.mark.slow


def need(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, timeout=LIMIT, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def address(exported):
    command = [sys.executable, "-m", "serving.server", "--models", exported[1], "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"ModelServer at (\S+)", server.stdout.readline())[1]
    finally:
        server.terminate()
        server.wait(LIMIT)
        server.stdout.close()


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="needs openvino")
def test_openvino_runs_the_float_signature(exported, tmp_path):
    generator, exports = exported
    version = tmp_path / "version"
    shutil.copytree(exports / "tiny/1", version)
    model = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    signatures = model.meta_graphs[0].signature_def
    signatures["serving_default"].CopyFrom(signatures["float"])
    (version / "saved_model.pb").write_bytes(model.SerializeToString())
    for size in SIZES:
        source = smooth_images((2, *size, 3), 5).numpy()
        np.save(tmp_path / "source.npy", source)
        run(
            *(sys.executable, HERE / "translate_floats.py", version),
            *(tmp_path / "source.npy", tmp_path / "target.npy"),
        )
        served = tf.saved_model.load(str(exports / "tiny/1")).signatures["float"]
        expected = served(image=tf.constant(source))["output"]
        np.testing.assert_allclose(np.load(tmp_path / "target.npy"), expected, atol=1e-4)
    # Of a size that it takes the generator itself says the same.
    source = smooth_images((2, *SIZES[0], 3), 5)
    np.testing.assert_allclose(served(image=source)["output"], generator(source), atol=1e-4)


@need("gcc")
def test_a_c_program_translates_files_without_python(exported, tmp_path):
    generator, exports = exported
    include, library = tf.sysconfig.get_include(), tf.sysconfig.get_lib()
    run(
        *("gcc", "-Wall", "-Werror", HERE / "translate.c", "-o", tmp_path / "translate"),
        *(f"-I{include}", f"-L{library}", f"-Wl,-rpath,{library}"),
        *("-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"),
    )
    model = saved_model_pb2.SavedModel.FromString((exports / "tiny/1/saved_model.pb").read_bytes())
    signature = model.meta_graphs[0].signature_def["serving_default"]
    feed, fetch = signature.inputs["image_bytes"].name, signature.outputs["output_bytes"].name
    assert fetch.endswith(":0")  # The one the program takes.
    names = [name.split(":")[0] for name in (feed, fetch)]
    file, pixels = picture(3, SIZES[0])
    translated = run(tmp_path / "translate", exports / "tiny/1", *names, input=file)
    check_translated(translated, generator, pixels)
    refused = subprocess.run(
        [tmp_path / "translate", exports / "tiny/1", *names],
        input=b"no image",
        capture_output=True,
        timeout=LIMIT,
    )
    invalid_argument = b"3 " + UNKNOWN_KIND.encode()
    assert (refused.returncode, invalid_argument in refused.stderr) == (1, True)


def test_ovmsclient_gets_status_metadata_and_translation(exported, address, tmp_path):
    file, pixels = picture(4, SIZES[0])
    (tmp_path / "source.png").write_bytes(file)
    paths = (tmp_path / "source.png", tmp_path / "target.png")
    said = json.loads(run(sys.executable, HERE / "query.py", address, "tiny", 1, *paths))
    available = {"1": {"state": "AVAILABLE", "error_code": 0, "error_message": ""}}
    assert said["status"] == available
    assert said["metadata"] == {
        "model_version": 1,
        "inputs": {"image_bytes": {"shape": [-1], "dtype": "DT_STRING"}},
        "outputs": {"output_bytes": {"shape": [-1], "dtype": "DT_STRING"}},
    }
    check_translated(paths[1].read_bytes(), exported[0], pixels)


@need("node", "npm")
def test_node_makes_a_query(exported, address, tmp_path):
    for name in ("package.json", "query.js"):
        shutil.copy(HERE / name, tmp_path)
    run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", cwd=tmp_path)
    (tmp_path / "descriptors").write_bytes(descriptors())
    file, _ = picture(6, SIZES[1])
    translated = run("node", "query.js", "descriptors", address, "tiny", cwd=tmp_path, input=file)
    assert Image.open(io.BytesIO(translated)).size == (9, 13)
    expected = tf.saved_model.load(str(exported[1] / "tiny/1")).signatures["serving_default"]
    assert translated == expected(image_bytes=tf.constant([file]))["output_bytes"][0].numpy()


def descriptors():
    """Returns a serialized `FileDescriptorSet` of the service, with all its messages.

    The service is declared here: `prediction_service_pb2` does not import with protobuf 4.
    """
    found = {}

    def add(file):
        if file.name not in found:
            for dependency in file.dependencies:
                add(dependency)
            found[file.name] = descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb)

    add(predict_pb2.DESCRIPTOR)
    service = descriptor_pb2.FileDescriptorProto(
        name="service.proto", package="tensorflow.serving", dependency=[predict_pb2.DESCRIPTOR.name]
    )
    types = [f".tensorflow.serving.Predict{kind}" for kind in ("Request", "Response")]
    service.service.add(name="PredictionService").method.add(
        name="Predict", input_type=types[0], output_type=types[1]
    )
    return descriptor_pb2.FileDescriptorSet(file=[*found.values(), service]).SerializeToString()
