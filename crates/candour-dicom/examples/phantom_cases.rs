//! Writes phantom cases for training, resampled and windowed as the product does, as raw bytes:
//! `phantom_cases FIRST_SEED COUNT OUT` writes OUT.f32 (COUNT x 48^3 little-endian float32 in
//! [0, 1]) and OUT.csv (seed and truth). With a fourth argument `u8`, OUT.u8 holds one byte a
//! voxel instead, for training sets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use std::fmt::Write as _;
use std::io::Write as _;

use candour_dicom::phantom::{Case, SPACING_MM};
use rayon::prelude::*;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let first: u64 = arguments[1].parse().unwrap();
    let count: u64 = arguments[2].parse().unwrap();
    let out = &arguments[3];
    let bytes = arguments.get(4).is_some_and(|a| a == "u8");
    let extension = if bytes { "u8" } else { "f32" };
    let mut file =
        std::io::BufWriter::new(std::fs::File::create(format!("{out}.{extension}")).unwrap());
    let mut table = String::from(
        "seed,reference,nodule,diameter_mm,density,lobulation,spicules,vendor,kernel,marker,slice,row,column\n",
    );
    let seeds: Vec<u64> = (first..first + count).collect();
    for chunk in seeds.chunks(64) {
        let cases: Vec<(u64, Case, Vec<f32>)> = chunk
            .par_iter()
            .map(|seed| {
                let case = Case::from_seed(*seed);
                let grid = case.volume().resample_centred([48; 3], 1.5, -1000.0);
                let grid = grid
                    .iter()
                    .map(|hu| ((f64::from(*hu) + 1000.0) / 1400.0).clamp(0.0, 1.0) as f32);
                let grid = grid.collect();
                (*seed, case, grid)
            })
            .collect();
        for (seed, case, grid) in cases {
            if bytes {
                let scaled: Vec<u8> = grid.iter().map(|v| (v * 255.0 + 0.5) as u8).collect();
                file.write_all(&scaled).unwrap();
            } else {
                for v in grid {
                    file.write_all(&v.to_le_bytes()).unwrap();
                }
            }
            let t = case.truth();
            let n = t.nodule;
            let centre = n.map_or([0.0; 3], |n| n.centre_mm);
            writeln!(
                table,
                "{seed},{},{},{:.1},{},{:.2},{},{:?},{:?},{},{:.1},{:.1},{:.1}",
                if t.suspicious() {
                    "positive"
                } else {
                    "negative"
                },
                n.is_some(),
                n.map_or(0.0, |n| n.diameter_mm),
                n.map_or("none".into(), |n| format!("{:?}", n.density)),
                n.map_or(0.0, |n| n.lobulation),
                n.map_or(0, |n| n.spicules),
                t.vendor,
                t.kernel,
                t.marker,
                centre[0] / SPACING_MM[0],
                centre[1] / SPACING_MM[1],
                centre[2] / SPACING_MM[2],
            )
            .unwrap();
        }
    }
    std::fs::write(format!("{out}.csv"), table).unwrap();
}
