//! The whole path against the bare engine, and the ledger against a plain file, in one run.
//!
//! `cargo bench -p candour-benches` prints one line of JSON; `benches/run.py` adds the other peers
//! (onnxruntime, SQLite) on the same machine and writes `benches/RESULTS.md`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use candour_device::{Device, Workspace, World};
use candour_dicom::phantom::Case;
use candour_ledger::{Ledger, Signer};
use candour_record::Timestamp;
use rayon::prelude::*;
use serde_json::json;

const STUDIES: u64 = 12;
const FORWARDS: usize = 400;

fn world() -> World<'static> {
    World {
        now: &|| Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()).unwrap(),
        entropy: &|bytes| getrandom::fill(bytes).map_err(std::io::Error::other),
        software: "candour benches",
    }
}

/// Seconds that `work` takes: the best of three, for the machine is shared.
fn best(mut work: impl FnMut()) -> f64 {
    (0..3)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed().as_secs_f64()
        })
        .fold(f64::MAX, f64::min)
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let device = Device::open(&root.join("devices/ct-nodule-phantom")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    for seed in 0..STUDIES {
        let dir = input.join(seed.to_string());
        std::fs::create_dir_all(&dir).unwrap();
        for (n, file) in Case::from_seed(500 + seed)
            .series()
            .unwrap()
            .iter()
            .enumerate()
        {
            std::fs::write(dir.join(n.to_string()), file).unwrap();
        }
    }
    let prepared = device
        .model
        .prepare_volume(&Case::from_seed(500).volume())
        .unwrap();
    let engine = device.model.engine();
    let one = best(|| (0..FORWARDS).for_each(|_| drop(engine.run(&prepared)))) / FORWARDS as f64;
    let parallel = best(|| {
        (0..FORWARDS)
            .into_par_iter()
            .for_each(|_| drop(engine.run(&prepared)))
    }) / FORWARDS as f64;

    let mut run = 0;
    let path = best(|| {
        run += 1;
        let mut workspace =
            Workspace::open_or_create(&folder.path().join(format!("w{run}")), &world()).unwrap();
        let mut settled = 0;
        candour_device::run(
            &mut workspace,
            &device,
            &world(),
            std::slice::from_ref(&input),
            &mut |_, _| {},
            &mut |_| settled += 1,
        )
        .unwrap();
        assert_eq!(settled, STUDIES);
    }) / STUDIES as f64;
    // What an explained decision asks of the network: one prediction, one whole score, 7^3 cubes, and
    // 16 deletion steps for each of 1 + 20 orders.
    let forwards = 1 + 1 + 343 + 16 * 21;

    let entry = vec![b'x'; 700];
    let mut appends = Vec::new();
    for batch in [1usize, 16, 256] {
        let rounds = 2048 / batch.max(16);
        let batch_entries = vec![entry.clone(); batch];
        let mut n = 0;
        let ours = best(|| {
            n += 1;
            let signer = Signer::new("bench", &[1; 32]).unwrap();
            let mut ledger =
                Ledger::create(&folder.path().join(format!("l{batch}-{n}")), signer).unwrap();
            for _ in 0..rounds {
                ledger.append_entries(&batch_entries).unwrap();
            }
        });
        let plain = best(|| {
            n += 1;
            let mut file =
                std::fs::File::create(folder.path().join(format!("p{batch}-{n}"))).unwrap();
            for _ in 0..rounds {
                for e in &batch_entries {
                    file.write_all(e).unwrap();
                }
                file.sync_all().unwrap();
            }
        });
        let total = (rounds * batch) as f64;
        appends.push(json!({ "batch": batch, "ledger_per_s": total / ours, "plain_file_per_s": total / plain }));
    }
    println!(
        "{}",
        json!({
            "engine": engine.identity(),
            "forward_ms": one * 1e3,
            "forward_parallel_ms": parallel * 1e3,
            "path_ms": path * 1e3,
            "forwards": forwards,
            "appends": appends,
            "threads": rayon::current_num_threads(),
        })
    );
}
