//! Volume (or measurements) to prediction, explanation and words: a model package, opened once,
//! hashed, compared and parsed; the engine that runs it; and what may be said of its answer.

mod engine;
mod explain;
mod onnx;
mod package;
mod wording;

pub use engine::{InferenceEngine, Model, Prediction, Qualification, Tract};
pub use explain::{Explanation, Map, Occlusion, Shapley, explain_map, explain_measurements};
pub use onnx::{ALLOWED_OPERATORS, MAX_ELEMENTS};
pub use package::{
    Calibration, Eligibility, ExplanationMethod, Finding, Golden, GoldenInput, InputKind,
    MeasurementSpec, ModelError, ModelSpec, Package, Preprocess,
};
pub use wording::sentences;
