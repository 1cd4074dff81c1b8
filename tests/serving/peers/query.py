"""Asks a server by ovmsclient: `python query.py ADDRESS MODEL VERSION IMAGE OUTPUT`.

Prints the status and the metadata as JSON and writes the translation.
"""

import json
import sys
from pathlib import Path

import ovmsclient

address, model, version, image, output = sys.argv[1:]
client = ovmsclient.make_grpc_client(address)
# Without a version it asks for version 0, which is a version like any other.
asked = {"model_name": model, "model_version": int(version)}
encoded = client.predict(inputs={"image_bytes": [Path(image).read_bytes()]}, **asked)
Path(output).write_bytes(encoded[0])
status = client.get_model_status(**asked)
print(json.dumps({"status": status, "metadata": client.get_model_metadata(**asked)}))
if "tensorflow" in sys.modules:
    sys.exit("ovmsclient was to work without TensorFlow.")
