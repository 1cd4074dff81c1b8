#!/usr/bin/env bash
# Ray's workers give way to every other process of the machine: their niceness is 15.
#
# Ray 2.60.0, Python 3.11.
#
# On two cores beside three busy processes, `import tensorflow` took 29 s in a worker, and 3.4 s in one
# of niceness 0.
#
# Guess before the first run: a worker is as any process that the program starts, of niceness 0.
#
# Cure: RAY_worker_niceness=0 in the environment of what starts Ray; it is in no list of options. This
# product does so in training/engine/file_workers.py.
#
# Seen:
#   driver 0, worker 15, worker with RAY_worker_niceness=0 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ray==2.60.0
cd "$folder"
cat > nice.py <<'PYTHON'
import os

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
print(os.nice(0), ray.get(ray.remote(lambda: os.nice(0)).remote()))
PYTHON
read -r driver worker < <(venv/bin/python -I nice.py 2> /dev/null)
read -r _ other < <(RAY_worker_niceness=0 venv/bin/python -I nice.py 2> /dev/null)
echo "driver $driver, worker $worker, worker with RAY_worker_niceness=0 $other"
[[ "$driver $worker $other" == "0 15 0" ]]
