"""The interoperability suite: every claim about other people's software, checked against it. A peer
that is missing is a failure, never a skip.

    python3 tests/interop/run.py

Needs dcmtk, dicom3tools, chromium, chromium-driver, poppler-utils, qpdf and curl, and the packages of requirements.txt."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import jsonschema

here = pathlib.Path(__file__).parent
root = here.parents[1]
missing = [t for t in ("dciodvfy", "dsrdump", "dcm2pnm", "storescu", "storescp", "chromium", "chromedriver", "pdfinfo", "pdfdetach", "qpdf", "curl") if not shutil.which(t)]
if missing:
    sys.exit(f"missing peers: {', '.join(missing)}")
target = root / "target" / "interop"
failed = []


def step(name, *command):
    print(f"\n-- {name}", flush=True)
    if subprocess.run([str(c) for c in command], cwd=root).returncode:
        failed.append(name)


def capture(*command):
    return subprocess.run([str(c) for c in command], cwd=root, capture_output=True, text=True, errors="replace")


def row(tool, what, good):
    print(f"{tool:24} {what:66}               {'ok' if good else 'FAIL'}")
    if not good:
        failed.append(what)


step("build", "cargo", "build", "--release", "--locked", "-q", "-p", "candour", "-p", "candour-dicom", "--examples", "--bins")
binary = root / "target/release/candour"
step("pixel values", sys.executable, here / "pixels.py", root / "target/release/examples/decode")

shutil.rmtree(target, ignore_errors=True)
workspace = target / "demo"
demo = capture(binary, "demo", "--once", "--workspace", workspace)
row("candour demo", "ends with exit code 0", demo.returncode == 0)
ledger = capture(binary, "ledger", "show", workspace).stdout
(workspace / "ledger.jsonl").write_text(ledger)
print("\n-- the published schema of the device file")
schema = json.loads((root / "docs/device.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
files = sorted(root.glob("devices/*/device.toml")) + [f for f in sorted(root.glob("crates/candour-regulation/tests/cases/*.toml")) if f.name != "expected.toml"]
refused = [f.name for f in files if not validator.is_valid(tomllib.loads(f.read_text()))]
row("jsonschema (Python)", f"takes {len(files)} device files", not refused and len(files) > 60)
sample = (root / "devices/ct-nodule-phantom/device.toml").read_text()
wrong = [sample.replace(*w) for w in (("worst_harm =", "worst_ham ="), ('"drive_management"', '"drive"'), ("format = 1", "format = 2"),
                                     ("processes_input = true", 'processes_input = "yes"'), ('["diagnosis"]', '"diagnosis"'))]
row("jsonschema (Python)", "refuses what the reader refuses", all(w != sample and not validator.is_valid(tomllib.loads(w)) for w in wrong))

step("released objects", sys.executable, here / "objects.py", workspace)

print("\n-- dossiers")
for device in ("ct-nodule-phantom", "breast-fna"):
    folder = workspace / "dossier" / device
    pdf = folder / "technical-documentation.pdf"
    row("qpdf", f"{device}: the PDF's structure has no fault", capture("qpdf", "--check", pdf).returncode == 0)
    info = capture("pdfinfo", pdf).stdout + capture("pdfinfo", "-meta", pdf).stdout
    row("pdfinfo (poppler)", f"{device}: PDF/A-3a is declared, tagged, with a title",
        all(t in info for t in ("<pdfaid:part>3<", "<pdfaid:conformance>A<", "Tagged:          yes", "Title:           Technical")))
    out = target / f"{device}.json"
    capture("pdfdetach", "-save", "1", "-o", out, pdf)
    row("pdfdetach (poppler)", f"{device}: the attachment is evidence.json, byte for byte",
        out.exists() and out.read_bytes() == (folder / "evidence.json").read_bytes())
    key = (folder / "key.vkey").read_text().strip()
    for file in ("technical-documentation.pdf", "technical-documentation.html", "evidence.json"):
        good = capture(sys.executable, "spec/verify.py", folder / file, "--key", key).returncode == 0
        row("spec/verify.py", f"{device}: {file} is genuine", good)
    evidence = json.loads((folder / "evidence.json").read_text())
    text = re.sub(r"\s+", " ", capture("pdftotext", pdf, "-").stdout)
    shown = all(f"{float(c['value']):.3f}" in text for c in evidence["content"]["claims"] if "value" in c)
    row("pdftotext (poppler)", f"{device}: every claim's value stands on a page", shown)

print("\n-- validation reports")
folder = target / "report"
folder.mkdir(exist_ok=True)
plan, example = folder / "trial 3.toml", root / "examples/validation"
shutil.copy(example / "validation.toml", plan)
capture(binary, "validate", plan, "--data", example / "scores.csv", "--data", example / "truth.csv", "--out", folder)
pdf = folder / "report.pdf"
row("qpdf", "the PDF's structure has no fault", capture("qpdf", "--check", pdf).returncode == 0)
attached = folder / "attached"
shutil.rmtree(attached, ignore_errors=True)
attached.mkdir()
capture("pdfdetach", "-saveall", "-o", attached, pdf)
row("pdfdetach (poppler)", "the attachments are the plan, by its name, and result.json, byte for byte",
    {f.name: f.read_bytes() for f in attached.iterdir()} == {n: (folder / n).read_bytes() for n in (plan.name, "result.json")})
text = re.sub(r"\s+", " ", capture("pdftotext", pdf, "-").stdout)
row("pdftotext (poppler)", "the command that computes everything again can be copied",
    "candour validate 'trial 3.toml' --data scores.csv --data truth.csv --json" in text)

print("\n-- pages")
records = [json.loads(line) for line in ledger.splitlines()]
decision = next(i for i, r in enumerate(records) if r["kind"] == "Decided" and r["explanation"]["method"] == "occlusion" and r["explanation"]["faithful"])
measured = next(i for i, r in enumerate(records) if r["kind"] == "Decided" and r["explanation"]["method"] == "shapley_additive")
step("pages", sys.executable, here / "pages.py", binary, workspace, target / "pages", decision, measured)

print(f"\ninteroperability: {'FAILED: ' + '; '.join(failed) if failed else 'everything agrees'}")
sys.exit(1 if failed else 0)
