//! Running a network: one trait, the engine behind it, and the proof that it computes here what it
//! computed where it was trained.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use candour_dicom::Volume;
use candour_record::Digest;
use tract_onnx::prelude::*;

use crate::onnx::{MAX_ELEMENTS, scan};
use crate::package::{InputKind, MeasurementSpec, ModelError, ModelSpec, Package, Preprocess};

/// From an input tensor to one logit. Implementations are pure: the same input gives the same bits.
pub trait InferenceEngine: Send + Sync {
    /// Runs the network on one input in the shape it was loaded for.
    ///
    /// # Errors
    /// When the input has another size or the engine fails.
    fn run(&self, input: &[f32]) -> Result<f32, ModelError>;

    /// Name, version and what of the processor its bits depend on.
    fn identity(&self) -> String;
}

/// The tract engine, one plan for one shape, one item at a time on one thread: bit-stable.
pub struct Tract {
    plan: Arc<TypedRunnableModel>,
    shape: Vec<usize>,
}

impl Tract {
    /// Checks the graph against the bounds and compiles it for the one input shape.
    ///
    /// # Errors
    /// As for [`Package::open`]'s parts: not ONNX, not allowed, too large, or other shapes.
    pub fn load(package: &Package) -> Result<Self, ModelError> {
        let proto = scan(&package.onnx, &package.spec)?;
        let shape = package.spec.shape().to_vec();
        // The engine's own assertions must not end the process when a file is hostile.
        let plan =
            catch_unwind(AssertUnwindSafe(|| compile(&proto, &shape))).unwrap_or_else(|_| {
                Err(ModelError::Engine {
                    doing: "compile the graph",
                    why: "it gave up on its own assertion".into(),
                })
            })?;
        Ok(Self { plan, shape })
    }
}

fn failed(doing: &'static str) -> impl Fn(TractError) -> ModelError {
    move |e| ModelError::Engine {
        doing,
        why: format!("{e:#}")
            .replace('\n', " ")
            .chars()
            .take(300)
            .collect(),
    }
}

fn compile(
    proto: &tract_onnx::pb::ModelProto,
    shape: &[usize],
) -> Result<Arc<TypedRunnableModel>, ModelError> {
    let typed = tract_onnx::onnx()
        .with_ignore_output_shapes(true)
        .with_ignore_value_info(true)
        .model_for_proto_model(proto)
        .and_then(|m| m.with_input_fact(0, f32::fact(shape).into()))
        .and_then(InferenceModel::into_typed)
        .map_err(failed("type the graph for the input shape of model.toml"))?;
    for node in typed.nodes() {
        for outlet in &node.outputs {
            let volume = outlet
                .fact
                .shape
                .as_concrete()
                .and_then(|s| s.iter().try_fold(1usize, |n, d| n.checked_mul(*d)));
            if volume.is_none_or(|n| n > MAX_ELEMENTS) {
                return Err(ModelError::Unsupported(
                    "computes a tensor of unknown size or of more than 2^26 elements; make the network smaller".into(),
                ));
            }
        }
    }
    let output = typed.output_fact(0).map_err(failed("name its output"))?;
    if output.datum_type != f32::datum_type()
        || output
            .shape
            .as_concrete()
            .map(|s| s.iter().product::<usize>())
            != Some(1)
    {
        return Err(ModelError::Unsupported(
            "its output is not one single-precision number".into(),
        ));
    }
    typed
        .into_optimized()
        .and_then(TypedModel::into_runnable)
        .map_err(failed("optimise the graph"))
}

impl InferenceEngine for Tract {
    fn run(&self, input: &[f32]) -> Result<f32, ModelError> {
        if input.len() != self.shape.iter().product::<usize>()
            || input.iter().any(|v| !v.is_finite())
        {
            return Err(ModelError::Input(
                "has another size than the network takes, or holds a value that is not finite"
                    .into(),
            ));
        }
        let doing = "run the graph";
        let tensor = Tensor::from_shape(&self.shape, input).map_err(failed(doing))?;
        let outputs = catch_unwind(AssertUnwindSafe(|| self.plan.run(tvec!(tensor.into()))))
            .unwrap_or_else(|_| Err(TractError::msg("it gave up on its own assertion")))
            .map_err(failed(doing))?;
        let logit = outputs
            .first()
            .and_then(|o| {
                o.view()
                    .as_slice::<f32>()
                    .ok()
                    .and_then(|s| s.first().copied())
            })
            .ok_or(ModelError::Engine {
                doing,
                why: "no output".into(),
            })?;
        if logit.is_finite() {
            Ok(logit)
        } else {
            Err(ModelError::Output(logit))
        }
    }

    fn identity(&self) -> String {
        format!("{TRACT}, {} {}", std::env::consts::ARCH, processor())
    }
}

/// Name and version of the engine, as records state it; a test compares it with the lock file.
const TRACT: &str = "tract-onnx 0.23.9";

/// The processor features by which tract chooses its kernels, and with them the last bits.
fn processor() -> String {
    let mut features = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        for (name, there) in [
            ("fma", std::arch::is_x86_feature_detected!("fma")),
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ] {
            if there {
                features.push(name);
            }
        }
    }
    if features.is_empty() {
        "baseline".into()
    } else {
        features.join("+")
    }
}

/// The result of running the golden vectors on this machine (installation qualification).
#[derive(Clone, Debug, PartialEq)]
pub struct Qualification {
    /// How many vectors were run.
    pub vectors: u32,
    /// Largest absolute difference from the expected logits.
    pub max_abs_diff: f64,
    /// What the package allows.
    pub tolerance: f64,
    /// Whether the model may decide here.
    pub passed: bool,
    /// Engine and processor.
    pub engine: String,
}

/// A network's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The raw score.
    pub logit: f64,
    /// The calibrated probability.
    pub probability: f64,
}

/// A package that is loaded.
pub struct Model {
    /// What the package says.
    pub spec: ModelSpec,
    /// Digest of the whole package.
    pub digest: Digest,
    engine: Box<dyn InferenceEngine>,
}

impl Model {
    /// Loads a package into the default engine and runs its golden vectors.
    ///
    /// A model that does not qualify is still given back, with `passed` false, so that the result
    /// can be sealed; the caller must not decide with it ([`Qualification::require`]).
    ///
    /// # Errors
    /// When the network cannot be loaded or run at all.
    pub fn load(package: &Package) -> Result<(Self, Qualification), ModelError> {
        Self::with_engine(package, Box::new(Tract::load(package)?))
    }

    /// As [`Model::load`], with an engine of the caller's.
    ///
    /// # Errors
    /// When a golden vector cannot be run.
    pub fn with_engine(
        package: &Package,
        engine: Box<dyn InferenceEngine>,
    ) -> Result<(Self, Qualification), ModelError> {
        let n = package.spec.elements();
        let mut max_abs_diff = 0f64;
        for (input, expected) in &package.golden.vectors {
            let got = f64::from(engine.run(&input.tensor(n))?);
            max_abs_diff = max_abs_diff.max((got - expected).abs());
        }
        let tolerance = package.golden.tolerance_abs;
        let qualification = Qualification {
            vectors: u32::try_from(package.golden.vectors.len()).unwrap_or(u32::MAX),
            max_abs_diff,
            tolerance,
            passed: max_abs_diff <= tolerance,
            engine: engine.identity(),
        };
        Ok((
            Self {
                spec: package.spec.clone(),
                digest: package.digest,
                engine,
            },
            qualification,
        ))
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &dyn InferenceEngine {
        &*self.engine
    }

    /// Runs the network on a prepared input.
    ///
    /// # Errors
    /// When the input has another size or the engine fails.
    pub fn predict(&self, input: &[f32]) -> Result<Prediction, ModelError> {
        let logit = f64::from(self.engine.run(input)?);
        Ok(Prediction {
            logit,
            probability: self.spec.calibration.probability(logit),
        })
    }

    /// The network's input from a volume in HU.
    ///
    /// # Errors
    /// When the model takes measurements.
    pub fn prepare_volume(&self, volume: &Volume) -> Result<Vec<f32>, ModelError> {
        match self.spec.input() {
            InputKind::Volume {
                preprocess, dims, ..
            } => Ok(prepare(volume, preprocess, dims)),
            InputKind::Measurements(_) => Err(ModelError::Input(
                "the model takes measurements, not a volume".into(),
            )),
        }
    }

    /// The measurements the network takes; empty when it takes a volume.
    #[must_use]
    pub fn measurements(&self) -> &[MeasurementSpec] {
        match self.spec.input() {
            InputKind::Measurements(list) => list,
            InputKind::Volume { .. } => &[],
        }
    }
}

impl Qualification {
    /// The error that a failed qualification is.
    ///
    /// # Errors
    /// When it failed.
    pub fn require(&self) -> Result<(), ModelError> {
        if self.passed {
            return Ok(());
        }
        Err(ModelError::NotQualified {
            found: self.max_abs_diff,
            allowed: self.tolerance,
            engine: self.engine.clone(),
        })
    }
}

fn prepare(volume: &Volume, preprocess: &Preprocess, dims: [usize; 3]) -> Vec<f32> {
    let [low, high] = preprocess.window_hu;
    volume
        .resample_centred(dims, preprocess.spacing_mm, preprocess.outside_hu as f32)
        .into_iter()
        .map(|hu| ((f64::from(hu) - low) / (high - low)).clamp(0.0, 1.0) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_engine_is_the_one_in_the_lock_file() {
        let lock =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"))
                .unwrap();
        let entry = lock
            .split("[[package]]")
            .find(|p| p.contains("name = \"tract-onnx\""))
            .unwrap();
        let version = entry
            .split("version = \"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        assert_eq!(TRACT, format!("tract-onnx {version}"));
    }
}
