//! Where nodes are and how far meshes are morphed at a moment of an animation.

use contract::Failure;

use crate::document::{Animation, Channel, Document, Interpolation};
use crate::transform::{Matrix, Parts, Transform, decompose, multiply};

/// The pose of a document: for each of its nodes the transformation into the scene and the weights of its mesh's morph
/// targets (empty where it has none).
#[derive(Debug, Clone)]
pub struct Pose {
    /// World matrices, one for each node.
    pub matrices: Vec<Matrix>,
    /// Weights of morph targets, one list for each node.
    pub weights: Vec<Vec<f64>>,
    /// What the animation drives that is not followed here, in words.
    pub warnings: Vec<String>,
}

/// An animation's last keyframe, in seconds; 0 if it has no channels.
pub fn duration(animation: &Animation) -> f64 {
    let last = |channel: &Channel| channel.times.floats().last().copied().unwrap_or(0.0);
    let longest = animation.channels.iter().map(last).filter(|time| time.is_finite()).fold(0.0, f32::max);
    f64::from(longest)
}

/// The pose at `time` seconds of that animation, or at rest.
pub fn pose(document: &Document, animation: Option<usize>, time: f64) -> Result<Pose, Failure> {
    let mut transforms: Vec<Transform> = document.nodes.iter().map(|node| node.transform).collect();
    let mut weights: Vec<Vec<f64>> = (0..document.nodes.len()).map(|node| weights_at_rest(document, node)).collect();
    let mut warnings = Vec::new();
    if let Some(animation) = animation {
        let chosen = document.animations.get(animation).ok_or_else(|| {
            Failure::invalid_request(format!(
                "animation {animation} is not in the model, which has {}",
                document.animations.len()
            ))
        })?;
        for channel in &chosen.channels {
            let Some(node) = channel.node else {
                warnings.push(format!("the animation drives {:?} by an extension; it stays as it is", channel.path));
                continue;
            };
            apply(channel, time, &mut transforms[node], &mut weights[node]);
        }
    }
    let mut matrices: Vec<Matrix> = transforms.iter().map(Transform::matrix).collect();
    for at in document.parents_first() {
        for &child in &document.nodes[at].children {
            matrices[child] = multiply(&matrices[at], &matrices[child]);
        }
    }
    warnings.sort();
    warnings.dedup();
    Ok(Pose { matrices, weights, warnings })
}

/// The node's own weights, else its mesh's, else zeros.
fn weights_at_rest(document: &Document, node: usize) -> Vec<f64> {
    let node = &document.nodes[node];
    let Some(mesh) = node.mesh.map(|mesh| &document.meshes[mesh]) else { return Vec::new() };
    let count = mesh.primitives.iter().map(|own| own.targets.len()).max().unwrap_or(0);
    let named = node.rest.get("weights").or_else(|| mesh.rest.get("weights")).and_then(|value| value.as_array());
    let mut weights: Vec<f64> =
        named.into_iter().flatten().map(|value| value.as_f64().unwrap_or(0.0)).take(count).collect();
    weights.resize(count, 0.0);
    weights
}

fn apply(channel: &Channel, time: f64, transform: &mut Transform, weights: &mut [f64]) {
    let width = match channel.path.as_str() {
        "translation" | "scale" => 3,
        "rotation" => 4,
        "weights" => weights.len(),
        _ => return,
    };
    let Some(values) = sample(channel, width, time) else { return };
    if channel.path == "weights" {
        weights.copy_from_slice(&values);
        return;
    }
    let mut parts = match transform {
        Transform::Parts(parts) => *parts,
        Transform::Matrix(matrix) => decompose(matrix).unwrap_or(Parts::IDENTITY),
    };
    match channel.path.as_str() {
        "translation" => parts.translation = [values[0], values[1], values[2]],
        "scale" => parts.scale = [values[0], values[1], values[2]],
        _ => {
            let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length > 1e-12 {
                parts.rotation = std::array::from_fn(|at| values[at] / length);
            }
        }
    }
    *transform = Transform::Parts(parts);
}

/// A sampler's value at that time: of glTF 2.0, appendix C. `None` where its values are too few or not finite.
fn sample(channel: &Channel, width: usize, time: f64) -> Option<Vec<f64>> {
    let times = channel.times.floats();
    let values = channel.values.floats();
    let is_cubic = channel.interpolation == Interpolation::CubicSpline;
    let per_key = if is_cubic { 3 * width } else { width };
    if width == 0 || times.is_empty() || values.len() < times.len() * per_key {
        return None;
    }
    let value = |key: usize, part: usize| -> Vec<f64> {
        let start = key * per_key + part * width;
        values[start..start + width].iter().map(|&value| f64::from(value)).collect()
    };
    let middle = usize::from(is_cubic);
    let after = times.partition_point(|&key| f64::from(key) <= time);
    let result = if after == 0 {
        value(0, middle)
    } else if after == times.len() {
        value(times.len() - 1, middle)
    } else {
        let (before, length) = (after - 1, f64::from(times[after]) - f64::from(times[after - 1]));
        let t = if length > 0.0 { (time - f64::from(times[before])) / length } else { 0.0 };
        match channel.interpolation {
            Interpolation::Step => value(before, 0),
            Interpolation::Linear if channel.path == "rotation" => slerp(&value(before, 0), &value(after, 0), t),
            Interpolation::Linear => {
                value(before, 0).iter().zip(value(after, 0)).map(|(from, to)| from + (to - from) * t).collect()
            }
            Interpolation::CubicSpline => {
                let (t2, t3) = (t * t, t * t * t);
                let (from, out) = (value(before, 1), value(before, 2));
                let (into, to) = (value(after, 0), value(after, 1));
                (0..width)
                    .map(|at| {
                        (2.0 * t3 - 3.0 * t2 + 1.0) * from[at]
                            + length * (t3 - 2.0 * t2 + t) * out[at]
                            + (3.0 * t2 - 2.0 * t3) * to[at]
                            + length * (t3 - t2) * into[at]
                    })
                    .collect()
            }
        }
    };
    result.iter().all(|value| value.is_finite()).then_some(result)
}

/// Between two unit quaternions along the shorter arc.
fn slerp(from: &[f64], to: &[f64], t: f64) -> Vec<f64> {
    let dot: f64 = from.iter().zip(to).map(|(a, b)| a * b).sum();
    let sign = if dot < 0.0 { -1.0 } else { 1.0 };
    let angle = dot.abs().min(1.0).acos();
    let (a, b) = if angle < 1e-6 {
        (1.0 - t, t)
    } else {
        (((1.0 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin())
    };
    from.iter().zip(to).map(|(from, to)| from * a + to * b * sign).collect()
}
