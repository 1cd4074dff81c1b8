#!/usr/bin/env bash
# With Keras 2 as tf_keras, `tf.keras` does not tell its version.
#
# tensorflow 2.21.0, tf_keras 2.21.0, keras 3.15.1, Python 3.11 (seen on 3.12 too).
#
# `TF_USE_LEGACY_KERAS=1` makes TensorFlow take Keras 2 as `tf.keras`, so that older code goes on. But
# `tf.keras.__version__`, by which such code tells Keras 2 from 3, is no longer there: in Keras 3 it is
# "3...", in TensorFlow 2.15 "2.15.0". Another way fails too: `importlib.metadata.version("keras")` is
# that of Keras 3, which TensorFlow installs in any case, though nothing uses it.
#
# Guess before the first run: "2.21.0", that of tf_keras.
#
# Cure: `getattr(tf.keras, "__version__", "2")`; this product does so in tfpix2pix/lines.py.
#
# Seen:
#   legacy: AttributeError: module 'tf_keras.api._v2.keras' has no attribute '__version__'
#   legacy: tf_keras.__version__ 2.21.0, the package keras 3.15.1
#   else:   3.15.1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow==2.21.0 tf_keras==2.21.0 keras==3.15.1
cat > "$folder/version.py" <<'PYTHON'
import os
from importlib import metadata

import tensorflow as tf

if "TF_USE_LEGACY_KERAS" in os.environ:
    import tf_keras

    try:
        print(tf.keras.__version__)
        raise SystemExit(1)
    except AttributeError as error:
        print(error)
    print(tf_keras.__version__, metadata.version("keras"))
    assert tf.keras.layers.Dense is tf_keras.layers.Dense
    assert (tf_keras.__version__, metadata.version("keras")) == ("2.21.0", "3.15.1")
else:
    print(tf.keras.__version__)
    assert tf.keras.__version__ == "3.15.1"
PYTHON
if TF_USE_LEGACY_KERAS=1 "$folder/venv/bin/python" "$folder/version.py" 2> "$folder/errors" &&
    "$folder/venv/bin/python" "$folder/version.py" 2>> "$folder/errors"; then
    echo "As it was."
else
    cat "$folder/errors"
    echo "The behaviour has changed: correct this file, and what relies on it."
    exit 1
fi
