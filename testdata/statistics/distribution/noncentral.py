"""Writes noncentral.json: noncentral distributions by series and quadrature in 40 digits (mpmath).

/tmp/ref/env/bin/python noncentral.py   (pip install mpmath)
"""
import json, pathlib, mpmath as mp
mp.mp.dps = 40
rows = []
def add(f, args, v): rows.append({"f": f, "args": args, "value": float(v)})
def pois(j, m): return mp.e ** (-m) * m ** j / mp.factorial(j)
def span(m): return range(0, int(m + 30 * mp.sqrt(m + 1) + 120))
for x, df, ncp in [(3, 2, 1.5), (0.01, 3, 20), (60, 4, 10), (150, 1.5, 40), (12, 7, 0), (900, 30, 800), (400, 30, 800), (5, 100, 2)]:
    m = mp.mpf(ncp) / 2
    add("noncentral_chi_squared_cdf", [x, df, ncp], sum(pois(j, m) * mp.gammainc(mp.mpf(df) / 2 + j, 0, mp.mpf(x) / 2, regularized=True) for j in span(m)))
    add("noncentral_chi_squared_tail", [x, df, ncp], sum(pois(j, m) * mp.gammainc(mp.mpf(df) / 2 + j, mp.mpf(x) / 2, mp.inf, regularized=True) for j in span(m)))
for f, d1, d2, ncp in [(2, 3, 10, 4), (0.1, 2, 30, 15), (9, 1, 8, 6), (1.1, 20, 200, 30), (30, 4, 5.5, 2), (4, 3, 16, 0)]:
    m = mp.mpf(ncp) / 2; f_, a, b = mp.mpf(f), mp.mpf(d1) / 2, mp.mpf(d2) / 2
    x = d1 * f_ / (d1 * f_ + d2)
    add("noncentral_f_cdf", [f, d1, d2, ncp], sum(pois(j, m) * mp.betainc(a + j, b, 0, x, regularized=True) for j in span(m)))
    add("noncentral_f_tail", [f, d1, d2, ncp], sum(pois(j, m) * mp.betainc(a + j, b, x, 1, regularized=True) for j in span(m)))
def ln_t(t, df, ncp, upper):
    t, df, ncp = map(mp.mpf, (t, df, ncp))
    c = df ** (df / 2) / (mp.gamma(df / 2) * 2 ** (df / 2 - 1))
    s = 1 if upper else -1
    g = lambda x: c * x ** (df - 1) * mp.e ** (-df * x * x / 2) * mp.erfc(s * (t * x - ncp) / mp.sqrt(2)) / 2
    cuts = [mp.mpf(i) / 8 for i in range(113)]
    return mp.quad(g, cuts)
for t, df, ncp in [(1, 5, 0.5), (2.1, 10, 3), (-1, 4, 2), (0, 3, 1.5), (5, 82, 8), (12, 3, 2), (-3, 20, 1), (30, 2.5, 20), (1.98, 99, 2.8), (2.5, 400, 6), (20, 30, 5), (0.5, 1, -3), (4, 1, 0), (2, 7, 45)]:
    add("noncentral_t_cdf", [t, df, ncp], ln_t(t, df, ncp, False)); add("noncentral_t_tail", [t, df, ncp], ln_t(t, df, ncp, True))
pathlib.Path(__file__).with_name("noncentral.json").write_text(json.dumps({"tool": "mpmath " + mp.__version__, "command": "python noncentral.py", "rows": rows}) + "\n")
