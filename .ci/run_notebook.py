"""Runs the code cells of notebooks, one after another, without Jupyter. The first error ends it."""

import json
import pathlib
import sys

for path in sys.argv[1:]:
    print(f"running {path}")
    namespace = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(pathlib.Path(path).read_text())["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{path}, cell {number}", "exec"), namespace)
