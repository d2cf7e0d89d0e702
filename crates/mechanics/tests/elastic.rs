//! Elasticity against formulas, and against figures of `CalculiX` on the same cells.

use std::f64::consts::PI;

use mechanics::elastic::{
    Elasticity, Lattice, Patch, PatchPoint, Solution, Stresses, connected, elasticity, patch, solve,
};
use solid::vector::{Vector, add, dot, norm, scale, sub};
use solid::{Grid, Mesh, shapes};

/// A grid whose cells are filled where `inside` says, the same along z, by 16 × 16 points each.
fn grid(low: Vector, size: Vector, count: [usize; 3], inside: impl Fn(Vector) -> bool) -> Grid {
    let mut grid = Grid { low, size, count, fill: vec![0.0; count.iter().product()] };
    for cell in 0..grid.len() {
        let centre = grid.centre(cell);
        let mut hits = 0;
        for sample in 0..256_usize {
            let at = |axis: usize| ((sample >> (4 * axis) & 15) as f64 - 7.5) / 16.0 * size[axis];
            hits += u32::from(inside(add(centre, [at(0), at(1), 0.0])));
        }
        grid.fill[cell] = hits as f32 / 256.0;
    }
    grid
}

struct Case {
    lattice: Lattice,
    elasticity: Elasticity,
    fixed: Vec<bool>,
    forces: Vec<f64>,
}

impl Case {
    fn new(grid: &Grid, poisson: f64) -> Self {
        let lattice = Lattice::new(grid);
        let unknowns = 3 * lattice.node_count();
        Self {
            elasticity: elasticity(grid.size, poisson),
            lattice,
            fixed: vec![false; unknowns],
            forces: vec![0.0; unknowns],
        }
    }

    /// Holds or loads the nodes of a plane.
    fn plane(&self, axis: usize, at: f64) -> Vec<usize> {
        let near = 1e-6 * self.lattice.size[axis];
        (0..self.lattice.node_count()).filter(|&node| (self.lattice.position(node)[axis] - at).abs() < near).collect()
    }

    fn roll(&mut self, axis: usize, at: f64) {
        for node in self.plane(axis, at) {
            self.fixed[3 * node + axis] = true;
        }
    }

    fn solve(&self, threads: usize) -> Solution {
        solve(&self.lattice, &self.elasticity, 1.0, &self.fixed, &self.forces, 1e-8, threads).unwrap()
    }
}

/// Deflection by Timoshenko's theory under a force of 1 at the end, for a modulus of 1: bending and shear.
fn timoshenko(length: f64, side: f64, poisson: f64) -> f64 {
    let inertia = side.powi(4) / 12.0;
    let shear = 0.5 / (1.0 + poisson);
    length.powi(3) / (3.0 * inertia) + length / (5.0 / 6.0 * shear * side * side)
}

fn cantilever(across: usize, threads: usize) -> (Case, Solution) {
    let side = 10.0 / across as f64;
    let grid = Grid {
        low: [0.0; 3],
        size: [side; 3],
        count: [10 * across, across, across],
        fill: vec![1.0; 10 * across.pow(3)],
    };
    let mut case = Case::new(&grid, 0.3);
    for node in case.plane(0, 0.0) {
        case.fixed[3 * node..3 * node + 3].fill(true);
    }
    let end = case.plane(0, 100.0);
    for &node in &end {
        case.forces[3 * node + 2] = -1.0 / end.len() as f64;
    }
    let solution = case.solve(threads);
    (case, solution)
}

#[test]
fn a_cantilever_has_the_deflections_that_calculix_gives_on_the_same_cells() {
    // CalculiX 2.20, C3D8I, the same nodes held and loaded: the work of the loads, over Timoshenko's.
    for (across, calculix) in [(1, 0.9855), (2, 0.9866), (4, 0.9904)] {
        let (_, solution) = cantilever(across, 2);
        let own = 2.0 * solution.energy / timoshenko(100.0, 10.0, 0.3);
        assert!((own - calculix).abs() < 6e-5, "{across} cells across: {own} is not {calculix}");
    }
}

#[test]
fn the_solution_is_the_same_for_any_number_of_threads_and_balances_the_loads() {
    let (_, one) = cantilever(6, 1);
    let (_, three) = cantilever(6, 3);
    assert_eq!(one.displacements, three.displacements);
    assert!(one.iterations < 25, "{}", one.iterations);
    let total: Vector = std::array::from_fn(|axis| one.reactions.iter().skip(axis).step_by(3).sum());
    assert!(norm(sub(total, [0.0, 0.0, 1.0])) < 1e-6, "{total:?}");
}

#[test]
fn bending_stress_is_that_of_the_beam_from_two_cells_across() {
    for across in [2, 4] {
        let (case, solution) = cantilever(across, 2);
        let stresses = Stresses::of(&case.lattice, &case.elasticity, 1.0, &solution.displacements, 2);
        let stress = stresses.at([50.0, 5.0, 10.0]).unwrap();
        let expected = 50.0 * 5.0 / (10.0_f64.powi(4) / 12.0);
        assert!((stress.0[0] / expected - 1.0).abs() < 0.02, "{across}: {} is not {expected}", stress.0[0]);
        assert!((stress.von_mises() / expected - 1.0).abs() < 0.03);
        assert!((stress.largest_principal() / expected - 1.0).abs() < 0.03);
    }
}

#[test]
fn a_slanted_cantilever_bends_as_the_straight_one_from_six_cells_across() {
    let (c, s) = (libm::cos(PI / 6.0), libm::sin(PI / 6.0));
    let turn = |[x, y, z]: Vector| [c * x - s * z, y, s * x + c * z];
    let mut mesh: Mesh = shapes::cuboid([100.0, 10.0, 10.0]);
    mesh.points.iter_mut().for_each(|point| *point = turn(*point));
    let ends = |end: f64| {
        let mesh = &mesh;
        (0..mesh.triangles.len()).filter(move |&at| {
            let along = |corner: Vector| dot(corner, turn([1.0, 0.0, 0.0])) * end;
            mesh.corners(at).into_iter().all(|corner| along(corner) > 49.9)
        })
    };
    for (across, slack) in [(6, 0.02), (8, 0.01)] {
        let edge = 10.0 / f64::from(across);
        let mut grid = Grid::around(&mesh, edge).filled_closed(&mesh, 2);
        let fullest = (0..grid.len()).find(|&cell| grid.fill[cell] > 0.99).unwrap();
        let reached = connected(&grid, &[fullest]);
        grid.fill.iter_mut().zip(reached).filter(|(_, reached)| !reached).for_each(|(fill, _)| *fill = 0.0);
        let mut case = Case::new(&grid, 0.3);
        let held = patch(&mesh, ends(-1.0), edge / 3.0).hold(&case.lattice, [true; 3], &mut case.fixed);
        assert!(held > 0);
        let loaded = patch(&mesh, ends(1.0), edge / 3.0);
        let down = scale(turn([0.0, 0.0, -1.0]), 1.0 / loaded.area());
        let total = loaded.load(&case.lattice, |_| down, &mut case.forces);
        assert!((norm(total) - 1.0).abs() < 1e-9);
        let own = 2.0 * case.solve(2).energy / timoshenko(100.0, 10.0, 0.3);
        assert!((own - 0.993).abs() < slack, "{across} cells across: {own}");
    }
}

#[test]
fn uniform_tension_is_exact() {
    let grid = Grid { low: [0.0; 3], size: [0.3, 0.5, 0.4], count: [7, 5, 3], fill: vec![1.0; 105] };
    let mut case = Case::new(&grid, 0.3);
    (0..3).for_each(|axis| case.roll(axis, 0.0));
    let end = patch(&shapes::moved(shapes::cuboid([2.1, 2.5, 1.2]), [1.05, 1.25, 0.6]), [10, 11], 0.05);
    end.load(&case.lattice, |_| [1.0, 0.0, 0.0], &mut case.forces);
    let solution = case.solve(2);
    let stresses = Stresses::of(&case.lattice, &case.elasticity, 1.0, &solution.displacements, 2);
    for node in 0..case.lattice.node_count() {
        let [x, y, z] = case.lattice.position(node);
        let moved: Vector = std::array::from_fn(|axis| solution.displacements[3 * node + axis]);
        assert!(norm(sub(moved, [x, -0.3 * y, -0.3 * z])) < 0.02, "{moved:?} at {x} {y} {z}");
    }
    // The patch spreads the traction by points, which is uniform to a few percent at the loaded end, and exact away from it.
    let stress = stresses.at([0.6, 1.25, 0.6]).unwrap();
    assert!((stress.0[0] - 1.0).abs() < 2e-3, "{stress:?}");
}

#[test]
fn a_plate_with_a_hole_has_howlands_stress_at_its_rim() {
    // A quarter of a plate ten radii wide and 24 long (a square one has 3.3): 2.507 times the stress between hole and edge
    // (R. Howland 1930).
    let howland = 2.507 / 0.8;
    for (cells, slack) in [(10_usize, 0.05), (16, 0.02)] {
        let edge = 1.0 / cells as f64;
        let count = [12 * cells, 5 * cells, 2];
        let grid = grid([0.0; 3], [edge; 3], count, |[x, y, _]| x * x + y * y > 1.0);
        let mut case = Case::new(&grid, 0.3);
        (0..3).for_each(|axis| case.roll(axis, 0.0));
        let thickness = 2.0 * edge;
        let far = plane_patch(|u, v| [12.0, 5.0 * u, thickness * v], [1.0, 0.0, 0.0], 5.0 * thickness, 8 * cells);
        far.load(&case.lattice, |_| [1.0, 0.0, 0.0], &mut case.forces);
        let solution = case.solve(2);
        let stresses = Stresses::of(&case.lattice, &case.elasticity, 1.0, &solution.displacements, 2);
        let rim = stresses.at([0.0, 1.0, thickness / 2.0]).unwrap().0[0];
        assert!((rim / howland - 1.0).abs() < slack, "{cells} cells a radius: {rim}");
    }
}

/// Points over a rectangle.
fn plane_patch(place: impl Fn(f64, f64) -> Vector, normal: Vector, area: f64, steps: usize) -> Patch {
    let share = area / (steps * steps) as f64;
    let points = (0..steps * steps).map(|at| {
        let of = |index: usize| (index as f64 + 0.5) / steps as f64;
        PatchPoint { point: place(of(at % steps), of(at / steps)), normal, area: share }
    });
    Patch { points: points.collect() }
}

#[test]
fn a_thick_cylinder_under_pressure_has_lames_stress_and_widening() {
    let cells = 12_usize;
    let (inner, outer, poisson) = (1.0, 2.0, 0.3);
    let edge = inner / cells as f64;
    let grid = grid([0.0; 3], [edge; 3], [2 * cells, 2 * cells, 2], |[x, y, _]| {
        let radius = (x * x + y * y).sqrt();
        radius > inner && radius < outer
    });
    let mut case = Case::new(&grid, poisson);
    (0..3).for_each(|axis| case.roll(axis, 0.0));
    // Plane strain.
    case.roll(2, 2.0 * edge);
    let steps = 400_usize;
    let height = 2.0 * edge;
    let wall = Patch {
        points: (0..steps * 8)
            .map(|at| {
                let angle = PI / 2.0 * ((at / 8) as f64 + 0.5) / steps as f64;
                let (c, s) = (libm::cos(angle), libm::sin(angle));
                let z = ((at % 8) as f64 + 0.5) / 8.0 * height;
                PatchPoint { point: [c, s, z], normal: [-c, -s, 0.0], area: PI / 2.0 * height / (8 * steps) as f64 }
            })
            .collect(),
    };
    wall.load(&case.lattice, |own| scale(own.normal, -1.0), &mut case.forces);
    let solution = case.solve(2);
    let stresses = Stresses::of(&case.lattice, &case.elasticity, 1.0, &solution.displacements, 2);
    let ratio = (outer * outer + inner * inner) / (outer * outer - inner * inner);
    // Hoop stress at the inner wall, where it crosses an axis.
    let hoop = stresses.at([0.0, 1.0, edge]).unwrap().0[0];
    assert!((hoop / ratio - 1.0).abs() < 0.05, "{hoop} is not {ratio}");
    // Widening: (1 + ν) / E × (a² p / (b² - a²)) × ((1 - 2ν) a + b² / a)
    let widening = (1.0 + poisson) / 3.0 * ((1.0 - 2.0 * poisson) + 4.0);
    let node = (0..case.lattice.node_count())
        .min_by(|&i, &j| {
            let away = |node: usize| norm(sub(case.lattice.position(node), [0.0, 1.0, 0.0]));
            away(i).total_cmp(&away(j))
        })
        .unwrap();
    let moved = solution.displacements[3 * node + 1];
    assert!((moved / widening - 1.0).abs() < 0.03, "{moved} is not {widening}");
}
