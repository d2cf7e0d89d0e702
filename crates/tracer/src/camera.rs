//! Where a picture is seen from.

use glam::{Vec3A, vec3a};

/// A camera: rays through the places of a picture, from -1 at the left and bottom to 1 at the right and top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// The eye.
    pub position: Vec3A,
    /// Unit vectors of the picture.
    pub right: Vec3A,
    /// See `right`.
    pub up: Vec3A,
    /// The way it looks.
    pub forward: Vec3A,
    /// Half the width and height: at a distance of 1, or everywhere if it projects in parallel.
    pub half: [f32; 2],
    /// Projects in parallel.
    pub parallel: bool,
}

impl Camera {
    /// At `position`, with `target` in the middle; `vertical` is the angle of view in radians.
    pub fn looking_at(position: Vec3A, target: Vec3A, vertical: f32, aspect: f32) -> Self {
        let forward = (target - position).normalize_or(vec3a(0.0, 0.0, -1.0));
        let (right, up) = upright(forward);
        let half = (vertical * 0.5).tan();
        Self { position, right, up, forward, half: [half * aspect, half], parallel: false }
    }

    /// Seen in the direction `forward`, from so far away, and with such a middle, that every point is within the picture but
    /// for a margin: a share of the picture's width and height on each side.
    pub fn framing(points: &[Vec3A], forward: Vec3A, vertical: f32, aspect: f32, margin: f32) -> Self {
        let (right, up) = upright(forward);
        let half = (vertical * 0.5).tan();
        let half = [half * aspect, half];
        let inner = half.map(|half| half * (1.0 - 2.0 * margin).max(0.1));
        let middle = points.iter().fold(Vec3A::ZERO, |sum, &point| sum + point / points.len().max(1) as f32);
        // Each side of the picture is a plane through the eye: a point p is inside the right one if
        // (p.x - e.x) <= inner * (p.z - e.z). The largest p.x - inner * p.z binds it, and so for the others.
        let mut sides = [f32::NEG_INFINITY; 4];
        let mut nearest = f32::INFINITY;
        for &point in points {
            let own = point - middle;
            let (x, y, z) = (own.dot(right), own.dot(up), own.dot(forward));
            sides[0] = sides[0].max(x - inner[0] * z);
            sides[1] = sides[1].max(-x - inner[0] * z);
            sides[2] = sides[2].max(y - inner[1] * z);
            sides[3] = sides[3].max(-y - inner[1] * z);
            nearest = nearest.min(z);
        }
        if points.is_empty() {
            return Self::looking_at(middle - forward, middle, vertical, aspect);
        }
        let (x, y) = ((sides[0] - sides[1]) * 0.5, (sides[2] - sides[3]) * 0.5);
        let back = ((sides[0] + sides[1]) * 0.5 / inner[0]).max((sides[2] + sides[3]) * 0.5 / inner[1]);
        // A point alone is seen from a little way off.
        let scale = middle.abs().max_element().max(1e-3) * 1e-3;
        let back = back.max(scale - nearest);
        let position = middle + right * x + up * y - forward * back;
        Self { position, right, up, forward, half, parallel: false }
    }

    /// The origin and unit direction of a ray.
    pub fn ray(&self, x: f32, y: f32) -> (Vec3A, Vec3A) {
        let aside = self.right * (x * self.half[0]) + self.up * (y * self.half[1]);
        if self.parallel {
            (self.position + aside, self.forward)
        } else {
            (self.position, (self.forward + aside).normalize())
        }
    }
}

/// Right and up for a direction; the y axis is up.
fn upright(forward: Vec3A) -> (Vec3A, Vec3A) {
    // Seen from above, what is further away (-z) is up in the picture; from below, it is down.
    let world_up = if forward.y.abs() > 0.9999 { vec3a(0.0, 0.0, forward.y.signum()) } else { vec3a(0.0, 1.0, 0.0) };
    let right = forward.cross(world_up).normalize_or(vec3a(1.0, 0.0, 0.0));
    (right, right.cross(forward))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framed_object_touches_the_margins() {
        let corners: Vec<Vec3A> =
            (0..8).map(|n| vec3a((n & 1) as f32 * 3.0, (n >> 1 & 1) as f32, (n >> 2) as f32 * 0.5)).collect();
        for (forward, aspect) in
            [(vec3a(-0.5, -0.3, -0.8), 1.0), (vec3a(0.0, 0.0, -1.0), 2.0), (vec3a(0.0, -1.0, 0.0), 0.5)]
        {
            let forward = forward.normalize();
            let camera = Camera::framing(&corners, forward, 0.5, aspect, 0.06);
            let mut most = [0.0_f32; 2];
            for &corner in &corners {
                let own = corner - camera.position;
                let z = own.dot(forward);
                assert!(z > 0.0);
                most[0] = most[0].max((own.dot(camera.right) / z / camera.half[0]).abs());
                most[1] = most[1].max((own.dot(camera.up) / z / camera.half[1]).abs());
            }
            assert!((most[0].max(most[1]) - 0.88).abs() < 1e-3, "{most:?}");
        }
    }
}
