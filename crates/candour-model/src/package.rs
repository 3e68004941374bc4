//! The model package: a folder whose every file counts towards one digest, opened once, hashed,
//! and parsed from the very bytes that were hashed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use candour_record::Digest;
use candour_record::canonical::{self, Value};
use serde::Deserialize;

/// The longest file of a package in bytes.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// The most files a package may hold.
const MAX_FILES: usize = 64;

/// Why a model package cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file or folder could not be read.
    #[error("{path}: {source}; give the folder that holds model.toml and model.onnx", path = .path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something other than a plain file, or a name outside `[a-z0-9._-]`.
    #[error("{path}: {what}", path = .path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// A file of the package is malformed.
    #[error("{file}: {what}")]
    Malformed {
        /// Name of the file in the package.
        file: String,
        /// What is wrong, where, and what mends it.
        what: String,
    },
    /// The network needs something this engine does not offer, or more of it than the bounds allow.
    #[error("model.onnx: {0}")]
    Unsupported(String),
    /// The engine failed.
    #[error("model.onnx: the engine cannot {doing}: {why}")]
    Engine {
        /// What it was doing.
        doing: &'static str,
        /// What it said, on one line.
        why: String,
    },
    /// The golden vectors do not come out right on this machine.
    #[error(
        "golden vectors: the largest difference on this machine is {found:e}, the package allows {allowed:e}; the model must not decide here: {engine}"
    )]
    NotQualified {
        /// Largest absolute difference found.
        found: f64,
        /// What the package allows.
        allowed: f64,
        /// Engine and processor.
        engine: String,
    },
    /// The package is another one than was asked for.
    #[error(
        "the model package is {found}, expected {expected}; restore the package that was sealed"
    )]
    OtherPackage {
        /// Digest of what lies there.
        found: Digest,
        /// Digest that was asked for.
        expected: Digest,
    },
    /// An input of the wrong size or with a value that is not finite.
    #[error("input: {0}")]
    Input(String),
    /// An output that is not finite.
    #[error("the network answered {0}, which is no score; no decision can rest on it")]
    Output(f32),
}

/// A package as read: what it says and what it is.
#[derive(Clone, Debug)]
pub struct Package {
    /// `model.toml`.
    pub spec: ModelSpec,
    /// SHA-256 over the canonical list of file names and their SHA-256.
    pub digest: Digest,
    /// Inputs and outputs from another engine.
    pub golden: Golden,
    /// Bytes of `model.onnx`.
    pub(crate) onnx: Vec<u8>,
}

/// `model.toml`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    format: u32,
    /// Name, such as `ct-nodule-phantom`.
    pub name: String,
    /// Version, such as `1.0.0`.
    pub version: String,
    /// What it does, in one sentence.
    pub purpose: String,
    input: Input,
    preprocess: Option<Preprocess>,
    output: Output,
    /// From logit to probability.
    pub calibration: Calibration,
    /// How the score is explained.
    pub explanation: ExplanationMethod,
    golden: GoldenFile,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Input {
    kind: Kind,
    tensor: String,
    shape: Vec<usize>,
    #[serde(default)]
    measurements: Vec<MeasurementSpec>,
    eligibility: Option<Eligibility>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Volume,
    Measurements,
}

/// What the network looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum InputKind<'a> {
    /// A volume, resampled and windowed.
    Volume {
        /// What a series must be.
        eligibility: &'a Eligibility,
        /// What is done to it.
        preprocess: &'a Preprocess,
        /// Voxels along slice, row and column.
        dims: [usize; 3],
    },
    /// Numbers, each under its code.
    Measurements(&'a [MeasurementSpec]),
}

/// One measurement the network takes.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MeasurementSpec {
    /// Column name in CSV.
    pub name: String,
    /// Code value of the concept in a structured report.
    pub code: String,
    /// Coding scheme designator.
    pub scheme: String,
    /// Unit (UCUM).
    pub unit: String,
    /// Least value the device takes.
    pub min: f64,
    /// Greatest value the device takes.
    pub max: f64,
}

/// What a series must be to be decided on.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Eligibility {
    /// Allowed values of Modality (0008,0060).
    pub modality: Vec<String>,
    /// Allowed values of BodyPartExamined (0018,0015).
    pub body_part: Vec<String>,
    /// Fewest slices.
    pub slices_min: usize,
    /// Allowed distance between slices in mm.
    pub slice_spacing_mm: [f64; 2],
    /// Allowed in-plane spacing in mm.
    pub pixel_spacing_mm: [f64; 2],
    /// Least extent along slice, row and column in mm.
    pub extent_mm_min: [f64; 3],
    /// Whether missing slices are tolerated.
    pub gaps_allowed: bool,
}

/// From a volume in HU to the network's input.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Isotropic spacing in mm.
    pub spacing_mm: f64,
    /// HU that become 0 and 1; clipped outside.
    pub window_hu: [f64; 2],
    /// HU where the volume ends.
    pub outside_hu: f64,
    interpolation: Interpolation,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Interpolation {
    Trilinear,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Output {
    tensor: String,
    finding: Finding,
    threshold: f64,
    abstain_band: Option<[f64; 2]>,
}

/// The coded finding a positive answer stands for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Code value.
    pub value: String,
    /// Coding scheme designator.
    pub scheme: String,
    /// Code meaning.
    pub meaning: String,
}

/// From logit to probability.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibration {
    /// `1 / (1 + exp(-(a * logit + b)))` (Platt 1999).
    Platt {
        /// Slope.
        a: f64,
        /// Intercept.
        b: f64,
        /// What it was fitted on.
        fitted_on: String,
    },
}

impl Calibration {
    /// The calibrated probability of a logit.
    #[must_use]
    pub fn probability(&self, logit: f64) -> f64 {
        let Self::Platt { a, b, .. } = self;
        1.0 / (1.0 + (-(a * logit + b)).exp())
    }

    /// What the calibration was fitted on.
    #[must_use]
    pub fn fitted_on(&self) -> &str {
        let Self::Platt { fitted_on, .. } = self;
        fitted_on
    }
}

/// How a score is explained.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum ExplanationMethod {
    /// Cover one cube after the other and see how the score drops (Zeiler and Fergus 2014).
    Occlusion {
        /// Edge of the cube in input voxels.
        patch: usize,
        /// Step between cubes in input voxels.
        stride: usize,
        /// What a covered voxel becomes, in input units.
        baseline: f32,
        /// How many random deletion orders the map must beat.
        faithfulness_random_orders: u32,
    },
    /// Shapley values of an additive model: each measurement's effect against a baseline.
    ShapleyAdditive {
        /// The baseline measurements.
        baseline_values: Vec<f32>,
        /// How many random orders must give the same values.
        faithfulness_random_orders: u32,
    },
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct GoldenFile {
    file: String,
    tolerance_abs: f64,
}

/// Inputs with the outputs another engine gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// Which engine and script.
    pub source: String,
    /// Inputs and expected logits.
    pub vectors: Vec<(GoldenInput, f64)>,
    /// Largest absolute difference allowed.
    pub tolerance_abs: f64,
}

/// How a golden input is given.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum GoldenInput {
    /// Every element has this value.
    Fill(f32),
    /// `s = s * 6364136223846793005 + 1442695040888963407 mod 2^64` from this seed; each element is
    /// the top 24 bits over 2^24.
    Lcg(u64),
    /// The elements themselves.
    Values(Vec<f32>),
}

impl GoldenInput {
    /// The input tensor of `n` elements.
    #[must_use]
    pub fn tensor(&self, n: usize) -> Vec<f32> {
        match self {
            Self::Fill(v) => vec![*v; n],
            Self::Values(values) => values.clone(),
            Self::Lcg(seed) => {
                let mut s = *seed;
                (0..n)
                    .map(|_| {
                        s = s
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        (s >> 40) as f32 / 16_777_216.0
                    })
                    .collect()
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenText {
    source: String,
    inputs: Vec<GoldenInput>,
    outputs: Vec<[f64; 1]>,
}

impl Package {
    /// Opens a package: reads each file once, hashes it, and parses those bytes.
    ///
    /// # Errors
    /// When something is missing, malformed, too large, a link, or contradicts itself.
    pub fn open(dir: &Path) -> Result<Self, ModelError> {
        let mut files = read_set(dir)?;
        let digest = digest(&files);
        let mut take = |name: &str| {
            files.remove(name).ok_or_else(|| ModelError::Malformed {
                file: name.into(),
                what:
                    "is missing; a package holds model.toml, model.onnx and what model.toml names"
                        .into(),
            })
        };
        let spec = ModelSpec::parse(&take("model.toml")?)?;
        let golden = golden(&spec, &take(&spec.golden.file)?)?;
        let onnx = take("model.onnx")?;
        Ok(Self {
            spec,
            digest,
            golden,
            onnx,
        })
    }
}

/// The one digest of a package's files.
fn digest(files: &BTreeMap<String, Vec<u8>>) -> Digest {
    let list = files
        .iter()
        .map(|(name, bytes)| (name.clone(), Value::Text(Digest::of(bytes).to_string())))
        .collect();
    let set = BTreeMap::from([
        ("files".to_owned(), Value::Object(list)),
        (
            "format".to_owned(),
            Value::Text("candour-model-package@v1".into()),
        ),
    ]);
    Digest::of(&canonical::print(&Value::Object(set)))
}

fn read_set(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, ModelError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ModelError::Read { path, source }
    };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let path = entry.map_err(failed(dir))?.path();
        let wrong = |what| ModelError::Folder {
            path: path.clone(),
            what,
        };
        let name = path.file_name().and_then(|n| n.to_str()).map(str::to_owned);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let Some(name) = name.filter(|n| n.chars().all(plain)) else {
            return Err(wrong(
                "a package's file names use a-z, 0-9, `.`, `_` and `-` only; rename it",
            ));
        };
        // Not followed: a link could be turned to another file between hashing and use.
        let meta = fs::symlink_metadata(&path).map_err(failed(&path))?;
        if !meta.is_file() {
            return Err(wrong(
                "a package holds plain files only, no links and no folders; copy the file itself",
            ));
        }
        if files.len() >= MAX_FILES {
            return Err(wrong(
                "a package holds at most 64 files; keep training data elsewhere",
            ));
        }
        let mut bytes = Vec::new();
        fs::File::open(&path)
            .and_then(|f| f.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(failed(&path))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(wrong(
                "longer than 512 MiB; this release takes no larger model",
            ));
        }
        files.insert(name, bytes);
    }
    Ok(files)
}

fn golden(spec: &ModelSpec, bytes: &[u8]) -> Result<Golden, ModelError> {
    let wrong = |what: String| ModelError::Malformed {
        file: spec.golden.file.clone(),
        what,
    };
    let text: GoldenText = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
    if text.inputs.is_empty() || text.inputs.len() != text.outputs.len() {
        return Err(wrong(
            "needs at least one input and one output for each input".into(),
        ));
    }
    let n = spec.elements();
    for (i, input) in text.inputs.iter().enumerate() {
        if matches!(input, GoldenInput::Values(v) if v.len() != n) {
            return Err(wrong(format!(
                "input {i} has not the {n} values of [input] shape"
            )));
        }
    }
    let vectors = text
        .inputs
        .into_iter()
        .zip(text.outputs)
        .map(|(i, [o])| (i, o))
        .collect();
    Ok(Golden {
        source: text.source,
        vectors,
        tolerance_abs: spec.golden.tolerance_abs,
    })
}

impl ModelSpec {
    /// Parses and checks `model.toml`.
    ///
    /// # Errors
    /// When it is not TOML of this shape, or its parts contradict each other; the message gives the
    /// line where there is one.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        let wrong = |what: String| ModelError::Malformed {
            file: "model.toml".into(),
            what,
        };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("is not UTF-8".into()))?;
        let spec: Self =
            toml::from_str(text).map_err(|e| wrong(e.to_string().trim_end().replace('\n', " ")))?;
        spec.fault().map_or(Ok(spec), |what| Err(wrong(what)))
    }

    fn fault(&self) -> Option<String> {
        let unit = |p: f64| (0.0..=1.0).contains(&p);
        let ordered = |[lo, hi]: [f64; 2]| lo.is_finite() && hi.is_finite() && lo < hi;
        let fault = |condition: bool, what: &str| condition.then(|| what.to_owned());
        let volume = self.input.kind == Kind::Volume;
        let Calibration::Platt { a, b, .. } = &self.calibration;
        fault(self.format != 1, "format is not 1; use a newer release of Candour for a newer format")
            .or_else(|| fault(self.name.is_empty() || self.version.is_empty(), "name and version must not be empty"))
            .or_else(|| {
                let ok = self.input.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
                fault(ok.is_none_or(|n| n == 0 || n > crate::onnx::MAX_ELEMENTS), "[input] shape has no elements or too many")
            })
            .or_else(|| {
                fault(volume && self.volume_dims().is_none(), "[input] shape of a volume is [1, 1, slices, rows, columns]")
            })
            .or_else(|| {
                fault(
                    volume && (self.preprocess.is_none() || self.input.eligibility.is_none()),
                    "a volume needs [preprocess] and [input.eligibility]",
                )
            })
            .or_else(|| {
                let m = &self.input.measurements;
                let bad = m.is_empty() || self.input.shape != [1, m.len()] || m.iter().any(|m| !ordered([m.min, m.max]));
                fault(!volume && bad, "[input] measurements must match shape [1, n], each with min below max")
            })
            .or_else(|| {
                let bad = self.preprocess.as_ref().is_some_and(|p| {
                    !(p.spacing_mm.is_finite() && p.spacing_mm > 0.0 && p.outside_hu.is_finite() && ordered(p.window_hu))
                });
                fault(bad, "[preprocess] spacing_mm must be positive and window_hu ordered")
            })
            .or_else(|| {
                let bad = self.input.eligibility.as_ref().is_some_and(|e| {
                    e.modality.is_empty() || !ordered(e.slice_spacing_mm) || !ordered(e.pixel_spacing_mm)
                });
                fault(bad, "[input.eligibility] needs a modality and ordered spacings")
            })
            .or_else(|| fault(!unit(self.output.threshold), "[output] threshold lies outside 0 to 1"))
            .or_else(|| {
                let f = &self.output.finding;
                let fits = |t: &str, n: usize| !t.trim().is_empty() && t.chars().count() <= n && !t.contains(['\\', '\n']);
                let bad = !fits(&f.value, 16) || !fits(&f.scheme, 16) || !fits(&f.meaning, 64);
                fault(bad, "[output] finding: a code's value and scheme have 1 to 16 characters and its meaning 1 to 64 (PS3.5 6.2: SH, LO)")
            })
            .or_else(|| {
                let bad = self.output.abstain_band.is_some_and(|[lo, hi]| !(unit(lo) && unit(hi) && lo < hi));
                fault(bad, "[output] abstain_band is not [low, high] within 0 to 1")
            })
            .or_else(|| fault(!(a.is_finite() && *a > 0.0 && b.is_finite()), "[calibration] a must be positive, so that order is kept"))
            .or_else(|| {
                fault(!(self.golden.tolerance_abs > 0.0 && self.golden.tolerance_abs.is_finite()), "[golden] tolerance_abs must be positive")
            })
            .or_else(|| match &self.explanation {
                ExplanationMethod::Occlusion { patch, stride, baseline, faithfulness_random_orders } => {
                    let bad = !volume || *patch == 0 || *stride == 0 || !baseline.is_finite() || *faithfulness_random_orders < 19
                        || self.volume_dims().is_some_and(|d| d.iter().any(|n| n < patch));
                    fault(bad, "[explanation] occlusion needs a volume, a patch inside it, a stride and at least 19 random orders")
                }
                ExplanationMethod::ShapleyAdditive { baseline_values, faithfulness_random_orders } => {
                    let bad = volume || baseline_values.len() != self.elements() || *faithfulness_random_orders == 0
                        || baseline_values.iter().any(|v| !v.is_finite());
                    fault(bad, "[explanation] shapley_additive needs one finite baseline value for each measurement")
                }
            })
    }

    fn volume_dims(&self) -> Option<[usize; 3]> {
        match self.input.shape.as_slice() {
            [1, 1, z, y, x] => Some([*z, *y, *x]),
            _ => None,
        }
    }

    /// Number of elements of the input tensor.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.input.shape.iter().product()
    }

    /// Shape of the input tensor.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.input.shape
    }

    /// Names of the input and the output tensor.
    #[must_use]
    pub fn tensors(&self) -> (&str, &str) {
        (&self.input.tensor, &self.output.tensor)
    }

    /// What the network looks at.
    #[must_use]
    pub fn input(&self) -> InputKind<'_> {
        match (
            &self.input.eligibility,
            &self.preprocess,
            self.volume_dims(),
        ) {
            (Some(eligibility), Some(preprocess), Some(dims))
                if self.input.kind == Kind::Volume =>
            {
                InputKind::Volume {
                    eligibility,
                    preprocess,
                    dims,
                }
            }
            _ => InputKind::Measurements(&self.input.measurements),
        }
    }

    /// The coded finding.
    #[must_use]
    pub const fn finding(&self) -> &Finding {
        &self.output.finding
    }

    /// A calibrated probability at or above this is a finding.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.output.threshold
    }

    /// A calibrated probability `lo <= p < hi` is an abstention.
    #[must_use]
    pub fn abstain_band(&self) -> Option<(f64, f64)> {
        self.output.abstain_band.map(|[lo, hi]| (lo, hi))
    }
}
