//! Segmentation metrics against surface-distance, MedPy, SciPy, cc3d, panoptica and R survey
//! (`testdata/statistics/segmentation`), and properties that must hold for any masks.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

use candour_statistics::StatisticsError;
use candour_statistics::catalogue::{Column, Entry, Labels, Sample};
use candour_statistics::resample::BootstrapInterval;
use candour_statistics::segmentation::*;
use proptest::prelude::*;
use serde_json::Value;

fn read(name: &str) -> Value {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/statistics/segmentation/"
    );
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}{name}")).unwrap()).unwrap()
}

fn whole(v: &Value) -> i64 {
    v.as_i64().unwrap()
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

/// SplitMix64, as in masks.py.
fn word(seed: u64, at: u64) -> u64 {
    let mut z = seed.wrapping_add((at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn drawn(case: &Value, which: &str) -> Mask {
    let size: Vec<i64> = case["size"].as_array().unwrap().iter().map(whole).collect();
    let spacing = numbers(&case["spacing"]);
    let rule = &case[which];
    let lists = |name: &str| -> Vec<Vec<i64>> {
        rule[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| l.as_array().unwrap().iter().map(whole).collect())
            .collect()
    };
    let (ellipsoids, boxes) = (lists("ellipsoids"), lists("boxes"));
    let (flip, seed) = (whole(&rule["flip"]) as u64, whole(&rule["seed"]) as u64);
    let mut voxels = Vec::new();
    for z in 0..size[2] {
        for y in 0..size[1] {
            for x in 0..size[0] {
                let round = ellipsoids.iter().any(|e| {
                    let (a, b, c) = (e[3], e[4], e[5]);
                    ((2 * x - e[0]) * b * c).pow(2)
                        + ((2 * y - e[1]) * a * c).pow(2)
                        + ((2 * z - e[2]) * a * b).pow(2)
                        <= (2 * a * b * c).pow(2)
                });
                let square = boxes.iter().any(|b| {
                    (b[0]..b[1]).contains(&x)
                        && (b[2]..b[3]).contains(&y)
                        && (b[4]..b[5]).contains(&z)
                });
                let turned = flip > 0 && word(seed, voxels.len() as u64) % 1000 < flip;
                voxels.push((round || square) != turned);
            }
        }
    }
    Mask::new(
        [size[0] as usize, size[1] as usize, size[2] as usize],
        [spacing[0], spacing[1], spacing[2]],
        &voxels,
    )
    .unwrap()
}

/// Keeps the worst relative difference, and fails above 1e-9.
#[derive(Default)]
struct Worst(f64, usize);

impl Worst {
    fn check(&mut self, what: &str, got: Option<f64>, expected: &Value) {
        self.1 += 1;
        match (got, expected.as_f64()) {
            (None, None) => {}
            (Some(got), Some(expected)) => {
                let difference = (got - expected).abs() / expected.abs().max(1.0);
                assert!(difference <= 1e-9, "{what}: {got} against {expected}");
                self.0 = self.0.max(difference);
            }
            (got, _) => panic!("{what}: {got:?} against {expected}"),
        }
    }
}

const CONNECTIVITIES: [Connectivity; 3] = [
    Connectivity::Faces,
    Connectivity::Edges,
    Connectivity::Corners,
];

#[test]
fn tables_agree_with_surface_distance_for_every_code() {
    let data = read("masks.json");
    for table in data["tables"].as_array().unwrap() {
        let s = numbers(&table["spacing"]);
        let areas = surface_areas([s[0], s[1], s[2]]);
        for (theirs, expected) in numbers(&table["areas"]).iter().enumerate() {
            // Their highest bit is the first voxel, ours the lowest.
            let ours = usize::from((theirs as u8).reverse_bits());
            assert!(
                (areas[ours] - expected).abs() < 1e-14 * expected.max(1.0),
                "code {theirs}"
            );
        }
        let lengths = contour_lengths([s[0], s[1]]);
        for (theirs, expected) in numbers(&table["lengths"]).iter().enumerate() {
            let ours = usize::from((theirs as u8).reverse_bits() >> 4);
            assert!((lengths[ours] - expected).abs() < 1e-14, "code {theirs}");
        }
    }
}

#[test]
fn distances_agree_with_scipy() {
    let mut worst = Worst::default();
    for case in read("masks.json")["cases"].as_array().unwrap() {
        let reference = drawn(case, "reference");
        let Some(edt) = case.get("edt") else {
            assert!(matches!(
                distance_map(&reference),
                Err(StatisticsError::NotEstimable(_))
            ));
            continue;
        };
        let map = distance_map(&reference).unwrap();
        worst.check("sum", Some(map.iter().sum()), &edt["sum"]);
        worst.check("max", map.iter().copied().reduce(f64::max), &edt["max"]);
        for (at, value) in edt["at"]
            .as_array()
            .unwrap()
            .iter()
            .zip(edt["values"].as_array().unwrap())
        {
            worst.check("value", Some(map[whole(at) as usize]), value);
        }
    }
    println!("distance maps: worst {:e} of {}", worst.0, worst.1);
}

#[test]
fn marching_surfaces_agree_with_surface_distance() {
    let data = read("masks.json");
    let (tolerances, percents) = (numbers(&data["tolerances"]), numbers(&data["percents"]));
    let mut worst = Worst::default();
    for case in data["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (r, p) = (drawn(case, "reference"), drawn(case, "prediction"));
        let e = &case["deepmind"];
        let s = SurfaceDistances::new(&r, &p, Surface::Marching).unwrap();
        assert_eq!(
            s.reference.distances().len(),
            whole(&e["counts"][0]) as usize,
            "{name}"
        );
        assert_eq!(
            s.prediction.distances().len(),
            whole(&e["counts"][1]) as usize,
            "{name}"
        );
        worst.check(name, Some(s.reference.total()), &e["areas"][0]);
        worst.check(name, Some(s.prediction.total()), &e["areas"][1]);
        worst.check(name, s.hausdorff(), &e["hausdorff"]);
        worst.check(name, s.mean_from_reference(), &e["means"][0]);
        worst.check(name, s.mean_from_prediction(), &e["means"][1]);
        for (i, q) in percents.iter().enumerate() {
            worst.check(
                name,
                s.percentile(*q, Symmetry::MaxOfDirected),
                &e["percentiles"][i],
            );
        }
        for (i, t) in tolerances.iter().enumerate() {
            worst.check(name, s.surface_dice(*t), &e["surface_dice"][i]);
            worst.check(name, s.overlap_of_reference(*t), &e["overlaps"][i][0]);
            worst.check(name, s.overlap_of_prediction(*t), &e["overlaps"][i][1]);
        }
    }
    println!("surface-distance: worst {:e} of {}", worst.0, worst.1);
}

#[test]
fn voxel_surfaces_agree_with_medpy_and_the_formulas_of_metricsreloaded() {
    let data = read("masks.json");
    let (tolerances, percents) = (numbers(&data["tolerances"]), numbers(&data["percents"]));
    let mut worst = Worst::default();
    for case in data["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (r, p) = (drawn(case, "reference"), drawn(case, "prediction"));
        for (e, connectivity) in case["medpy"].as_array().unwrap().iter().zip(CONNECTIVITIES) {
            let s = SurfaceDistances::new(&r, &p, Surface::Voxel(connectivity)).unwrap();
            if e.is_null() {
                assert_eq!(
                    (s.hausdorff(), s.assd(), s.masd()),
                    (None, None, None),
                    "{name}"
                );
                continue;
            }
            assert_eq!(
                s.reference.distances().len(),
                whole(&e["counts"][0]) as usize,
                "{name}"
            );
            assert_eq!(
                s.prediction.distances().len(),
                whole(&e["counts"][1]) as usize,
                "{name}"
            );
            worst.check(name, s.hausdorff(), &e["hd"]);
            worst.check(name, s.percentile(95.0, Symmetry::Pooled), &e["hd95"]);
            worst.check(name, s.assd(), &e["assd"]);
            worst.check(name, s.masd(), &e["masd"]);
            worst.check(name, s.mean_from_reference(), &e["asd_reference"]);
            worst.check(name, s.mean_from_prediction(), &e["asd_prediction"]);
            for (i, q) in percents.iter().enumerate() {
                worst.check(
                    name,
                    s.percentile(*q, Symmetry::MaxOfDirected),
                    &e["max_of_directed"][i],
                );
            }
            for (i, t) in tolerances.iter().enumerate() {
                worst.check(name, s.surface_dice(*t), &e["nsd"][i]);
            }
        }
        for (e, connectivity) in case["boundary_iou"]
            .as_array()
            .unwrap()
            .iter()
            .zip(CONNECTIVITIES)
        {
            let got = boundary_iou(&r, &p, connectivity).unwrap();
            worst.check(
                name,
                got.or((r.is_empty() && p.is_empty()).then_some(0.0)),
                e,
            );
        }
    }
    println!("MedPy: worst {:e} of {}", worst.0, worst.1);
}

#[test]
fn overlaps_agree_with_the_tools() {
    let mut worst = Worst::default();
    for case in read("masks.json")["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (r, p) = (drawn(case, "reference"), drawn(case, "prediction"));
        let o = Overlap::new(&r, &p).unwrap();
        let counts = numbers(&case["counts"]);
        assert_eq!(
            [
                o.reference() as f64,
                o.prediction() as f64,
                o.true_positive as f64
            ],
            counts[..],
            "{name}"
        );
        worst.check(
            name,
            o.dice(BothEmpty::NotEstimable),
            &case["deepmind"]["dice"],
        );
        worst.check(name, o.relative_difference(), &case["ravd"]);
    }
    println!("overlap: worst {:e} of {}", worst.0, worst.1);
}

#[test]
fn components_agree_with_scipy_label_by_label() {
    for case in read("masks.json")["cases"].as_array().unwrap() {
        let masks = [drawn(case, "reference"), drawn(case, "prediction")];
        for (e, connectivity) in case["components"]
            .as_array()
            .unwrap()
            .iter()
            .zip(CONNECTIVITIES)
        {
            for (mask, e) in masks.iter().zip(e.as_array().unwrap()) {
                let c = Components::new(mask, connectivity).unwrap();
                assert_eq!(c.len() as i64, whole(&e["number"]), "{}", case["name"]);
                assert_eq!(
                    c.sizes().iter().max().copied().unwrap_or(0) as i64,
                    whole(&e["largest"])
                );
                let checksum: i64 = c
                    .labels()
                    .unwrap()
                    .iter()
                    .enumerate()
                    .map(|(i, l)| i64::from(*l) * ((i as i64 + 1) % 1009))
                    .sum();
                assert_eq!(
                    checksum,
                    whole(&e["checksum"]),
                    "{} {connectivity:?}",
                    case["name"]
                );
            }
        }
    }
}

#[test]
fn lesions_agree_with_panoptica_and_the_rule_of_metricsreloaded() {
    let mut worst = Worst::default();
    for case in read("masks.json")["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (r, p) = (drawn(case, "reference"), drawn(case, "prediction"));
        for (e, connectivity) in case["touched"]
            .as_array()
            .unwrap()
            .iter()
            .zip(CONNECTIVITIES)
        {
            let options = LesionOptions {
                connectivity,
                rule: Rule::Overlap,
                ..Default::default()
            };
            let l = Lesions::new(&r, &p, &options, None).unwrap();
            assert_eq!(
                [
                    l.true_positive as f64,
                    l.false_positive as f64,
                    l.false_negative as f64
                ],
                numbers(e)[..],
                "{name}"
            );
        }
        let Some(all) = case.get("panoptica") else {
            continue;
        };
        for (word, assignment) in [
            ("greedy", Assignment::Greedy),
            ("maximal", Assignment::Maximal),
        ] {
            for t in [0.5, 0.1] {
                let e = &all[format!("{word}{t}")];
                // panoptica labels images by faces and volumes by corners.
                let connectivity = if r.is_flat() {
                    Connectivity::Faces
                } else {
                    Connectivity::Corners
                };
                let options = LesionOptions {
                    connectivity,
                    rule: Rule::IouAtLeast(t),
                    assignment,
                };
                let l = Lesions::new(&r, &p, &options, Some(Surface::Voxel(Connectivity::Faces)))
                    .unwrap();
                let name = format!("{name}, {word} {t}");
                worst.check(&name, Some(l.true_positive as f64), &e["tp"]);
                worst.check(&name, Some(l.false_positive as f64), &e["fp"]);
                worst.check(&name, Some(l.false_negative as f64), &e["fn"]);
                worst.check(&name, l.f1(), &e["rq"]);
                if l.true_positive > 0 {
                    worst.check(&name, l.segmentation_quality(), &e["sq"]);
                    worst.check(&name, l.panoptic_quality(), &e["pq"]);
                    worst.check(&name, l.mean_dice(), &e["sq_dsc"]);
                    worst.check(&name, l.mean_of(SurfaceDistances::masd), &e["sq_assd"]);
                    let hd95 = l.mean_of(|d| d.percentile(95.0, Symmetry::Pooled));
                    worst.check(&name, hd95, &e["sq_hd95"]);
                } else {
                    assert_eq!(l.segmentation_quality(), None);
                    assert_eq!(l.panoptic_quality(), Some(0.0));
                }
            }
        }
    }
    println!("panoptica: worst {:e} of {}", worst.0, worst.1);
}

#[test]
fn greedy_and_maximal_differ_where_they_must() {
    let data = read("masks.json");
    let case = data["cases"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == "greedy and maximal differ")
        .unwrap();
    assert_eq!(case["panoptica"]["greedy0.1"]["tp"], 1.0);
    assert_eq!(case["panoptica"]["maximal0.1"]["tp"], 2.0);
}

#[test]
fn lesion_wise_scores_agree_with_the_brats_rules() {
    let mut worst = Worst::default();
    for case in read("masks.json")["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (r, p) = (drawn(case, "reference"), drawn(case, "prediction"));
        for e in case
            .get("lesionwise")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let got = lesion_wise(&r, &p, whole(&e["dilation"]) as u32, 374.0).unwrap();
            worst.check(name, Some(got.reference as f64), &e["reference"]);
            worst.check(name, Some(got.found as f64), &e["found"]);
            worst.check(name, Some(got.false_positive as f64), &e["fp"]);
            worst.check(name, got.dice, &e["dice"]);
            worst.check(name, got.hd95, &e["hd95"]);
        }
    }
    println!("lesion-wise: worst {:e} of {}", worst.0, worst.1);
}

#[test]
fn every_number_of_a_comparison_is_described_and_says_why_it_is_missing() {
    let ids: Vec<&str> = MASK_METRICS.iter().map(|m| m.0).collect();
    let mut options = vec![
        Options::default(),
        Options::DEEPMIND,
        Options::MEDPY,
        Options::METRICS_RELOADED,
    ];
    for o in options.clone() {
        options.push(Options {
            tolerance_mm: Some(1.0),
            ..o
        });
    }
    for rule in [Rule::Overlap, Rule::IouAtLeast(0.1)] {
        let lesions = LesionOptions {
            rule,
            ..Default::default()
        };
        options.push(Options {
            lesions: Some(lesions),
            ..Options::METRICS_RELOADED
        });
    }
    for case in read("masks.json")["cases"].as_array().unwrap() {
        let (r, p) = (drawn(case, "reference"), drawn(case, "prediction"));
        for o in &options {
            let got = compare(&r, &p, o).unwrap();
            let names: Vec<String> = got.numbers().iter().map(|n| n.name.clone()).collect();
            assert_eq!(names, ids[..names.len()]);
            assert!(names.len() == ids.len() || o.lesions.is_none());
            for n in got.numbers() {
                assert!(n.value.is_none_or(f64::is_finite), "{n:?}");
                assert_eq!(n.value.is_none(), n.not_estimable.is_some(), "{n:?}");
                assert!(
                    n.not_estimable.is_none_or(|why| !why.is_empty()),
                    "{} {}",
                    case["name"],
                    n.name
                );
            }
            let about = |words: &str| got.notes.iter().any(|n| n.contains(words));
            assert_eq!(about("empty"), r.is_empty() || p.is_empty());
            // Thin along x or y is no image, and a note says so; thin along z is one.
            let [x, y, z] = r.dimensions();
            for (axis, size) in [("x", x), ("y", y)] {
                let thick = format!("one voxel thick along {axis}");
                assert_eq!(about(&thick), size == 1 && z > 1, "{}", case["name"]);
            }
        }
    }
}

/// A plane stored along x or y says that it is compared as a volume.
#[test]
fn planes_along_x_or_y_are_said_to_be_volumes() {
    for (dimensions, axis) in [([1, 4, 3], "x"), ([4, 1, 3], "y"), ([4, 3, 1], "")] {
        let mask = Mask::new(dimensions, [1.0; 3], &[true; 12]).unwrap();
        let notes = compare(&mask, &mask, &Options::default()).unwrap().notes;
        assert_eq!(notes.len(), usize::from(!axis.is_empty()), "{notes:?}");
        assert!(
            notes
                .iter()
                .all(|n| n.contains(&format!("thick along {axis}:")))
        );
    }
}

#[test]
fn empty_masks_follow_the_named_policy_and_never_get_a_distance() {
    let mask = |inside: usize| {
        let voxels: Vec<bool> = (0..60).map(|i| i < inside).collect();
        Mask::new([5, 4, 3], [1.0; 3], &voxels).unwrap()
    };
    let number = |r: usize, p: usize, policy, name: &str| {
        let o = Options {
            both_empty: policy,
            tolerance_mm: Some(1.0),
            ..Options::default()
        };
        let c = compare(&mask(r), &mask(p), &o).unwrap();
        c.numbers()
            .into_iter()
            .find(|n| n.name == name)
            .unwrap()
            .value
    };
    for name in ["dice", "iou", "surface_dice", "boundary_iou"] {
        assert_eq!(number(0, 0, BothEmpty::One, name), Some(1.0), "{name}");
        assert_eq!(number(0, 0, BothEmpty::NotEstimable, name), None, "{name}");
        for policy in [BothEmpty::One, BothEmpty::NotEstimable] {
            assert_eq!(number(0, 7, policy, name), Some(0.0), "{name}");
            assert_eq!(number(7, 0, policy, name), Some(0.0), "{name}");
        }
    }
    for (r, p) in [(0, 0), (0, 7), (7, 0)] {
        for name in [
            "hausdorff",
            "hausdorff_percentile",
            "assd",
            "masd",
            "mean_distance_from_reference",
        ] {
            assert_eq!(number(r, p, BothEmpty::One, name), None, "{name}");
        }
    }
}

#[test]
fn masks_that_cannot_be_are_refused() {
    let refused = |size: [usize; 3], spacing: [f64; 3], n: usize| {
        matches!(
            Mask::new(size, spacing, &vec![true; n]),
            Err(StatisticsError::Data(_))
        )
    };
    assert!(refused([0, 3, 3], [1.0; 3], 0));
    assert!(refused([2, 2, 2], [1.0; 3], 7));
    assert!(refused([2, 2, 2], [1.0; 3], 9));
    assert!(refused([usize::MAX, 2, 2], [1.0; 3], 8));
    assert!(refused(
        [LONGEST_SIDE + 1, 1, 1],
        [1.0; 3],
        LONGEST_SIDE + 1
    ));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(refused([2, 2, 2], [1.0, bad, 1.0], 8), "{bad}");
    }
    let a = Mask::new([2, 2, 2], [1.0; 3], &[true; 8]).unwrap();
    let b = Mask::new([2, 4, 1], [1.0; 3], &[true; 8]).unwrap();
    let c = Mask::new([2, 2, 2], [1.0, 1.0, 1.1], &[true; 8]).unwrap();
    for other in [&b, &c] {
        assert!(matches!(
            compare(&a, other, &Options::default()),
            Err(StatisticsError::Data(_))
        ));
        assert!(SurfaceDistances::new(&a, other, Surface::Marching).is_err());
        assert!(Lesions::new(&a, other, &LesionOptions::default(), None).is_err());
        assert!(lesion_wise(&a, other, 1, 374.0).is_err());
        assert!(boundary_iou(&a, other, Connectivity::Faces).is_err());
    }
    for bad in [
        Options {
            percent: f64::NAN,
            ..Options::default()
        },
        Options {
            percent: 101.0,
            ..Options::default()
        },
        Options {
            tolerance_mm: Some(-1.0),
            ..Options::default()
        },
        Options {
            tolerance_mm: Some(f64::NAN),
            ..Options::default()
        },
    ] {
        assert!(compare(&a, &a, &bad).is_err());
    }
    for t in [-0.1, 1.1, f64::NAN] {
        let lesions = LesionOptions {
            rule: Rule::IouAbove(t),
            ..Default::default()
        };
        assert!(Lesions::new(&a, &a, &lesions, None).is_err());
    }
    assert!(lesion_wise(&a, &a, 1, f64::NAN).is_err());
}

fn sample(entry: &Entry, columns: &[(&str, Column)], settings: &[(&str, &str)]) -> Sample {
    Sample::new(
        entry,
        columns
            .iter()
            .map(|(r, c)| ((*r).to_owned(), (*r).to_owned(), c.clone()))
            .collect(),
        &settings
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect::<Vec<_>>(),
    )
    .unwrap()
}

fn labels(values: &[f64]) -> Column {
    Column::Label(Labels::of(
        &values.iter().map(f64::to_string).collect::<Vec<_>>(),
    ))
}

/// Clusters that are all alike show no spread, and a standard error of 0 is none: by hand each of four
/// scans finds 1 of 2 lesions, and each of two patients has 1 of 2 cases below 0.5.
#[test]
fn clusters_all_alike_have_no_standard_error() {
    let four = |v: f64| Column::Real(vec![v; 4]);
    let counts = [("tp", four(1.0)), ("fp", four(1.0)), ("fn", four(1.0))];
    let a = LESION_DETECTION
        .answer(&sample(&LESION_DETECTION, &counts, &[]), &[])
        .unwrap();
    assert_eq!(a.number("lesion_sensitivity").unwrap().value, Some(0.5));
    let cases = [
        ("value", Column::Real(vec![0.2, 0.7, 0.3, 0.9])),
        ("cluster", labels(&[1.0, 1.0, 2.0, 2.0])),
    ];
    let entry = &SEGMENTATION_SUMMARY;
    let b = entry
        .answer(&sample(entry, &cases, &[("limit", "0.5")]), &[])
        .unwrap();
    assert_eq!(b.number("share_below").unwrap().value, Some(0.5));
    for number in a.numbers.iter().chain(&b.numbers) {
        assert!(number.standard_error.is_none_or(|s| s > 0.0), "{number:?}");
    }
}

#[test]
fn summaries_agree_with_r() {
    let data = read("summary.json");
    let mut worst = Worst::default();
    for case in data["detection"].as_array().unwrap() {
        let mut columns = vec![
            ("tp", Column::Real(numbers(&case["tp"]))),
            ("fp", Column::Real(numbers(&case["fp"]))),
            ("fn", Column::Real(numbers(&case["fn"]))),
        ];
        if case["clustered"].as_bool().unwrap() {
            columns.push(("cluster", labels(&numbers(&case["cluster"]))));
        }
        let answer = LESION_DETECTION
            .answer(&sample(&LESION_DETECTION, &columns, &[]), &[])
            .unwrap();
        for name in [
            "lesion_sensitivity",
            "lesion_positive_predictive_value",
            "lesion_f1",
            "false_positives_per_scan",
        ] {
            let got = answer.number(name).unwrap();
            worst.check(name, got.value, &case[name]["estimate"]);
            // At 0 and 1 the linearised standard error is 0, which is no estimate.
            if case[name]["se"].as_f64() != Some(0.0) {
                worst.check(name, got.standard_error, &case[name]["se"]);
            }
            match got.interval {
                Some(i) => assert!(
                    i.lower < i.upper
                        && i.lower <= got.value.unwrap()
                        && got.value.unwrap() <= i.upper
                ),
                None => assert!(got.not_estimable.is_some()),
            }
        }
    }
    for case in data["summaries"].as_array().unwrap() {
        let columns = [
            ("value", Column::Real(numbers(&case["values"]))),
            ("cluster", labels(&numbers(&case["cluster"]))),
        ];
        let answer = SEGMENTATION_SUMMARY
            .answer(
                &sample(&SEGMENTATION_SUMMARY, &columns, &[("limit", "0.8")]),
                &[],
            )
            .unwrap();
        for name in [
            "mean",
            "standard_deviation",
            "median",
            "lower_quartile",
            "upper_quartile",
        ] {
            worst.check(name, answer.number(name).unwrap().value, &case[name]);
        }
        let share = answer.number("share_below").unwrap();
        if case.get("share_below").is_some() {
            worst.check("share", share.value, &case["share_below"]["estimate"]);
            if share.value.is_some_and(|p| p > 0.0 && p < 1.0) {
                worst.check("share", share.standard_error, &case["share_below"]["se"]);
            }
        } else {
            assert!(share.interval.is_none());
        }
    }
    println!("R: worst {:e} of {}", worst.0, worst.1);
}

#[test]
fn summaries_of_hardly_anything_say_so() {
    let r = Resampling {
        level: 0.95,
        seed: 1,
        replicates: 200,
    };
    let summary = |values: &[f64], clusters: Option<&[usize]>| {
        segmentation_summary(
            values,
            clusters,
            Some(0.5),
            BootstrapInterval::Percentile,
            &r,
        )
    };
    assert!(matches!(
        summary(&[], None),
        Err(StatisticsError::NotEstimable(_))
    ));
    assert!(matches!(
        summary(&[f64::NAN, f64::NAN], None),
        Err(StatisticsError::NotEstimable(_))
    ));
    assert!(matches!(
        summary(&[0.1, f64::INFINITY], None),
        Err(StatisticsError::Value { .. })
    ));
    assert!(summary(&[0.1, 0.2], Some(&[0])).is_err());
    let one = summary(&[0.4, f64::NAN], None).unwrap();
    assert_eq!(one.number("mean").unwrap().value, Some(0.4));
    assert!(one.number("mean").unwrap().interval.is_none());
    assert_eq!(one.number("standard_deviation").unwrap().value, None);
    assert_eq!(one.number("missing").unwrap().value, Some(1.0));
    assert_eq!(one.notes.len(), 1);
    let equal = summary(&[0.4; 9], None).unwrap();
    assert!(equal.number("mean").unwrap().interval.is_none());
    let clustered = summary(&[0.4, 0.5, 0.6], Some(&[2, 2, 2])).unwrap();
    assert!(clustered.number("median").unwrap().interval.is_none());
    assert!(clustered.number("share_below").unwrap().interval.is_none());

    let detect = |tp: &[f64], fp: &[f64], missed: &[f64], clusters: Option<&[usize]>, how| {
        let counts = LesionCounts {
            true_positive: tp,
            false_positive: fp,
            false_negative: missed,
        };
        lesion_detection(&counts, clusters, how, &r)
    };
    assert!(matches!(
        detect(&[], &[], &[], None, None),
        Err(StatisticsError::NotEstimable(_))
    ));
    assert!(detect(&[1.5], &[0.0], &[0.0], None, None).is_err());
    assert!(detect(&[f64::NAN], &[0.0], &[0.0], None, None).is_err());
    assert!(detect(&[1.0], &[0.0, 1.0], &[0.0], None, None).is_err());
    let nothing = detect(&[0.0; 3], &[0.0; 3], &[0.0; 3], None, None).unwrap();
    for name in [
        "lesion_sensitivity",
        "lesion_positive_predictive_value",
        "lesion_f1",
    ] {
        assert_eq!(nothing.number(name).unwrap().value, None);
    }
    let rate = nothing.number("false_positives_per_scan").unwrap();
    assert_eq!(rate.value, Some(0.0));
    assert!(rate.interval.unwrap().upper > 1.0);
    let all = detect(&[3.0, 4.0, 2.0], &[0.0; 3], &[0.0; 3], None, None).unwrap();
    let all = all.number("lesion_sensitivity").unwrap();
    assert_eq!((all.value, all.interval.unwrap().upper), (Some(1.0), 1.0));
    assert!(all.interval.unwrap().lower < 0.5);
    let one = detect(&[3.0], &[1.0], &[1.0], None, None).unwrap();
    assert!(one.number("lesion_sensitivity").unwrap().interval.is_none());
    let boot = Some(BootstrapInterval::Percentile);
    assert!(detect(&[3.0], &[1.0], &[1.0], None, boot).is_ok());
    let all = detect(&[3.0, 4.0], &[0.0; 2], &[0.0; 2], None, boot).unwrap();
    assert!(all.number("lesion_sensitivity").unwrap().interval.is_none());
}

/// Patients with 1 to 6 lesions of their own sensitivity (beta-like, ICC about 0.2): 95 % intervals
/// by linearisation cover within Monte-Carlo error, slightly above nominal at small numbers.
#[test]
fn intervals_cover_with_clustered_lesions() {
    use candour_statistics::random::Philox;
    let r = Resampling {
        level: 0.95,
        seed: 1,
        replicates: 100,
    };
    for (patients, base, least, most) in [
        (15, 0.7, 0.93, 0.985),
        (60, 0.7, 0.93, 0.975),
        (25, 0.93, 0.92, 0.985),
    ] {
        let runs = 1500u64;
        let (mut covered, mut rates) = (0, 0);
        for run in 0..runs {
            let mut random = Philox::new(7, run);
            let (mut tp, mut fp, mut missed) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..patients {
                let lesions = 1 + random.below(6);
                // A patient is easy or hard: the mean stays `base`.
                let p = if random.unit() < 0.5 {
                    base - 0.7 * (1.0 - base)
                } else {
                    base + 0.7 * (1.0 - base)
                };
                let found = (0..lesions).filter(|_| random.unit() < p).count();
                tp.push(found as f64);
                missed.push((lesions - found) as f64);
                fp.push((0..4).filter(|_| random.unit() < 0.2).count() as f64);
            }
            let counts = LesionCounts {
                true_positive: &tp,
                false_positive: &fp,
                false_negative: &missed,
            };
            let answer = lesion_detection(&counts, None, None, &r).unwrap();
            let inside = |name: &str, truth: f64| {
                let i = answer.number(name).unwrap().interval.unwrap();
                i.lower <= truth && truth <= i.upper
            };
            covered += u32::from(inside("lesion_sensitivity", base));
            rates += u32::from(inside("false_positives_per_scan", 0.8));
        }
        let share = |n: u32| f64::from(n) / runs as f64;
        println!(
            "{patients} patients, {base}: {} and {}",
            share(covered),
            share(rates)
        );
        assert!(
            (least..=most).contains(&share(covered)),
            "{}",
            share(covered)
        );
        assert!((0.93..=0.985).contains(&share(rates)), "{}", share(rates));
    }
}

/// Surfaces far apart take another way to the same distances: scattered voxels, which are their own
/// border, against the full distance map.
#[test]
fn far_surfaces_agree_with_the_distance_map() {
    let size = [90usize, 61, 40];
    for (spacing, share, apart) in [
        ([1.0, 1.0, 1.0], 3, 60),
        ([0.7, 0.9, 2.5], 1, 50),
        ([3.0, 0.3, 0.4], 2, 20),
        ([1.0, 2.0, 1.5], 200, 80),
    ] {
        let scattered = |seed: u64, left: usize, right: usize| {
            let voxels: Vec<bool> = (0..size.iter().product::<usize>())
                .map(|i| {
                    (left..right).contains(&(i % size[0])) && word(seed, i as u64) % 10_000 < share
                })
                .collect();
            Mask::new(size, spacing, &voxels).unwrap()
        };
        let (r, p) = (scattered(1, 0, 90 - apart), scattered(2, apart, 90));
        let s = SurfaceDistances::new(&r, &p, Surface::Voxel(Connectivity::Faces)).unwrap();
        for (from, to, got) in [(&r, &p, &s.reference), (&p, &r, &s.prediction)] {
            let map = distance_map(to).unwrap();
            let mut expected: Vec<f64> = map
                .iter()
                .enumerate()
                .filter(|(i, _)| from.contains(i % 90, i / 90 % 61, i / 90 / 61))
                .map(|(_, d)| *d)
                .collect();
            expected.sort_by(f64::total_cmp);
            assert!(expected.len() > 5);
            assert_eq!(got.distances(), expected);
        }
    }
}

fn masks(flat: bool) -> impl Strategy<Value = (Mask, Mask)> {
    let depth = if flat { 1..2usize } else { 1..7usize };
    (
        1..70usize,
        1..7usize,
        depth,
        0.2f64..3.0,
        0.2f64..3.0,
        0.2f64..3.0,
        any::<u64>(),
        1..999u64,
        1..999u64,
    )
        .prop_map(|(x, y, z, a, b, c, seed, p, q)| {
            let make = |seed: u64, share: u64| {
                let voxels: Vec<bool> = (0..x * y * z)
                    .map(|i| word(seed, i as u64) % 1000 < share)
                    .collect();
                Mask::new([x, y, z], [a, b, c], &voxels).unwrap()
            };
            (make(seed, p), make(seed ^ 1, q))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn dice_follows_from_iou((r, p) in masks(false)) {
        let o = Overlap::new(&r, &p).unwrap();
        if let (Some(d), Some(j)) = (o.dice(BothEmpty::NotEstimable), o.iou(BothEmpty::NotEstimable)) {
            prop_assert!((d - 2.0 * j / (1.0 + j)).abs() < 1e-14);
        }
        prop_assert_eq!(o.true_positive + o.false_positive + o.false_negative + o.true_negative, r.total());
    }

    #[test]
    fn distances_agree_with_their_definition((r, _) in masks(false)) {
        let [nx, ny, nz] = r.dimensions();
        let [sx, sy, sz] = r.spacing_mm();
        let mut sites = Vec::new();
        for z in 0..nz { for y in 0..ny { for x in 0..nx {
            if r.contains(x, y, z) { sites.push([x as f64 * sx, y as f64 * sy, z as f64 * sz]); }
        } } }
        if sites.is_empty() { return Ok(()); }
        let map = distance_map(&r).unwrap();
        let mut at = 0;
        for z in 0..nz { for y in 0..ny { for x in 0..nx {
            let here = [x as f64 * sx, y as f64 * sy, z as f64 * sz];
            let nearest = sites.iter()
                .map(|s| s.iter().zip(here).map(|(a, b)| (a - b).powi(2)).sum::<f64>())
                .fold(f64::INFINITY, f64::min).sqrt();
            prop_assert!((map[at] - nearest).abs() < 1e-10);
            at += 1;
        } } }
    }

    #[test]
    fn swapping_the_masks_swaps_the_directions((r, p) in masks(false), flat in any::<bool>()) {
        let surface = if flat { Surface::Marching } else { Surface::Voxel(Connectivity::Edges) };
        let a = SurfaceDistances::new(&r, &p, surface).unwrap();
        let b = SurfaceDistances::new(&p, &r, surface).unwrap();
        prop_assert_eq!(a.hausdorff(), b.hausdorff());
        prop_assert_eq!(a.mean_from_reference(), b.mean_from_prediction());
        prop_assert_eq!(a.surface_dice(1.0), b.surface_dice(1.0));
        for s in [Symmetry::MaxOfDirected, Symmetry::Pooled] {
            prop_assert_eq!(a.percentile(95.0, s), b.percentile(95.0, s));
        }
        let same = SurfaceDistances::new(&r, &r, surface).unwrap();
        prop_assert!(same.hausdorff().is_none_or(|d| d == 0.0));
    }

    #[test]
    fn images_get_contours((r, p) in masks(true)) {
        let s = SurfaceDistances::new(&r, &p, Surface::Marching).unwrap();
        let [x, y, _] = r.spacing_mm();
        // No contour is longer than all pixel edges together.
        prop_assert!(s.reference.total() <= r.count() as f64 * 2.0 * (x + y) + 1e-9);
        let lesions = LesionOptions { rule: Rule::IouAbove(0.0), ..Default::default() };
        let greedy = Lesions::new(&r, &p, &lesions, None).unwrap();
        let options = LesionOptions { assignment: Assignment::Maximal, ..lesions };
        let maximal = Lesions::new(&r, &p, &options, None).unwrap();
        let sum = |l: &Lesions| l.pairs.iter().map(|p| p.iou).sum::<f64>();
        prop_assert!(sum(&maximal) >= sum(&greedy) - 1e-5);
        prop_assert_eq!(greedy.true_positive + greedy.false_positive, greedy.prediction);
        prop_assert_eq!(maximal.true_positive + maximal.false_negative, maximal.reference);
    }

    #[test]
    fn components_tile_the_mask((r, _) in masks(false)) {
        let mut before = u64::MAX;
        for connectivity in CONNECTIVITIES {
            let c = Components::new(&r, connectivity).unwrap();
            prop_assert_eq!(c.sizes().iter().sum::<u64>(), r.count());
            prop_assert!(c.len() as u64 <= before);
            before = c.len() as u64;
        }
    }
}

/// Times one pair of 1.9 million voxels each in 256^3, and a small one. By hand only:
/// `cargo test --release -p candour-statistics --test segmentation -- --ignored --nocapture`.
#[test]
#[ignore = "a benchmark"]
#[allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn speed() {
    let ball = |centre: [f64; 3], radius: f64| {
        let n = 256usize;
        let mut voxels = Vec::with_capacity(n * n * n);
        for z in 0..n {
            for y in 0..n {
                for x in 0..n {
                    let d = (x as f64 - centre[0]).powi(2)
                        + (y as f64 - centre[1]).powi(2)
                        + (z as f64 - centre[2]).powi(2);
                    voxels.push(d <= radius * radius);
                }
            }
        }
        voxels
    };
    let timed = |what: &str, job: &dyn Fn()| {
        let best = (0..3)
            .map(|_| {
                let start = std::time::Instant::now();
                job();
                start.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        println!("{what}: {best:.4} s");
    };
    // Tangled bands that fill the volume, for a large surface.
    let tangled = |shift: f64| -> Vec<bool> {
        let n = 256;
        (0..n * n * n)
            .map(|i| {
                let (x, y, z) = (
                    (i % n) as f64 + shift,
                    (i / n % n) as f64,
                    (i / n / n) as f64,
                );
                (x / 9.0).sin() + (y / 7.0 + x / 40.0).sin() + (z / 8.0).sin() > 1.45
            })
            .collect()
    };
    for (size, a, b) in [
        (
            "ball of 1.9 M voxels",
            ball([128.0; 3], 77.0),
            ball([131.0, 127.0, 130.0], 77.0),
        ),
        ("tangled bands", tangled(0.0), tangled(2.0)),
        (
            "ball 50 wide",
            ball([128.0; 3], 25.0),
            ball([131.0, 127.0, 130.0], 25.0),
        ),
    ] {
        let (r, p) = (
            Mask::new([256; 3], [1.0; 3], &a).unwrap(),
            Mask::new([256; 3], [1.0; 3], &b).unwrap(),
        );
        println!("{size}: {} and {}", r.count(), p.count());
        timed("packing one mask", &|| {
            assert!(!Mask::new([256; 3], [1.0; 3], &a).unwrap().is_empty())
        });
        timed("marching surface distances, HD95, NSD", &|| {
            let s = SurfaceDistances::new(&r, &p, Surface::Marching).unwrap();
            assert!(
                s.percentile(95.0, Symmetry::MaxOfDirected).is_some()
                    && s.surface_dice(1.0).is_some()
            );
        });
        timed("voxel HD95 pooled, ASSD", &|| {
            let s = SurfaceDistances::new(&r, &p, Surface::Voxel(Connectivity::Faces)).unwrap();
            assert!(s.percentile(95.0, Symmetry::Pooled).is_some() && s.assd().is_some());
        });
        timed("distance map of 256^3", &|| {
            assert!(!distance_map(&r).unwrap().is_empty())
        });
        timed("Dice", &|| {
            assert!(Overlap::new(&r, &p).unwrap().dice(BothEmpty::One).is_some())
        });
        timed("components", &|| {
            assert!(
                !Components::new(&r, Connectivity::Corners)
                    .unwrap()
                    .is_empty()
            );
        });
        timed("compare, everything", &|| {
            assert!(compare(&r, &p, &Options::default()).is_ok())
        });
    }
}

/// The border of a cube of 3 is its 26 outer voxels, that of its two lower layers all 18, 17 of which
/// are border voxels of the cube: IoU 17/27, and n is those 27, whatever surface the distances take.
#[test]
fn boundary_iou_counts_border_voxels() {
    let make = |layers: usize| {
        let mut values = vec![false; 125];
        for z in 1..=layers {
            for y in 1..4 {
                for x in 1..4 {
                    values[x + 5 * (y + 5 * z)] = true;
                }
            }
        }
        Mask::new([5, 5, 5], [1.0; 3], &values).unwrap()
    };
    for surface in [Surface::Marching, Surface::Voxel(Connectivity::Faces)] {
        let o = Options {
            surface,
            ..Options::default()
        };
        let numbers = compare(&make(3), &make(2), &o).unwrap().numbers();
        let number = numbers.iter().find(|n| n.name == "boundary_iou").unwrap();
        assert_eq!(number.n, 27);
        assert!((number.value.unwrap() - 17.0 / 27.0).abs() < 1e-15);
    }
}
