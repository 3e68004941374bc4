"""Writes fairness.json: fairlearn's gaps and statsmodels' calibration intercept.  /tmp/ref/env/bin/python fairness.py"""
import json, pathlib
import numpy as np, fairlearn, sklearn, statsmodels, statsmodels.api as sm
from fairlearn import metrics as fm
from sklearn.metrics import precision_score
from statsmodels.stats.proportion import confint_proportions_2indep

rng = np.random.default_rng(99)
cases = []
for n, k in [(300, 2), (600, 4), (150, 3)]:
    group = rng.integers(0, k, n); truth = rng.random(n) < 0.3 + 0.1 * group / k
    p = np.clip(1 / (1 + np.exp(-(1.5 * truth - 1 + 0.3 * group / k + rng.normal(0, 1, n)))), .001, .999).round(3)
    call = p >= 0.5
    t, c, names = truth.astype(int), call.astype(int), np.array(list("abcd"))[group]
    prec = fm.MetricFrame(metrics=precision_score, y_true=t, y_pred=c, sensitive_features=names)
    out = {"group": names.tolist(), "truth": t.tolist(), "call": c.tolist(), "probability": p.tolist()}
    for method in ["between_groups", "to_overall"]:
        kw = dict(y_true=t, y_pred=c, sensitive_features=names, method=method)
        out[method] = {
            "demographic_parity_difference": fm.demographic_parity_difference(**kw), "demographic_parity_ratio": fm.demographic_parity_ratio(**kw),
            "equal_opportunity_difference": fm.equal_opportunity_difference(**kw), "equal_opportunity_ratio": fm.equal_opportunity_ratio(**kw),
            "equalised_odds_difference": fm.equalized_odds_difference(**kw), "equalised_odds_ratio": fm.equalized_odds_ratio(**kw),
            "equalised_odds_difference_mean": fm.equalized_odds_difference(agg="mean", **kw), "equalised_odds_ratio_mean": fm.equalized_odds_ratio(agg="mean", **kw),
            "predictive_parity_difference": prec.difference(method=method), "predictive_parity_ratio": prec.ratio(method=method),
        }
        f = fm.MetricFrame(metrics=fm.false_positive_rate, y_true=t, y_pred=c, sensitive_features=names)
        out[method]["false_positive_rate_difference"] = f.difference(method=method); out[method]["false_positive_rate_ratio"] = f.ratio(method=method)
    fits = {}
    for g in sorted(set(names)):
        m = names == g; off = np.log(p[m] / (1 - p[m]))
        r = sm.GLM(t[m], np.ones(m.sum()), family=sm.families.Binomial(), offset=off).fit(tol=1e-15, tol_criterion="params", maxiter=200)
        cl = np.arange(m.sum()) // 3
        rc = sm.GEE(t[m], np.ones(m.sum()), groups=cl, family=sm.families.Binomial(), offset=off).fit(ctol=1e-13, maxiter=200)
        x, nn, y, mm = int((c[m] & t[m]).sum()), int(t[m].sum()), int((c[names == "a"] & t[names == "a"]).sum()), int(t[names == "a"].sum())
        lo, hi = confint_proportions_2indep(x, nn, y, mm, method="newcomb", compare="diff")
        fits[g] = {"intercept": float(r.params[0]), "se": float(r.bse[0]), "cluster_se": float(rc.bse[0]), "newcombe": [float(lo), float(hi)]}
    out["fits"] = fits
    cases.append(out)
tool = f"fairlearn {fairlearn.__version__}, scikit-learn {sklearn.__version__}, statsmodels {statsmodels.__version__}; python fairness.py"
pathlib.Path(__file__).with_name("fairness.json").write_text(json.dumps({"tool": tool, "cases": cases}) + "\n")
