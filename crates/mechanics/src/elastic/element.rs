//! The stiffness of one brick.
//!
//! E. Wilson et al., *Incompatible displacement models* (1973), R. Taylor et al. (1976): to the trilinear shape functions
//! come three bubbles 1 - ξ² in each direction, whose nine amplitudes are condensed out. On bricks with right angles it
//! passes the patch test, and bends as a beam does.

use solid::vector::Vector;

use super::{CORNERS, UNKNOWNS};

/// Displacements of the nodes, then amplitudes of the bubbles.
const ALL: usize = UNKNOWNS + 9;

/// The matrices of a brick for a Young's modulus of 1.
#[derive(Debug, Clone)]
pub struct Elasticity {
    /// 24 × 24, row by row: forces from displacements, three to a node.
    pub stiffness: Vec<f64>,
    /// 6 × 24: the strain at the centre (xx, yy, zz and the engineering shears xy, yz, zx).
    pub strain: [[f64; UNKNOWNS]; 6],
    /// 6 × 6: stress from strain.
    pub material: [[f64; 6]; 6],
}

/// The brick of these sides.
pub fn elasticity(size: Vector, poisson: f64) -> Elasticity {
    let material = material(poisson);
    let inverse = size.map(|side| 2.0 / side);
    let volume = size.iter().product::<f64>() / 8.0;
    let gauss = 1.0 / 3.0_f64.sqrt();
    let mut matrix = vec![0.0; ALL * ALL];
    for point in 0..8_usize {
        let at: Vector = std::array::from_fn(|axis| if point >> axis & 1 == 1 { gauss } else { -gauss });
        let mut rows = [[0.0; ALL]; 6];
        for node in 0..CORNERS {
            set(&mut rows, 3 * node, shape_gradient(node, at, inverse));
        }
        for mode in 0..3 {
            let gradient = std::array::from_fn(|axis| if axis == mode { -2.0 * at[axis] * inverse[axis] } else { 0.0 });
            set(&mut rows, UNKNOWNS + 3 * mode, gradient);
        }
        for i in 0..ALL {
            let mut stress = [0.0; 6];
            for (row, stress) in stress.iter_mut().enumerate() {
                *stress = (0..6).map(|k| material[row][k] * rows[k][i]).sum();
            }
            for j in 0..ALL {
                matrix[i * ALL + j] += volume * (0..6).map(|k| stress[k] * rows[k][j]).sum::<f64>();
            }
        }
    }
    // The bubbles are eliminated, the last first.
    for pivot in (UNKNOWNS..ALL).rev() {
        let diagonal = matrix[pivot * ALL + pivot];
        for i in 0..pivot {
            let factor = matrix[i * ALL + pivot] / diagonal;
            for j in 0..pivot {
                matrix[i * ALL + j] -= factor * matrix[pivot * ALL + j];
            }
        }
    }
    let mut stiffness = vec![0.0; UNKNOWNS * UNKNOWNS];
    for i in 0..UNKNOWNS {
        for j in 0..UNKNOWNS {
            // Symmetric to the last bit.
            stiffness[i * UNKNOWNS + j] = f64::midpoint(matrix[i * ALL + j], matrix[j * ALL + i]);
        }
    }
    let mut strain = [[0.0; UNKNOWNS]; 6];
    for node in 0..CORNERS {
        set(&mut strain, 3 * node, shape_gradient(node, [0.0; 3], inverse));
    }
    Elasticity { stiffness, strain, material }
}

fn shape_gradient(node: usize, at: Vector, inverse: Vector) -> Vector {
    let sign: Vector = std::array::from_fn(|axis| if node >> axis & 1 == 1 { 1.0 } else { -1.0 });
    let factor: Vector = std::array::from_fn(|axis| 1.0 + sign[axis] * at[axis]);
    [
        sign[0] * factor[1] * factor[2] / 8.0 * inverse[0],
        factor[0] * sign[1] * factor[2] / 8.0 * inverse[1],
        factor[0] * factor[1] * sign[2] / 8.0 * inverse[2],
    ]
}

/// Strain from a vector whose shape has this gradient.
fn set<const N: usize>(rows: &mut [[f64; N]; 6], at: usize, [x, y, z]: Vector) {
    rows[0][at] = x;
    rows[1][at + 1] = y;
    rows[2][at + 2] = z;
    (rows[3][at], rows[3][at + 1]) = (y, x);
    (rows[4][at + 1], rows[4][at + 2]) = (z, y);
    (rows[5][at], rows[5][at + 2]) = (z, x);
}

fn material(poisson: f64) -> [[f64; 6]; 6] {
    let lame = poisson / ((1.0 + poisson) * (1.0 - 2.0 * poisson));
    let shear = 0.5 / (1.0 + poisson);
    let mut matrix = [[0.0; 6]; 6];
    for i in 0..3 {
        for j in 0..3 {
            matrix[i][j] = lame + if i == j { 2.0 * shear } else { 0.0 };
        }
        matrix[i + 3][i + 3] = shear;
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rigid_motion_costs_nothing_and_a_stretch_what_hooke_says() {
        let size = [0.5, 0.7, 1.1];
        let own = elasticity(size, 0.3);
        let energy = |field: &dyn Fn(Vector) -> Vector| {
            let mut u = [0.0; UNKNOWNS];
            for node in 0..CORNERS {
                let place = std::array::from_fn(|axis| if node >> axis & 1 == 1 { size[axis] } else { 0.0 });
                u[3 * node..3 * node + 3].copy_from_slice(&field(place));
            }
            let mut sum = 0.0;
            for i in 0..UNKNOWNS {
                for j in 0..UNKNOWNS {
                    sum += u[i] * own.stiffness[i * UNKNOWNS + j] * u[j];
                }
            }
            sum / 2.0
        };
        assert!(energy(&|_| [1.0, -2.0, 0.5]).abs() < 1e-13);
        assert!(energy(&|[x, y, z]| [z - y, x - z, y - x]).abs() < 1e-13);
        let volume: f64 = size.iter().product();
        // Uniaxial stress: E ε² / 2, the sides contract freely.
        let stretch = energy(&|[x, y, z]| [x, -0.3 * y, -0.3 * z]);
        assert!((stretch / (volume / 2.0) - 1.0).abs() < 1e-12);
        // Pure bending about y: σ = E z κ, the energy of a beam. Trilinear bricks alone would be far too stiff.
        let middle = size[2] / 2.0;
        let bent = energy(&|[x, _, z]| {
            let (x, z) = (x - size[0] / 2.0, z - middle);
            [x * z, 0.0, -x * x / 2.0]
        });
        let beam = size[0] * size[1] * size[2].powi(3) / 12.0 / 2.0;
        assert!((bent / beam - 1.0).abs() < 0.12, "{}", bent / beam);
    }
}
