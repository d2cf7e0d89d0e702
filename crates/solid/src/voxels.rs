//! A solid as boxes on a grid, each with the fraction of it that is filled.
//!
//! Of a closed surface the fraction is taken along 3 × 3 lines through each cell, exactly along each line: crossings are
//! found with exact predicates, so that a line through an edge crosses it once. Of a surface with holes it comes from
//! generalised winding numbers at points, above 0.5 being inside; how much lies between 0.25 and 0.75 says how uncertain
//! that is.

use robust::{Coord, orient2d};

use crate::bvh::Bvh;
use crate::mass::{Integrals, MassProperties};
use crate::mesh::Mesh;
use crate::parallel;
use crate::vector::{Vector, norm, scale};

/// Lines through a cell, along each of two axes.
const LINES: usize = 3;
/// Cells in a layer of work.
const SLAB: usize = 4;

/// Cells along x, then y, then z.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// The corner with the smallest coordinates.
    pub low: Vector,
    /// The sides of a cell.
    pub size: Vector,
    /// Cells along each axis.
    pub count: [usize; 3],
    /// How much of each cell is filled, 0 to 1.
    pub fill: Vec<f32>,
}

/// A grid from winding numbers, with the volumes that other thresholds than 0.5 give.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenGrid {
    /// Above 0.5.
    pub grid: Grid,
    /// Volume above 0.25.
    pub most: f64,
    /// Volume above 0.75.
    pub least: f64,
}

/// What a row of blocks is filled with.
#[derive(Default)]
struct Row {
    cells: Vec<(usize, f32)>,
    /// Cells of a winding number above 0.25 and above 0.75.
    most: f64,
    least: f64,
}

impl Row {
    /// Eight cells, or as many of them as the grid has.
    fn add_block(&mut self, grid: &Grid, tree: &Bvh, touched: &[bool], block: [usize; 3]) {
        let places: [[usize; 3]; 8] =
            std::array::from_fn(|corner| std::array::from_fn(|axis| 2 * block[axis] + (corner >> axis & 1)));
        let inside = |place: &[usize; 3]| (0..3).all(|axis| place[axis] < grid.count[axis]);
        let cells = places.map(|place| inside(&place).then(|| grid.cell(place[0], place[1], place[2])));
        if cells.iter().flatten().any(|&cell| !touched[cell]) {
            // A place beyond the grid is asked about and not used.
            let windings = tree.windings(&places.map(|place| grid.centre_of(place)));
            for (cell, winding) in cells.iter().zip(windings) {
                if let Some(cell) = cell.filter(|&cell| !touched[cell]) {
                    self.add(cell, &[winding]);
                }
            }
        }
        for cell in cells.into_iter().flatten().filter(|&cell| touched[cell]) {
            let centre = grid.centre(cell);
            let points: [Vector; 8] = std::array::from_fn(|corner| {
                std::array::from_fn(|axis| {
                    centre[axis] + if corner >> axis & 1 == 0 { -0.25 } else { 0.25 } * grid.size[axis]
                })
            });
            self.add(cell, &tree.windings(&points));
        }
    }

    fn add(&mut self, cell: usize, windings: &[f64]) {
        let above =
            |bound: f64| windings.iter().filter(|&&winding| winding > bound).count() as f64 / windings.len() as f64;
        self.cells.push((cell, above(0.5) as f32));
        self.most += above(0.25);
        self.least += above(0.75);
    }
}

impl Grid {
    /// An empty grid over the box of a mesh, whose sides it fits exactly, with cells of about `edge`.
    pub fn around(mesh: &Mesh, edge: f64) -> Self {
        let (low, high) = mesh.bounds();
        Self::over(low, high, edge)
    }

    fn over(low: Vector, high: Vector, edge: f64) -> Self {
        let length: Vector = std::array::from_fn(|axis| (high[axis] - low[axis]).max(edge * 1e-3));
        let count = length.map(|length| ((length / edge).round() as usize).max(1));
        let size = std::array::from_fn(|axis| length[axis] / count[axis] as f64);
        Self { low, size, count, fill: vec![0.0; count[0] * count[1] * count[2]] }
    }

    /// Cells.
    pub fn len(&self) -> usize {
        self.fill.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.fill.is_empty()
    }

    /// The number of a cell.
    pub fn cell(&self, x: usize, y: usize, z: usize) -> usize {
        (z * self.count[1] + y) * self.count[0] + x
    }

    /// The place of a cell.
    pub fn place(&self, cell: usize) -> [usize; 3] {
        let [x, y, _] = self.count;
        [cell % x, cell / x % y, cell / x / y]
    }

    /// The centre of a cell.
    pub fn centre(&self, cell: usize) -> Vector {
        self.centre_of(self.place(cell))
    }

    fn centre_of(&self, place: [usize; 3]) -> Vector {
        std::array::from_fn(|axis| self.low[axis] + (place[axis] as f64 + 0.5) * self.size[axis])
    }

    /// The volume of a cell.
    pub fn cell_volume(&self) -> f64 {
        self.size.iter().product()
    }

    /// The filled volume.
    pub fn volume(&self) -> f64 {
        self.fill.iter().map(|&fill| f64::from(fill)).sum::<f64>() * self.cell_volume()
    }

    /// Mass properties of what is filled.
    pub fn properties(&self) -> MassProperties {
        let middle: Vector =
            std::array::from_fn(|axis| self.low[axis] + 0.5 * self.count[axis] as f64 * self.size[axis]);
        let mut sum = Integrals::default();
        for (cell, &fill) in self.fill.iter().enumerate().filter(|(_, fill)| **fill > 0.0) {
            let centre = self.centre(cell);
            let volume = f64::from(fill) * self.cell_volume();
            sum.volume += volume;
            let own: Vector = std::array::from_fn(|axis| centre[axis] - middle[axis]);
            for row in 0..3 {
                sum.first[row] += volume * own[row];
                for column in 0..3 {
                    let within = if row == column { self.size[row] * self.size[row] / 12.0 } else { 0.0 };
                    sum.second[row][column] += volume * (own[row] * own[column] + within);
                }
            }
        }
        sum.properties(middle)
    }

    /// Fills the grid with what a surface without border encloses (see [`crate::Repair::is_closed`]).
    #[must_use]
    pub fn filled_closed(mut self, mesh: &Mesh, threads: usize) -> Self {
        let [nx, ny, _] = self.count;
        let (low, size, count) = (self.low, self.size, self.count);
        parallel::chunks(&mut self.fill, nx * ny * SLAB, threads, |slab, fill| {
            fill_slab(mesh, low, size, count, slab * SLAB, fill);
        });
        self
    }

    /// Fills the grid with what a surface with holes encloses. Cells that the surface goes through are asked at eight
    /// points, others at one.
    pub fn filled_open(mut self, mesh: &Mesh, tree: &Bvh, threads: usize) -> OpenGrid {
        let touched = self.touched(mesh);
        let grid = Self { fill: Vec::new(), ..self.clone() };
        // Two by two by two cells at a time, whose points are asked together.
        let blocks = grid.count.map(|count| count.div_ceil(2));
        let rows = parallel::map(blocks[1] * blocks[2], threads, |row| {
            let mut filled = Row::default();
            for x in 0..blocks[0] {
                filled.add_block(&grid, tree, &touched, [x, row % blocks[1], row / blocks[1]]);
            }
            filled
        });
        let (mut most, mut least) = (0.0, 0.0);
        for row in rows {
            for (cell, fill) in row.cells {
                self.fill[cell] = fill;
            }
            most += row.most;
            least += row.least;
        }
        let cell = self.cell_volume();
        OpenGrid { grid: self, most: most * cell, least: least * cell }
    }

    /// A grid of what lies within half a thickness of a surface.
    pub fn of_shell(mesh: &Mesh, tree: &Bvh, thickness: f64, edge: f64, threads: usize) -> Self {
        let (low, high) = mesh.bounds();
        let half = thickness / 2.0;
        let mut grid = Self::over(low.map(|value| value - half), high.map(|value| value + half), edge);
        let [nx, ny, _] = grid.count;
        let shape = Self { fill: Vec::new(), ..grid.clone() };
        let reach = norm(shape.size) / 2.0;
        parallel::chunks(&mut grid.fill, nx * ny, threads, |layer, fill| {
            for (at, fill) in fill.iter_mut().enumerate() {
                let centre = shape.centre(layer * nx * ny + at);
                let distance = tree.distance(centre, half + reach);
                *fill = if distance >= half + reach {
                    0.0
                } else if distance + reach <= half {
                    1.0
                } else {
                    let mut inside = 0;
                    for sample in 0..27_usize {
                        let of =
                            |axis: usize, index: usize| centre[axis] + (index as f64 - 1.0) / 3.0 * shape.size[axis];
                        let point = [of(0, sample % 3), of(1, sample / 3 % 3), of(2, sample / 9)];
                        inside += u32::from(tree.distance(point, half) < half);
                    }
                    inside as f32 / 27.0
                };
            }
        });
        grid
    }

    /// Cells whose box overlaps that of a triangle that goes through or near them.
    fn touched(&self, mesh: &Mesh) -> Vec<bool> {
        let mut touched = vec![false; self.len()];
        let radius = norm(self.size) / 2.0;
        for at in 0..mesh.triangles.len() {
            let corners = mesh.corners(at);
            let (low, high) = crate::vector::bounds(corners);
            let [a, b, c] = corners;
            let normal = crate::vector::unit(crate::vector::doubled_area(a, b, c));
            let plane = crate::vector::dot(normal, a);
            let range = |axis: usize| {
                let place = |value: f64| ((value - self.low[axis]) / self.size[axis]).floor().max(0.0) as usize;
                place(low[axis]).min(self.count[axis] - 1)..=place(high[axis]).min(self.count[axis] - 1)
            };
            for z in range(2) {
                for y in range(1) {
                    for x in range(0) {
                        let cell = self.cell(x, y, z);
                        touched[cell] |= (crate::vector::dot(normal, self.centre(cell)) - plane).abs() <= radius;
                    }
                }
            }
        }
        touched
    }
}

/// Fills the cells of a few layers from the crossings of lines along x.
fn fill_slab(mesh: &Mesh, low: Vector, size: Vector, count: [usize; 3], first: usize, fill: &mut [f32]) {
    let [nx, ny, _] = count;
    let layers = fill.len() / (nx * ny);
    let step = [size[1] / LINES as f64, size[2] / LINES as f64];
    let (rows, columns) = (ny * LINES, layers * LINES);
    let place = |axis: usize, at: usize| low[axis + 1] + (at as f64 + 0.5) * step[axis];
    let (from, to) = (place(1, first * LINES), place(1, (first + layers) * LINES - 1));
    let mut crossings: Vec<(u32, f64, i32)> = Vec::new();
    for &triangle in &mesh.triangles {
        let z = triangle.map(|point| mesh.points[point as usize][2]);
        let (least, most) = (z[0].min(z[1]).min(z[2]), z[0].max(z[1]).max(z[2]));
        if most < from || least > to {
            continue;
        }
        let corners = triangle.map(|point| mesh.points[point as usize]);
        let y = corners.map(|corner| corner[1]);
        let range = |axis: usize, least: f64, most: f64, offset: usize, limit: usize| {
            let index = |value: f64| (value - low[axis + 1]) / step[axis] - 0.5 - offset as f64;
            let begin = index(least).floor().max(0.0) as usize;
            let end = (index(most).ceil() + 1.0).clamp(0.0, limit as f64) as usize;
            begin..end
        };
        for column in range(1, least, most, first * LINES, columns) {
            let z = place(1, first * LINES + column);
            for row in range(0, y[0].min(y[1]).min(y[2]), y[0].max(y[1]).max(y[2]), 0, rows) {
                if let Some((x, sign)) = crossing(triangle, &corners, [place(0, row), z]) {
                    crossings.push(((column * rows + row) as u32, x, sign));
                }
            }
        }
    }
    crossings.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    let share = 1.0 / (LINES * LINES) as f64;
    for line in crossings.chunk_by(|a, b| a.0 == b.0) {
        let (row, column) = (line[0].0 as usize % rows, line[0].0 as usize / rows);
        let cells = &mut fill[(column / LINES * ny + row / LINES) * nx..][..nx];
        let mut winding = 0;
        for pair in line.windows(2) {
            winding += pair[0].2;
            if winding < 1 {
                continue;
            }
            let (begin, end) = ((pair[0].1 - low[0]) / size[0], (pair[1].1 - low[0]) / size[0]);
            let (begin, end) = (begin.max(0.0), end.min(nx as f64));
            let mut at = begin.floor() as usize;
            while at < nx && (at as f64) < end {
                let covered = end.min((at + 1) as f64) - begin.max(at as f64);
                cells[at] += (covered.max(0.0) * share) as f32;
                at += 1;
            }
        }
    }
    // Nine ninths are a millionth off 1.
    for fill in fill {
        *fill = if *fill > 1.0 - 1e-5 { 1.0 } else { *fill };
    }
}

/// Where the line along x through (y, z) crosses a triangle; 1 where it enters the solid, -1 where it leaves. A line through
/// an edge or a corner is taken as if it ran a hair beside it, the same hair for all triangles (H. Edelsbrunner, E. Mücke,
/// *Simulation of simplicity*, 1990).
fn crossing(triangle: [u32; 3], corners: &[Vector; 3], line: [f64; 2]) -> Option<(f64, i32)> {
    let flat = |at: usize| [corners[at][1], corners[at][2]];
    let side = |from: usize, to: usize| {
        // Each edge is asked about in one direction, whichever triangle asks.
        let (from, to, sign) = if triangle[from] < triangle[to] { (from, to, 1.0) } else { (to, from, -1.0) };
        let (a, b) = (flat(from), flat(to));
        let coordinate = |point: [f64; 2]| Coord { x: point[0], y: point[1] };
        let exact = orient2d(coordinate(a), coordinate(b), coordinate(line));
        let turn = if exact != 0.0 {
            exact
        } else if a[1] != b[1] {
            a[1] - b[1]
        } else {
            b[0] - a[0]
        };
        sign * turn
    };
    let turns = [side(1, 2), side(2, 0), side(0, 1)];
    let positive = turns.iter().filter(|turn| **turn > 0.0).count();
    let sign = match positive {
        // Seen from +x the triangle is counter-clockwise: it faces +x, and the line leaves the solid.
        3 => -1,
        0 if turns.iter().all(|turn| *turn < 0.0) => 1,
        _ => return None,
    };
    let total: f64 = turns.iter().sum();
    let weights = scale(turns, 1.0 / total);
    let x = weights[0] * corners[0][0] + weights[1] * corners[1][0] + weights[2] * corners[2][0];
    let (least, most) =
        (corners[0][0].min(corners[1][0]).min(corners[2][0]), corners[0][0].max(corners[1][0]).max(corners[2][0]));
    Some((x.clamp(least, most), sign))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use crate::repair::repair;
    use crate::shapes;

    #[test]
    fn a_box_fills_its_grid_to_the_brim() {
        let mesh = shapes::cuboid([1.0, 0.5, 0.3]);
        let grid = Grid::around(&mesh, 0.09).filled_closed(&mesh, 2);
        assert_eq!(grid.count, [11, 6, 3]);
        assert!(grid.fill.iter().all(|fill| *fill == 1.0));
    }

    #[test]
    fn a_sphere_has_its_volume_and_inertia_for_any_number_of_threads() {
        let mesh = shapes::sphere(1.0, 128);
        let exact = MassProperties::of_closed(&mesh);
        let grid = Grid::around(&mesh, 0.1).filled_closed(&mesh, 1);
        let own = grid.properties();
        assert!((own.volume / exact.volume - 1.0).abs() < 2e-3, "{}", own.volume / exact.volume);
        assert!((own.moments[0] / exact.moments[0] - 1.0).abs() < 1e-2);
        assert_eq!(grid, Grid::around(&mesh, 0.1).filled_closed(&mesh, 3));
    }

    #[test]
    fn overlapping_bodies_count_once() {
        let ball = || shapes::sphere(1.0, 96);
        let mesh = shapes::together([ball(), shapes::moved(ball(), [1.0, 0.0, 0.0])]);
        let grid = Grid::around(&mesh, 0.05).filled_closed(&mesh, 2);
        // Two balls less the lens between them: π (4 + d) (2 - d)² / 12 at d = 1.
        let expected = 2.0 * 4.0 / 3.0 * PI - PI * 5.0 / 12.0;
        assert!((grid.volume() / expected - 1.0).abs() < 4e-3, "{}", grid.volume() / expected);
    }

    #[test]
    fn a_torus_with_holes_and_turned_triangles_keeps_its_volume_and_knows_how_uncertain_it_is() {
        let whole = shapes::torus(2.0, 0.7, 96, 48);
        let exact = MassProperties::of_closed(&whole);
        let mut holed = whole;
        let mut at = 0;
        holed.triangles.retain(|_| {
            at += 1;
            at % 50 != 0
        });
        holed.triangles.iter_mut().step_by(10).for_each(|triangle| triangle.swap(1, 2));
        let repaired = repair(holed);
        assert!(!repaired.report.is_closed);
        let open = Grid::around(&repaired.mesh, 0.1).filled_open(&repaired.mesh, &repaired.tree, 2);
        let own = open.grid.properties();
        assert!((own.volume / exact.volume - 1.0).abs() < 0.02, "{}", own.volume / exact.volume);
        assert!(norm(own.centre) < 0.01 * 5.4);
        assert!(open.least <= own.volume && own.volume <= open.most && open.most / open.least < 1.1);
    }

    #[test]
    fn a_sheet_with_a_thickness_is_a_plate() {
        let mesh = Mesh {
            points: vec![[0.0; 3], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]],
            triangles: vec![[0, 1, 2], [0, 2, 3]],
        };
        let grid = Grid::of_shell(&mesh, &Bvh::new(&mesh), 0.1, 0.02, 2);
        // The rim is round: half a disc along each of the four sides, and a ball at the corners.
        let expected = 0.1 + 4.0 * PI / 8.0 * 0.01 + PI / 6.0 * 0.001;
        assert!((grid.volume() / expected - 1.0).abs() < 0.02, "{}", grid.volume() / expected);
    }
}
