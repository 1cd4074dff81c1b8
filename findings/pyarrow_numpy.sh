#!/usr/bin/env bash
# pyarrow 26 does not import with NumPy 1, and its metadata do not say so: pip installs and checks it.
#
# pyarrow 26.0.1 and 25.0.1, NumPy 1.26.4, Python 3.11.
#
# Guess before the first run: pip takes the newest pyarrow that fits the NumPy which is installed.
#
# Cure: name pyarrow below 26 beside NumPy 1. This product does so in the extra `ray` of setup.py.
#
# Seen:
#   26.0.1 requires nothing; pip check: No broken requirements found.
#   ImportError: pyarrow requires NumPy 2.0 or newer, found 1.26.4
#   25.0.1 works
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet numpy==1.26.4 pyarrow==26.0.1
requirements=$(venv/bin/python -c "from importlib import metadata; print(*(metadata.requires('pyarrow') or ['nothing']))")
echo "26.0.1 requires $requirements; pip check: $(venv/bin/pip check)"
[[ $requirements == nothing ]]
! venv/bin/python -c "import pyarrow" 2> error.log
tail -n 1 error.log
grep -q "pyarrow requires NumPy 2.0 or newer" error.log
venv/bin/pip install --quiet pyarrow==25.0.1
venv/bin/python -c "import pyarrow; assert pyarrow.array([1, 2]).to_numpy().sum() == 3"
echo "25.0.1 works"
