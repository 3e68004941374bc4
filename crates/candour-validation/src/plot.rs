//! Figures as SVG: for reading in print, on a screen in a dark room and through a screen reader.
//! Lines differ by dash and marker, not by colour alone (colours of Okabe and Ito 2008).

use std::fmt::Write as _;

use candour_statistics::{Curve, Figure};

use crate::analysis::{Counted, Flow};

/// Colours as they are printed, and the style variable that a page puts in their place.
pub const COLOURS: &[(&str, &str)] = &[
    (INK, "var(--ink)"),
    (PAPER, "var(--paper)"),
    (GRID, "var(--grid)"),
    (SERIES[0], "var(--series-1)"),
    (SERIES[1], "var(--series-2)"),
    (SERIES[2], "var(--series-3)"),
    (SERIES[3], "var(--series-4)"),
];
const INK: &str = "#1b1b1f";
const PAPER: &str = "#fffffe";
const GRID: &str = "#c9c9cf";
const SERIES: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const DASHES: [&str; 4] = ["", "7 4", "2 3", "9 3 2 3"];

const WIDTH: f64 = 560.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 48.0;
/// The size of letters.
const FONT: f64 = 12.5;
/// How much wider bold letters are than plain ones.
const BOLD: f64 = 1.15;
/// What stays free between a box, or the axis, and the words beside it.
const INSET: f64 = 6.0;
/// More points than this say nothing more at this size.
const POINTS_MAX: usize = 1500;

/// A figure with its words.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// The picture, in printed colours.
    pub svg: String,
    /// What it shows, in words.
    pub alt: String,
}

/// What a kind of figure is called and how its axes are named.
#[must_use]
pub fn title(figure: Figure) -> &'static str {
    words(figure).0
}

const fn words(figure: Figure) -> (&'static str, &'static str, &'static str) {
    match figure {
        Figure::Roc => ("ROC curve", "1 − specificity", "sensitivity"),
        Figure::PrecisionRecall => (
            "Precision-recall curve",
            "recall (sensitivity)",
            "precision",
        ),
        Figure::Calibration => ("Calibration", "predicted probability", "observed share"),
        Figure::Histogram => ("Distribution", "predicted probability", "cases"),
        Figure::DecisionCurve => ("Decision curve", "threshold probability", "net benefit"),
        Figure::BlandAltman => (
            "Bland-Altman plot",
            "mean of the two measurements",
            "difference",
        ),
        Figure::Froc => (
            "FROC curve",
            "false positives per image",
            "lesions found (share)",
        ),
        Figure::ControlChart => ("Control chart", "observation", "chart statistic"),
        Figure::Forest => ("Forest plot", "estimate", ""),
        Figure::RiskCoverage => ("Risk against coverage", "coverage", "risk"),
    }
}

/// Draws the curves of one figure; none when there is nothing to draw.
#[must_use]
pub fn draw(figure: Figure, curves: &[&Curve]) -> Option<Drawing> {
    let curves: Vec<&Curve> = curves
        .iter()
        .filter(|c| c.figure == figure && !c.x.is_empty() && c.x.len() == c.y.len())
        .copied()
        .collect();
    if curves.is_empty() {
        return None;
    }
    Some(match figure {
        Figure::Forest => forest(&curves),
        _ => chart(figure, &curves),
    })
}

/// The flow of cases (STARD-AI item 24): a chain of boxes with what left beside it, and below it, side
/// by side, how the rows were counted for each of `endpoints`.
#[must_use]
pub fn flow(flow: &Flow, clusters: &str, endpoints: &[(&str, Counted)]) -> Drawing {
    const CHAIN: f64 = 250.0;
    const GAP: f64 = 22.0;
    const LINE: f64 = 16.0;
    let mut out = String::new();
    let mut alt = format!("Flow of cases: {} rows of the first file", flow.rows);
    let mut y = TOP;
    let middle = LEFT + CHAIN / 2.0;
    let tall = |lines: usize| LINE * lines as f64 + 12.0;
    let step = |out: &mut String, y: &mut f64, lines: &[String]| {
        boxed(out, LEFT, *y, CHAIN, tall(lines.len()), lines, "");
        *y += tall(lines.len());
    };
    step(
        &mut out,
        &mut y,
        &[
            "Rows of the first file".into(),
            format!("n = {}", flow.rows),
        ],
    );
    let side = LEFT + CHAIN + GAP;
    let mut beside = TOP;
    for (file, n) in &flow.unmatched {
        let text = format!("not in the first file, of {file}: n = {n}");
        let _ = write!(alt, "; {text}");
        let lines = wrapped(&text, WIDTH - RIGHT - side);
        boxed(
            &mut out,
            side,
            beside,
            WIDTH - RIGHT - side,
            tall(lines.len()),
            &lines,
            "3 3",
        );
        beside += tall(lines.len()) + GAP / 2.0;
    }
    let top = y;
    y = y.max(beside - GAP / 2.0);
    for (why, n) in &flow.excluded {
        let _ = write!(alt, "; left out, {why}: {n}");
        let lines = wrapped(&format!("left out, {why}: n = {n}"), WIDTH - RIGHT - side);
        let at = y + GAP / 2.0;
        let height = tall(lines.len());
        let half = at + height / 2.0;
        arrow(&mut out, (middle, half), (side, half));
        boxed(&mut out, side, at, WIDTH - RIGHT - side, height, &lines, "");
        y = at + height;
    }
    y += GAP;
    arrow(&mut out, (middle, top), (middle, y));
    let _ = write!(alt, "; analysed: {}{clusters}", flow.analysed);
    let mut lines = vec!["Analysed".to_owned()];
    lines.extend(wrapped(&format!("n = {}{clusters}", flow.analysed), CHAIN));
    step(&mut out, &mut y, &lines);
    let width = (WIDTH - RIGHT - 8.0 - 8.0 * endpoints.len().saturating_sub(1) as f64)
        / endpoints.len().max(1) as f64;
    for (i, (id, counted)) in endpoints.iter().enumerate() {
        let left = 8.0 + (width + 8.0) * i as f64;
        let lines = [
            fit(id, width - 2.0 * INSET),
            format!("rows: {}", counted.rows),
            format!("no reference: {}", counted.no_truth),
            format!("missing: {}", counted.missing),
            format!("indeterminate: {}", counted.indeterminate),
            format!("in the statistic: {}", counted.used),
        ];
        let _ = write!(alt, ". {}", lines.join(", "));
        arrow(&mut out, (middle, y), (left + width / 2.0, y + 2.0 * GAP));
        boxed(
            &mut out,
            left,
            y + 2.0 * GAP,
            width,
            tall(lines.len()),
            &lines,
            "",
        );
    }
    if !endpoints.is_empty() {
        y += 2.0 * GAP + tall(6);
    }
    alt.push('.');
    let canvas = Canvas {
        out,
        x: Axis::unit(),
        y: Axis::unit(),
        height: y + TOP,
        left: LEFT,
    };
    Drawing {
        svg: canvas.finish("Flow of cases", &alt, 0),
        alt,
    }
}

/// Words in lines that fit a box of this width.
fn wrapped(text: &str, width: f64) -> Vec<String> {
    let room = width - 2.0 * INSET;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if advance(line) + advance(" ") + advance(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fit(word, room)),
        }
    }
    lines
}

fn boxed(out: &mut String, x: f64, y: f64, width: f64, height: f64, lines: &[String], dash: &str) {
    let dash = if dash.is_empty() {
        String::new()
    } else {
        format!(" stroke-dasharray=\"{dash}\"")
    };
    let _ = write!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{PAPER}\" stroke=\"{INK}\"{dash}/>"
    );
    for (n, line) in lines.iter().enumerate() {
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{INK}\">{}</text>",
            x + width / 2.0,
            y + 18.0 + 16.0 * n as f64,
            escape(line)
        );
    }
}

fn arrow(out: &mut String, from: (f64, f64), to: (f64, f64)) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let long = dx.hypot(dy).max(1e-9);
    let (ux, uy) = (dx / long, dy / long);
    let (bx, by) = (to.0 - 7.0 * ux, to.1 - 7.0 * uy);
    let _ = write!(
        out,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{bx:.1}\" y2=\"{by:.1}\" stroke=\"{INK}\"/><path d=\"M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z\" fill=\"{INK}\"/>",
        from.0,
        from.1,
        to.0,
        to.1,
        bx - 3.5 * uy,
        by + 3.5 * ux,
        bx + 3.5 * uy,
        by - 3.5 * ux
    );
}

/// The range and step of an axis.
#[derive(Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    fn unit() -> Self {
        Self {
            low: 0.0,
            high: 1.0,
            step: 0.2,
        }
    }

    /// The same steps, as many more as the values need.
    fn widened(self, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((self.low, self.high), |(l, h), v| (l.min(v), h.max(v)));
        Self {
            low: (low / self.step).floor() * self.step,
            high: (high / self.step).ceil() * self.step,
            ..self
        }
    }

    /// Round limits and steps of 1, 2 or 5 around the values.
    fn around(values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for v in values.filter(|v| v.is_finite()) {
            low = low.min(v);
            high = high.max(v);
        }
        if low > high {
            return Self::unit();
        }
        if high - low < 1e-12 * (1.0 + high.abs()) {
            let pad = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            low -= pad;
            high += pad;
        }
        let raw = (high - low) / 5.0;
        let power = 10f64.powf(raw.log10().floor());
        let step = match raw / power {
            r if r <= 1.0 => power,
            r if r <= 2.0 => 2.0 * power,
            r if r <= 5.0 => 5.0 * power,
            _ => 10.0 * power,
        };
        Self {
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            step,
        }
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        let n = ((self.high - self.low) / self.step)
            .round()
            .clamp(1.0, 20.0) as usize;
        (0..=n).map(move |i| self.low + i as f64 * self.step)
    }

    fn label(self, v: f64) -> String {
        let decimals = (-self.step.log10().floor()).clamp(0.0, 6.0) as usize;
        let v = if v.abs() < self.step * 1e-9 { 0.0 } else { v };
        if v.abs() >= 1e6 {
            format!("{v:.1e}")
        } else {
            format!("{v:.decimals$}").replace('-', "−")
        }
    }
}

struct Canvas {
    out: String,
    x: Axis,
    y: Axis,
    height: f64,
    left: f64,
}

impl Canvas {
    fn px(&self, v: f64) -> f64 {
        let share = ((v - self.x.low) / (self.x.high - self.x.low)).clamp(-0.02, 1.02);
        self.left + share * (WIDTH - self.left - RIGHT)
    }

    fn py(&self, v: f64) -> f64 {
        let share = ((v - self.y.low) / (self.y.high - self.y.low)).clamp(-0.02, 1.02);
        self.height - BOTTOM - share * (self.height - TOP - BOTTOM)
    }

    fn frame(&mut self, x_label: &str, y_label: &str) {
        for v in self.x.ticks().collect::<Vec<_>>() {
            let px = self.px(v);
            let (top, bottom) = (TOP, self.height - BOTTOM);
            let text = self.x.label(v);
            let _ = write!(
                self.out,
                "<line x1=\"{px:.1}\" y1=\"{top}\" x2=\"{px:.1}\" y2=\"{bottom}\" stroke=\"{GRID}\" stroke-width=\"0.6\"/><text x=\"{px:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{INK}\">{text}</text>",
                bottom + 16.0
            );
        }
        for v in self.y.ticks().collect::<Vec<_>>() {
            let py = self.py(v);
            let text = self.y.label(v);
            let _ = write!(
                self.out,
                "<line x1=\"{0}\" y1=\"{py:.1}\" x2=\"{1}\" y2=\"{py:.1}\" stroke=\"{GRID}\" stroke-width=\"0.6\"/><text x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\" fill=\"{INK}\">{text}</text>",
                self.left,
                WIDTH - RIGHT,
                self.left - 6.0,
                py + 4.0
            );
        }
        let middle = f64::midpoint(self.left, WIDTH - RIGHT);
        let _ = write!(
            self.out,
            "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{INK}\">{}</text>",
            self.height - 10.0,
            escape(x_label)
        );
        let middle = f64::midpoint(TOP, self.height - BOTTOM);
        let _ = write!(
            self.out,
            "<text x=\"14\" y=\"{middle:.1}\" text-anchor=\"middle\" fill=\"{INK}\" transform=\"rotate(-90 14 {middle:.1})\">{}</text>",
            escape(y_label)
        );
    }

    fn band(&mut self, x: &[f64], lower: &[f64], upper: &[f64], colour: &str) {
        let there: Vec<(f64, f64, f64)> = x
            .iter()
            .zip(lower)
            .zip(upper)
            .map(|((x, l), u)| (*x, *l, *u))
            .filter(|(x, l, u)| x.is_finite() && !l.is_nan() && !u.is_nan())
            .collect();
        if there.len() < 2 {
            return;
        }
        let there = thin(&there);
        let mut path = String::new();
        for (n, (x, _, u)) in there.iter().enumerate() {
            let _ = write!(
                path,
                "{}{:.1} {:.1}",
                if n == 0 { "M" } else { "L" },
                self.px(*x),
                self.py(*u)
            );
        }
        for (x, l, _) in there.iter().rev() {
            let _ = write!(path, "L{:.1} {:.1}", self.px(*x), self.py(*l));
        }
        let _ = write!(
            self.out,
            "<path d=\"{path}Z\" fill=\"{colour}\" fill-opacity=\"0.16\" stroke=\"none\"/>"
        );
    }

    fn line(&mut self, x: &[f64], y: &[f64], colour: &str, dash: &str, width: f64) {
        let there: Vec<(f64, f64)> = x
            .iter()
            .zip(y)
            .map(|(x, y)| (*x, *y))
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .collect();
        let mut path = String::new();
        for (n, (x, y)) in thin(&there).iter().enumerate() {
            let _ = write!(
                path,
                "{}{:.1} {:.1}",
                if n == 0 { "M" } else { "L" },
                self.px(*x),
                self.py(*y)
            );
        }
        if path.is_empty() {
            return;
        }
        let dash = if dash.is_empty() {
            String::new()
        } else {
            format!(" stroke-dasharray=\"{dash}\"")
        };
        let _ = write!(
            self.out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{dash}/>"
        );
    }

    fn dots(&mut self, x: &[f64], y: &[f64], colour: &str) {
        let there: Vec<(f64, f64)> = x.iter().zip(y).map(|(x, y)| (*x, *y)).collect();
        for (x, y) in thin(&there) {
            if x.is_finite() && y.is_finite() {
                let _ = write!(
                    self.out,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.6\" fill=\"{colour}\" fill-opacity=\"0.55\"/>",
                    self.px(x),
                    self.py(y)
                );
            }
        }
    }

    fn legend(&mut self, series: &[(&str, &str, Mark)]) {
        for (n, (label, colour, mark)) in series.iter().enumerate() {
            let y = self.height + 4.0 + 17.0 * n as f64;
            let stroke = match mark {
                Mark::Line("") => "stroke-width=\"2\"".to_owned(),
                Mark::Line(dash) => format!("stroke-width=\"2\" stroke-dasharray=\"{dash}\""),
                Mark::Band => "stroke-width=\"11\" stroke-opacity=\"0.3\"".to_owned(),
            };
            let _ = write!(
                self.out,
                "<line x1=\"{0}\" y1=\"{1:.1}\" x2=\"{2}\" y2=\"{1:.1}\" stroke=\"{colour}\" {stroke}/><text x=\"{3}\" y=\"{4:.1}\" fill=\"{INK}\">{5}</text>",
                self.left,
                y,
                self.left + 34.0,
                self.left + 42.0,
                y + 4.0,
                escape(&fit(label, WIDTH - RIGHT - self.left - 42.0))
            );
        }
    }

    fn finish(self, figure: &str, alt: &str, legend: usize) -> String {
        let height = self.height + 17.0 * legend as f64;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\" role=\"img\" font-family=\"Libertinus Serif, sans-serif\" font-size=\"{FONT}\"><title>{}</title><desc>{}</desc><rect width=\"{WIDTH}\" height=\"{height:.0}\" fill=\"{PAPER}\"/>{}</svg>",
            escape(figure),
            escape(alt),
            self.out
        )
    }
}

/// What the legend shows beside a name.
#[derive(Clone, Copy)]
enum Mark<'a> {
    /// A line with its dashes.
    Line(&'a str),
    /// An area.
    Band,
}

/// At most [`POINTS_MAX`] points, first and last among them.
fn thin<T: Copy>(points: &[T]) -> Vec<T> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let last = points.len() - 1;
    (0..POINTS_MAX)
        .filter_map(|i| points.get(i * last / (POINTS_MAX - 1)).copied())
        .collect()
}

/// Lines that mark a limit or a comparison are thin and dashed in ink; the others are series.
fn is_guide(label: &str) -> bool {
    [
        "limit",
        "all",
        "none",
        "bias",
        "centre",
        "center",
        "reference",
        "target",
        "mean",
    ]
    .iter()
    .any(|w| {
        label
            .split([' ', '-', '_'])
            .any(|part| part == *w || part.strip_suffix('s') == Some(*w))
    })
}

fn chart(figure: Figure, curves: &[&Curve]) -> Drawing {
    let (name, x_label, y_label) = words(figure);
    let xs = || curves.iter().flat_map(|c| c.x.iter().copied());
    let ys = || {
        curves.iter().flat_map(|c| {
            c.y.iter()
                .chain(&c.lower)
                .chain(&c.upper)
                .copied()
                .collect::<Vec<f64>>()
        })
    };
    let square = matches!(
        figure,
        Figure::Roc | Figure::PrecisionRecall | Figure::Calibration
    );
    let (x, y) = match figure {
        Figure::Roc | Figure::PrecisionRecall => (Axis::unit(), Axis::unit()),
        // A smoother may leave the range of a share, and its limits far more so.
        Figure::Calibration => (
            Axis::unit(),
            Axis::unit().widened(ys().filter(|v| (-0.5..=1.5).contains(v))),
        ),
        Figure::Froc => (Axis::around(xs().chain([0.0])), Axis::unit()),
        Figure::Histogram => (Axis::unit(), Axis::around(ys().chain([0.0]))),
        Figure::DecisionCurve => {
            // `Treat all` falls without end; below a little under zero nothing is of interest.
            let top = ys().filter(|v| v.is_finite()).fold(0.0, f64::max);
            let floor = -0.25 * top.max(0.04);
            (
                Axis::around(xs().chain([0.0])),
                Axis::around(ys().filter(move |v| *v >= floor).chain([floor])),
            )
        }
        Figure::RiskCoverage => (Axis::unit(), Axis::around(ys().chain([0.0]))),
        _ => (Axis::around(xs()), Axis::around(ys())),
    };
    let height = if square {
        (WIDTH - LEFT - RIGHT) * (y.high - y.low) + TOP + BOTTOM
    } else if figure == Figure::Histogram {
        170.0
    } else {
        360.0
    };
    let mut canvas = Canvas {
        out: String::new(),
        x,
        y,
        height,
        left: LEFT,
    };
    canvas.frame(x_label, y_label);
    let own_diagonal = curves.iter().any(|c| c.label == "ideal");
    if matches!(figure, Figure::Roc | Figure::Calibration) && !own_diagonal {
        canvas.line(&[0.0, 1.0], &[0.0, 1.0], INK, "3 4", 0.9);
    }
    if matches!(figure, Figure::BlandAltman | Figure::DecisionCurve) {
        canvas.line(&[x.low, x.high], &[0.0, 0.0], INK, "", 0.7);
    }
    let mut legend: Vec<(&str, &str, Mark)> = Vec::new();
    let (mut series, mut guides) = (0usize, 0usize);
    for (n, curve) in curves.iter().enumerate() {
        let guide = is_guide(&curve.label) && !(figure == Figure::BlandAltman && n == 0);
        let limits = figure == Figure::Roc && !curve.lower.is_empty();
        let (colour, dash) = if limits {
            let of = series.saturating_sub(1) % SERIES.len();
            (SERIES.get(of).copied().unwrap_or(INK), "")
        } else if guide {
            guides += 1;
            (
                INK,
                DASHES.get(guides % DASHES.len()).copied().unwrap_or(""),
            )
        } else {
            series += 1;
            let at = (series - 1) % SERIES.len();
            (
                SERIES.get(at).copied().unwrap_or(INK),
                DASHES.get(at).copied().unwrap_or(""),
            )
        };
        canvas.band(&curve.x, &curve.lower, &curve.upper, colour);
        // The limits of an ROC curve stand at some specificities: a line through their middle would be
        // a second curve beside the true one.
        if limits {
            legend.push((&curve.label, colour, Mark::Band));
            continue;
        }
        let scatter = figure == Figure::BlandAltman && n == 0;
        if figure == Figure::Histogram {
            bars(&mut canvas, curve, colour);
        } else if scatter {
            canvas.dots(&curve.x, &curve.y, colour);
        } else {
            canvas.line(
                &curve.x,
                &curve.y,
                colour,
                dash,
                if guide { 1.2 } else { 2.0 },
            );
            if figure == Figure::Calibration && curve.x.len() <= 30 {
                canvas.dots(&curve.x, &curve.y, colour);
            }
        }
        legend.push((
            &curve.label,
            colour,
            Mark::Line(if scatter { "1 3" } else { dash }),
        ));
    }
    canvas.legend(&legend);
    let alt = alt_of(figure, name, x_label, y_label, curves);
    let svg = canvas.finish(name, &alt, legend.len());
    Drawing { svg, alt }
}

fn bars(canvas: &mut Canvas, curve: &Curve, colour: &str) {
    let edges: Vec<f64> = curve.x.iter().copied().chain([1.0]).collect();
    for (pair, y) in edges.windows(2).zip(&curve.y) {
        if let [a, b] = pair
            && a.is_finite()
            && b.is_finite()
            && y.is_finite()
        {
            let (x0, x1) = (canvas.px(*a), canvas.px(*b));
            let (y0, y1) = (canvas.py(0.0), canvas.py(*y));
            let _ = write!(
                canvas.out,
                "<rect x=\"{x0:.1}\" y=\"{y1:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\" fill-opacity=\"0.45\" stroke=\"{colour}\" stroke-width=\"0.6\"/>",
                (x1 - x0 - 1.0).max(0.5),
                (y0 - y1).max(0.0)
            );
        }
    }
}

fn alt_of(figure: Figure, name: &str, x: &str, y: &str, curves: &[&Curve]) -> String {
    let mut alt = format!("{name}: {y} against {x}.");
    for curve in curves.iter().take(6) {
        let finite: Vec<(f64, f64)> = curve
            .x
            .iter()
            .zip(&curve.y)
            .map(|(a, b)| (*a, *b))
            .filter(|(a, b)| a.is_finite() && b.is_finite())
            .collect();
        if let (Some(first), Some(last)) = (finite.first(), finite.last()) {
            let _ = write!(
                alt,
                " {}: {} points, from ({:.3}, {:.3}) to ({:.3}, {:.3}){}.",
                curve.label,
                curve.x.len(),
                first.0,
                first.1,
                last.0,
                last.1,
                if curve.lower.is_empty() {
                    ""
                } else {
                    ", with limits"
                }
            );
        }
    }
    if figure == Figure::Calibration {
        alt.push_str(" The diagonal is perfect calibration.");
    }
    alt
}

fn forest(curves: &[&Curve]) -> Drawing {
    let rows: usize = curves.iter().map(|c| c.x.len()).sum();
    let values = curves.iter().flat_map(|c| {
        c.x.iter()
            .chain(&c.lower)
            .chain(&c.upper)
            .copied()
            .collect::<Vec<f64>>()
    });
    let row_height = 22.0;
    let labels = curves.iter().flat_map(|c| &c.labels);
    let widest = labels.map(|l| advance(l)).fold(0.0, f64::max);
    let left = (18.0 + widest + INSET).clamp(100.0, 240.0);
    let height = TOP + BOTTOM + row_height * (rows + curves.len()) as f64;
    let mut canvas = Canvas {
        out: String::new(),
        x: Axis::around(values),
        y: Axis::unit(),
        height,
        left,
    };
    for v in canvas.x.ticks().collect::<Vec<_>>() {
        let px = canvas.px(v);
        let text = canvas.x.label(v);
        let bottom = height - BOTTOM;
        let _ = write!(
            canvas.out,
            "<line x1=\"{px:.1}\" y1=\"{TOP}\" x2=\"{px:.1}\" y2=\"{bottom:.1}\" stroke=\"{GRID}\" stroke-width=\"0.6\"/><text x=\"{px:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{INK}\">{text}</text>",
            bottom + 16.0
        );
    }
    let mut y = TOP;
    let mut alt = String::from("Forest plot.");
    for curve in curves {
        y += row_height;
        let _ = write!(
            canvas.out,
            "<text x=\"6\" y=\"{:.1}\" font-weight=\"bold\" fill=\"{INK}\">{}</text>",
            y - 6.0,
            escape(&fit(&curve.label, (WIDTH - 6.0 - RIGHT) / BOLD))
        );
        let _ = write!(alt, " {}:", curve.label);
        for (n, value) in curve.x.iter().enumerate() {
            y += row_height;
            let middle = y - 10.0;
            let label = curve.labels.get(n).map_or("", String::as_str);
            let _ = write!(
                canvas.out,
                "<text x=\"18\" y=\"{:.1}\" fill=\"{INK}\">{}</text>",
                y - 6.0,
                escape(&fit(label, left - 18.0 - INSET))
            );
            if !value.is_finite() {
                let _ = write!(
                    canvas.out,
                    "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{INK}\" font-style=\"italic\">not estimable</text>",
                    canvas.left + 6.0,
                    y - 6.0
                );
                let _ = write!(alt, " {label} not estimable;");
                continue;
            }
            let px = canvas.px(*value);
            let _ = write!(alt, " {label} {value:.3}");
            if let (Some(l), Some(u)) = (curve.lower.get(n), curve.upper.get(n))
                && !l.is_nan()
                && !u.is_nan()
            {
                let _ = write!(
                    canvas.out,
                    "<line x1=\"{:.1}\" y1=\"{middle:.1}\" x2=\"{:.1}\" y2=\"{middle:.1}\" stroke=\"{INK}\" stroke-width=\"1.6\"/>",
                    canvas.px(*l),
                    canvas.px(*u)
                );
                let _ = write!(alt, " ({l:.3} to {u:.3})");
            }
            alt.push(';');
            let _ = write!(
                canvas.out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\" fill=\"{}\"/>",
                px - 4.0,
                middle - 4.0,
                SERIES[0]
            );
        }
    }
    let svg = canvas.finish("Forest plot", &alt, 0);
    Drawing { svg, alt }
}

/// About how wide a text is drawn: widths of DejaVu Sans, among the widest fonts that a browser takes
/// where it has no Libertinus Serif, so that in another the text is rather shorter.
fn advance(text: &str) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' => 0.34,
        'f' | 't' | 'r' | '-' | '(' | ')' | '[' | ']' | '/' | '"' => 0.46,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' | '—' => 1.0,
        '+' | '=' | '<' | '>' | '~' | '#' | '_' => 0.84,
        'a'..='z' | '0'..='9' => 0.64,
        c if c.is_ascii() || c.is_lowercase() => 0.84,
        _ => 1.05,
    };
    FONT * text.chars().map(em).sum::<f64>()
}

/// A text cut so that it fits a width; what is cut stands in full in the words beside the figure.
fn fit(text: &str, width: f64) -> String {
    if advance(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = advance("…");
    for c in text.chars() {
        used += advance(c.encode_utf8(&mut [0; 4]));
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            // Marks that turn the direction of what follows could make a report say something else.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(out, "[U+{:04X}]", u32::from(c));
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
