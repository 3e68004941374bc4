"""The catalogue of statistics, plans and sites against other people's software, on data drawn by seed:
statsmodels, scipy, scikit-learn, krippendorff, surface-distance and MedPy in Python, pROC in R; and numpy
where a closed form is the reference. Tables are written by pyarrow and json, masks by nibabel and highdicom.

    python3 tests/interop/statistics.py target/release/candour [SEED]

Needs R with pROC, poppler-utils, and the packages of requirements.txt; one that is missing is a failure.
Prints one row for each comparison: how many numbers were compared and the greatest difference, relative
to the expected number (or to 1e-4, where that is larger in size). Fails above 1e-9, or above what the
row states where the other side's own precision is lower."""
import sys

# This file has the name of a module of Python's own, which the peers may import.
sys.path.pop(0)

import csv
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import warnings

import highdicom
import krippendorff
import medpy.metric.binary
import nibabel
import numpy as np
import pyarrow
import pyarrow.parquet
import pydicom
import scipy
import sklearn.calibration
import sklearn.isotonic
import sklearn.metrics as sk
import statsmodels.api as sm
import statsmodels.stats.contingency_tables
import statsmodels.stats.inter_rater
import statsmodels.stats.meta_analysis
import statsmodels.stats.multitest
import statsmodels.stats.proportion as smp
import surface_distance
from scipy import stats

warnings.simplefilter("ignore")
missing = [t for t in ("Rscript", "pdftotext") if not shutil.which(t)]
if missing:
    sys.exit(f"missing peers: {', '.join(missing)}")
binary = pathlib.Path(sys.argv[1]).resolve()
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20260101
folder = pathlib.Path(tempfile.mkdtemp(prefix="candour-statistics-"))
rows = {}
failed = []
compared = 0
began = time.monotonic()


def same(tool, what, got, expected, tolerance=1e-9, why=""):
    """Takes numbers, or lists of numbers, into the row of this comparison. None and nan: not estimable."""
    row = rows.setdefault((tool, what), {"n": 0, "worst": 0.0, "tolerance": tolerance, "why": why, "wrong": []})
    got, expected = (np.asarray([v], dtype=object).ravel() if np.ndim(v) == 0 else np.asarray(v, dtype=object).ravel() for v in (got, expected))
    if len(got) != len(expected):
        row["wrong"].append(f"{len(got)} numbers, {len(expected)} expected")
    for ours, theirs in zip(got, expected):
        row["n"] += 1
        empty = [v is None or v != v for v in (ours, theirs)]
        if all(empty) or ours == theirs:
            continue
        apart = np.inf if any(empty) else abs(ours - theirs) / max(abs(theirs), 1e-4)
        row["worst"] = max(row["worst"], apart)
        if not apart <= tolerance:
            row["wrong"].append(f"{ours!r}, expected {theirs!r} (data {drawn})")


def holds(tool, what, good):
    same(tool, what, 1.0 if good else 0.0, 1.0)


def group(title):
    """Prints the rows so far and starts the next group."""
    global compared
    for (tool, what), row in rows.items():
        note = f" [{row['tolerance']:.0e}: {row['why']}]" if row["why"] else ""
        print(f"{tool:24} {what:66} {row['n']:4} to {row['worst']:7.1e}  {'FAIL' if row['wrong'] else 'ok'}{note}", flush=True)
        for line in row["wrong"][:3]:
            print(f"    {line}")
        if row["wrong"]:
            failed.append(f"{tool}: {what}")
        compared += row["n"]
    rows.clear()
    if title:
        print(f"\n-- {title} ({time.monotonic() - began:.0f} s)", flush=True)


drawn = ""


def draws(count):
    """A generator of random numbers for each data set; its label stands with what differs."""
    global drawn
    for n in range(count):
        drawn = f"{n} of seed {seed}"
        yield n, np.random.default_rng([seed, n, count])


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace")


def write(columns, name="data.csv"):
    """Writes columns as CSV with every digit."""
    path = folder / name
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*columns.values()):
            writer.writerow(["" if v is None else repr(v.item()) if isinstance(v, np.generic) and not isinstance(v, np.str_) else v for v in row])
    return path


class Answer:
    """What the binary answers: values, errors and limits by name, and tables."""

    def __init__(self, answer):
        self.numbers = {n["name"]: n for n in answer["numbers"]}
        self.tables = {t["name"]: t for t in answer["tables"]}
        self.curves = answer["curves"]

    def __getitem__(self, name):
        return self.numbers[name]["value"]

    def error(self, name):
        return self.numbers[name]["standard_error"]

    def limits(self, name):
        interval = self.numbers[name]["interval"]
        return [None, None] if interval is None else [interval["lower"], interval["upper"]]

    def column(self, table, name):
        table = self.tables[table]
        at = table["columns"].index(name)
        return [row[at] for row in table["rows"]]

    def by_method(self, method):
        return next([r[1], r[2]] for r in self.tables["intervals by method"]["rows"] if r[0] == method)


def ours(entry, data=None, *, name="data.csv", **arguments):
    """One statistic of the catalogue; a list is an argument given several times."""
    command = [binary, "statistics", entry, "--json"]
    if data is not None:
        command += ["--data", data if isinstance(data, pathlib.Path) else write(data, name)]
    for key, values in arguments.items():
        for value in values if isinstance(values, list) else [values]:
            command += [f"--{key.replace('_', '-')}", f"{value!r}" if isinstance(value, float) else str(value)]
    done = run(*command)
    if done.returncode:
        raise SystemExit(f"{entry}: exit code {done.returncode}: {done.stderr.strip()} (data {drawn}, {' '.join(map(str, command))})")
    out = json.loads(done.stdout)
    if out["answer"] is None:
        raise SystemExit(f"{entry}: not estimable: {out['not_estimable']} (data {drawn})")
    return Answer(out["answer"])


def expit(x):
    return 1 / (1 + np.exp(-x))


def logit(p):
    return np.log(p / (1 - p))


Z = stats.norm.ppf(0.975)

# ---------------------------------------------------------------------------------------------------
group("proportions")
COUNTS = [(0, 9), (17, 17), (1, 400)]
METHODS = {"wilson": "wilson", "clopper-pearson": "beta", "agresti-coull": "agresti_coull", "wald": "normal", "jeffreys-unmodified": "jeffreys"}
for n, rng in draws(4):
    trials = int(rng.integers(5, 300))
    for x, trials in [*COUNTS, (int(rng.integers(0, trials + 1)), trials)]:
        level = float(rng.choice([0.9, 0.95, 0.99]))
        for method, theirs in METHODS.items():
            if method == "wald" and x in (0, trials):  # no width there: refused
                continue
            got = ours("proportion", successes=x, trials=trials, method=method, level=level)
            same("statsmodels", f"proportion: {method}", got.limits("proportion"), smp.proportion_confint(x, trials, 1 - level, theirs))
        one = ours("proportion", successes=x, trials=trials, method="clopper-pearson", level=level, bound="lower").limits("proportion")[0]
        same("statsmodels", "proportion: one-sided lower limit", one, smp.proportion_confint(x, trials, 1 - level, "beta", alternative="smaller")[0])
        exact = stats.binomtest(x, trials).proportion_ci(level, "wilsoncc")
        same("scipy", "proportion: wilson-continuity", ours("proportion", successes=x, trials=trials, method="wilson-continuity", level=level).limits("proportion"), [exact.low, exact.high])
        tail = (1 - level) / 2
        low = 0.0 if x == 0 else scipy.optimize.brentq(lambda p: stats.binom.sf(x - 1, trials, p) - stats.binom.pmf(x, trials, p) / 2 - tail, 1e-12, 1 - 1e-12, xtol=1e-15, rtol=1e-14)
        high = 1.0 if x == trials else scipy.optimize.brentq(lambda p: stats.binom.cdf(x, trials, p) - stats.binom.pmf(x, trials, p) / 2 - tail, 1e-12, 1 - 1e-12, xtol=1e-15, rtol=1e-14)
        same("scipy", "proportion: mid-p, root of the binomial tails", ours("proportion", successes=x, trials=trials, method="mid-p", level=level).limits("proportion"), [low, high])
        goal = float(rng.uniform(0.05, 0.95))
        for ours_word, theirs in (("greater", "greater"), ("less", "less"), ("two-sided", "two-sided")):
            got = ours("proportion", successes=x, trials=trials, goal=goal, alternative=ours_word)
            same("scipy", "proportion: exact binomial test against a goal", got["p_value_exact"], stats.binomtest(x, trials, goal, theirs).pvalue)
            z, p = smp.proportions_ztest(x, trials, goal, {"greater": "larger", "less": "smaller"}.get(theirs, theirs), prop_var=goal)
            same("statsmodels", "proportion: score test against a goal", [got["z_score"], got["p_value_score"]], [z, p])
    # Clusters: patients with several lesions that share a propensity.
    cluster = rng.integers(0, 40, 150)
    outcome = (rng.uniform(size=150) < rng.uniform(size=40)[cluster]).astype(int)
    data = {"outcome": outcome, "cluster": [f"P{c}" for c in cluster]}
    got = ours("proportion-clustered", data, outcome="outcome", cluster="cluster", method="gee")
    fit = sm.GEE(outcome, np.ones(150), groups=cluster, family=sm.families.Binomial(), cov_struct=sm.cov_struct.Independence()).fit()
    same("statsmodels", "proportion from clusters: GEE with sandwich error", [got["proportion"], *got.limits("proportion")], expit(np.array([fit.params[0], *(fit.params[0] + Z * fit.bse[0] * np.array([-1, 1]))])))
    x, m = np.bincount(cluster, outcome, 40), np.bincount(cluster, minlength=40)
    x, m = x[m > 0], m[m > 0]
    p = outcome.mean()
    variance = len(m) / (len(m) - 1) * ((x - p * m) ** 2).sum() / 150**2
    same("numpy", "proportion from clusters: design effect of the ratio estimator", [got["design_effect"], got["effective_trials"]], [variance / (p * (1 - p) / 150), p * (1 - p) / variance])
    same("statsmodels", "proportion from clusters: Wilson at the effective size", got.by_method("ratio.wilson-effective"), smp.proportion_confint(p * p * (1 - p) / variance, p * (1 - p) / variance, 0.05, "wilson"))

# ---------------------------------------------------------------------------------------------------
group("accuracy of a call")


def sample(rng, size, step=None, prevalence=0.4, shift=1.2):
    """Truth and two correlated scores; `step` rounds them, so that they tie."""
    truth = (rng.uniform(size=size) < prevalence).astype(int)
    truth[:4] = [1, 1, 0, 0]
    base = rng.normal(size=size)
    score = base + shift * truth + rng.normal(size=size) * 0.5
    other = base + 0.7 * shift * truth + rng.normal(size=size) * 0.8
    return (truth, score, other) if step is None else (truth, np.round(score / step) * step, np.round(other / step) * step)


for n, rng in draws(4):
    truth, score, other = sample(rng, (60, 150, 400, 90)[n], (None, 0.25, None, 0.5)[n])
    threshold = float(np.sort(score)[len(score) // 2])
    call = (score >= threshold).astype(int)
    tn, fp, fn, tp = sk.confusion_matrix(truth, call).ravel()
    got = ours("accuracy", {"truth": truth, "score": score}, truth="truth", score="score", threshold=threshold)
    same("scikit-learn", "recall, precision, accuracy, balanced accuracy", [got[k] for k in ("sensitivity", "specificity", "ppv", "npv", "accuracy", "balanced_accuracy")],
         [sk.recall_score(truth, call), sk.recall_score(truth, call, pos_label=0), sk.precision_score(truth, call), sk.precision_score(truth, call, pos_label=0), sk.accuracy_score(truth, call), sk.balanced_accuracy_score(truth, call)])
    same("scikit-learn", "F1, Matthews correlation", [got["f1"], got["mcc"]], [sk.f1_score(truth, call), sk.matthews_corrcoef(truth, call)])
    same("scikit-learn", "likelihood ratios", [got["lr_positive"], got["lr_negative"]], sk.class_likelihood_ratios(truth, call))
    same("statsmodels", "Wilson's limits of five proportions", sum((got.limits(k) for k in ("sensitivity", "specificity", "ppv", "npv", "accuracy")), []),
         [v for a, b in ((tp, tp + fn), (tn, tn + fp), (tp, tp + fp), (tn, tn + fn), (tp + tn, len(truth))) for v in smp.proportion_confint(a, b, 0.05, "wilson")])
    table = sm.stats.Table2x2(np.array([[tp, fp], [fn, tn]], float))
    same("statsmodels", "diagnostic odds ratio with its limits", [got["diagnostic_odds_ratio"], *got.limits("diagnostic_odds_ratio")], [table.oddsratio, *table.oddsratio_confint()])
    se = np.sqrt(1 / tp - 1 / (tp + fn) + 1 / fp - 1 / (fp + tn))
    same("numpy", "log-normal limits of the positive likelihood ratio", got.limits("lr_positive"), got["lr_positive"] * np.exp(Z * se * np.array([-1, 1])))
    cluster = rng.integers(0, len(truth) // 3, len(truth))
    clustered = ours("accuracy", {"truth": truth, "call": call, "cluster": cluster}, truth="truth", call="call", cluster="cluster")
    for name, which, right in (("sensitivity", truth == 1, call == 1), ("specificity", truth == 0, call == 0), ("ppv", call == 1, truth == 1)):
        size = len(truth) // 3
        x, m = np.bincount(cluster, which & right, size), np.bincount(cluster, which, size)
        p, k = x.sum() / m.sum(), (m > 0).sum()
        variance = k / (k - 1) * ((x - p * m) ** 2).sum() / m.sum() ** 2
        same("numpy", "errors with clusters by the ratio estimator", clustered.error(name), np.sqrt(variance))
    both = ours("paired-accuracy", {"truth": truth, "a": call, "b": (other >= threshold).astype(int)}, truth="truth", call=["a", "b"])
    same("scikit-learn", "two calls: sensitivities' and specificities' difference", [both["difference_sensitivity"], both["difference_specificity"]],
         [sk.recall_score(truth, call, pos_label=c) - sk.recall_score(truth, (other >= threshold).astype(int), pos_label=c) for c in (1, 0)])

# ---------------------------------------------------------------------------------------------------
group("two proportions")
for n, rng in draws(5):
    n1, n2 = (int(v) for v in rng.integers(15, 200, 2))
    x1, x2 = int(rng.binomial(n1, rng.uniform(0.2, 0.9))), int(rng.binomial(n2, rng.uniform(0.2, 0.9)))
    counts = dict(successes=x1, trials=n1, successes_reference=x2, trials_reference=n2)
    got = ours("proportions-difference", **counts)
    for method, (theirs, correction) in {"newcombe-hybrid": ("newcomb", True), "miettinen-nurminen": ("score", True), "mee-score": ("score", False), "agresti-caffo": ("agresti-caffo", True), "wald": ("wald", True)}.items():
        same("statsmodels", f"difference: {method}", got.by_method(method), smp.confint_proportions_2indep(x1, n1, x2, n2, theirs, "diff", correction=correction))
    same("statsmodels", "difference: pooled score test", [got["z"], got["p_value"]], smp.proportions_ztest([x1, x2], [n1, n2]))
    same("scipy", "difference: Fisher's exact test", got["p_value_fisher"], stats.fisher_exact([[x1, n1 - x1], [x2, n2 - x2]])[1])
    margin = float(rng.uniform(0.03, 0.2))
    got = ours("proportions-noninferiority", margin=margin, **counts)
    test = smp.test_proportions_2indep(x1, n1, x2, n2, -margin, "score", "diff", "larger", False)
    same("statsmodels", "non-inferiority by Farrington and Manning", [got["z"], got["p_value"]], [test.statistic, test.pvalue])
    got = ours("proportions-equivalence", margin=margin, **counts)
    same("statsmodels", "equivalence by two one-sided tests", got["p_value"], smp.tost_proportions_2indep(x1, n1, x2, n2, -margin, margin, "score", "diff", False).pvalue)
    for method, theirs in {"koopman": ("score", False), "miettinen-nurminen": ("score", True), "log": ("log", True), "log-adjusted": ("log-adjusted", True)}.items():
        same("statsmodels", f"ratio: {method}", ours("proportions-ratio", method=method, **counts).limits("ratio"), smp.confint_proportions_2indep(x1, n1, x2, n2, theirs[0], "ratio", correction=theirs[1]))
    for method, theirs in {"woolf": ("logit", True), "woolf-adjusted": ("logit-adjusted", True), "score": ("score", False), "miettinen-nurminen": ("score", True)}.items():
        same("statsmodels", f"odds ratio: {method}", ours("proportions-odds-ratio", method=method, **counts).limits("odds_ratio"), smp.confint_proportions_2indep(x1, n1, x2, n2, theirs[0], "odds-ratio", correction=theirs[1]))
    exact = stats.contingency.odds_ratio([[x1, n1 - x1], [x2, n2 - x2]]).confidence_interval()
    same("scipy", "odds ratio: exact conditional limits", ours("proportions-odds-ratio", method="exact", **counts).limits("odds_ratio"), [exact.low, exact.high], 1e-6, "scipy finds its roots to about that")
    # Paired.
    size = (40, 80, 200, 500, 25)[n]
    first = (rng.uniform(size=size) < 0.7).astype(int)
    second = np.where(rng.uniform(size=size) < 0.25, rng.integers(0, 2, size), first)
    got = ours("paired-difference", {"a": first, "b": second}, outcome=["a", "b"])
    b, c = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    square = np.array([[((first == 1) & (second == 1)).sum(), b], [c, ((first == 0) & (second == 0)).sum()]])
    mcnemar = statsmodels.stats.contingency_tables.mcnemar
    same("statsmodels", "McNemar: exact", got["p_value_exact"], mcnemar(square, exact=True).pvalue)
    chi = mcnemar(square, exact=False, correction=False)
    same("statsmodels", "McNemar: chi-squared", [got["chi_squared"], got["p_value_asymptotic"]], [chi.statistic, chi.pvalue])
    same("scipy", "McNemar: mid-p", got["p_value_mid_p"], min(1.0, stats.binomtest(b, b + c).pvalue - stats.binom.pmf(b, b + c, 0.5)) if b != c else 1 - stats.binom.pmf(b, b + c, 0.5))
    d = (b - c) / size

    def tango(delta):
        p = (2 * size - b + c) * delta - b - c, -c * delta * (1 - delta)
        q21 = (np.sqrt(p[0] ** 2 - 8 * size * p[1]) - p[0]) / (4 * size)
        return (b - c - size * delta) / np.sqrt(size * (2 * q21 + delta * (1 - delta)))

    root = lambda sign, a, z: scipy.optimize.brentq(lambda v: tango(v) - sign * Z, a, z, xtol=1e-15, rtol=1e-14)
    same("scipy", "paired difference: Tango, root of the score", got.limits("difference"), [root(1, -1 + 1e-9, d), root(-1, d, 1 - 1e-9)])
    wald = Z * np.sqrt(b + c - (b - c) ** 2 / size) / size
    same("numpy", "paired difference: Wald", ours("paired-difference", {"a": first, "b": second}, outcome=["a", "b"], method="wald").limits("difference"), [d - wald, d + wald])
    cluster = rng.integers(0, size // 3, size)
    got = ours("paired-clustered", {"a": first, "b": second, "c": cluster}, outcome=["a", "b"], cluster="c")
    net, m = np.bincount(cluster, first - second), np.bincount(cluster)
    net, m = net[m > 0], m[m > 0]
    k = len(m)
    same("numpy", "paired difference with clusters: Obuchowski, Durkalski", [got["chi_squared_obuchowski"], got["chi_squared_durkalski"]], [net.sum() ** 2 / (k / (k - 1) * (net**2).sum()), (net / m).sum() ** 2 / ((net / m) ** 2).sum()])

# ---------------------------------------------------------------------------------------------------
group("ROC curves")


def placements(truth, score):
    """Area and the placements of each positive and negative case."""
    x, y = score[truth == 1], score[truth == 0]
    psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    return psi.mean(), psi.mean(1), psi.mean(0)


files = {}
for n, rng in draws(5):
    size = (40, 80, 300, 120, 60)[n]
    truth, score, other = sample(rng, size, (None, 0.5, None, 0.2, 1.0)[n])
    columns = {"truth": truth, "score": score, "other": other, "group": rng.choice(["x", "y"], size), "cluster": rng.integers(0, size // 3, size)}
    label = rng.choice(["a", "b", "c"], size)
    each = rng.uniform(size=(size, 3)) + 0.6 * (label[:, None] == ["a", "b", "c"])
    each /= each.sum(1, keepdims=True)
    if n % 2:
        each = np.round(each, 1)
    columns |= {"class": label, "a": each[:, 0], "b": each[:, 1], "c": each[:, 2]}
    files[write(columns, f"roc-{n}.csv")] = columns
answer = run("Rscript", "--vanilla", pathlib.Path(__file__).parent / "roc.R", *files)
if answer.returncode:
    sys.exit(f"pROC did not answer: {answer.stderr.strip()}")
theirs = {}
for line in answer.stdout.splitlines():
    file, name, value = line.split()
    theirs.setdefault(file, {})[name] = float(value)
for file, columns in files.items():
    drawn = f"{file.name} of seed {seed}"
    r = theirs[str(file)]
    truth, score, other, cluster = (columns[k] for k in ("truth", "score", "other", "cluster"))
    got = ours("roc-auc", file)
    same("pROC", "area, its variance and limits by DeLong", [got["auc"], got.error("auc") ** 2, *got.limits("auc")], [r[k] for k in ("auc", "variance", "lower", "upper")])
    same("scikit-learn", "area", got["auc"], sk.roc_auc_score(truth, score))
    curve = got.curves[0]
    fpr, tpr, _ = sk.roc_curve(truth, score, drop_intermediate=False)
    holds("scikit-learn", "the drawn curve: its area, and its points among theirs", abs(np.trapezoid(curve["y"], curve["x"]) - got["auc"]) < 1e-12 and all(min(abs(fpr - x) + abs(tpr - y)) < 1e-12 for x, y in zip(curve["x"], curve["y"])))
    got = ours("roc-compare-paired", file, score=["score", "other"])
    same("pROC", "two areas on the same cases by DeLong: z and p", [got["z"], got["p_value"]], [r["paired_z"], r["paired_p"]])
    same("pROC", "correlation of two areas", got["correlation"], r["covariance"] / np.sqrt(r["variance"]) / got.error("auc_other"))
    got = ours("roc-compare-unpaired", file, group="group")
    same("pROC", "areas in two groups: D, degrees of freedom, p", [got["d"], got["degrees_of_freedom"], got["p_value"]], [r["unpaired_d"], r["unpaired_df"], r["unpaired_p"]])
    for focus in ("specificity", "sensitivity"):
        wide = dict(focus=focus, replicates=100)
        same("pROC", f"partial area by {focus}, raw and corrected (McClish)", [ours("roc-partial-auc", file, to=1, corrected=c, **{"from": 0.75}, **wide)["partial_auc"] for c in ("false", "true")], [r[f"partial_{focus}"], r[f"corrected_{focus}"]])
        same("pROC", f"partial area by {focus}, inner range", ours("roc-partial-auc", file, to=0.61, **{"from": 0.33}, **wide)["partial_auc"], r[f"inner_{focus}"])
    for rule in ("youden", "closest.topleft"):
        for cost, prevalence in (("1", 0.5), ("2.5", 0.2)):
            got = ours("roc-operating-point", file, rule=rule.replace(".", "_"), cost=cost, prevalence=prevalence)
            ties = got.tables["equally good thresholds"]["rows"]
            first = min(ties, key=lambda t: t[0])
            same("pROC", f"operating point by {rule}: threshold, sensitivity, specificity", [*first[:3], len(ties)], [r[f"{rule}_{cost}_{k}"] for k in ("threshold", "sensitivity", "specificity", "ties")])
    got = ours("roc-multiclass", file, truth="class", score=["a", "b", "c"], replicates=100)
    each = np.stack([columns[k] for k in "abc"], 1)
    same("pROC", "three classes: Hand and Till", got["hand_till"], r["hand_till"])
    codes = np.array([["a", "b", "c"].index(v) for v in columns["class"]])
    rest = [sk.roc_auc_score(codes == k, each[:, k]) for k in range(3)]
    share = np.bincount(codes, minlength=3) / len(codes)
    same("scikit-learn", "three classes: one against the rest", [got["one_vs_rest_macro"], got["one_vs_rest_weighted"]], [np.mean(rest), (share * rest).sum()])
    got = ours("precision-recall", file, interval="logit")
    ap = sk.average_precision_score(truth, score)
    spread = Z / np.sqrt(truth.sum() * ap * (1 - ap))
    same("scikit-learn", "average precision", got["average_precision"], ap)
    same("numpy", "average precision: logit limits", got.limits("average_precision"), expit(logit(ap) + spread * np.array([-1, 1])))
    area, v10, v01 = placements(truth, score)
    m, k = len(v10), len(v01)
    a, b = np.bincount(cluster[truth == 1], v10 - area, cluster.max() + 1), np.bincount(cluster[truth == 0], v01 - area, cluster.max() + 1)
    i10, i01, i = len(set(cluster[truth == 1])), len(set(cluster[truth == 0])), len(set(cluster))
    variance = i10 / (i10 - 1) * (a**2).sum() / m**2 + i01 / (i01 - 1) * (b**2).sum() / k**2 + 2 * i / (i - 1) * (a * b).sum() / (m * k)
    same("numpy", "area's error with clusters (Obuchowski 1997)", ours("roc-auc", file, cluster="cluster").error("auc"), np.sqrt(variance))
    bins, at = np.unique(np.round(score, 1), return_inverse=True)
    got = ours("roc-federated", {"bin": bins, "positives": np.bincount(at, truth).astype(int), "negatives": np.bincount(at, 1 - truth).astype(int)}, exact="true")
    same("scikit-learn", "area from histograms", got["auc"], sk.roc_auc_score(truth, np.round(score, 1)))

# ---------------------------------------------------------------------------------------------------
group("calibration and decision curves")
for n, rng in draws(4):
    size = (120, 300, 800, 200)[n]
    x = rng.normal(size=size) * 1.3 - 0.4
    y = (rng.uniform(size=size) < expit(0.3 + 0.8 * x)).astype(int)
    p = expit(x) if n % 2 == 0 else np.clip(np.round(expit(x), 2), 0.01, 0.99)
    x = logit(p)
    data = {"truth": y, "p": p}
    args = dict(truth="truth", probability="p")
    got = ours("calibration-slope", data, **args)
    large = sm.GLM(y, np.ones(size), family=sm.families.Binomial(), offset=x).fit(tol=1e-14, tol_criterion="params")
    slope = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-14, tol_criterion="params")
    null = y @ np.log(p) + (1 - y) @ np.log(1 - p)
    same("statsmodels", "slope and joint intercept: GLM with errors and limits", [got["slope"], got.error("slope"), *got.limits("slope"), got["joint_intercept"], got.error("joint_intercept")], [slope.params[1], slope.bse[1], *slope.conf_int()[1], slope.params[0], slope.bse[0]])
    ratio = [2 * (slope.llf - large.llf), 2 * (slope.llf - null)]
    same("statsmodels", "likelihood ratios of slope 1, and of slope 1 and intercept 0", [got["slope_likelihood_ratio"], got["slope_likelihood_ratio_p_value"], got["joint_likelihood_ratio"], got["joint_likelihood_ratio_p_value"]], [ratio[0], stats.chi2.sf(ratio[0], 1), ratio[1], stats.chi2.sf(ratio[1], 2)])
    got = ours("calibration-in-the-large", data, **args)
    same("statsmodels", "calibration in the large: GLM with offset", [got["calibration_in_the_large"], got.error("calibration_in_the_large"), *got.limits("calibration_in_the_large"), got["wald_p_value"]], [large.params[0], large.bse[0], *large.conf_int()[0], large.pvalues[0]])
    same("numpy", "observed to expected", got["observed_expected_ratio"], y.sum() / p.sum())
    cluster = rng.integers(0, size // 4, size)
    got = ours("calibration-slope", data | {"c": cluster}, cluster="c", sandwich="cr0", **args)
    gee = sm.GEE(y, sm.add_constant(x), groups=cluster, family=sm.families.Binomial(), cov_struct=sm.cov_struct.Independence()).fit(ctol=1e-13)
    same("statsmodels", "slope's error with clusters: GEE sandwich", [got.error("slope"), got.error("joint_intercept")], [gee.bse[1], gee.bse[0]])
    got = ours("brier", data, **args)
    iso = sklearn.isotonic.IsotonicRegression(y_min=0, y_max=1).fit(p, y).predict(p)
    uncertainty = y.mean() * (1 - y.mean())
    same("scikit-learn", "Brier score", got["brier"], sk.brier_score_loss(y, p))
    same("scikit-learn", "Brier score: CORP decomposition by isotonic regression", [got["miscalibration"], got["discrimination"], got["uncertainty"]], [sk.brier_score_loss(y, p) - ((iso - y) ** 2).mean(), uncertainty - ((iso - y) ** 2).mean(), uncertainty])
    same("scikit-learn", "logarithmic loss", ours("log-loss", data, **args)["log_loss"], sk.log_loss(y, p))
    got = ours("calibration-error", data, edges="linspace", replicates=100, **args)
    observed, predicted = sklearn.calibration.calibration_curve(y, p, n_bins=10)
    same("scikit-learn", "bins of equal width: mean probability and share", [*got.column("bins", "mean_predicted"), *got.column("bins", "observed")], [*predicted, *observed])
    weight = np.array(got.column("bins", "n")) / size
    gap = abs(observed - predicted)
    same("numpy", "ECE, root mean square and maximum error", [got["ece"], got["rmsce"], got["mce"]], [weight @ gap, np.sqrt(weight @ gap**2), gap.max()])
    z = ((y - p) * (1 - 2 * p)).sum() / np.sqrt(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    got = ours("spiegelhalter-z", data, **args)
    same("numpy", "Spiegelhalter's z", [got["z"], got["p_value"]], [z, 2 * stats.norm.sf(abs(z))])
    edges = np.unique(np.quantile(p, np.linspace(0, 1, 11)))
    cell = np.clip(np.searchsorted(edges, p, "left") - 1, 0, len(edges) - 2)
    o, e, count = np.bincount(cell, y), np.bincount(cell, p), np.bincount(cell)
    chi = ((o - e) ** 2 / e + (o - e) ** 2 / (count - e)).sum()
    got = ours("hosmer-lemeshow", data, **args)
    same("numpy", "Hosmer-Lemeshow", [got["chi_squared"], got["p_value"]], [chi, stats.chi2.sf(chi, len(o))])
    got = ours("calibration-curve", data, smoother="lowess", replicates=100, **args)
    smooth = sm.nonparametric.lowess(y, p, frac=2 / 3, it=0, delta=0, return_sorted=False)
    gaps = abs(p - smooth)
    same("statsmodels", "calibration curve by lowess: ICI, E50, E90, Emax", [got[k] for k in ("ici", "e50", "e90", "emax")], [gaps.mean(), *np.quantile(gaps, [0.5, 0.9]), gaps.max()])
    got = ours("recalibrate", data, **args)
    same("statsmodels", "logistic recalibration: losses after it", [got["log_loss_after"], got["brier_after"]], [-slope.llf / size, ((slope.fittedvalues - y) ** 2).mean()])
    got = ours("recalibrate", data, method="isotonic", **args)
    same("scikit-learn", "isotonic recalibration: Brier score after it", got["brier_after"], ((iso - y) ** 2).mean())
    got = ours("recalibrate", data, method="temperature", **args)
    scale = scipy.optimize.minimize_scalar(lambda b: sk.log_loss(y, expit(b * x)), bounds=(0.01, 10), method="bounded", options={"xatol": 1e-12}).x
    same("scipy", "temperature", got["temperature"], 1 / scale, 1e-6, "a minimum is found to the root of double precision")
    threshold = float(rng.choice([0.1, 0.25, 0.37, 0.5]))
    got = ours("decision-curve", data, threshold=threshold, interval="wald", threshold_from=0.05, threshold_to=0.9, threshold_step=0.05, **args)

    def benefit(t, positive):
        return ((positive & (y == 1)).sum() - (positive & (y == 0)).sum() * t / (1 - t)) / size

    steps = got.column("net benefit", "threshold")
    same("numpy", "decision curve: net benefit of the model and of all", [*got.column("net benefit", "net_benefit"), *got.column("net benefit", "all"), got["net_benefit"], got["net_benefit_of_all"]],
         [*(benefit(t, p >= t) for t in steps), *(benefit(t, p >= 0) for t in steps), benefit(threshold, p >= threshold), benefit(threshold, p >= 0)])
    same("numpy", "decision curve: interventions avoided, standardised benefit", [got["interventions_avoided"], got["standardised_net_benefit"]],
         [100 * (benefit(threshold, p >= threshold) - benefit(threshold, p >= 0)) * (1 - threshold) / threshold, benefit(threshold, p >= threshold) / y.mean()])

# ---------------------------------------------------------------------------------------------------
group("agreement")
for n, rng in draws(4):
    size, raters = (30, 80, 150, 60)[n], (3, 4, 3, 5)[n]
    true = rng.integers(1, 5, size)
    ratings = np.stack([np.where(rng.uniform(size=size) < 0.6, true, rng.integers(1, 5, size)) for _ in range(raters)], 1)
    names = [f"r{k}" for k in range(raters)]
    data = dict(zip(names, ratings.T))
    square = sk.confusion_matrix(ratings[:, 0], ratings[:, 1], labels=[1, 2, 3, 4])
    for weights in ("none", "linear", "quadratic"):
        got = ours("kappa", data, rating=names[:2], weights=weights)
        word = None if weights == "none" else weights
        same("scikit-learn", f"kappa, weights {weights}", got["kappa"], sk.cohen_kappa_score(ratings[:, 0], ratings[:, 1], weights=word))
        k = statsmodels.stats.inter_rater.cohens_kappa(square, wt=word)
        same("statsmodels", f"kappa, weights {weights}: errors, limits, test", [got["kappa"], got.error("kappa"), got["null_standard_error"], *got.limits("kappa"), got["z"], got["p_value"]], [k.kappa, k.std_kappa, k.std_kappa0, k.kappa_low, k.kappa_upp, k.z_value, k.pvalue_two_sided])
    counts = statsmodels.stats.inter_rater.aggregate_raters(ratings)[0]
    same("statsmodels", "Fleiss' kappa", ours("kappa-fleiss", data, rating=names)["kappa"], statsmodels.stats.inter_rater.fleiss_kappa(counts, "fleiss"))
    same("scikit-learn", "Light's kappa: the mean over pairs", ours("kappa", data, rating=names, replicates=100)["kappa"], np.mean([sk.cohen_kappa_score(ratings[:, a], ratings[:, b]) for a, b in itertools.combinations(range(raters), 2)]))
    holes = ratings.astype(float)
    holes[rng.uniform(size=holes.shape) < 0.15] = np.nan
    cells = {k: [None if np.isnan(v) else int(v) for v in column] for k, column in zip(names, holes.T)}
    for measurement in ("nominal", "ordinal", "interval", "ratio"):
        got = ours("krippendorff-alpha", cells, rating=names, measurement=measurement, replicates=100, missing_results="complete-case")
        same("krippendorff", f"alpha with gaps, {measurement}", got["alpha"], krippendorff.alpha(holes.T, level_of_measurement=measurement))
    share = counts / raters
    prevalence = share.mean(0)
    agreed = ((counts**2).sum(1) - raters).mean() / (raters * (raters - 1))
    chance = (prevalence * (1 - prevalence)).sum() / (counts.shape[1] - 1)
    same("numpy", "Gwet's AC1", ours("agreement-ac1", data, rating=names)["ac"], (agreed - chance) / (1 - chance))
    # Continuous.
    values = rng.normal(size=(size, 1)) * 2 + rng.normal(size=raters) * 0.4 + rng.normal(size=(size, raters))
    if n == 1:
        values = np.round(values)
    data = dict(zip(names, values.T))
    got = ours("icc", data, rating=names)
    grand, k = values.mean(), raters
    bms = k * ((values.mean(1) - grand) ** 2).sum() / (size - 1)
    jms = size * ((values.mean(0) - grand) ** 2).sum() / (k - 1)
    ems = ((values - values.mean(1, keepdims=True) - values.mean(0) + grand) ** 2).sum() / ((size - 1) * (k - 1))
    wms = ((values - values.mean(1, keepdims=True)) ** 2).sum() / (size * (k - 1))
    same("numpy", "ICC, all six forms (Shrout and Fleiss)", [got[f"icc_{f}"] for f in ("1_1", "2_1", "3_1", "1_k", "2_k", "3_k")],
         [(bms - wms) / (bms + (k - 1) * wms), (bms - ems) / (bms + (k - 1) * ems + k * (jms - ems) / size), (bms - ems) / (bms + (k - 1) * ems), (bms - wms) / bms, (bms - ems) / (bms + (jms - ems) / size), (bms - ems) / bms])
    f = bms / ems
    low, high = f / stats.f.ppf(0.975, size - 1, (size - 1) * (k - 1)), f * stats.f.ppf(0.975, (size - 1) * (k - 1), size - 1)
    same("numpy", "ICC(3,1): limits", got.limits("icc_3_1"), [(low - 1) / (low + k - 1), (high - 1) / (high + k - 1)])
    a, b = values[:, 0], values[:, 1]
    data = {"first": a, "second": b}
    d = a - b
    got = ours("bland-altman", data)
    # 1.96 for a coverage of 0.95, as the authors write it, or the quantile: both are in use.
    z = 1.96 if abs((got["upper_limit"] - d.mean()) / d.std(ddof=1) - 1.96) < 1e-9 else Z
    t = stats.t.ppf(0.975, size - 1)
    half = t * d.std(ddof=1) * np.sqrt(1 / size + z**2 / (2 * (size - 1)))
    same("numpy", "Bland-Altman: bias and limits with their intervals", [got["bias"], *got.limits("bias"), got["lower_limit"], *got.limits("lower_limit"), got["upper_limit"], *got.limits("upper_limit")],
         [d.mean(), *(d.mean() + t * d.std(ddof=1) / np.sqrt(size) * np.array([-1, 1])), *(d.mean() - z * d.std(ddof=1) + half * np.array([0, -1, 1])), *(d.mean() + z * d.std(ddof=1) + half * np.array([0, -1, 1]))])
    ols = sm.OLS(d, sm.add_constant((a + b) / 2)).fit()
    same("statsmodels", "Bland-Altman: proportional bias", [got["proportional_bias"], got["proportional_bias_p_value"]], [ols.params[1], ols.pvalues[1]])
    same("numpy", "Lin's concordance", ours("ccc", data)["ccc"], 2 * np.cov(a, b, ddof=0)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2))
    got = ours("linearity", {"m": a, "t": b}, measurement="m", reference="t")
    fit = sm.OLS(a, sm.add_constant(b)).fit()
    same("statsmodels", "linearity: least squares with limits", [got["slope"], *got.limits("slope"), got["intercept"], *got.limits("intercept")], [fit.params[1], *fit.conf_int()[1], fit.params[0], *fit.conf_int()[0]])
    same("scipy", "linearity: Theil-Sen", ours("linearity", {"m": a, "t": b}, measurement="m", reference="t", fit="theil-sen")["slope"], stats.theilslopes(a, b).slope)

# ---------------------------------------------------------------------------------------------------
group("multiplicity, drift, pooling")
METHODS = {"holm": "holm", "hochberg": "simes-hochberg", "hommel": "hommel", "bonferroni": "bonferroni", "sidak": "sidak", "holm-sidak": "holm-sidak", "bh": "fdr_bh", "by": "fdr_by"}
for n, rng in draws(4):
    p = np.round(rng.uniform(size=(5, 12, 30, 2)[n]) ** 3, 3 if n % 2 else 12)
    for method, name in METHODS.items():
        got = ours("multiplicity", {"p_value": p}, method=method)
        reject, adjusted, *_ = statsmodels.stats.multitest.multipletests(p, 0.05, name)
        same("statsmodels", f"adjusted p-values: {method}", [*(got[f"adjusted_p.{k + 1}"] for k in range(len(p))), got["rejected"]], [*adjusted, reject.sum()])
    size = (20, 60, 500, 90)[n]
    reference, current = rng.normal(size=size), rng.normal(0.3, 1.2, size=size + 13)
    if n == 1:
        reference, current = np.round(reference, 1), np.round(current, 1)
    data = {"value": np.concatenate([reference, current]), "current": [0] * len(reference) + [1] * len(current)}
    for exact, method in (("exact", "exact"), ("asymptotic", "asymp")):
        got = ours("drift-ks", data, p_value=exact)
        test = stats.ks_2samp(reference, current, method=method)
        same("scipy", f"Kolmogorov-Smirnov, {exact}", [got["distance"], got["p_value"]], [test.statistic, test.pvalue], *((1e-9, "") if exact == "exact" else (0.3, "scipy corrects its limit for the number of rows")))
    got = ours("drift-wasserstein", data, replicates=99)
    same("scipy", "Wasserstein and energy distance", [got["distance"], got["energy_distance"]], [stats.wasserstein_distance(reference, current), stats.energy_distance(reference, current)])
    got = ours("drift-psi", data)
    inner = np.unique(np.quantile(reference, np.linspace(0, 1, 11)[1:-1]))
    cells = [np.bincount(np.searchsorted(inner, v, "right"), minlength=len(inner) + 1) / len(v) for v in (reference, current)]
    r, c = (np.where(v == 0, 1e-4, v) for v in cells)
    same("numpy", "population stability index", got["psi"], ((c - r) * np.log(c / r)).sum())
    same("scipy", "Jensen-Shannon distance of the cells", got["jensen_shannon_distance"], scipy.spatial.distance.jensenshannon(*cells))
    kinds = rng.choice(list("abcd"), size, p=[0.4, 0.3, 0.2, 0.1]), rng.choice(list("abcd"), size, p=[0.25] * 4)
    got = ours("drift-categories", {"category": np.concatenate(kinds), "current": [0] * size + [1] * size}, replicates=100)
    table = np.array([[(k == v).sum() for v in "abcd"] for k in kinds])
    chi = stats.chi2_contingency(table[:, table.sum(0) > 0], correction=False)
    same("scipy", "categories: chi-squared and Cramer's V", [got["chi_squared"], got["p_value"], got["cramers_v"]], [chi.statistic, chi.pvalue, stats.contingency.association(table[:, table.sum(0) > 0])])
    k = (3, 5, 12, 8)[n]
    variance = rng.uniform(0.01, 0.1, k)
    effect = rng.normal(0.5, (0.5, 0.2, 0.4, 0.0)[n], k) + rng.normal(size=k) * np.sqrt(variance)
    data = {"estimate": effect, "variance": variance}
    w = 1 / variance
    q = (w * (effect - (w * effect).sum() / w.sum()) ** 2).sum()
    tau2 = max(0.0, (q - (k - 1)) / (w.sum() - (w**2).sum() / w.sum()))
    v = 1 / (variance + tau2)
    mean, se = (v * effect).sum() / v.sum(), np.sqrt(1 / v.sum())
    got = ours("pool-estimates", data, variance="variance", method="dl", test="z")
    same("numpy", "random effects (DerSimonian and Laird)", [got["pooled"], got.error("pooled"), *got.limits("pooled"), got["tau2"], got["q"], got["q_p_value"]], [mean, se, mean - Z * se, mean + Z * se, tau2, q, stats.chi2.sf(q, k - 1)])
    for method, name in (("dl", "dl"), ("pm", "iterated")):
        got = ours("pool-estimates", data, variance="variance", method=method, test="knha")
        meta = statsmodels.stats.meta_analysis.combine_effects(effect, variance, name, use_t=True, **({"atol": 1e-14} if method == "pm" else {}))
        same("statsmodels", f"random effects: {method} with Hartung-Knapp limits", [got["pooled"], got["tau2"], *got.limits("pooled")], [meta.mean_effect_re, meta.tau2, *meta.conf_int()[3]], 1e-7, "statsmodels iterates to about that")
    trials = rng.integers(20, 300, k)
    hits = rng.binomial(trials, rng.uniform(0.6, 0.9, k))
    y, s2 = logit(hits / trials), 1 / hits + 1 / (trials - hits)
    got = ours("pool-proportions", {"successes": hits, "trials": trials}, method="fixed", test="z") if (hits < trials).all() else None
    if got:
        same("numpy", "pooled proportion, fixed effect on the logit scale", got["proportion"], expit((y / s2).sum() / (1 / s2).sum()))
    got = ours("pool-auc", {"auc": np.clip(effect, 0.1, 0.9), "se": np.sqrt(variance)}, standard_error="se", method="fixed", test="z")
    a = np.clip(effect, 0.1, 0.9)
    w = (a * (1 - a)) ** 2 / variance
    same("numpy", "pooled area, fixed effect on the logit scale", got["pooled"], expit((w * logit(a)).sum() / w.sum()))
