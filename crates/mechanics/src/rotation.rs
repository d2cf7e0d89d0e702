//! Rotations as unit quaternions: x, y, z, w, as glTF has them.

use solid::vector::{Matrix, Vector, add, cross, scale};

/// A unit quaternion: x, y, z, w.
pub type Rotation = [f64; 4];

/// No rotation.
pub const IDENTITY: Rotation = [0.0, 0.0, 0.0, 1.0];

/// About an axis of length 1 by an angle in radians.
pub fn about(axis: Vector, angle: f64) -> Rotation {
    let [x, y, z] = scale(axis, libm::sin(angle / 2.0));
    [x, y, z, libm::cos(angle / 2.0)]
}

/// First `second`, then `first`.
pub fn product(first: Rotation, second: Rotation) -> Rotation {
    let (a, b) = ([first[0], first[1], first[2]], [second[0], second[1], second[2]]);
    let [x, y, z] = add(cross(a, b), add(scale(b, first[3]), scale(a, second[3])));
    [x, y, z, first[3] * second[3] - (a[0] * b[0] + a[1] * b[1] + a[2] * b[2])]
}

/// The other way round.
pub fn inverse([x, y, z, w]: Rotation) -> Rotation {
    [-x, -y, -z, w]
}

/// A vector turned.
pub fn turn(rotation: Rotation, vector: Vector) -> Vector {
    let own = [rotation[0], rotation[1], rotation[2]];
    let twice = scale(cross(own, vector), 2.0);
    add(vector, add(scale(twice, rotation[3]), cross(own, twice)))
}

/// Of a rotation matrix (S. Shepperd 1978).
pub fn of_matrix(m: &Matrix) -> Rotation {
    let trace = m[0][0] + m[1][1] + m[2][2];
    let largest = [m[0][0], m[1][1], m[2][2], trace];
    let at = (0..4).max_by(|&i, &j| largest[i].total_cmp(&largest[j])).unwrap_or(3);
    let raw = if at == 3 {
        [m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1], 1.0 + trace]
    } else {
        let (i, j, k) = (at, (at + 1) % 3, (at + 2) % 3);
        let mut raw = [0.0; 4];
        raw[i] = 1.0 + m[i][i] - m[j][j] - m[k][k];
        raw[j] = m[j][i] + m[i][j];
        raw[k] = m[k][i] + m[i][k];
        raw[3] = m[k][j] - m[j][k];
        raw
    };
    let length = raw.iter().map(|value| value * value).sum::<f64>().sqrt();
    raw.map(|value| value / length)
}

#[cfg(test)]
mod tests {
    use solid::vector::{norm, rotation_between, sub, transform, unit};

    use super::*;

    #[test]
    fn quaternions_turn_as_their_matrices_do() {
        let (from, to) = (unit([1.0, 2.0, -0.5]), unit([-0.3, 0.1, 0.9]));
        let matrix = rotation_between(from, to);
        let own = of_matrix(&matrix);
        for vector in [[1.0, 0.0, 0.0], [0.2, -3.0, 0.7]] {
            assert!(norm(sub(turn(own, vector), transform(&matrix, vector))) < 1e-12);
        }
        assert!(norm(sub(turn(own, from), to)) < 1e-12);
        let both = product(about([0.0, 0.0, 1.0], 0.3), about([1.0, 0.0, 0.0], 0.5));
        let expected = turn(about([0.0, 0.0, 1.0], 0.3), turn(about([1.0, 0.0, 0.0], 0.5), [0.1, 0.2, 0.3]));
        assert!(norm(sub(turn(both, [0.1, 0.2, 0.3]), expected)) < 1e-15);
        let half_turn = rotation_between([0.0, 0.0, 1.0], [0.0, 0.0, -1.0]);
        assert!((transform(&half_turn, [0.0, 0.0, 1.0])[2] + 1.0).abs() < 1e-12);
    }
}
