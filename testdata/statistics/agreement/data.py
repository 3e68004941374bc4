"""Writes data.json: the ratings and measurements of the agreement cases, by a fixed seed, and three
published data sets (Shrout and Fleiss 1979 table 2; Fleiss 1971 from statsmodels; Bland and Altman
1986, PEFR). The reference scripts beside it read it. /tmp/ref/env/bin/python data.py
"""
import json, pathlib
import numpy as np
rng = np.random.default_rng(20261125)
kappa = []
def add(name, a, b, k): kappa.append({"name": name, "k": k, "a": [int(v) for v in a], "b": [int(v) for v in b]})
for name, n, k, same in [("two", 60, 2, .7), ("five", 120, 5, .6), ("small", 6, 3, .5), ("rare", 200, 2, .93), ("ten", 300, 10, .4)]:
    p = rng.dirichlet(np.ones(k) * (.4 if name == "rare" else 3)); t = rng.choice(k, n, p=p)
    r = lambda: np.where(rng.random(n) < same, t, rng.choice(k, n, p=p))
    a, b = r(), r(); a[:k] = np.arange(k)[:len(a[:k])]; add(name, a, b, k)
add("opposed", [0] * 20 + [1] * 20 + [0, 1], [1] * 20 + [0] * 20 + [0, 1], 2)
add("one-sided", [0] * 10 + [1] * 5, [0] * 15, 2)
many = []
for name, n, m, k, same, missing in [("full", 40, 4, 3, .7, 0), ("holes", 60, 5, 4, .6, .25), ("short", 8, 3, 2, .6, .1), ("two", 30, 2, 5, .5, 0)]:
    t = rng.choice(k, n); x = np.where(rng.random((n, m)) < same, t[:, None], rng.choice(k, (n, m)))
    x[:k, 0] = np.arange(k)[:n]; hide = rng.random((n, m)) < missing; hide[:k, :2] = False
    many.append({"name": name, "k": k, "rows": [[None if h else int(v + 1) for v, h in zip(r, s)] for r, s in zip(x, hide)]})
import statsmodels.stats.inter_rater as ir
fleiss = [[0,0,0,6,0],[0,3,0,0,3],[0,1,4,0,1],[0,0,0,0,6],[0,3,0,3,0],[2,0,4,0,0],[0,0,4,0,2],[2,0,3,1,0],[2,0,0,4,0],[0,0,0,0,6],[1,0,0,5,0],[1,1,0,4,0],[0,3,3,0,0],[1,0,0,5,0],[0,2,0,3,1],[0,0,5,0,1],[3,0,0,1,2],[5,1,0,0,0],[0,2,0,4,0],[1,0,2,0,3],[0,0,0,0,6],[0,1,0,5,0],[0,2,0,1,3],[2,0,0,4,0],[1,0,0,4,1],[0,5,0,1,0],[4,0,0,0,2],[0,2,0,4,0],[1,0,5,0,0],[0,0,0,0,6]]
icc = [{"name": "shrout-fleiss-1979", "rows": [[9,2,5,8],[6,1,3,2],[8,4,6,8],[7,1,2,6],[10,5,6,9],[6,2,4,7]]}]
for name, n, k, b, j, e in [("good", 30, 3, 3., .5, 1.), ("poor", 12, 5, .2, 1., 2.), ("two", 4, 2, 1., 0., 1.), ("offset", 50, 2, 1., 5., .2), ("large-mean", 20, 3, 2e-3, 1e-3, 1e-3)]:
    x = 10 + (1e4 if name == "large-mean" else 0) + b * rng.normal(size=(n, 1)) + j * rng.normal(size=(1, k)) + e * rng.normal(size=(n, k))
    icc.append({"name": name, "rows": x.tolist()})
pairs = [{"name": "pefr-1986", "first": [494,395,516,434,476,557,413,442,650,433,417,656,267,478,178,423,427], "second": [512,430,520,428,500,600,364,380,658,445,432,626,260,477,259,350,451]}]
for name, n, slope, shift, e, digits in [("close", 40, 1.02, .5, .7, 9), ("ties", 60, .9, 2, 2., 0), ("tiny", 5, 1.1, 0, .5, 9), ("spread", 100, 1.2, -1, 3., 2), ("none", 25, 0., 12., 3., 9)]:
    t = rng.uniform(4, 30, n); x = np.round(t + e * rng.normal(size=n) * .7, digits); y = np.round(shift + slope * t + e * rng.normal(size=n), digits)
    pairs.append({"name": name, "first": np.abs(x).tolist(), "second": np.abs(y).tolist()})
repeated = []
for name, g, lo, hi in [("balanced", 12, 3, 4), ("unequal", 20, 1, 7)]:
    s, x, y = [], [], []
    for i in range(g):
        t, own = rng.normal(50, 8), rng.normal(1, 1.5)
        for _ in range(rng.integers(lo, hi)):
            v = t + rng.normal(0, 2); s.append(i); x.append(v + own + rng.normal(0, 1)); y.append(v + rng.normal(0, 1.3))
    repeated.append({"name": name, "subject": s, "first": x, "second": y})
cross = {"subject": [], "condition": [], "measurement": []}
site = np.array([-6.0, 1.0, 5.0, 9.0])
for i in range(15):
    t = rng.normal(100, 15); both = rng.normal(0, 2.5, 4)
    for c in range(4):
        for _ in range(2):
            cross["subject"].append(i); cross["condition"].append(c); cross["measurement"].append(float(t + site[c] + both[c] + rng.normal(0, 3)))
pathlib.Path(__file__).with_name("data.json").write_text(json.dumps({"kappa": kappa, "many": many, "fleiss_1971": fleiss, "icc": icc, "pairs": pairs, "repeated": repeated, "cross": cross}) + "\n")
