//! Pictures of a decision: a slice with the map over it, or bars of contributions. Colours differ
//! in lightness as well as in hue, so that they also part in greyscale and for the colour-blind.

use candour_dicom::{LETTER, Picture, Volume, Window, draw_text, fill};
use candour_model::{Map, Shapley};

/// The usual lung window: centre -600 HU, width 1500 HU.
pub const WINDOW_LUNG: (f64, f64) = (-600.0, 1500.0);
/// Edge of a slice's picture in pixels, at least.
const EDGE: usize = 512;
/// Orange: what raises the score.
const RAISES: [f64; 3] = [255.0, 159.0, 28.0];
/// A share of the map's peak below which nothing is drawn.
const FLOOR: f64 = 0.25;

/// Where a point of the volume (in voxels) lies on the map's grid.
fn to_grid(volume: &Volume, map: &Map, spacing_mm: f64, voxel: [f64; 3]) -> [f64; 3] {
    let mut out = [0.0; 3];
    let axes = volume
        .dims
        .iter()
        .zip(volume.spacing_mm)
        .zip(map.dims)
        .zip(voxel);
    for (to, (((n, source), m), v)) in out.iter_mut().zip(axes) {
        *to = (v - (*n as f64 - 1.0) / 2.0) * source / spacing_mm + (m as f64 - 1.0) / 2.0;
    }
    out
}

/// The centre of what the score hangs on most, in the volume's voxels: the mean place of all grid
/// points within a tenth of the peak.
pub(crate) fn peak_voxel(volume: &Volume, map: &Map, spacing_mm: f64) -> [f64; 3] {
    let (_, peak) = map.peak();
    let [_, rows, columns] = map.dims;
    let (mut sum, mut n) = ([0f64; 3], 0f64);
    for (i, v) in map.values.iter().enumerate() {
        if f64::from(*v) >= 0.9 * peak {
            let plane = (rows * columns).max(1);
            for (s, c) in
                sum.iter_mut()
                    .zip([i / plane, i % plane / columns.max(1), i % columns.max(1)])
            {
                *s += c as f64;
            }
            n += 1.0;
        }
    }
    let mut out = [0.0; 3];
    let axes = volume
        .dims
        .iter()
        .zip(volume.spacing_mm)
        .zip(map.dims)
        .zip(sum);
    for (to, (((size, source), m), s)) in out.iter_mut().zip(axes) {
        *to = (s / n.max(1.0) - (m as f64 - 1.0) / 2.0) * spacing_mm / source
            + (*size as f64 - 1.0) / 2.0;
    }
    out
}

fn sample(map: &Map, [z, y, x]: [f64; 3]) -> f64 {
    let [nz, ny, nx] = map.dims;
    let inside = |v: f64, n: usize| (-0.5..n as f64 - 0.5).contains(&v);
    if !(inside(z, nz) && inside(y, ny) && inside(x, nx)) {
        return 0.0;
    }
    let at = |v: f64, n: usize| (v.round().max(0.0) as usize).min(n.saturating_sub(1));
    let i = (at(z, nz) * ny + at(y, ny)) * nx + at(x, nx);
    map.values.get(i).map_or(0.0, |v| f64::from(*v))
}

/// One slice (from 0) in a window, with the map over it at `opacity` (0 to 1). The contour at half
/// of the map's peak is drawn too, so that the place is seen without colour.
#[must_use]
pub fn slice_picture(
    volume: &Volume,
    slice: usize,
    window: (f64, f64),
    overlay: Option<(&Map, f64, f64)>,
) -> Picture {
    let [slices, rows, columns] = volume.dims;
    let [_, row_mm, column_mm] = volume.spacing_mm;
    // Output pixels are square, so that what is round in the patient is round on the screen.
    let finest = row_mm.min(column_mm);
    let stretch = |mm: f64| {
        if finest > 0.0 && mm.is_finite() {
            (mm / finest).clamp(1.0, 8.0)
        } else {
            1.0
        }
    };
    let largest = (rows as f64 * stretch(row_mm))
        .max(columns as f64 * stretch(column_mm))
        .max(1.0);
    let scale = (EDGE as f64 / largest).ceil().max(1.0);
    let (per_row, per_column) = (scale * stretch(row_mm), scale * stretch(column_mm));
    let slice = slice.min(slices.saturating_sub(1));
    let grey = Window::linear(window.0, window.1.max(1.0));
    let peak = overlay.map_or(0.0, |(map, ..)| map.peak().1);
    let (height, width) = (
        (rows as f64 * per_row).round() as usize,
        (columns as f64 * per_column).round() as usize,
    );
    let share_at = |r: usize, c: usize| -> f64 {
        let Some((map, spacing, _)) = overlay.filter(|_| peak > 0.0) else {
            return 0.0;
        };
        let centre = |p: usize, per: f64| (p as f64 + 0.5) / per - 0.5;
        let at = [slice as f64, centre(r, per_row), centre(c, per_column)];
        (sample(map, to_grid(volume, map, spacing, at)) / peak).clamp(0.0, 1.0)
    };
    let voxel = |p: usize, per: f64| (p as f64 / per) as usize;
    let opacity = overlay.map_or(0.0, |(.., opacity)| opacity.clamp(0.0, 1.0));
    let mut rgb = Vec::with_capacity(height * width);
    for r in 0..height {
        for c in 0..width {
            let hu = volume
                .voxel([slice, voxel(r, per_row), voxel(c, per_column)])
                .unwrap_or(-1000.0);
            let base = f64::from(grey.grey(f64::from(hu)));
            let share = if opacity > 0.0 { share_at(r, c) } else { 0.0 };
            let below = |r: usize, c: usize| share_at(r, c) < 0.5;
            let edge = share >= 0.5
                && (below(r.wrapping_sub(1), c)
                    || below(r + 1, c)
                    || below(r, c.wrapping_sub(1))
                    || below(r, c + 1));
            let alpha = if edge {
                opacity.max(0.6)
            } else if share > FLOOR {
                opacity * share
            } else {
                0.0
            };
            let tint = if edge { [255.0; 3] } else { RAISES };
            rgb.push(tint.map(|t| (base + (t - base) * alpha).round().clamp(0.0, 255.0) as u8));
        }
    }
    Picture {
        rows: height,
        columns: width,
        rgb,
    }
}

/// A slice's picture or a set of bars, framed with the words that a secondary capture must carry.
pub(crate) fn framed(body: &Picture, lines: &[String], colour: [u8; 3]) -> Picture {
    let scale = 1 + usize::from(body.columns >= 400);
    let [width, height] = LETTER;
    let line = height * scale + 4;
    let per_line = (body.columns.saturating_sub(12) / (width * scale)).max(1);
    let wrapped: Vec<String> = lines.iter().flat_map(|l| wrap(l, per_line)).collect();
    let top = line * wrapped.len() + 12;
    let mut rgb = vec![[0u8; 3]; top * body.columns];
    rgb.extend(&body.rgb);
    let mut out = Picture {
        rows: top + body.rows,
        columns: body.columns,
        rgb,
    };
    for (n, text) in wrapped.iter().enumerate() {
        let colour = if n == 0 { colour } else { [220; 3] };
        draw_text(&mut out, 6 + n * line, 6, scale, colour, text);
    }
    out
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(last) = lines.last_mut() else {
            continue;
        };
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// Bars of the measurements that move the score most: right and bright raises it, left and dark
/// lowers it.
#[must_use]
pub fn contribution_picture(names: &[String], shapley: &Shapley, most: usize) -> Picture {
    let mut ranked: Vec<(&str, f64)> = names
        .iter()
        .map(String::as_str)
        .zip(shapley.contributions.iter().copied())
        .collect();
    ranked.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    ranked.truncate(most);
    let row = 22;
    let mut picture = Picture {
        rows: row * ranked.len() + 30,
        columns: EDGE,
        rgb: Vec::new(),
    };
    picture.rgb = vec![[0; 3]; picture.rows * picture.columns];
    let widest = ranked
        .iter()
        .map(|(_, v)| v.abs())
        .fold(f64::MIN_POSITIVE, f64::max);
    let axis = 370;
    for (n, (name, value)) in ranked.iter().enumerate() {
        let top = n * row + 4;
        let length = (value.abs() / widest * 120.0).round() as usize;
        draw_text(
            &mut picture,
            top,
            6,
            1,
            [220; 3],
            &format!("{} {value:+.2}", name.replace('_', " ")),
        );
        let (from, colour) = if *value >= 0.0 {
            (axis, [255, 159, 28])
        } else {
            (axis - length, [70, 120, 190])
        };
        fill(&mut picture, [top, from], [14, length.max(1)], colour);
    }
    fill(
        &mut picture,
        [0, axis],
        [row * ranked.len() + 4, 1],
        [255; 3],
    );
    draw_text(
        &mut picture,
        row * ranked.len() + 10,
        250,
        1,
        [220; 3],
        "lowers the score / raises it",
    );
    picture
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    /// One grid point alone has all the score: its place comes back, by hand.
    #[test]
    fn the_peak_goes_from_grid_to_volume_and_back() {
        let volume = Volume::from_voxels(vec![0.0; 20 * 40 * 40], [20, 40, 40], [3.0, 0.75, 0.75]);
        let mut map = Map {
            dims: [10, 10, 10],
            values: vec![0.0; 1000],
        };
        map.values[8 * 100 + 2 * 10 + 5] = 1.0;
        // (8 - 4.5) * 1.5 / 3 + 9.5 = 11.25; (2 - 4.5) * 1.5 / 0.75 + 19.5 = 14.5; (5 - 4.5) * 2 + 19.5 = 20.5.
        let at = peak_voxel(&volume, &map, 1.5);
        assert_eq!(at, [11.25, 14.5, 20.5]);
        assert_eq!(to_grid(&volume, &map, 1.5, at), [8.0, 2.0, 5.0]);
        assert_eq!(sample(&map, [8.0, 2.0, 5.0]), 1.0);
        assert_eq!(sample(&map, [-3.0, 2.0, 5.0]), 0.0);
    }

    /// Voxels of 2 mm by 1 mm: the picture is twice as high for each row as it is wide for a column.
    #[test]
    fn pixels_on_the_screen_are_square_in_the_patient() {
        let volume = Volume::from_voxels(vec![0.0; 64 * 128], [1, 64, 128], [1.0, 2.0, 1.0]);
        let picture = slice_picture(&volume, 0, WINDOW_LUNG, None);
        assert_eq!((picture.rows, picture.columns), (512, 512));
        assert_eq!(picture.rgb.len(), 512 * 512);
    }

    #[test]
    fn no_opacity_shows_the_bare_image() {
        let volume = Volume::from_voxels(
            (0..4096).map(|i| i as f32 - 1000.0).collect(),
            [1, 64, 64],
            [1.0; 3],
        );
        let map = Map {
            dims: [4, 4, 4],
            values: vec![1.0; 64],
        };
        let bare = slice_picture(&volume, 0, WINDOW_LUNG, None);
        assert_eq!(
            slice_picture(&volume, 0, WINDOW_LUNG, Some((&map, 16.0, 0.0))),
            bare
        );
        assert_ne!(
            slice_picture(&volume, 0, WINDOW_LUNG, Some((&map, 16.0, 0.5))),
            bare
        );
        assert_eq!((bare.rows, bare.columns), (512, 512));
        assert!(slice_picture(&volume, 99, (f64::NAN, -1.0), None).rgb.len() == 512 * 512);
    }
}
