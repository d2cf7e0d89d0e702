//! One rigid body on a floor.
//!
//! A body that touches nothing but a plane touches it with its convex hull alone, so the hull is exact as its shape; mass
//! properties are the solid's own. Everything is computed at one size: the body's extent is the unit of length and the unit
//! of time is such that gravity is 9.81, which changes nothing about how a rigid body moves (Froude's similarity), so that
//! the solver's tolerances fit a ring as well as a sofa.
//!
//! Settings, tested against formulas below: steps of 1/960, friction model `Simplified`. rapier 0.36's `Coulomb` model acts
//! as if friction were 10 % less at any step; a test shows it, so that an update that mends it is noticed.

use rapier3d_f64::prelude::{
    ColliderBuilder, FrictionModel, MassProperties as RapierMass, PhysicsWorld, Pose, RigidBodyBuilder,
    RigidBodyHandle, Rotation as RapierRotation, Vector as RapierVector,
};
use solid::vector::{Matrix, Vector, dot, norm, scale, sub};
use solid::{Hull, MassProperties};

use crate::rotation::{Rotation, of_matrix, turn};

/// m/s².
pub const GRAVITY: f64 = 9.81;
/// Units of the simulation's own time.
pub const STEP: f64 = 1.0 / 960.0;
/// The most corners of a hull that a contact is computed with.
pub const MOST_CORNERS: usize = 512;

/// A rigid body. Its own frame has the centre of mass at the origin, and axes as the model has them.
#[derive(Debug, Clone)]
pub struct Body {
    /// The hull about the centre of mass, metres.
    pub hull: Hull,
    /// How far the full hull sticks out of this one, metres.
    pub hull_error: f64,
    /// Principal moments of inertia divided by mass, m².
    pub moments: Vector,
    /// Principal axes, one a row.
    pub axes: Matrix,
    /// The longest side of the box, metres.
    pub extent: f64,
    /// Takes the place of the hull.
    #[cfg(test)]
    pub(crate) ball: Option<f64>,
}

impl Body {
    /// A body with a hull and mass properties, both in the model's coordinates and in metres.
    pub fn new(hull: &Hull, properties: &MassProperties) -> Self {
        let extent = hull.extent();
        let (mut small, hull_error) = solid::hull::reduced(hull, MOST_CORNERS);
        small.points.iter_mut().for_each(|point| *point = sub(*point, properties.centre));
        let volume = properties.volume.max(f64::MIN_POSITIVE);
        // A needle's smallest moment is not 0: no body is turned infinitely fast by a touch.
        let least = 1e-6 * extent * extent;
        let moments = properties.moments.map(|moment| (moment / volume).max(least));
        Self {
            hull: small,
            hull_error,
            moments,
            axes: properties.axes,
            extent,
            #[cfg(test)]
            ball: None,
        }
    }

    /// How far the lowest corner is below the centre of mass when the body is turned so.
    pub fn depth(&self, rotation: Rotation) -> f64 {
        #[cfg(test)]
        if let Some(radius) = self.ball {
            return radius;
        }
        -self.hull.points.iter().map(|point| turn(rotation, *point)[1]).fold(f64::INFINITY, f64::min)
    }
}

/// Where a body is and how it moves; metres, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Of the centre of mass; y is up and the floor is at 0.
    pub position: Vector,
    /// From the body's own frame to the world.
    pub rotation: Rotation,
    /// Of the centre of mass.
    pub velocity: Vector,
    /// Radians a second about the world's axes.
    pub angular: Vector,
}

/// A body on a floor under gravity.
pub struct World {
    inner: PhysicsWorld,
    handle: RigidBodyHandle,
    /// Metres in a unit of length.
    length: f64,
    /// Seconds in a unit of time.
    time: f64,
    moments: Vector,
    axes: Matrix,
    steps: u64,
}

/// What floor and body are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contact {
    /// Coulomb's coefficient.
    pub friction: f64,
    /// Newton's coefficient: how much of the speed is left after an impact.
    pub restitution: f64,
}

impl World {
    /// A body at rest at a place.
    pub fn new(body: &Body, contact: Contact, position: Vector, rotation: Rotation) -> Self {
        Self::with_model(body, contact, position, rotation, FrictionModel::Simplified)
    }

    fn with_model(body: &Body, contact: Contact, position: Vector, rotation: Rotation, model: FrictionModel) -> Self {
        let length = body.extent.max(f64::MIN_POSITIVE);
        let mut inner = PhysicsWorld { gravity: RapierVector::new(0.0, -GRAVITY, 0.0), ..PhysicsWorld::default() };
        let parameters = &mut inner.integration_parameters;
        parameters.dt = STEP;
        parameters.num_internal_pgs_iterations = 8;
        parameters.num_internal_stabilization_iterations = 4;
        parameters.friction_model = model;
        let with = |collider: ColliderBuilder| {
            collider.friction(contact.friction).restitution(contact.restitution).density(0.0)
        };
        inner.insert(
            RigidBodyBuilder::fixed().translation(RapierVector::new(0.0, -10.0, 0.0)),
            with(ColliderBuilder::cuboid(1000.0, 10.0, 1000.0)),
        );
        let vector = |v: Vector| RapierVector::new(v[0], v[1], v[2]);
        let shape = || {
            #[cfg(test)]
            if let Some(radius) = body.ball {
                return ColliderBuilder::ball(radius / length);
            }
            let points: Vec<RapierVector> = body.hull.points.iter().map(|p| vector(scale(*p, 1.0 / length))).collect();
            ColliderBuilder::convex_mesh(points.clone(), &body.hull.triangles)
                .or_else(|| ColliderBuilder::convex_hull(&points))
                .unwrap_or_else(|| ColliderBuilder::ball(0.5))
        };
        // Rows are axes; the rotation from the principal frame has them as columns.
        let frame: Matrix = std::array::from_fn(|row| std::array::from_fn(|column| body.axes[column][row]));
        let [x, y, z, w] = of_matrix(&frame);
        let moments = body.moments.map(|moment| moment / (length * length));
        let mass = RapierMass::with_principal_inertia_frame(
            RapierVector::new(0.0, 0.0, 0.0),
            1.0,
            vector(moments),
            RapierRotation::from_xyzw(x, y, z, w),
        );
        let [x, y, z, w] = rotation;
        let place = vector(scale(position, 1.0 / length));
        let pose = Pose::from_parts(place, RapierRotation::from_xyzw(x, y, z, w));
        let dynamic = RigidBodyBuilder::dynamic()
            .pose(pose)
            // Velocities are half of one of the solver's four substeps ahead: with this, free fall is exact.
            .linvel(RapierVector::new(0.0, GRAVITY * STEP / 8.0, 0.0))
            .additional_mass_properties(mass)
            .gyroscopic_forces_enabled(true)
            .can_sleep(false);
        let (handle, _) = inner.insert(dynamic, with(shape()));
        let time = length.sqrt();
        Self { inner, handle, length, time, moments, axes: body.axes, steps: 0 }
    }

    /// Seconds in a step.
    pub fn step_time(&self) -> f64 {
        STEP * self.time
    }

    /// Seconds since the beginning.
    pub fn now(&self) -> f64 {
        self.steps as f64 * self.step_time()
    }

    /// One step.
    pub fn step(&mut self) {
        self.inner.step();
        self.steps += 1;
    }

    /// Turns gravity instead of the floor; a vector of length 1.
    pub fn set_down(&mut self, down: Vector) {
        self.inner.gravity = RapierVector::new(down[0], down[1], down[2]) * GRAVITY;
    }

    /// Lets a force act from now on at a point that moves with the body: per mass (m/s²), at a place in the body's frame
    /// (metres). Called before each step.
    pub fn set_force(&mut self, acceleration: Vector, point: Vector) {
        let State { position, rotation, .. } = self.state();
        let lever = turn(rotation, point);
        let at: Vector = std::array::from_fn(|axis| (position[axis] + lever[axis]) / self.length);
        let Some(body) = self.inner.bodies.get_mut(self.handle) else { return };
        body.reset_forces(true);
        body.reset_torques(true);
        if norm(acceleration) > 0.0 {
            let vector = |v: Vector| RapierVector::new(v[0], v[1], v[2]);
            body.add_force_at_point(vector(acceleration), vector(at), true);
        }
    }

    /// Sets the body turning; radians a second of the simulation's own time.
    pub fn nudge(&mut self, angular: Vector) {
        if let Some(body) = self.inner.bodies.get_mut(self.handle) {
            body.set_angvel(RapierVector::new(angular[0], angular[1], angular[2]), true);
        }
    }

    /// Where the body is and how it moves.
    pub fn state(&self) -> State {
        let body = &self.inner.bodies[self.handle];
        let (place, turned) = (body.translation(), body.rotation());
        let (linear, angular) = (body.linvel(), body.angvel());
        let speed = self.length / self.time;
        State {
            position: [place.x * self.length, place.y * self.length, place.z * self.length],
            rotation: [turned.x, turned.y, turned.z, turned.w],
            velocity: [linear.x * speed, linear.y * speed, linear.z * speed],
            angular: [angular.x / self.time, angular.y / self.time, angular.z / self.time],
        }
    }

    /// The fastest that any point of the body moves, in the simulation's own units.
    pub fn own_speed(&self) -> f64 {
        let State { velocity, angular, .. } = self.state();
        (norm(velocity) * self.time / self.length) + norm(angular) * self.time
    }

    /// Kinetic energy and energy of height over the floor's level, per mass: J/kg.
    pub fn energy(&self) -> f64 {
        let State { position, rotation, velocity, angular } = self.state();
        let own = turn(crate::rotation::inverse(rotation), angular);
        let spin: f64 = (0..3)
            .map(|at| {
                let about = dot(self.axes[at], own);
                self.moments[at] * self.length * self.length * about * about
            })
            .sum();
        dot(velocity, velocity) / 2.0 + spin / 2.0 + GRAVITY * position[1]
    }
}

#[cfg(test)]
mod tests {
    use solid::hull::convex_hull;
    use solid::shapes;

    use super::*;
    use crate::rotation::IDENTITY;

    pub(crate) fn cuboid(size: Vector) -> Body {
        let mesh = shapes::cuboid(size);
        Body::new(&convex_hull(&mesh.points).unwrap(), &MassProperties::of_closed(&mesh))
    }

    fn ball(radius: f64) -> Body {
        let mut body = cuboid([2.0 * radius; 3]);
        body.ball = Some(radius);
        body.moments = [0.4 * radius * radius; 3];
        body
    }

    fn contact(friction: f64, restitution: f64) -> Contact {
        Contact { friction, restitution }
    }

    fn incline(degrees: f64) -> Vector {
        let angle = degrees.to_radians();
        [libm::sin(angle), -libm::cos(angle), 0.0]
    }

    fn run(world: &mut World, seconds: f64) {
        while world.now() < seconds - 1e-9 {
            world.step();
        }
    }

    #[test]
    fn free_fall_is_exact_at_any_size() {
        for size in [0.01, 0.1, 3.0] {
            let mut world = World::new(&cuboid([size; 3]), contact(0.5, 0.0), [0.0, 10.0, 0.0], IDENTITY);
            run(&mut world, 0.5);
            let expected = 10.0 - 0.5 * GRAVITY * world.now() * world.now();
            let fallen = world.state().position[1];
            assert!((fallen - expected).abs() < 1e-6, "{size}: {fallen} is not {expected}");
        }
    }

    #[test]
    fn a_box_slides_above_the_angle_of_friction_as_far_as_coulomb_says() {
        // tan 26.565° = 0.5
        for (degrees, slides) in [(26.4, false), (26.75, true), (35.0, true)] {
            let mut world = World::new(&cuboid([0.2, 0.1, 0.2]), contact(0.5, 0.0), [0.0, 0.05, 0.0], IDENTITY);
            world.set_down(incline(degrees));
            run(&mut world, 2.0);
            let angle = f64::to_radians(degrees);
            let t = world.now();
            let expected = (0.5 * GRAVITY * (angle.sin() - 0.5 * angle.cos()) * t * t).max(0.0);
            let moved = world.state().position[0];
            let slack = if slides { 0.005 * expected + 1e-3 } else { 1e-3 };
            assert!((moved - expected).abs() < slack, "{degrees}: {moved} is not {expected}");
        }
    }

    #[test]
    fn the_friction_model_that_is_not_used_is_still_a_tenth_too_weak() {
        let slid = |model| {
            let body = cuboid([0.2, 0.1, 0.2]);
            let mut world = World::with_model(&body, contact(0.5, 0.0), [0.0, 0.05, 0.0], IDENTITY, model);
            world.set_down(incline(25.5));
            run(&mut world, 1.0);
            world.state().position[0]
        };
        assert!(slid(FrictionModel::Simplified) < 1e-3);
        let other = slid(FrictionModel::Coulomb);
        assert!(other > 0.02, "Coulomb holds now ({other}): compare the two again and take the better one");
    }

    #[test]
    fn a_ball_rolls_down_with_five_sevenths_of_the_pull() {
        let mut world = World::new(&ball(0.1), contact(1.0, 0.0), [0.0, 0.1, 0.0], IDENTITY);
        world.set_down(incline(20.0));
        run(&mut world, 1.0);
        let expected = 0.5 * 5.0 / 7.0 * GRAVITY * f64::to_radians(20.0).sin() * world.now() * world.now();
        assert!((world.state().position[0] / expected - 1.0).abs() < 2e-3);
    }

    #[test]
    fn a_ball_rebounds_to_the_square_of_the_restitution() {
        for restitution in [0.3, 0.5, 0.8] {
            let mut world = World::new(&ball(0.1), contact(0.5, restitution), [0.0, 1.1, 0.0], IDENTITY);
            let (mut was_down, mut top) = (false, 0.0_f64);
            while world.now() < 2.0 {
                world.step();
                let State { position, velocity, .. } = world.state();
                was_down |= velocity[1] > 0.05 && world.now() > 0.3;
                if was_down {
                    top = top.max(position[1] - 0.1);
                    if velocity[1] < 0.0 {
                        break;
                    }
                }
            }
            assert!((top - restitution * restitution).abs() < 5e-3, "{restitution}: {top}");
        }
    }

    #[test]
    fn a_tall_box_tips_where_its_centre_passes_its_edge() {
        // atan(0.1 / 0.3) = 18.435°
        for (degrees, tips) in [(18.335, false), (18.535, true)] {
            let mut world = World::new(&cuboid([0.1, 0.3, 0.1]), contact(3.0, 0.0), [0.0, 0.15, 0.0], IDENTITY);
            world.set_down(incline(degrees));
            run(&mut world, 4.0);
            let up = turn(world.state().rotation, [0.0, 1.0, 0.0])[1];
            assert_eq!(up < 0.9, tips, "{degrees}: {up}");
        }
    }

    #[test]
    fn a_body_that_tumbles_freely_keeps_its_angular_momentum() {
        let body = cuboid([0.1, 0.3, 0.6]);
        let mut world = World::new(&body, contact(0.5, 0.0), [0.0, 1000.0, 0.0], IDENTITY);
        world.set_down([0.0; 3]);
        // About the intermediate axis, which is not stable.
        world.nudge([0.01, 4.0, 0.01]);
        let momentum = |world: &World| {
            let State { rotation, angular, .. } = world.state();
            let own = turn(crate::rotation::inverse(rotation), angular);
            let mut sum = [0.0; 3];
            for at in 0..3 {
                let along = body.moments[at] * dot(body.axes[at], own);
                sum = solid::vector::add(sum, scale(body.axes[at], along));
            }
            turn(rotation, sum)
        };
        let before = momentum(&world);
        let seconds = 10.0 * world.time;
        run(&mut world, seconds);
        let drift = norm(sub(momentum(&world), before)) / norm(before);
        assert!(drift < 2e-3, "{drift}");
    }
}
