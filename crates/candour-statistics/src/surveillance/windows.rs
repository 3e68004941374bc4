//! Change detectors of streams: Page-Hinkley and ADWIN.

use crate::catalogue::{Entry, Group, Sample, Setting, SettingKind};
use crate::number::{Answer, Number, StatisticsError};

use super::charts::{Chart, SERIES, alarm_numbers, alarm_table, beyond, control};

/// Settings of the Page-Hinkley test, named as in river.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageHinkley {
    /// Values before the first test.
    pub min_instances: u64,
    /// Change that is tolerated.
    pub delta: f64,
    /// Limit (lambda).
    pub threshold: f64,
    /// Forgetting factor of the sums.
    pub alpha: f64,
    /// Whether increases are looked for.
    pub up: bool,
    /// Whether decreases are looked for.
    pub down: bool,
}

/// Page-Hinkley test as river's `drift.PageHinkley`: with m the running mean, U = alpha U + x - m -
/// delta and D = alpha D + x - m + delta; a signal where U - min U or max D - D exceeds the threshold,
/// from `min_instances` values on; everything starts anew after a signal. As in river the largest D
/// starts at -1; unlike there a statistic that exceeds the threshold by rounding only does not signal. The chart's statistics are U - min U (upper) and max D - D (lower).
/// They do not change when all values move together, so values count from the first of their stretch: the
/// running mean of deviations keeps the digits that the mean of large values would lose.
///
/// # Errors
/// When a value is not finite.
pub fn page_hinkley(values: &[f64], settings: PageHinkley) -> Result<Chart, StatisticsError> {
    finite(values)?;
    let (mut alarms, mut increase, mut decrease) = (Vec::new(), Vec::new(), Vec::new());
    let (mut count, mut mean, mut origin) = (0u64, 0.0, 0.0);
    let (mut up, mut down, mut least, mut most) = (0.0_f64, 0.0_f64, f64::INFINITY, -1.0_f64);
    for (at, value) in values.iter().enumerate() {
        if count == 0 {
            origin = *value;
        }
        count += 1;
        let from_origin = value - origin;
        mean += (from_origin - mean) / count as f64;
        let deviation = from_origin - mean;
        up = settings.alpha * up + deviation - settings.delta;
        down = settings.alpha * down + deviation + settings.delta;
        least = least.min(up);
        most = most.max(down);
        increase.push(up - least);
        decrease.push(most - down);
        let added = from_origin.abs().max(up.abs()).max(down.abs());
        let over = |statistic: f64| beyond(statistic, settings.threshold, added);
        let signal = (settings.up && over(up - least)) || (settings.down && over(most - down));
        if count >= settings.min_instances && signal {
            alarms.push(at);
            (count, mean) = (0, 0.0);
            (up, down, least, most) = (0.0, 0.0, f64::INFINITY, -1.0);
        }
    }
    Ok(Chart {
        upper: increase,
        lower: decrease,
        alarms,
    })
}

/// Settings of ADWIN, named as in river.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adwin {
    /// Confidence of each test.
    pub delta: f64,
    /// Values between tests.
    pub clock: u64,
    /// Buckets of one size before two are merged.
    pub max_buckets: usize,
    /// Least length of either part of a cut.
    pub min_window_length: u64,
    /// Window lengths up to here are not tested.
    pub grace_period: u64,
}

/// What ADWIN leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// Places (from 0) of the signals.
    pub alarms: Vec<usize>,
    /// Length of the window after each value.
    pub width: Vec<f64>,
    /// Mean of the window after each value.
    pub mean: Vec<f64>,
}

/// ADWIN (Bifet and Gavalda 2007) over exponential buckets, as `drift.ADWIN` of river 0.26:
/// every `clock` values each border between buckets is tried as a cut, oldest first; the cut differs
/// when |mean0 - mean1| > sqrt(2 v d / m) + 2/3 d / m, with v the window's variance (divisor n), d =
/// ln(2 ln(n) / delta) and 1/m = 1/(n0 - l + 1) + 1/(n1 - l + 1), l the least length; then the oldest
/// bucket is dropped and the cuts are tried again. As river's class does, the whole window starts
/// anew at the value after a signal.
///
/// # Errors
/// When a value is not finite or a setting is out of its range.
pub fn adwin_river(values: &[f64], settings: Adwin) -> Result<Windows, StatisticsError> {
    finite(values)?;
    if !(settings.delta > 0.0 && settings.delta < 1.0)
        || settings.clock == 0
        || settings.max_buckets == 0
        || settings.min_window_length == 0
    {
        return Err(StatisticsError::setting(
            "delta",
            settings.delta,
            "between 0 and 1; clock, max_buckets and min_window_length from 1",
        ));
    }
    let mut windows = Windows {
        alarms: Vec::new(),
        width: Vec::new(),
        mean: Vec::new(),
    };
    let mut window = Buckets::default();
    for (at, value) in values.iter().enumerate() {
        window.insert(*value, settings.max_buckets);
        let changed = window.ticks % settings.clock == 0
            && window.width > settings.grace_period as f64
            && window.shrink(settings);
        windows.width.push(window.width);
        windows.mean.push(window.total / window.width);
        if changed {
            windows.alarms.push(at);
            window = Buckets::default();
        }
    }
    Ok(windows)
}

/// Summaries of 2^i consecutive values, newest level first, oldest summary of a level first.
#[derive(Default)]
struct Buckets {
    levels: Vec<std::collections::VecDeque<Summary>>,
    width: f64,
    total: f64,
    /// Sum of squared deviations of the window.
    squares: f64,
    ticks: u64,
}

#[derive(Clone, Copy)]
struct Summary {
    total: f64,
    squares: f64,
}

impl Buckets {
    fn insert(&mut self, value: f64, max_buckets: usize) {
        self.ticks += 1;
        self.width += 1.0;
        if self.width > 1.0 {
            let before = self.width - 1.0;
            self.squares += before * (value - self.total / before).powi(2) / self.width;
        }
        self.total += value;
        let mut carry = Some(Summary {
            total: value,
            squares: 0.0,
        });
        let mut level = 0;
        while let Some(summary) = carry.take() {
            if self.levels.len() == level {
                self.levels.push(std::collections::VecDeque::new());
            }
            let size = 2f64.powi(level as i32);
            if let Some(row) = self.levels.get_mut(level) {
                row.push_back(summary);
                if row.len() > max_buckets
                    && let (Some(a), Some(b)) = (row.pop_front(), row.pop_front())
                {
                    carry = Some(Summary {
                        total: a.total + b.total,
                        squares: a.squares
                            + b.squares
                            + size * size * (a.total / size - b.total / size).powi(2)
                                / (2.0 * size),
                    });
                }
            }
            level += 1;
        }
    }

    /// Drops the oldest buckets as long as a cut differs; says whether any did.
    fn shrink(&mut self, settings: Adwin) -> bool {
        let mut changed = false;
        while self.differs(settings) && self.drop_oldest() {
            changed = true;
        }
        changed
    }

    fn differs(&self, settings: Adwin) -> bool {
        let least = settings.min_window_length as f64;
        let confidence = (2.0 * self.width.ln() / settings.delta).ln();
        let (mut old, mut old_total) = (0.0, 0.0);
        for (level, row) in self.levels.iter().enumerate().rev() {
            for bucket in row {
                old += 2f64.powi(level as i32);
                old_total += bucket.total;
                let new = self.width - old;
                if old < least || new < least {
                    continue;
                }
                let distance = (old_total / old - (self.total - old_total) / new).abs();
                let m = 1.0 / (old - least + 1.0) + 1.0 / (new - least + 1.0);
                let limit = (2.0 * m * (self.squares / self.width) * confidence).sqrt()
                    + 2.0 / 3.0 * confidence * m;
                if distance > limit {
                    return true;
                }
            }
        }
        false
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(level) = self.levels.len().checked_sub(1) else {
            return false;
        };
        let Some(oldest) = self
            .levels
            .last_mut()
            .and_then(std::collections::VecDeque::pop_front)
        else {
            return false;
        };
        let size = 2f64.powi(level as i32);
        self.width -= size;
        self.total -= oldest.total;
        if self.width > 0.0 {
            let distance = oldest.total / size - self.total / self.width;
            self.squares -=
                oldest.squares + size * self.width * distance * distance / (size + self.width);
        }
        while self
            .levels
            .last()
            .is_some_and(std::collections::VecDeque::is_empty)
        {
            self.levels.pop();
        }
        true
    }
}

/// ADWIN as first published (Bifet and Gavalda 2007, algorithm ADWIN0 with the bound of theorem 3.1):
/// every cut of the full window is tried after each value; the oldest value is dropped while some cut
/// has |mean0 - mean1| >= sqrt(ln(4 n / delta) / (2 m)), 1/m = 1/n0 + 1/n1. Values lie in [0, 1].
///
/// # Errors
/// When a value lies outside [0, 1] or delta outside (0, 1).
pub fn adwin_bifet(values: &[f64], delta: f64) -> Result<Windows, StatisticsError> {
    finite(values)?;
    if let Some(row) = values.iter().position(|v| !(0.0..=1.0).contains(v)) {
        return Err(StatisticsError::Value {
            column: "value".into(),
            row,
            what: "lies outside 0 to 1, on which the bound of 2007 rests; scale it, or use river"
                .into(),
        });
    }
    if !(delta > 0.0 && delta < 1.0) {
        return Err(StatisticsError::setting(
            "delta",
            delta,
            "between 0 and 1, such as 0.002",
        ));
    }
    let mut windows = Windows {
        alarms: Vec::new(),
        width: Vec::new(),
        mean: Vec::new(),
    };
    let mut window: std::collections::VecDeque<f64> = std::collections::VecDeque::new();
    for (at, value) in values.iter().enumerate() {
        window.push_back(*value);
        let mut changed = false;
        while hoeffding_cut(&window, delta) {
            window.pop_front();
            changed = true;
        }
        if changed {
            windows.alarms.push(at);
        }
        windows.width.push(window.len() as f64);
        windows
            .mean
            .push(window.iter().sum::<f64>() / window.len() as f64);
    }
    Ok(windows)
}

fn hoeffding_cut(window: &std::collections::VecDeque<f64>, delta: f64) -> bool {
    let n = window.len() as f64;
    let total: f64 = window.iter().sum();
    let confidence = (4.0 * n / delta).ln();
    let (mut old, mut old_total) = (0.0, 0.0);
    for value in window.iter().take(window.len().saturating_sub(1)) {
        old += 1.0;
        old_total += value;
        let new = n - old;
        let distance = (old_total / old - (total - old_total) / new).abs();
        if distance >= ((1.0 / old + 1.0 / new) * confidence / 2.0).sqrt() {
            return true;
        }
    }
    false
}

fn finite(values: &[f64]) -> Result<(), StatisticsError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(row) => Err(StatisticsError::Value {
            column: "value".into(),
            row,
            what: "is not finite".into(),
        }),
        None => Ok(()),
    }
}

fn run_page_hinkley(sample: &Sample) -> Result<Answer, StatisticsError> {
    let values = sample.reals("value");
    let threshold = sample.real("threshold");
    let mode = sample.word("mode");
    let Chart {
        upper: increase,
        lower: decrease,
        alarms,
    } = page_hinkley(
        values,
        PageHinkley {
            min_instances: sample.whole("min_instances"),
            delta: sample.real("delta"),
            threshold,
            alpha: sample.real("alpha"),
            up: mode != "down",
            down: mode != "up",
        },
    )?;
    let mut curves = Vec::new();
    if mode != "down" {
        curves.push(control("increase", increase));
    }
    if mode != "up" {
        curves.push(control("decrease", decrease));
    }
    curves.push(control("threshold", vec![threshold; values.len()]));
    Ok(Answer {
        numbers: alarm_numbers(&alarms, "page-hinkley.river", values.len()),
        tables: vec![alarm_table(&alarms)],
        curves,
        notes: Vec::new(),
    })
}

fn run_adwin(sample: &Sample) -> Result<Answer, StatisticsError> {
    let values = sample.reals("value");
    let delta = sample.real("delta");
    let (windows, definition) = if sample.word("variant") == "bifet-2007" {
        if values.len() > 20_000 {
            return Err(StatisticsError::setting(
                "variant",
                "bifet-2007",
                "it tries every cut after every value, and takes 20000 rows at most; use river",
            ));
        }
        (adwin_bifet(values, delta)?, "adwin.bifet-2007.hoeffding")
    } else {
        let settings = Adwin {
            delta,
            clock: sample.whole("clock"),
            max_buckets: sample.whole("max_buckets") as usize,
            min_window_length: sample.whole("min_window_length"),
            grace_period: sample.whole("grace_period"),
        };
        (adwin_river(values, settings)?, "adwin.river")
    };
    let n = values.len();
    let mut numbers = alarm_numbers(&windows.alarms, definition, n);
    if let (Some(width), Some(mean)) = (windows.width.last(), windows.mean.last()) {
        numbers.push(Number::plain("width", definition, *width, n));
        numbers.push(Number::plain("mean", definition, *mean, n));
    }
    Ok(Answer {
        numbers,
        tables: vec![alarm_table(&windows.alarms)],
        curves: vec![
            control("mean of the window", windows.mean),
            control("length of the window", windows.width),
        ],
        notes: vec![
            "false alarms in control are expected; delta bounds each test, not the whole stream"
                .into(),
        ],
    })
}

/// Page-Hinkley.
pub(super) const PAGE_HINKLEY: Entry = Entry {
    id: "monitor-page-hinkley",
    group: Group::Surveillance,
    title: "Page-Hinkley test",
    formula: "U = alpha U + x - mean - delta, signal where U - min U > threshold; D likewise downwards; all starts anew after a signal",
    source: "Page 1954; Hinkley 1971; river PageHinkley",
    assumptions: "Rows are in the order of time. The threshold is in the unit of the values, summed.",
    compared_with: "river 0.26.1 drift.PageHinkley",
    roles: &[SERIES],
    settings: &[
        Setting {
            name: "min_instances",
            what: "values before the first test",
            kind: SettingKind::Whole(1, 1_000_000_000),
            default: Some("30"),
        },
        Setting {
            name: "delta",
            what: "change that is tolerated, in the unit of the values",
            kind: SettingKind::Real(0.0, 1e12),
            default: Some("0.005"),
        },
        Setting {
            name: "threshold",
            what: "limit (lambda), in the unit of the values",
            kind: SettingKind::Real(0.0, 1e12),
            default: Some("50"),
        },
        Setting {
            name: "alpha",
            what: "forgetting factor of the sums",
            kind: SettingKind::Real(0.0, 1.0),
            default: Some("0.9999"),
        },
        Setting {
            name: "mode",
            what: "changes looked for",
            kind: SettingKind::Choice(&["both", "up", "down"]),
            default: Some("both"),
        },
    ],
    numbers: &["first_alarm", "alarms"],
    run: run_page_hinkley,
};

/// ADWIN.
pub(super) const ADWIN: Entry = Entry {
    id: "monitor-adwin",
    group: Group::Surveillance,
    title: "ADWIN: adaptive window",
    formula: "drop the oldest part while some cut has |mean0 - mean1| beyond its bound; river: variance-based bound over exponential buckets; bifet-2007: sqrt(ln(4n/delta)/(2m)) over all cuts",
    source: "Bifet and Gavalda 2007; river ADWIN",
    assumptions: "Rows are in the order of time. bifet-2007: values between 0 and 1.",
    compared_with: "river 0.26.1 drift.ADWIN; NumPy 2 by the definition (bifet-2007)",
    roles: &[SERIES],
    settings: &[
        Setting {
            name: "variant",
            what: "river, or bifet-2007 (every cut of the full window)",
            kind: SettingKind::Choice(&["river", "bifet-2007"]),
            default: Some("river"),
        },
        Setting {
            name: "delta",
            what: "confidence of each test",
            kind: SettingKind::Open(0.0, 1.0),
            default: Some("0.002"),
        },
        Setting {
            name: "clock",
            what: "river: values between tests",
            kind: SettingKind::Whole(1, 1_000_000),
            default: Some("32"),
        },
        Setting {
            name: "max_buckets",
            what: "river: buckets of one size before two are merged",
            kind: SettingKind::Whole(1, 10_000),
            default: Some("5"),
        },
        Setting {
            name: "min_window_length",
            what: "river: least length of either part of a cut",
            kind: SettingKind::Whole(1, 1_000_000),
            default: Some("5"),
        },
        Setting {
            name: "grace_period",
            what: "river: windows up to this length are not tested",
            kind: SettingKind::Whole(0, 1_000_000),
            default: Some("10"),
        },
    ],
    numbers: &["first_alarm", "alarms", "width", "mean"],
    run: run_adwin,
};
