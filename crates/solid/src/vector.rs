//! Points and vectors as three numbers.

/// A point or a vector.
pub type Vector = [f64; 3];
/// A 3 × 3 matrix, row by row.
pub type Matrix = [[f64; 3]; 3];

/// `a + b`
pub fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// `a - b`
pub fn sub(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a` times a number.
pub fn scale(a: Vector, factor: f64) -> Vector {
    [a[0] * factor, a[1] * factor, a[2] * factor]
}

/// The scalar product.
pub fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The vector product.
pub fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// The length.
pub fn norm(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// The vector of length 1 in the same direction; zero stays zero.
pub fn unit(a: Vector) -> Vector {
    let length = norm(a);
    if length > 0.0 { scale(a, 1.0 / length) } else { a }
}

/// Two unit vectors that are perpendicular to a unit vector and to each other; the three are right-handed.
pub fn basis(normal: Vector) -> (Vector, Vector) {
    let helper = if normal[0].abs() < 0.6 { [1.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0] };
    let first = unit(cross(helper, normal));
    (first, cross(normal, first))
}

/// Twice the area of a triangle times its unit normal.
pub fn doubled_area(a: Vector, b: Vector, c: Vector) -> Vector {
    cross(sub(b, a), sub(c, a))
}

/// A matrix times a vector.
pub fn transform(matrix: &Matrix, vector: Vector) -> Vector {
    [dot(matrix[0], vector), dot(matrix[1], vector), dot(matrix[2], vector)]
}

/// The rotation that turns one unit vector into another on the shortest way.
pub fn rotation_between(from: Vector, to: Vector) -> Matrix {
    let (axis, cosine) = (cross(from, to), dot(from, to));
    if cosine < -0.999_999_999_999 {
        // Half a turn about anything perpendicular.
        let (axis, _) = basis(from);
        return std::array::from_fn(|row| {
            std::array::from_fn(|column| 2.0 * axis[row] * axis[column] - f64::from(u8::from(row == column)))
        });
    }
    let factor = 1.0 / (1.0 + cosine);
    let skew = [[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]];
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            let diagonal = if row == column { cosine } else { 0.0 };
            diagonal + skew[row][column] + factor * axis[row] * axis[column]
        })
    })
}

/// The smallest and the largest coordinates of points; infinite the wrong way round for none.
pub fn bounds(points: impl IntoIterator<Item = Vector>) -> (Vector, Vector) {
    points.into_iter().fold(([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]), |(low, high), point| {
        (
            std::array::from_fn(|axis| low[axis].min(point[axis])),
            std::array::from_fn(|axis| high[axis].max(point[axis])),
        )
    })
}
