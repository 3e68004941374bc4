"""Writes analysis.json: p-values of goals by the score test, their adjustments, and tests of interaction.

pip install statsmodels scipy numpy; python3 analysis.py
"""
import json
import math
import pathlib
import sys

import numpy as np
import scipy
import statsmodels
from scipy.stats import chi2, chi2_contingency, norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

HERE = pathlib.Path(__file__).parent


def upper(x, n, goal):
    """One-sided p of the score test that the proportion lies above the goal."""
    return float(norm.sf((x / n - goal) / math.sqrt(goal * (1 - goal) / n)))


def families():
    """Positives and calls of three tests against one goal each."""
    out = []
    for name, hits, n, goals in (
        ("all reach", (93, 95, 97), 100, (0.85, 0.85, 0.85)),
        ("one fails", (93, 86, 97), 100, (0.85, 0.85, 0.85)),
        ("only together", (93, 92, 91), 100, (0.85, 0.84, 0.83)),
        ("all just short", (92, 92, 92), 100, (0.85, 0.852, 0.848)),
        ("below the goal", (80, 99, 70), 100, (0.85, 0.85, 0.85)),
        ("equal to the goal", (85, 95, 91), 100, (0.85, 0.85, 0.85)),
    ):
        p = [upper(x, n, g) for x, g in zip(hits, goals)]
        out.append({
            "name": name, "hits": hits, "n": n, "goals": goals, "p": p,
            "lower": [float(proportion_confint(x, n, 0.05, "wilson")[0]) for x in hits],
            "holm": multipletests(p, method="holm")[1].tolist(),
            "hochberg": multipletests(p, method="simes-hochberg")[1].tolist(),
            "bonferroni": multipletests(p, method="bonferroni")[1].tolist(),
        })
    return out


def grid():
    """Score tests of one proportion in both directions, at the edges and between."""
    out = []
    for n in (7, 40, 333):
        for x in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            for goal in (0.05, 0.5, 0.83):
                above = upper(x, n, goal)
                out.append({"x": x, "n": n, "goal": goal, "at_least": above,
                            "at_most": float(norm.cdf((x / n - goal) / math.sqrt(goal * (1 - goal) / n)))})
    return out


def cochran(levels):
    """Cochran's Q on the logit scale: by the delta method var logit p = 1 / (n p (1 - p)). Beside it the
    likelihood ratio of levels with one rate or with one each."""
    n = np.array([n for _, n in levels])
    p = np.array([x for x, _ in levels]) / n
    v, se = np.log(p / (1 - p)), 1 / np.sqrt(n * p * (1 - p))
    w = 1 / se**2
    q = float((w * (v - (w * v).sum() / w.sum()) ** 2).sum())
    ratio = chi2_contingency([[x, m - x] for x, m in levels], correction=False, lambda_="log-likelihood")
    return {"levels": levels, "g": float(ratio.statistic), "g_p": float(ratio.pvalue), "q": q, "df": len(levels) - 1, "p": float(chi2.sf(q, len(levels) - 1))}


out = {
    "tool": f"Python {sys.version.split()[0]}, scipy {scipy.__version__}, statsmodels {statsmodels.__version__}, "
            f"numpy {np.__version__}",
    "command": "python3 analysis.py",
    "families": families(),
    "grid": grid(),
    "cochran": cochran([(45, 50), (30, 40), (24, 30)]),
}
(HERE / "analysis.json").write_text(json.dumps(out, indent=1) + "\n")
