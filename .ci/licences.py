"""Checks every package in Cargo.lock against deny.toml: licence allowed, source known, not banned.

Works without a network (`cargo metadata --locked --offline`); cargo-deny reads the same file where
it is installed. Advisories need a database from outside and are not checked here.
"""
import json
import re
import subprocess
import sys
import tomllib

deny = tomllib.load(open("deny.toml", "rb"))
allowed = set(deny["licenses"]["allow"])
banned = {entry["crate"] for entry in deny["bans"]["deny"]}


def metadata():
    """Every platform's packages where they can be had; else this platform's, which are on disk."""
    base = ["cargo", "metadata", "--format-version", "1", "--locked"]
    host = next(l.split()[1] for l in subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout.splitlines() if l.startswith("host:"))
    for what, extra in (("all platforms", ["--offline"]), ("all platforms", []), (host, ["--offline", "--filter-platform", host])):
        found = subprocess.run(base + extra, capture_output=True)
        if found.returncode == 0:
            return what, json.loads(found.stdout)
    sys.exit("cargo metadata failed: " + found.stderr.decode(errors="replace"))


platforms, meta = metadata()


def satisfied(expression):
    """Whether an SPDX expression (with the old slash for OR) can be met from the allowed list."""
    tokens = re.findall(r"\(|\)|[^\s()/]+|/", expression)
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else None

    def either():
        nonlocal position
        result = both()
        while peek() in ("OR", "/"):
            position += 1
            result = both() or result
        return result

    def both():
        nonlocal position
        result = one()
        while peek() == "AND":
            position += 1
            result = one() and result
        return result

    def one():
        nonlocal position
        token = tokens[position]
        position += 1
        if token == "(":
            result = either()
            position += 1
            return result
        if peek() == "WITH":
            token = f"{token} WITH {tokens[position + 1]}"
            position += 2
        return token in allowed

    return either()


faults = []
# The graph a build uses: what a `[dependencies]` or `[dev-dependencies]` edge reaches.
for package in meta["packages"]:
    name = f"{package['name']} {package['version']}"
    source = package["source"]
    if source is None:
        if package["license"] != "Apache-2.0":
            faults.append(f"{name}: our own packages are Apache-2.0, this says {package['license']}")
        continue
    if not source.startswith("registry+"):
        faults.append(f"{name}: comes from {source}; use a published release")
    if package["name"] in banned:
        faults.append(f"{name}: banned by deny.toml")
    if not package["license"] or not satisfied(package["license"]):
        faults.append(f"{name}: licence {package['license']!r} is not allowed by deny.toml")
for fault in faults:
    print("licences:", fault)
print(f"licences: {len(meta['packages'])} packages ({platforms}) checked against deny.toml, {len(faults)} faults")
sys.exit(bool(faults))
