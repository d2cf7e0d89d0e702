//! The nodes and cells that take part: those of filled cells, numbered layer by layer.

use solid::Grid;
use solid::vector::Vector;

use super::CORNERS;

/// Filled cells and their nodes. Nodes are numbered by layers along z, so that cells of every second layer touch different
/// ones.
#[derive(Debug, Clone)]
pub struct Lattice {
    /// Cells along each axis of the grid.
    pub count: [usize; 3],
    /// The sides of a cell.
    pub size: Vector,
    /// The corner with the smallest coordinates.
    pub low: Vector,
    /// For each cell its number in the grid.
    pub cells: Vec<u32>,
    /// For each cell how much of it is filled.
    pub fill: Vec<f32>,
    /// For each cell its nodes.
    pub nodes: Vec<[u32; CORNERS]>,
    /// For each layer of cells its first cell, and the end.
    pub layers: Vec<usize>,
    /// For each layer of nodes its first node, and the end.
    pub planes: Vec<usize>,
    /// For each node its number in the lattice of the whole grid.
    pub places: Vec<u64>,
    /// For each cell of the grid its number here, or `u32::MAX`.
    index: Vec<u32>,
}

/// Cells below this are taken as this much filled, so that the equations stay solvable.
const LEAST_FILL: f32 = 1e-3;

impl Lattice {
    /// Of the cells of a grid that are filled at all.
    pub fn new(grid: &Grid) -> Self {
        let filled = |cell: usize| (grid.fill[cell] > 0.0).then_some(grid.fill[cell].max(LEAST_FILL));
        let mut own = Self::of(grid.count, filled);
        (own.size, own.low) = (grid.size, grid.low);
        own
    }

    /// Of the cells that have a weight.
    pub(crate) fn of(count: [usize; 3], filled: impl Fn(usize) -> Option<f32>) -> Self {
        let [nx, ny, nz] = count;
        let (row, layer) = (nx + 1, (nx + 1) * (ny + 1));
        let mut own = Self {
            count,
            size: [1.0; 3],
            low: [0.0; 3],
            cells: Vec::new(),
            fill: Vec::new(),
            nodes: Vec::new(),
            layers: vec![0],
            planes: vec![0],
            places: Vec::new(),
            index: vec![u32::MAX; nx * ny * nz],
        };
        // Two planes of node numbers: below and above the layer.
        let (mut below, mut above) = (vec![u32::MAX; layer], vec![u32::MAX; layer]);
        let mut waiting: Vec<(u32, f32)> = Vec::new();
        for z in 0..=nz {
            // Marks the nodes of this plane that the layer below it (already read) or the one above it uses.
            let first = own.places.len();
            let mut used = vec![false; layer];
            let mark = |cell: u32, used: &mut Vec<bool>| {
                let (x, y) = (cell as usize % nx, cell as usize / nx % ny);
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    used[(y + dy) * row + x + dx] = true;
                }
            };
            for &(cell, _) in &waiting {
                mark(cell, &mut used);
            }
            let next: Vec<(u32, f32)> = if z < nz {
                let cells = z * nx * ny..(z + 1) * nx * ny;
                cells.filter_map(|cell| filled(cell).map(|fill| (cell as u32, fill))).collect()
            } else {
                Vec::new()
            };
            for &(cell, _) in &next {
                mark(cell, &mut used);
            }
            for (at, used) in used.iter().enumerate() {
                above[at] = if *used {
                    own.places.push((z * layer + at) as u64);
                    own.places.len() as u32 - 1
                } else {
                    u32::MAX
                };
            }
            for &(cell, fill) in &waiting {
                let (x, y) = (cell as usize % nx, cell as usize / nx % ny);
                let corner = |plane: &[u32], dx: usize, dy: usize| plane[(y + dy) * row + x + dx];
                own.index[cell as usize] = own.cells.len() as u32;
                own.cells.push(cell);
                own.fill.push(fill);
                own.nodes
                    .push(std::array::from_fn(|at| corner(if at < 4 { &below } else { &above }, at & 1, at >> 1 & 1)));
            }
            if z > 0 {
                own.layers.push(own.cells.len());
            }
            if z > 0 || first == 0 {
                own.planes.push(own.places.len());
            }
            std::mem::swap(&mut below, &mut above);
            waiting = next;
        }
        own
    }

    /// Nodes.
    pub fn node_count(&self) -> usize {
        self.places.len()
    }

    /// Where a node is in the lattice: steps along each axis.
    pub fn step(&self, node: usize) -> [usize; 3] {
        let (row, layer) = (self.count[0] + 1, (self.count[0] + 1) * (self.count[1] + 1));
        let place = self.places[node] as usize;
        [place % row, place / row % (self.count[1] + 1), place / layer]
    }

    /// Where a node is.
    pub fn position(&self, node: usize) -> Vector {
        let step = self.step(node);
        std::array::from_fn(|axis| self.low[axis] + step[axis] as f64 * self.size[axis])
    }

    /// The number of the cell with that number in the grid.
    pub fn find(&self, cell: usize) -> Option<usize> {
        self.index.get(cell).filter(|number| **number != u32::MAX).map(|number| *number as usize)
    }

    /// The forces of gravity on each node: density times acceleration, N/m³.
    pub fn weight(&self, pull: Vector, forces: &mut [f64]) {
        let share: f64 = self.size.iter().product::<f64>() / CORNERS as f64;
        for (nodes, &fill) in self.nodes.iter().zip(&self.fill) {
            for &node in nodes {
                for axis in 0..3 {
                    forces[3 * node as usize + axis] += pull[axis] * share * f64::from(fill);
                }
            }
        }
    }
}

/// Which cells are connected over faces with any of those given, through filled cells.
pub fn connected(grid: &Grid, from: &[usize]) -> Vec<bool> {
    let mut reached = vec![false; grid.len()];
    let mut waiting: Vec<usize> = Vec::new();
    for &cell in from.iter().filter(|&&cell| grid.fill[cell] > 0.0) {
        if !reached[cell] {
            reached[cell] = true;
            waiting.push(cell);
        }
    }
    let steps = [1, grid.count[0], grid.count[0] * grid.count[1]];
    while let Some(cell) = waiting.pop() {
        let place = grid.place(cell);
        for axis in 0..3 {
            let before = (place[axis] > 0).then(|| cell - steps[axis]);
            let after = (place[axis] + 1 < grid.count[axis]).then(|| cell + steps[axis]);
            for other in [before, after].into_iter().flatten() {
                if !reached[other] && grid.fill[other] > 0.0 {
                    reached[other] = true;
                    waiting.push(other);
                }
            }
        }
    }
    reached
}
