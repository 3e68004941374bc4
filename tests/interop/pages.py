"""Looks at the pages in headless Chromium: that they render, that the image controls work with a
script, that nothing breaks the policy, and that they work without scripts.

    python3 tests/interop/pages.py BINARY WORKSPACE FOLDER

Writes the screenshots to FOLDER."""
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image

binary, workspace, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
server = subprocess.Popen([binary, "serve", "--workspace", workspace, "--port", "0"], stdout=subprocess.PIPE, text=True)
wrong = []


def chromium(path, *options):
    profile = folder / "profile"
    return subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
         f"--user-data-dir={profile}", "--virtual-time-budget=4000", *options, base + path],
        capture_output=True, text=True, errors="replace", timeout=120)


def row(what, good):
    print(f"{'chromium':24} {what:66}               {'ok' if good else 'FAIL'}")
    if not good:
        wrong.append(what)


try:
    base = server.stdout.readline().split("http://")[1].split()[0].rstrip("/")
    base = "http://" + base
    decision = sys.argv[4]
    for name, path in (("worklist", "/"), ("decision", f"/decision/{decision}"), ("ledger", "/ledger"), ("dossier", "/dossier")):
        for mode, options in (("light", ()), ("dark", ("--force-dark-mode",))):
            shot = folder / f"{name}-{mode}.png"
            out = chromium(path, "--window-size=1400,1200", f"--screenshot={shot}", *options)
            picture = np.asarray(Image.open(shot).convert("L"), float) if shot.exists() else np.zeros((1, 1))
            broken = [l for l in out.stderr.splitlines() if "Content Security Policy" in l or "CONSOLE" in l and "rror" in l]
            row(f"{name}, {mode}: renders, nothing refused by the policy", picture.std() > 5 and not broken)
    dom = chromium(f"/decision/{decision}", "--dump-dom").stdout
    row("with scripts: the image controls act at once (no Show button)", 'type="submit" hidden' in dom)
    page = subprocess.run(["curl", "-s", base + f"/decision/{decision}?slice=10&opacity=0"], capture_output=True, text=True).stdout
    row("without scripts: the form's answer shows the slice asked for", "Slice 10 of" in page and "slice=10" in page)
finally:
    server.terminate()
    server.wait()
if wrong:
    print("FAIL", *wrong, sep="\n  ")
sys.exit(1 if wrong else 0)
