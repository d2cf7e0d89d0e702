//! From where pictures are taken, and which way is up.

use catalog::Format;
use catalog::operations::{Render, Up, View};
use glam::{Vec3A, vec3a};
use scene::evaluate::{Projection, Scene};
use scene::transform::{Matrix, multiply};
use tracer::camera::Camera;

/// Turns the file's axes so that y is up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis(Up);

impl Axis {
    /// The axis asked for, or a guess by format and shape.
    pub fn of(asked: Option<Up>, format: Format, scene: &Scene) -> Self {
        if let Some(asked) = asked {
            return Self(asked);
        }
        let Some((low, high)) = scene.bounds() else { return Self(Up::Y) };
        let extent: [f32; 3] = std::array::from_fn(|at| high[at] - low[at]);
        let longest = extent.iter().copied().fold(0.0, f32::max);
        let stands = |axis: usize| low[axis].abs() < 1e-3 * longest;
        let up = match format {
            Format::Stl => Up::Z,
            Format::Ply | Format::Obj => {
                let is_flat = extent[2] < 0.2 * extent[0].min(extent[1]);
                if is_flat || (stands(2) && !stands(1)) { Up::Z } else { Up::Y }
            }
            _ => Up::Y,
        };
        Self(up)
    }

    /// The option's word.
    pub fn name(self) -> &'static str {
        match self.0 {
            Up::X => "x",
            Up::Y => "y",
            Up::Z => "z",
            Up::MinusY => "-y",
            Up::MinusZ => "-z",
        }
    }

    /// Turns everything that has a place or a direction.
    pub fn turn(self, scene: &mut Scene) {
        let turned = |[x, y, z]: [f32; 3]| match self.0 {
            Up::X => [-y, x, z],
            Up::Y => [x, y, z],
            Up::Z => [x, z, -y],
            Up::MinusY => [x, -y, -z],
            Up::MinusZ => [x, -z, y],
        };
        if self.0 == Up::Y {
            return;
        }
        for piece in &mut scene.pieces {
            piece.positions.iter_mut().for_each(|own| *own = turned(*own));
            piece.normals.iter_mut().for_each(|own| *own = turned(*own));
            for own in &mut piece.tangents {
                let [x, y, z] = turned([own[0], own[1], own[2]]);
                *own = [x, y, z, own[3]];
            }
        }
        for light in &mut scene.lights {
            light.position = turned(light.position);
            light.direction = turned(light.direction);
        }
        let mut matrix: Matrix = scene::transform::IDENTITY;
        for (column, axis) in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].into_iter().enumerate() {
            let own = turned(axis);
            for row in 0..3 {
                matrix[column * 4 + row] = f64::from(own[row]);
            }
        }
        for camera in &mut scene.cameras {
            camera.matrix = multiply(&matrix, &camera.matrix);
        }
    }
}

/// The direction in which a view looks.
fn forward(view: View, options: &Render) -> Vec3A {
    match view {
        View::ThreeQuarter => from_angles(options.azimuth, options.elevation),
        View::Front => vec3a(0.0, 0.0, -1.0),
        View::Back => vec3a(0.0, 0.0, 1.0),
        View::Left => vec3a(1.0, 0.0, 0.0),
        View::Right => vec3a(-1.0, 0.0, 0.0),
        View::Top => vec3a(0.0, -1.0, 0.0),
        View::Bottom => vec3a(0.0, 1.0, 0.0),
        View::Iso => -vec3a(1.0, 1.0, 1.0).normalize(),
    }
}

/// Towards the middle from an azimuth (0 is the front, +z) and an elevation, in degrees.
pub fn from_angles(azimuth: f64, elevation: f64) -> Vec3A {
    let (azimuth, elevation) = (azimuth.to_radians() as f32, elevation.clamp(-89.99, 89.99).to_radians() as f32);
    -vec3a(elevation.cos() * azimuth.sin(), elevation.sin(), elevation.cos() * azimuth.cos())
}

/// The camera of a view, framed on what is seen.
pub fn camera(view: View, options: &Render, points: &[Vec3A]) -> Camera {
    let aspect = options.width as f32 / options.height() as f32;
    let (angle, margin) = (options.field_of_view.to_radians() as f32, options.padding as f32);
    let forward = forward(view, options);
    if view != View::Iso {
        return Camera::framing(points, forward, angle, aspect, margin);
    }
    // In parallel: the perspective's camera tells right and up.
    let mut camera = Camera::framing(points, forward, angle, aspect, margin);
    let (mut low, mut high) = (Vec3A::INFINITY, Vec3A::NEG_INFINITY);
    for &point in points {
        let own = vec3a(point.dot(camera.right), point.dot(camera.up), point.dot(forward));
        (low, high) = (low.min(own), high.max(own));
    }
    let middle = (low + high) * 0.5;
    let size = (high - low).max(Vec3A::splat(1e-6)) * (0.5 / (1.0 - 2.0 * margin));
    let half = size.y.max(size.x / aspect);
    let depth = (high.z - low.z).max(half);
    camera.position = camera.right * middle.x + camera.up * middle.y + forward * (low.z - depth);
    camera.half = [half * aspect, half];
    camera.parallel = true;
    camera
}

/// A camera of the file.
pub fn of_file(camera: &scene::evaluate::Camera, options: &Render) -> Camera {
    let m = &camera.matrix;
    let column = |at: usize| vec3a(m[at * 4] as f32, m[at * 4 + 1] as f32, m[at * 4 + 2] as f32);
    let aspect = options.width as f32 / options.height() as f32;
    let right = column(0).normalize_or(vec3a(1.0, 0.0, 0.0));
    let forward = -column(2).normalize_or(vec3a(0.0, 0.0, 1.0));
    let (half, parallel) = match camera.projection {
        Projection::Perspective { vertical, .. } => {
            let half = (vertical as f32 * 0.5).tan();
            ([half * aspect, half], false)
        }
        Projection::Orthographic { half_height, .. } => ([half_height as f32 * aspect, half_height as f32], true),
    };
    Camera { position: column(3), right, up: right.cross(forward), forward, half, parallel }
}

/// The places that a picture has to hold: those of all nodes but the scenery.
pub fn points_of(scene: &Scene, scenery: &[usize]) -> Vec<Vec3A> {
    let mut points = Vec::new();
    for piece in scene.pieces.iter().filter(|piece| !scenery.contains(&piece.node)) {
        let mut used = vec![false; piece.positions.len()];
        let corners = piece.triangles.iter().flatten().chain(piece.lines.iter().flatten()).chain(&piece.points);
        corners.for_each(|&vertex| used[vertex as usize] = true);
        let shown = piece.positions.iter().zip(&used).filter(|(_, used)| **used);
        points.extend(shown.map(|(position, _)| Vec3A::from_array(*position)));
    }
    points
}
