//! Surveillance of sealed decisions: what is watched, by which statistic, and when it alarms.

use std::collections::BTreeMap;

use candour_statistics::catalogue::{self, Column, Entry, Group, Sample};
use candour_statistics::{Answer, Cell, StatisticsError};
use serde::{Deserialize, Serialize};

use crate::analysis::did_not_come;
use crate::plan::no_number;
use crate::table::distance;

/// The design that holds where none is given.
pub const BUILT_IN: &str = include_str!("monitoring.toml");

/// What is watched.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitoring {
    /// Decisions expected each year, for the expected number of false alarms.
    pub cases_per_year: f64,
    /// What drift is measured against.
    pub reference: ReferencePeriod,
    /// The monitors.
    pub watch: Vec<Watch>,
}

/// What drift is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferencePeriod {
    /// The sealed decisions of the validation.
    Validation,
    /// The first half of the decisions in use.
    FirstHalf,
}

/// One monitor.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Its name.
    pub id: String,
    /// What is watched.
    pub of: Of,
    /// The catalogue's entry.
    pub statistic: String,
    /// The number that alarms; `alarms` for charts.
    #[serde(default)]
    pub number: Option<String>,
    /// It alarms from this value on.
    #[serde(default)]
    pub alarm_at_least: Option<f64>,
    /// It alarms up to this value.
    #[serde(default)]
    pub alarm_at_most: Option<f64>,
    /// Fewer decisions than this are counted, not judged.
    #[serde(default = "least")]
    pub minimum: usize,
    /// Settings of the statistic.
    #[serde(default)]
    pub settings: BTreeMap<String, toml::Value>,
}

fn least() -> usize {
    30
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// Whether the device refused.
    Refused,
    /// Whether it abstained, of what it did not refuse.
    Abstained,
    /// Whether it found something, of what it decided.
    Finding,
    /// Whether it was wrong, of what it decided and the reference standard is known of.
    Error,
    /// Whether a reader overruled it, of what was read.
    Overruled,
    /// The calibrated probability, of what it did not refuse.
    Probability,
}

/// A decision, as far as monitors see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// Index of its record.
    pub index: u64,
    /// Its month, such as `2026-11`.
    pub month: String,
    /// Whether it was refused.
    pub refused: bool,
    /// The call: none where it abstained or refused.
    pub call: Option<bool>,
    /// The probability: none where it refused.
    pub probability: Option<f64>,
    /// The reference standard, where known.
    pub truth: Option<bool>,
    /// Whether a reader overruled it; none where nobody read it.
    pub overruled: Option<bool>,
    /// The latest record that tells of it: the decision, its outcome or its reading.
    pub known_at: u64,
}

/// When decisions are read: what was alarmed about before is not alarmed about again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// The first record after the last reading.
    pub since: u64,
    /// The month of the last reading, such as `2026-11`; none where there was none.
    pub last: Option<String>,
    /// The month of this reading.
    pub now: String,
}

/// The month that is not over when a chart of months is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenMonth {
    /// The month, such as `2026-11`.
    pub month: String,
    /// Whether its point lies beyond the limits so far.
    pub beyond: bool,
}

/// What one monitor shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// The monitor.
    pub id: String,
    /// What it watches.
    pub of: Of,
    /// The catalogue's entry.
    pub statistic: String,
    /// Decisions it looked at.
    pub n: usize,
    /// The number that alarms.
    pub value: Option<f64>,
    /// Where it alarms.
    pub limit: Option<f64>,
    /// Whether it alarms. A chart alarms for what came since the last reading; a chart of months (the p-chart)
    /// only for months that are over. A month that is read before its end is one of many looks at growing
    /// counts: it would alarm more often than the chart is designed to, and again at each reading. What must
    /// be seen within the month is watched by a chart that takes decisions one by one, such as a CUSUM.
    pub alarm: bool,
    /// Of a chart of months: the month that is still open. Its point is shown, and is provisional.
    pub open: Option<OpenMonth>,
    /// Record of the latest decision that made a chart alarm.
    pub alarmed_at: Option<u64>,
    /// Expected false alarms each year by the chart's design, where it has one.
    pub false_alarms_per_year: Option<f64>,
    /// Whether there were decisions enough and still nothing could be said: as bad as an alarm.
    pub unjudged: bool,
    /// Everything the statistic answers.
    pub answer: Option<Answer>,
    /// Why there is no value.
    pub not_estimable: Option<String>,
}

/// Why a monitoring design cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MonitorError(pub String);

impl Monitoring {
    /// Reads a design.
    ///
    /// # Errors
    /// With the first fault and its place.
    pub fn read(file: &str, text: &str) -> Result<Self, MonitorError> {
        let out: Self = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |s| {
                text.as_bytes()
                    .iter()
                    .take(s.start)
                    .filter(|b| **b == b'\n')
                    .count()
                    + 1
            });
            MonitorError(format!(
                "{file}:{line}: {}",
                e.message()
                    .lines()
                    .next()
                    .unwrap_or("is not a monitoring design")
            ))
        })?;
        if !(out.cases_per_year > 0.0 && out.cases_per_year.is_finite()) {
            return Err(MonitorError(format!(
                "{file}: cases_per_year is not above 0; say how many decisions a year brings"
            )));
        }
        let mut ids = std::collections::BTreeSet::new();
        for watch in &out.watch {
            let wrong =
                |what: String| MonitorError(format!("{file}: watch `{}`: {what}", watch.id));
            let entry = watch.entry(file)?;
            if !ids.insert(&watch.id) {
                return Err(wrong("stands twice; each id once".into()));
            }
            let chart = watch.statistic.starts_with("monitor-");
            let limits: Vec<f64> = watch
                .alarm_at_least
                .into_iter()
                .chain(watch.alarm_at_most)
                .collect();
            if limits.iter().any(|l| !l.is_finite()) {
                return Err(wrong("its limit is no finite number".into()));
            }
            if let Some(what) = watch.number.as_deref().and_then(|n| no_number(entry, n)) {
                return Err(wrong(what));
            }
            // Of a chart its alarms alarm; a sequential test has none, and its number needs a limit.
            let counted = watch.number.as_deref().is_none_or(|n| n == "alarms");
            let alarms = chart && counted && entry.gives("alarms");
            if !alarms && (limits.is_empty() || watch.number.is_none()) {
                return Err(wrong(
                    "never alarms: give `number` and alarm_at_least or alarm_at_most".into(),
                ));
            }
            if chart && watch.number.is_none() && !limits.is_empty() {
                return Err(wrong(
                    "a chart alarms by its own limits; set them under [watch.settings]".into(),
                ));
            }
            if watch.of == Of::Probability
                && entry.roles.iter().any(|r| {
                    r.name == "events"
                        || r.name == "outcome" && !entry.roles.iter().any(|r| r.name == "value")
                })
            {
                return Err(wrong(format!(
                    "`{}` counts events; a probability is none",
                    watch.statistic
                )));
            }
            for (name, value) in watch.settings() {
                let setting = entry
                    .settings
                    .iter()
                    .find(|s| s.name == name)
                    .ok_or_else(|| {
                        let known: Vec<&str> = entry.settings.iter().map(|s| s.name).collect();
                        wrong(format!(
                            "`{name}` is no setting of `{}`; it takes: {}",
                            entry.id,
                            known.join(", ")
                        ))
                    })?;
                catalogue::check_setting(setting, &value).map_err(|e| wrong(e.to_string()))?;
            }
        }
        Ok(out)
    }
}

impl Watch {
    fn entry(&self, file: &str) -> Result<&'static Entry, MonitorError> {
        let known = |e: &&Entry| e.group == Group::Surveillance && !e.roles.is_empty();
        catalogue::entry(&self.statistic)
            .filter(|e| known(e))
            .ok_or_else(|| {
                let mut near: Vec<&str> = catalogue::entries()
                    .filter(|e| known(e))
                    .map(|e| e.id)
                    .collect();
                near.sort_by_key(|id| distance(id, &self.statistic));
                near.truncate(3);
                MonitorError(format!(
                    "{file}: watch `{}`: `{}` is no statistic of surveillance; nearest: {}",
                    self.id,
                    self.statistic,
                    near.join(", ")
                ))
            })
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.settings
            .iter()
            .map(|(k, v)| {
                let text = match v {
                    toml::Value::String(s) => s.clone(),
                    toml::Value::Array(items) => items
                        .iter()
                        .map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned))
                        .collect::<Vec<_>>()
                        .join(","),
                    other => other.to_string(),
                };
                (k.clone(), text)
            })
            .collect()
    }
}

impl Watched {
    fn event(&self, of: Of) -> Option<bool> {
        match of {
            Of::Refused => Some(self.refused),
            Of::Abstained => (!self.refused).then_some(self.call.is_none()),
            Of::Finding => self.call,
            Of::Error => self.truth.zip(self.call).map(|(t, c)| t != c),
            Of::Overruled => self.overruled,
            Of::Probability => None,
        }
    }
}

/// Reads every monitor over the decisions in use, in order.
///
/// # Errors
/// When a watch's settings do not fit its statistic.
pub fn readings(
    design: &Monitoring,
    file: &str,
    used: &[Watched],
    validated: &[Watched],
    times: &Times,
) -> Result<Vec<Reading>, MonitorError> {
    design
        .watch
        .iter()
        .map(|w| reading(design, file, w, used, validated, times))
        .collect()
}

fn reading(
    design: &Monitoring,
    file: &str,
    watch: &Watch,
    used: &[Watched],
    validated: &[Watched],
    times: &Times,
) -> Result<Reading, MonitorError> {
    let entry = watch.entry(file)?;
    let has = |role: &str| entry.roles.iter().any(|r| r.name == role);
    let wrong = |what: String| MonitorError(format!("{file}: watch `{}`: {what}", watch.id));
    let mut out = Reading {
        id: watch.id.clone(),
        of: watch.of,
        statistic: watch.statistic.clone(),
        n: 0,
        value: None,
        limit: watch.alarm_at_least.or(watch.alarm_at_most),
        alarm: false,
        alarmed_at: None,
        open: None,
        false_alarms_per_year: false_alarms(design, watch),
        unjudged: false,
        answer: None,
        not_estimable: None,
    };
    let chart = watch.statistic.starts_with("monitor-");
    // Which decision stands behind each observation: of a month, its last, with the month.
    let mut behind: Vec<(u64, Option<&str>)> = Vec::new();
    let number = |w: &Watched| match watch.of {
        Of::Probability => w.probability,
        of => w.event(of).map(|e| f64::from(u8::from(e))),
    };
    let columns: Vec<(String, String, Column)> = if has("current") {
        let (reference, current): (Vec<&Watched>, Vec<&Watched>) = match design.reference {
            ReferencePeriod::Validation => (validated.iter().collect(), used.iter().collect()),
            ReferencePeriod::FirstHalf => {
                let (a, b) = used.split_at(used.len() / 2);
                (a.iter().collect(), b.iter().collect())
            }
        };
        let mut values = Vec::new();
        let mut sides = Vec::new();
        for (list, side) in [(reference, false), (current, true)] {
            for value in list.iter().filter_map(|w| number(w)) {
                values.push(value);
                sides.push(side);
            }
        }
        out.n = sides.iter().filter(|s| **s).count();
        let value = if entry.roles.iter().any(|r| r.name == "category") {
            let cells: Vec<String> = values.iter().map(f64::to_string).collect();
            ("category", Column::Label(catalogue::Labels::of(&cells)))
        } else {
            ("value", Column::Real(values))
        };
        vec![
            (value.0.into(), value.0.into(), value.1),
            ("current".into(), "current".into(), Column::Binary(sides)),
        ]
    } else if has("events") {
        let mut months: BTreeMap<&str, (f64, f64, u64)> = BTreeMap::new();
        for w in used {
            if let Some(event) = w.event(watch.of) {
                let slot = months.entry(&w.month).or_default();
                slot.0 += f64::from(u8::from(event));
                slot.1 += 1.0;
                slot.2 = slot.2.max(w.known_at);
                out.n += 1;
            }
        }
        behind = months.iter().map(|(k, m)| (m.2, Some(*k))).collect();
        let (events, total) = months.values().map(|m| (m.0, m.1)).unzip();
        vec![
            ("events".into(), "events".into(), Column::Real(events)),
            ("total".into(), "total".into(), Column::Real(total)),
        ]
    } else {
        let seen: Vec<&Watched> = used.iter().filter(|w| number(w).is_some()).collect();
        behind = seen.iter().map(|w| (w.known_at, None)).collect();
        out.n = seen.len();
        let role = ["outcome", "overridden", "value", "probability"]
            .into_iter()
            .find(|r| {
                has(r) && ((*r == "value" || *r == "probability") == (watch.of == Of::Probability))
            })
            .ok_or_else(|| {
                wrong(format!(
                    "`{}` cannot watch this; it reads other columns",
                    entry.id
                ))
            })?;
        let column = if watch.of == Of::Probability {
            Column::Real(seen.iter().filter_map(|w| w.probability).collect())
        } else {
            Column::Binary(seen.iter().filter_map(|w| w.event(watch.of)).collect())
        };
        vec![(role.into(), role.into(), column)]
    };
    if out.n < watch.minimum {
        out.not_estimable = Some(format!(
            "{} decisions; judged from {} on",
            out.n, watch.minimum
        ));
        return Ok(out);
    }
    let mut settings = watch.settings();
    if has("events")
        && design.reference == ReferencePeriod::Validation
        && !settings.iter().any(|(n, _)| n == "target")
    {
        let known: Vec<bool> = validated.iter().filter_map(|w| w.event(watch.of)).collect();
        if !known.is_empty() {
            // One half is added to each side, so that a rate that never occurred is not 0.
            let events = known.iter().filter(|e| **e).count() as f64;
            let rate = (events + 0.5) / (known.len() as f64 + 1.0);
            settings.push(("target".into(), rate.to_string()));
        }
    }
    let mut answer =
        match Sample::new(entry, columns, &settings).and_then(|s| entry.answer(&s, &[])) {
            Ok(answer) => answer,
            Err(StatisticsError::NotEstimable(reason)) => {
                out.not_estimable = Some(reason);
                out.unjudged = true;
                return Ok(out);
            }
            Err(other) => return Err(wrong(other.to_string())),
        };
    let name = watch.number.as_deref().unwrap_or("alarms");
    let Some(found) = answer.number(name) else {
        out.not_estimable = Some(did_not_come(entry.id, name));
        out.unjudged = true;
        out.answer = Some(answer);
        return Ok(out);
    };
    out.value = found.value;
    out.not_estimable.clone_from(&found.not_estimable);
    if chart && name == "alarms" {
        let signals: Vec<(u64, Option<&str>)> = answer
            .tables
            .iter()
            .filter(|t| t.name == "alarms")
            .flat_map(|t| &t.rows)
            .filter_map(|r| match r.first() {
                Some(Cell::Whole(at)) => usize::try_from(*at - 1)
                    .ok()
                    .and_then(|i| behind.get(i).copied()),
                _ => None,
            })
            .collect();
        let is_open = |month: Option<&str>| month.is_some_and(|m| m >= times.now.as_str());
        out.open = behind
            .last()
            .filter(|(_, m)| is_open(*m))
            .and_then(|(_, m)| {
                Some(OpenMonth {
                    month: (*m)?.to_owned(),
                    beyond: signals.iter().any(|(_, m)| is_open(*m)),
                })
            });
        let alarms: Vec<(u64, Option<&str>)> =
            signals.into_iter().filter(|(_, m)| !is_open(*m)).collect();
        out.alarmed_at = alarms.last().map(|(i, _)| *i);
        // A month that was open at the last reading is new, however old its decisions.
        let was_open = |month: Option<&str>| {
            month
                .zip(times.last.as_deref())
                .is_some_and(|(m, last)| m >= last)
        };
        out.alarm = alarms
            .iter()
            .any(|(i, m)| *i >= times.since || was_open(*m));
        if let Some(open) = &out.open {
            out.value = Some(alarms.len() as f64);
            answer.notes.push(format!(
                "{} is not over: its point is provisional{}, and alarms only once the month is over",
                open.month,
                if open.beyond { " and beyond its limits so far" } else { "" }
            ));
        }
    } else {
        out.alarm = found.value.is_some_and(|v| {
            watch.alarm_at_least.is_some_and(|l| v >= l)
                || watch.alarm_at_most.is_some_and(|l| v <= l)
        });
    }
    out.answer = Some(answer);
    Ok(out)
}

/// Expected false alarms each year of a CUSUM or EWMA chart, by its average run length in control.
fn false_alarms(design: &Monitoring, watch: &Watch) -> Option<f64> {
    let given: BTreeMap<String, String> = watch.settings().into_iter().collect();
    let take = |names: &[(&str, &str)]| -> Vec<(String, String)> {
        names
            .iter()
            .filter_map(|(from, to)| Some(((*to).to_owned(), given.get(*from)?.clone())))
            .collect()
    };
    let (id, mut settings) = match watch.statistic.as_str() {
        "monitor-cusum" => {
            let bernoulli = match given.get("kind").map_or("tabular", String::as_str) {
                "bernoulli" => true,
                "tabular" => false,
                _ => return None,
            };
            let mut s = take(&[("h", "h"), ("k", "k"), ("p0", "p0"), ("p1", "p1")]);
            s.push((
                "kind".into(),
                if bernoulli { "bernoulli" } else { "normal" }.into(),
            ));
            if !given.contains_key("h") {
                s.push(("h".into(), "5".into()));
            }
            ("arl-cusum", s)
        }
        "monitor-ewma" => {
            let mut s = take(&[("lambda", "lambda"), ("limit", "limit")]);
            if !given.contains_key("limit") {
                s.push(("limit".into(), "2.814".into()));
            }
            ("arl-ewma", s)
        }
        _ => return None,
    };
    settings.push((
        "observations_per_year".into(),
        design.cases_per_year.to_string(),
    ));
    let entry = catalogue::entry(id)?;
    let sample = Sample::new(entry, Vec::new(), &settings).ok()?;
    entry
        .answer(&sample, &[])
        .ok()?
        .number("false_alarms_per_year")?
        .value
}
