//! Fewer keyframes.

use std::collections::HashMap;
use std::f64::consts::PI;
use std::sync::Arc;

use super::Context;
use scene::accessor::{Accessor, Filter, Shape};
use scene::document::{Animation, Channel, Document, Interpolation, Node};
use scene::transform::Transform;

/// Keyframes that one span may leave out at most, so that the time stays linear.
const LONGEST_SPAN: usize = 256;
/// Values nearer than this are the same.
const SAME: f64 = 1e-6;
/// The cosine of half the widest turn between two keyframes that resampling leaves: 90°. Interpolation takes the shorter
/// way round, so beyond 180° it would turn backwards, and near that a rounding error decides.
const WIDEST_TURN: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// Two rotations whose product is below this are about 180° apart: storing them in fewer bits could turn the shorter way
/// round into the longer one.
const HALF_TURN: f64 = 0.1;

/// Leaves out channels that repeat the pose at rest and keyframes that interpolation gives back. Channels that shared
/// their times share them still. No animation gets shorter.
pub fn resample(document: &mut Document, context: &mut Context<'_>) {
    let Document { animations, nodes, .. } = document;
    for animation in animations {
        resample_animation(animation, nodes, context);
    }
}

fn resample_animation(animation: &mut Animation, nodes: &[Node], context: &mut Context<'_>) {
    let end = animation.channels.iter().map(end_time).fold(f64::NEG_INFINITY, f64::max);
    let original = animation.channels.clone();

    // Keyframes to keep: for every table of times those that any of its channels needs.
    let mut needed: HashMap<usize, Vec<bool>> = HashMap::new();
    let kinds: Vec<Kind> = animation.channels.iter().map(|channel| Kind::of(channel, nodes)).collect();
    for (channel, kind) in animation.channels.iter().zip(&kinds) {
        if *kind == Kind::Moving {
            let of_times = needed.entry(address(&channel.times)).or_insert_with(|| vec![false; channel.times.count]);
            for (needed, own) in of_times.iter_mut().zip(keyframes(channel, context.options.animation_error)) {
                *needed |= own;
            }
        }
    }
    let mut cut_times: HashMap<(usize, bool), Arc<Accessor>> = HashMap::new();
    let mut kept = Vec::new();
    for (channel, kind) in animation.channels.drain(..).zip(&kinds) {
        match kind {
            Kind::AtRest => context.folded_channels += 1,
            Kind::Constant => {
                let mut first = vec![false; channel.times.count];
                first[0] = true;
                kept.push(cut(channel, &first, &mut cut_times, true));
            }
            Kind::Moving => {
                let needed = needed[&address(&channel.times)].clone();
                kept.push(cut(channel, &needed, &mut cut_times, false));
            }
            Kind::Opaque => kept.push(channel),
        }
    }
    // What ends last decides how long the animation is: it keeps its first and last keyframe.
    let new_end = kept.iter().map(end_time).fold(f64::NEG_INFINITY, f64::max);
    if new_end < end
        && let Some((at, channel)) = original.iter().enumerate().find(|(_, channel)| end_time(channel) >= end)
    {
        let mut ends = vec![false; channel.times.count];
        ends[0] = true;
        ends[channel.times.count - 1] = true;
        let same = |own: &Channel| own.node == channel.node && own.path == channel.path;
        if let Some(found) = kept.iter().position(same) {
            kept.remove(found)
        } else {
            context.folded_channels -= usize::from(kinds[at] == Kind::AtRest);
            channel.clone()
        };
        kept.push(cut(channel.clone(), &ends, &mut HashMap::new(), false));
    }
    animation.channels = kept;
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The same all the time, and the same as without the animation.
    AtRest,
    /// The same all the time.
    Constant,
    /// Changes.
    Moving,
    /// Left as it is: a spline, or something of an extension.
    Opaque,
}

impl Kind {
    fn of(channel: &Channel, nodes: &[Node]) -> Self {
        let is_known = matches!(channel.path.as_str(), "translation" | "rotation" | "scale" | "weights");
        if !is_known
            || channel.interpolation == Interpolation::CubicSpline
            || channel.times.count == 0
            || !channel.rest.is_empty()
            || !channel.target_rest.is_empty()
        {
            return Self::Opaque;
        }
        let values = channel.values.floats();
        let width = values.len() / channel.times.count;
        let (first, rest) = values.split_at(width);
        let scale = values.iter().fold(1.0, |most, value| f64::max(most, f64::from(value.abs())));
        let same = |left: &[f32], right: &[f64]| {
            left.iter().zip(right).all(|(left, right)| (f64::from(*left) - right).abs() <= SAME * scale)
        };
        let first: Vec<f64> = first.iter().map(|&value| f64::from(value)).collect();
        if !rest.chunks_exact(width).all(|value| same(value, &first)) {
            return Self::Moving;
        }
        let Some(Transform::Parts(parts)) = channel.node.map(|node| nodes[node].transform) else {
            return Self::Constant;
        };
        let at_rest = match channel.path.as_str() {
            "translation" => same(&values[..width], &parts.translation),
            "rotation" => {
                same(&values[..width], &parts.rotation) || same(&values[..width], &parts.rotation.map(|value| -value))
            }
            "scale" => same(&values[..width], &parts.scale),
            _ => false,
        };
        if at_rest { Self::AtRest } else { Self::Constant }
    }
}

fn address(accessor: &Arc<Accessor>) -> usize {
    Arc::as_ptr(accessor) as usize
}

fn end_time(channel: &Channel) -> f64 {
    channel.times.floats().last().map_or(f64::NEG_INFINITY, |&time| f64::from(time))
}

/// Which keyframes interpolation does not give back.
fn keyframes(channel: &Channel, error: f64) -> Vec<bool> {
    let times = channel.times.floats();
    let values = channel.values.floats();
    let count = times.len();
    let width = values.len() / count;
    let value = |at: usize| &values[at * width..(at + 1) * width];
    let mut needed = vec![false; count];
    needed[0] = true;
    needed[count - 1] = true;
    if channel.interpolation == Interpolation::Step {
        for (at, needed) in needed.iter_mut().enumerate().skip(1) {
            *needed |= value(at) != value(at - 1);
        }
        return needed;
    }
    let tolerance = if channel.path == "rotation" { error * PI } else { error * range(&values, width) };
    let mut from = 0;
    let mut to = 2;
    while to < count {
        let given_back = to - from <= LONGEST_SPAN
            && (channel.path != "rotation" || product(value(from), value(to)).abs() >= WIDEST_TURN)
            && (from + 1..to).all(|at| {
                let part =
                    f64::from(times[at] - times[from]) / f64::from((times[to] - times[from]).max(f32::MIN_POSITIVE));
                distance(&channel.path, value(at), &between(&channel.path, value(from), value(to), part)) <= tolerance
            });
        if !given_back {
            from = to - 1;
            needed[from] = true;
        }
        to += 1;
    }
    needed
}

/// The widest range of any component.
fn range(values: &[f32], width: usize) -> f64 {
    (0..width)
        .map(|component| {
            let own = || values.iter().skip(component).step_by(width).map(|&value| f64::from(value));
            own().fold(f64::NEG_INFINITY, f64::max) - own().fold(f64::INFINITY, f64::min)
        })
        .fold(0.0, f64::max)
}

/// Between two values as glTF defines it.
pub fn between(path: &str, from: &[f32], to: &[f32], part: f64) -> Vec<f64> {
    let (mut near, mut far) = (1.0 - part, part);
    if path == "rotation" {
        let dot = product(from, to);
        let angle = dot.abs().min(1.0).acos();
        if angle > 1e-4 {
            near = (angle * (1.0 - part)).sin() / angle.sin();
            far = (angle * part).sin() / angle.sin();
        }
        far *= if dot < 0.0 { -1.0 } else { 1.0 };
    }
    from.iter().zip(to).map(|(a, b)| f64::from(*a) * near + f64::from(*b) * far).collect()
}

/// The cosine of half the angle between two rotations, negative where they are stored with opposite signs.
fn product(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
}

/// The angle between rotations, the largest difference of a component otherwise.
fn distance(path: &str, left: &[f32], right: &[f64]) -> f64 {
    let pairs = || left.iter().zip(right).map(|(left, right)| (f64::from(*left), *right));
    if path == "rotation" {
        // Twice the chord, which keeps its precision where the cosine loses it.
        let chord = |sign: f64| pairs().map(|(left, right)| (left - sign * right).powi(2)).sum::<f64>().sqrt();
        return 2.0 * chord(1.0).min(chord(-1.0));
    }
    pairs().map(|(left, right)| (left - right).abs()).fold(0.0, f64::max)
}

/// The channel with those keyframes only. Equal cuts of the same times are the same accessor.
fn cut(
    mut channel: Channel,
    needed: &[bool],
    cut_times: &mut HashMap<(usize, bool), Arc<Accessor>>,
    is_constant: bool,
) -> Channel {
    if needed.iter().all(|needed| *needed) {
        return channel;
    }
    let key = (address(&channel.times), is_constant);
    let frames = channel.times.count;
    let times = cut_times.entry(key).or_insert_with(|| Arc::new(select(&channel.times, frames, needed)));
    channel.values = Arc::new(select(&channel.values, frames, needed));
    channel.times = Arc::clone(times);
    channel
}

fn select(accessor: &Accessor, frames: usize, needed: &[bool]) -> Accessor {
    let per_frame = accessor.count / frames;
    let size = per_frame * accessor.stride;
    let bytes: Vec<u8> = accessor
        .bytes
        .chunks_exact(size)
        .zip(needed)
        .filter(|(_, needed)| **needed)
        .flat_map(|(frame, _)| frame.iter().copied())
        .collect();
    Accessor { count: bytes.len() / accessor.stride, bytes, rest: accessor.rest.clone(), ..*accessor }
}

/// Keyframes and instances in the form that compresses best: rotations without their largest component, other values
/// as mantissas with a common exponent.
pub fn filter(document: &mut Document) {
    split_half_turns(document);
    let mut cache: HashMap<(usize, bool), (Arc<Accessor>, Arc<Accessor>)> = HashMap::new();
    for channel in document.animations.iter_mut().flat_map(|animation| &mut animation.channels) {
        let is_rotation = channel.path == "rotation" && channel.interpolation != Interpolation::CubicSpline;
        let (_, filtered) = cache.entry((address(&channel.values), is_rotation)).or_insert_with(|| {
            (Arc::clone(&channel.values), Arc::new(filtered(&channel.values, is_rotation, ANIMATION_BITS)))
        });
        channel.values = Arc::clone(filtered);
    }
    for (name, accessor) in document.nodes.iter_mut().flat_map(|node| &mut node.instances) {
        if matches!(name.as_str(), "TRANSLATION" | "ROTATION" | "SCALE") {
            *accessor = Arc::new(filtered(accessor, name == "ROTATION", INSTANCE_BITS));
        }
    }
}

/// Puts a keyframe into the middle of every half turn. Which way round it goes is decided by the sign of a number close to
/// 0, which would not survive being stored in fewer bits.
fn split_half_turns(document: &mut Document) {
    let mut cache: HashMap<(usize, usize), (Channel, Option<Keyframes>)> = HashMap::new();
    for channel in document.animations.iter_mut().flat_map(|animation| &mut animation.channels) {
        if channel.path != "rotation"
            || channel.interpolation != Interpolation::Linear
            || channel.values.count != channel.times.count
        {
            continue;
        }
        // The originals live as long as their addresses count.
        let (_, split) = cache
            .entry((address(&channel.times), address(&channel.values)))
            .or_insert_with(|| (channel.clone(), without_half_turns(channel)));
        if let Some((times, values)) = split {
            channel.times = Arc::clone(times);
            channel.values = Arc::clone(values);
        }
    }
}

/// Times and values.
type Keyframes = (Arc<Accessor>, Arc<Accessor>);

/// `None` where there is no half turn.
fn without_half_turns(channel: &Channel) -> Option<Keyframes> {
    let (old_times, old_values) = (channel.times.floats(), channel.values.floats());
    let rotations = old_values.as_chunks::<4>().0;
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for (at, (&time, rotation)) in old_times.iter().zip(rotations).enumerate() {
        if let Some(before) = at.checked_sub(1)
            && product(&rotations[before], rotation).abs() < HALF_TURN
        {
            let middle = f32::midpoint(old_times[before], time);
            if middle > old_times[before] && middle < time {
                times.push(middle);
                values.extend(between("rotation", &rotations[before], rotation, 0.5).into_iter().map(|v| v as f32));
            }
        }
        times.push(time);
        values.extend(rotation);
    }
    if times.len() == old_times.len() {
        return None;
    }
    let accessor = |of: &Accessor, floats: &[f32]| {
        Arc::new(Accessor { rest: of.rest.clone(), ..Accessor::of_floats(of.shape, floats) })
    };
    Some((accessor(&channel.times, &times), accessor(&channel.values, &values)))
}

/// Bits of rotations and of mantissas.
const ANIMATION_BITS: (u8, u8) = (12, 16);
const INSTANCE_BITS: (u8, u8) = (14, 18);

fn filtered(accessor: &Accessor, is_rotation: bool, (rotation_bits, mantissa_bits): (u8, u8)) -> Accessor {
    let floats = accessor.floats();
    let rest = accessor.rest.clone();
    if is_rotation && accessor.shape == Shape::Vec4 {
        let unit = floats.as_chunks::<4>().0.iter().map(|quaternion| {
            let length = quaternion.iter().map(|value| value * value).sum::<f32>().sqrt();
            if length > 0.0 { quaternion.map(|value| value / length) } else { [0.0, 0.0, 0.0, 1.0] }
        });
        let unit: Vec<[f32; 4]> = unit.collect();
        return Accessor {
            component: scene::accessor::Component::I16,
            normalised: true,
            shape: Shape::Vec4,
            count: unit.len(),
            stride: 8,
            bytes: crate::codec::quaternions(&unit, rotation_bits),
            filter: Filter::Quaternion,
            rest,
        };
    }
    if floats.iter().any(|value| !value.is_finite()) {
        return accessor.clone();
    }
    let len = accessor.shape.width();
    let bytes = crate::codec::exponential(&floats, len, mantissa_bits, crate::codec::Exponents::OfElements);
    let plain = Accessor::of_floats(accessor.shape, &[]);
    Accessor { count: accessor.count, bytes, filter: Filter::Exponential, rest, ..plain }
}
