"""Fails unless the smoke run learnt something: held-out novel views 3 dB above the untrained model and one colour."""

import json
import pathlib
import sys

summary = json.loads(pathlib.Path(sys.argv[1]).read_text())
print(json.dumps(summary))
for baseline in ("psnr_before", "psnr_constant"):
    gain = summary["psnr_after"] - summary[baseline]
    if not gain >= 3.0:
        sys.exit(f"psnr_after is only {gain:.2f} dB above {baseline}")
