"""Writes delong.json: AUC and DeLong variance straight from the definition, by other people's tools.

pip install numpy scipy scikit-learn; python3 delong.py
"""
import json
import pathlib

import numpy as np
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

rng = np.random.default_rng(20261124)
cases = []
for m, n, shift, ties in [(2, 2, 0.5, False), (10, 12, 1.0, False), (63, 97, 1.6, False), (42, 72, 3.0, True), (30, 300, 0.1, True)]:
    pos, neg = rng.normal(shift, 1, m), rng.normal(0, 1, n)
    if ties:
        pos, neg = np.round(pos, 1), np.round(neg, 1)
    auc = roc_auc_score(np.r_[np.ones(m), np.zeros(n)], np.r_[pos, neg])
    # DeLong, DeLong, Clarke-Pearson (1988), equations 4 to 6: psi is 1, 1/2 or 0 for each pair.
    psi = (pos[:, None] > neg[None, :]) + 0.5 * (pos[:, None] == neg[None, :])
    variance = psi.mean(1).var(ddof=1) / m + psi.mean(0).var(ddof=1) / n
    half = norm.ppf(0.975) * np.sqrt(variance)
    cases.append({"positive": pos.tolist(), "negative": neg.tolist(), "auc": auc, "variance": variance,
                  "lower": max(0.0, auc - half), "upper": min(1.0, auc + half)})
pathlib.Path(__file__).with_name("delong.json").write_text(json.dumps(cases) + "\n")
