//! Multiple testing: adjusted p-values of one family, and procedures with an order (fixed sequence,
//! fallback, gatekeeping, graphs).

use std::collections::BTreeSet;

use crate::catalogue::{Entry, Group, Kind, Labels, Need, Role, Sample, Setting, SettingKind};
use crate::number::{Answer, Cell, Number, StatisticsError, Table};
use crate::proportion::idle;

/// How the p-values of one family are adjusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// Holm 1979: family-wise error under any dependence.
    Holm,
    /// Hochberg 1988: family-wise error under independence or positive dependence.
    Hochberg,
    /// Hommel 1988: as Hochberg, and stronger.
    Hommel,
    /// Bonferroni: family-wise error under any dependence.
    Bonferroni,
    /// Sidak 1967: family-wise error under independence.
    Sidak,
    /// Step-down Sidak (Holland and Copenhaver 1987).
    HolmSidak,
    /// Benjamini and Hochberg 1995: false discovery rate, for exploration.
    BenjaminiHochberg,
    /// Benjamini and Yekutieli 2001: false discovery rate under any dependence.
    BenjaminiYekutieli,
}

impl Adjustment {
    /// The words of the `method` setting.
    pub const WORDS: &'static [&'static str] = &[
        "holm",
        "hochberg",
        "hommel",
        "bonferroni",
        "sidak",
        "holm-sidak",
        "bh",
        "by",
    ];

    /// By its word; Holm for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "hochberg" => Self::Hochberg,
            "hommel" => Self::Hommel,
            "bonferroni" => Self::Bonferroni,
            "sidak" => Self::Sidak,
            "holm-sidak" => Self::HolmSidak,
            "bh" => Self::BenjaminiHochberg,
            "by" => Self::BenjaminiYekutieli,
            _ => Self::Holm,
        }
    }

    /// Its id in results.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Holm => "holm",
            Self::Hochberg => "hochberg",
            Self::Hommel => "hommel",
            Self::Bonferroni => "bonferroni",
            Self::Sidak => "sidak",
            Self::HolmSidak => "holm-sidak",
            Self::BenjaminiHochberg => "bh",
            Self::BenjaminiYekutieli => "by",
        }
    }
}

/// Adjusted p-values of one family, in the order given (R `p.adjust`).
///
/// # Errors
/// When a p-value lies outside [0, 1].
pub fn adjust(p: &[f64], method: Adjustment) -> Result<Vec<f64>, StatisticsError> {
    check(p)?;
    let m = p.len() as f64;
    let order = ascending(p);
    let sorted: Vec<f64> = order.iter().filter_map(|i| p.get(*i)).copied().collect();
    let ranked = || sorted.iter().enumerate().map(|(i, v)| (i as f64 + 1.0, *v));
    let adjusted: Vec<f64> = match method {
        Adjustment::Bonferroni => sorted.iter().map(|v| m * v).collect(),
        Adjustment::Sidak => sorted.iter().map(|v| sidak(*v, m)).collect(),
        Adjustment::Holm => running_max(ranked().map(|(rank, v)| (m - rank + 1.0) * v)),
        Adjustment::HolmSidak => running_max(ranked().map(|(rank, v)| sidak(v, m - rank + 1.0))),
        Adjustment::Hochberg => {
            running_min(ranked().map(|(rank, v)| (m - rank + 1.0) * v).collect())
        }
        Adjustment::BenjaminiHochberg => {
            running_min(ranked().map(|(rank, v)| m / rank * v).collect())
        }
        Adjustment::BenjaminiYekutieli => {
            let harmonic: f64 = (1..=p.len()).rev().map(|i| 1.0 / i as f64).sum();
            running_min(ranked().map(|(rank, v)| harmonic * m / rank * v).collect())
        }
        Adjustment::Hommel => hommel(&sorted),
    };
    let mut out = vec![0.0; p.len()];
    for (place, value) in order.into_iter().zip(adjusted) {
        if let Some(slot) = out.get_mut(place) {
            *slot = value.min(1.0);
        }
    }
    Ok(out)
}

/// Adjusted p-values of hypotheses tested in the order given, each at full alpha until the first that
/// fails: the largest p so far (Maurer, Hothorn and Lehmacher 1995).
///
/// # Errors
/// When a p-value lies outside [0, 1].
pub fn fixed_sequence(p: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    check(p)?;
    Ok(running_max(p.iter().copied()))
}

/// A graph of hypotheses: how much of alpha each starts with, and to which others it passes it when
/// rejected.
#[derive(Clone, Debug, PartialEq)]
pub struct TestingGraph {
    /// Shares of alpha, not negative, with a sum of at most 1.
    pub weights: Vec<f64>,
    /// `transitions[i][j]`: the share of hypothesis i's weight that passes to j. Rows sum to at most
    /// 1, the diagonal is 0.
    pub transitions: Vec<Vec<f64>>,
}

/// Adjusted p-values of the graphical sequentially rejective procedure (Bretz, Maurer, Brannath and
/// Posch 2009, algorithm 2). A hypothesis that never gets any weight has 1.
///
/// # Errors
/// When a p-value lies outside [0, 1] or the graph breaks its rules.
pub fn graphical(p: &[f64], graph: &TestingGraph) -> Result<Vec<f64>, StatisticsError> {
    check(p)?;
    check_graph(graph, p.len())?;
    let mut weights = graph.weights.clone();
    let mut passes = graph.transitions.clone();
    let mut open = vec![true; p.len()];
    let mut adjusted = vec![1.0; p.len()];
    let mut so_far: f64 = 0.0;
    loop {
        let best = p
            .iter()
            .zip(&weights)
            .zip(&open)
            .enumerate()
            .filter(|(_, ((_, w), open))| **open && **w > 0.0)
            .map(|(i, ((p, w), _))| (i, p / w))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((rejected, ratio)) = best else { break };
        so_far = so_far.max(ratio).min(1.0);
        if let (Some(value), Some(flag)) = (adjusted.get_mut(rejected), open.get_mut(rejected)) {
            *value = so_far;
            *flag = false;
        }
        let out = passes.get(rejected).cloned().unwrap_or_default();
        let own = weights.get(rejected).copied().unwrap_or(0.0);
        for ((w, g), open) in weights.iter_mut().zip(&out).zip(&open) {
            *w = if *open { *w + own * g } else { 0.0 };
        }
        // Paths through the rejected hypothesis are closed up.
        for (from, row) in passes.iter_mut().enumerate() {
            let to_rejected = row.get(rejected).copied().unwrap_or(0.0);
            let loop_share = to_rejected * out.get(from).copied().unwrap_or(0.0);
            for (to, g) in row.iter_mut().enumerate() {
                let usable = from != to && to != rejected && loop_share < 1.0;
                *g = if usable {
                    (*g + to_rejected * out.get(to).copied().unwrap_or(0.0)) / (1.0 - loop_share)
                } else {
                    0.0
                };
            }
        }
    }
    Ok(adjusted)
}

/// Adjusted p-values of the fallback procedure in the order given: each hypothesis has a weight, and
/// passes it to the next when rejected (Wiens 2003; Wiens and Dmitrienko 2005).
///
/// # Errors
/// As [`graphical`].
pub fn fallback(p: &[f64], weights: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    let transitions = (0..p.len())
        .map(|i| {
            (0..p.len())
                .map(|j| if j == i + 1 { 1.0 } else { 0.0 })
                .collect()
        })
        .collect();
    graphical(
        p,
        &TestingGraph {
            weights: weights.to_vec(),
            transitions,
        },
    )
}

/// Adjusted p-values of serial gatekeeping: a family is tested, by `method`, only when all of the
/// families before it are rejected (Westfall and Krishen 2001). `family` holds each hypothesis'
/// place in the order of families.
///
/// # Errors
/// When a p-value lies outside [0, 1] or the lists differ in length.
pub fn serial_gatekeeping(
    p: &[f64],
    family: &[usize],
    method: Adjustment,
) -> Result<Vec<f64>, StatisticsError> {
    same_length(p, family)?;
    let mut out = vec![0.0; p.len()];
    let mut gate: f64 = 0.0;
    for name in family.iter().collect::<BTreeSet<_>>() {
        let rows = rows_of(family, *name);
        let own: Vec<f64> = rows.iter().filter_map(|r| p.get(*r)).copied().collect();
        let mut next = gate;
        for (row, value) in rows.iter().zip(adjust(&own, method)?) {
            if let Some(slot) = out.get_mut(*row) {
                *slot = value.max(gate);
                next = next.max(*slot);
            }
        }
        gate = next;
    }
    Ok(out)
}

/// Adjusted p-values of parallel gatekeeping: each family but the last is tested by the truncated Holm
/// test, and passes on what its rejections free; the last by Holm (Dmitrienko, Tamhane and Wiens
/// 2008). `truncation` 0 is Bonferroni (Dmitrienko, Offen and Westfall 2003). The adjusted p-value is
/// the smallest alpha at which the hypothesis is rejected, found by bisection.
///
/// # Errors
/// When a p-value lies outside [0, 1], the lists differ in length, or the truncation lies outside
/// [0, 1).
pub fn parallel_gatekeeping(
    p: &[f64],
    family: &[usize],
    truncation: f64,
) -> Result<Vec<f64>, StatisticsError> {
    same_length(p, family)?;
    check(p)?;
    if !(0.0..1.0).contains(&truncation) {
        return Err(StatisticsError::setting(
            "truncation",
            truncation,
            "from 0 (Bonferroni) to below 1",
        ));
    }
    let families: Vec<Vec<usize>> = family
        .iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|name| rows_of(family, *name))
        .collect();
    let at_one = multistage(p, &families, truncation, 1.0);
    Ok((0..p.len())
        .map(|row| {
            if !at_one.get(row).copied().unwrap_or(false) {
                return 1.0;
            }
            // Rejections only grow with alpha.
            let (mut low, mut high): (f64, f64) = (0.0, 1.0);
            for _ in 0..90 {
                let middle = f64::midpoint(low, high);
                if middle <= low || middle >= high {
                    break;
                }
                if multistage(p, &families, truncation, middle)
                    .get(row)
                    .copied()
                    .unwrap_or(false)
                {
                    high = middle;
                } else {
                    low = middle;
                }
            }
            high
        })
        .collect())
}

/// Which hypotheses the multistage procedure rejects at `alpha`.
fn multistage(p: &[f64], families: &[Vec<usize>], truncation: f64, alpha: f64) -> Vec<bool> {
    let mut rejected = vec![false; p.len()];
    let mut alpha = alpha;
    for (place, rows) in families.iter().enumerate() {
        let gamma = if place + 1 == families.len() {
            1.0
        } else {
            truncation
        };
        let m = rows.len() as f64;
        let mut sorted = rows.clone();
        let value = |r: &usize| p.get(*r).copied().unwrap_or(1.0);
        sorted.sort_by(|a, b| value(a).total_cmp(&value(b)));
        let mut accepted = m;
        for row in &sorted {
            if value(row) > alpha * (gamma / accepted + (1.0 - gamma) / m) {
                break;
            }
            if let Some(slot) = rejected.get_mut(*row) {
                *slot = true;
            }
            accepted -= 1.0;
        }
        if accepted > 0.0 {
            alpha *= (1.0 - gamma) * (1.0 - accepted / m);
        }
        if alpha <= 0.0 {
            break;
        }
    }
    rejected
}

fn check(p: &[f64]) -> Result<(), StatisticsError> {
    match p.iter().position(|v| !(0.0..=1.0).contains(v)) {
        Some(row) => Err(StatisticsError::Value {
            column: "p_value".into(),
            row,
            what: "is no p-value; it lies between 0 and 1".into(),
        }),
        None => Ok(()),
    }
}

fn check_graph(graph: &TestingGraph, m: usize) -> Result<(), StatisticsError> {
    let fits = |v: &f64| (0.0..=1.0 + 1e-9).contains(v);
    if graph.weights.len() != m
        || graph.transitions.len() != m
        || graph.transitions.iter().any(|r| r.len() != m)
    {
        return Err(StatisticsError::Data(format!(
            "{m} hypotheses need {m} weights and {} transitions, row by row",
            m * m
        )));
    }
    if !graph.weights.iter().all(fits) || graph.weights.iter().sum::<f64>() > 1.0 + 1e-9 {
        return Err(StatisticsError::Data(
            "weights must not be negative and sum to at most 1".into(),
        ));
    }
    for (i, row) in graph.transitions.iter().enumerate() {
        if !row.iter().all(fits) || row.iter().sum::<f64>() > 1.0 + 1e-9 || row.get(i) != Some(&0.0)
        {
            return Err(StatisticsError::Data(format!(
                "transitions from hypothesis {} must not be negative, sum to at most 1 and not return to itself",
                i + 1
            )));
        }
    }
    Ok(())
}

fn same_length(p: &[f64], family: &[usize]) -> Result<(), StatisticsError> {
    if p.len() == family.len() {
        Ok(())
    } else {
        Err(StatisticsError::Data(format!(
            "{} p-values but {} families",
            p.len(),
            family.len()
        )))
    }
}

fn rows_of(family: &[usize], name: usize) -> Vec<usize> {
    family
        .iter()
        .enumerate()
        .filter(|(_, f)| **f == name)
        .map(|(r, _)| r)
        .collect()
}

fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<(usize, f64)> = p.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    order.into_iter().map(|(i, _)| i).collect()
}

fn sidak(p: f64, m: f64) -> f64 {
    -(m * (-p).ln_1p()).exp_m1()
}

fn running_max(values: impl Iterator<Item = f64>) -> Vec<f64> {
    values
        .scan(0.0f64, |most, v| {
            *most = most.max(v);
            Some(*most)
        })
        .collect()
}

fn running_min(mut values: Vec<f64>) -> Vec<f64> {
    let mut least = f64::INFINITY;
    for v in values.iter_mut().rev() {
        least = least.min(*v);
        *v = least;
    }
    values
}

/// Hommel's adjusted p-values of sorted p-values: for each size s of an intersection the Simes p-value
/// of the hypothesis joined with the s - 1 largest others (Wright 1992, appendix).
fn hommel(sorted: &[f64]) -> Vec<f64> {
    let m = sorted.len();
    let mut adjusted = sorted.to_vec();
    for size in 2..=m {
        let s = size as f64;
        // The `size - 1` largest p-values, which may join any smaller one.
        let (small, large) = sorted.split_at(m + 1 - size);
        let simes = large
            .iter()
            .enumerate()
            .map(|(i, v)| s * v / (i as f64 + 2.0))
            .fold(f64::INFINITY, f64::min);
        let mut last = 0.0;
        for (a, v) in adjusted.iter_mut().zip(small) {
            last = simes.min(s * v);
            *a = a.max(last);
        }
        for a in adjusted.iter_mut().skip(small.len()) {
            *a = a.max(last);
        }
    }
    adjusted
}

/// The hypotheses of a sample in their order, named.
struct Hypotheses {
    p: Vec<f64>,
    names: Vec<String>,
    /// For each place in the order, its row.
    rows: Vec<usize>,
}

fn hypotheses(sample: &Sample) -> Result<Hypotheses, StatisticsError> {
    let p = sample.reals("p_value");
    if p.is_empty() {
        return Err(StatisticsError::not_estimable("there are no hypotheses"));
    }
    let mut rows: Vec<usize> = (0..p.len()).collect();
    if let Some(order) = sample.optional_reals("order") {
        let key = |r: &usize| order.get(*r).copied().unwrap_or(0.0);
        rows.sort_by(|a, b| key(a).total_cmp(&key(b)));
        // The sort is stable, so the second of two equals is the later row.
        let mut pairs = rows.iter().zip(rows.iter().skip(1));
        if let Some((_, row)) = pairs.find(|(a, b)| key(a) == key(b)) {
            return Err(StatisticsError::Value {
                column: "order".into(),
                row: *row,
                what: "is the place of an earlier row; each hypothesis needs a place of its own"
                    .into(),
            });
        }
    }
    if let Some(row) = sample.labels("label").and_then(Labels::first_repeat) {
        return Err(StatisticsError::Value {
            column: "label".into(),
            row,
            what: "is the name of an earlier row; each hypothesis needs a name of its own".into(),
        });
    }
    let all: Vec<String> = match sample.labels("label") {
        None => (1..=p.len()).map(|i| i.to_string()).collect(),
        Some(l) => l
            .complete()
            .into_iter()
            .map(|c| l.names.get(c).cloned().unwrap_or_default())
            .collect(),
    };
    Ok(Hypotheses {
        p: rows.iter().filter_map(|r| p.get(*r)).copied().collect(),
        names: rows.iter().filter_map(|r| all.get(*r)).cloned().collect(),
        rows,
    })
}

fn answer(h: &Hypotheses, adjusted: &[f64], definition: &str, alpha: f64) -> Answer {
    let n = h.p.len();
    let rejected = adjusted.iter().filter(|p| **p <= alpha).count();
    let mut answer = Answer::default();
    answer
        .numbers
        .push(Number::plain("rejected", definition, rejected as f64, n));
    let mut rows = Vec::new();
    for ((name, p), a) in h.names.iter().zip(&h.p).zip(adjusted) {
        answer.numbers.push(Number::plain(
            format!("adjusted_p.{name}"),
            definition,
            *a,
            n,
        ));
        rows.push(vec![
            Cell::Text(name.clone()),
            Cell::Real(*p),
            Cell::Real(*a),
            Cell::Text(
                if *a <= alpha {
                    "rejected"
                } else {
                    "not rejected"
                }
                .into(),
            ),
        ]);
    }
    answer.tables.push(Table {
        name: "hypotheses".into(),
        columns: vec![
            "hypothesis".into(),
            "p".into(),
            "adjusted p".into(),
            "decision".into(),
        ],
        rows,
    });
    answer
}

fn run_adjust(sample: &Sample) -> Result<Answer, StatisticsError> {
    let h = hypotheses(sample)?;
    let method = Adjustment::from_word(sample.word("method"));
    let adjusted = match sample.labels("family") {
        None => adjust(&h.p, method)?,
        Some(l) => {
            let codes = l.complete();
            let mut out = vec![0.0; h.p.len()];
            for name in codes.iter().collect::<BTreeSet<_>>() {
                let rows = rows_of(&codes, *name);
                let own: Vec<f64> = rows.iter().filter_map(|r| h.p.get(*r)).copied().collect();
                for (row, value) in rows.iter().zip(adjust(&own, method)?) {
                    if let Some(slot) = out.get_mut(*row) {
                        *slot = value;
                    }
                }
            }
            out
        }
    };
    let mut answer = answer(&h, &adjusted, method.id(), sample.real("alpha"));
    answer.notes.push(
        match method {
            Adjustment::BenjaminiHochberg | Adjustment::BenjaminiYekutieli => {
                "controls the false discovery rate: for exploration, not for claims"
            }
            Adjustment::Hochberg | Adjustment::Hommel => {
                "controls the family-wise error when tests are independent or positively dependent"
            }
            Adjustment::Sidak | Adjustment::HolmSidak => {
                "controls the family-wise error when tests are independent"
            }
            Adjustment::Holm | Adjustment::Bonferroni => {
                "controls the family-wise error under any dependence"
            }
        }
        .into(),
    );
    if sample.labels("family").is_some() {
        answer.notes.push(
            "each family is adjusted on its own; nothing is controlled across families".into(),
        );
    }
    Ok(answer)
}

fn run_sequence(sample: &Sample) -> Result<Answer, StatisticsError> {
    let h = hypotheses(sample)?;
    let adjusted = fixed_sequence(&h.p)?;
    let mut answer = answer(&h, &adjusted, "fixed-sequence", sample.real("alpha"));
    if sample.optional_reals("order").is_none() {
        answer
            .notes
            .push("hypotheses are taken in the order of the rows".into());
    }
    Ok(answer)
}

fn run_fallback(sample: &Sample) -> Result<Answer, StatisticsError> {
    let h = hypotheses(sample)?;
    let adjusted = fallback(&h.p, &weights(sample, &h))?;
    Ok(answer(&h, &adjusted, "fallback", sample.real("alpha")))
}

/// The weights of the hypotheses; equal ones where no column is given.
fn weights(sample: &Sample, h: &Hypotheses) -> Vec<f64> {
    match sample.optional_reals("weight") {
        Some(w) => h.rows.iter().filter_map(|r| w.get(*r)).copied().collect(),
        None => vec![1.0 / h.p.len() as f64; h.p.len()],
    }
}

fn run_gatekeeping(sample: &Sample) -> Result<Answer, StatisticsError> {
    let h = hypotheses(sample)?;
    let family = sample
        .labels("family")
        .map(|l| l.complete())
        .unwrap_or_default();
    let alpha = sample.real("alpha");
    if sample.word("gate") == "parallel" {
        let truncation = sample.real("truncation");
        let adjusted = parallel_gatekeeping(&h.p, &family, truncation)?;
        let definition = if truncation == 0.0 {
            "gatekeeping.parallel.bonferroni"
        } else {
            "gatekeeping.parallel.truncated-holm"
        };
        let mut answer = answer(&h, &adjusted, definition, alpha);
        idle(
            &mut answer,
            sample,
            "method",
            "holm",
            "the parallel gate tests each family by Holm, truncated by `truncation`",
        );
        return Ok(answer);
    }
    if sample.real("truncation") != 0.0 {
        return Err(StatisticsError::setting(
            "truncation",
            sample.real("truncation"),
            "the serial gate truncates nothing; set `gate` to parallel or leave it out",
        ));
    }
    let method = Adjustment::from_word(sample.word("method"));
    let adjusted = serial_gatekeeping(&h.p, &family, method)?;
    Ok(answer(
        &h,
        &adjusted,
        &format!("gatekeeping.serial.{}", method.id()),
        alpha,
    ))
}

fn run_graph(sample: &Sample) -> Result<Answer, StatisticsError> {
    let h = hypotheses(sample)?;
    let flat = sample.list("transitions");
    let m = h.p.len();
    if flat.len() != m * m {
        return Err(StatisticsError::setting(
            "transitions",
            format!("{} numbers", flat.len()),
            format!(
                "{} numbers, row by row: from hypothesis 1 to each, from 2 to each, ...",
                m * m
            ),
        ));
    }
    let graph = TestingGraph {
        weights: weights(sample, &h),
        transitions: flat.chunks(m).map(<[f64]>::to_vec).collect(),
    };
    let adjusted = graphical(&h.p, &graph)?;
    Ok(answer(
        &h,
        &adjusted,
        "graphical.bretz-2009",
        sample.real("alpha"),
    ))
}

const P_VALUE: Role = Role {
    name: "p_value",
    what: "the p-value of each hypothesis",
    kind: Kind::Probability,
    need: Need::One,
    missing: false,
};

const HYPOTHESIS: Role = Role {
    name: "label",
    what: "the name of each hypothesis; without it their row numbers from 1",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

const ORDER: Role = Role {
    name: "order",
    what: "the place of each hypothesis; without it the order of the rows",
    kind: Kind::Count,
    need: Need::Optional,
    missing: false,
};

const FAMILY: Role = Role {
    name: "family",
    what: "the family of each hypothesis; families are taken in the order of their names",
    kind: Kind::Label,
    need: Need::One,
    missing: false,
};

const WEIGHT: Role = Role {
    name: "weight",
    what: "the share of alpha each hypothesis starts with; without it equal shares",
    kind: Kind::Probability,
    need: Need::Optional,
    missing: false,
};

const ALPHA: Setting = Setting {
    name: "alpha",
    what: "the error rate that is controlled",
    kind: SettingKind::Open(0.0, 1.0),
    default: Some("0.05"),
};

const ADJUSTMENT: Setting = Setting {
    name: "method",
    what: "the adjustment within a family",
    kind: SettingKind::Choice(Adjustment::WORDS),
    default: Some("holm"),
};

/// The numbers of each entry of this group.
const NUMBERS: &[&str] = &["rejected", "adjusted_p.{hypothesis}"];

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "multiplicity",
        group: Group::Multiplicity,
        title: "Adjusted p-values of a family",
        formula: "Holm: max over j <= i of (m-j+1) p(j); Hochberg: min over j >= i of (m-j+1) p(j); Hommel: closed Simes \
            tests; Bonferroni: m p; Sidak: 1 - (1-p)^m; BH: min over j >= i of m p(j)/j; BY: BH times sum 1/j",
        source: "Holm 1979; Hochberg 1988; Hommel 1988; Wright 1992; Sidak 1967; Benjamini and Hochberg 1995; Benjamini \
            and Yekutieli 2001",
        assumptions: "All hypotheses of the family are listed, also those that failed. BH and BY are for exploration only.",
        compared_with: "R 4.2 p.adjust; statsmodels 0.15.0 multipletests (Sidak)",
        roles: &[
            P_VALUE,
            HYPOTHESIS,
            Role {
                need: Need::Optional,
                ..FAMILY
            },
        ],
        settings: &[ADJUSTMENT, ALPHA],
        numbers: NUMBERS,
        run: run_adjust,
    },
    Entry {
        id: "multiplicity-fixed-sequence",
        group: Group::Multiplicity,
        title: "Fixed-sequence testing",
        formula: "adjusted p(i) = max over j <= i of p(j)",
        source: "Maurer, Hothorn and Lehmacher 1995; ICH E9",
        assumptions: "The order is fixed before the data are seen. After the first failure nothing more can be claimed.",
        compared_with: "R 4.2 cummax",
        roles: &[P_VALUE, HYPOTHESIS, ORDER],
        settings: &[ALPHA],
        numbers: NUMBERS,
        run: run_sequence,
    },
    Entry {
        id: "multiplicity-fallback",
        group: Group::Multiplicity,
        title: "Fallback procedure",
        formula: "hypothesis i is tested at its own share of alpha and what the one before passed on; adjusted p by the \
            graph i -> i + 1",
        source: "Wiens 2003; Wiens and Dmitrienko 2005; Bretz et al. 2009",
        assumptions: "Order and shares are fixed before the data are seen; shares sum to at most 1.",
        compared_with: "stepwise definition in Python",
        roles: &[P_VALUE, HYPOTHESIS, ORDER, WEIGHT],
        settings: &[ALPHA],
        numbers: NUMBERS,
        run: run_fallback,
    },
    Entry {
        id: "multiplicity-gatekeeping",
        group: Group::Multiplicity,
        title: "Gatekeeping over ordered families",
        formula: "serial: a family opens when all before it are rejected; parallel: truncated Holm, alpha(k+1) = alpha(k) - \
            e(k), e = alpha (gamma + (1-gamma) accepted/m), 0 if none is accepted; the last family by Holm",
        source: "Westfall and Krishen 2001; Dmitrienko, Offen and Westfall 2003; Dmitrienko, Tamhane and Wiens 2008",
        assumptions: "Families and their order are fixed before the data are seen; families are ordered by their names. \
            The serial gate tests each family by `method`, the parallel one by `truncation`.",
        compared_with: "the graph form and the stepwise definition in Python",
        roles: &[P_VALUE, HYPOTHESIS, FAMILY],
        settings: &[
            Setting {
                name: "gate",
                what: "all of a family must be rejected, or any",
                kind: SettingKind::Choice(&["serial", "parallel"]),
                default: Some("serial"),
            },
            ADJUSTMENT,
            Setting {
                name: "truncation",
                what: "truncation of Holm in the parallel gate; 0 is Bonferroni",
                kind: SettingKind::Real(0.0, 0.999),
                default: Some("0"),
            },
            ALPHA,
        ],
        numbers: NUMBERS,
        run: run_gatekeeping,
    },
    Entry {
        id: "multiplicity-graph",
        group: Group::Multiplicity,
        title: "Graphical sequentially rejective procedure",
        formula: "reject the smallest p/w; w(l) += w(j) g(jl); g(lk) = (g(lk) + g(lj) g(jk)) / (1 - g(lj) g(jl)); adjusted p = \
            running maximum of p/w",
        source: "Bretz, Maurer, Brannath and Posch 2009 Stat Med 28:586",
        assumptions: "Weights and transitions are fixed before the data are seen; valid under any dependence.",
        compared_with: "closed test with Bonferroni weights in Python",
        roles: &[P_VALUE, HYPOTHESIS, WEIGHT],
        settings: &[
            Setting {
                name: "transitions",
                what: "shares of weight passed on, row by row, m times m numbers",
                kind: SettingKind::Reals,
                default: None,
            },
            ALPHA,
        ],
        numbers: NUMBERS,
        run: run_graph,
    },
];
