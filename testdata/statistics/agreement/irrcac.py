"""Writes irrcac.json from data.json: Gwet's AC1, AC2 and Fleiss' kappa with missing ratings.
python -m venv E; E/bin/pip install irrCAC==0.4.4; E/bin/python irrcac.py
"""
import json, pathlib, importlib.metadata as m
import numpy as np, pandas as pd
from irrCAC.raw import CAC
here = pathlib.Path(__file__).parent
d = json.loads((here / "data.json").read_text())
out = {"tool": "irrCAC " + m.version("irrCAC"), "command": "python irrcac.py", "rows": []}
for c in d["many"]:
    f = pd.DataFrame([[np.nan if v is None else float(v) for v in r] for r in c["rows"]])
    for w in ["identity", "linear", "quadratic", "ordinal"]:
        cac = CAC(f, weights=w, digits=15)
        for kind in ["gwet", "fleiss"]:
            if kind == "fleiss" and w != "identity": continue
            e = getattr(cac, kind)()["est"]
            out["rows"].append({"name": c["name"], "weights": w, "kind": kind, "value": float(e["coefficient_value"]), "lower": float(e["confidence_interval"][0]), "upper": float(e["confidence_interval"][1]), "se": float(e["se"]), "p": float(e["p_value"]), "pa": float(e["pa"]), "pe": float(e["pe"])})
(here / "irrcac.json").write_text(json.dumps(out) + "\n")
