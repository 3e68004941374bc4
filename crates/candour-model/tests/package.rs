//! Model packages as they arrive: genuine, altered, hostile.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use candour_model::{InputKind, Model, ModelError, Package};
use prost::Message as _;
use tract_onnx::pb::{AttributeProto, ModelProto, StringStringEntryProto};

fn shipped(device: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../devices")
        .join(device)
        .join("model")
}

fn copy(device: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(shipped(device)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

fn load(dir: &Path) -> Result<(Model, candour_model::Qualification), ModelError> {
    Model::load(&Package::open(dir)?)
}

fn refusal(dir: &Path) -> String {
    match load(dir) {
        Err(e) => e.to_string(),
        Ok(_) => panic!("it was taken"),
    }
}

/// Verifies SRS-013. The expected logits are onnxruntime's (golden.json and training/expected.json
/// name the version).
#[test]
fn the_shipped_models_qualify_against_onnxruntime() {
    for device in ["ct-nodule-phantom", "breast-fna"] {
        let (model, qualification) = load(&shipped(device)).unwrap();
        assert!(qualification.passed, "{qualification:?}");
        assert!(qualification.vectors >= 2);
        qualification.require().unwrap();
        assert_eq!(model.spec.name, device);
    }
}

/// Verifies SRS-013: a package whose golden vectors do not come out right must not decide.
#[test]
fn a_wrong_golden_vector_disqualifies() {
    let dir = copy("ct-nodule-phantom");
    let path = dir.path().join("golden.json");
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("-1.848299264907837", "-1.8489");
    fs::write(&path, text).unwrap();
    let (_, qualification) = load(dir.path()).unwrap();
    assert!(!qualification.passed);
    assert!(matches!(
        qualification.require(),
        Err(ModelError::NotQualified { .. })
    ));
}

/// training/expected.json: logits of the test split by onnxruntime, rounded to six decimals.
#[test]
fn the_phantoms_logits_agree_with_onnxruntime() {
    let (model, _) = load(&shipped("ct-nodule-phantom")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(
        &fs::read(shipped("ct-nodule-phantom").join("../training/expected.json")).unwrap(),
    )
    .unwrap();
    for seed in [3_000_000u64, 3_000_006, 3_000_028, 3_000_040] {
        let volume = candour_dicom::phantom::Case::from_seed(seed).volume();
        let got = model
            .predict(&model.prepare_volume(&volume).unwrap())
            .unwrap();
        let want = expected["logits"][format!("CT{seed}")].as_f64().unwrap();
        assert!(
            (got.logit - want).abs() < 1e-4,
            "{seed}: {} against {want}",
            got.logit
        );
    }
}

/// Verifies SRS-011: any changed byte of any file changes the digest.
#[test]
fn the_digest_covers_the_whole_set() {
    let genuine = Package::open(&shipped("breast-fna")).unwrap().digest;
    let dir = copy("breast-fna");
    assert_eq!(Package::open(dir.path()).unwrap().digest, genuine);
    fs::write(dir.path().join("card.md"), "another card").unwrap();
    assert_ne!(Package::open(dir.path()).unwrap().digest, genuine);
    let dir = copy("breast-fna");
    let path = dir.path().join("model.onnx");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(Package::open(dir.path()).map_or(true, |p| p.digest != genuine));
}

#[cfg(unix)]
#[test]
fn links_and_folders_are_refused() {
    let dir = copy("breast-fna");
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("notes.md")).unwrap();
    assert!(refusal(dir.path()).contains("no links"));
    let dir = copy("breast-fna");
    fs::create_dir(dir.path().join("more")).unwrap();
    assert!(refusal(dir.path()).contains("no folders"));
}

/// Verifies SRS-012.
#[test]
fn hostile_networks_are_refused_by_name() {
    type Change = fn(&mut ModelProto);
    let cases: &[(&str, Change, &str)] = &[
        (
            "unknown op",
            |m| m.graph.as_mut().unwrap().node[0].op_type = "Loop".into(),
            "operator `Loop`",
        ),
        (
            "foreign domain",
            |m| m.graph.as_mut().unwrap().node[0].domain = "com.evil".into(),
            "operator",
        ),
        ("no graph", |m| m.graph = None, "holds no graph"),
        (
            "no nodes",
            |m| m.graph.as_mut().unwrap().node.clear(),
            "0 nodes",
        ),
        (
            "external data",
            |m| {
                let t = &mut m.graph.as_mut().unwrap().initializer[0];
                t.external_data.push(StringStringEntryProto {
                    key: "location".into(),
                    value: "/etc/passwd".into(),
                });
            },
            "another file",
        ),
        (
            "huge dims",
            |m| m.graph.as_mut().unwrap().initializer[0].dims = vec![1 << 40, 1 << 40],
            "dimensions",
        ),
        (
            "negative dims",
            |m| m.graph.as_mut().unwrap().initializer[0].dims = vec![-1],
            "dimensions",
        ),
        (
            "more than it holds",
            |m| m.graph.as_mut().unwrap().initializer[0].dims = vec![1 << 20],
            "less data",
        ),
        (
            "huge pads",
            |m| {
                let node = m
                    .graph
                    .as_mut()
                    .unwrap()
                    .node
                    .iter_mut()
                    .find(|n| n.op_type == "Conv")
                    .unwrap();
                node.attribute.retain(|a| a.name != "pads");
                node.attribute.push(AttributeProto {
                    name: "pads".into(),
                    r#type: 7,
                    ints: vec![1 << 30; 6],
                    ..Default::default()
                });
            },
            "pad",
        ),
        (
            "other input",
            |m| m.graph.as_mut().unwrap().input[0].name = "x".into(),
            "exactly the input",
        ),
        (
            "other output",
            |m| m.graph.as_mut().unwrap().output[0].name = "y".into(),
            "exactly the input",
        ),
        (
            "dangling",
            |m| {
                m.graph.as_mut().unwrap().node[1].input[0] = "nowhere".into();
            },
            "the engine cannot",
        ),
    ];
    let bytes = fs::read(shipped("ct-nodule-phantom").join("model.onnx")).unwrap();
    for (name, change, message) in cases {
        let dir = copy("ct-nodule-phantom");
        let mut model = ModelProto::decode(&*bytes).unwrap();
        change(&mut model);
        fs::write(dir.path().join("model.onnx"), model.encode_to_vec()).unwrap();
        let error = refusal(dir.path());
        assert!(error.contains(message), "{name}: {error}");
        assert!(!error.contains('\n'), "{name}: {error}");
    }
}

/// Verifies SRS-012.
#[test]
fn what_is_not_onnx_or_is_cut_off_is_refused() {
    let bytes = fs::read(shipped("breast-fna").join("model.onnx")).unwrap();
    for cut in (0..bytes.len()).step_by(7) {
        let dir = copy("breast-fna");
        fs::write(dir.path().join("model.onnx"), &bytes[..cut]).unwrap();
        // A cut may still leave a smaller, well-formed graph; it must then fail its golden vectors.
        match load(dir.path()) {
            Err(_) => {}
            Ok((_, qualification)) => assert!(!qualification.passed, "cut at {cut}"),
        }
    }
    let dir = copy("breast-fna");
    fs::write(
        dir.path().join("model.onnx"),
        b"\x89PNG\r\n\x1a\n not a network",
    )
    .unwrap();
    assert!(refusal(dir.path()).contains("not an ONNX file"));
}

/// Verifies SRS-012: another input shape than the network's.
#[test]
fn other_shapes_are_refused() {
    let dir = copy("ct-nodule-phantom");
    let path = dir.path().join("model.toml");
    for (shape, message) in [
        ("[1, 1, 4, 4, 4]", "patch"),
        ("[1, 3, 48, 48, 48]", "shape of a volume"),
        ("[1, 1, 100000, 100000, 100000]", "no elements or too many"),
        ("[1, 1, 0, 48, 48]", "no elements or too many"),
    ] {
        let text = fs::read_to_string(shipped("ct-nodule-phantom").join("model.toml")).unwrap();
        fs::write(&path, text.replace("[1, 1, 48, 48, 48]", shape)).unwrap();
        assert!(
            refusal(dir.path()).contains(message),
            "{shape}: {}",
            refusal(dir.path())
        );
    }
}

#[test]
fn model_toml_is_checked_with_its_line() {
    for (from, to, message) in [
        ("threshold = 0.26", "threshold = 1.26", "threshold"),
        ("threshold = 0.26", "treshold = 0.26", "line"),
        ("a = 0.87944", "a = -1.0", "[calibration] a"),
        ("format = 1", "format = 2", "newer"),
        (
            "window_hu = [-1000.0, 400.0]",
            "window_hu = [400.0, -1000.0]",
            "window_hu",
        ),
        (
            "abstain_band = [0.21, 0.29]",
            "abstain_band = [0.29, 0.21]",
            "abstain_band",
        ),
        ("method = \"platt\"", "method = \"magic\"", "platt"),
        ("SUSP-NODULE", "SUSPICIOUS-NODULE", "1 to 16 characters"),
        ("[golden]", "[golden", "line"),
    ] {
        let dir = copy("ct-nodule-phantom");
        let path = dir.path().join("model.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let error = refusal(dir.path());
        assert!(
            error.starts_with("model.toml: ") && error.contains(message),
            "{to}: {error}"
        );
    }
    let dir = copy("breast-fna");
    fs::remove_file(dir.path().join("golden.json")).unwrap();
    assert!(refusal(dir.path()).contains("golden.json: is missing"));
}

#[test]
fn inputs_of_other_sizes_or_without_a_value_are_errors() {
    let (model, _) = load(&shipped("breast-fna")).unwrap();
    assert!(matches!(model.spec.input(), InputKind::Measurements(m) if m.len() == 30));
    assert!(matches!(
        model.predict(&[1.0; 29]),
        Err(ModelError::Input(_))
    ));
    assert!(matches!(
        model.predict(&[f32::NAN; 30]),
        Err(ModelError::Input(_))
    ));
}
