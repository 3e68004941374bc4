"""Writes roc-python.json: scikit-learn, MLstatkit and confidenceinterval on the data of roc.json.

Rscript roc.R; python3 roc.py
"""
import json, pathlib
from importlib.metadata import version
import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
here = pathlib.Path(__file__).parent
data = json.loads((here / "roc.json").read_text())
out = {"tools": {p: version(p) for p in ["scikit-learn", "MLstatkit", "confidenceinterval", "numpy"]}, "command": "python3 roc.py"}
singles = []
for case in data["singles"]:
    t, s = np.array(case["truth"]), np.array(case["score"], float)
    p, r, th = precision_recall_curve(t, s)
    singles.append({"name": case["name"], "auc": roc_auc_score(t, s), "average_precision": average_precision_score(t, s),
                    "precision": p[:-1].tolist(), "recall": r[:-1].tolist()} if len(s) < 60 else
                   {"name": case["name"], "auc": roc_auc_score(t, s), "average_precision": average_precision_score(t, s)})
out["singles"] = singles
m = data["multiclass"]
c = np.array(m["class"]); P = np.c_[m["a"], m["b"], m["c"]]
out["multiclass"] = {f"{kind}_{avg}": roc_auc_score(c, P, multi_class=kind, average=avg) for kind in ("ovo", "ovr") for avg in ("macro", "weighted")}
from MLstatkit.stats import Delong_test
out["mlstatkit"] = []
for pair in data["paired"]:
    z, p = Delong_test(np.array(pair["truth"]).astype(int), np.array(pair["first"], float), np.array(pair["second"], float))[:2]
    out["mlstatkit"].append({"name": pair["name"], "z": float(z), "p": float(p)})
from confidenceinterval import roc_auc_score as ci_auc
out["confidenceinterval"] = []
for case in data["singles"]:
    a, ci = ci_auc(np.array(case["truth"]).astype(int).tolist(), case["score"])
    out["confidenceinterval"].append({"name": case["name"], "auc": float(a), "interval": [float(v) for v in ci]})
# The binned area: pooled scores cut by shared edges, each bin's index as the score.
case = data["singles"][0]
edges = [0.1, 0.2, 0.3, 0.5, 1.0]
b = np.digitize(case["score"], edges)
out["binned"] = {"edges": edges, "auc": roc_auc_score(case["truth"], b)}
(here / "roc-python.json").write_text(json.dumps(out) + "\n")
