"""Writes conformal.json: conformal thresholds, coverage, AURC.

/tmp/ref/env/bin/python conformal.py   (numpy, scipy, mapie, crepes)
"""
import json
import pathlib
import sys
from decimal import ROUND_CEILING, Decimal

import crepes
import mapie
import numpy as np
import scipy
from scipy import stats


def rank(n, alpha):
    return int(((Decimal(n) + 1) * (1 - Decimal(alpha))).to_integral_value(ROUND_CEILING))


def threshold(scores, alpha):
    k = rank(len(scores), alpha)
    return float(np.sort(scores)[k - 1]) if k <= len(scores) else None


def scores_of(p, method):
    if method == "lac":
        return 1 - p
    # Sums within 1e-9 of 1 are 1: otherwise rounding decides over the last class.
    s = np.zeros_like(p)
    for i, row in enumerate(p):
        order = np.argsort(-row, kind="stable")
        s[i, order] = np.cumsum(row[order])
    return np.where(s > 1 - 1e-9, 1.0, s)


rng = np.random.default_rng(7)
out = {"tool": f"numpy {np.__version__}, scipy {scipy.__version__}, mapie {mapie.__version__}, crepes {crepes.__version__}, python {sys.version.split()[0]}", "command": "python conformal.py"}
out["rank"] = [{"n": n, "alpha": float(a), "rank": rank(n, a)} for n in [0, 1, 8, 9, 10, 19, 20, 99, 100, 199, 499, 999, 9999] for a in ["0.1", "0.05", "0.2", "0.3", "0.01", "0.001", "0.07", "0.7", "0.9", "0.45"]]
out["classification"] = []
for n, classes, alpha, ties in [(120, 3, "0.1", False), (300, 4, "0.05", True), (30, 2, "0.2", False), (20, 3, "0.01", False)]:
    logits = rng.normal(0, 1.2, (n, classes))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if ties:
        p = np.round(p, 2)
        p[:, -1] = np.round(1 - p[:, :-1].sum(1), 2)
    y = np.array([rng.choice(classes, p=row / row.sum()) for row in np.clip(p, 0, None)])
    p = np.clip(p, 0, 1)
    evaluation = rng.random(n) < 0.4
    group = rng.choice(["a", "b"], n)
    case = {"class": [f"k{c}" for c in y], "p": {f"k{c}": p[:, c].tolist() for c in range(classes)}, "evaluation": evaluation.tolist(), "group": group.tolist(), "alpha": alpha, "expected": {}}
    for method in ["lac", "aps"]:
        s = scores_of(p, method)
        own = s[np.arange(n), y]
        cal, ev = ~evaluation, evaluation
        q = threshold(own[cal], alpha)
        limit = np.inf if q is None else q
        sets = s[ev] <= limit
        covered = sets[np.arange(ev.sum()), y[ev]]
        m, x = int(ev.sum()), int(covered.sum())
        ci = stats.binomtest(x, m).proportion_ci(0.95, "exact")
        k, N = rank(int(cal.sum()), alpha), int(cal.sum())
        e = {"threshold": q, "rank": k, "coverage": x / m, "lower": ci.low, "upper": ci.high, "mean_size": float(sets.sum(1).mean()), "empty": float((sets.sum(1) == 0).mean()), "single": float((sets.sum(1) == 1).mean()),
             "coverage_in_a": float(covered[group[ev] == "a"].mean()), "coverage_in_b": float(covered[group[ev] == "b"].mean())}
        if k <= N:
            band = stats.betabinom.ppf([0.025, 0.975], m, k, N + 1 - k)
            e["band"] = [float(band[0] / m), float(band[1] / m)]
        # Mondrian by class: each class's own threshold.
        qs = [threshold(own[cal & (y == c)], alpha) for c in range(classes)]
        e["class_thresholds"] = qs
        sets = s[ev] <= np.array([np.inf if v is None else v for v in qs])
        e["class_coverage"] = float(sets[np.arange(m), y[ev]].mean())
        e["class_mean_size"] = float(sets.sum(1).mean())
        # Mondrian by stratum.
        qs = {g: threshold(own[cal & (group == g)], alpha) for g in "ab"}
        sets = s[ev] <= np.array([np.inf if qs[g] is None else qs[g] for g in group[ev]])[:, None]
        e["stratum_coverage"] = float(sets[np.arange(m), y[ev]].mean())
        if method == "aps" and k <= N:
            size = []
            for row in p[ev]:
                c = np.cumsum(-np.sort(-row))
                c = np.where(c > 1 - 1e-9, 1.0, c)
                size.append(min(int(np.sum(c < limit)) + 1, classes))  # Angelopoulos and Bates 2023
            e["mean_size_include_last"] = float(np.mean(size))
        case["expected"][method] = e
    if not ties and case["expected"]["lac"]["threshold"] is not None:
        # MAPIE: prefit classifier that hands out the probabilities.
        from mapie.classification import SplitConformalClassifier
        from sklearn.base import BaseEstimator, ClassifierMixin

        class Given(ClassifierMixin, BaseEstimator):
            classes_ = np.arange(classes)
            __sklearn_is_fitted__ = lambda self: True

            def fit(self, X, y):
                return self

            def predict_proba(self, X):
                return p[X[:, 0].astype(int)]

            def predict(self, X):
                return self.predict_proba(X).argmax(1)

        X = np.arange(n)[:, None].astype(float)
        m_ = SplitConformalClassifier(Given(), confidence_level=1 - float(alpha), conformity_score="lac", prefit=True)
        m_.conformalize(X[cal], y[cal])
        sets = m_.predict_set(X[ev])[1][:, :, 0]
        case["mapie_lac"] = {"coverage": float(sets[np.arange(ev.sum()), y[ev]].mean()), "mean_size": float(sets.sum(1).mean()), "sets": sets.sum(1).tolist()}
    out["classification"].append(case)
out["regression"] = []
for n, alpha in [(150, "0.1"), (60, "0.05"), (400, "0.2")]:
    x = rng.normal(50, 10, n)
    sigma = rng.uniform(0.5, 3, n)
    y = x + sigma * rng.standard_t(4, n)
    evaluation = rng.random(n) < 0.4
    cal = ~evaluation
    case = {"outcome": y.tolist(), "prediction": x.tolist(), "difficulty": sigma.tolist(), "evaluation": evaluation.tolist(), "alpha": alpha}
    for method, s in [("absolute-residual", np.ones(n)), ("normalised-residual", sigma)]:
        q = threshold(np.abs(y - x)[cal] / s[cal], alpha)
        covered = np.abs(y - x)[evaluation] / s[evaluation] <= q
        cr = crepes.ConformalRegressor()
        cr.fit(residuals=(y - x)[cal], sigmas=None if method[0] == "a" else sigma[cal])
        iv = cr.predict_int(x[evaluation], sigmas=None if method[0] == "a" else sigma[evaluation], confidence=1 - float(alpha))
        case[method] = {"threshold": q, "coverage": float(covered.mean()), "mean_width": float((2 * q * s[evaluation]).mean()), "crepes_mean_width": float((iv[:, 1] - iv[:, 0]).mean())}
    out["regression"].append(case)
out["risk"] = []
for n, ties in [(1, False), (40, False), (120, True), (30, True)]:
    c = rng.random(n)
    if ties:
        c = np.round(c, 1)
    correct = rng.random(n) < 0.5 + 0.5 * c
    loss = (~correct).astype(float)
    # Expectation over the order of ties: the tie's mean loss at each of its places.
    mean = np.array([loss[c == v].mean() for v in c])
    order = np.argsort(-c, kind="stable")
    aurc = float(np.mean(np.cumsum(mean[order]) / np.arange(1, n + 1)))
    best = float(np.mean(np.cumsum(np.sort(loss)) / np.arange(1, n + 1)))
    t = 0.6
    kept = c >= t
    out["risk"].append({"confidence": c.tolist(), "correct": correct.tolist(), "aurc": aurc, "excess_aurc": aurc - best, "risk": float(loss.mean()), "threshold": t,
                        "coverage": float(kept.mean()), "accuracy_of_answered": float(correct[kept].mean()) if kept.any() else None, "referred": float((~kept).mean()), "answered_wrong": float((kept & ~correct).mean())})
out["band"] = [{"n": n, "k": k, "m": m, "low": int(stats.betabinom.ppf(0.025, m, k, n + 1 - k)), "high": int(stats.betabinom.ppf(0.975, m, k, n + 1 - k))} for n, k, m in [(9, 9, 10), (99, 90, 1000), (500, 451, 50), (1000, 951, 10000), (20, 10, 1)]]
pathlib.Path(__file__).with_name("conformal.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
