//! How a body falls and comes to rest, how far the floor can be tilted under it, and what pushes it over.

use solid::Pose;
use solid::parallel;
use solid::vector::{Vector, cross, dot, norm, scale, sub};

use crate::random::Random;
use crate::rigid::{Body, Contact, GRAVITY, State, World};
use crate::rotation::{Rotation, inverse, turn};

/// In units of the simulation's own time (see [`crate::rigid`]): how long a body must be still to be at rest.
const STILL_TIME: f64 = 0.5;
/// The same: how long it may move.
const LONGEST: f64 = 20.0;
/// In its own units: slower than this is still.
const STILL_SPEED: f64 = 2e-3;
/// How far the up direction may be from a stable pose's to be that pose; radians (2°).
const SAME_POSE: f64 = 0.035;
/// A body that comes to rest in no stable pose stands on an edge by rounding alone: it is nudged, at most so often.
const NUDGES: usize = 8;
/// A change of speed within one step that is an impact, as a fraction of sqrt(gravity × extent).
const IMPACT: f64 = 0.05;

/// How a body is dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drop {
    /// Floor and body.
    pub contact: Contact,
    /// Of the lowest point over the floor, metres.
    pub height: f64,
    /// From the body's frame to the world's.
    pub rotation: Rotation,
    /// Seconds after which it ends though the body still moves; otherwise as long as it takes to come to rest, at most 20 ×
    /// sqrt(extent / 1 m) seconds.
    pub duration: Option<f64>,
    /// Frames a second.
    pub rate: f64,
}

/// A moment of a motion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Seconds.
    pub time: f64,
    /// Of the centre of mass, metres; y is up.
    pub position: Vector,
    /// From the body's frame to the world's.
    pub rotation: Rotation,
    /// Kinetic energy and energy of height, J/kg.
    pub energy: f64,
}

/// A blow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impact {
    /// Seconds.
    pub time: f64,
    /// The speed of the centre of mass before it, m/s.
    pub speed: f64,
    /// The impulse divided by mass, m/s.
    pub impulse: f64,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest {
    /// Seconds until it was still; none if it still moved at the end.
    pub time: Option<f64>,
    /// The stable pose that it is in: its number in the list; none if in none.
    pub pose: Option<usize>,
    /// How far its up direction is from that pose's, or from the nearest one's; radians.
    pub deviation: f64,
    /// What of the body points up, in its own frame.
    pub up: Vector,
}

/// What a body did.
#[derive(Debug, Clone, PartialEq)]
pub struct Motion {
    /// Moments, evenly spaced but for the last.
    pub frames: Vec<Frame>,
    /// Blows, in order.
    pub impacts: Vec<Impact>,
    /// The end.
    pub rest: Rest,
    /// Where and how it was at the end.
    pub state: State,
}

/// Lets a body fall until it is at rest. `poses` are those of its hull.
pub fn settle(body: &Body, poses: &[Pose], drop: &Drop) -> Motion {
    let start = [0.0, drop.height + body.depth(drop.rotation), 0.0];
    let mut world = World::new(body, drop.contact, start, drop.rotation);
    let mut recorder = Recorder::new(drop.rate, &world);
    let rest = run_to_rest(&mut world, poses, drop.duration, &mut recorder);
    recorder.frame(&world);
    Motion { frames: recorder.frames, impacts: recorder.impacts, rest, state: world.state() }
}

/// How often a body comes to rest in each pose (and in none, the last number) when it is dropped in random orientations.
/// Gives the ends in the order of the drops.
pub fn drops(body: &Body, poses: &[Pose], drop: &Drop, count: usize, seed: u64, threads: usize) -> Vec<Rest> {
    let mut random = Random::new(seed);
    let rotations: Vec<Rotation> = (0..count).map(|_| random.rotation()).collect();
    parallel::map(count, threads, |at| {
        let own = Drop { rotation: rotations[at], rate: 0.0, ..*drop };
        settle(body, poses, &own).rest
    })
}

/// What a body did on a floor that was tilted slowly.
#[derive(Debug, Clone, PartialEq)]
pub struct TiltTest {
    /// Degrees at which it began to tip, if it did.
    pub tips: Option<f64>,
    /// Degrees at which it began to slide, if it did.
    pub slides: Option<f64>,
    /// The most that the floor was tilted, degrees.
    pub to: f64,
    /// Moments; the floor turns in them about the origin.
    pub frames: Vec<Frame>,
    /// For each frame the tilt of the floor, degrees.
    pub angles: Vec<f64>,
}

/// Tilts the floor under a body that stands on it, slowly, towards a horizontal direction, until it tips or slides or the
/// angle is reached. From `slow_from` (degrees; a little below the angle at which anything is expected) on it is tilted very
/// slowly, because the first degree of tipping takes time.
pub fn tilt(
    body: &Body,
    contact: Contact,
    stand: &State,
    direction: Vector,
    (slow_from, to): (f64, f64),
    rate: f64,
) -> TiltTest {
    let start = [0.0, body.depth(stand.rotation), 0.0];
    let mut world = World::new(body, contact, start, stand.rotation);
    let mut recorder = Recorder::new(rate, &world);
    let mut test = TiltTest { tips: None, slides: None, to: 0.0, frames: Vec::new(), angles: Vec::new() };
    wait(&mut world, 0.3, &mut recorder);
    // Degrees in a unit of the simulation's own time; tipping takes about one.
    let (fast, slow) = (6.0, 0.25);
    let own_unit = world.step_time() / crate::rigid::STEP;
    let begin = world.now();
    let first = world.state();
    let (mut tipping_since, mut sliding_since) = (None, None);
    let mut end = None;
    loop {
        let units = (world.now() - begin) / own_unit;
        let quick = slow_from.max(0.0) / fast;
        let angle = if units < quick { units * fast } else { slow_from.max(0.0) + (units - quick) * slow }.min(to);
        test.to = test.to.max(angle);
        let radians = angle.to_radians();
        let along = scale(direction, libm::sin(radians));
        world.set_down([along[0], -libm::cos(radians), along[2]]);
        world.step();
        let before = recorder.frames.len();
        recorder.after_step(&world);
        if recorder.frames.len() > before {
            test.angles.push(angle);
        }
        let state = world.state();
        let turned = angle_between(turn(first.rotation, [0.0, 1.0, 0.0]), turn(state.rotation, [0.0, 1.0, 0.0]));
        let moved = norm(sub(state.position, first.position)) / body.extent;
        // The angle at which it began, not the one at which it was sure.
        if turned > 0.005 {
            tipping_since = tipping_since.or(Some(angle));
        }
        if moved > 0.002 && turned < 0.005 {
            sliding_since = sliding_since.or(Some(angle));
        }
        if test.tips.is_none() && turned > 0.2 {
            test.tips = tipping_since;
        }
        if test.slides.is_none() && moved > 0.05 && tipping_since.is_none() {
            test.slides = sliding_since;
        }
        // A little more of what it does is shown.
        if end.is_none() && (test.tips.is_some() || test.slides.is_some()) {
            end = Some(world.now() + own_unit);
        }
        // What is still there after a unit at the last angle stays.
        if angle >= to && end.is_none() {
            end = Some(world.now() + own_unit);
        }
        if end.is_some_and(|end| world.now() >= end) {
            break;
        }
    }
    recorder.frame(&world);
    test.angles.push(test.to);
    // The frames before the floor moved.
    let flat = recorder.frames.len() - test.angles.len();
    test.angles.splice(0..0, std::iter::repeat_n(0.0, flat));
    test.frames = recorder.frames;
    test
}

/// What a body did when it was pushed.
#[derive(Debug, Clone, PartialEq)]
pub struct PushTest {
    /// Whether it fell over: it rests in another pose, or moves still.
    pub falls: bool,
    /// How far its centre moved, metres.
    pub displacement: f64,
    /// How far it leaned at most, radians.
    pub lean: f64,
    /// The motion.
    pub motion: Motion,
}

/// Pushes a body that stands on the floor with a force (divided by its mass, m/s²) at a height over the floor: the force
/// grows for a second of the simulation's own time, acts for one more, and ends.
pub fn push(
    body: &Body,
    poses: &[Pose],
    contact: Contact,
    stand: &State,
    acceleration: Vector,
    height: f64,
    rate: f64,
) -> PushTest {
    let start = [0.0, body.depth(stand.rotation), 0.0];
    let mut world = World::new(body, contact, start, stand.rotation);
    let mut recorder = Recorder::new(rate, &world);
    wait(&mut world, 0.3, &mut recorder);
    let first = world.state();
    let own_unit = world.step_time() / crate::rigid::STEP;
    let point = turn(inverse(first.rotation), [0.0, height - first.position[1], 0.0]);
    let begin = world.now();
    let mut lean: f64 = 0.0;
    loop {
        let share = (world.now() - begin) / own_unit;
        if share >= 2.0 {
            break;
        }
        world.set_force(scale(acceleration, share.min(1.0)), point);
        world.step();
        recorder.after_step(&world);
        lean = lean.max(leaning(&first, &world.state()));
    }
    world.set_force([0.0; 3], point);
    let rest = run_to_rest(&mut world, poses, None, &mut recorder);
    recorder.frame(&world);
    let state = world.state();
    lean = lean.max(leaning(&first, &state));
    let away = sub(state.position, first.position);
    PushTest {
        falls: leaning(&first, &state) > 0.17,
        displacement: norm([away[0], 0.0, away[2]]),
        lean,
        motion: Motion { frames: recorder.frames, impacts: recorder.impacts, rest, state },
    }
}

/// How far the body's own vertical has moved, whichever way it has turned about the vertical.
fn leaning(first: &State, now: &State) -> f64 {
    let up = |state: &State| turn(inverse(state.rotation), [0.0, 1.0, 0.0]);
    angle_between(up(first), up(now))
}

fn angle_between(a: Vector, b: Vector) -> f64 {
    libm::atan2(norm(cross(a, b)), dot(a, b))
}

fn wait(world: &mut World, units: f64, recorder: &mut Recorder) {
    for _ in 0..(units / crate::rigid::STEP) as usize {
        world.step();
        recorder.after_step(world);
    }
}

fn run_to_rest(world: &mut World, poses: &[Pose], duration: Option<f64>, recorder: &mut Recorder) -> Rest {
    let own_unit = world.step_time() / crate::rigid::STEP;
    let begin = world.now();
    let longest = duration.unwrap_or(LONGEST * own_unit);
    let mut still_since: Option<f64> = None;
    let mut nudges = 0;
    let mut time = None;
    while world.now() - begin < longest {
        world.step();
        recorder.after_step(world);
        if world.own_speed() > STILL_SPEED {
            still_since = None;
            continue;
        }
        let since = *still_since.get_or_insert(world.now());
        if world.now() - since < STILL_TIME * own_unit {
            continue;
        }
        let rest = where_at_rest(world, poses);
        if rest.pose.is_some() || nudges == NUDGES {
            time = Some(since);
            if duration.is_none() {
                break;
            }
            // The given time is shown to its end.
            while world.now() - begin < longest {
                world.step();
                recorder.after_step(world);
            }
            break;
        }
        // Upright on an edge or a corner, by rounding alone (rapier issue 934): pushed a little towards the nearest pose.
        nudges += 1;
        let up = rest.up;
        if let Some(nearest) = poses.iter().max_by(|a, b| dot(a.up, up).total_cmp(&dot(b.up, up))) {
            let axis = cross(turn(world.state().rotation, nearest.up), [0.0, 1.0, 0.0]);
            let length = norm(axis);
            if length > 0.0 {
                world.nudge(scale(axis, 0.05 * f64::from(nudges as u32) / length));
            }
        }
        still_since = None;
    }
    Rest { time, ..where_at_rest(world, poses) }
}

fn where_at_rest(world: &World, poses: &[Pose]) -> Rest {
    let up = turn(inverse(world.state().rotation), [0.0, 1.0, 0.0]);
    let nearest = (0..poses.len()).max_by(|&i, &j| dot(poses[i].up, up).total_cmp(&dot(poses[j].up, up)));
    let deviation = nearest.map_or(f64::INFINITY, |at| angle_between(poses[at].up, up));
    Rest { time: None, pose: nearest.filter(|_| deviation < SAME_POSE), deviation, up }
}

struct Recorder {
    frames: Vec<Frame>,
    impacts: Vec<Impact>,
    steps: u64,
    /// Steps between frames; 0 for none.
    every: u64,
    velocity: Vector,
    threshold: f64,
}

impl Recorder {
    fn new(rate: f64, world: &World) -> Self {
        let every = if rate > 0.0 { ((1.0 / rate / world.step_time()).round() as u64).max(1) } else { 0 };
        // An extent is step_time² × 960² metres.
        let speed = GRAVITY * world.step_time() / crate::rigid::STEP;
        let velocity = world.state().velocity;
        let mut own =
            Self { frames: Vec::new(), impacts: Vec::new(), steps: 0, every, velocity, threshold: IMPACT * speed };
        own.frame(world);
        own
    }

    fn frame(&mut self, world: &World) {
        let State { position, rotation, .. } = world.state();
        if self.every > 0 && self.frames.last().is_none_or(|last| last.time < world.now()) {
            self.frames.push(Frame { time: world.now(), position, rotation, energy: world.energy() });
        }
    }

    fn after_step(&mut self, world: &World) {
        self.steps += 1;
        if self.every > 0 && self.steps.is_multiple_of(self.every) {
            self.frame(world);
        }
        let velocity = world.state().velocity;
        let change = sub(velocity, self.velocity);
        let impulse = norm([change[0], change[1] + GRAVITY * world.step_time(), change[2]]);
        if impulse > self.threshold {
            let speed = norm(self.velocity);
            // What follows within a few steps is the same blow.
            match self.impacts.last_mut() {
                Some(last) if world.now() - last.time < 8.0 * world.step_time() => last.impulse += impulse,
                _ => self.impacts.push(Impact { time: world.now(), speed, impulse }),
            }
        }
        self.velocity = velocity;
    }
}

#[cfg(test)]
mod tests {
    use solid::hull::convex_hull;
    use solid::{MassProperties, Mesh, shapes, stable_poses};

    use super::*;
    use crate::rotation::{IDENTITY, about, product};

    fn body(mesh: &Mesh) -> (Body, Vec<Pose>) {
        let hull = convex_hull(&mesh.points).unwrap();
        let properties = MassProperties::of_closed(mesh);
        let body = Body::new(&hull, &properties);
        let poses = stable_poses(&body.hull, [0.0; 3], 1e-5 * body.extent);
        (body, poses)
    }

    fn drop_of(rotation: Rotation, height: f64) -> Drop {
        let contact = Contact { friction: 0.5, restitution: 0.2 };
        Drop { contact, height, rotation, duration: None, rate: 60.0 }
    }

    fn stand(rotation: Rotation) -> State {
        State { position: [0.0; 3], rotation, velocity: [0.0; 3], angular: [0.0; 3] }
    }

    #[test]
    fn a_dropped_box_lands_when_it_must_and_rests_on_a_face() {
        let (body, poses) = body(&shapes::cuboid([0.1, 0.2, 0.3]));
        let rotation = product(about([1.0, 0.0, 0.0], 0.4), about([0.0, 0.0, 1.0], 0.3));
        let motion = settle(&body, &poses, &drop_of(rotation, 0.5));
        let landing = (2.0_f64 * 0.5 / GRAVITY).sqrt();
        assert!((motion.impacts[0].time - landing).abs() < 2e-3, "{:?} {landing}", motion.impacts);
        assert!((motion.impacts[0].speed - GRAVITY * landing).abs() < 0.02);
        let pose = motion.rest.pose.expect("a pose");
        assert!(motion.rest.time.is_some() && motion.rest.deviation < 0.01);
        assert!((motion.state.position[1] - poses[pose].height).abs() < 1e-3);
        let energies: Vec<f64> = motion.frames.iter().map(|frame| frame.energy).collect();
        assert!(energies.windows(2).all(|pair| pair[1] < pair[0] + 0.01), "energy is not made");
        let again = settle(&body, &poses, &drop_of(rotation, 0.5));
        assert_eq!(motion, again);
    }

    #[test]
    fn a_box_put_upright_on_its_edge_by_rounding_falls_onto_a_face() {
        let (body, poses) = body(&shapes::cuboid([0.1; 3]));
        let on_edge = about([0.0, 0.0, 1.0], std::f64::consts::FRAC_PI_4);
        let motion = settle(&body, &poses, &drop_of(on_edge, 0.0));
        assert!(motion.rest.pose.is_some(), "{:?}", motion.rest);
    }

    #[test]
    fn flat_boxes_rest_flat_and_drops_do_not_depend_on_threads() {
        let (body, poses) = body(&shapes::cuboid([0.2, 0.2, 0.04]));
        let drop = drop_of(IDENTITY, 0.2);
        let ends = drops(&body, &poses, &drop, 24, 7, 2);
        assert_eq!(ends, drops(&body, &poses, &drop, 24, 7, 1));
        // Rolling without bouncing gives 83 % for the two large faces.
        let flat = ends.iter().filter(|rest| rest.pose.is_some_and(|pose| pose < 2)).count();
        assert!(flat >= 17 && ends.iter().all(|rest| rest.pose.is_some()), "{flat} of {ends:?}");
    }

    #[test]
    fn the_tilting_floor_finds_the_tip_angle_and_the_angle_of_friction() {
        let (body, poses) = body(&shapes::cuboid([0.1, 0.3, 0.1]));
        let rough = Contact { friction: 1.0, restitution: 0.0 };
        let test = tilt(&body, rough, &stand(IDENTITY), [1.0, 0.0, 0.0], (10.0, 45.0), 30.0);
        let expected = f64::atan2(0.1, 0.3).to_degrees();
        assert!((test.tips.expect("tips") - expected).abs() < 0.2, "{:?} {expected}", test.tips);
        assert!(test.slides.is_none() && test.angles.len() == test.frames.len());
        let upright = poses.iter().find(|pose| pose.up[1] > 0.9).expect("the pose in which it stands");
        assert!((upright.tip_angle.to_degrees() - expected).abs() < 0.05);

        let smooth = Contact { friction: 0.2, restitution: 0.0 };
        let test = tilt(&body, smooth, &stand(IDENTITY), [1.0, 0.0, 0.0], (10.0, 45.0), 30.0);
        assert!((test.slides.expect("slides") - 0.2_f64.atan().to_degrees()).abs() < 0.2, "{:?}", test.slides);
        let little = tilt(&body, rough, &stand(IDENTITY), [1.0, 0.0, 0.0], (10.0, 12.0), 30.0);
        assert_eq!((little.tips, little.slides, little.to), (None, None, 12.0));
    }

    #[test]
    fn a_push_at_the_top_tips_the_box_that_the_same_push_at_the_foot_does_not() {
        let (body, poses) = body(&shapes::cuboid([0.1, 0.3, 0.1]));
        let rough = Contact { friction: 0.9, restitution: 0.0 };
        // It tips at m g × 0.05 / height: 2.0 m/s² at 0.25 m, 9.8 at 0.05 m.
        let pushed =
            |force: f64, height: f64| push(&body, &poses, rough, &stand(IDENTITY), [force, 0.0, 0.0], height, 30.0);
        assert!(!pushed(1.8, 0.25).falls);
        let over = pushed(2.6, 0.25);
        assert!(over.falls && over.motion.rest.pose.is_some());
        assert!(!pushed(2.6, 0.05).falls);
    }
}
