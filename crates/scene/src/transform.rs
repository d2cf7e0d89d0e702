//! Transformations of nodes.

/// A 4 × 4 matrix, column by column.
pub type Matrix = [f64; 16];

/// The matrix that changes nothing.
pub const IDENTITY: Matrix = [1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1.];

/// A node's transformation relative to its parent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transform {
    /// As three parts, which animations may drive.
    Parts(Parts),
    /// As a matrix.
    Matrix(Matrix),
}

/// Scale, then rotation, then translation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    /// Added last.
    pub translation: [f64; 3],
    /// Unit quaternion, x y z w.
    pub rotation: [f64; 4],
    /// Multiplied first.
    pub scale: [f64; 3],
}

impl Parts {
    /// Changes nothing.
    pub const IDENTITY: Self = Self { translation: [0.0; 3], rotation: [0.0, 0.0, 0.0, 1.0], scale: [1.0; 3] };

    /// As a matrix.
    pub fn matrix(&self) -> Matrix {
        let [x, y, z, w] = self.rotation;
        let [sx, sy, sz] = self.scale;
        let [tx, ty, tz] = self.translation;
        [
            (1.0 - 2.0 * (y * y + z * z)) * sx,
            2.0 * (x * y + z * w) * sx,
            2.0 * (x * z - y * w) * sx,
            0.0,
            2.0 * (x * y - z * w) * sy,
            (1.0 - 2.0 * (x * x + z * z)) * sy,
            2.0 * (y * z + x * w) * sy,
            0.0,
            2.0 * (x * z + y * w) * sz,
            2.0 * (y * z - x * w) * sz,
            (1.0 - 2.0 * (x * x + y * y)) * sz,
            0.0,
            tx,
            ty,
            tz,
            1.0,
        ]
    }

    /// These parts over a grid: `offset + step * whole numbers`.
    #[must_use]
    pub fn over_grid(&self, offset: [f64; 3], step: f64) -> Self {
        Self {
            translation: apply(&self.matrix(), offset),
            rotation: self.rotation,
            scale: self.scale.map(|scale| scale * step),
        }
    }
}

impl Default for Transform {
    fn default() -> Self {
        Self::Parts(Parts::IDENTITY)
    }
}

impl Transform {
    /// As a matrix.
    pub fn matrix(&self) -> Matrix {
        match self {
            Self::Parts(parts) => parts.matrix(),
            Self::Matrix(matrix) => *matrix,
        }
    }

    /// Changes nothing.
    pub fn is_identity(&self) -> bool {
        match self {
            Self::Parts(parts) => *parts == Parts::IDENTITY,
            Self::Matrix(matrix) => *matrix == IDENTITY,
        }
    }

    /// This over a grid: `offset + step * whole numbers`.
    #[must_use]
    pub fn over_grid(&self, offset: [f64; 3], step: f64) -> Self {
        match self {
            Self::Parts(parts) => Self::Parts(parts.over_grid(offset, step)),
            Self::Matrix(matrix) => Self::Matrix(multiply(matrix, &grid(offset, step))),
        }
    }
}

/// The matrix of `offset + step * whole numbers`.
pub fn grid(offset: [f64; 3], step: f64) -> Matrix {
    let [x, y, z] = offset;
    [step, 0., 0., 0., 0., step, 0., 0., 0., 0., step, 0., x, y, z, 1.]
}

/// `left` after `right`.
pub fn multiply(left: &Matrix, right: &Matrix) -> Matrix {
    std::array::from_fn(|at| {
        let (column, row) = (at / 4, at % 4);
        (0..4).map(|k| left[k * 4 + row] * right[column * 4 + k]).sum()
    })
}

/// A point through a matrix without perspective.
pub fn apply(matrix: &Matrix, [x, y, z]: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|row| matrix[row] * x + matrix[4 + row] * y + matrix[8 + row] * z + matrix[12 + row])
}

/// A direction through the upper left 3 × 3.
pub fn apply_linear(matrix: &Matrix, [x, y, z]: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|row| matrix[row] * x + matrix[4 + row] * y + matrix[8 + row] * z)
}

/// The determinant of the upper left 3 × 3: negative where the matrix mirrors.
pub fn determinant(m: &Matrix) -> f64 {
    m[0] * (m[5] * m[10] - m[9] * m[6]) - m[4] * (m[1] * m[10] - m[9] * m[2]) + m[8] * (m[1] * m[6] - m[5] * m[2])
}

/// The upper left 3 × 3 that normals go through: the cofactors, which is the inverse transpose times the determinant.
pub fn cofactors(m: &Matrix) -> Matrix {
    let mut c = IDENTITY;
    let at = |row: usize, column: usize| m[column * 4 + row];
    for column in 0..3 {
        for row in 0..3 {
            let (r1, r2) = ((row + 1) % 3, (row + 2) % 3);
            let (c1, c2) = ((column + 1) % 3, (column + 2) % 3);
            c[column * 4 + row] = at(r1, c1) * at(r2, c2) - at(r1, c2) * at(r2, c1);
        }
    }
    c
}

/// The largest factor by which a matrix stretches an axis.
pub fn largest_scale(m: &Matrix) -> f64 {
    (0..3)
        .map(|column| (m[column * 4].powi(2) + m[column * 4 + 1].powi(2) + m[column * 4 + 2].powi(2)).sqrt())
        .fold(0.0, f64::max)
}

/// A matrix as parts, where it has no shear and no perspective.
pub fn decompose(m: &Matrix) -> Option<Parts> {
    let column = |at: usize| [m[at * 4], m[at * 4 + 1], m[at * 4 + 2]];
    let length = |v: [f64; 3]| (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
    let mut scale = [length(column(0)), length(column(1)), length(column(2))];
    if scale.iter().any(|&scale| scale < 1e-12 || !scale.is_finite()) || m[3] != 0.0 || m[7] != 0.0 || m[11] != 0.0 {
        return None;
    }
    if determinant(m) < 0.0 {
        scale[0] = -scale[0];
    }
    let axes: [[f64; 3]; 3] = std::array::from_fn(|at| column(at).map(|value| value / scale[at]));
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    if [dot(axes[0], axes[1]), dot(axes[0], axes[2]), dot(axes[1], axes[2])].iter().any(|dot| dot.abs() > 1e-5) {
        return None;
    }
    let r = |row: usize, column: usize| axes[column][row];
    let trace = r(0, 0) + r(1, 1) + r(2, 2);
    let mut rotation = if trace > 0.0 {
        let s = (trace + 1.0).sqrt() * 2.0;
        [(r(2, 1) - r(1, 2)) / s, (r(0, 2) - r(2, 0)) / s, (r(1, 0) - r(0, 1)) / s, s / 4.0]
    } else if r(0, 0) > r(1, 1) && r(0, 0) > r(2, 2) {
        let s = (1.0 + r(0, 0) - r(1, 1) - r(2, 2)).sqrt() * 2.0;
        [s / 4.0, (r(0, 1) + r(1, 0)) / s, (r(0, 2) + r(2, 0)) / s, (r(2, 1) - r(1, 2)) / s]
    } else if r(1, 1) > r(2, 2) {
        let s = (1.0 + r(1, 1) - r(0, 0) - r(2, 2)).sqrt() * 2.0;
        [(r(0, 1) + r(1, 0)) / s, s / 4.0, (r(1, 2) + r(2, 1)) / s, (r(0, 2) - r(2, 0)) / s]
    } else {
        let s = (1.0 + r(2, 2) - r(0, 0) - r(1, 1)).sqrt() * 2.0;
        [(r(0, 2) + r(2, 0)) / s, (r(1, 2) + r(2, 1)) / s, s / 4.0, (r(1, 0) - r(0, 1)) / s]
    };
    let norm = rotation.iter().map(|value| value * value).sum::<f64>().sqrt();
    rotation = rotation.map(|value| value / norm);
    Some(Parts { translation: [m[12], m[13], m[14]], rotation, scale })
}
