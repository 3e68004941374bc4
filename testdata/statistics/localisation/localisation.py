"""Writes localisation.json: FROC, AFROC family, LROC and OR comparison by their definitions, O(n^2).

/tmp/ref/env/bin/python localisation.py   (numpy, scipy)
The definitions are those of RJafroc's UtilFigureOfMerit (Chakraborty 2004, 2017); RJafroc itself is
not run here. The three `rjafroc_book` values are printed in the RJafroc book, chapter on
classification tasks (File1 to File3, wAFROC1, no case without lesions).
"""
import json
import pathlib
import sys

import numpy as np
import scipy
from scipy import stats

INF = float("inf")


def psi(a, b):
    return 1.0 if a < b else 0.5 if a == b else 0.0


def top(v):
    return max(v) if len(v) else -INF


def mean(v):
    v = [x for x in v if x > -INF]
    return float(np.mean(v)) if v else -INF


def fom(name, cases):
    normal = [c for c in cases if not c["ll"]]
    sick = [c for c in cases if c["ll"]]
    noise = cases if name.endswith("1") and name != "song_a1" else normal
    if name in ("wafroc", "wafroc1"):
        return sum(w * psi(top(i["nl"]), l) for i in noise for k in sick for w, l in zip(k["w"], k["ll"])) / (len(noise) * len(sick))
    if name in ("afroc", "afroc1"):
        lesions = [l for k in sick for l in k["ll"]]
        return sum(psi(top(i["nl"]), l) for i in noise for l in lesions) / (len(noise) * len(lesions))
    if name == "hr_auc":
        return sum(psi(top(i["nl"]), max(top(k["nl"]), top(k["ll"]))) for i in normal for k in sick) / (len(normal) * len(sick))
    if name == "song_a1":
        return sum(psi(mean(i["nl"]), max(mean(k["nl"]), mean(k["ll"]))) for i in normal for k in sick) / (len(normal) * len(sick))
    if name == "hr_se":
        return float(np.mean([max(top(k["nl"]), top(k["ll"])) > -INF for k in sick]))
    if name == "hr_sp":
        return float(np.mean([top(i["nl"]) == -INF for i in normal]))
    if name == "max_llf":
        return sum(l > -INF for k in sick for l in k["ll"]) / sum(len(k["ll"]) for k in sick)
    if name == "max_nlf":
        return sum(len(i["nl"]) for i in normal) / len(normal)
    if name == "max_nlf_all_cases":
        return sum(len(i["nl"]) for i in cases) / len(cases)
    if name == "exp_transformed_sp":
        return float(np.exp(-sum(len(i["nl"]) for i in normal) / len(normal)))
    raise ValueError(name)


NAMES = ["wafroc", "wafroc1", "afroc", "afroc1", "hr_auc", "song_a1", "hr_se", "hr_sp", "max_llf", "max_nlf", "max_nlf_all_cases", "exp_transformed_sp"]


def units(name, cases):
    clusters = {}
    for at, c in enumerate(cases):
        if name in ("max_nlf", "exp_transformed_sp", "hr_sp") and c["ll"]:
            continue
        if name in ("max_llf", "hr_se") and not c["ll"]:
            continue
        clusters.setdefault(c["cluster"], []).append(at)
    return [clusters[k] for k in sorted(clusters)]


def jack(name, cases):
    return np.array([fom(name, [c for at, c in enumerate(cases) if at not in out]) for out in units(name, cases)])


def jack_se(name, cases):
    j = jack(name, cases)
    return float(np.sqrt((len(j) - 1) / len(j) * ((j - j.mean()) ** 2).sum()))


def truth(rng, normal, sick, clustered, weights):
    out = []
    for at in range(normal + sick):
        n = 0 if at < normal else int(rng.integers(1, 4))
        w = rng.dirichlet(np.ones(n)) if n and weights else np.full(n, 1 / n) if n else np.array([])
        out.append({"n": n, "w": [float(x) for x in w], "cluster": int(at // 2) if clustered else at})
    return out


def reading(rng, cases, shift, ties):
    out = []
    for c in cases:
        ll = [float(rng.normal(shift, 1)) if rng.random() < 0.8 else -INF for _ in range(c["n"])]
        nl = [float(x) for x in rng.normal(0, 1, rng.poisson(0.9))]
        if ties:
            ll, nl = [float(np.round(2 * x) / 2) if x > -INF else x for x in ll], [float(np.round(2 * x) / 2) for x in nl]
        out.append({"ll": ll, "w": c["w"], "nl": nl, "cluster": c["cluster"]})
    return out


def columns(cases, weights, extra=None):
    rows = []
    for at, c in enumerate(cases):
        wrote = False
        for l, (score, w) in enumerate(zip(c["ll"], c["w"])):
            rows.append([f"c{at:03}", f"l{l}", None if score == -INF else score, w, f"p{c['cluster']:03}"])
            wrote = True
        for score in c["nl"]:
            rows.append([f"c{at:03}", "", score, None, f"p{c['cluster']:03}"])
            wrote = True
        if not wrote:
            rows.append([f"c{at:03}", "", None, None, f"p{c['cluster']:03}"])
    table = dict(zip(["case", "lesion", "score", "weight", "cluster"], map(list, zip(*rows))))
    if not weights:
        del table["weight"]
    if extra:
        for k, v in extra.items():
            table[k] = [v] * len(rows)
    return table


def froc(cases, targets, normal_only):
    marks = []
    for c in cases:
        marks += [(l, 1, 0) for l in c["ll"] if l > -INF]
        if not normal_only or not c["ll"]:
            marks += [(n, 0, 1) for n in c["nl"]]
    lesions = sum(len(c["ll"]) for c in cases)
    images = sum(1 for c in cases if not normal_only or not c["ll"])
    fp, se = [0.0], [0.0]
    for t in sorted({m[0] for m in marks}, reverse=True):
        se.append(sum(m[1] for m in marks if m[0] >= t) / lesions)
        fp.append(sum(m[2] for m in marks if m[0] >= t) / images)
    interpolated = [float(np.interp(t, fp, se)) for t in targets]
    step = [max(s for f, s in zip(fp, se) if f <= t) for t in targets]
    at = 0.5
    return {"interpolated": interpolated, "step": step, "cpm": float(np.mean(interpolated)), "cpm_step": float(np.mean(step)),
            "threshold": at, "sensitivity": sum(m[1] for m in marks if m[0] >= at) / lesions,
            "false_positives_per_image": sum(m[2] for m in marks if m[0] >= at) / images}


def lroc(zn, zd, correct, fraction):
    cuts = sorted(set(zn) | set(zd), reverse=True)
    x = [0.0] + [float(np.mean(zn >= c)) for c in cuts]
    y = [0.0] + [float(np.mean((zd >= c) & correct)) for c in cuts]
    x, y = np.array(x), np.array(y)
    area = float(np.trapezoid(y, x))
    # RJafroc LrocFoms: neighbours of the fraction, linear between.
    lx, ux, ly, uy = x[x < fraction].max(), x[x >= fraction].min(), y[x < fraction].max(), y[x >= fraction].min()
    pcl = float((fraction - lx) / (ux - lx) * (uy - ly) + ly)
    part = float(np.trapezoid(np.r_[y[x < fraction], pcl], np.r_[x[x < fraction], fraction]))
    return {"alroc": area, "pcl": pcl, "partial_alroc": part, "localised": float(y[-1])}


def obuchowski_rockette(name, readings):
    """readings[i][j] = cases; returns everything for RRRC, FRRC (z and t), RRFC."""
    I, J = len(readings), len(readings[0])
    theta = np.array([[fom(name, readings[i][j]) for j in range(J)] for i in range(I)])
    jk = np.array([[jack(name, readings[i][j]) for j in range(J)] for i in range(I)])
    K = jk.shape[2]
    cov = np.cov(jk.reshape(I * J, K)) * (K - 1) ** 2 / K
    cov = cov.reshape(I, J, I, J)
    pick = lambda f: float(np.mean([cov[i, j, k, l] for i in range(I) for j in range(J) for k in range(I) for l in range(J) if f(i, j, k, l)] or [0.0]))
    var = pick(lambda i, j, k, l: i == k and j == l)
    c1 = pick(lambda i, j, k, l: i != k and j == l)
    c2 = pick(lambda i, j, k, l: i == k and j != l)
    c3 = pick(lambda i, j, k, l: i != k and j != l)
    ti, tj, g = theta.mean(1), theta.mean(0), theta.mean()
    mst = J * ((ti - g) ** 2).sum() / (I - 1)
    out = {"theta": theta.tolist(), "variance": var, "covariance_1": c1, "covariance_2": c2, "covariance_3": c3, "K": K}

    def done(f, df1, df2, se):
        d = ti[0] - ti[1]
        t = stats.norm.ppf(0.975) if np.isinf(df2) else stats.t.ppf(0.975, df2)
        p = stats.chi2.sf(df1 * f, df1) if np.isinf(df2) else stats.f.sf(f, df1, df2)
        return {"f": float(f), "df1": df1, "df2": None if np.isinf(df2) else float(df2), "p_value": float(p), "difference": float(d), "standard_error": float(se), "lower": float(d - t * se), "upper": float(d + t * se)}

    den = var - c1 + (J - 1) * max(c2 - c3, 0)
    out["frrc_z"] = done(mst / den, I - 1, INF, np.sqrt(2 / J * den))
    out["frrc_t"] = done(mst / den, I - 1, (I - 1) * (K - 1), np.sqrt(2 / J * den))
    if J > 1:
        mstr = ((theta - ti[:, None] - tj[None] + g) ** 2).sum() / ((I - 1) * (J - 1))
        den = mstr + J * max(c2 - c3, 0)
        out["rrrc"] = done(mst / den, I - 1, den ** 2 / (mstr ** 2 / ((I - 1) * (J - 1))), np.sqrt(2 / J * den))
        out["rrfc"] = done(mst / mstr, I - 1, (I - 1) * (J - 1), np.sqrt(2 / J * mstr))
        single = []
        for i in range(I):
            msr = ((theta[i] - ti[i]) ** 2).sum() / (J - 1)
            cov2 = np.mean([cov[i, j, i, l] for j in range(J) for l in range(J) if j != l])
            d = msr + max(J * cov2, 0)
            df = d ** 2 / (msr ** 2 / (J - 1))
            se = np.sqrt(d / J)
            t = stats.t.ppf(0.975, df)
            single.append({"value": float(ti[i]), "standard_error": float(se), "lower": float(ti[i] - t * se), "upper": float(ti[i] + t * se)})
        out["rrrc_single"] = single
    return out


def merge(tables):
    return {k: sum((t[k] for t in tables), []) for k in tables[0]}


rng = np.random.default_rng(20261125)
out = {"tool": f"numpy {np.__version__}, scipy {scipy.__version__}, python {sys.version.split()[0]}", "command": "python localisation.py", "afroc": [], "froc": [], "compare": [], "lroc": []}
TARGETS = [0.125, 0.25, 0.5, 1, 2, 4, 8]
for normal, sick, ties, clustered, weights in [(20, 25, False, False, False), (30, 18, True, False, True), (24, 24, True, True, False), (3, 3, False, False, True), (15, 1, True, False, False)]:
    cases = reading(rng, truth(rng, normal, sick, clustered, weights), 1.2, ties)
    z = stats.norm.ppf(0.975)
    expected = {}
    for name in NAMES:
        value = fom(name, cases)
        try:
            se = jack_se(name, cases) if len(units(name, cases)) > 1 else None
        except ZeroDivisionError:
            se = None
        expected[name] = {"value": float(value), "standard_error": se}
    out["afroc"].append({"columns": columns(cases, weights), "expected": expected})
    out["froc"].append({"columns": {k: v for k, v in columns(cases, False).items()}, "all": froc(cases, TARGETS, False), "normal": froc(cases, TARGETS, True)})
for tests, readers, ties, name in [(2, 1, False, "wafroc"), (2, 4, True, "wafroc"), (3, 3, False, "afroc1"), (2, 3, True, "hr_auc")]:
    t = truth(rng, 14, 12, False, False)
    readings = [[reading(rng, t, 0.8 + 0.3 * i + 0.1 * j, ties) for j in range(readers)] for i in range(tests)]
    table = merge([columns(readings[i][j], False, {"test": f"t{i}", "reader": f"r{j}"}) for i in range(tests) for j in range(readers)])
    out["compare"].append({"columns": table, "figure_of_merit": name, "expected": obuchowski_rockette(name, readings)})
for n, m, ties, fraction in [(30, 25, False, 0.2), (40, 40, True, 0.2), (7, 5, True, 0.5), (30, 25, True, 1.0)]:
    zn, zd = rng.normal(0, 1, n), rng.normal(1.3, 1, m)
    if ties:
        zn, zd = np.round(zn), np.round(zd)
    correct = rng.random(m) < 0.75
    value = lroc(zn, zd, correct, fraction)
    j = np.array([lroc(np.delete(zn, k), zd, correct, fraction)["alroc"] for k in range(n)] + [lroc(zn, np.delete(zd, k), np.delete(correct, k), fraction)["alroc"] for k in range(m)])
    value["standard_error"] = float(np.sqrt((n + m - 1) / (n + m) * ((j - j.mean()) ** 2).sum()))
    out["lroc"].append({"truth": [False] * n + [True] * m, "score": [float(x) for x in np.r_[zn, zd]], "correct": [False] * n + [bool(x) for x in correct], "fraction": fraction, "expected": value})
N = -INF
book = [([5.0, N], [5.5, 1.2]), ([6.1, 7.1, N, 2.3], [7.0, 2.3, 2.1]), ([5.7], [1.4, 6.1])]
out["rjafroc_book"] = [0.2361111, 0.4583333, 0.5277778]
pathlib.Path(__file__).with_name("localisation.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
