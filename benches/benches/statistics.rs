//! The statistics' side of `benches/run_statistics.py`, which compares them with named peers.
//!
//! Each line of standard input is a job as JSON; each answer is a line of JSON with the seconds one
//! call takes and the values it gives, so that the caller can take turns with the peers.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

use std::hint::black_box;
use std::io::BufRead as _;
use std::path::Path;
use std::time::Instant;

use candour_statistics::catalogue::Labels;
use candour_statistics::random::Philox;
use candour_statistics::reader_study::{
    Analysis, Columns, Merit, Method, ObuchowskiRockette, Study,
};
use candour_statistics::resample::BootstrapInterval;
use candour_statistics::roc::{bootstrap_auc, delong_auc, mann_whitney_auc, paired_areas};
use candour_statistics::segmentation::{
    BothEmpty, Connectivity, Mask, Overlap, Surface, SurfaceDistances, Symmetry, distance_map,
};
use serde_json::{Value, json};

/// Seconds of one call, over as many as take a twentieth of a second, and what it gives.
fn timed<T>(work: impl Fn() -> T) -> (f64, T) {
    let (began, mut calls) = (Instant::now(), 0);
    loop {
        let value = black_box(work());
        calls += 1;
        let seconds = began.elapsed().as_secs_f64();
        if seconds > 0.05 {
            return (seconds / f64::from(calls), value);
        }
    }
}

fn reals(path: &Path) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap();
    bytes
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

fn answer((seconds, values): (f64, Vec<f64>)) -> Value {
    json!({ "seconds": seconds, "values": values })
}

/// The scores of the positives, then those of the negatives.
fn by_class(truth: &[bool], score: &[f64]) -> [Vec<f64>; 2] {
    let positive = truth.iter().filter(|t| **t).count();
    let mut classes = [positive, truth.len() - positive].map(Vec::with_capacity);
    for (t, s) in truth.iter().zip(score) {
        classes[usize::from(!*t)].push(*s);
    }
    classes
}

fn columns(job: &str, folder: &Path, request: &Value) -> Value {
    let name = request["data"].as_str().unwrap();
    let truth: Vec<bool> = std::fs::read(folder.join(format!("{name}.truth")))
        .unwrap()
        .into_iter()
        .map(|t| t == 1)
        .collect();
    let (a, b) = (
        reals(&folder.join(format!("{name}.a"))),
        reals(&folder.join(format!("{name}.b"))),
    );
    let (truth, a, b) = (&truth, &a, &b);
    answer(match job {
        "delong" => timed(|| {
            let [positive, negative] = by_class(truth, a);
            let auc = delong_auc(&positive, &negative, 0.95).unwrap();
            vec![auc.interval.lower, auc.value, auc.interval.upper]
        }),
        "delong_of_classes" => {
            let [positive, negative] = by_class(truth, a);
            timed(|| {
                let auc = delong_auc(&positive, &negative, 0.95).unwrap();
                vec![auc.interval.lower, auc.value, auc.interval.upper]
            })
        }
        "paired" => timed(|| {
            let all = paired_areas(truth, &[a, b], None, 0.95).unwrap();
            let test = all.pairs[0].2.as_ref().unwrap();
            vec![all.areas[0], all.areas[1], test.z, test.p_value]
        }),
        "auc" => timed(|| {
            let [positive, negative] = by_class(truth, a);
            vec![mann_whitney_auc(&positive, &negative).unwrap()]
        }),
        "bootstrap" => timed(|| {
            let interval = bootstrap_auc(
                truth,
                a,
                None,
                BootstrapInterval::Percentile,
                request["replicates"].as_u64().unwrap(),
                7,
                0.95,
            )
            .unwrap();
            vec![interval.lower, interval.upper]
        }),
        other => panic!("no job {other}"),
    })
}

fn reader_study(request: &Value) -> Value {
    let list = |column: &str| -> Vec<f64> {
        let cells = request[column].as_array().unwrap();
        cells.iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let labels = |column: &str| {
        let cells: Vec<String> = list(column).iter().map(f64::to_string).collect();
        Labels::of(&cells)
    };
    let truth: Vec<bool> = list("truth").iter().map(|t| *t == 1.0).collect();
    let (reader, test, case) = (labels("reader"), labels("treatment"), labels("case"));
    let rating = list("rating");
    let method = Method::from_word(request["covariance"].as_str().unwrap());
    answer(timed(|| {
        let study = Study::new(&Columns {
            reader: &reader,
            test: Some(&test),
            case: &case,
            truth: &truth,
            rating: &rating,
        })
        .unwrap();
        let made = ObuchowskiRockette::new(&study, Merit::Auc, method).unwrap();
        let global = made.global(Analysis::Rrrc).unwrap();
        let pair = made.difference(0, 1, Analysis::Rrrc, 0.95).unwrap();
        vec![
            global.statistic,
            global.df2.unwrap(),
            global.p_value,
            pair.estimate,
            pair.interval.lower,
            pair.interval.upper,
        ]
    }))
}

fn masks(job: &str, folder: &Path, request: &Value) -> Value {
    let size: [usize; 3] =
        std::array::from_fn(|i| request["size"][i].as_u64().unwrap().try_into().unwrap());
    let spacing: [f64; 3] = std::array::from_fn(|i| request["spacing"][i].as_f64().unwrap());
    let voxels = |which: &str| {
        let name = request["data"].as_str().unwrap();
        std::fs::read(folder.join(format!("{name}.{which}"))).unwrap()
    };
    let (reference, prediction) = (voxels("reference"), voxels("prediction"));
    // Peers are handed a byte a voxel, so packing them is part of what we are timed on.
    let packed = |voxels: &[u8]| Mask::select(size, spacing, voxels, |v| *v != 0).unwrap();
    let both = || (packed(&reference), packed(&prediction));
    answer(match job {
        "marching" => timed(|| {
            let (r, p) = both();
            let s = SurfaceDistances::new(&r, &p, Surface::Marching).unwrap();
            vec![
                s.percentile(95.0, Symmetry::MaxOfDirected).unwrap(),
                s.surface_dice(1.0).unwrap(),
            ]
        }),
        "border" => timed(|| {
            let (r, p) = both();
            let s = SurfaceDistances::new(&r, &p, Surface::Voxel(Connectivity::Faces)).unwrap();
            vec![
                s.percentile(95.0, Symmetry::Pooled).unwrap(),
                s.assd().unwrap(),
            ]
        }),
        "dice" => timed(|| {
            let (r, p) = both();
            let overlap = Overlap::new(&r, &p).unwrap();
            vec![overlap.dice(BothEmpty::One).unwrap()]
        }),
        "dice_packed" => {
            let (r, p) = both();
            timed(|| {
                let overlap = Overlap::new(&r, &p).unwrap();
                vec![overlap.dice(BothEmpty::One).unwrap()]
            })
        }
        "distance" => {
            let (seconds, map) = timed(|| distance_map(&packed(&reference)).unwrap());
            if request["keep"] == json!(true) {
                let bytes: Vec<u8> = map.iter().flat_map(|v| v.to_le_bytes()).collect();
                std::fs::write(folder.join("distance.map"), bytes).unwrap();
            }
            (seconds, Vec::new())
        }
        other => panic!("no job {other}"),
    })
}

/// Most memory this process has held, in bytes (Linux).
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// One DeLong interval of so many rows, and the most memory held before and after it.
fn memory(rows: usize) -> Value {
    let mut random = Philox::new(3, 0);
    let positive: Vec<f64> = (0..rows / 2).map(|_| random.unit().sqrt()).collect();
    let negative: Vec<f64> = (0..rows - rows / 2).map(|_| random.unit()).collect();
    let before = peak();
    let began = Instant::now();
    let auc = delong_auc(&positive, &negative, 0.95).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    json!({ "seconds": seconds, "values": [auc.value], "before": before, "after": peak() })
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, threads] = arguments.as_slice() else {
        // `cargo bench` of everything comes here too: there is nobody to take turns with.
        return;
    };
    // The first of the threads is this one, as with the peers.
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.parse().unwrap())
        .use_current_thread()
        .build_global()
        .unwrap();
    let folder = Path::new(folder);
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let job = request["job"].as_str().unwrap();
        let made = match job {
            "memory" => memory(request["rows"].as_u64().unwrap() as usize),
            "reader_study" => reader_study(&request),
            "delong" | "delong_of_classes" | "paired" | "auc" | "bootstrap" => {
                columns(job, folder, &request)
            }
            _ => masks(job, folder, &request),
        };
        println!("{made}");
    }
}
