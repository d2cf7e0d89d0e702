//! How it falls, comes to rest, tips and slides.

use catalog::operations::{Compress, Simulate};
use contract::{Failure, Properties};
use mechanics::rigid::{Contact, GRAVITY, STEP, State};
use mechanics::rotation::{IDENTITY, Rotation, about, inverse, of_matrix, product, turn};
use mechanics::settle::Frame;
use mechanics::{Body, Drop, Motion, drops, push, settle as fall, tilt};
use operation::Task;
use scene::document::Document;
use scene::transform::Parts;
use solid::Pose;
use solid::vector::{Vector, dot, norm, rotation_between, scale, sub};

use super::build::{Track, add_animation, add_floor, channels, wrap};
use super::report::{
    Assumptions, DropPose, DropsReport, ImpactReport, MotionReport, PushReport, Simulation, TiltReport,
};
use super::subject::{Subject, horizontal};
use super::{model_properties, picture, rounded, three, write_report};
use crate::write::write;

/// Frames a second of the animation.
const RATE: f64 = 60.0;
/// Blows in a report.
const MOST_IMPACTS: usize = 100;

/// Writes `simulation.json`, `simulation.glb` and `simulation.webp`.
pub fn settle(options: &Simulate, subject: &mut Subject, task: &Task) -> Result<Properties, Failure> {
    let (body, poses) = (subject.body.clone(), subject.poses.clone());
    let contact = Contact { friction: options.friction, restitution: options.restitution };
    let to_world = of_matrix(&rotation_between(subject.up, [0.0, 1.0, 0.0]));
    let is_test = options.tilt.is_some() || options.push.is_some();
    let height = options
        .height
        .as_ref()
        .map_or_else(|| if is_test { 0.0 } else { body.extent / 2.0 }, catalog::operations::Length::value);
    let rotation = options.orientation.map_or(to_world, |angles| product(to_world, euler(angles.0)));
    let drop = Drop { contact, height, rotation, duration: options.duration, rate: RATE };
    let motion = fall(&body, &poses, &drop);
    task.progress.report(0.5);
    let mut warnings = subject.warnings.clone();
    if motion.rest.time.is_none() {
        warnings.push("the model still moved at the end: the rest is not its last place".to_owned());
    }
    let mut shown = Shown { frames: motion.frames.clone(), tilts: Vec::new(), axis: [0.0, 0.0, 1.0] };
    let stand = State { velocity: [0.0; 3], angular: [0.0; 3], ..motion.state };
    let tilt_report = options.tilt.map(|to| {
        let (test, report) = tilt_test(&body, &poses, contact, &stand, to);
        let down: Vector = report.direction;
        shown.append(&test.frames, &test.angles, down);
        TiltReport { direction: three(turn(inverse(to_world), down)), ..report }
    });
    let push_report = options.push.as_ref().map(|asked| {
        let force = turn(to_world, asked.force);
        let points = body.hull.points.iter().map(|point| turn(stand.rotation, *point)[1]);
        let (low, high) = points.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
        let at = asked.height * (high - low);
        let test = push(&body, &poses, contact, &stand, scale(force, 1.0 / subject.mass()), at, RATE);
        shown.append(&test.motion.frames, &[], [1.0, 0.0, 0.0]);
        let verdict = if test.falls {
            "falls"
        } else if test.displacement > 0.01 * body.extent {
            "slides"
        } else {
            "stands"
        };
        PushReport {
            verdict: verdict.to_owned(),
            force: three(asked.force),
            height: rounded(at),
            displacement: rounded(test.displacement),
            lean: rounded(test.lean.to_degrees()),
        }
    });
    task.progress.report(0.6);
    let drops_report = options.drops.map(|count| {
        let random = Drop {
            height: options.height.as_ref().map_or(body.extent / 2.0, catalog::operations::Length::value),
            ..drop
        };
        let ends = drops(&body, &poses, &random, count as usize, options.seed, subject.threads);
        drops_report(&ends, options.seed)
    });
    task.progress.report(0.8);
    if options.model || options.pictures {
        let (document, floor) = model(subject, &body, &shown);
        if options.model {
            let glb = write(&document, Compress::None)?;
            task.outputs.write("simulation.glb", "model/gltf-binary", &glb.bytes, model_properties(&glb))?;
        }
        if options.pictures {
            picture::or_warning(picture::clip(document, floor, shown.is_level(), task, 0.8), task)?;
        }
    }
    let report = Simulation {
        common: subject.common(),
        assumptions: Assumptions {
            friction: options.friction,
            restitution: options.restitution,
            gravity: GRAVITY,
            step: rounded(STEP * body.extent.sqrt()),
            hull_corners: body.hull.points.len(),
            hull_error: rounded(body.hull_error),
        },
        motion: motion_report(&motion, height, subject.mass()),
        drops: drops_report,
        tilt: tilt_report,
        push: push_report,
        warnings,
    };
    let mut properties = write_report("simulation.json", &report, subject, task)?;
    properties.insert("restTime".to_owned(), serde_json::json!(report.motion.rest_time));
    Ok(properties)
}

/// First about x, then y, then z.
fn euler([x, y, z]: [f64; 3]) -> Rotation {
    let turned = |axis: Vector, degrees: f64| about(axis, degrees.to_radians());
    let (x, y, z) = (turned([1.0, 0.0, 0.0], x), turned([0.0, 1.0, 0.0], y), turned([0.0, 0.0, 1.0], z));
    product(z, product(y, x))
}

/// What is seen: the fall, then a test on the body where it rests.
struct Shown {
    frames: Vec<Frame>,
    /// For each frame the tilt of the floor in degrees; shorter than the frames if the rest is level.
    tilts: Vec<f64>,
    /// The way the floor is tilted.
    axis: Vector,
}

impl Shown {
    /// The floor is never tilted.
    fn is_level(&self) -> bool {
        self.tilts.iter().all(|degrees| *degrees <= 0.0)
    }

    fn append(&mut self, frames: &[Frame], tilts: &[f64], direction: Vector) {
        let Some(last) = self.frames.last().copied() else { return };
        self.tilts.resize(self.frames.len(), 0.0);
        // A test starts at the origin: it is moved to where the body rests.
        let offset = [last.position[0], 0.0, last.position[2]];
        for frame in frames.iter().skip(1) {
            let position = std::array::from_fn(|axis| frame.position[axis] + offset[axis]);
            self.frames.push(Frame { time: last.time + frame.time, position, ..*frame });
        }
        self.tilts.extend(tilts.iter().skip(1));
        self.axis = direction;
    }
}

fn tilt_test(
    body: &Body,
    poses: &[Pose],
    contact: Contact,
    stand: &State,
    to: f64,
) -> (mechanics::TiltTest, TiltReport) {
    let up = turn(inverse(stand.rotation), [0.0, 1.0, 0.0]);
    let pose =
        poses.iter().max_by(|a, b| dot(a.up, up).total_cmp(&dot(b.up, up))).filter(|pose| dot(pose.up, up) > 0.999);
    let direction = pose
        .and_then(|pose| horizontal(turn(stand.rotation, pose.tip_direction), [0.0, 1.0, 0.0]))
        .unwrap_or([1.0, 0.0, 0.0]);
    let tip = pose.map(|pose| pose.tip_angle.to_degrees());
    let slide = mechanics::angle(contact.friction, 1.0).to_degrees();
    let slow_from = tip.unwrap_or(0.0).min(slide) - 1.0;
    let test = tilt(body, contact, stand, direction, (slow_from, to), RATE);
    let (verdict, angle) = match (test.tips, test.slides) {
        (Some(tips), Some(slides)) if slides < tips => ("slides", Some(slides)),
        (Some(tips), _) => ("tips", Some(tips)),
        (None, Some(slides)) => ("slides", Some(slides)),
        (None, None) => ("stands", None),
    };
    let report = TiltReport {
        verdict: verdict.to_owned(),
        angle: angle.map(rounded),
        to: rounded(test.to),
        direction,
        expected_tip: tip.map(rounded),
        expected_slide: rounded(slide),
    };
    (test, report)
}

fn motion_report(motion: &Motion, height: f64, mass: f64) -> MotionReport {
    let (first, last) = (motion.frames.first(), motion.frames.last());
    let away = match (first, last) {
        (Some(first), Some(last)) => sub(last.position, first.position),
        _ => [0.0; 3],
    };
    MotionReport {
        height: rounded(height),
        impacts: motion
            .impacts
            .iter()
            .take(MOST_IMPACTS)
            .map(|impact| ImpactReport {
                time: rounded(impact.time),
                speed: rounded(impact.speed),
                impulse: rounded(impact.impulse * mass),
            })
            .collect(),
        rest_time: motion.rest.time.map(rounded),
        rest_pose: motion.rest.pose,
        up: three(motion.rest.up),
        displacement: rounded(norm([away[0], 0.0, away[2]])),
        energy_lost: match (first, last) {
            (Some(first), Some(last)) => rounded((first.energy - last.energy) * mass),
            _ => 0.0,
        },
        trajectory: motion
            .frames
            .iter()
            .step_by(2)
            .map(|frame| {
                let [x, y, z] = frame.position;
                let [a, b, c, d] = frame.rotation;
                [frame.time, x, y, z, a, b, c, d, frame.energy * mass].map(rounded)
            })
            .collect(),
    }
}

fn drops_report(ends: &[mechanics::Rest], seed: u64) -> DropsReport {
    let mut counts = std::collections::BTreeMap::new();
    for pose in ends.iter().filter_map(|rest| rest.pose) {
        *counts.entry(pose).or_insert(0_usize) += 1;
    }
    let total = ends.len();
    let mut poses: Vec<DropPose> = counts
        .into_iter()
        .map(|(pose, count)| {
            // E. B. Wilson 1927, for 95 %.
            let (n, p, z) = (total as f64, count as f64 / total as f64, 1.96);
            let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
            DropPose { pose, count, fraction: rounded(p), uncertainty: rounded(half) }
        })
        .collect();
    poses.sort_by(|a, b| b.count.cmp(&a.count).then(a.pose.cmp(&b.pose)));
    let elsewhere = ends.iter().filter(|rest| rest.pose.is_none()).count();
    DropsReport { count: total, seed, poses, elsewhere }
}

/// The model below a node that moves as the body did; and the floor, with its node.
fn model(subject: &mut Subject, body: &Body, shown: &Shown) -> (Document, usize) {
    let mut document = std::mem::take(&mut subject.document);
    let mut moving = Track::default();
    let mut floor_track = Track::default();
    let mut reach: f64 = 0.0;
    // Towards `axis` goes down.
    let tilt_axis = solid::vector::cross([0.0, 1.0, 0.0], shown.axis);
    for (at, frame) in shown.frames.iter().enumerate() {
        let degrees = shown.tilts.get(at).copied().unwrap_or(0.0);
        let tilted = if degrees == 0.0 { IDENTITY } else { about(tilt_axis, degrees.to_radians()) };
        let rotation = product(tilted, frame.rotation);
        let position = turn(tilted, frame.position);
        let origin = sub(position, turn(rotation, subject.properties.centre));
        moving.push(frame.time, origin, rotation);
        floor_track.push(frame.time, [0.0; 3], tilted);
        reach = reach.max(norm([frame.position[0], 0.0, frame.position[2]]));
    }
    let last = shown.frames.first().copied();
    let start = last.map_or(([0.0; 3], IDENTITY), |frame| {
        (sub(frame.position, turn(frame.rotation, subject.properties.centre)), frame.rotation)
    });
    let parts = Parts { translation: start.0, rotation: start.1, scale: [subject.metres; 3] };
    let node = wrap(&mut document, "simulation", parts);
    let floor = add_floor(&mut document, 1.5 * body.extent + reach);
    let mut all = channels(node, &moving);
    if !shown.is_level() {
        all.extend(channels(floor, &floor_track));
    }
    add_animation(&mut document, "simulation", all);
    (document, floor)
}
