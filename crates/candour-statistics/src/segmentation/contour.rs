//! Areas of marching-cubes surface elements and lengths of marching-squares contour elements by the
//! code of a point's neighbours.
//!
//! A point of the dual grid has eight voxels around it (four in an image); the code has bit
//! `x + 2 y + 4 z` set where the voxel on that side is inside. Up to rotation, reflection and
//! exchange of inside and outside there are 14 arrangements (Lorensen and Cline 1987). Each is given
//! here once with its triangles, whose corners lie midway between neighbouring voxels; all 256 codes
//! follow by symmetry. Arrangements, triangles and so areas are those of DeepMind's surface-distance
//! (Nikolov et al. 2021).

/// One arrangement: its voxels inside as a code, and eight times the components of each triangle's
/// area vector (z, y, x).
const ARRANGEMENTS: [(u8, &[[u8; 3]]); 13] = [
    (0b1000_0000, &[[1, 1, 1]]),
    (0b1100_0000, &[[2, 2, 0], [2, 2, 0]]),
    (0b0110_0000, &[[1, 1, 1], [1, 1, 1]]),
    (0b0001_1000, &[[1, 1, 1], [1, 1, 1]]),
    (0b1110_0000, &[[4, 0, 0], [2, 2, 2], [1, 1, 1]]),
    (0b0110_1000, &[[1, 1, 1], [1, 1, 1], [1, 1, 1]]),
    (0b1001_1000, &[[0, 2, 2], [0, 2, 2], [1, 1, 1]]),
    (0b1111_0000, &[[4, 0, 0], [4, 0, 0]]),
    (0b1110_1000, &[[1, 1, 1], [2, 2, 2], [2, 2, 2], [1, 1, 1]]),
    (0b1101_1000, &[[1, 1, 1], [3, 3, 3], [0, 2, 2], [2, 0, 2]]),
    (0b0111_1000, &[[4, 0, 0], [1, 1, 1], [2, 2, 2], [1, 1, 1]]),
    (0b0011_1100, &[[2, 2, 0], [2, 2, 0], [2, 2, 0], [2, 2, 0]]),
    (0b1001_0110, &[[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]]),
];

const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

/// Surface area in mm2 of each of the 256 codes, for a voxel spacing x, y, z in mm.
#[must_use]
pub fn surface_areas(spacing_mm: [f64; 3]) -> [f64; 256] {
    let [x, y, z] = spacing_mm;
    // What a unit area vector along each axis measures, from x to z.
    let face = [y * z, x * z, x * y];
    let mut areas = [0.0; 256];
    for (code, triangles) in ARRANGEMENTS {
        for order in ORDERS {
            let area: f64 = triangles
                .iter()
                .map(|triangle| {
                    let square: f64 = [2, 1, 0]
                        .iter()
                        .zip(triangle)
                        .map(|(axis, eighths)| {
                            let axis = order.get(*axis).copied().unwrap_or(0);
                            let face = face.get(axis).copied().unwrap_or(0.0);
                            (f64::from(*eighths) / 8.0 * face).powi(2)
                        })
                        .sum();
                    square.sqrt()
                })
                .sum();
            for flips in 0..8 {
                let moved = moved(code, order, flips);
                for code in [moved, !moved] {
                    if let Some(slot) = areas.get_mut(usize::from(code)) {
                        *slot = area;
                    }
                }
            }
        }
    }
    areas
}

/// The code after axis `a` becomes axis `order[a]` and the axes in `flips` are mirrored.
fn moved(code: u8, order: [usize; 3], flips: usize) -> u8 {
    (0..8usize)
        .filter(|corner| (code >> corner) & 1 == 1)
        .map(|corner| {
            let place: usize = order
                .iter()
                .enumerate()
                .map(|(axis, to)| ((corner >> axis) & 1) << to)
                .sum();
            1u8 << (place ^ flips)
        })
        .sum()
}

/// Contour length in mm of each of the 16 codes (bit `x + 2 y`), for a pixel spacing x, y in mm.
#[must_use]
pub fn contour_lengths(spacing_mm: [f64; 2]) -> [f64; 16] {
    let [x, y] = spacing_mm;
    let corner = 0.5 * (y * y + x * x).sqrt();
    std::array::from_fn(|code| match code {
        0b0000 | 0b1111 => 0.0,
        0b0011 | 0b1100 => x,
        0b0101 | 0b1010 => y,
        0b0110 | 0b1001 => 2.0 * corner,
        _ => corner,
    })
}
