"""Writes python.json from data.json: statsmodels, krippendorff, pingouin, scipy.
/tmp/ref/env/bin/python python.py
"""
import json, pathlib, importlib.metadata as m, itertools
import numpy as np, pandas as pd, krippendorff, pingouin as pg
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa
here = pathlib.Path(__file__).parent
d = json.loads((here / "data.json").read_text())
out = {"tools": {p: m.version(p) for p in ["statsmodels", "krippendorff", "pingouin", "scipy", "numpy"]}, "command": "python python.py", "kappa": [], "fleiss": [], "alpha": [], "icc": [], "theil_sen": [], "passing_bablok": [], "within": []}
for c in d["kappa"]:
    t = np.zeros((c["k"], c["k"])); np.add.at(t, (c["a"], c["b"]), 1)
    for w, wt in [("none", None), ("linear", "linear"), ("quadratic", "quadratic")]:
        r = cohens_kappa(t, wt=wt)
        row = {"name": c["name"], "weights": w, "kappa": r.kappa, "se": float(np.sqrt(r.var_kappa)), "se0": float(np.sqrt(r.var_kappa0)), "lower": r.kappa_low, "upper": r.kappa_upp, "z": r.z_value, "p": r.pvalue_two_sided}
        if wt is None: row["max"] = r.kappa_max
        out["kappa"].append({k: (v if isinstance(v, str) else float(v)) for k, v in row.items()})
out["fleiss"].append({"name": "fleiss-1971", "kappa": float(fleiss_kappa(np.array(d["fleiss_1971"])))})
for c in d["many"]:
    x = np.array([[np.nan if v is None else v for v in r] for r in c["rows"]], float)
    if not np.isnan(x).any():
        t = np.array([[np.sum(r == k) for k in range(1, c["k"] + 1)] for r in x]); out["fleiss"].append({"name": c["name"], "kappa": float(fleiss_kappa(t))})
    for level in ["nominal", "ordinal", "interval", "ratio"]:
        out["alpha"].append({"name": c["name"], "level": level, "alpha": float(krippendorff.alpha(reliability_data=x.T, level_of_measurement=level))})
for c in d["icc"]:
    x = np.array(c["rows"]); n, k = x.shape
    f = pd.DataFrame({"s": np.repeat(np.arange(n), k), "r": np.tile(np.arange(k), n), "v": x.ravel()})
    t = pg.intraclass_corr(f, targets="s", raters="r", ratings="v")
    ci = [c2 for c2 in t.columns if c2.startswith("CI95")][0]
    pc = [c2 for c2 in t.columns if c2.lower().startswith("p")][0]
    out["icc"].append({"name": c["name"], "icc": [float(v) for v in t["ICC"]], "f": [float(v) for v in t["F"]], "p": [float(v) for v in t[pc]]})
def ties(x, y, by_pair):
    # The definition of Passing and Bablok 1983, pair by pair.
    s = []; con = 0
    n = len(x)
    for i, j in itertools.combinations(range(n), 2):
        dx, dy = x[i] - x[j], y[i] - y[j]
        con += np.sign(dx) * np.sign(dy)
        if dx == 0 and dy == 0: continue
        if dx == 0: s.append(("v", np.inf * np.sign(dy))); continue
        if dy / dx == -1: continue
        s.append(("s", dy / dx))
    s = np.sort([v if k == "s" or by_pair else (np.inf if con >= 0 else -np.inf) for k, v in s])
    K = int(np.sum(s < -1)); N = len(s)
    b = s[(N + 1) // 2 + K - 1] if N % 2 else (s[N // 2 + K - 1] + s[N // 2 + K]) / 2
    C = stats.norm.ppf(.975) * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    M1 = int(np.floor((N - C) / 2 + .5)); M2 = N - M1 + 1
    get = lambda i: s[i - 1] if 1 <= i <= N else np.nan
    lo, hi = (get(M1 + K), get(M2 + K)) if M1 >= 1 else (np.nan, np.nan)
    a = np.median(y - b * x)
    g = lambda v: float(v) if np.isfinite(v) else None
    return {"slope": float(b), "intercept": float(a), "lower": g(lo), "upper": g(hi), "alower": g(np.median(y - hi * x)) if np.isfinite(hi) and np.isfinite(lo) else None, "aupper": g(np.median(y - lo * x)) if np.isfinite(hi) and np.isfinite(lo) else None}
for c in d["pairs"]:
    x, y = np.array(c["first"], float), np.array(c["second"], float)
    t = stats.theilslopes(y, x); out["theil_sen"].append({"name": c["name"], "slope": float(t[0]), "intercept": float(t[1]), "lower": float(t[2]), "upper": float(t[3])})
    for by_pair in [False, True]:
        r = ties(x, y, by_pair); r.update(name=c["name"], by_pair=by_pair); out["passing_bablok"].append(r)
for c in d["repeated"]:
    f = pd.DataFrame({"s": c["subject"], "v": c["first"]}).groupby("s")["v"]
    m_ = f.count() - 1; df = m_.sum()
    keep = m_ > 0
    wsd = np.sqrt((f.var(ddof=1)[keep] * m_[keep]).sum() / df); cv = np.sqrt(((f.std(ddof=1) / f.mean())[keep] ** 2 * m_[keep]).sum() / df)
    l = pd.DataFrame({"s": c["subject"], "v": np.log(c["first"])}).groupby("s")["v"]; sl = np.sqrt((l.var(ddof=1)[keep] * m_[keep]).sum() / df)
    q = lambda s: [float(s * np.sqrt(df / stats.chi2.ppf(.975, df))), float(s * np.sqrt(df / stats.chi2.ppf(.025, df)))]
    z = stats.norm.ppf(.975) * np.sqrt(2)
    out["within"].append({"name": c["name"], "wsd": float(wsd), "wsd_ci": q(wsd), "rc": float(z * wsd), "wcv": float(cv), "wcv_ci": q(cv), "rc_percent": float(100 * z * cv), "wcv_log": float(np.sqrt(np.exp(sl ** 2) - 1)), "change_lower": float(100 * (np.exp(-z * sl) - 1)), "change_upper": float(100 * (np.exp(z * sl) - 1))})
clean = lambda o: {k: clean(v) for k, v in o.items()} if isinstance(o, dict) else [clean(v) for v in o] if isinstance(o, list) else None if isinstance(o, float) and not np.isfinite(o) else o
(here / "python.json").write_text(json.dumps(clean(out)) + "\n")
