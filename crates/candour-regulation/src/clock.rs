//! Reporting deadlines: from an event and the moment of awareness, what is due to whom and when.

use jiff::{Span, ZonedDateTime, civil::time};
use serde::Serialize;

use crate::condition::Truth;
use crate::law::{Clock, Law};

/// A deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deadline {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub clause: String,
    /// The act.
    pub act: String,
    /// The event.
    pub event: String,
    /// The event in words.
    pub event_title: String,
    /// What is due.
    pub due: String,
    /// To whom.
    pub to: String,
    /// How long after; empty: at once.
    pub after: String,
    /// What the time counts from: `awareness` or another deadline.
    pub from: String,
    /// The last moment, RFC 3339 with the offset of the awareness; absent where there is no fixed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What else to know.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Whether the text was read at its source.
    pub verified: bool,
}

/// Why deadlines cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// No clock runs for such an event.
    #[error("`{event}` is no event with a deadline; one of: {known}")]
    Event {
        /// What was asked.
        event: String,
        /// What there is.
        known: String,
    },
    /// The deadline lies beyond what the calendar holds, or the data are malformed.
    #[error("{id}: {why}")]
    Time {
        /// Which clock.
        id: String,
        /// Why.
        why: String,
    },
}

/// The events that start a clock, each with its words, in the order of the acts.
#[must_use]
pub fn events(law: &Law) -> Vec<(&str, &str)> {
    let mut out: Vec<(&str, &str)> = Vec::new();
    for clock in law.in_force().flat_map(|a| &a.clock) {
        if !out.iter().any(|(e, _)| *e == clock.event) {
            out.push((&clock.event, &clock.event_title));
        }
    }
    out
}

/// The deadlines of an event, in order of time; `holds` says for a clock's condition whether the
/// device at hand meets it (`Unknown` keeps the clock).
///
/// Periods in days and months run to the end of their last day, in the offset of `aware`, and the
/// day of awareness is not counted (Regulation (EEC, Euratom) No 1182/71 Art. 3(1), (2)(b), (c));
/// they are not prolonged over holidays (Art. 3(4)), so that no deadline is given too late. Periods
/// in hours run from the moment itself.
///
/// # Errors
/// When no clock runs for the event, or the calendar does not reach so far.
pub fn deadlines(
    law: &Law,
    event: &str,
    aware: &ZonedDateTime,
    holds: &dyn Fn(&Clock) -> Truth,
) -> Result<Vec<Deadline>, ClockError> {
    if !events(law).iter().any(|(e, _)| *e == event) {
        return Err(ClockError::Event {
            event: event.to_owned(),
            known: events(law)
                .iter()
                .map(|(e, _)| *e)
                .collect::<Vec<_>>()
                .join(", "),
        });
    }
    let clocks: Vec<(&str, &Clock)> = law
        .in_force()
        .flat_map(|a| a.clock.iter().map(|c| (a.name.as_str(), c)))
        .filter(|(_, c)| c.event == event && holds(c) != Truth::No)
        .collect();
    let mut out = Vec::new();
    for (act, clock) in &clocks {
        let until = until(&clocks, clock, aware, 0)?;
        out.push((
            until.clone(),
            Deadline {
                id: clock.id.clone(),
                clause: clock.cite.clone(),
                act: (*act).to_owned(),
                event: clock.event.clone(),
                event_title: clock.event_title.clone(),
                due: clock.due.clone(),
                to: clock.to.clone(),
                after: clock.after.clone(),
                from: if clock.from.is_empty() {
                    "awareness".into()
                } else {
                    clock.from.clone()
                },
                until: until.map(|u| u.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()),
                note: clock.note.clone(),
                verified: clock.verified,
            },
        ));
    }
    // What has no fixed moment goes last; within one moment the order of the acts stays.
    out.sort_by_key(|(until, _)| (until.is_none(), until.clone()));
    Ok(out.into_iter().map(|(_, d)| d).collect())
}

fn until(
    clocks: &[(&str, &Clock)],
    clock: &Clock,
    aware: &ZonedDateTime,
    depth: usize,
) -> Result<Option<ZonedDateTime>, ClockError> {
    let failed = |why: String| ClockError::Time {
        id: clock.id.clone(),
        why,
    };
    let start = if clock.from.is_empty() {
        aware.clone()
    } else {
        let from = clocks.iter().find(|(_, c)| c.id == clock.from && depth < 8);
        let Some((_, from)) = from else {
            return Err(failed(format!("no clock {}", clock.from)));
        };
        match until(clocks, from, aware, depth + 1)? {
            Some(at) => at,
            None => return Ok(None),
        }
    };
    if clock.after.is_empty() {
        return Ok(None);
    }
    if clock.after == "at once" {
        return Ok(Some(start));
    }
    let (number, unit) = clock
        .after
        .split_once(' ')
        .and_then(|(n, u)| Some((n.parse::<i64>().ok()?, u)))
        .ok_or_else(|| failed(format!("`{}` is no period", clock.after)))?;
    let late = |e: jiff::Error| failed(e.to_string());
    let span = match unit {
        "hour" | "hours" => {
            let span = Span::new().try_hours(number).map_err(late)?;
            return start.checked_add(span).map(Some).map_err(late);
        }
        "day" | "days" => Span::new().try_days(number),
        "month" | "months" => Span::new().try_months(number),
        _ => return Err(failed(format!("`{unit}` is no unit of time"))),
    }
    .map_err(late)?;
    let day = start.date().checked_add(span).map_err(late)?;
    day.to_datetime(time(23, 59, 59, 0))
        .to_zoned_datetime(start.time_zone().clone())
        .map(Some)
        .map_err(late)
}
