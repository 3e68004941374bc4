#!/usr/bin/env python3
"""The second verifier: Candour's ledgers, proofs and evidence, checked with nothing but Python's
standard library. Written from spec/*.md, sharing no code with the Rust.

    python3 spec/verify.py PATH [--key VKEY]

PATH is a ledger's folder, a .tlog-proof, or a dossier (PDF, HTML or its evidence .json).
Exit code 0: everything that was checked is genuine. 1: something is not. 2: not one of these."""
import base64, hashlib, json, math, pathlib, re, statistics, sys, zlib


class Wrong(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Wrong(what)


# Ed25519 (RFC 8032 section 5.1.7), for clarity rather than speed.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    A, B = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    C, Z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    E, F, G, H = B - A, Z - C, Z + C, B + A
    return (E * F % P, G * H % P, F * G % P, E * H % P)


def times(n, point):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, point)
        point, n = add(point, point), n >> 1
    return out


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point(raw):
    n = int.from_bytes(raw, "little")
    y, sign = n & (2**255 - 1), n >> 255
    need(y < P, "a point is not canonical")
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need((x * x - x2) % P == 0 and not (x == 0 and sign), "not a point of the curve")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519(key, message, signature):
    need(len(signature) == 64, "a signature has 64 bytes")
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    need(s < L and not same(times(8, a), (0, 1, 1, 0)) and not same(times(8, r), (0, 1, 1, 0)), "a weak key or signature")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    need(same(times(s, BASE), add(r, times(h, a))), "the signature is not genuine")


# Signed notes and checkpoints (spec/ledger.md, sections 3 and 4).
def unbase64(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("not base64")
    need(base64.b64encode(raw).decode() == text, "base64 that is not canonical")
    return raw


def good_name(name):
    return name and not re.search(r"[+\s\x00-\x1f\x7f-\x9f]", name)


def parse_key(text):
    name, _, rest = text.partition("+")
    hashed, _, key = rest.partition("+")
    typed = unbase64(key)
    need(good_name(name) and len(typed) == 33 and typed[0] == 1, "not an Ed25519 verifier key")
    need(hashlib.sha256(name.encode() + b"\n" + typed).hexdigest()[:8] == hashed, "the key's hash is not the key's")
    return name, typed


def open_checkpoint(note, key):
    name, typed = key
    need(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", note) and len(note.encode()) <= 65536, "not a signed note")
    at = note.rfind("\n\n")
    need(at >= 0 and note.endswith("\n"), "not a signed note")
    text, genuine = note[: at + 1], False
    for line in note[at + 2 : -1].split("\n"):
        match = re.fullmatch("\u2014 ([^ ]+) ([^ ]+)", line)
        need(match and good_name(match[1]), "a signature line is wrong")
        blob = unbase64(match[2])
        need(len(blob) >= 4, "a signature is too short")
        if match[1] == name and blob[:4] == hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]:
            ed25519(typed[1:], text.encode(), blob[4:])
            genuine = True
    need(genuine, f"no signature by {name}")
    lines = text.split("\n")
    need(len(lines) == 4 and lines[0] == name and re.fullmatch("0|[1-9][0-9]{0,19}", lines[1]), "not a checkpoint of this log")
    root = unbase64(lines[2])
    need(len(root) == 32 and int(lines[1]) < 2**64, "not a checkpoint")
    return int(lines[1]), root


# The tree (RFC 6962 section 2.1; RFC 9162 section 2.1.3.2).
def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def mth(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return node(mth(hashes[:k]), mth(hashes[k:]))


def inclusion(leaf, index, size, path, root):
    need(index < size and len(path) <= 63, "the index lies outside the tree")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn, "the proof is too long")
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "the proof is too short")
    need(r == root, "the proof leads to another root")


def verify_proof(text, key):
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1" and len(lines) >= 3, "not a tlog-proof")
    need(lines[1].startswith("extra ") and re.fullmatch("index (0|[1-9][0-9]{0,19})", lines[2]), "no entry or no index")
    entry, index, path = unbase64(lines[1][6:]), int(lines[2][6:]), [unbase64(l) for l in lines[3:]]
    need(all(len(h) == 32 for h in path), "a hash has 32 bytes")
    size, root = open_checkpoint(note, key)
    inclusion(leaf_hash(entry), index, size, path, root)
    return index, entry


# A ledger's folder (spec/ledger.md, sections 2 and 6).
def tile_path(kind, index, width):
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{kind}/" + "/".join(groups) + ("" if width == 256 else f".p/{width}")


def bundle(raw):
    entries, at = [], 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 2], "big")
        need(at + 2 + length <= len(raw), "a bundle is cut off")
        entries.append(raw[at + 2 : at + 2 + length])
        at += 2 + length
    return entries


def read_pending(file):
    """The last committed batch (spec/ledger.md, section 5): its files by path, none if there is no batch."""
    if not file.exists():
        return {}
    head, digest, body = file.read_bytes().split(b"\n", 2)
    need(head == b"candour-pending@v1" and hashlib.sha256(body).hexdigest().encode() == digest, "private/pending: not the batch that was written")
    files = {}
    while body:
        line, _, body = body.partition(b"\n")
        path, length = line.decode("utf-8").rsplit(" ", 1)
        files[path], body = body[: int(length)], body[int(length) :]
    return files


def verify_ledger(folder, expected):
    seen = {"format", "vkey", "checkpoint"}
    need((folder / "format").read_bytes() == b"candour-ledger@v1\n", "format: not known")
    text = (folder / "vkey").read_text("utf-8")
    key = parse_key(text[:-1])
    need(text.endswith("\n") and (not expected or expected == text[:-1]), "vkey: not the expected key")
    published, root = open_checkpoint((folder / "checkpoint").read_bytes().decode("utf-8"), key)
    size, roots, pending = published, {published: root}, read_pending(folder / "private/pending")
    if pending:
        ahead, root = open_checkpoint(pending["checkpoint"].decode("utf-8"), key)
        need(roots.setdefault(ahead, root) == root, "private/pending: another root for the checkpoint's size")
        size = max(size, ahead)

    def read(path):
        file = folder / path
        return pending[path] if size > published and path in pending and not file.exists() else file.read_bytes()

    level, hashes = 0, []
    for i in range(-(-size // 256)):
        path = tile_path("entries", i, min(256, size - 256 * i))
        seen.add(path)
        entries = bundle(read(path))
        need(len(entries) == min(256, size - 256 * i), f"{path}: wrong number of entries")
        hashes += [leaf_hash(e) for e in entries]
    need(all(mth(hashes[:n]) == root for n, root in roots.items()), "the entries do not lead to the signed root")
    while hashes:
        for i in range(-(-len(hashes) // 256)):
            part = hashes[256 * i : 256 * i + 256]
            path = tile_path(level, i, len(part))
            seen.add(path)
            need(read(path) == b"".join(part), f"{path}: wrong hash")
        level, hashes = level + 1, [mth(hashes[i : i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
    for file in folder.rglob("*"):
        path = file.relative_to(folder).as_posix()
        if file.is_dir() or path in seen or path.startswith("private/"):
            continue
        match = re.fullmatch(r"(tile/(?:entries|\d+)/[x0-9/]+)\.p/([1-9]\d{0,2})", path)
        now = match and next((p for p in sorted(seen) if p == match[1] or p.startswith(match[1] + ".p/")), None)
        need(now and int(match[2]) < 256, f"{path}: no such file belongs in a ledger")
        raw, whole, width = file.read_bytes(), read(now), int(match[2])
        wide = bundle(raw) if "entries" in path else [raw[i : i + 32] for i in range(0, len(raw), 32)]
        need(whole.startswith(raw) and len(wide) == width, f"{path}: not the beginning of its tile")
    for path, raw in pending.items():
        differs = path != "checkpoint" and (folder / path).exists() and (folder / path).read_bytes() != raw
        need(not differs, f"private/pending: another {path} than the log's")
    print(f"ledger of {key[0]}: {size} entries, every leaf, tile, root and the signature recomputed: genuine")
    if size > published:
        print(f"{size - published} of them are committed but not yet published")


# Records and evidence (spec/record.md, spec/evidence.md).
def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def parse_canonical(raw):
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Wrong("not JSON")
    need(canonical(value) == raw, "not canonical JSON")
    return value


def wilson(k, n, z):
    p, d = k / n, 1 + z * z / n
    centre, half = (p + z * z / (2 * n)) / d, z / d * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return p, max(0.0, centre - half), min(1.0, centre + half)


def delong(pos, neg, z):
    psi = lambda x, y: 1.0 if x > y else 0.5 if x == y else 0.0
    v10 = [sum(psi(x, y) for y in neg) / len(neg) for x in pos]
    v01 = [sum(psi(x, y) for x in pos) / len(pos) for y in neg]
    auc = sum(v10) / len(pos)
    variance = statistics.variance(v10) / len(pos) + statistics.variance(v01) / len(neg)
    if variance == 0:  # separated or constant scores: an interval without width is none
        return None
    half = z * math.sqrt(variance)
    return auc, max(0.0, auc - half), min(1.0, auc + half)


def recompute(statistic, leaves, plan, run):
    """One endpoint from the records of a run, as spec/evidence.md section 4 says."""
    answers, reference = {}, {}
    for index in range(run["first_index"], run["end_index"]):
        need(index in leaves, f"record {index} of the validation run was left out")
        r = leaves[index]
        if r.get("purpose") != "validation":
            continue
        if r["kind"] == "Outcome":
            reference[r["case"]] = r["reference"] == "positive"
        elif r["kind"] == "Decided" and r["model"] == plan["model"]:
            answers[r["case"]] = (r["outcome"], float(r["probability"]))
        elif r["kind"] == "Refused" and "case" in r:
            answers.setdefault(r["case"], ("refused", None))
    need(len(reference) == plan["cases"], "the run does not have the planned number of cases")
    z = statistics.NormalDist().inv_cdf(0.5 + float(plan["level"]) / 2)
    if statistic == "auc":
        score = {True: [], False: []}
        for case, positive in reference.items():
            p = answers.get(case, ("refused", None))[1]
            score[positive].append((-math.inf if positive else math.inf) if p is None else p)
        ok = min(len(score[True]), len(score[False])) >= 2
        found = delong(score[True], score[False], z) if ok else None
        return len(reference), (*found, "delong") if found else None
    positive = statistic.startswith("sensitivity")
    mine = [answers.get(c, ("refused", None))[0] for c, ref in reference.items() if ref == positive]
    if statistic.endswith("_complete_case"):
        mine = [o for o in mine if o in ("finding", "no_finding")]
    right = sum(o == ("finding" if positive else "no_finding") for o in mine)
    return len(mine), (*wilson(right, len(mine), z), "wilson") if mine else None


def agrees(stated, n, result):
    if stated["n"] != n or (result is None) != ("value" not in stated):
        return False
    return result is None or stated["method"] == result[3] and all(
        math.isclose(float(stated[k]), v, rel_tol=1e-9, abs_tol=1e-12) for k, v in zip(("value", "lower", "upper"), result))


def verify_evidence(raw, expected):
    e = parse_canonical(raw)
    need(set(e) == {"checkpoint", "content", "format", "leaves", "vkey"} and e["format"] == "candour-evidence@v1", "not evidence")
    need(not expected or expected == e["vkey"], "not the expected key")
    size, root = open_checkpoint(e["checkpoint"], parse_key(e["vkey"]))
    leaves, compiled, last = {}, [], -1
    for leaf in e["leaves"]:
        need(set(leaf) == {"entry", "index", "proof"} and leaf["index"] > last, "leaves are out of order")
        last, entry = leaf["index"], leaf["entry"].encode()
        path = [unbase64(h) for h in leaf["proof"]]
        need(all(len(h) == 32 for h in path), "a hash has 32 bytes")
        try:
            inclusion(leaf_hash(entry), last, size, path, root)
        except Wrong as wrong:
            raise Wrong(f"record {last}: {wrong}")
        leaves[last] = parse_canonical(entry)
        if leaves[last]["kind"] == "Compiled":
            compiled.append(leaves[last])
    digest = "sha256:" + hashlib.sha256(canonical(e["content"])).hexdigest()
    need(len(compiled) == 1 and compiled[0]["content"] == digest, "the content is not the one that was sealed when it was compiled")
    content = e["content"]
    for claim in content["claims"]:
        name = claim["id"]
        if claim["statistic"] == "count":
            counted = [leaves.get(i, {}) for i in claim["records"]]
            need(claim["n"] == len(set(claim["records"])), f"{name}: the count is not that of its records")
            for r in counted:
                kind = "refused" if r.get("kind") == "Refused" else r.get("outcome", r.get("verdict"))
                need(kind == claim["of"] and r.get("purpose", "use") == "use", f"{name}: a record is not what is counted")
            continue
        run = leaves.get(claim["validated"], {})
        if claim["statistic"] == "analysed":
            named = {"sha256:" + leaf_hash(canonical(r)).hex(): i for i, r in leaves.items()}
            need(run.get("kind") == "Analysed", f"{name}: cites no analysis")
            plan, data = named.get(run["plan"], -1), named.get(run["data"], -1)
            entered = leaves.get(data, {})
            ordered = (leaves.get(plan, {}).get("kind") == "AnalysisPlanned" and entered.get("kind") == "DataEntered"
                       and entered["plan"] == run["plan"] and plan < entered.get("first_index", data) <= data < claim["validated"])
            need(ordered, f"{name}: the plan was not sealed before the data")
            mine = [x for x in run["endpoints"] if x["id"] == claim["of"]]
            need(len(mine) == 1 and all(mine[0].get(k) == claim.get(k) for k in ("n", "method", "value", "lower", "upper")),
                 f"{name}: the number is not the one that was sealed")
            continue
        need(run.get("kind") == "Validated", f"{name}: cites no validation")
        plan = [(i, r) for i, r in leaves.items() if r["kind"] == "Planned" and
                "sha256:" + leaf_hash(canonical(r)).hex() == run["plan"]]
        need(plan and plan[0][0] < run["first_index"] <= run["end_index"] <= claim["validated"], f"{name}: the plan was not sealed before the data")
        n, result = recompute(claim["statistic"], leaves, plan[0][1], run)
        sealed = [s for s in run["results"] if s["statistic"] == claim["statistic"]]
        need(agrees(claim, n, result), f"{name}: the number is not what its records give")
        need(len(sealed) == 1 and agrees(sealed[0], n, result), f"{name}: the sealed result is not what its records give")
    for row in content["decisions"]:
        r = leaves.get(row["index"], {})
        need(all(r.get(k) == row[k] for k in ("at", "case", "outcome", "probability", "criterion") if k in row), f"decision {row['index']}: not as sealed")
    planned = sum(c["statistic"] == "analysed" for c in content["claims"])
    print(f"evidence of {parse_key(e['vkey'])[0]}: {len(leaves)} records proved to be in the log of {size}, "
          f"{len(content['claims']) - planned} numbers recomputed from them, {planned} of an analysis plan and "
          f"{len(content['decisions'])} decisions compared with what was sealed: genuine")
    print(f"signed by {e['vkey']}" + ("" if expected else "; compare this key with the one the manufacturer published"))


def attached(raw):
    """The evidence inside an HTML or PDF dossier, or the evidence itself."""
    if raw.startswith(b"%PDF"):
        found = []
        for match in re.finditer(rb"stream\r?\n", raw):
            body = raw[match.end() :]
            if body.startswith(b'{"checkpoint":'):
                found.append(re.split(rb"\r?\nendstream", body)[0])
            try:
                if zlib.decompressobj().decompress(body[:4096], 14) == b'{"checkpoint":':
                    packed = zlib.decompressobj()
                    found.append(packed.decompress(body, 1 << 30))
                    need(packed.eof, "the PDF's evidence was cut off")
            except zlib.error:
                pass
        need(len(found) == 1, "the PDF has no evidence attached, or it was changed")
        return found[0]
    match = re.search(rb'id="candour-evidence"[^>]*href="data:application/json;base64,([^"]*)"', raw)
    return unbase64(match[1].decode("latin-1")) if match else raw


def main(arguments):
    expected = None
    if len(arguments) == 3 and arguments[1] == "--key":
        arguments, expected = arguments[:1], arguments[2]
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    path = pathlib.Path(arguments[0])
    try:
        if path.is_dir():
            verify_ledger(path / "ledger" if (path / "ledger").is_dir() else path, expected)
        elif (raw := path.read_bytes()).startswith(b"c2sp.org/tlog-proof"):
            text = raw.decode("utf-8")
            note = text.partition("\n\n")[2]
            need(expected, f"give the public key with --key; the proof says it is of the log {note.splitlines()[:1]}")
            index, entry = verify_proof(text, parse_key(expected))
            print(f"record {index} is in the log: genuine\n{entry.decode('utf-8', 'replace')}")
        else:
            verify_evidence(attached(raw), expected)
    except (Wrong, OSError, UnicodeDecodeError, KeyError, IndexError, TypeError, ValueError) as wrong:
        print(f"NOT GENUINE: {path}: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
