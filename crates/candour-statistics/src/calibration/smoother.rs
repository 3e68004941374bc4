//! Smooth and monotone estimates of the observed share as a function of the predicted probability.

#![allow(
    clippy::indexing_slicing,
    reason = "every index runs below the common length of the sorted vectors it was made from"
)]

use nalgebra::{Matrix3, Vector3};

use crate::number::StatisticsError;

/// How the calibration curve is smoothed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoother {
    /// Local regression ([`loess`]).
    Loess {
        /// Share of the rows in each neighbourhood.
        span: f64,
        /// Degree of the local polynomial, 0 to 2.
        degree: usize,
        /// Where the local fits are made.
        surface: Surface,
    },
    /// Cleveland's lowess without robustness steps ([`lowess`]).
    Lowess {
        /// Share of the rows in each neighbourhood.
        span: f64,
        /// Distance within which fits are interpolated, as a share of the range of x.
        delta: f64,
    },
    /// Monotone least squares ([`isotonic`]).
    Isotonic,
}

/// Where loess makes its local fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// At every point: the definition. R's `surface = "direct"`.
    Direct,
    /// At the vertices of a k-d tree, joined by cubics: R's default, `surface = "interpolate"`.
    Interpolate,
}

impl Smoother {
    /// Its id in definitions: `loess.span-0.75.degree-2.direct`.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::Loess {
                span,
                degree,
                surface,
            } => {
                let surface = match surface {
                    Surface::Direct => "direct",
                    Surface::Interpolate => "interpolate",
                };
                format!("loess.span-{span:.4}.degree-{degree}.{surface}")
            }
            Self::Lowess { span, delta } => {
                format!("lowess.span-{span:.4}.iterations-0.delta-{delta}")
            }
            Self::Isotonic => "isotonic.pav".to_owned(),
        }
    }
}

/// A fitted curve: sorted distinct x with the fit at each.
#[derive(Clone, Debug, PartialEq)]
pub struct Smooth {
    /// Distinct x in ascending order.
    pub x: Vec<f64>,
    /// The fit at each.
    pub y: Vec<f64>,
}

impl Smooth {
    /// The fit at `x`: at a fitted point its own value, between two on the straight line, outside
    /// none.
    #[must_use]
    pub fn at(&self, x: f64) -> Option<f64> {
        let above = self.x.partition_point(|v| *v < x);
        let (x1, y1) = (*self.x.get(above)?, *self.y.get(above)?);
        if x1 == x {
            return Some(y1);
        }
        let (x0, y0) = (*self.x.get(above.checked_sub(1)?)?, *self.y.get(above - 1)?);
        Some(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
    }
}

/// Rows gathered by their x: distinct ascending values with the number of rows and their mean y.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gathered {
    pub(crate) x: Vec<f64>,
    pub(crate) count: Vec<f64>,
    pub(crate) mean: Vec<f64>,
}

impl Gathered {
    pub(crate) fn new(x: &[f64], y: &[f64]) -> Result<Self, StatisticsError> {
        let rows = sorted_rows(x, y)?;
        let mut all = Self {
            x: Vec::new(),
            count: Vec::new(),
            mean: Vec::new(),
        };
        for ties in rows.chunk_by(|a, b| a.0 == b.0) {
            all.x.push(ties[0].0);
            all.count.push(ties.len() as f64);
            all.mean
                .push(ties.iter().map(|t| t.1).sum::<f64>() / ties.len() as f64);
        }
        Ok(all)
    }

    fn rows(&self) -> f64 {
        self.count.iter().sum()
    }
}

/// The rows in ascending x, ties in the order given.
fn sorted_rows(x: &[f64], y: &[f64]) -> Result<Vec<(f64, f64)>, StatisticsError> {
    if x.len() != y.len() || x.iter().chain(y).any(|v| !v.is_finite()) {
        return Err(StatisticsError::Data(
            "a smoother needs as many finite y as x".into(),
        ));
    }
    let mut rows: Vec<(f64, f64)> = x.iter().map(|v| v + 0.0).zip(y.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(rows)
}

/// The smooth of y on x at every distinct x.
///
/// # Errors
/// Not estimable: too few rows or distinct values for the smoother. Data: lengths or values.
pub fn smooth(smoother: Smoother, x: &[f64], y: &[f64]) -> Result<Smooth, StatisticsError> {
    match smoother {
        Smoother::Loess {
            span,
            degree,
            surface,
        } => {
            let gathered = Gathered::new(x, y)?;
            let fit = match surface {
                Surface::Direct => loess_at(&gathered, span, degree, &gathered.x)?,
                Surface::Interpolate => interpolated(&gathered, span, degree)?,
            };
            Ok(Smooth {
                x: gathered.x,
                y: fit,
            })
        }
        Smoother::Lowess { span, delta } => lowess(x, y, span, delta),
        Smoother::Isotonic => {
            let gathered = Gathered::new(x, y)?;
            let fit = isotonic_gathered(&gathered)?;
            Ok(Smooth {
                x: gathered.x,
                y: fit,
            })
        }
    }
}

/// Local polynomial regression of y on x at the points `at` (Cleveland and Devlin 1988): each fit
/// weighs the floor(n * span + 1e-5) nearest rows by tricube (1 - (d/h)^3)^3, with h the distance of
/// the farthest of them, and is the ordinary local least squares (family gaussian). It equals R's
/// `loess(..., surface = "direct")`. Where the neighbourhood has fewer distinct values than
/// coefficients, the least-norm solution on columns of length one is taken, as in R.
///
/// R's default, `surface = "interpolate"` ([`Surface::Interpolate`]), makes the fits at some 5 to 17
/// vertices only and joins them by cubics. That is an approximation of this definition, and where the
/// probabilities crowd near an end it can be off by several hundredths.
///
/// # Errors
/// Not estimable when a neighbourhood has no width (more than the span's share of rows has one value)
/// or fewer rows than coefficients. Setting: span outside (0, 1], degree above 2.
pub fn loess(
    x: &[f64],
    y: &[f64],
    span: f64,
    degree: usize,
    at: &[f64],
) -> Result<Vec<f64>, StatisticsError> {
    loess_at(&Gathered::new(x, y)?, span, degree, at)
}

pub(crate) fn loess_at(
    data: &Gathered,
    span: f64,
    degree: usize,
    at: &[f64],
) -> Result<Vec<f64>, StatisticsError> {
    Ok(local_fits(data, span, degree, at)?
        .into_iter()
        .map(|f| f.0)
        .collect())
}

/// Value and slope of the local polynomial at each point.
fn local_fits(
    data: &Gathered,
    span: f64,
    degree: usize,
    at: &[f64],
) -> Result<Vec<(f64, f64)>, StatisticsError> {
    if !(span > 0.0 && span <= 1.0) {
        return Err(StatisticsError::setting(
            "span",
            span,
            "it lies above 0 and up to 1, such as 0.75",
        ));
    }
    if degree > 2 {
        return Err(StatisticsError::setting(
            "degree",
            degree,
            "it is 0, 1 or 2",
        ));
    }
    let near = (data.rows() * span + 1e-5).floor().min(data.rows());
    if near < degree as f64 + 1.0 {
        return Err(StatisticsError::not_estimable(format!(
            "{near} rows in a neighbourhood are too few for a local polynomial of degree {degree}",
        )));
    }
    let mut space = Vec::new();
    at.iter()
        .map(|q| {
            let (first, last, width) = neighbourhood(data, *q, near);
            if width <= 0.0 {
                return Err(StatisticsError::not_estimable(format!(
                    "a share of {span} of the rows has the one probability {q}, so its neighbourhood has no width; take a wider span or the isotonic curve",
                )));
            }
            Ok(local_fit(data, first, last, width, *q, degree, &mut space))
        })
        .collect()
}

/// Loess by blending (Cleveland and Grosse 1991): cells are halved at the median row until none
/// holds more than floor(n * span * 0.2) rows; value and slope are fitted at the cells' ends and joined
/// by cubic Hermite polynomials. The outermost ends lie half a per cent of the range outside the data.
fn interpolated(data: &Gathered, span: f64, degree: usize) -> Result<Vec<f64>, StatisticsError> {
    let (Some(low), Some(high)) = (data.x.first(), data.x.last()) else {
        return Err(StatisticsError::not_estimable("no rows to smooth"));
    };
    let margin = 0.005 * (high - low).max(1e-10 * low.abs().max(high.abs()) + 1e-30);
    let rows: Vec<f64> = data
        .x
        .iter()
        .zip(&data.count)
        .flat_map(|(x, count)| std::iter::repeat_n(*x, *count as usize))
        .collect();
    let most = (data.rows() * (span * 0.2)).floor() as usize;
    let mut ends = vec![low - margin, high + margin];
    let mut cells = vec![(0, rows.len(), low - margin, high + margin)];
    while let Some((first, end, from, to)) = cells.pop() {
        if end - first <= most || end == first {
            continue;
        }
        let middle = median_row(&rows, first, end);
        let cut = rows[middle];
        if cut == from || cut == to {
            continue;
        }
        ends.push(cut);
        cells.push((first, middle + 1, from, cut));
        cells.push((middle + 1, end, cut, to));
    }
    ends.sort_unstable_by(f64::total_cmp);
    ends.dedup();
    let fits = local_fits(data, span, degree, &ends)?;
    Ok(data
        .x
        .iter()
        .map(|x| {
            let right = ends.partition_point(|e| e < x).clamp(1, ends.len() - 1);
            let (x0, x1) = (ends[right - 1], ends[right]);
            let ((y0, s0), (y1, s1)) = (fits[right - 1], fits[right]);
            let h = x1 - x0;
            let u = (x - x0) / h;
            let rest = 1.0 - u;
            rest * rest * (1.0 + 2.0 * u) * y0
                + u * u * (3.0 - 2.0 * u) * y1
                + (u * rest * rest * s0 - u * u * rest * s1) * h
        })
        .collect())
}

/// The last row of the lower half, moved to the nearest place where the next row differs, looking
/// above first; the half itself where there is none before the cell's end.
fn median_row(rows: &[f64], first: usize, end: usize) -> usize {
    // Rows are counted from 1 where the middle is halved, so that odd cells split as in R.
    let middle = (first + 1 + end) / 2 - 1;
    for step in 0..=end {
        for above in [true, false] {
            if step == 0 && !above {
                continue;
            }
            let place = if above {
                middle.checked_add(step)
            } else {
                middle.checked_sub(step)
            };
            match place {
                Some(at) if at >= first && at + 1 < end => {
                    if rows[at] != rows[at + 1] {
                        return at;
                    }
                }
                // The search ends at the first end it meets, on either side.
                _ => return middle,
            }
        }
    }
    middle
}

/// The distinct values around `q` that hold the `near` nearest rows, and the farthest one's distance.
fn neighbourhood(data: &Gathered, q: f64, near: f64) -> (usize, usize, f64) {
    let x = &data.x;
    let mut right = x.partition_point(|v| *v < q);
    let mut left = right;
    let (mut held, mut width) = (0.0, 0.0f64);
    while held < near {
        let below = if left > 0 {
            q - x[left - 1]
        } else {
            f64::INFINITY
        };
        let above = if right < x.len() {
            x[right] - q
        } else {
            f64::INFINITY
        };
        if below.is_infinite() && above.is_infinite() {
            break;
        }
        if below <= above {
            left -= 1;
            held += data.count[left];
            width = below;
        } else {
            held += data.count[right];
            width = above;
            right += 1;
        }
    }
    (left, right, width)
}

/// Value and slope at `q` of the weighted least-squares polynomial, by modified Gram-Schmidt on the columns.
fn local_fit(
    data: &Gathered,
    first: usize,
    last: usize,
    width: f64,
    q: f64,
    degree: usize,
    space: &mut Vec<[f64; 4]>,
) -> (f64, f64) {
    space.clear();
    // R works on squared distances; so does this, to give the same weights to the last digits.
    let rho = width * width;
    for i in first..last {
        let d = data.x[i] - q;
        let u = (d * d / rho).sqrt();
        let left = 1.0 - u * u * u;
        if left <= 0.0 {
            continue;
        }
        let w = (data.count[i] * left * left * left).sqrt();
        space.push([w, w * d, w * d * d, w * data.mean[i]]);
    }
    let k = degree + 1;
    let mut norms = [1.0f64; 3];
    for (j, norm) in norms.iter_mut().enumerate().take(k) {
        let length = space.iter().map(|r| r[j] * r[j]).sum::<f64>().sqrt();
        if length > 0.0 {
            *norm = length;
            for row in space.iter_mut() {
                row[j] /= length;
            }
        }
    }
    let mut r = Matrix3::<f64>::zeros();
    let mut rhs = Vector3::<f64>::zeros();
    for j in 0..k {
        let length = space.iter().map(|row| row[j] * row[j]).sum::<f64>().sqrt();
        // What is left of a dependent column is rounding, not a direction.
        if length < 1e-14 {
            for row in space.iter_mut() {
                row[j] = 0.0;
            }
        } else {
            r[(j, j)] = length;
            for row in space.iter_mut() {
                row[j] /= length;
            }
        }
        for later in (j + 1)..k {
            let along: f64 = space.iter().map(|row| row[j] * row[later]).sum();
            r[(j, later)] = along;
            for row in space.iter_mut() {
                row[later] -= along * row[j];
            }
        }
        let along: f64 = space.iter().map(|row| row[j] * row[3]).sum();
        rhs[j] = along;
        for row in space.iter_mut() {
            row[3] -= along * row[j];
        }
    }
    let well = (0..k).all(|j| r[(j, j)] > 1e-6);
    let beta = if well {
        let mut beta = Vector3::<f64>::zeros();
        for j in (0..k).rev() {
            let known: f64 = ((j + 1)..k).map(|l| r[(j, l)] * beta[l]).sum();
            beta[j] = (rhs[j] - known) / r[(j, j)];
        }
        beta
    } else {
        least_norm(&r, &rhs)
    };
    (
        beta[0] / norms[0],
        if k > 1 { beta[1] / norms[1] } else { 0.0 },
    )
}

fn least_norm(r: &Matrix3<f64>, rhs: &Vector3<f64>) -> Vector3<f64> {
    let svd = r.svd(true, true);
    let (Some(u), Some(v_t)) = (svd.u, svd.v_t) else {
        return Vector3::repeat(f64::NAN);
    };
    let largest = svd.singular_values.max();
    // Rank is judged as in R.
    let least = largest * 100.0 * f64::EPSILON;
    let mut solution = Vector3::zeros();
    for j in 0..3 {
        let sigma = svd.singular_values[j];
        if sigma > least {
            solution += v_t.row(j).transpose() * (u.column(j).dot(rhs) / sigma);
        }
    }
    solution
}

/// Cleveland's lowess (1979) without robustness steps: at each x a local straight line over the
/// max(2, floor(span * n + 1e-7)) nearest rows, tricube weights. Points closer than `delta` (a share
/// of the range of x) to the last fitted one are interpolated. It equals R's
/// `lowess(x, y, f = span, iter = 0, delta = delta * diff(range(x)))`; R's own default, and so that of
/// `rms::val.prob`, is a delta of 0.01. As there, a neighbourhood may end within ties of x and then
/// takes the first or last of the tied rows in the order given, so that ties make the curve depend a
/// little on the order of the rows.
///
/// # Errors
/// Not estimable without rows. Setting: span outside (0, 1], delta below 0. Data: lengths, values.
pub fn lowess(x: &[f64], y: &[f64], span: f64, delta: f64) -> Result<Smooth, StatisticsError> {
    if !(span > 0.0 && span <= 1.0) {
        return Err(StatisticsError::setting(
            "span",
            span,
            "it lies above 0 and up to 1, such as 0.6667",
        ));
    }
    if !(delta >= 0.0 && delta.is_finite()) {
        return Err(StatisticsError::setting(
            "delta",
            delta,
            "it is a share of the range from 0, such as 0.01",
        ));
    }
    let rows = sorted_rows(x, y)?;
    let n = rows.len();
    let (Some(low), Some(high)) = (rows.first(), rows.last()) else {
        return Err(StatisticsError::not_estimable("no rows to smooth"));
    };
    let range = high.0 - low.0;
    let delta = delta * range;
    let near = ((span * n as f64 + 1e-7) as usize).max(2).min(n);
    let mut fit = vec![0.0; n];
    let (mut left, mut right) = (0usize, near - 1);
    let mut last: Option<usize> = None;
    let mut i = 0usize;
    while i < n {
        let q = rows[i].0;
        while right + 1 < n && q - rows[left].0 > rows[right + 1].0 - q {
            left += 1;
            right += 1;
        }
        fit[i] = local_line(&rows, q, left, right, range).unwrap_or(rows[i].1);
        if let Some(last) = last {
            let apart = q - rows[last].0;
            for j in (last + 1)..i {
                let part = (rows[j].0 - rows[last].0) / apart;
                fit[j] = part * fit[i] + (1.0 - part) * fit[last];
            }
        }
        // Ties share the fit; the farthest row within delta is fitted next, or the very next one.
        let mut done = i;
        let cut = q + delta;
        let mut next = i + 1;
        while next < n && rows[next].0 <= cut {
            if rows[next].0 == q {
                fit[next] = fit[i];
                done = next;
            }
            next += 1;
        }
        last = Some(done);
        i = (next - 1).max(done + 1);
    }
    let mut curve = Smooth {
        x: Vec::new(),
        y: Vec::new(),
    };
    for (row, fitted) in rows.iter().zip(fit) {
        if curve.x.last() != Some(&row.0) {
            curve.x.push(row.0);
            curve.y.push(fitted);
        }
    }
    Ok(curve)
}

fn local_line(rows: &[(f64, f64)], q: f64, left: usize, right: usize, range: f64) -> Option<f64> {
    let h = (q - rows[left].0).max(rows[right].0 - q);
    let (all_but, next_to) = (0.999 * h, 0.001 * h);
    let mut weights: Vec<f64> = Vec::with_capacity(right + 1 - left);
    for row in &rows[left..] {
        let r = (row.0 - q).abs();
        if r <= next_to {
            weights.push(1.0);
        } else if r <= all_but {
            let u = r / h;
            let rest = 1.0 - u * u * u;
            weights.push(rest * rest * rest);
        } else if row.0 > q {
            break;
        } else {
            weights.push(0.0);
        }
    }
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let near = &rows[left..left + weights.len()];
    for w in &mut weights {
        *w /= total;
    }
    if h > 0.0 {
        let centre: f64 = weights.iter().zip(near).map(|(w, row)| w * row.0).sum();
        let spread: f64 = weights
            .iter()
            .zip(near)
            .map(|(w, row)| w * (row.0 - centre) * (row.0 - centre))
            .sum();
        if spread.sqrt() > 0.001 * range {
            let slope = (q - centre) / spread;
            for (w, row) in weights.iter_mut().zip(near) {
                *w *= slope * (row.0 - centre) + 1.0;
            }
        }
    }
    Some(weights.iter().zip(near).map(|(w, row)| w * row.1).sum())
}

/// Isotonic regression of y on x, ties in x pooled first (Ayer et al. 1955; pool adjacent violators):
/// the non-decreasing function with the least squared error, given at each distinct x. Equals
/// scikit-learn's `IsotonicRegression` and R's `isoreg` on pooled ties.
///
/// # Errors
/// Not estimable without rows. Data: lengths, values.
pub fn isotonic(x: &[f64], y: &[f64]) -> Result<Smooth, StatisticsError> {
    smooth(Smoother::Isotonic, x, y)
}

fn isotonic_gathered(data: &Gathered) -> Result<Vec<f64>, StatisticsError> {
    if data.x.is_empty() {
        return Err(StatisticsError::not_estimable(
            "no rows for an isotonic curve",
        ));
    }
    // Blocks of (sum of y, rows, distinct values). Sums, not means, are pooled: with 0/1 outcomes
    // they are whole numbers, so that the block means are exact to the last digit.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (mean, count) in data.mean.iter().zip(&data.count) {
        let sum = mean * count;
        let rounded = sum.round();
        let sum = if (sum - rounded).abs() < 1e-9 {
            rounded
        } else {
            sum
        };
        let mut block = (sum, *count, 1usize);
        while let Some(before) = blocks.last() {
            if before.0 * block.1 < block.0 * before.1 {
                break;
            }
            block = (before.0 + block.0, before.1 + block.1, before.2 + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    Ok(blocks
        .into_iter()
        .flat_map(|(sum, rows, values)| std::iter::repeat_n(sum / rows, values))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_straight_line_is_kept_by_the_local_smoothers() {
        let x: Vec<f64> = (0..40).map(|i| f64::from(i) / 40.0).collect();
        let y: Vec<f64> = x.iter().map(|v| 0.2 + 0.5 * v).collect();
        for s in [
            Smoother::Loess {
                span: 0.75,
                degree: 2,
                surface: Surface::Direct,
            },
            Smoother::Loess {
                span: 0.5,
                degree: 1,
                surface: Surface::Interpolate,
            },
            Smoother::Lowess {
                span: 2.0 / 3.0,
                delta: 0.0,
            },
            Smoother::Lowess {
                span: 2.0 / 3.0,
                delta: 0.05,
            },
            Smoother::Isotonic,
        ] {
            let fit = smooth(s, &x, &y).unwrap();
            for (a, b) in fit.y.iter().zip(&y) {
                assert!((a - b).abs() < 1e-12, "{s:?}: {a} {b}");
            }
        }
    }

    #[test]
    fn smoothers_refuse_what_they_cannot_smooth() {
        let loess = Smoother::Loess {
            span: 0.75,
            degree: 2,
            surface: Surface::Direct,
        };
        assert!(matches!(
            smooth(loess, &[], &[]),
            Err(StatisticsError::NotEstimable(_))
        ));
        assert!(matches!(
            smooth(loess, &[0.5], &[1.0]),
            Err(StatisticsError::NotEstimable(_))
        ));
        assert!(matches!(
            smooth(loess, &[0.5; 20], &[1.0; 20]),
            Err(StatisticsError::NotEstimable(_))
        ));
        assert!(smooth(loess, &[f64::NAN], &[1.0]).is_err());
        let lowess = Smoother::Lowess {
            span: 0.5,
            delta: 0.0,
        };
        assert!(matches!(
            smooth(lowess, &[], &[]),
            Err(StatisticsError::NotEstimable(_))
        ));
        assert_eq!(smooth(lowess, &[0.5], &[1.0]).unwrap().y, [1.0]);
        assert_eq!(
            smooth(lowess, &[0.5; 4], &[1.0, 0.0, 1.0, 0.0]).unwrap().y,
            [0.5]
        );
    }

    proptest! {
        #[test]
        fn isotonic_rises_keeps_the_mean_and_is_its_own_fit(
            rows in prop::collection::vec((0u8..20, any::<bool>()), 1..60)
        ) {
            let x: Vec<f64> = rows.iter().map(|r| f64::from(r.0) / 20.0).collect();
            let y: Vec<f64> = rows.iter().map(|r| f64::from(u8::from(r.1))).collect();
            let fit = isotonic(&x, &y).unwrap();
            prop_assert!(fit.y.windows(2).all(|w| w[0] <= w[1]));
            let fitted: Vec<f64> = x.iter().map(|v| fit.at(*v).unwrap()).collect();
            prop_assert!((fitted.iter().sum::<f64>() - y.iter().sum::<f64>()).abs() < 1e-9);
            let again = isotonic(&x, &fitted).unwrap();
            prop_assert!(again.y.iter().zip(&fit.y).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }
}
