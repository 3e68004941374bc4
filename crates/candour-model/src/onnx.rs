//! What a network may hold, checked on the parsed graph before the engine sees it.

use std::collections::BTreeSet;

use tract_onnx::pb;
use tract_onnx::prelude::Framework as _;

use crate::package::{ModelError, ModelSpec};

/// The most elements of any tensor: 2^26, which is 256 MiB of single precision.
pub const MAX_ELEMENTS: usize = 1 << 26;
const MAX_NODES: usize = 20_000;
const MAX_RANK: usize = 8;
/// Bound of each pad, stride, dilation and kernel edge, so that no constant can be folded into more
/// memory than the file itself had.
const MAX_ATTRIBUTE: i64 = 256;

/// The operators a network may use: those whose output cannot be larger than their inputs and
/// attributes say, without control flow and without state.
pub const ALLOWED_OPERATORS: &[&str] = &[
    "Abs",
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "Conv",
    "Div",
    "Dropout",
    "Elu",
    "Exp",
    "Flatten",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mul",
    "Neg",
    "PRelu",
    "Pow",
    "ReduceMax",
    "ReduceMean",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Selu",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Tanh",
    "Transpose",
    "Unsqueeze",
];

/// Operators that may work on constants alone: they cannot make anything larger.
const SHAPE_ONLY: &[&str] = &[
    "Cast",
    "Constant",
    "Identity",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// Parses the bytes of `model.onnx` and refuses what lies outside the bounds.
///
/// # Errors
/// When it is not ONNX, names files beside it, uses an operator that is not allowed, or exceeds a
/// bound.
pub(crate) fn scan(bytes: &[u8], spec: &ModelSpec) -> Result<pb::ModelProto, ModelError> {
    let refuse = |what: String| Err(ModelError::Unsupported(what));
    let model = tract_onnx::onnx()
        .proto_model_for_read(&mut &*bytes)
        .map_err(|_| {
            ModelError::Unsupported(
                "is not an ONNX file (its protocol buffer cannot be decoded); export it again"
                    .into(),
            )
        })?;
    let Some(graph) = &model.graph else {
        return refuse("holds no graph; it is empty or not an ONNX file".into());
    };
    if !model.functions.is_empty() || !model.training_info.is_empty() {
        return refuse(
            "holds local functions or training graphs; export for inference only".into(),
        );
    }
    if graph.node.is_empty() || graph.node.len() > MAX_NODES {
        return refuse(format!(
            "has {} nodes; between 1 and {MAX_NODES} are taken",
            graph.node.len()
        ));
    }
    if !graph.sparse_initializer.is_empty() {
        return refuse("holds sparse tensors; export dense ones".into());
    }
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
    }
    let mut constants: BTreeSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    for node in &graph.node {
        let op = node.op_type.as_str();
        if !(node.domain.is_empty() || node.domain == "ai.onnx") || !ALLOWED_OPERATORS.contains(&op)
        {
            let op: String = op
                .chars()
                .filter(|c| c.is_ascii_alphanumeric())
                .take(40)
                .collect();
            return refuse(format!(
                "uses the operator `{op}`, which this release does not run; see docs/limits.md for those it does"
            ));
        }
        for attribute in &node.attribute {
            check_attribute(op, attribute)?;
        }
        let constant = node
            .input
            .iter()
            .all(|i| i.is_empty() || constants.contains(i.as_str()));
        if constant {
            if !SHAPE_ONLY.contains(&op) {
                return refuse(format!(
                    "computes on constants alone (`{op}`); fold constants before export"
                ));
            }
            constants.extend(node.output.iter().map(String::as_str));
        }
    }
    let (input, output) = spec.tensors();
    let inputs: Vec<&str> = graph
        .input
        .iter()
        .map(|i| i.name.as_str())
        .filter(|n| !constants.contains(n))
        .collect();
    let outputs: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    if inputs != [input] || outputs != [output] {
        return refuse(format!(
            "must have exactly the input `{input}` and the output `{output}` that model.toml names; it has {} and {}",
            inputs.len(),
            outputs.len()
        ));
    }
    Ok(model)
}

fn check_tensor(tensor: &pb::TensorProto) -> Result<(), ModelError> {
    let refuse = |what: &str| Err(ModelError::Unsupported(what.into()));
    if tensor.data_location.unwrap_or(0) != 0 || !tensor.external_data.is_empty() {
        return refuse("keeps a tensor in another file; save the model with its weights inside");
    }
    let elements = tensor
        .dims
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(usize::try_from(*d).ok()?));
    if tensor.dims.len() > MAX_RANK || elements.is_none_or(|n| n > MAX_ELEMENTS) {
        return refuse(
            "holds a tensor with negative, too many or too large dimensions (at most 8, 2^26 elements)",
        );
    }
    let held = [
        tensor.raw_data.len(),
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
        tensor.string_data.len(),
    ];
    // A tensor that claims more elements than it holds bytes would be allocated, then not filled.
    if elements.is_some_and(|n| n > held.iter().sum()) {
        return refuse(
            "holds a tensor with less data than its dimensions say; the file is truncated or forged",
        );
    }
    Ok(())
}

fn check_attribute(op: &str, attribute: &pb::AttributeProto) -> Result<(), ModelError> {
    let refuse = |what: String| Err(ModelError::Unsupported(what));
    if attribute.g.is_some() || !attribute.graphs.is_empty() {
        return refuse(format!(
            "`{op}` holds a graph of its own; control flow is not run"
        ));
    }
    if let Some(tensor) = &attribute.t {
        check_tensor(tensor)?;
    }
    if !attribute.tensors.is_empty()
        || attribute.sparse_tensor.is_some()
        || !attribute.sparse_tensors.is_empty()
    {
        return refuse(format!("`{op}` holds tensors of a kind that is not taken"));
    }
    let geometric = matches!(
        attribute.name.as_str(),
        "pads" | "strides" | "dilations" | "kernel_shape"
    );
    if geometric
        && attribute
            .ints
            .iter()
            .any(|v| !(0..=MAX_ATTRIBUTE).contains(v))
    {
        return refuse(format!(
            "`{op}` has a pad, stride, dilation or kernel edge outside 0 to {MAX_ATTRIBUTE}"
        ));
    }
    Ok(())
}
