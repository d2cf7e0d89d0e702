//! Stresses at the cells' centres, and from them at any point of the surface.

use solid::mass::eigen;
use solid::parallel;
use solid::vector::Vector;

use super::UNKNOWNS;
use super::element::Elasticity;
use super::lattice::Lattice;

/// Cells that are filled less than this are too far outside for their centre's stress to mean anything.
const FILLED: f32 = 0.3;
/// How many cells away a cell still counts for the stress at a point.
const REACH: i64 = 2;

/// A stress: xx, yy, zz, xy, yz, zx, Pa.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stress(pub [f64; 6]);

impl Stress {
    /// R. von Mises' equivalent stress, Pa.
    pub fn von_mises(&self) -> f64 {
        let [x, y, z, xy, yz, zx] = self.0;
        let normal = (x - y) * (x - y) + (y - z) * (y - z) + (z - x) * (z - x);
        (0.5 * normal + 3.0 * (xy * xy + yz * yz + zx * zx)).sqrt()
    }

    /// The largest principal stress, Pa: tension is positive.
    pub fn largest_principal(&self) -> f64 {
        let [x, y, z, xy, yz, zx] = self.0;
        eigen([[x, xy, zx], [xy, y, yz], [zx, yz, z]]).0[2]
    }
}

/// The stresses of all cells.
#[derive(Debug, Clone)]
pub struct Stresses<'a> {
    lattice: &'a Lattice,
    centres: Vec<Stress>,
}

impl<'a> Stresses<'a> {
    /// From the displacements of the nodes. `young` is in Pa.
    pub fn of(
        lattice: &'a Lattice,
        elasticity: &Elasticity,
        young: f64,
        displacements: &[f64],
        threads: usize,
    ) -> Self {
        let mut centres = vec![Stress::default(); lattice.cells.len()];
        parallel::chunks(&mut centres, 4096, threads, |chunk, own| {
            for (at, stress) in own.iter_mut().enumerate() {
                let nodes = &lattice.nodes[chunk * 4096 + at];
                let values: [f64; UNKNOWNS] =
                    std::array::from_fn(|at| displacements[3 * nodes[at / 3] as usize + at % 3]);
                let strain: [f64; 6] =
                    std::array::from_fn(|row| elasticity.strain[row].iter().zip(&values).map(|(a, b)| a * b).sum());
                stress.0 = std::array::from_fn(|row| {
                    young * elasticity.material[row].iter().zip(&strain).map(|(a, b)| a * b).sum::<f64>()
                });
            }
        });
        Self { lattice, centres }
    }

    /// The von Mises stress that a fraction of the volume stays below, for each fraction.
    pub fn percentiles<const N: usize>(&self, fractions: [f64; N]) -> [f64; N] {
        let mut all: Vec<(f64, f64)> = self
            .centres
            .iter()
            .zip(&self.lattice.fill)
            .filter(|(_, fill)| **fill >= FILLED)
            .map(|(stress, fill)| (stress.von_mises(), f64::from(*fill)))
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = all.iter().map(|(_, fill)| fill).sum();
        fractions.map(|fraction| {
            let mut sum = 0.0;
            for (value, fill) in &all {
                sum += fill;
                if sum >= fraction * total {
                    return *value;
                }
            }
            all.last().map_or(0.0, |(value, _)| *value)
        })
    }

    /// The stress at a point of the solid or its surface: a plane through the cells around it, by least squares.
    pub fn at(&self, point: Vector) -> Option<Stress> {
        let lattice = self.lattice;
        let place: [i64; 3] =
            std::array::from_fn(|axis| ((point[axis] - lattice.low[axis]) / lattice.size[axis]).floor() as i64);
        let mut fit = Fit::default();
        for z in -REACH..=REACH {
            for y in -REACH..=REACH {
                for x in -REACH..=REACH {
                    self.add(&mut fit, point, [place[0] + x, place[1] + y, place[2] + z]);
                }
            }
        }
        (fit.weight > 0.0).then(|| fit.value())
    }

    fn add(&self, fit: &mut Fit, point: Vector, place: [i64; 3]) {
        let lattice = self.lattice;
        if (0..3).any(|axis| place[axis] < 0 || place[axis] >= lattice.count[axis] as i64) {
            return;
        }
        let number = (place[2] as usize * lattice.count[1] + place[1] as usize) * lattice.count[0] + place[0] as usize;
        let Some(cell) = lattice.find(number).filter(|&cell| lattice.fill[cell] >= FILLED) else { return };
        let away: Vector = std::array::from_fn(|axis| {
            place[axis] as f64 + 0.5 - (point[axis] - lattice.low[axis]) / lattice.size[axis]
        });
        // Falls to nothing on both sides alike: where a product of two coordinates is what the stress is (the moment along a
        // beam times the height), one-sided neighbours would be wrong.
        let near: f64 = away.iter().map(|away| (REACH as f64 - away.abs()).max(0.0)).product();
        if near > 0.0 {
            fit.add(away, near * f64::from(lattice.fill[cell]), &self.centres[cell].0);
        }
    }
}

/// Sums of a linear least-squares fit of six values, in cells from the point that is asked for.
#[derive(Default)]
struct Fit {
    matrix: [[f64; 4]; 4],
    right: [[f64; 6]; 4],
    weight: f64,
}

impl Fit {
    fn add(&mut self, away: Vector, weight: f64, values: &[f64; 6]) {
        let basis = [1.0, away[0], away[1], away[2]];
        for i in 0..4 {
            for j in 0..4 {
                self.matrix[i][j] += weight * basis[i] * basis[j];
            }
            for k in 0..6 {
                self.right[i][k] += weight * basis[i] * values[k];
            }
        }
        self.weight += weight;
    }

    /// The values at the point. Slopes that the cells do not show (a wall of one cell) are 0.
    fn value(mut self) -> Stress {
        // Slopes are seen from the cells' own middle, so that holding them down does not move the mean.
        let ridge = 1e-6 * self.matrix[0][0];
        let mean: [f64; 3] = std::array::from_fn(|axis| self.matrix[0][axis + 1] / self.matrix[0][0]);
        let total = self.matrix[0][0];
        let mut normal = [[0.0; 3]; 3];
        let mut right = [[0.0; 6]; 3];
        for i in 0..3 {
            for j in 0..3 {
                normal[i][j] = self.matrix[i + 1][j + 1] - total * mean[i] * mean[j];
            }
            normal[i][i] += ridge;
            for k in 0..6 {
                right[i][k] = self.right[i + 1][k] - mean[i] * self.right[0][k];
            }
        }
        for pivot in 0..3 {
            for row in pivot + 1..3 {
                let factor = normal[row][pivot] / normal[pivot][pivot];
                for column in pivot..3 {
                    normal[row][column] -= factor * normal[pivot][column];
                }
                for k in 0..6 {
                    right[row][k] -= factor * right[pivot][k];
                }
            }
        }
        for k in 0..6 {
            for row in (0..3).rev() {
                let known: f64 = (row + 1..3).map(|column| normal[row][column] * right[column][k]).sum();
                right[row][k] = (right[row][k] - known) / normal[row][row];
            }
        }
        self.right[0] = std::array::from_fn(|k| {
            self.right[0][k] / total - (0..3).map(|axis| mean[axis] * right[axis][k]).sum::<f64>()
        });
        Stress(self.right[0])
    }
}
