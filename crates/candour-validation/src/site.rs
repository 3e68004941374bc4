//! Federated validation: what a site tells of its patients, which is nothing of a single one, and what
//! several sites together show.
//!
//! Counts and histograms of distinct scores pool exactly: the pooled point estimate is that of the
//! rows laid together. Histograms with wider bins carry a bound on their error. All else is pooled as
//! an estimate with its standard error, by random effects.

use std::collections::BTreeMap;
use std::fmt;

use candour_record::Digest;
use candour_statistics::catalogue::{self, Column, Entry, Sample};
use candour_statistics::distribution::two_sided_z;
use candour_statistics::{Answer, Interval, Number, StatisticsError};
use serde::{Deserialize, Serialize};

use crate::analysis::{Analysis, AnalysisError, Prepared, prepared, spread};
use crate::plan::{Endpoint, Plan};
use crate::table::Table;

/// The first line of a summary.
const FORMAT: &str = "candour-site-summary@v1";
/// The most rows in one cell of a summary.
const ROWS_MAX: u64 = 100_000_000;
/// The most bins that are pooled: pairs of bins are compared.
const BINS_MAX: usize = 20_000;

/// Why a summary cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SiteError(pub String);

/// What a site tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// SHA-256 of the plan that was followed.
    pub plan: Digest,
    /// The site's name, as it chose.
    pub site: String,
    /// Software name and version.
    pub software: String,
    /// Counts from 1 to one less than this were suppressed.
    pub minimum_cell: u64,
    /// The endpoints, in the order of the plan.
    pub endpoints: Vec<EndpointSummary>,
}

/// What a site tells of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSummary {
    /// Its id in the plan.
    pub id: String,
    /// Rows in the statistic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// The site's own estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Reference standard against call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<FourCounts>,
    /// Scores by class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Vec<Bin>>,
    /// Sums of a continuous value, or of predicted probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<Sums>,
    /// What was held back, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
}

/// An estimate with its spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// Rows by reference standard and call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FourCounts {
    /// Positive, called positive.
    pub true_positive: u64,
    /// Negative, called positive.
    pub false_positive: u64,
    /// Positive, called negative.
    pub false_negative: u64,
    /// Negative, called negative.
    pub true_negative: u64,
}

impl FourCounts {
    fn cells(self) -> [u64; 4] {
        [
            self.true_positive,
            self.false_positive,
            self.false_negative,
            self.true_negative,
        ]
    }
}

/// Scores from `low` (included) to `high` (excluded), or one score where both are the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// Lower edge, as a decimal number, `-inf` or `inf`.
    pub low: String,
    /// Upper edge.
    pub high: String,
    /// Positive rows.
    pub positive: u64,
    /// Negative rows.
    pub negative: u64,
}

/// Sums over rows, from which means and their spread follow exactly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// Rows.
    pub n: u64,
    /// Sum of the values: of a continuous value, or of predicted probabilities.
    pub sum: f64,
    /// Sum of squares: of the values, or of probability less outcome.
    pub squares: f64,
    /// Positive rows, where there is a reference standard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<u64>,
}

/// Makes the summary of a site from its analysis.
///
/// No count below the plan's `minimum_cell` leaves the site, nor any two numbers of rows whose difference is
/// one: where the rows of two endpoints differ by fewer than `minimum_cell`, in all or within a class of the same
/// reference standard, the one with more rows is told and all of the other is withheld (that it is withheld
/// tells no more than a suppressed cell does). Differences of more than two endpoints are not looked for.
///
/// # Errors
/// When an endpoint cannot be computed, or the site's name is empty or long.
pub fn summarise(
    plan: &Plan,
    table: &Table,
    analysis: &Analysis,
    site: &str,
    software: &str,
) -> Result<Summary, AnalysisError> {
    let site = site.trim();
    if site.is_empty() || site.chars().count() > 80 || site.chars().any(char::is_control) {
        return Err(AnalysisError::Data(
            "the site's name is empty, longer than 80 characters, or holds control characters"
                .into(),
        ));
    }
    let mut endpoints = Vec::new();
    let mut behind = Vec::new();
    for (endpoint, result) in plan.endpoints.iter().zip(&analysis.endpoints) {
        let Some(entry) = endpoint.entry() else {
            continue;
        };
        let ready = prepared(plan, table, endpoint, entry)?;
        endpoints.push(tell(
            plan,
            endpoint,
            &ready.columns,
            ready.counted.used as u64,
            &result.number,
        ));
        behind.push(Behind::of(&ready));
    }
    withhold_differences(&mut endpoints, &behind, plan.site.minimum_cell);
    Ok(Summary {
        plan: plan.digest,
        site: site.to_owned(),
        software: software.to_owned(),
        minimum_cell: plan.site.minimum_cell,
        endpoints,
    })
}

/// The rows behind what a site tells of an endpoint.
struct Behind {
    /// The table's rows, in order, with the class where there is a reference standard.
    rows: Vec<(usize, Option<bool>)>,
    /// The column of the reference standard.
    truth: Option<String>,
}

impl Behind {
    fn of(ready: &Prepared) -> Self {
        let truth = ready.columns.iter().find_map(|(r, name, c)| match c {
            Column::Binary(v) if r == "truth" => Some((name, v)),
            _ => None,
        });
        let value = ready.columns.iter().find_map(|(r, _, c)| match c {
            Column::Real(v) if r == "value" && truth.is_none() => Some(v),
            _ => None,
        });
        let rows = ready.rows.iter().enumerate();
        Self {
            rows: rows
                .filter(|(at, _)| value.is_none_or(|v| v.get(*at).is_some_and(|x| !x.is_nan())))
                .map(|(at, row)| (*row, truth.and_then(|(_, t)| t.get(at)).copied()))
                .collect(),
            truth: truth.map(|(name, _)| name.clone()),
        }
    }

    /// Whether the rows that are here and not there, or those of a class among them, are a small cell.
    fn beyond(&self, other: &Self, small: impl Fn(u64) -> bool) -> bool {
        let mut there = other.rows.iter().map(|(row, _)| row).peekable();
        let (mut all, mut positive) = (0, 0);
        for (row, class) in &self.rows {
            while there.next_if(|r| *r < row).is_some() {}
            if there.peek() != Some(&row) {
                all += 1;
                positive += u64::from(*class == Some(true));
            }
        }
        let classes = self.truth.is_some() && self.truth == other.truth;
        small(all) || (classes && (small(positive) || small(all - positive)))
    }
}

/// Withholds endpoints whose rows differ from those of a larger one by a small cell.
fn withhold_differences(endpoints: &mut [EndpointSummary], behind: &[Behind], least: u64) {
    let small = |n: u64| n > 0 && n < least;
    let mut order: Vec<usize> = (0..behind.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(behind.get(*i).map_or(0, |b| b.rows.len())));
    let mut told: Vec<&Behind> = Vec::new();
    for i in order {
        let (Some(out), Some(own)) = (endpoints.get_mut(i), behind.get(i)) else {
            continue;
        };
        if out.n.is_none() {
            continue;
        }
        if told
            .iter()
            .any(|t| t.beyond(own, small) || own.beyond(t, small))
        {
            *out = EndpointSummary {
                id: out.id.clone(),
                n: None,
                estimate: None,
                counts: None,
                histogram: None,
                sums: None,
                withheld: vec![format!(
                    "everything: its rows differ from those of another endpoint by 1 to {} rows, in all or of a class, which a difference of counts would tell",
                    least.saturating_sub(1)
                )],
            };
        } else if !told.iter().any(|t| t.rows == own.rows) {
            told.push(own);
        }
    }
}

fn tell(
    plan: &Plan,
    endpoint: &Endpoint,
    columns: &[(String, String, Column)],
    used: u64,
    number: &Number,
) -> EndpointSummary {
    let least = plan.site.minimum_cell;
    let small = |n: u64| n > 0 && n < least;
    let mut out = EndpointSummary {
        id: endpoint.id.clone(),
        n: None,
        estimate: None,
        counts: None,
        histogram: None,
        sums: None,
        withheld: Vec::new(),
    };
    if used < least {
        out.withheld
            .push(format!("everything: fewer than {least} rows"));
        return out;
    }
    out.n = Some(used);
    let binary = |role: &str| {
        columns.iter().find_map(|(r, _, c)| match c {
            Column::Binary(v) if r == role => Some(v.as_slice()),
            _ => None,
        })
    };
    let reals: Vec<(&str, &[f64])> = columns
        .iter()
        .filter_map(|(r, _, c)| match c {
            Column::Real(v) => Some((r.as_str(), v.as_slice())),
            _ => None,
        })
        .collect();
    let real = |role: &str| -> Option<&[f64]> {
        let mut found = reals.iter().filter(|(r, _)| *r == role);
        let first = found.next()?.1;
        // Two scores are compared with each other: their joint ranks are no histogram.
        found.next().is_none().then_some(first)
    };
    let threshold = endpoint
        .settings
        .iter()
        .find(|(n, _)| n == "threshold")
        .and_then(|(_, v)| v.trim().parse::<f64>().ok());
    // A share of few rows tells the cell as well as the cell itself.
    let few = columns.iter().any(|(_, _, c)| match c {
        Column::Binary(v) => {
            let yes = v.iter().filter(|b| **b).count() as u64;
            small(yes) || small(v.len() as u64 - yes)
        }
        _ => false,
    });
    let mut hidden = few;
    if few {
        out.withheld.push(format!(
            "estimate: a class holds 1 to {} rows",
            least.saturating_sub(1)
        ));
    }
    if let Some(truth) = binary("truth") {
        let call: Option<Vec<bool>> = binary("call").map(<[bool]>::to_vec).or_else(|| {
            let (score, t) = (real("score")?, threshold?);
            Some(score.iter().map(|s| *s >= t).collect())
        });
        if let Some(call) = call {
            let count = |t: bool, c: bool| {
                truth
                    .iter()
                    .zip(&call)
                    .filter(|(a, b)| **a == t && **b == c)
                    .count() as u64
            };
            let counts = FourCounts {
                true_positive: count(true, true),
                false_positive: count(false, true),
                false_negative: count(true, false),
                true_negative: count(false, false),
            };
            if counts.cells().into_iter().any(small) {
                // A share of few rows tells the cell as well as the cell itself.
                hidden = true;
                out.withheld.push(format!(
                    "counts and estimate: a cell of the four holds 1 to {} rows",
                    least.saturating_sub(1)
                ));
            } else {
                out.counts = Some(counts);
            }
        } else if let Some(score) = real("score") {
            match histogram(plan, truth, score) {
                Some(bins) => out.histogram = Some(bins),
                None => out.withheld.push(format!(
                    "histogram: no bins leave every cell empty or at least {least}"
                )),
            }
        }
        if let Some(p) = real("probability") {
            let positive = truth.iter().filter(|t| **t).count() as u64;
            if small(positive) || small(used - positive) {
                out.withheld.push("sums: one class has few rows".into());
            } else {
                out.sums = Some(Sums {
                    n: used,
                    sum: p.iter().sum(),
                    squares: p
                        .iter()
                        .zip(truth)
                        .map(|(p, t)| (p - f64::from(u8::from(*t))).powi(2))
                        .sum(),
                    positive: Some(positive),
                });
            }
        }
    } else if let Some(value) = real("value") {
        let known: Vec<f64> = value.iter().copied().filter(|v| !v.is_nan()).collect();
        // Rows without a value are not in the statistic; beside the rows in all they would tell how many lack one.
        out.n = Some(known.len() as u64);
        if (known.len() as u64) < least {
            out.n = None;
            hidden = true;
            out.withheld
                .push(format!("everything: fewer than {least} rows have a value"));
        } else {
            out.sums = Some(Sums {
                n: known.len() as u64,
                sum: known.iter().sum(),
                squares: known.iter().map(|v| v * v).sum(),
                positive: None,
            });
        }
    }
    if !hidden {
        out.estimate = number
            .value
            .zip(spread(number))
            .map(|(value, standard_error)| Estimate {
                value,
                standard_error,
            });
    }
    out
}

/// Bins in which each class has no row or enough of them: neighbours are merged until they have.
fn histogram(plan: &Plan, truth: &[bool], score: &[f64]) -> Option<Vec<Bin>> {
    let site = &plan.site;
    let mut fine: Vec<(f64, f64, u64, u64)> = Vec::new();
    if site.bins == 0 {
        let mut rows: Vec<(f64, bool)> = score
            .iter()
            .map(|s| s + 0.0)
            .zip(truth.iter().copied())
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (s, t) in rows {
            match fine.last_mut() {
                Some(last) if last.0 == s => {
                    last.2 += u64::from(t);
                    last.3 += u64::from(!t);
                }
                _ => fine.push((s, s, u64::from(t), u64::from(!t))),
            }
        }
    } else {
        let (low, high) = site.range;
        let width = (high - low) / site.bins as f64;
        let edge = |i: u64| {
            if i == site.bins {
                high
            } else {
                low + width * i as f64
            }
        };
        fine.push((f64::NEG_INFINITY, low, 0, 0));
        for i in 0..site.bins {
            fine.push((edge(i), edge(i + 1), 0, 0));
        }
        fine.push((high, f64::INFINITY, 0, 0));
        for (s, t) in score.iter().zip(truth) {
            let at = fine.partition_point(|b| b.1 <= *s).min(fine.len() - 1);
            if let Some(bin) = fine.get_mut(at) {
                bin.2 += u64::from(*t);
                bin.3 += u64::from(!*t);
            }
        }
    }
    let enough = |b: &(f64, f64, u64, u64)| {
        [b.2, b.3]
            .into_iter()
            .all(|n| n == 0 || n >= site.minimum_cell)
    };
    let merge = |a: &mut (f64, f64, u64, u64), b: &(f64, f64, u64, u64)| {
        // One score and a neighbour above: the range ends just beyond the neighbour's score.
        a.1 = if b.0 == b.1 { b.1.next_up() } else { b.1 };
        a.2 += b.2;
        a.3 += b.3;
    };
    let mut out: Vec<(f64, f64, u64, u64)> = Vec::new();
    let mut open: Option<(f64, f64, u64, u64)> = None;
    for bin in fine {
        let now = match open.take() {
            None => bin,
            Some(mut wider) => {
                merge(&mut wider, &bin);
                wider
            }
        };
        if enough(&now) {
            out.push(now);
        } else {
            open = Some(now);
        }
    }
    while let Some(rest) = open.take() {
        let mut last = out.pop()?;
        merge(&mut last, &rest);
        if enough(&last) {
            out.push(last);
        } else {
            open = Some(last);
        }
    }
    out.retain(|b| b.2 + b.3 > 0);
    Some(
        out.into_iter()
            .map(|(low, high, positive, negative)| Bin {
                low: low.to_string(),
                high: high.to_string(),
                positive,
                negative,
            })
            .collect(),
    )
}

impl Summary {
    /// The text that is signed.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn text(&self) -> Result<String, SiteError> {
        let json = serde_json::to_string(self)
            .map_err(|e| SiteError(format!("the summary cannot be encoded: {e}")))?;
        Ok(format!("{FORMAT}\n{json}\n"))
    }

    /// Reads a text whose signature was checked.
    ///
    /// # Errors
    /// When it is no summary, or its numbers are impossible.
    pub fn read(text: &str) -> Result<Self, SiteError> {
        let rest = text
            .strip_prefix(FORMAT)
            .and_then(|t| t.strip_prefix('\n'))
            .ok_or_else(|| {
                SiteError(format!("not a site summary; its first line is `{FORMAT}`"))
            })?;
        let summary: Self = serde_json::from_str(rest).map_err(|e| {
            SiteError(format!(
                "not a site summary of this version (column {})",
                e.column()
            ))
        })?;
        for endpoint in &summary.endpoints {
            let counts = endpoint.counts.iter().flat_map(|c| c.cells());
            let bins = endpoint
                .histogram
                .iter()
                .flatten()
                .flat_map(|b| [b.positive, b.negative]);
            if counts.chain(bins).any(|n| n > ROWS_MAX) {
                return Err(SiteError(format!(
                    "endpoint `{}` counts more than {ROWS_MAX} rows in a cell",
                    endpoint.id
                )));
            }
            for bin in endpoint.histogram.iter().flatten() {
                bin.edges().ok_or_else(|| {
                    SiteError(format!(
                        "endpoint `{}` has a bin whose edges are no numbers or cross",
                        endpoint.id
                    ))
                })?;
            }
            let bad = endpoint.estimate.is_some_and(|e| {
                !(e.value.is_finite() && e.standard_error > 0.0 && e.standard_error.is_finite())
            });
            if bad {
                return Err(SiteError(format!(
                    "endpoint `{}` has an impossible estimate",
                    endpoint.id
                )));
            }
        }
        Ok(summary)
    }

    /// What the summary holds and holds back, for the person who sends it.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        self.endpoints
            .iter()
            .map(|e| {
                let mut parts = Vec::new();
                if let Some(n) = e.n {
                    parts.push(format!("{n} rows"));
                }
                if e.counts.is_some() {
                    parts.push("four counts".into());
                }
                if let Some(h) = &e.histogram {
                    parts.push(format!("a histogram of {} bins", h.len()));
                }
                if e.sums.is_some() {
                    parts.push("sums".into());
                }
                if e.estimate.is_some() {
                    parts.push("estimate and standard error".into());
                }
                parts.extend(e.withheld.iter().map(|w| format!("withheld: {w}")));
                format!("{}: {}", e.id, parts.join(", "))
            })
            .collect()
    }
}

impl Bin {
    fn edges(&self) -> Option<(f64, f64)> {
        let (low, high): (f64, f64) = (self.low.parse().ok()?, self.high.parse().ok()?);
        (low <= high).then_some((low, high))
    }
}

/// One endpoint, pooled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PooledEndpoint {
    /// Its id.
    pub id: String,
    /// Its line in the plan.
    pub line: usize,
    /// Sites that told of it, and how many held it back.
    pub sites: usize,
    /// Sites that held it back.
    pub withheld: usize,
    /// From counts, histograms or sums, over the sites that gave them.
    pub joint: Option<Number>,
    /// `exact`: as from all rows together; `bounded`: within `bound` of it.
    pub joint_is: Option<&'static str>,
    /// The largest possible error of the joint value, where bins are wider than one score.
    pub bound: Option<f64>,
    /// From the sites' estimates, by random effects; on the logit scale for values between 0 and 1.
    pub random_effects: Option<Number>,
    /// Heterogeneity and what else the method tells.
    pub heterogeneity: Option<Answer>,
    /// Each site's own estimate.
    pub by_site: Vec<(String, Option<Estimate>)>,
    /// What the reader must know.
    pub notes: Vec<String>,
}

/// Several sites together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pooled {
    /// The plan that all followed.
    pub plan: Digest,
    /// The sites.
    pub sites: Vec<String>,
    /// The endpoints, in the order of the plan.
    pub endpoints: Vec<PooledEndpoint>,
}

/// Refuses summaries of which one key signed two: the same rows, told under two names, would count
/// twice. Each is given as the site's name and the key that signed, in the notation of signed-note,
/// whose names are not compared: whoever signs chooses them, as the site's.
///
/// # Errors
/// With the two sites.
pub fn one_key_each<'a>(
    signed: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), SiteError> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (site, key) in signed {
        // NAME+HASH+KEY: neither name nor hash holds a plus sign, the key in Base64 may.
        let own = key.splitn(3, '+').last().unwrap_or(key);
        match seen.insert(own, site) {
            None => {}
            Some(first) if first == site => {
                return Err(SiteError(format!(
                    "two summaries are of the site `{site}`, signed by one key; give each site once"
                )));
            }
            Some(first) => {
                return Err(SiteError(format!(
                    "one key signed for the site `{first}` and for the site `{site}`: the same rows may stand in both; give one of them (each site signs with the key of its own workspace)"
                )));
            }
        }
    }
    Ok(())
}

/// Pools summaries whose signatures were checked.
///
/// Whether two sites hold the same patients cannot be told: a summary carries no digest of its rows, by
/// which few rows could be guessed. Sites that tell exactly the same numbers are noted, and keys are for
/// [`one_key_each`].
///
/// # Errors
/// When a site followed another plan, a site is there twice, or an endpoint cannot be pooled.
pub fn pool(plan: &Plan, summaries: &[Summary]) -> Result<Pooled, SiteError> {
    let mut sites: Vec<String> = Vec::new();
    for s in summaries {
        if s.plan != plan.digest {
            return Err(SiteError(format!(
                "site `{}` followed the plan {}, not {} ({}); pool what answers one plan",
                s.site, s.plan, plan.digest, plan.file
            )));
        }
        if sites.contains(&s.site) {
            return Err(SiteError(format!(
                "two summaries are of the site `{}`; give each site once",
                s.site
            )));
        }
        sites.push(s.site.clone());
    }
    let mut endpoints = Vec::new();
    for endpoint in &plan.endpoints {
        endpoints.push(
            pool_endpoint(plan, endpoint, summaries)
                .map_err(|e| SiteError(format!("endpoint `{}`: {e}", endpoint.id)))?,
        );
    }
    Ok(Pooled {
        plan: plan.digest,
        sites,
        endpoints,
    })
}

fn pool_endpoint(
    plan: &Plan,
    endpoint: &Endpoint,
    summaries: &[Summary],
) -> Result<PooledEndpoint, StatisticsError> {
    let told: Vec<(&str, &EndpointSummary)> = summaries
        .iter()
        .filter_map(|s| {
            Some((
                s.site.as_str(),
                s.endpoints.iter().find(|e| e.id == endpoint.id)?,
            ))
        })
        .collect();
    let mut out = PooledEndpoint {
        id: endpoint.id.clone(),
        line: endpoint.line,
        sites: told.iter().filter(|(_, e)| e.n.is_some()).count(),
        withheld: told.iter().filter(|(_, e)| !e.withheld.is_empty()).count(),
        joint: None,
        joint_is: None,
        bound: None,
        random_effects: None,
        heterogeneity: None,
        by_site: told
            .iter()
            .map(|(s, e)| ((*s).to_owned(), e.estimate))
            .collect(),
        notes: Vec::new(),
    };
    if out.withheld > 0 {
        out.notes.push(format!(
            "{} of {} sites held something back because cells were small.",
            out.withheld,
            told.len()
        ));
    }
    // Sums, histograms and estimates of different patients hardly agree to the last digit.
    for (at, (site, own)) in told.iter().enumerate() {
        let telling = own.estimate.is_some() || own.sums.is_some() || own.histogram.is_some();
        if let Some((first, _)) = told
            .iter()
            .take(at)
            .find(|(_, other)| telling && other == own)
        {
            out.notes.push(format!(
                "The sites {first} and {site} tell exactly the same; the same rows may have been counted twice."
            ));
        }
    }
    let with = |f: fn(&EndpointSummary) -> bool| told.iter().filter(|(_, e)| f(e)).count();
    let entry = endpoint.entry();
    if with(|e| e.counts.is_some()) > 0 {
        if with(|e| e.counts.is_some()) < told.len() {
            out.notes
                .push("The joint value covers only the sites that gave their counts.".into());
        }
        if let Some(entry) = entry {
            match joint_counts(plan, endpoint, entry, &told) {
                Ok(joint) => out.joint = joint,
                Err(e) => out
                    .notes
                    .push(format!("The counts do not tell this number: {e}.")),
            }
            out.joint_is = out.joint.as_ref().map(|_| "exact");
        }
    } else if with(|e| e.histogram.is_some()) > 0 {
        if with(|e| e.histogram.is_some()) < told.len() {
            out.notes
                .push("The joint value covers only the sites that gave a histogram.".into());
        }
        joint_scores(plan, endpoint, entry, &told, &mut out)?;
    } else if with(|e| e.sums.is_some()) > 0 {
        joint_sums(plan, endpoint, &told, &mut out);
    }
    if plan.data.cluster.is_some() && out.joint.is_some() {
        out.notes.push("Clusters are not shared between sites: the interval of the joint value takes rows as independent; that of the random effects rests on the sites' own clustered errors.".into());
    }
    random_effects(plan, &told, &mut out)?;
    Ok(out)
}

/// Rows as the counts tell of them, through the endpoint's own statistic.
fn joint_counts(
    plan: &Plan,
    endpoint: &Endpoint,
    entry: &'static Entry,
    told: &[(&str, &EndpointSummary)],
) -> Result<Option<Number>, StatisticsError> {
    if !entry.roles.iter().any(|r| r.name == "call") {
        return Ok(None);
    }
    let (mut truth, mut call) = (Vec::new(), Vec::new());
    for counts in told.iter().filter_map(|(_, e)| e.counts) {
        let total: u64 = counts.cells().iter().fold(0, |a, b| a.saturating_add(*b));
        if total > 100_000_000 || truth.len() as u64 + total > 100_000_000 {
            return Err(StatisticsError::Data(
                "the counts add to more than 100 million rows".into(),
            ));
        }
        for (n, t, c) in [
            (counts.true_positive, true, true),
            (counts.false_positive, false, true),
            (counts.false_negative, true, false),
            (counts.true_negative, false, false),
        ] {
            for _ in 0..n {
                truth.push(t);
                call.push(c);
            }
        }
    }
    let columns = vec![
        (
            "truth".to_owned(),
            "truth".to_owned(),
            Column::Binary(truth),
        ),
        ("call".to_owned(), "call".to_owned(), Column::Binary(call)),
    ];
    run(plan, endpoint, entry, columns, &["threshold"])
}

/// The endpoint's statistic on rows that stand for all sites.
fn run(
    plan: &Plan,
    endpoint: &Endpoint,
    entry: &'static Entry,
    columns: Vec<(String, String, Column)>,
    without: &[&str],
) -> Result<Option<Number>, StatisticsError> {
    let mut settings: Vec<(String, String)> = endpoint
        .settings
        .iter()
        .filter(|(n, _)| !without.contains(&n.as_str()))
        .cloned()
        .collect();
    plan.complete(entry, plan.level, &mut settings);
    let name = endpoint
        .number
        .clone()
        .unwrap_or_else(|| endpoint.id.clone());
    match Sample::new(entry, columns, &settings).and_then(|s| entry.answer(&s, &[])) {
        Ok(answer) => Ok(match &endpoint.number {
            Some(name) => answer.number(name).cloned(),
            None => answer.numbers.first().cloned(),
        }),
        Err(StatisticsError::NotEstimable(reason)) => {
            Ok(Some(Number::none(name, entry.id, 0, reason)))
        }
        Err(other) => Err(other),
    }
}

fn joint_scores(
    plan: &Plan,
    endpoint: &Endpoint,
    entry: Option<&'static Entry>,
    told: &[(&str, &EndpointSummary)],
    out: &mut PooledEndpoint,
) -> Result<(), StatisticsError> {
    let bins: Vec<(f64, f64, u64, u64)> = told
        .iter()
        .flat_map(|(_, e)| e.histogram.iter().flatten())
        .filter_map(|b| {
            let (low, high) = b.edges()?;
            Some((low, high, b.positive, b.negative))
        })
        .collect();
    if bins.iter().all(|b| b.0 == b.1) {
        let (mut truth, mut score) = (Vec::new(), Vec::new());
        for (s, _, positive, negative) in &bins {
            if truth.len() as u64 + positive + negative > 100_000_000 {
                return Err(StatisticsError::Data(
                    "the histograms add to more than 100 million rows".into(),
                ));
            }
            for (n, t) in [(*positive, true), (*negative, false)] {
                for _ in 0..n {
                    truth.push(t);
                    score.push(*s);
                }
            }
        }
        let columns = vec![
            (
                "truth".to_owned(),
                "truth".to_owned(),
                Column::Binary(truth),
            ),
            ("score".to_owned(), "score".to_owned(), Column::Real(score)),
        ];
        if let Some(entry) = entry {
            match run(plan, endpoint, entry, columns, &[]) {
                Ok(joint) => out.joint = joint,
                Err(e) => out
                    .notes
                    .push(format!("The histograms do not tell this number: {e}.")),
            }
            out.joint_is = out.joint.as_ref().map(|_| "exact");
        }
        return Ok(());
    }
    if endpoint.statistic != "roc-auc" {
        out.notes.push("Histograms with wide bins give the area under the ROC curve only; this statistic is pooled by random effects.".into());
        return Ok(());
    }
    if bins.len() > BINS_MAX {
        return Err(StatisticsError::Data(format!(
            "{} bins in all; at most {BINS_MAX} are compared: use fewer bins",
            bins.len()
        )));
    }
    match binned_auc(&bins, plan.level) {
        Ok((number, bound)) => {
            out.joint = Some(number);
            out.joint_is = Some("bounded");
            out.bound = Some(bound);
        }
        Err(StatisticsError::NotEstimable(reason)) => {
            out.joint = Some(Number::none("auc", "auc.binned", 0, reason));
        }
        Err(other) => return Err(other),
    }
    Ok(())
}

/// The area under the ROC curve from bins, with DeLong's variance of the binned scores, and the
/// largest error that binning can have made: half the share of case-control pairs whose bins overlap.
fn binned_auc(bins: &[(f64, f64, u64, u64)], level: f64) -> Result<(Number, f64), StatisticsError> {
    let m: u64 = bins.iter().map(|b| b.2).sum();
    let n: u64 = bins.iter().map(|b| b.3).sum();
    if m < 2 || n < 2 {
        return Err(StatisticsError::not_estimable(
            "a class has fewer than two rows",
        ));
    }
    let (mf, nf) = (m as f64, n as f64);
    // 1 where all of `a` lies above `b`, 0 where below; between them 1/2, and whether that is unsure.
    let compare = |a: &(f64, f64, u64, u64), b: &(f64, f64, u64, u64)| -> (f64, bool) {
        let (a_one, b_one) = (a.0 == a.1, b.0 == b.1);
        if a_one && b_one {
            return (
                match a.0.partial_cmp(&b.0) {
                    Some(std::cmp::Ordering::Greater) => 1.0,
                    Some(std::cmp::Ordering::Less) => 0.0,
                    _ => 0.5,
                },
                false,
            );
        }
        // A bin holds its lower edge and not its upper one.
        // The topmost bin holds infinite scores too.
        let above = if b_one {
            a.0 > b.0
        } else {
            a.0 >= b.1 && b.1.is_finite()
        };
        let below = if a_one {
            b.0 > a.0
        } else {
            b.0 >= a.1 && a.1.is_finite()
        };
        match (above, below) {
            (true, _) => (1.0, false),
            (_, true) => (0.0, false),
            _ => (0.5, true),
        }
    };
    let mut unsure = 0.0;
    let mut of_negative = vec![0.0; bins.len()];
    let mut of_positive = vec![0.0; bins.len()];
    for (a, v10) in bins.iter().zip(of_positive.iter_mut()) {
        if a.2 == 0 {
            continue;
        }
        for (b, v01) in bins.iter().zip(of_negative.iter_mut()) {
            if b.3 == 0 {
                continue;
            }
            let (share, open) = compare(a, b);
            *v10 += share * b.3 as f64 / nf;
            *v01 += share * a.2 as f64 / mf;
            if open {
                unsure += (a.2 as f64 / mf) * (b.3 as f64 / nf);
            }
        }
    }
    let auc: f64 = bins
        .iter()
        .zip(&of_positive)
        .map(|(b, v)| b.2 as f64 * v)
        .sum::<f64>()
        / mf;
    let s10: f64 = bins
        .iter()
        .zip(&of_positive)
        .map(|(b, v)| b.2 as f64 * (v - auc).powi(2))
        .sum::<f64>()
        / (mf - 1.0);
    let s01: f64 = bins
        .iter()
        .zip(&of_negative)
        .map(|(b, v)| b.3 as f64 * (v - auc).powi(2))
        .sum::<f64>()
        / (nf - 1.0);
    let se = (s10 / mf + s01 / nf).sqrt();
    let bound = unsure / 2.0;
    let half = two_sided_z(level)? * se + bound;
    let number = Number::plain("auc", "auc.binned", auc, (m + n) as usize)
        .with_standard_error(se)
        .with_interval(
            Interval {
                lower: (auc - half).max(0.0),
                upper: (auc + half).min(1.0),
                level,
            },
            "delong of binned scores, widened by the bound",
        );
    Ok((number, bound))
}

fn joint_sums(
    plan: &Plan,
    endpoint: &Endpoint,
    told: &[(&str, &EndpointSummary)],
    out: &mut PooledEndpoint,
) {
    // Sums tell these two numbers exactly and no other.
    let number = endpoint.number.as_deref();
    let brier = endpoint.statistic == "brier" && matches!(number, None | Some("brier"));
    let mean =
        endpoint.statistic == "segmentation-summary" && matches!(number, None | Some("mean"));
    if !(brier || mean) {
        out.notes
            .push("Sums do not tell this number; it is pooled by random effects.".into());
        return;
    }
    let sums: Vec<Sums> = told.iter().filter_map(|(_, e)| e.sums).collect();
    let n: u64 = sums.iter().map(|s| s.n).sum();
    let (sum, squares): (f64, f64) = (
        sums.iter().map(|s| s.sum).sum(),
        sums.iter().map(|s| s.squares).sum(),
    );
    if n < 2 {
        return;
    }
    let nf = n as f64;
    if sums.iter().all(|s| s.positive.is_some()) {
        let positive: u64 = sums.iter().filter_map(|s| s.positive).sum();
        out.joint = Some(
            Number::plain(
                "brier",
                "brier.mean-squared-difference",
                squares / nf,
                n as usize,
            )
            .without_interval("the sums do not tell its spread"),
        );
        out.joint_is = Some("exact");
        if sum > 0.0 {
            out.notes.push(format!(
                "Observed to expected over all sites: {} of {sum:.3} expected, ratio {:.4}.",
                positive,
                positive as f64 / sum
            ));
        }
        return;
    }
    let mean = sum / nf;
    let variance = ((squares - nf * mean * mean) / (nf - 1.0)).max(0.0);
    let se = (variance / nf).sqrt();
    let number = Number::plain("mean", "mean", mean, n as usize).with_standard_error(se);
    let t = candour_statistics::distribution::t_quantile(f64::midpoint(1.0, plan.level), nf - 1.0);
    out.joint = Some(if se > 0.0 && t.is_finite() {
        number.with_interval(
            Interval {
                lower: mean - t * se,
                upper: mean + t * se,
                level: plan.level,
            },
            "t",
        )
    } else {
        number.without_interval("the values do not vary")
    });
    out.joint_is = Some("exact");
}

/// The sites' estimates by random effects (the catalogue's `pool-estimates` as it stands).
fn random_effects(
    plan: &Plan,
    told: &[(&str, &EndpointSummary)],
    out: &mut PooledEndpoint,
) -> Result<(), StatisticsError> {
    let known: Vec<(&str, Estimate)> = told
        .iter()
        .filter_map(|(s, e)| Some((*s, e.estimate?)))
        .collect();
    let Some(entry) = catalogue::entry("pool-estimates") else {
        return Ok(());
    };
    if known.len() < 2 {
        out.notes
            .push("Random effects need the estimates of two sites at least.".into());
        return Ok(());
    }
    let share = known.iter().all(|(_, e)| e.value > 0.0 && e.value < 1.0);
    let (estimate, error): (Vec<f64>, Vec<f64>) = known
        .iter()
        .map(|(_, e)| {
            if share {
                let slope = e.value * (1.0 - e.value);
                ((e.value / (1.0 - e.value)).ln(), e.standard_error / slope)
            } else {
                (e.value, e.standard_error)
            }
        })
        .unzip();
    let sites: Vec<&str> = known.iter().map(|(s, _)| *s).collect();
    let columns = vec![
        (
            "estimate".to_owned(),
            "estimate".to_owned(),
            Column::Real(estimate),
        ),
        (
            "standard_error".to_owned(),
            "standard_error".to_owned(),
            Column::Real(error),
        ),
        (
            "site".to_owned(),
            "site".to_owned(),
            Column::Label(catalogue::Labels::of(&sites)),
        ),
    ];
    let settings = vec![("level".to_owned(), plan.level.to_string())];
    match Sample::new(entry, columns, &settings).and_then(|s| entry.answer(&s, &[])) {
        Ok(answer) => {
            let back = |v: f64| if share { 1.0 / (1.0 + (-v).exp()) } else { v };
            out.random_effects = answer.numbers.first().map(|n| {
                let mut n = n.clone();
                n.value = n.value.map(back);
                n.interval = n.interval.map(|i| Interval {
                    lower: back(i.lower),
                    upper: back(i.upper),
                    level: i.level,
                });
                if share {
                    n.standard_error = None;
                    n.definition.push_str(".logit");
                }
                n
            });
            out.heterogeneity = Some(answer);
        }
        Err(StatisticsError::NotEstimable(reason)) => {
            out.notes.push(format!("Random effects: {reason}."))
        }
        Err(other) => return Err(other),
    }
    Ok(())
}

impl fmt::Display for FourCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} true positive, {} false positive, {} false negative, {} true negative",
            self.true_positive, self.false_positive, self.false_negative, self.true_negative
        )
    }
}
