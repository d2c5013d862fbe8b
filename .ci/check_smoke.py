"""Fails unless a smoke run has a model that knows its objects: `check_smoke.py SUMMARY [--from_nothing]`.

Held-out novel views must be 3 dB above one colour; and above the untrained model, too, or not worse than the model that
the run began with.
"""

import json
import pathlib
import sys

summary = json.loads(pathlib.Path(sys.argv[1]).read_text())
least = {"psnr_constant": 3.0, "psnr_before": 3.0 if "--from_nothing" in sys.argv[2:] else -0.2}
print(json.dumps(summary))
for baseline, wanted in least.items():
    gain = summary["psnr_after"] - summary[baseline]
    if not gain >= wanted:
        sys.exit(f"psnr_after is {gain:+.2f} dB from {baseline}, not {wanted:+.2f}")
