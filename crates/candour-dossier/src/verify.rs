//! Walking a dossier backwards with no network: attachment, proofs, checkpoint, signature; then each
//! number is computed again from the records. The second implementation of this is `spec/verify.py`.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use candour_ledger::{Checkpoint, TlogProof, Vkey};
use candour_record::canonical::{self, Value};
use candour_record::{
    CaseId, DecisionOutcome, Digest, Event, Outcome, Planned, Purpose, Real, Record, Reference,
    Validated,
};
use candour_statistics::{delong_auc, estimable, wilson_interval};

use crate::compile::{Claim, Content, DecisionRow};

/// The largest evidence that is unpacked, in bytes.
const MAX_EVIDENCE: u64 = 1 << 30;
const BEGIN: &[u8] = b"{\"checkpoint\":";

/// Why evidence is not genuine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvidenceFault(pub String);

fn fault<T>(what: impl Into<String>) -> Result<T, EvidenceFault> {
    Err(EvidenceFault(what.into()))
}

/// What was verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The key that signed.
    pub vkey: Vkey,
    /// The signed checkpoint.
    pub checkpoint: Checkpoint,
    /// How many records were proved to be in the log.
    pub records: usize,
    /// The content: every number was computed again, or where it answers an analysis plan, compared
    /// with what was sealed.
    pub content: Content,
}

/// The evidence inside a dossier: the embedded file of a PDF, the attachment of an HTML page, or the
/// bytes themselves.
///
/// # Errors
/// When there is none, more than one, or it cannot be unpacked.
pub fn attached(raw: &[u8]) -> Result<Vec<u8>, EvidenceFault> {
    if raw.starts_with(b"%PDF") {
        return in_pdf(raw);
    }
    let marker = b"id=\"candour-evidence\"";
    let Some(at) = find(raw, marker) else {
        return Ok(raw.to_vec());
    };
    let rest = raw.get(at..).unwrap_or_default();
    if find(rest.get(marker.len()..).unwrap_or_default(), marker).is_some() {
        return fault("the page has more than one attachment of evidence");
    }
    let prefix = b"href=\"data:application/json;base64,";
    let tag = rest.split(|b| *b == b'>').next().unwrap_or_default();
    let encoded = find(tag, prefix)
        .and_then(|at| tag.get(at + prefix.len()..))
        .and_then(|t| t.split(|b| *b == b'"').next());
    match encoded.map(|e| STANDARD.decode(e)) {
        Some(Ok(bytes)) => Ok(bytes),
        _ => fault("the page's attachment is not base64"),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// Streams of a PDF that hold evidence, packed (Flate) or not. Read without the PDF's tables, so
/// that nothing but the stream itself can say what is in it.
fn in_pdf(raw: &[u8]) -> Result<Vec<u8>, EvidenceFault> {
    let mut found = Vec::new();
    let mut rest = raw;
    while let Some(at) = find(rest, b"stream") {
        let after = rest.get(at + 6..).unwrap_or_default();
        let body = after
            .strip_prefix(b"\r\n")
            .or_else(|| after.strip_prefix(b"\n"));
        rest = after;
        let Some(body) = body else { continue };
        if body.starts_with(BEGIN) {
            let end = find(body, b"\nendstream").unwrap_or(0);
            let plain = body.get(..end).unwrap_or_default();
            found.push(plain.strip_suffix(b"\r").unwrap_or(plain).to_vec());
            continue;
        }
        let mut head = [0; BEGIN.len()];
        if flate2::read::ZlibDecoder::new(body)
            .read_exact(&mut head)
            .is_err()
            || head != *BEGIN
        {
            continue;
        }
        let mut unpacked = Vec::new();
        match flate2::read::ZlibDecoder::new(body)
            .take(MAX_EVIDENCE + 1)
            .read_to_end(&mut unpacked)
        {
            Ok(n) if n as u64 <= MAX_EVIDENCE => found.push(unpacked),
            _ => return fault("the PDF's evidence cannot be unpacked; it was changed"),
        }
    }
    if found.len() == 1 {
        Ok(found.remove(0))
    } else {
        fault("the PDF has no evidence attached, or it was changed")
    }
}

/// Verifies evidence offline. Without `expected`, the key inside is used, and who asks must compare
/// it with the one the manufacturer published.
///
/// # Errors
/// What is not genuine, with the claim or record where it shows.
pub fn verify_evidence(raw: &[u8], expected: Option<&Vkey>) -> Result<Verified, EvidenceFault> {
    let value = canonical::parse(raw).map_err(|e| EvidenceFault(format!("not evidence: {e}")))?;
    let members: Vec<&str> = match &value {
        Value::Object(members) => members.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let text = |key: &str| value.get(key).and_then(Value::as_text);
    if members != ["checkpoint", "content", "format", "leaves", "vkey"]
        || text("format") != Some("candour-evidence@v1")
    {
        return fault("not evidence of the format candour-evidence@v1");
    }
    let vkey: Vkey = text("vkey")
        .unwrap_or("")
        .parse()
        .map_err(|e| EvidenceFault(format!("vkey: {e}")))?;
    if expected.is_some_and(|k| *k != vkey) {
        return fault("it is signed by another key than the one given");
    }
    let note = text("checkpoint").unwrap_or("").to_owned();
    let checkpoint =
        Checkpoint::open(&note, &vkey).map_err(|e| EvidenceFault(format!("checkpoint: {e}")))?;
    let leaves = leaves(&value, &note, &vkey)?;

    let sealed = value
        .get("content")
        .map(|c| Digest::of(&canonical::print(c)));
    let content: Content = value
        .get("content")
        .and_then(|c| canonical::from_value(c).ok())
        .ok_or_else(|| EvidenceFault("the content does not have the form of a dossier".into()))?;
    let compiled: Vec<Digest> = leaves
        .values()
        .filter_map(|(_, r)| match &r.event {
            Event::Compiled(c) => Some(c.content),
            _ => None,
        })
        .collect();
    if compiled.len() != 1 || compiled.first().copied() != sealed {
        return fault("the content is not the one that was sealed when it was compiled");
    }
    for claim in &content.claims {
        check_claim(claim, &leaves).map_err(|e| EvidenceFault(format!("{}: {e}", claim.id)))?;
    }
    for row in &content.decisions {
        if !row_agrees(row, &leaves) {
            return fault(format!("decision {}: not as sealed", row.index));
        }
    }
    Ok(Verified {
        vkey,
        checkpoint,
        records: leaves.len(),
        content,
    })
}

type Leaves = BTreeMap<u64, (Digest, Record)>;

fn leaves(value: &Value, note: &str, vkey: &Vkey) -> Result<Leaves, EvidenceFault> {
    let mut out = Leaves::new();
    for leaf in value
        .get("leaves")
        .and_then(Value::as_array)
        .unwrap_or_default()
    {
        let index = leaf
            .get("index")
            .and_then(Value::as_integer)
            .and_then(|i| u64::try_from(i).ok());
        let (Some(index), Some(entry), Some(hashes)) = (
            index,
            leaf.get("entry").and_then(Value::as_text),
            leaf.get("proof").and_then(Value::as_array),
        ) else {
            return fault("a leaf has not the form it must have");
        };
        if out.last_key_value().is_some_and(|(last, _)| *last >= index) {
            return fault("leaves are out of order");
        }
        let hashes: Option<Vec<Digest>> = hashes
            .iter()
            .map(|h| {
                STANDARD
                    .decode(h.as_text()?)
                    .ok()?
                    .try_into()
                    .ok()
                    .map(Digest::from_bytes)
            })
            .collect();
        let wrong = |e: String| EvidenceFault(format!("record {index}: {e}"));
        let hashes =
            hashes.ok_or_else(|| wrong("a hash of its proof is not 32 bytes in base64".into()))?;
        let proof = TlogProof {
            extra: None,
            index,
            hashes,
            checkpoint: note.to_owned(),
        };
        proof
            .verify(Some(entry.as_bytes()), vkey)
            .map_err(|e| wrong(e.to_string()))?;
        let record = Record::parse(entry.as_bytes()).map_err(|e| wrong(e.to_string()))?;
        let hash = record.leaf_hash().map_err(|e| wrong(e.to_string()))?;
        out.insert(index, (hash, record));
    }
    Ok(out)
}

fn check_claim(claim: &Claim, leaves: &Leaves) -> Result<(), EvidenceFault> {
    if claim.statistic == "count" {
        let (Some(of), Some(records)) = (&claim.of, &claim.records) else {
            return fault("a count without its records");
        };
        let distinct: std::collections::BTreeSet<&u64> = records.iter().collect();
        if claim.n != distinct.len() as u64 || records.len() != distinct.len() {
            return fault("the count is not that of its records");
        }
        let all = records.iter().all(|i| {
            leaves
                .get(i)
                .is_some_and(|(_, r)| counts_as(&r.event) == Some(of.as_str()))
        });
        return if all {
            Ok(())
        } else {
            fault("a record is not what is counted")
        };
    }
    let Some(at) = claim.validated else {
        return fault("cites no validation");
    };
    if claim.statistic == "analysed" {
        return check_analysed(claim, at, leaves);
    }
    let Some((
        _,
        Record {
            event: Event::Validated(run),
            ..
        },
    )) = leaves.get(&at)
    else {
        return fault("cites no validation");
    };
    let plan = leaves.iter().find_map(|(i, (leaf, r))| match &r.event {
        Event::Planned(p) if *leaf == run.plan => Some((*i, p)),
        _ => None,
    });
    let Some((plan_at, plan)) = plan else {
        return fault("the plan was not sealed before the data");
    };
    if !(plan_at < run.first_index && run.first_index <= run.end_index && run.end_index <= at) {
        return fault("the plan was not sealed before the data");
    }
    let (n, numbers) = recompute(&claim.statistic, leaves, plan, run)?;
    let stated = Stated {
        n: claim.n,
        method: claim.method.as_deref(),
        numbers: [claim.value, claim.lower, claim.upper],
    };
    if !stated.agrees(n, numbers, &claim.statistic) {
        return fault("the number is not what its records give");
    }
    let sealed: Vec<_> = run
        .results
        .iter()
        .filter(|r| r.statistic == claim.statistic)
        .collect();
    let agrees = sealed.len() == 1
        && sealed.iter().all(|s| {
            let stated = Stated {
                n: u64::from(s.n),
                method: Some(&s.method),
                numbers: [s.value, s.lower, s.upper],
            };
            stated.agrees(n, numbers, &claim.statistic)
        });
    if agrees {
        Ok(())
    } else {
        fault("the sealed result is not what its records give")
    }
}

/// An endpoint of an analysis plan stands as it was sealed, and the plan was sealed before its data.
/// The number itself is computed again from the data, with `candour validate`.
fn check_analysed(claim: &Claim, at: u64, leaves: &Leaves) -> Result<(), EvidenceFault> {
    let Some((
        _,
        Record {
            event: Event::Analysed(analysed),
            ..
        },
    )) = leaves.get(&at)
    else {
        return fault("cites no analysis");
    };
    let plan = leaves.iter().find_map(|(i, (leaf, r))| match &r.event {
        Event::AnalysisPlanned(_) if *leaf == analysed.plan => Some(*i),
        _ => None,
    });
    let data = leaves.iter().find_map(|(i, (leaf, r))| match &r.event {
        Event::DataEntered(d) if *leaf == analysed.data && d.plan == analysed.plan => Some((*i, d)),
        _ => None,
    });
    let ordered = plan.zip(data).is_some_and(|(plan, (data, entered))| {
        let first = entered.first_index.unwrap_or(data);
        plan < first && first <= data && data < at
    });
    if !ordered {
        return fault("the plan was not sealed before the data");
    }
    let mine: Vec<_> = analysed
        .endpoints
        .iter()
        .filter(|e| claim.of.as_deref() == Some(e.id.as_str()))
        .collect();
    let [sealed] = mine.as_slice() else {
        return fault("is no endpoint of the analysis that it cites");
    };
    let same = sealed.n == claim.n
        && sealed.method == claim.method
        && [sealed.value, sealed.lower, sealed.upper] == [claim.value, claim.lower, claim.upper];
    if same {
        Ok(())
    } else {
        fault("the number is not the one that was sealed")
    }
}

fn counts_as(event: &Event) -> Option<&'static str> {
    match event {
        Event::Decided(d) if d.purpose == Purpose::Use => Some(match d.outcome {
            DecisionOutcome::Finding => "finding",
            DecisionOutcome::NoFinding => "no_finding",
            DecisionOutcome::Abstained => "abstained",
        }),
        Event::Refused(r) if r.purpose == Purpose::Use => Some("refused"),
        Event::Overseen(o) => Some(o.verdict.key()),
        _ => None,
    }
}

struct Stated<'a> {
    n: u64,
    method: Option<&'a str>,
    numbers: [Option<Real>; 3],
}

type Numbers = Option<[f64; 3]>;

impl Stated<'_> {
    /// Whether a stated result is the computed one, to the last few bits of double precision.
    fn agrees(&self, n: u64, computed: Numbers, statistic: &str) -> bool {
        let method = if statistic == "auc" {
            "delong"
        } else {
            "wilson"
        };
        let close = |a: f64, b: f64| (a - b).abs() <= (1e-9 * a.abs().max(b.abs())).max(1e-12);
        self.n == n
            && match computed {
                None => self.numbers.iter().all(Option::is_none),
                Some(numbers) => {
                    self.method == Some(method)
                        && self
                            .numbers
                            .iter()
                            .zip(numbers)
                            .all(|(s, c)| s.is_some_and(|s| close(s.get(), c)))
                }
            }
    }
}

/// One statistic from the records of a run (`spec/evidence.md`, section 4).
fn recompute(
    statistic: &str,
    leaves: &Leaves,
    plan: &Planned,
    run: &Validated,
) -> Result<(u64, Numbers), EvidenceFault> {
    let mut answers: BTreeMap<CaseId, (Option<DecisionOutcome>, Option<f64>)> = BTreeMap::new();
    let mut reference: BTreeMap<CaseId, Reference> = BTreeMap::new();
    for index in run.first_index..run.end_index {
        let Some((_, record)) = leaves.get(&index) else {
            return fault(format!("record {index} of the validation run was left out"));
        };
        match &record.event {
            Event::Outcome(Outcome {
                case,
                reference: r,
                purpose: Purpose::Validation,
                ..
            }) => {
                reference.insert(*case, *r);
            }
            Event::Decided(d) if d.purpose == Purpose::Validation && d.model == plan.model => {
                answers.insert(d.case, (Some(d.outcome), Some(d.probability.get())));
            }
            Event::Refused(r) if r.purpose == Purpose::Validation => {
                if let Some(case) = r.case {
                    answers.entry(case).or_insert((None, None));
                }
            }
            _ => {}
        }
    }
    if reference.len() as u64 != u64::from(plan.cases) {
        return fault("the run does not have the planned number of cases");
    }
    let broken = |e: candour_statistics::StatisticsError| EvidenceFault(e.to_string());
    let level = plan.level.get();
    if statistic == "auc" {
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for (case, r) in &reference {
            let (list, worst) = match r {
                Reference::Positive => (&mut positive, f64::NEG_INFINITY),
                Reference::Negative => (&mut negative, f64::INFINITY),
            };
            list.push(answers.get(case).and_then(|a| a.1).unwrap_or(worst));
        }
        let auc = estimable(delong_auc(&positive, &negative, level)).map_err(broken)?;
        return Ok((
            reference.len() as u64,
            auc.map(|a| [a.value, a.interval.lower, a.interval.upper]),
        ));
    }
    let (base, complete) = statistic
        .strip_suffix("_complete_case")
        .map_or((statistic, false), |b| (b, true));
    let (class, right) = match base {
        "sensitivity" => (Reference::Positive, DecisionOutcome::Finding),
        "specificity" => (Reference::Negative, DecisionOutcome::NoFinding),
        _ => return fault("a statistic that this release does not know"),
    };
    let mine: Vec<Option<DecisionOutcome>> = reference
        .iter()
        .filter(|(_, r)| **r == class)
        .map(|(case, _)| answers.get(case).and_then(|a| a.0))
        .filter(|o| !complete || o.is_some_and(|o| o != DecisionOutcome::Abstained))
        .collect();
    let good = mine.iter().filter(|o| **o == Some(right)).count();
    let p = wilson_interval(good as u64, mine.len() as u64, level).map_err(broken)?;
    Ok((
        mine.len() as u64,
        p.map(|p| [p.value, p.interval.lower, p.interval.upper]),
    ))
}

fn row_agrees(row: &DecisionRow, leaves: &Leaves) -> bool {
    let Some((_, record)) = leaves.get(&row.index) else {
        return false;
    };
    let of = |case, outcome, probability, criterion| DecisionRow {
        index: row.index,
        at: record.at,
        case,
        outcome,
        probability,
        criterion,
    };
    let sealed = match &record.event {
        Event::Decided(d) => of(Some(d.case), Some(d.outcome), Some(d.probability), None),
        Event::Refused(r) => of(r.case, None, None, Some(r.criterion.clone())),
        _ => return false,
    };
    sealed == *row
}
