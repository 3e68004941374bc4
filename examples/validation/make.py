"""Makes scores.csv and truth.csv: generated, not measured. 400 nodules of 260 patients at three hospitals,
scored by an AI and by a reader, with the truth by a rule. Run: python3 make.py"""
import csv
import math
import random

random.seed(20261125)
scores, truth, nodule = [], [], 0
for patient in range(260):
    site, sex = random.choice("ABC"), random.choice(["female", "male"])
    risk = random.gauss(0, 0.8)
    for _ in range(random.choice([1, 1, 1, 2, 2, 3])):
        nodule += 1
        positive = random.random() < 1 / (1 + math.exp(1.1 - risk))
        signal = (1.5 if site != "C" else 1.0) * positive + 0.4 * risk + random.gauss(0, 1)
        ai = 1 / (1 + math.exp(-(1.5 * signal - 1.9)))
        reader = min(5, max(1, round(2.2 + 1.1 * positive + 0.3 * risk + random.gauss(0, 0.9))))
        # Some results are missing, as in life: the AI refused the series.
        score = "" if random.random() < 0.02 else f"{ai:.4f}"
        scores.append([f"N{nodule:04}", f"P{patient:03}", site, sex, score, reader])
        truth.append([f"N{nodule:04}", "malignant" if positive else "benign"])
        if nodule == 400:
            break
    if nodule == 400:
        break
for name, header, rows in [
    ("scores.csv", ["nodule", "patient", "hospital", "sex", "ai", "reader"], scores),
    ("truth.csv", ["nodule", "histology"], truth),
]:
    with open(name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
