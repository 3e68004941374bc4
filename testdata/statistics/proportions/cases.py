"""Writes cases-python.json: expected values by statsmodels, scipy, scikit-learn and confidenceinterval, and
where no tool has the method, by the definition of the paper with scipy's root finder.

Command: /tmp/ref/env/bin/python cases.py
"""
import itertools
import json
import math
import pathlib
import sys
import warnings

import confidenceinterval as ci
import numpy as np
import scipy
import sklearn
import statsmodels
from scipy import stats
from scipy.optimize import brentq
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (confint_proportions_2indep, proportion_confint, score_test_proportions_2indep,
                                          test_proportions_2indep)

warnings.simplefilter("ignore")
rng = np.random.default_rng(20261125)
cases = []


def case(entry, columns, settings, expect, tool, tol=1e-9):
    cases.append({"entry": entry, "columns": columns, "settings": {k: str(v) for k, v in settings.items()},
                  "expect": {k: (float(v) if v is not None else None) for k, v in expect.items()}, "tool": tool,
                  **({} if tol == 1e-9 else {"tol": tol})})


def col(role, kind, values, name=None):
    return {"role": role, "kind": kind, **({"name": name} if name else {}),
            "values": ("".join(str(int(v)) for v in values) if kind == "binary" else ",".join(str(v) for v in values) if kind == "label"
                       else [float(v) for v in values])}


def bracket(f, lo, hi):
    if abs(f(lo)) < 1e-12:
        return lo
    if abs(f(hi)) < 1e-12:
        return hi
    if f(lo) * f(hi) > 0:
        raise ValueError((lo, hi, f(lo), f(hi)))
    return brentq(f, lo, hi, xtol=1e-15, rtol=8.9e-16, maxiter=1000)


# One proportion.
for x, n, level in [(81, 263, .95), (0, 20, .95), (1, 29, .95), (29, 29, .95), (7, 10, .9), (1, 1, .95),
                    (3, 4, .99), (49999, 100000, .95), (3, 100000, .95)]:
    a = 1 - level
    base = {"successes": x, "trials": n, "level": level}
    for word, method in [("wilson", "wilson"), ("clopper-pearson", "beta"), ("agresti-coull", "agresti_coull"),
                         ("jeffreys-unmodified", "jeffreys"), ("jeffreys", "jeffreys"), ("wald", "normal")]:
        lo, hi = proportion_confint(x, n, alpha=a, method=method)
        if word == "wald" and x in (0, n):
            continue
        if word == "jeffreys":
            lo, hi = (0 if x == 0 else lo), (1 if x == n else hi)
        case("proportion", [], {**base, "method": word}, {"proportion": x / n, "proportion.lower": lo, "proportion.upper": hi},
             "statsmodels proportion_confint", 1e-9)
    b = stats.binom
    lo = 0 if x == 0 else bracket(lambda p: b.sf(x, n, p) + .5 * b.pmf(x, n, p) - a / 2, 1e-12, x / n)
    hi = 1 if x == n else bracket(lambda p: b.cdf(x - 1, n, p) + .5 * b.pmf(x, n, p) - a / 2, x / n, 1 - 1e-12)
    case("proportion", [], {**base, "method": "mid-p"}, {"proportion.lower": lo, "proportion.upper": hi}, "scipy binom, brentq",
         1e-9)
    if level > .5:
        lo = proportion_confint(x, n, alpha=2 * a, method="beta")[0]
        case("proportion", [], {**base, "method": "clopper-pearson", "bound": "lower"}, {"proportion.lower": lo, "proportion.upper": 1},
             "statsmodels proportion_confint", 1e-9)
    for goal in (.3, .9):
        for alt in ("greater", "less", "two-sided") if goal == .3 else ("two-sided",):
            p = stats.binomtest(x, n, goal, alternative=alt).pvalue
            z = (x / n - goal) / math.sqrt(goal * (1 - goal) / n)
            ps = {"greater": stats.norm.sf(z), "less": stats.norm.cdf(z), "two-sided": 2 * stats.norm.sf(abs(z))}[alt]
            case("proportion", [], {**base, "goal": goal, "alternative": alt},
                 {"p_value_exact": p, "z_score": z, "p_value_score": ps}, "scipy binomtest", 1e-9)

# Many trials, near the mean and at the ends.
for x in (500123, 1, 0):
    n = 1000000
    lo, hi = proportion_confint(x, n, method="beta")
    case("proportion", [], {"successes": x, "trials": n, "method": "clopper-pearson", "goal": .5, "alternative": "two-sided"},
         {"proportion.lower": lo, "proportion.upper": hi, "p_value_exact": stats.binomtest(x, n, .5).pvalue}, "scipy binomtest, statsmodels")

# Two independent proportions.
TABLES = [(56, 70, 48, 80), (9, 10, 3, 10), (10, 10, 0, 10), (0, 20, 0, 15), (5, 56, 0, 29), (1, 2, 1, 3), (40, 50, 39, 50),
          (999, 1000, 990, 1000), (0, 30, 4, 20), (12, 12, 15, 17), (1, 1, 0, 1), (4567, 9000, 4500, 9100)]


def loglik_max(score, lo, hi):
    """Root of a falling score on an interval, an end where it has none."""
    eps = 1e-15 * max(1, hi - lo)
    a, b = lo + eps, hi - eps
    if score(a) <= 0:
        return lo
    if score(b) >= 0:
        return hi
    return bracket(score, a, b)


def div(c, p):
    return 0 if c == 0 else c / p


def z_diff(x1, n1, x2, n2, d, corrected):
    # Not by statsmodels: for d != 0 its score_test_proportions_2indep has `count0 * diff` where the cubic of Miettinen and
    # Nurminen 1985 has n0 * diff (statsmodels 0.15.0, `tmp1`), so its restricted estimate is not the likelihood's maximum.
    f = lambda p: div(x2, p) - div(n2 - x2, 1 - p) + div(x1, p + d) - div(n1 - x1, 1 - p - d)
    p2 = loglik_max(f, max(0, -d), min(1, 1 - d))
    p1 = p2 + d
    v = p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2
    if corrected:
        v *= (n1 + n2) / (n1 + n2 - 1)
    num = x1 / n1 - x2 / n2 - d
    return num / math.sqrt(v) if v > 0 else 1e6 * np.sign(num)


def z_ratio(x1, n1, x2, n2, r, corrected):
    f = lambda p: div(x1 + x2, p) - r * div(n1 - x1, 1 - r * p) - div(n2 - x2, 1 - p)
    p2 = loglik_max(f, 0, min(1, 1 / r))
    p1 = r * p2
    v = p1 * (1 - p1) / n1 + r * r * p2 * (1 - p2) / n2
    if corrected:
        v *= (n1 + n2) / (n1 + n2 - 1)
    num = x1 / n1 - r * x2 / n2
    return num / math.sqrt(v) if v > 0 else 1e6 * np.sign(num)


for x1, n1, x2, n2 in TABLES:
    base = {"successes": x1, "trials": n1, "successes_reference": x2, "trials_reference": n2}
    p1, p2 = x1 / n1, x2 / n2
    d = p1 - p2
    for level in (.95, .9) if x1 in (9, 56) else (.95,):
        z = stats.norm.ppf((1 + level) / 2)
        for word, method in [("newcombe", "newcomb"), ("agresti-caffo", "agresti-caffo"), ("wald", "wald")]:
            if word == "wald" and p1 * (1 - p1) + p2 * (1 - p2) == 0:
                continue
            lo, hi = confint_proportions_2indep(x1, n1, x2, n2, compare="diff", method=method, alpha=1 - level)
            case("proportions-difference", [], {**base, "method": word, "level": level},
                 {"difference": d, "difference.lower": max(lo, -1), "difference.upper": min(hi, 1)}, "statsmodels confint_proportions_2indep")
        for word, corrected in [("miettinen-nurminen", True), ("mee", False)]:
            lo = -1 if d == -1 else bracket(lambda v: z_diff(x1, n1, x2, n2, v, corrected) - z, -1 + 1e-13, d)
            hi = 1 if d == 1 else bracket(lambda v: z_diff(x1, n1, x2, n2, v, corrected) + z, d, 1 - 1e-13)
            case("proportions-difference", [], {**base, "method": word, "level": level},
                 {"difference.lower": lo, "difference.upper": hi}, "score test inverted by scipy brentq", 1e-8)
            if x1 + x2 > 0:
                g = lambda v: z_ratio(x1, n1, x2, n2, math.exp(v), corrected)
                mid = math.log(p1 / p2) if x1 and x2 else 0
                lo = 0 if x1 == 0 else math.exp(bracket(lambda v: g(v) - z, -30, mid if x2 else 30))
                hi = math.inf if x2 == 0 else math.exp(bracket(lambda v: g(v) + z, mid if x1 else -30, 30))
                expect = {"ratio.lower": lo, "ratio": (p1 / p2 if x2 else None)}
                if x2:
                    expect["ratio.upper"] = hi
                case("proportions-ratio", [], {**base, "method": "miettinen-nurminen" if corrected else "koopman", "level": level},
                     expect, "score test inverted by scipy brentq", 1e-8)
        if x1 and x2 and (x1 < n1 or x2 < n2):
            for word, method in [("log", "log"), ("log-adjusted", "log-adjusted")]:
                lo, hi = confint_proportions_2indep(x1, n1, x2, n2, compare="ratio", method=method, alpha=1 - level)
                case("proportions-ratio", [], {**base, "method": word, "level": level}, {"ratio.lower": lo, "ratio.upper": hi}, "statsmodels")
        if x1 and x2 and x1 < n1 and x2 < n2:
            lo, hi = confint_proportions_2indep(x1, n1, x2, n2, compare="odds-ratio", method="logit", alpha=1 - level)
            case("proportions-odds-ratio", [], {**base, "method": "woolf", "level": level},
                 {"odds_ratio": p1 * (1 - p2) / p2 / (1 - p1), "odds_ratio.lower": lo, "odds_ratio.upper": hi}, "statsmodels logit")
            for word, corrected in [("miettinen-nurminen", True), ("score", False)]:
                def s(v):
                    return score_test_proportions_2indep(x1, n1, x2, n2, value=math.exp(v), compare="odds-ratio", correction=corrected)[0]
                lo, hi = bracket(lambda v: s(v) - z, -12, 12), bracket(lambda v: s(v) + z, -12, 12)
                case("proportions-odds-ratio", [], {**base, "method": word, "level": level},
                     {"odds_ratio.lower": math.exp(lo), "odds_ratio.upper": math.exp(hi)},
                     "statsmodels score_test_proportions_2indep, brentq", 1e-8)
            nch = lambda v: stats.nchypergeom_fisher(n1 + n2, n1, x1 + x2, math.exp(v))
            if n1 < 2000:
                lo = bracket(lambda v: nch(v).sf(x1 - 1) - (1 - level) / 2, -9, 9)
                hi = bracket(lambda v: nch(v).cdf(x1) - (1 - level) / 2, -9, 9)
                case("proportions-odds-ratio", [], {**base, "method": "exact", "level": level},
                     {"odds_ratio.lower": math.exp(lo), "odds_ratio.upper": math.exp(hi)}, "scipy nchypergeom_fisher, brentq", 1e-7)
        lo, hi = confint_proportions_2indep(x1, n1, x2, n2, compare="odds-ratio", method="logit-adjusted", alpha=1 - level)
        if 0 < x1 + x2 < n1 + n2:
            case("proportions-odds-ratio", [], {**base, "method": "woolf-adjusted", "level": level},
                 {"odds_ratio.lower": lo, "odds_ratio.upper": hi}, "statsmodels logit-adjusted")
    if 0 < x1 + x2 < n1 + n2:
        case("proportions-difference", [], base, {"p_value_fisher": stats.fisher_exact([[x1, n1 - x1], [x2, n2 - x2]])[1]}, "scipy fisher_exact",
             1e-8)
        t = test_proportions_2indep(x1, n1, x2, n2, value=0, compare="diff", method="score", correction=False)
        case("proportions-difference", [], base, {"z": t.statistic, "p_value": t.pvalue}, "statsmodels test_proportions_2indep", 1e-8)
    for margin in (.1,):
        z_low, z_high = (z_diff(x1, n1, x2, n2, v, False) for v in (-margin, margin))
        case("proportions-noninferiority", [], {**base, "margin": margin}, {"z": z_low, "p_value": stats.norm.sf(z_low)},
             "definition")
        case("proportions-noninferiority", [], {**base, "margin": margin, "better": "lower"},
             {"z": z_high, "p_value": stats.norm.cdf(z_high)}, "definition")
        case("proportions-equivalence", [], {**base, "margin": margin},
             {"p_value": max(stats.norm.sf(z_low), stats.norm.cdf(z_high))}, "definition")

# Paired proportions.


def z_tango(b, c, n, d):
    # q21 maximises b log(q21 + d) + c log(q21) + (n - b - c) log(1 - 2 q21 - d).
    rest = n - b - c
    f = lambda q: div(b, q + d) + div(c, q) - 2 * div(rest, 1 - 2 * q - d)
    q = loglik_max(f, max(0, -d), (1 - d) / 2)
    v = n * (2 * q + d - d * d)
    return (b - c - n * d) / math.sqrt(v) if v > 0 else 1e6 * np.sign(b - c - n * d)


def rows(a, b, c, e):
    return [1] * (a + b) + [0] * (c + e), [1] * a + [0] * b + [1] * c + [0] * e


for a, b, c, e in [(1, 1, 7, 12), (59, 6, 16, 80), (43, 0, 1, 0), (10, 0, 0, 0), (20, 12, 2, 16), (30, 5, 5, 10), (0, 9, 0, 3), (21, 14, 25, 70),
                   (53, 1, 0, 2), (0, 3, 0, 0)]:
    first, second = rows(a, b, c, e)
    n = a + b + c + e
    columns = [col("outcome", "binary", first, "one"), col("outcome", "binary", second, "two")]
    d = (b - c) / n
    expect = {"difference": d}
    if b + c:
        t = mcnemar([[a, b], [c, e]], exact=True)
        u = mcnemar([[a, b], [c, e]], exact=False, correction=False)
        expect.update({"p_value_exact": t.pvalue, "chi_squared": u.statistic, "p_value_asymptotic": u.pvalue,
                       "p_value_mid_p": 1 - .5 * stats.binom.pmf(b, b + c, .5) if b == c
                       else t.pvalue - stats.binom.pmf(min(b, c), b + c, .5)})
    case("paired-difference", columns, {}, expect, "statsmodels mcnemar; mid-P as Fagerland 2013")
    for level in (.95, .99):
        z = stats.norm.ppf((1 + level) / 2)
        lo = -1 if d == -1 else bracket(lambda v: z_tango(b, c, n, v) - z, -1 + 1e-12, d)
        hi = 1 if d == 1 else bracket(lambda v: z_tango(b, c, n, v) + z, d + 1e-15, 1 - 1e-12)
        case("paired-difference", columns, {"level": level, "method": "tango"}, {"difference.lower": lo, "difference.upper": hi},
             "score test (restricted likelihood by brentq) inverted by brentq", 1e-8)
        w = lambda x: proportion_confint(x, n, alpha=1 - level, method="wilson")
        (l1, u1), (l2, u2) = w(a + b), w(a + c)
        for word, corrected in [("newcombe", True), ("newcombe-uncorrected", False)]:
            num = a * e - b * c
            if corrected and num > 0:
                num = max(num - n / 2, 0)
            den = (a + b) * (c + e) * (a + c) * (b + e)
            phi = num / math.sqrt(den) if den else 0
            q1, q2 = (a + b) / n, (a + c) / n
            root = lambda x, y: math.sqrt(max(0, x * x - 2 * phi * x * y + y * y))
            case("paired-difference", columns, {"level": level, "method": word},
                 {"difference.lower": d - root(q1 - l1, u2 - q2), "difference.upper": d + root(u1 - q1, q2 - l2)},
                 "Newcombe 1998 with statsmodels Wilson limits", 2e-8)
    for margin in (.1,):
        if n > 5:
            z0 = z_tango(b, c, n, -margin)
            case("paired-noninferiority", columns, {"margin": margin}, {"z": z0, "p_value": stats.norm.sf(z0)}, "definition", 1e-8)

# Predictive values of two tests on the same cases: sums over cases, as the papers write them.
for n, prevalence, seed in [(60, .4, 1), (400, .2, 2), (700, .05, 3)]:
    r = np.random.default_rng(seed)
    truth = r.random(n) < prevalence
    latent = r.normal(size=n)
    t1 = (1.5 * truth + latent + .7 * r.normal(size=n)) > .8
    t2 = (1.1 * truth + latent + .7 * r.normal(size=n)) > .6
    expect = {}
    for stem, D, A, B in [("ppv", truth, t1, t2), ("npv", ~truth, ~t1, ~t2)]:
        D, A, B = D.astype(float), A.astype(float), B.astype(float)
        n1, n2 = A.sum(), B.sum()
        v1, v2 = (D * A).sum() / n1, (D * B).sum() / n2
        pooled = ((D * A).sum() + (D * B).sum()) / (n1 + n2)
        cov = (A * B * (D - pooled) ** 2).sum() / (n1 + n2)
        wgs = (v1 - v2) ** 2 / ((pooled * (1 - pooled) - 2 * cov) * (1 / n1 + 1 / n2))
        # Leisenring 2000: long format, Z says which test, weights of each positive call.
        Z = np.r_[np.zeros(n), np.ones(n)]
        use = np.r_[A, B]
        DD = np.r_[D, D]
        zbar = (Z * use).sum() / use.sum()
        dbar = (DD * use).sum() / use.sum()
        num = (use * DD * (Z - zbar)).sum()
        per = (use * (DD - dbar) * (Z - zbar)).reshape(2, n).sum(0)
        gs = num ** 2 / (per ** 2).sum()
        infl = A * (D - v1) / n1 - B * (D - v2) / n2
        expect.update({f"{stem}_difference": v1 - v2, f"{stem}_difference.se": math.sqrt((infl ** 2).sum()),
                       f"{stem}_weighted_score": wgs, f"{stem}_generalised_score": gs,
                       f"{stem}_p_value_weighted_score": stats.chi2.sf(wgs, 1), f"{stem}_p_value_generalised_score": stats.chi2.sf(gs, 1)})
    case("paired-predictive-values", [col("truth", "binary", truth), col("call", "binary", t1, "a"), col("call", "binary", t2, "b")], {},
         expect, "NumPy, case-wise sums of Kosinski 2013 and Leisenring 2000")

# Accuracy: F1 by confidenceinterval, MCC and the rest by scikit-learn; delta variance by complex steps.
for tp, fp, fn, tn in [(67, 20, 7, 64), (8, 2, 3, 9), (1, 1, 1, 1), (40, 3, 10, 400)]:
    truth = [1] * (tp + fn) + [0] * (fp + tn)
    call = [1] * tp + [0] * fn + [1] * fp + [0] * tn
    f1, (lo, hi) = ci.f1_score(truth, call, average="binary", confidence_level=.95)
    columns = [col("truth", "binary", truth), col("call", "binary", call)]
    v = np.array([tp, fp, fn, tn], float)

    def delta(f):
        g = np.array([f(v + 1e-30j * np.eye(4)[i]).imag / 1e-30 for i in range(4)])
        p = v / v.sum()
        return math.sqrt(((g * v.sum()) @ (np.diag(p) - np.outer(p, p)) @ (g * v.sum())) / v.sum())

    mcc = lambda t: (t[0] * t[3] - t[1] * t[2]) / np.sqrt((t[0] + t[1]) * (t[3] + t[2]) * (t[0] + t[2]) * (t[1] + t[3]))
    z = stats.norm.ppf(.975)
    se = delta(lambda t: 2 * t[0] / (2 * t[0] + t[1] + t[2]))
    # Not the limits of confidenceinterval 1.0.5: it has `p * p.transpose()` of a vector where the outer product belongs.
    case("accuracy", columns, {"f1_interval": "delta"},
         {"f1": f1, "f1.lower": max(f1 - z * se, 0), "f1.upper": min(f1 + z * se, 1), "mcc": metrics.matthews_corrcoef(truth, call), "mcc.se": delta(mcc),
          "f1.se": delta(lambda t: 2 * t[0] / (2 * t[0] + t[1] + t[2])),
          "youden.se": delta(lambda t: t[0] / (t[0] + t[2]) + t[3] / (t[1] + t[3]) - 1),
          "balanced_accuracy": metrics.balanced_accuracy_score(truth, call), "accuracy": metrics.accuracy_score(truth, call)},
         "confidenceinterval and scikit-learn (values); delta method by complex steps")

# Goals, likelihood ratios, indeterminate results, two tests on the same cases.
for tp, fp, fn, tn in [(45, 6, 5, 94), (19, 0, 1, 30)]:
    truth, call = [1] * (tp + fn) + [0] * (fp + tn), [1] * tp + [0] * fn + [1] * fp + [0] * tn
    columns = [col("truth", "binary", truth), col("call", "binary", call)]
    p1, p2 = (stats.binomtest(x, n, g, alternative="greater").pvalue for x, n, g in [(tp, tp + fn, .8), (tn, fp + tn, .85)])
    case("accuracy-goals", columns, {"sensitivity_goal": .8, "specificity_goal": .85},
         {"p_value_sensitivity": p1, "p_value_specificity": p2, "p_value": max(p1, p2), "both_met": max(p1, p2) <= .025}, "scipy binomtest")
    z = stats.norm.ppf(.975)
    for name, x1, x2 in [("lr_positive", tp, fp), ("lr_negative", fn, tn)]:
        n1, n2 = tp + fn, fp + tn
        if tp and fp and fn and tn:  # with an empty cell there is no log-normal interval
            lo, hi = confint_proportions_2indep(x1, n1, x2, n2, compare="ratio", method="log")
            case("likelihood-ratios", columns, {}, {name: x1 / n1 / (x2 / n2), name + ".lower": lo, name + ".upper": hi}, "statsmodels log")
        g = lambda v: z_ratio(x1, n1, x2, n2, math.exp(v), False)
        case("likelihood-ratios", columns, {"interval": "score"}, {name + ".lower": math.exp(bracket(lambda v: g(v) - z, -20, 20))},
             "score test inverted by scipy brentq")
    result = ["positive"] * (tp - 3) + ["indeterminate"] * 3 + ["negative"] * fn + ["positive"] * fp + ["negative"] * (tn - 4) + [""] * 4
    w = lambda x, n: proportion_confint(x, n, method="wilson")
    n1, n0 = tp + fn, fp + tn
    case("indeterminate", [col("truth", "binary", truth), col("result", "label", result)], {},
         {"sensitivity_worst_case": (tp - 3) / n1, "sensitivity_worst_case.lower": w(tp - 3, n1)[0], "specificity_worst_case": (tn - 4) / n0,
          "specificity_worst_case.upper": w(tn - 4, n0)[1], "sensitivity_best_case": tp / n1, "specificity_best_case": tn / n0,
          "sensitivity_complete_case": (tp - 3) / (n1 - 3), "specificity_complete_case": (tn - 4) / (n0 - 4), "indeterminate": 7 / (n1 + n0)},
         "statsmodels proportion_confint")
r = np.random.default_rng(5)
truth = r.random(150) < .4
t1, t2 = (np.where(r.random(150) < q, truth, ~truth) for q in (.9, .75))
expect = {}
for name, of in [("sensitivity", truth), ("specificity", ~truth)]:
    x, y = (t1 == truth)[of], (t2 == truth)[of]
    b, c, n = int((x & ~y).sum()), int((~x & y).sum()), int(of.sum())
    z = stats.norm.ppf(.975)
    expect.update({f"{name}_first": x.mean(), f"{name}_second": y.mean(), f"difference_{name}": x.mean() - y.mean(),
                   f"p_value_exact_{name}": mcnemar([[0, b], [c, 0]], exact=True).pvalue,
                   f"difference_{name}.lower": bracket(lambda v: z_tango(b, c, n, v) - z, -1 + 1e-9, (b - c) / n)})
case("paired-accuracy", [col("truth", "binary", truth), col("call", "binary", t1, "a"), col("call", "binary", t2, "b")], {}, expect,
     "statsmodels mcnemar; score test inverted by scipy brentq")
b, c, n = int((t1 & ~t2).sum()), int((~t1 & t2).sum()), 150
zl = (b - c + n * .1) / math.sqrt(b + c - (b - c) ** 2 / n)
case("paired-noninferiority", [col("outcome", "binary", t1, "a"), col("outcome", "binary", t2, "b")], {"margin": .1, "test": "liu-sample"},
     {"z": zl, "p_value": stats.norm.sf(zl)}, "Liu 2002")

# Graphs: closed test with Bonferroni weights of each intersection, hypotheses removed in the order of their index.


def weights_of(subset, w, g):
    w, g = list(w), [list(r) for r in g]
    m = len(w)
    live = set(range(m))
    for j in [i for i in range(m) if i not in subset]:
        live.discard(j)
        nw = {i: w[i] + w[j] * g[j][i] for i in live}
        ng = {(a, b): ((g[a][b] + g[a][j] * g[j][b]) / (1 - g[a][j] * g[j][a]) if a != b and g[a][j] * g[j][a] < 1 else 0)
              for a in live for b in live}
        for i in live:
            w[i] = nw[i]
        for (a, b), value in ng.items():
            g[a][b] = value
    return {i: w[i] for i in subset}


def closed(p, w, g):
    m = len(p)
    adjusted = [0.0] * m
    for k in range(1, m + 1):
        for subset in itertools.combinations(range(m), k):
            ws = weights_of(set(subset), w, g)
            pi = min([p[i] / ws[i] for i in subset if ws[i] > 0] or [1])
            for i in subset:
                adjusted[i] = max(adjusted[i], min(pi, 1))
    return adjusted


for p in ([.01, .04, .03, .005], [.02, .06, .005, .3], [.0, .5, .001, .03], [.012, .012, .012, .012]):
    names = ["a", "b", "c", "d"]
    expect = lambda adj: {f"adjusted_p.{k}": v for k, v in zip(names, adj)}
    columns = [col("p_value", "real", p), col("label", "label", names)]
    g = [[0, .5, .5, 0], [.5, 0, 0, .5], [0, 1, 0, 0], [1, 0, 0, 0]]
    flat = ",".join(str(x) for r in g for x in r)
    case("multiplicity-graph", columns + [col("weight", "real", [.5, .5, 0, 0])], {"transitions": flat}, expect(closed(p, [.5, .5, 0, 0], g)),
         "closed test")
    chain = [[1.0 if j == i + 1 else 0.0 for j in range(4)] for i in range(4)]
    w = [.4, .3, .2, .1]
    case("multiplicity-fallback", columns + [col("weight", "real", w)], {}, expect(closed(p, w, chain)), "closed test of the chain")
    # Parallel Bonferroni gatekeeping with two families is the graph where each of the first passes half to each of the second.
    gate = [[0, 0, .5, .5], [0, 0, .5, .5], [0, 0, 0, 1], [0, 0, 1, 0]]
    case("multiplicity-gatekeeping", columns + [col("family", "label", [1, 1, 2, 2])], {"gate": "parallel"},
         expect(closed(p, [.5, .5, 0, 0], gate)), "closed test of the graph")
    # Truncated Holm: the stepwise definition, smallest of a fine set of critical alphas.
    gamma = .6

    def rejects(alpha):
        order = sorted((0, 1), key=lambda i: p[i])
        out, left = set(), 2
        for i in order:
            if p[i] <= alpha * (gamma / left + (1 - gamma) / 2):
                out.add(i)
                left -= 1
            else:
                break
        rest = alpha - (alpha * (gamma + (1 - gamma) * left / 2) if left else 0)
        o2, left2 = sorted((2, 3), key=lambda i: p[i]), 2
        for i in o2:
            if rest > 0 and p[i] <= rest / left2:
                out.add(i)
                left2 -= 1
            else:
                break
        return out

    candidates = sorted({p[i] / f for i in range(4) for f in (.5, 1, gamma + (1 - gamma) / 2, .5 * gamma + (1 - gamma) / 2, (1 - gamma) / 2,
                                                            (1 - gamma) / 4, gamma / 2 + (1 - gamma) / 2)} | {1.0})
    adj = [next((min(c, 1) for c in candidates if i in rejects(c * (1 + 1e-12))), 1) for i in range(4)]
    case("multiplicity-gatekeeping", columns + [col("family", "label", [1, 1, 2, 2])], {"gate": "parallel", "truncation": gamma}, expect(adj),
         "stepwise definition", 1e-9)
for m in (1, 2, 7):
    p = rng.random(m) ** 3
    for word, method in [("sidak", "sidak"), ("holm-sidak", "holm-sidak"), ("holm", "holm"), ("hommel", "hommel"), ("by", "fdr_by")]:
        adj = multipletests(p, method=method)[1]
        case("multiplicity", [col("p_value", "real", p)], {"method": word}, {f"adjusted_p.{i + 1}": v for i, v in enumerate(adj)},
             "statsmodels multipletests")

# Missing outcomes: enumeration.
for s, f, miss, goal in [(45, 5, 6, .8), (40, 12, 10, .7), (9, 9, 2, .9), (50, 1, 3, .8)]:
    values = ["1"] * s + ["0"] * f + [""] * miss
    n = s + f + miss
    ok = [k for k in range(miss + 1) if stats.binomtest(s + k, n, goal, alternative="greater").pvalue <= .025]
    case("missing-tipping-point", [col("outcome", "label", values)], {"goal": goal}, {"tipping_successes": ok[0] if ok else None}, "scipy binomtest")
    lo, hi = proportion_confint(s, n, method="wilson")[0], proportion_confint(s + miss, n, method="wilson")[1]
    case("missing-bounds", [col("outcome", "label", values)], {},
         {"proportion_worst_case": s / n, "proportion_best_case": (s + miss) / n, "proportion_complete_case": s / (s + f),
          "uncertainty_region.lower": lo, "uncertainty_region.upper": hi}, "statsmodels proportion_confint")
for (s1, f1, m1), (s2, f2, m2), margin in [((80, 10, 6), (60, 30, 5), 0), ((80, 15, 4), (78, 17, 6), .1)]:
    values = ["1"] * s1 + ["0"] * f1 + [""] * m1 + ["1"] * s2 + ["0"] * f2 + [""] * m2
    group = ["new"] * (s1 + f1 + m1) + ["old"] * (s2 + f2 + m2)
    n1, n2 = s1 + f1 + m1, s2 + f2 + m2
    hold = sum(stats.norm.sf(z_diff(s1 + a, n1, s2 + b, n2, -margin, False)) <= .025 for a in range(m1 + 1) for b in range(m2 + 1))
    case("missing-tipping-point", [col("outcome", "label", values), col("group", "label", group)], {"margin": margin, "reference": "old"},
         {"share_of_scenarios": hold / (m1 + 1) / (m2 + 1),
          "p_value_worst_case": stats.norm.sf(z_diff(s1, n1, s2 + m2, n2, -margin, False))}, "enumeration")
    lo, hi = confint_proportions_2indep(s1, n1, s2 + m2, n2, method="newcomb", compare="diff")
    case("missing-bounds", [col("outcome", "label", values), col("group", "label", group)], {"reference": "old"},
         {"difference_worst_case": s1 / n1 - (s2 + m2) / n2, "difference_worst_case.lower": lo, "difference_worst_case.upper": hi},
         "statsmodels confint_proportions_2indep")

header = {"tool": f"Python {sys.version.split()[0]}, statsmodels {statsmodels.__version__}, scipy {scipy.__version__}, scikit-learn "
                  f"{sklearn.__version__}, confidenceinterval 1.0.5, NumPy {np.__version__}",
          "command": "/tmp/ref/env/bin/python cases.py"}


def share(items, values):
    """The place of each value in a list of distinct values."""
    out = []
    for value in values:
        if value not in items:
            items.append(value)
        out.append(items.index(value))
    return out


columns_shared, tools = [], []
for c in cases:
    c["columns"] = share(columns_shared, c["columns"])
    c["tool"] = share(tools, [c["tool"]])[0]
    if c["settings"].get("level") == "0.95":
        del c["settings"]["level"]
pathlib.Path(__file__).with_name("cases-python.json").write_text(
    json.dumps({**header, "tools": tools, "columns": columns_shared, "cases": cases}, separators=(",", ":"))
    .replace('},{"entry"', '},\n{"entry"') + "\n")
print(len(cases))
