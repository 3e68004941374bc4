"""Writes python.json: calibration and decision-curve statistics of data.json.

/tmp/ref/env/bin/python reference.py   (versions are written into the file)
scikit-learn: Brier, log loss, isotonic, calibration_curve; dcurves: net benefit; statsmodels: Platt's
targets; mapie: Spiegelhalter's z; the rest straight from the formulas in NumPy.
"""
import importlib.metadata as meta
import json
import pathlib

import numpy as np
import pandas as pd
import statsmodels.api as sm
from dcurves import dca
from mapie.metrics.calibration import spiegelhalter_statistic
from scipy.stats import norm
from sklearn.calibration import _sigmoid_calibration, calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

here = pathlib.Path(__file__)
data = json.loads(here.with_name("data.json").read_text())


def groups(y, p, ids):
    """(rows, mean probability, share of positives) of each group that has rows."""
    return [((m := ids == i).sum(), p[m].mean(), y[m].mean()) for i in np.unique(ids)]


def errors(g):
    n = sum(k for k, _, _ in g)
    gap = [abs(o - c) for _, c, o in g]
    w = [k / n for k, _, _ in g]
    out = {"l1": np.dot(w, gap), "l2": np.sqrt(np.dot(w, np.square(gap))), "max": max(gap)}
    if min(k for k, _, _ in g) > 1:
        var = [o * (1 - o) / (k - 1) for k, _, o in g]
        out["squared_debiased"] = np.dot(w, np.square(gap) - np.array(var))
        # E|N(gap, sd^2)| by numerical integration, not by its closed form.
        z = np.linspace(-12, 12, 2_000_001)
        d = norm.pdf(z)
        d /= d.sum()
        expected = [np.dot(np.abs(a + z * np.sqrt(o * (1 - o) / k)), d) for a, (k, _, o) in zip(gap, g)]
        out["l1_debiased"] = 2 * out["l1"] - np.dot(w, expected)
    return out


def binned(y, p):
    out = {}
    for bins in (5, 10, 15):
        edges = np.linspace(0, 1, bins + 1)
        quotient = np.array([k / bins for k in range(bins + 1)])
        q = np.percentile(p, edges * 100)
        ids = {
            f"equal-width.{bins}.right": np.searchsorted(quotient[1:-1], p, side="left"),
            f"equal-width.{bins}.left": np.searchsorted(quotient[1:-1], p, side="right"),
            f"linspace.{bins}.left": np.searchsorted(edges[1:-1], p, side="right"),
            f"linspace.{bins}.right": np.searchsorted(edges[1:-1], p, side="left"),
            f"equal-mass.{bins}.right": np.searchsorted(q[1:-1], p, side="left"),
            f"equal-mass.{bins}.left": np.searchsorted(q[1:-1], p, side="right"),
        }
        order = np.argsort(p, kind="stable")
        count = np.empty(len(p), int)
        for i, part in enumerate(np.array_split(order, bins)):
            count[part] = i
        ids[f"equal-count.{bins}.right"] = count
        for k, v in ids.items():
            out[k] = errors(groups(y, p, v))
        # scikit-learn's own bins must be these.
        for strategy, key in (("uniform", f"linspace.{bins}.right"), ("quantile", f"equal-mass.{bins}.right")):
            true, pred = calibration_curve(y, p, n_bins=bins, strategy=strategy)
            mine = groups(y, p, ids[key])
            assert np.allclose([c for _, c, _ in mine], pred, atol=1e-15) and np.allclose([o for *_, o in mine], true)
    order = np.argsort(p, kind="stable")
    for bins in range(2, len(p) + 1):
        if np.any(np.diff([y[i].mean() for i in np.array_split(order, bins)]) < 0):
            break
    out["sweep"] = errors([(len(i), p[i].mean(), y[i].mean()) for i in np.array_split(order, bins - 1)]) | {"bins": bins - 1}
    return out


def scores(y, p, cluster):
    n = len(y)
    s = (p - y) ** 2
    r = y.mean()
    u = r * (1 - r)
    g = groups(y, p, np.unique(p, return_inverse=True)[1])
    iso = IsotonicRegression().fit(p, y).predict(p)
    g10 = groups(y, p, np.searchsorted(np.array([k / 10 for k in range(1, 10)]), p, side="left"))
    ids = np.searchsorted(np.array([k / 10 for k in range(1, 10)]), p, side="left")
    pm = np.array([p[ids == i].mean() for i in ids])
    ym = np.array([y[ids == i].mean() for i in ids])
    sums = pd.Series(s - s.mean()).groupby(cluster).sum().to_numpy()
    G = len(sums)
    out = {
        "brier": brier_score_loss(y, p), "se": s.std(ddof=1) / np.sqrt(n),
        "se_cluster": np.sqrt(G / (G - 1) * (sums ** 2).sum()) / n,
        "skill": 1 - s.mean() / u,
        "reliability": sum(k * (c - o) ** 2 for k, c, o in g) / n, "resolution": sum(k * (o - r) ** 2 for k, c, o in g) / n, "uncertainty": u,
        "mcb": s.mean() - ((iso - y) ** 2).mean(), "dsc": u - ((iso - y) ** 2).mean(),
        "reliability_binned": sum(k * (c - o) ** 2 for k, c, o in g10) / n, "resolution_binned": sum(k * (o - r) ** 2 for k, c, o in g10) / n,
        "within_bins": ((p - pm) ** 2).mean() - 2 * ((p - pm) * (y - ym)).mean(),
        "log_loss": log_loss(y, p), "log_mcb": log_loss(y, p) - log_loss(y, iso), "log_unc": log_loss(y, np.full(n, r)),
        "log_skill": 1 - log_loss(y, p) / log_loss(y, np.full(n, r)),
        "isotonic": iso.tolist(), "spiegelhalter": spiegelhalter_statistic(y, p),
    }
    if min(k for k, _, _ in g10) > 1:
        within = sum(k / (k - 1) * o * (1 - o) for k, _, o in g10) / n
        out |= {"reliability_corrected": out["reliability_binned"] - within, "resolution_corrected": out["resolution_binned"] - within + u / (n - 1), "uncertainty_corrected": u + u / (n - 1)}
    # Skill's standard error: jackknife-free delta method, checked here by the infinitesimal jackknife done numerically.
    h, infl = 1e-6, []
    for i in range(n):
        w = np.full(n, (1 - h) / n)
        w[i] += h
        b, m = np.dot(w, s), np.dot(w, y)
        infl.append(((1 - b / (m * (1 - m))) - out["skill"]) / h)
    out["skill_se_numerical"] = np.sqrt(np.square(np.array(infl) - np.mean(infl)).sum() * n / (n - 1)) / n
    return out


def platt(y, p):
    x = np.log(p / (1 - p))
    a, b = y.sum(), len(y) - y.sum()
    t = np.where(y == 1, (a + 1) / (a + 2), 1 / (b + 2))
    model = sm.GLM(t, sm.add_constant(x), family=sm.families.Binomial())
    fit = model.fit(tol=1e-15, maxiter=200)
    # Once more from there: the covariance keeps the weights of the step before.
    fit = model.fit(start_params=fit.params, tol=1e-15, maxiter=200)
    A, B = _sigmoid_calibration(x, y)
    return {"coefficients": fit.params.tolist(), "se": fit.bse.tolist(), "sklearn": [-B, -A]}


def net_benefit(y, p, second, cluster):
    t = [round(0.05 * k, 2) for k in range(1, 20)]
    frame = pd.DataFrame({"y": y, "p": p, "second": second})
    out = {"thresholds": t}
    for name, prevalence in (("sample", None), ("given", 0.15)):
        d = dca(data=frame, outcome="y", modelnames=["p", "second"], thresholds=t, prevalence=prevalence, nper=100)
        for m in ("p", "second", "all"):
            rows = d[d.model == m]
            out[f"{name}.{m}"] = rows.net_benefit.tolist()
            out[f"{name}.{m}.avoided"] = rows.net_intervention_avoided.tolist()
    gain = lambda q: np.where(q >= 0.3, np.where(y == 1, 1, -0.3 / 0.7), 0.0)
    n = len(y)
    for name, v in (("p", gain(p)), ("difference", gain(p) - gain(second))):
        sums = pd.Series(v - v.mean()).groupby(cluster).sum().to_numpy()
        out[f"se.{name}"] = v.std(ddof=1) / np.sqrt(n)
        out[f"se_cluster.{name}"] = np.sqrt(len(sums) / (len(sums) - 1) * (sums ** 2).sum()) / n
    return out


sets = []
for d in data["sets"]:
    y, p = np.array(d["truth"]), np.array(d["probability"])
    second, cluster = np.array(d["second"]), np.array(d["cluster"])
    sets.append({"errors": binned(y, p), "scores": scores(y, p, cluster), "platt": platt(y, p), "net_benefit": net_benefit(y, p, second, cluster)})
P = np.array(data["multi"]["probability"]).T
c = np.array(data["multi"]["class"])
top, conf = (P.argmax(1) == c).astype(int), P.max(1)
ids = lambda q: np.searchsorted(np.array([k / 10 for k in range(1, 10)]), q, side="left")
multi = {"top-label": errors(groups(top, conf, ids(conf))),
         "class-wise": {k: float(np.mean([errors(groups((c == j).astype(int), P[:, j], ids(P[:, j])))[k] for j in range(3)])) for k in ("l1", "l2", "max")}}
versions = {k: meta.version(k) for k in ("numpy", "scikit-learn", "dcurves", "statsmodels", "mapie", "scipy")}
here.with_name("python.json").write_text(json.dumps({"made_by": "python reference.py", "versions": versions, "sets": sets, "multi": multi}, default=float) + "\n")
