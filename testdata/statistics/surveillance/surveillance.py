"""Writes surveillance.json: drift distances, charts, detectors.

/tmp/ref/env/bin/python surveillance.py   (numpy, scipy, river, statsmodels)
"""
import json
import pathlib
import sys

import numpy as np
import river
import scipy
import statsmodels
from river import drift
from scipy import stats
from scipy.spatial.distance import jensenshannon, pdist
from statsmodels.stats.proportion import proportion_confint

rng = np.random.default_rng(42)
f = lambda v: [float(x) for x in v]
out = {"tool": f"numpy {np.__version__}, scipy {scipy.__version__}, river {river.__version__}, statsmodels {statsmodels.__version__}, python {sys.version.split()[0]}", "command": "python surveillance.py"}

out["drift"] = []
for m, n, shift, digits in [(101, 80, 0.4, None), (60, 60, 0.0, None), (7, 5, 1.0, None), (150, 90, 0.6, 1), (40, 41, 3.0, None), (1, 1, 0.0, None), (3, 250, 0.5, 0)]:
    a, b = rng.normal(0, 1, m), rng.normal(shift, 1.2, n)
    if digits is not None:
        a, b = np.round(a, digits), np.round(b, digits)
    d = {"reference": f(a), "current": f(b)}
    ks = stats.ks_2samp(a, b, method="exact")
    d["ks"] = {"distance": float(ks.statistic), "exact": float(ks.pvalue), "limit": float(stats.kstwobign.sf(np.sqrt(m * n / (m + n)) * ks.statistic))}
    d["wasserstein"] = float(stats.wasserstein_distance(a, b))
    d["energy"] = float(stats.energy_distance(a, b))
    if m > 20:
        edges = np.unique(np.quantile(a, np.arange(1, 10) / 10))
        full = np.r_[-np.inf, edges, np.inf]
        p, q = np.histogram(a, full)[0], np.histogram(b, full)[0]
        ps, qs = p / p.sum(), q / q.sum()
        eps = lambda v: np.where(v == 0, 1e-4, v)
        psi = lambda p, q: float(np.sum((q - p) * np.log(q / p)))
        half = lambda v: (v + 0.5) / (v.sum() + len(v) / 2)
        d["psi"] = psi(eps(ps), eps(qs))
        d["psi_half"] = psi(half(p), half(q))
        d["js"] = float(jensenshannon(ps, qs))
        # right-closed cells, as R cut
        pr = np.bincount(np.digitize(a, edges, right=True), minlength=len(edges) + 1) / m
        qr = np.bincount(np.digitize(b, edges, right=True), minlength=len(edges) + 1) / n
        d["psi_right"] = psi(eps(pr), eps(qr))
    out["drift"].append(d)

out["mmd"] = []
for m, n, dim in [(12, 9, 1), (30, 25, 3), (2, 2, 2)]:
    x, y = rng.normal(0, 1, (m, dim)), rng.normal(0.5, 1, (n, dim))
    z = np.r_[x, y]
    sigma = float(np.median(pdist(z)))
    k = np.exp(-((z[:, None] - z[None]) ** 2).sum(2) / (2 * sigma**2))
    kxx, kyy, kxy = k[:m, :m], k[m:, m:], k[:m, m:]
    u = (kxx.sum() - m) / (m * (m - 1)) + (kyy.sum() - n) / (n * (n - 1)) - 2 * kxy.mean()
    b = kxx.mean() + kyy.mean() - 2 * kxy.mean()
    out["mmd"].append({"x": x.tolist(), "y": y.tolist(), "bandwidth": sigma, "unbiased": float(u), "biased": float(b)})

out["categories"] = []
for a, b in [([50, 30, 20], [40, 45, 15]), ([10, 0, 5, 2], [3, 4, 5, 0]), ([100, 1], [90, 12])]:
    r = stats.chi2_contingency([a, b], correction=False)
    out["categories"].append({"reference": a, "current": b, "chi_squared": float(r.statistic), "p": float(r.pvalue), "df": int(r.dof), "v": float(np.sqrt(r.statistic / (sum(a) + sum(b)))), "js": float(jensenshannon(a, b))})

# Charts by their recursions.
x = np.r_[rng.normal(10, 2, 100), rng.normal(11.5, 2, 60)]
up, down, U, D = 0.0, 0.0, [], []
for v in x:
    z = (v - 10) / 2
    up, down = max(0, up + z - 0.5), max(0, down - z - 0.5)
    U.append(up)
    D.append(down)
cus = {"values": f(x), "upper": f(U), "lower": f(D), "alarms": [i for i in range(len(x)) if U[i] > 4 or D[i] > 4]}
z, Z, W = 10.0, [], []
for t, v in enumerate(x, 1):
    z = 0.2 * v + 0.8 * z
    Z.append(z)
    W.append(2.86 * 2 * np.sqrt(0.2 / 1.8 * (1 - 0.8 ** (2 * t))))
cus["ewma"] = f(Z)
cus["ewma_alarms"] = [i for i in range(len(x)) if abs(Z[i] - 10) > W[i]]
out["charts"] = cus
p = rng.uniform(0.02, 0.4, 200)
e = rng.random(200) < np.where(np.arange(200) < 100, p, 2.5 * p / (1 - p + 2.5 * p))
s, S = 0.0, []
for y, r in zip(e, p):
    # Steiner 2000, equation 2: odds ratio 1 against 2.
    w = np.log(((1 - r + 1.0 * r) * 2.0) / ((1 - r + 2.0 * r) * 1.0)) if y else np.log((1 - r + 1.0 * r) / (1 - r + 2.0 * r))
    s = max(0, s + w)
    S.append(s)
b, B = 0.0, []
for y in e:
    b = max(0, b + (np.log(0.25 / 0.15) if y else np.log(0.75 / 0.85)))
    B.append(b)
c, C = 0.0, []
counts = rng.poisson(3.5, 60)
for y in counts:
    c = max(0, c + y * np.log(4 / 3) - 1.0)
    C.append(c)
out["llr"] = {"outcome": [bool(v) for v in e], "risk": f(p), "risk_adjusted": f(S), "bernoulli": f(B), "counts": f(counts), "poisson": f(C)}
la = np.cumsum(np.where(e, np.log(0.25 / 0.15), np.log(0.75 / 0.85)))
A_, B_ = np.log(0.9 / 0.05), np.log(0.1 / 0.95)
stop = next((i for i, v in enumerate(la) if v >= A_ or v <= B_), None)
out["sprt"] = {"stop": None if stop is None else stop + 1, "llr": float(la[stop if stop is not None else -1]), "upper": float(A_), "lower": float(B_)}
tot = rng.integers(30, 120, 24)
ev = rng.binomial(tot, 0.12)
ev[20:] = rng.binomial(tot[20:], 0.3)
pb = 0.12
half = 3 * np.sqrt(pb * (1 - pb) / tot)
tail = stats.norm.sf(3)
out["p_chart"] = {"events": f(ev), "total": f(tot), "normal": [int(i) for i in np.flatnonzero(np.abs(ev / tot - pb) > half)], "binomial": [int(i) for i in np.flatnonzero((stats.binom.sf(ev - 1, tot, pb) <= tail) | (stats.binom.cdf(ev, tot, pb) <= tail))]}

out["streams"] = []
streams = [np.r_[rng.random(400) < 0.1, rng.random(400) < 0.35].astype(float), np.r_[rng.normal(0, 1, 500), rng.normal(2, 1, 300), rng.normal(-1, 2, 200)], np.round(rng.random(300), 2), np.zeros(100)]
for v in streams:
    s = {"values": f(v), "page_hinkley": [], "adwin": []}
    for mi, de, th, al, mode in [(30, 0.005, 50.0, 0.9999, "both"), (10, 0.01, 5.0, 0.999, "both"), (30, 0.1, 10.0, 1.0, "up"), (1, 0.0, 3.0, 0.99, "down")]:
        ph = drift.PageHinkley(min_instances=mi, delta=de, threshold=th, alpha=al, mode=mode)
        al_ = []
        for i, y in enumerate(v):
            ph.update(y)
            if ph.drift_detected:
                al_.append(i)
        s["page_hinkley"].append({"settings": [mi, de, th, al, mode], "alarms": al_})
    for de, cl, mb, mw, gp in [(0.002, 32, 5, 5, 10), (0.1, 1, 5, 5, 10), (0.3, 4, 3, 2, 5), (0.5, 1, 8, 1, 1)]:
        ad = drift.ADWIN(delta=de, clock=cl, max_buckets=mb, min_window_length=mw, grace_period=gp)
        al_, w = [], []
        for i, y in enumerate(v):
            ad.update(y)
            w.append(int(ad.width))
            if ad.drift_detected:
                al_.append(i)
        s["adwin"].append({"settings": [de, cl, mb, mw, gp], "alarms": al_, "width": w[-1], "widths_sum": int(sum(w)), "mean": float(ad.estimation)})
    if v.min() >= 0 and v.max() <= 1:
        win, al_ = [], []
        for i, y in enumerate(v):
            win.append(y)
            changed = False
            while True:
                cut = False
                for k in range(1, len(win)):
                    m = 1 / (1 / k + 1 / (len(win) - k))
                    if abs(np.mean(win[:k]) - np.mean(win[k:])) >= np.sqrt(np.log(4 * len(win) / 0.002) / (2 * m)):
                        cut = True
                        break
                if not cut:
                    break
                win.pop(0)
                changed = True
            if changed:
                al_.append(i)
        s["bifet"] = {"alarms": al_, "width": len(win)}
    out["streams"].append(s)


def bernoulli_arl(p0, p1, h, p, q=1):
    """Dense Markov chain on a lattice of the non-event's weight / q."""
    yes, no = np.log(p1 / p0), np.log((1 - p0) / (1 - p1))
    u = no / q
    up = round(yes / u)
    n = int(np.ceil(h / u - 1e-9))
    T = np.zeros((n, n))
    for s in range(n):
        if s + up < n:
            T[s, s + up] += p
        T[s, max(0, s - q)] += 1 - p
    return float(np.linalg.solve(np.eye(n) - T, np.ones(n))[0])


from scipy.optimize import brentq

out["bernoulli_arl"] = []
for p0, ratio, units in [(0.1, 5, 20), (0.05, 10, 40), (0.02, 25, 60)]:
    # p1 such that an event weighs `ratio` non-events: the lattice is exact.
    p1 = brentq(lambda p1: np.log(p1 / p0) - ratio * np.log((1 - p0) / (1 - p1)), p0 * 1.001, 0.9)
    h = units * np.log((1 - p0) / (1 - p1))
    out["bernoulli_arl"].append({"p0": p0, "p1": p1, "h": float(h), "in_control": bernoulli_arl(p0, p1, h, p0), "at_p1": bernoulli_arl(p0, p1, h, p1)})

pr = np.round(rng.random(60), 2)
t = 0.5
pos = pr >= t
o = {"probability": f(pr), "accuracy": float(np.mean(np.where(pos, pr, 1 - pr))), "sensitivity": float(pr[pos].sum() / pr.sum()), "specificity": float((1 - pr)[~pos].sum() / (1 - pr).sum()), "ppv": float(pr[pos].mean()), "npv": float((1 - pr)[~pos].mean()), "prevalence": float(pr.mean())}
psi_ = (pr[:, None] > pr[None]) + 0.5 * (pr[:, None] == pr[None])
o["auc"] = float((pr[:, None] * (1 - pr)[None] * psi_).sum() / (pr.sum() * (1 - pr).sum()))
out["cbpe"] = o
out["override"] = [{"x": x, "n": n, "ci": f(proportion_confint(x, n, method="wilson"))} for x, n in [(3, 40), (0, 12), (17, 17)]]
pathlib.Path(__file__).with_name("surveillance.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
