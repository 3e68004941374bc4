//! The plan applied to the data: who was analysed, each endpoint with its interval, what missing and
//! indeterminate results do to it, subgroups, and whether the claim stands.

use std::collections::{BTreeMap, BTreeSet};

use candour_record::Digest;
use candour_statistics::catalogue::{self, Column, Entry, Kind, Labels, Role, Sample};
use candour_statistics::distribution::{chi_squared_tail, two_sided_z};
use candour_statistics::{Answer, Interval, Number, StatisticsError};
use serde::Serialize;

use crate::plan::{Endpoint, Goal, Handle, Method, Plan, Subgroup, Weight};
use crate::table::{Table, TableError};

/// Columns that hold the index test's result: a missing or indeterminate cell there is a result that
/// must be counted, not a fault of the file.
const RESULTS: &[&str] = &["score", "probability", "call"];

/// Whether the role holds numbers that are no results of the index test.
fn measured(role: &Role) -> bool {
    !RESULTS.contains(&role.name) && !matches!(role.kind, Kind::Label | Kind::Binary)
}
/// Halvings of the error in which a p-value is found by inverting an interval: to about 1e-12.
const HALVINGS: usize = 40;

/// Why an analysis ended.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AnalysisError {
    /// A table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// An endpoint that cannot be computed from these data as planned.
    #[error("{file}:{line}: endpoint `{endpoint}`: {what}")]
    Endpoint {
        /// The plan's file.
        file: String,
        /// Its line.
        line: usize,
        /// The endpoint's id.
        endpoint: String,
        /// What is wrong, and what mends it.
        what: String,
    },
    /// The data as a whole do not fit the plan.
    #[error("{0}")]
    Data(String),
}

/// One file of data, as it was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataFile {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many bytes.
    pub bytes: u64,
    /// How many rows.
    pub rows: usize,
}

impl DataFile {
    /// What is said of a table.
    #[must_use]
    pub fn of(table: &Table) -> Self {
        Self {
            name: table.name.clone(),
            digest: table.digest,
            bytes: table.bytes,
            rows: table.rows(),
        }
    }
}

/// Who was analysed: the numbers of a STARD flow diagram.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Flow {
    /// Rows of the first file.
    pub rows: usize,
    /// Rows of the first file that left before analysis, with the reason, in order: what is analysed
    /// is the rest.
    pub excluded: Vec<(String, usize)>,
    /// Rows of further files that have no partner in the first: never among [`Self::rows`].
    pub unmatched: Vec<(String, usize)>,
    /// Rows analysed.
    pub analysed: usize,
    /// Clusters among them, where the plan names a cluster.
    pub clusters: Option<usize>,
}

/// Rows of one endpoint by what they could give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Rows that the endpoint looks at.
    pub rows: usize,
    /// Rows without a reference standard: left out.
    pub no_truth: usize,
    /// Rows whose result is missing.
    pub missing: usize,
    /// Rows whose result says neither.
    pub indeterminate: usize,
    /// Rows that went into the statistic.
    pub used: usize,
}

/// One endpoint's answer under another way of counting missing and indeterminate results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Variant {
    /// How they were counted.
    pub handling: Handle,
    /// The number that the endpoint is about.
    pub number: Number,
}

/// One level of a subgroup.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Level {
    /// Its name; `(not stated)` for empty cells.
    pub name: String,
    /// Rows that went into it.
    pub n: usize,
    /// The estimate, or why there is none.
    pub number: Number,
}

/// Whether the levels of a subgroup differ by more than chance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Interaction {
    /// The test.
    pub method: String,
    /// Its statistic.
    pub statistic: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Its p-value.
    pub p: f64,
}

/// One endpoint within the levels of one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubgroupResult {
    /// The endpoint.
    pub endpoint: String,
    /// The column.
    pub column: String,
    /// What it is called.
    pub title: String,
    /// Its line in the plan.
    pub line: usize,
    /// The levels, by name.
    pub levels: Vec<Level>,
    /// The test of interaction, where at least two levels have an estimate with a spread.
    pub interaction: Option<Interaction>,
}

/// One endpoint, answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointResult {
    /// Its id.
    pub id: String,
    /// Its line in the plan.
    pub line: usize,
    /// Rows by what they could give.
    pub counted: Counted,
    /// How missing and indeterminate results were counted.
    pub missing: Handle,
    /// The same for results that say neither.
    pub indeterminate: Handle,
    /// Everything the statistic answers; none where it is not estimable at all.
    pub answer: Option<Answer>,
    /// The number that the endpoint is about.
    pub number: Number,
    /// Whether its goal is met, before other endpoints are looked at.
    pub met: Option<bool>,
    /// The other ways of counting.
    pub variants: Vec<Variant>,
}

/// What multiplicity makes of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// The endpoint.
    pub endpoint: String,
    /// One-sided p-value, by inversion of the interval, where the method needs one.
    pub p: Option<f64>,
    /// Adjusted p-value, where the method gives one.
    pub adjusted: Option<f64>,
    /// Whether the claim may be made.
    pub shown: bool,
    /// Why it may not, in words.
    pub because: String,
}

/// A plan answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    /// Digest of the plan.
    pub plan: Digest,
    /// The files of data, in the order in which they were given.
    pub data: Vec<DataFile>,
    /// Who was analysed.
    pub flow: Flow,
    /// The endpoints, in the order of the plan.
    pub endpoints: Vec<EndpointResult>,
    /// Subgroups, by the plan's order.
    pub subgroups: Vec<SubgroupResult>,
    /// What may be claimed.
    pub decisions: Vec<Decision>,
    /// Whether the plan's decisive endpoints are shown as the plan asks; none where it has none.
    pub shown: Option<bool>,
    /// What the reader must know.
    pub notes: Vec<String>,
}

/// Joins the tables as the plan says and keeps the rows it includes.
///
/// # Errors
/// For keys that repeat, rows without a partner, columns that are not there.
pub fn assemble(plan: &Plan, tables: &[Table]) -> Result<(Table, Flow), AnalysisError> {
    let Some((first, others)) = tables.split_first() else {
        return Err(AnalysisError::Data("no data; give --data FILE".into()));
    };
    let mut flow = Flow {
        rows: first.rows(),
        ..Flow::default()
    };
    if plan.data.key.is_empty() && !others.is_empty() {
        return Err(AnalysisError::Data(format!(
            "{}: several files and no data.key; name the columns by which they are joined",
            plan.file
        )));
    }
    let own = plan
        .data
        .file_keys
        .first()
        .filter(|k| !k.is_empty())
        .unwrap_or(&plan.data.key);
    if !own.is_empty() {
        first.unique(own)?;
    }
    let mut joined = first.clone();
    for (n, other) in others.iter().enumerate() {
        let key = plan
            .data
            .file_keys
            .get(n + 1)
            .filter(|k| !k.is_empty())
            .unwrap_or(&plan.data.key);
        let (next, unmatched) = joined.join(other, key, plan.data.exclude_unmatched)?;
        if unmatched.here > 0 {
            flow.excluded
                .push((format!("no partner in {}", other.name), unmatched.here));
        }
        if unmatched.there > 0 {
            flow.unmatched.push((other.name.clone(), unmatched.there));
        }
        joined = next;
    }
    for (column, words) in &plan.data.include {
        let keep: Vec<bool> = joined
            .column(column)?
            .iter()
            .map(|c| words.contains(c))
            .collect();
        let left = keep.iter().filter(|k| !**k).count();
        if left > 0 {
            flow.excluded
                .push((format!("`{column}` is not {}", words.join(" or ")), left));
        }
        joined = joined.filtered(&keep);
    }
    if joined.rows() == 0 {
        return Err(AnalysisError::Data(format!(
            "{}: no row is left after joining and [data.include]",
            first.name
        )));
    }
    flow.analysed = joined.rows();
    if let Some(cluster) = &plan.data.cluster {
        let cells = joined.column(cluster)?;
        flow.clusters = Some(cells.iter().collect::<BTreeSet<_>>().len());
    }
    Ok((joined, flow))
}

/// Answers the plan from the joined table. `progress` hears how many statistics are done, of how many.
///
/// # Errors
/// When an endpoint cannot be computed as planned; what is merely not estimable is part of the answer.
pub fn analyse(
    plan: &Plan,
    files: Vec<DataFile>,
    table: &Table,
    flow: Flow,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Analysis, AnalysisError> {
    let groups: Vec<(&Subgroup, &Endpoint)> = plan
        .subgroups
        .iter()
        .flat_map(|s| {
            plan.endpoints
                .iter()
                .filter(|e| {
                    if s.endpoints.is_empty() {
                        e.weight == Weight::Primary
                    } else {
                        s.endpoints.contains(&e.id)
                    }
                })
                .map(move |e| (s, e))
        })
        .collect();
    let of = plan.endpoints.len() + groups.len();
    let mut endpoints = Vec::new();
    for endpoint in &plan.endpoints {
        progress(endpoints.len(), of);
        endpoints.push(answer(plan, table, endpoint)?);
    }
    let mut subgroups = Vec::new();
    for (subgroup, endpoint) in groups {
        progress(endpoints.len() + subgroups.len(), of);
        subgroups.push(within(plan, table, subgroup, endpoint)?);
    }
    progress(of, of);
    let decisions = decide(plan, table, &endpoints)?;
    let shown = match plan.multiplicity.method {
        _ if decisions.is_empty() => None,
        // A claim of several co-primary endpoints is one claim; the others make one claim each.
        Method::CoPrimary => Some(decisions.iter().all(|d| d.shown)),
        _ => Some(decisions.iter().any(|d| d.shown)),
    };
    let mut notes = Vec::new();
    if let Some(why) = &plan.data.independent {
        notes.push(format!("Rows are taken as independent: {why}"));
    }
    if flow.clusters.is_some_and(|c| c < 20) {
        notes.push(format!(
            "Only {} clusters: intervals that rest on clusters are rough below about 20.",
            flow.clusters.unwrap_or(0)
        ));
    }
    Ok(Analysis {
        plan: plan.digest,
        data: files,
        flow,
        endpoints,
        subgroups,
        decisions,
        shown,
        notes,
    })
}

/// One statistic on one table: the answer or why there is none, and how rows were counted.
///
/// # Errors
/// As [`analyse`].
pub fn single(
    plan: &Plan,
    table: &Table,
    endpoint: &Endpoint,
) -> Result<(Result<Answer, String>, Counted), AnalysisError> {
    let view = View {
        drawn: false,
        plan,
        table,
        endpoint,
        rows: included(table, endpoint)?,
    };
    view.run_noting(Handlings::of(plan, endpoint), None, true)
}

/// An endpoint as planned, and under the other ways of counting what is missing.
fn answer(
    plan: &Plan,
    table: &Table,
    endpoint: &Endpoint,
) -> Result<EndpointResult, AnalysisError> {
    let handling = Handlings::of(plan, endpoint);
    let view = View {
        drawn: true,
        plan,
        table,
        endpoint,
        rows: included(table, endpoint)?,
    };
    let (answer, counted) = view.run_noting(handling, None, true)?;
    let number = pick(endpoint, answer.as_ref(), counted.used);
    let mut variants = Vec::new();
    if counted.missing + counted.indeterminate > 0 && !handles_itself(endpoint) {
        for other in [Handle::WorstCase, Handle::BestCase, Handle::CompleteCase] {
            if other == handling.missing && other == handling.indeterminate {
                continue;
            }
            let both = Handlings {
                missing: other,
                indeterminate: other,
            };
            // Where there is no reference standard to be right or wrong against, only leaving out is
            // another way; the planned way has been answered above.
            let Ok((answer, counted)) = view.run(both, None) else {
                continue;
            };
            variants.push(Variant {
                handling: other,
                number: pick(endpoint, answer.as_ref(), counted.used),
            });
        }
    }
    let met = endpoint.goal.map(|g| reaches(&number, g));
    Ok(EndpointResult {
        id: endpoint.id.clone(),
        line: endpoint.line,
        counted,
        missing: handling.missing,
        indeterminate: handling.indeterminate,
        answer: answer.ok(),
        number,
        met,
        variants,
    })
}

/// One endpoint within each level of a column.
fn within(
    plan: &Plan,
    table: &Table,
    subgroup: &Subgroup,
    endpoint: &Endpoint,
) -> Result<SubgroupResult, AnalysisError> {
    let all = included(table, endpoint)?;
    let cells = table.column(&subgroup.column)?;
    let mut levels: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for row in &all {
        let cell = cells.get(*row).map_or("", String::as_str);
        let name = if missing(plan, cell) {
            "(not stated)"
        } else {
            cell
        };
        levels.entry(name).or_default().push(*row);
    }
    if levels.len() > 200 {
        return Err(AnalysisError::Data(format!(
            "{}:{}: `{}` has {} levels; a subgroup column has few: group them before the analysis",
            plan.file,
            subgroup.line,
            subgroup.column,
            levels.len()
        )));
    }
    let mut out = Vec::new();
    for (name, rows) in levels {
        let mut n = rows.len();
        let definition = endpoint.statistic.clone();
        let number = if n < subgroup.minimum {
            Number::none(
                endpoint.id.clone(),
                definition,
                n,
                format!("{n} rows; the plan estimates from {} on", subgroup.minimum),
            )
        } else {
            let view = View {
                drawn: false,
                plan,
                table,
                endpoint,
                rows,
            };
            let (answer, counted) = view.run(Handlings::of(plan, endpoint), None)?;
            n = counted.used;
            pick(endpoint, answer.as_ref(), counted.used)
        };
        out.push(Level {
            name: name.to_owned(),
            n,
            number,
        });
    }
    Ok(SubgroupResult {
        endpoint: endpoint.id.clone(),
        column: subgroup.column.clone(),
        title: subgroup.title.clone(),
        line: subgroup.line,
        interaction: match tested(plan, table, subgroup, endpoint, &all)? {
            Some(test) => Some(test),
            None => interaction(&out),
        },
        levels: out,
    })
}

/// The catalogue's own test of interaction (`subgroups`), where it knows the endpoint's number:
/// proportions of a 2x2 table and the area under the ROC curve.
fn tested(
    plan: &Plan,
    table: &Table,
    subgroup: &Subgroup,
    endpoint: &Endpoint,
    rows: &[usize],
) -> Result<Option<Interaction>, AnalysisError> {
    let number = endpoint.number.as_deref();
    let measure = match (endpoint.statistic.as_str(), number) {
        ("roc-auc", None | Some("auc")) => "auc",
        ("accuracy", None) => "sensitivity",
        ("accuracy", Some(m))
            if ["sensitivity", "specificity", "ppv", "npv", "accuracy"].contains(&m) =>
        {
            m
        }
        _ => return Ok(None),
    };
    let (Some(entry), Some(own)) = (catalogue::entry("subgroups"), endpoint.entry()) else {
        return Ok(None);
    };
    let view = View {
        drawn: false,
        plan,
        table,
        endpoint,
        rows: rows.to_vec(),
    };
    let prepared = view.prepare(own, Handlings::of(plan, endpoint))?;
    let cells = table.column(&subgroup.column)?;
    let strata: Vec<&str> = prepared
        .rows
        .iter()
        .map(|r| cells.get(*r).map_or("", String::as_str))
        .map(|c| if missing(plan, c) { "" } else { c })
        .collect();
    let mut columns = prepared.columns;
    columns.push((
        "stratum".to_owned(),
        subgroup.column.clone(),
        Column::Label(Labels::of(&strata)),
    ));
    let mut settings = vec![
        ("measure".to_owned(), measure.to_owned()),
        ("minimum".to_owned(), subgroup.minimum.to_string()),
        ("seed".to_owned(), plan.seed.to_string()),
    ];
    if let Some(t) = endpoint.settings.iter().find(|(n, _)| n == "threshold") {
        settings.push(t.clone());
    }
    let answer = match Sample::new(entry, columns, &settings).and_then(|s| entry.answer(&s, &[])) {
        Ok(answer) => answer,
        Err(StatisticsError::NotEstimable(_)) => return Ok(None),
        Err(other) => return Err(view.wrong(other.to_string())),
    };
    let p = answer
        .numbers
        .iter()
        .find(|n| n.name.starts_with("interaction_p_value("));
    let row = answer
        .tables
        .iter()
        .find(|t| t.name == "interaction")
        .and_then(|t| {
            let at = |name: &str| t.columns.iter().position(|c| c == name);
            let row = t.rows.first()?;
            let real = |name: &str| match row.get(at(name)?)? {
                candour_statistics::Cell::Real(v) => Some(*v),
                candour_statistics::Cell::Whole(v) => Some(*v as f64),
                _ => None,
            };
            Some((real("statistic")?, real("df1")?))
        });
    Ok(p.and_then(|p| Some((p, p.value?)))
        .zip(row)
        .map(|((number, p), (statistic, df))| Interaction {
            method: number.definition.clone(),
            statistic,
            df,
            p,
        }))
}

/// Cochran's Q of the levels' estimates: on the logit scale where all lie within (0, 1), else as they
/// are. The spread of each is its standard error, or what its interval stands for.
fn interaction(levels: &[Level]) -> Option<Interaction> {
    let measured: Vec<(f64, f64)> = levels
        .iter()
        .filter_map(|l| Some((l.number.value?, spread(&l.number)?)))
        .collect();
    if measured.len() < 2 {
        return None;
    }
    let share = measured.iter().all(|(v, _)| *v > 0.0 && *v < 1.0);
    let scaled: Vec<(f64, f64)> = measured
        .iter()
        .map(|(v, se)| {
            if share {
                ((v / (1.0 - v)).ln(), se / (v * (1.0 - v)))
            } else {
                (*v, *se)
            }
        })
        .collect();
    let weight: f64 = scaled.iter().map(|(_, se)| se.powi(-2)).sum();
    let mean = scaled.iter().map(|(v, se)| v * se.powi(-2)).sum::<f64>() / weight;
    let q: f64 = scaled.iter().map(|(v, se)| ((v - mean) / se).powi(2)).sum();
    let df = (scaled.len() - 1) as f64;
    Some(Interaction {
        method: format!(
            "Cochran's Q of the levels' estimates{}",
            if share { ", logit scale" } else { "" }
        ),
        statistic: q,
        df,
        p: chi_squared_tail(q, df),
    })
}

/// The standard error of a number, or what its interval stands for.
pub(crate) fn spread(number: &Number) -> Option<f64> {
    let of_interval = || {
        let interval = number.interval?;
        let z = two_sided_z(interval.level).ok()?;
        Some((interval.upper - interval.lower) / (2.0 * z))
    };
    number
        .standard_error
        .or_else(of_interval)
        .filter(|se| *se > 0.0 && se.is_finite())
}

/// What the plan's multiplicity makes of the endpoints that decide.
fn decide(
    plan: &Plan,
    table: &Table,
    results: &[EndpointResult],
) -> Result<Vec<Decision>, AnalysisError> {
    let decisive = plan.decisive();
    let result = |e: &Endpoint| results.iter().find(|r| r.id == e.id);
    let plain = |e: &Endpoint, shown: bool, because: String| Decision {
        endpoint: e.id.clone(),
        p: None,
        adjusted: None,
        shown,
        because,
    };
    let method = plan.multiplicity.method;
    let mut out = Vec::new();
    match method {
        Method::CoPrimary | Method::FixedSequence => {
            let mut failed: Option<&str> = None;
            for endpoint in decisive {
                let met = result(endpoint).and_then(|r| r.met) == Some(true);
                let earlier = failed.filter(|_| method == Method::FixedSequence);
                out.push(match (earlier, met) {
                    (Some(first), _) => plain(
                        endpoint,
                        false,
                        format!("not tested: `{first}`, which stands before it, is not met"),
                    ),
                    (None, true) => plain(endpoint, true, String::new()),
                    (None, false) => plain(
                        endpoint,
                        false,
                        match result(endpoint).and_then(|r| r.number.interval) {
                            Some(_) => "its interval does not reach the goal".into(),
                            None => "it has no interval that could reach the goal".into(),
                        },
                    ),
                });
                if !met && failed.is_none() {
                    failed = Some(&endpoint.id);
                }
            }
        }
        Method::Holm | Method::Hochberg | Method::Bonferroni => {
            let alpha = (1.0 - plan.level) / 2.0;
            let mut ps = Vec::new();
            for endpoint in &decisive {
                ps.push(p_value(plan, table, endpoint)?);
            }
            // An endpoint without a p-value counts as one that shows nothing.
            let filled: Vec<f64> = ps.iter().map(|t| t.map_or(1.0, |t| t.p)).collect();
            let adjusted = adjust(method, &filled);
            for ((endpoint, tail), adjusted) in decisive.iter().zip(&ps).zip(adjusted) {
                let shown = tail.is_some() && adjusted <= alpha;
                out.push(Decision {
                    endpoint: endpoint.id.clone(),
                    p: tail.map(|t| t.p),
                    adjusted: tail.map(|_| adjusted),
                    shown,
                    because: match (shown, tail) {
                        (true, _) => String::new(),
                        (false, None) => "not estimable".into(),
                        (false, Some(t)) if t.p <= t.least => format!(
                            "adjusted p-value above {}; it can be no lower with so few `replicates`",
                            rounded(alpha)
                        ),
                        (false, Some(_)) => format!("adjusted p-value above {}", rounded(alpha)),
                    },
                });
            }
        }
    }
    Ok(out)
}

/// A number without the noise of its last digits.
pub(crate) fn rounded(v: f64) -> f64 {
    (v * 1e12).round() / 1e12
}

/// Adjusted p-values in the order given (Holm 1979; Hochberg 1988; Bonferroni).
fn adjust(method: Method, p: &[f64]) -> Vec<f64> {
    let n = p.len();
    let mut order: Vec<usize> = (0..n).collect();
    let value = |i: &usize| p.get(*i).copied().unwrap_or(1.0);
    order.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let mut out = vec![1.0; n];
    let mut set = |i: usize, v: f64| {
        if let Some(slot) = out.get_mut(i) {
            *slot = v.min(1.0);
        }
    };
    match method {
        Method::Holm => {
            let mut most: f64 = 0.0;
            for (rank, i) in order.iter().enumerate() {
                most = most.max((n - rank) as f64 * value(i));
                set(*i, most);
            }
        }
        Method::Hochberg => {
            let mut least: f64 = 1.0;
            for (rank, i) in order.iter().enumerate().rev() {
                least = least.min((n - rank) as f64 * value(i));
                set(*i, least);
            }
        }
        _ => {
            for i in &order {
                set(*i, n as f64 * value(i));
            }
        }
    }
    out
}

/// A p-value, and the least that its method can give.
#[derive(Clone, Copy)]
struct Tail {
    p: f64,
    /// Of a bootstrap: 1/(replicates + 1).
    least: f64,
}

/// The one-sided p-value of an endpoint's goal: the smallest error at which its interval still shows
/// the goal. It is the test that the interval is the inverse of. None where the endpoint has no interval
/// at the plan's level. Percentiles of B replicates tell no tail below 1/(B + 1) (Davison and Hinkley
/// 1997, section 4.2; Phipson and Smyth 2010), so none is given.
fn p_value(plan: &Plan, table: &Table, endpoint: &Endpoint) -> Result<Option<Tail>, AnalysisError> {
    let Some(goal) = endpoint.goal else {
        return Ok(None);
    };
    let view = View {
        drawn: false,
        plan,
        table,
        endpoint,
        rows: included(table, endpoint)?,
    };
    let handling = Handlings::of(plan, endpoint);
    let number = |error: f64| -> Result<Number, AnalysisError> {
        let (answer, counted) = view.run(handling, Some(1.0 - 2.0 * error))?;
        Ok(pick(endpoint, answer.as_ref(), counted.used))
    };
    let alpha = (1.0 - plan.level) / 2.0;
    let planned = number(alpha)?;
    let Some(interval) = planned.interval else {
        return Ok(None);
    };
    let least = if planned.is_resampled() {
        let own = endpoint.settings.iter().find(|(n, _)| n == "replicates");
        let own = own.and_then(|(_, v)| v.parse::<f64>().ok());
        1.0 / (own.unwrap_or(plan.replicates as f64) + 1.0)
    } else {
        0.0
    };
    // Limits that coincide, as percentiles of few distinct replicates do near the middle, are withheld
    // from an answer; here they are the point that they have shrunk to. A wider one that cannot be had
    // shows nothing.
    let point = planned
        .value
        .unwrap_or_else(|| f64::midpoint(interval.lower, interval.upper));
    let at = |error: f64| -> Result<Option<Interval>, AnalysisError> {
        let shrunk = Interval {
            lower: point,
            upper: point,
            level: 1.0 - 2.0 * error,
        };
        let found = number(error)?.interval;
        Ok(found.or_else(|| (error > alpha).then_some(shrunk)))
    };
    let one = |above: bool, limit: f64| -> Result<f64, AnalysisError> {
        // On the goal's side of the estimate the near limit is moved, beyond it the far one.
        let good = at(0.499_999)?.is_some_and(|half| {
            if above {
                half.lower >= limit
            } else {
                half.upper <= limit
            }
        });
        let passes = |i: Interval| match (above, good) {
            (true, true) => i.lower >= limit,
            (true, false) => i.upper < limit,
            (false, true) => i.upper <= limit,
            (false, false) => i.lower > limit,
        };
        let (mut low, mut high) = (0.0_f64, 0.5_f64);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if at(middle)?.is_some_and(passes) {
                high = middle;
            } else {
                low = middle;
            }
            // What lies below the least is told as the least.
            if high < 1e-15 || (good && high <= least) {
                break;
            }
        }
        Ok(if good { high } else { 1.0 - high })
    };
    let p = match goal {
        Goal::AtLeast(v) => one(true, v)?,
        Goal::AtMost(v) => one(false, v)?,
        Goal::Within(a, b) => one(true, a)?.max(one(false, b)?),
    };
    Ok(Some(Tail {
        p: p.max(least),
        least,
    }))
}

/// Whether an interval shows the goal. Without an interval nothing is shown.
fn reaches(number: &Number, goal: Goal) -> bool {
    number.interval.is_some_and(|i| match goal {
        Goal::AtLeast(v) => i.lower >= v,
        Goal::AtMost(v) => i.upper <= v,
        Goal::Within(a, b) => i.lower >= a && i.upper <= b,
    })
}

/// The number that an endpoint is about; where the answer lacks it, its place with the reason.
fn pick(endpoint: &Endpoint, answer: Result<&Answer, &String>, n: usize) -> Number {
    let name = endpoint.number.as_deref();
    let found = match (answer, name) {
        (Err(reason), _) => Err(reason.clone()),
        // The plan names no number that the entry never gives, so this one was not to be had here.
        (Ok(answer), Some(name)) => answer
            .number(name)
            .ok_or_else(|| did_not_come(&endpoint.statistic, name)),
        (Ok(answer), None) => answer.numbers.first().ok_or_else(|| {
            format!(
                "`{}` gives no number with these data and settings",
                endpoint.statistic
            )
        }),
    };
    found.cloned().unwrap_or_else(|reason| {
        Number::none(
            name.unwrap_or(&endpoint.id),
            endpoint.statistic.clone(),
            n,
            reason,
        )
    })
}

/// Why there is no number that the entry may give. What came instead is not listed: a name may hold
/// a label of the data, such as a site's.
pub(crate) fn did_not_come(statistic: &str, name: &str) -> String {
    format!("`{statistic}` gives no `{name}` with these data and settings")
}

fn missing(plan: &Plan, cell: &str) -> bool {
    cell.is_empty() || plan.data.missing.iter().any(|w| w == cell)
}

/// The rows that an endpoint looks at.
fn included(table: &Table, endpoint: &Endpoint) -> Result<Vec<usize>, AnalysisError> {
    let mut rows: Vec<usize> = (0..table.rows()).collect();
    for (column, words) in &endpoint.include {
        let cells = table.column(column)?;
        rows.retain(|r| cells.get(*r).is_some_and(|c| words.contains(c)));
    }
    Ok(rows)
}

/// Whether the endpoint's statistic has a handling of missing values of its own.
fn handles_itself(endpoint: &Endpoint) -> bool {
    endpoint
        .entry()
        .is_some_and(|e| e.settings.iter().any(|s| s.name == "missing"))
}

#[derive(Clone, Copy)]
struct Handlings {
    missing: Handle,
    indeterminate: Handle,
}

impl Handlings {
    fn of(plan: &Plan, endpoint: &Endpoint) -> Self {
        let handling = Self {
            missing: endpoint.missing.unwrap_or(plan.handling.missing),
            indeterminate: endpoint.missing.unwrap_or(plan.handling.indeterminate),
        };
        if !handles_itself(endpoint) {
            return handling;
        }
        // A measurement has no worst case: either it is left out, or there is no analysis.
        let complete = Handle::CompleteCase;
        let said = endpoint.settings.iter().find(|(n, _)| n == "missing");
        Self {
            missing: if said.map_or(handling.missing == complete, |(_, v)| v == complete.word()) {
                complete
            } else {
                Handle::Refuse
            },
            ..handling
        }
    }
}

/// An endpoint on some rows of the table.
struct View<'a> {
    /// Whether the answer is drawn: then an ROC curve gets its confidence band.
    drawn: bool,
    plan: &'a Plan,
    table: &'a Table,
    endpoint: &'a Endpoint,
    rows: Vec<usize>,
}

/// Columns ready for a statistic.
pub(crate) struct Prepared {
    /// Role, name and values.
    pub(crate) columns: Vec<(String, String, Column)>,
    /// How rows were counted.
    pub(crate) counted: Counted,
    /// The table's row behind each row of `columns`.
    pub(crate) rows: Vec<usize>,
}

/// An endpoint's columns as planned.
pub(crate) fn prepared(
    plan: &Plan,
    table: &Table,
    endpoint: &Endpoint,
    entry: &Entry,
) -> Result<Prepared, AnalysisError> {
    let view = View {
        drawn: false,
        plan,
        table,
        endpoint,
        rows: included(table, endpoint)?,
    };
    view.prepare(entry, Handlings::of(plan, endpoint))
}

/// Specificities close enough for a drawn band to follow the curve: 0, 0.02 to 1.
fn fine_grid() -> String {
    (0..=50)
        .map(|i| (f64::from(i) / 50.0).to_string())
        .collect::<Vec<_>>()
        .join(",")
}

/// What a cell of the index test's result says.
#[derive(Clone, Copy, PartialEq)]
enum Said {
    Something,
    Nothing,
    Neither,
}

impl View<'_> {
    fn wrong(&self, what: impl Into<String>) -> AnalysisError {
        AnalysisError::Endpoint {
            file: self.plan.file.clone(),
            line: self.endpoint.line,
            endpoint: self.endpoint.id.clone(),
            what: what.into(),
        }
    }

    /// The columns in their roles with missing and indeterminate results counted as asked, how rows
    /// were counted, and which of [`View::rows`] are in the columns.
    fn prepare(&self, entry: &Entry, handling: Handlings) -> Result<Prepared, AnalysisError> {
        let mut counted = Counted {
            rows: self.rows.len(),
            ..Counted::default()
        };
        let truth = self.truth(entry)?;
        let may_not_lack = |role: &str| entry.roles.iter().find(|r| r.name == role && !r.missing);
        let results = self.cells(|role| RESULTS.contains(&role) && may_not_lack(role).is_some())?;
        let numbers = self.cells(|role| may_not_lack(role).is_some_and(measured))?;
        let mut kept = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            if truth
                .as_ref()
                .is_some_and(|t| t.get(at).copied().flatten().is_none())
            {
                counted.no_truth += 1;
                continue;
            }
            let empty = numbers
                .iter()
                .find(|(_, cells)| missing(self.plan, cells.get(*row).map_or("", String::as_str)));
            if let Some((name, _)) = empty {
                if handling.missing == Handle::CompleteCase {
                    counted.missing += 1;
                    continue;
                }
                return Err(self.wrong(format!(
                    "row {} of {} has no `{name}`; a measurement has no worst case: leave such rows out and count them (missing = \"complete-case\" of the endpoint, --missing-results complete-case)",
                    self.table.place(*row),
                    self.table.name
                )));
            }
            let mut said = Said::Something;
            for (_, cells) in &results {
                match self.said(cells.get(*row).map_or("", String::as_str)) {
                    Said::Neither => said = Said::Neither,
                    Said::Nothing if said == Said::Something => said = Said::Nothing,
                    _ => {}
                }
            }
            let (word, how) = match said {
                Said::Something => {
                    kept.push(at);
                    continue;
                }
                Said::Nothing => {
                    counted.missing += 1;
                    ("missing", handling.missing)
                }
                Said::Neither => {
                    counted.indeterminate += 1;
                    ("indeterminate", handling.indeterminate)
                }
            };
            match how {
                Handle::CompleteCase => {}
                Handle::Refuse => {
                    return Err(self.wrong(format!(
                        "the result in row {} of {} is {word}; say how such results count: worst-case, best-case or complete-case (in a plan: `missing` of the endpoint or [handling]; on the command line: --missing-results)",
                        self.table.place(*row),
                        self.table.name
                    )));
                }
                _ if truth.is_none() => {
                    return Err(self.wrong(format!(
                        "the result in row {} of {} is {word}; `{}` has no reference standard to be right or wrong against, so {} has no meaning: count complete cases (missing = \"complete-case\" of the endpoint, --missing-results complete-case)",
                        self.table.place(*row),
                        self.table.name,
                        entry.id,
                        how.word()
                    )));
                }
                _ => kept.push(at),
            }
        }
        counted.used = kept.len();
        let rows: Vec<usize> = kept
            .iter()
            .filter_map(|at| self.rows.get(*at))
            .copied()
            .collect();
        // The entry itself leaves out what lacks a value; here such rows are only counted.
        if handles_itself(self.endpoint) && handling.missing == Handle::CompleteCase {
            let own = self.cells(|role| {
                entry
                    .roles
                    .iter()
                    .any(|r| r.name == role && r.missing && measured(r))
            })?;
            let lacking = rows
                .iter()
                .filter(|row| {
                    own.iter().any(|(_, cells)| {
                        missing(self.plan, cells.get(**row).map_or("", String::as_str))
                    })
                })
                .count();
            counted.missing += lacking;
            counted.used -= lacking;
        }
        let mut columns = Vec::new();
        for (role, name) in &self.endpoint.columns {
            let Some(role) = entry.roles.iter().find(|r| r.name == role) else {
                continue;
            };
            let cells = self.table.column(name)?;
            let column = self.column(role, name, cells, &kept, truth.as_deref(), handling)?;
            columns.push((role.name.to_owned(), name.clone(), column));
        }
        Ok(Prepared {
            columns,
            counted,
            rows,
        })
    }

    /// The answer (or why there is none) and how the rows were counted.
    fn run(
        &self,
        handling: Handlings,
        level: Option<f64>,
    ) -> Result<(Result<Answer, String>, Counted), AnalysisError> {
        self.run_noting(handling, level, false)
    }

    /// As [`View::run`]; `noting` says in the answer which of the endpoint's own settings had no effect.
    fn run_noting(
        &self,
        handling: Handlings,
        level: Option<f64>,
        noting: bool,
    ) -> Result<(Result<Answer, String>, Counted), AnalysisError> {
        let entry = self
            .endpoint
            .entry()
            .ok_or_else(|| self.wrong("its statistic is not in the catalogue"))?;
        let Prepared {
            columns,
            counted,
            rows,
        } = self.prepare(entry, handling)?;
        let settings = self.settings(entry, handling, level);
        let sample = Sample::new(entry, columns, &settings);
        // What the plan says for all endpoints need not concern each.
        let given: Vec<&str> = if noting {
            self.endpoint
                .settings
                .iter()
                .map(|(n, _)| n.as_str())
                .collect()
        } else {
            Vec::new()
        };
        match sample.and_then(|s| entry.answer(&s, &given)) {
            Ok(mut answer) => {
                if noting {
                    answer.notes.extend(self.infinite(&rows)?);
                }
                Ok((Ok(answer), counted))
            }
            Err(StatisticsError::NotEstimable(reason)) => Ok((Err(reason), counted)),
            Err(StatisticsError::Value { column, row, what }) => {
                let place = rows.get(row).map(|r| self.table.place(*r));
                let by = if self.plan.endpoints.is_empty() {
                    String::new()
                } else {
                    format!(
                        " (endpoint `{}`, {}:{})",
                        self.endpoint.id, self.plan.file, self.endpoint.line
                    )
                };
                let what = format!("column `{column}`: {what}{by}");
                Err(self.table.fault(place, what).into())
            }
            Err(other) => Err(self.wrong(other.to_string())),
        }
    }

    /// What must be told of scores that the file itself calls infinite: they rank first or last, and
    /// more than one writer of files means by them that nothing could be computed.
    fn infinite(&self, rows: &[usize]) -> Result<Option<String>, AnalysisError> {
        let mut places = Vec::new();
        for (_, cells) in self.cells(|role| RESULTS.contains(&role))? {
            places.extend(rows.iter().copied().filter(|row| {
                let cell = cells.get(*row).map_or("", String::as_str);
                !missing(self.plan, cell) && number(cell).is_some_and(f64::is_infinite)
            }));
        }
        places.sort_unstable();
        places.dedup();
        let Some(first) = places.first() else {
            return Ok(None);
        };
        Ok(Some(format!(
            "{} result(s) are infinite in {} (first in row {}); they rank above or below all others. Where they mean that there is no result, name the word as missing (data.missing of the plan, or --missing-words)",
            places.len(),
            self.table.name,
            self.table.place(*first)
        )))
    }

    /// The plan's settings where the endpoint says nothing, and the level that is asked for.
    fn settings(
        &self,
        entry: &Entry,
        handling: Handlings,
        level: Option<f64>,
    ) -> Vec<(String, String)> {
        // A level that is asked for stands above the endpoint's own.
        let own_level = entry.level_setting().filter(|_| level.is_some());
        let mut settings: Vec<(String, String)> = self
            .endpoint
            .settings
            .iter()
            .filter(|(n, _)| own_level.is_none_or(|s| s.name != n))
            .cloned()
            .collect();
        if handles_itself(self.endpoint) && !settings.iter().any(|(n, _)| n == "missing") {
            settings.push(("missing".to_owned(), handling.missing.word().to_owned()));
        }
        // An entry that reads words itself reads those of the plan, or of the command line.
        for (name, words) in [
            ("positive_words", &self.plan.data.positive),
            ("negative_words", &self.plan.data.negative),
            (
                "indeterminate_words",
                &self.plan.handling.indeterminate_words,
            ),
        ] {
            let known = entry.settings.iter().any(|s| s.name == name);
            if known && !settings.iter().any(|(n, _)| n == name) {
                settings.push((name.to_owned(), words.join(",")));
            }
        }
        // A single look has no plan: the entry's own defaults hold.
        if self.plan.endpoints.is_empty() && level.is_none() {
            return settings;
        }
        if self.drawn {
            let band = entry.settings.iter().any(|s| s.name == "band");
            if band && !settings.iter().any(|(n, _)| n == "band") {
                settings.push(("band".to_owned(), "pointwise".to_owned()));
                if !settings.iter().any(|(n, _)| n == "specificities") {
                    settings.push(("specificities".to_owned(), fine_grid()));
                }
            }
        }
        self.plan
            .complete(entry, level.unwrap_or(self.plan.level), &mut settings);
        settings
    }

    fn said(&self, cell: &str) -> Said {
        if self
            .plan
            .handling
            .indeterminate_words
            .iter()
            .any(|w| w == cell)
        {
            Said::Neither
        } else if missing(self.plan, cell) {
            Said::Nothing
        } else {
            Said::Something
        }
    }

    /// The cells of the endpoint's columns in these roles.
    fn cells(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(&str, &[String])>, AnalysisError> {
        self.endpoint
            .columns
            .iter()
            .filter(|(role, _)| wanted(role))
            .map(|(_, name)| Ok((name.as_str(), self.table.column(name)?)))
            .collect()
    }

    /// The reference standard of each row; none where the entry reads none.
    fn truth(&self, entry: &Entry) -> Result<Option<Vec<Option<bool>>>, AnalysisError> {
        let binary = entry
            .roles
            .iter()
            .any(|r| r.name == "truth" && r.kind == Kind::Binary);
        let Some((_, name)) = self.endpoint.columns.iter().find(|(r, _)| r == "truth") else {
            return Ok(None);
        };
        if !binary {
            return Ok(None);
        }
        let cells = self.table.column(name)?;
        self.rows
            .iter()
            .map(|row| {
                let cell = cells.get(*row).map_or("", String::as_str);
                if missing(self.plan, cell) {
                    Ok(None)
                } else {
                    self.word(name, *row, cell).map(Some)
                }
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Some)
    }

    fn word(&self, column: &str, row: usize, cell: &str) -> Result<bool, AnalysisError> {
        if self.plan.data.positive.iter().any(|w| means(w, cell)) {
            Ok(true)
        } else if self.plan.data.negative.iter().any(|w| means(w, cell)) {
            Ok(false)
        } else {
            Err(self
                .table
                .fault(
                    Some(self.table.place(row)),
                    format!(
                        "`{column}` is neither positive ({}) nor negative ({}); name the words in data.positive and data.negative of the plan, or by --positive and --negative",
                        self.plan.data.positive.join(", "),
                        self.plan.data.negative.join(", ")
                    ),
                )
                .into())
        }
    }

    fn column(
        &self,
        role: &candour_statistics::catalogue::Role,
        name: &str,
        cells: &[String],
        kept: &[usize],
        truth: Option<&[Option<bool>]>,
        handling: Handlings,
    ) -> Result<Column, AnalysisError> {
        let cell = |at: usize| {
            self.rows
                .get(at)
                .and_then(|r| cells.get(*r))
                .map_or("", String::as_str)
        };
        // Right or wrong against the reference standard, where the cell says nothing.
        let stand_in = |at: usize, said: Said| -> Option<bool> {
            let how = match said {
                Said::Nothing => handling.missing,
                Said::Neither => handling.indeterminate,
                Said::Something => return None,
            };
            let truth = truth?.get(at).copied().flatten()?;
            match how {
                Handle::WorstCase => Some(!truth),
                Handle::BestCase => Some(truth),
                _ => None,
            }
        };
        let result = RESULTS.contains(&role.name) && !role.missing;
        match role.kind {
            Kind::Label => {
                let texts: Vec<&str> = kept
                    .iter()
                    .map(|at| cell(*at))
                    .map(|c| if missing(self.plan, c) { "" } else { c })
                    .collect();
                Ok(Column::Label(Labels::of(&texts)))
            }
            Kind::Binary => kept
                .iter()
                .map(|at| {
                    let text = cell(*at);
                    let said = if result { self.said(text) } else { Said::Something };
                    match stand_in(*at, said) {
                        Some(value) => Ok(value),
                        None => self.word(name, self.rows.get(*at).copied().unwrap_or(0), text),
                    }
                })
                .collect::<Result<Vec<bool>, _>>()
                .map(Column::Binary),
            Kind::Real | Kind::Finite | Kind::Probability | Kind::Count => kept
                .iter()
                .map(|at| {
                    let text = cell(*at);
                    let said = if result { self.said(text) } else { Said::Something };
                    if let Some(positive) = stand_in(*at, said) {
                        return Ok(match (role.kind, positive) {
                            (Kind::Real, true) => f64::INFINITY,
                            (Kind::Real, false) => f64::NEG_INFINITY,
                            (_, true) => 1.0,
                            (_, false) => 0.0,
                        });
                    }
                    if missing(self.plan, text) {
                        return Ok(f64::NAN);
                    }
                    number(text).ok_or_else(|| {
                        let row = self.rows.get(*at).copied().unwrap_or(0);
                        let what = if text.parse::<f64>().is_ok_and(f64::is_infinite) {
                            format!("`{name}` is beyond the largest number that is computed with (1.8e308); write a number within it, or `inf`")
                        } else {
                            format!("`{name}` is not a number (a point separates decimals); words for missing or indeterminate results are named in data.missing and handling.indeterminate_words of the plan, or by --missing-words and --indeterminate-words")
                        };
                        self.table.fault(Some(self.table.place(row)), what).into()
                    })
                })
                .collect::<Result<Vec<f64>, AnalysisError>>()
                .map(Column::Real),
        }
    }
}

/// Whether a cell is this word: capitals do not matter, and 1.0 is 1.
pub(crate) fn means(word: &str, cell: &str) -> bool {
    word.eq_ignore_ascii_case(cell)
        || matches!((number(word), number(cell)), (Some(a), Some(b)) if a == b)
}

/// A number as files write it. Rust also reads `nan` and `infinity`; of these only the infinities of
/// scores are numbers here, and digits that overflow into one are none.
pub(crate) fn number(text: &str) -> Option<f64> {
    let value = text.parse::<f64>().ok().filter(|v| !v.is_nan())?;
    let overflown = value.is_infinite() && text.bytes().any(|b| b.is_ascii_digit());
    (!overflown).then_some(value)
}
