//! Conjugate gradients with a V-cycle of geometric multigrid.

use std::fmt;

use solid::parallel;

use super::element::Elasticity;
use super::lattice::Lattice;
use super::{CORNERS, UNKNOWNS};

/// The coarsest level is solved by Cholesky's factors if it has at most so many unknowns.
const COARSEST: usize = 900;
/// Steps of damped Jacobi before and after each coarser level.
const SMOOTHING: usize = 2;
/// Jacobi's damping.
const DAMPING: f32 = 0.5;
/// Numbers in a chunk of work on vectors; sums are taken in these chunks whatever the threads.
const CHUNK: usize = 16_384;
/// Steps after which it is given up.
const MOST_STEPS: usize = 400;

/// What came out.
#[derive(Debug, Clone)]
pub struct Solution {
    /// Three to a node.
    pub displacements: Vec<f64>,
    /// Forces at fixed unknowns, which hold the loads; zero elsewhere. Three to a node.
    pub reactions: Vec<f64>,
    /// Steps.
    pub iterations: usize,
    /// The norm of the residual divided by that of the loads.
    pub residual: f64,
    /// Half the work of the loads, J.
    pub energy: f64,
}

/// The iteration did not reach its tolerance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NotConverged {
    /// The residual that it reached.
    pub residual: f64,
}

impl fmt::Display for NotConverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the equations were not solved: after {MOST_STEPS} steps {:.1e} of the load is not balanced",
            self.residual
        )
    }
}

impl std::error::Error for NotConverged {}

/// One level of multigrid: cells with one matrix and weights, or with a matrix each.
struct Level {
    lattice: Lattice,
    matrices: Matrices,
    /// One over the diagonal; zero for what is fixed.
    inverse: Vec<f32>,
    /// For each node those of the next level that it is interpolated from, `u32::MAX` after the last.
    parents: Vec<[u32; CORNERS]>,
}

enum Matrices {
    /// Column by column (it is symmetric), to be multiplied with each cell's filled fraction.
    Same(Box<[f32]>),
    Each(Vec<[f32; UNKNOWNS * UNKNOWNS]>),
}

/// Solves for the displacements of the nodes.
///
/// `fixed` says of each unknown whether it is held at 0, `forces` are the loads (N); three to a node each. `young` is in Pa.
pub fn solve(
    lattice: &Lattice,
    elasticity: &Elasticity,
    young: f64,
    fixed: &[bool],
    forces: &[f64],
    tolerance: f64,
    threads: usize,
) -> Result<Solution, NotConverged> {
    let loads: Vec<f64> = forces.iter().zip(fixed).map(|(force, fixed)| if *fixed { 0.0 } else { *force }).collect();
    let scale = dot(&loads, &loads, threads).sqrt();
    let count = loads.len();
    let mut displacements = vec![0.0; count];
    let (mut iterations, mut relative) = (0, 0.0);
    // Everything inside is for a modulus of 1 and loads of norm 1.
    if scale > 0.0 {
        let levels = levels(lattice, elasticity, fixed, threads);
        let coarsest = Cholesky::of(levels.last().expect("at least one level"));
        let mut residual: Vec<f64> = loads.iter().map(|load| load / scale).collect();
        let mut direction = vec![0.0; count];
        let mut product = vec![0.0; count];
        let (mut before, mut small) = (0.0, vec![0.0_f32; count]);
        let mut scratch = Scratch::of(&levels);
        loop {
            relative = dot(&residual, &residual, threads).sqrt();
            if relative <= tolerance {
                break;
            }
            if iterations == MOST_STEPS || !relative.is_finite() {
                return Err(NotConverged { residual: relative });
            }
            let mut single: Vec<f32> = vec![0.0; count];
            parallel::chunks(&mut single, CHUNK, threads, |at, own| {
                own.iter_mut().zip(&residual[at * CHUNK..]).for_each(|(to, from)| *to = (from / relative) as f32);
            });
            cycle(&levels, &coarsest, 0, &single, &mut small, &mut scratch.0, threads);
            let now = sum_of(count, threads, |at| residual[at] * f64::from(small[at]) * relative);
            let ratio = if before == 0.0 { 0.0 } else { now / before };
            before = now;
            parallel::chunks(&mut direction, CHUNK, threads, |at, own| {
                own.iter_mut()
                    .zip(&small[at * CHUNK..])
                    .for_each(|(to, from)| *to = f64::from(*from) * relative + ratio * *to);
            });
            multiply(lattice, &elasticity.stiffness, &direction, &mut product, threads);
            mask(&mut product, fixed, threads);
            let length = now / dot(&direction, &product, threads);
            parallel::chunks(&mut displacements, CHUNK, threads, |at, own| {
                own.iter_mut().zip(&direction[at * CHUNK..]).for_each(|(to, from)| *to += length * from);
            });
            parallel::chunks(&mut residual, CHUNK, threads, |at, own| {
                own.iter_mut().zip(&product[at * CHUNK..]).for_each(|(to, from)| *to -= length * from);
            });
            iterations += 1;
        }
    }
    let mut reactions = vec![0.0; count];
    multiply(lattice, &elasticity.stiffness, &displacements, &mut reactions, threads);
    for at in 0..count {
        reactions[at] = if fixed[at] { reactions[at] * scale - forces[at] } else { 0.0 };
        displacements[at] *= scale / young;
    }
    let energy = dot(&loads, &displacements, threads) / 2.0;
    Ok(Solution { displacements, reactions, iterations, residual: relative, energy })
}

/// Sums in chunks of a fixed size, and over the chunks in their order.
fn sum_of(count: usize, threads: usize, value: impl Fn(usize) -> f64 + Sync) -> f64 {
    let sums = parallel::map(count.div_ceil(CHUNK), threads, |chunk| {
        (chunk * CHUNK..((chunk + 1) * CHUNK).min(count)).map(&value).sum::<f64>()
    });
    sums.into_iter().sum()
}

fn dot(a: &[f64], b: &[f64], threads: usize) -> f64 {
    sum_of(a.len(), threads, |at| a[at] * b[at])
}

fn mask(values: &mut [f64], fixed: &[bool], threads: usize) {
    parallel::chunks(values, CHUNK, threads, |at, own| {
        own.iter_mut().zip(&fixed[at * CHUNK..]).for_each(|(value, fixed)| {
            if *fixed {
                *value = 0.0;
            }
        });
    });
}

/// A number that cells are multiplied in.
trait Number: Copy + Default + Send + Sync + std::ops::AddAssign + std::ops::Mul<Output = Self> {
    fn of(fill: f32) -> Self;
}

impl Number for f32 {
    fn of(fill: f32) -> Self {
        fill
    }
}

impl Number for f64 {
    fn of(fill: f32) -> Self {
        f64::from(fill)
    }
}

/// The product with the fine level's matrix, in `f64`.
fn multiply(lattice: &Lattice, stiffness: &[f64], from: &[f64], to: &mut [f64], threads: usize) {
    by_layers(lattice, to, threads, |cells, first, to| {
        cells_same(lattice, stiffness, from, cells, first, to);
    });
}

/// The product with a level's matrix, in `f32`; zero at what is fixed.
fn multiply_level(level: &Level, from: &[f32], to: &mut [f32], threads: usize) {
    by_layers(&level.lattice, to, threads, |cells, first, to| match &level.matrices {
        Matrices::Same(matrix) => cells_same(&level.lattice, matrix, from, cells, first, to),
        Matrices::Each(matrices) => cells_each(&level.lattice, matrices, from, cells, first, to),
    });
    parallel::chunks(to, CHUNK, threads, |at, own| {
        own.iter_mut().zip(&level.inverse[at * CHUNK..]).for_each(|(value, inverse)| {
            if *inverse == 0.0 {
                *value = 0.0;
            }
        });
    });
}

/// Lets `work` add what the cells of each layer give to the nodes below and above it: every second layer at once, because
/// those touch different nodes. The order in which a node's sum is taken does not depend on the threads.
fn by_layers<T: Number>(
    lattice: &Lattice,
    to: &mut [T],
    threads: usize,
    work: impl Fn(std::ops::Range<usize>, usize, &mut [T]) + Sync,
) {
    to.fill(T::default());
    let layers = lattice.layers.len() - 1;
    // A thread is not worth less than this.
    let threads = if lattice.cells.len() < 4096 { 1 } else { threads };
    for colour in 0..2 {
        let mut parts: Vec<(usize, &mut [T])> = Vec::with_capacity(layers / 2 + 1);
        let mut rest = &mut *to;
        let mut done = 0;
        for layer in (colour..layers).step_by(2) {
            let (begin, end) = (3 * lattice.planes[layer], 3 * lattice.planes[layer + 2]);
            let (_, after) = rest.split_at_mut(begin - done);
            let (own, after) = after.split_at_mut(end - begin);
            parts.push((layer, own));
            rest = after;
            done = end;
        }
        parallel::each(parts, threads, |(layer, own)| {
            work(lattice.layers[layer]..lattice.layers[layer + 1], 3 * lattice.planes[layer], own);
        });
    }
}

/// Multiplies the cells of a layer, with AVX2 where there is one: twice as many numbers at once, the same additions in the
/// same order, so the same bits (no fused multiply-add).
fn cells_same<T: Number>(
    lattice: &Lattice,
    matrix: &[T],
    from: &[T],
    cells: std::ops::Range<usize>,
    first: usize,
    to: &mut [T],
) {
    let one = |cell: usize| (matrix, T::of(lattice.fill[cell]));
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { all_cells_avx2(lattice, one, from, cells, first, to) };
    }
    all_cells(lattice, one, from, cells, first, to);
}

fn cells_each(
    lattice: &Lattice,
    matrices: &[[f32; UNKNOWNS * UNKNOWNS]],
    from: &[f32],
    cells: std::ops::Range<usize>,
    first: usize,
    to: &mut [f32],
) {
    let one = |cell: usize| (&matrices[cell][..], 1.0);
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { all_cells_avx2(lattice, one, from, cells, first, to) };
    }
    all_cells(lattice, one, from, cells, first, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn all_cells_avx2<'a, T: Number + 'a>(
    lattice: &Lattice,
    one: impl Fn(usize) -> (&'a [T], T),
    from: &[T],
    cells: std::ops::Range<usize>,
    first: usize,
    to: &mut [T],
) {
    all_cells(lattice, one, from, cells, first, to);
}

#[expect(clippy::inline_always, reason = "compiled for AVX2 only inside of the function that asks for it")]
#[inline(always)]
fn all_cells<'a, T: Number + 'a>(
    lattice: &Lattice,
    one: impl Fn(usize) -> (&'a [T], T),
    from: &[T],
    cells: std::ops::Range<usize>,
    first: usize,
    to: &mut [T],
) {
    for cell in cells {
        let (matrix, scale) = one(cell);
        let nodes = &lattice.nodes[cell];
        let mut sums = [T::default(); UNKNOWNS];
        for (node, columns) in nodes.iter().zip(matrix.chunks_exact(3 * UNKNOWNS)) {
            let at = 3 * *node as usize;
            for (value, column) in from[at..at + 3].iter().zip(columns.chunks_exact(UNKNOWNS)) {
                let value = *value * scale;
                for (sum, entry) in sums.iter_mut().zip(column) {
                    *sum += *entry * value;
                }
            }
        }
        for (node, sums) in nodes.iter().zip(sums.chunks_exact(3)) {
            let at = 3 * *node as usize - first;
            for (to, sum) in to[at..at + 3].iter_mut().zip(sums) {
                *to += *sum;
            }
        }
    }
}

fn levels(lattice: &Lattice, elasticity: &Elasticity, fixed: &[bool], threads: usize) -> Vec<Level> {
    let matrix: Box<[f32]> = elasticity.stiffness.iter().map(|&value| value as f32).collect();
    let mut levels = vec![level(lattice.clone(), Matrices::Same(matrix), fixed)];
    loop {
        let finer = levels.last_mut().expect("the first one");
        let free = finer.inverse.iter().filter(|inverse| **inverse != 0.0).count();
        let is_one = finer.lattice.count.iter().all(|count| *count == 1);
        if free <= COARSEST || is_one {
            return levels;
        }
        let coarser = coarsen(finer, threads);
        levels.push(coarser);
    }
}

fn level(lattice: Lattice, matrices: Matrices, fixed: &[bool]) -> Level {
    let mut diagonal = vec![0.0_f32; 3 * lattice.node_count()];
    for (cell, nodes) in lattice.nodes.iter().enumerate() {
        for (corner, &node) in nodes.iter().enumerate() {
            for axis in 0..3 {
                let at = (UNKNOWNS + 1) * (3 * corner + axis);
                diagonal[3 * node as usize + axis] += match &matrices {
                    Matrices::Same(matrix) => matrix[at] * lattice.fill[cell],
                    Matrices::Each(matrices) => matrices[cell][at],
                };
            }
        }
    }
    // A coarse node all of whose children are held.
    let least = 1e-7 * diagonal.iter().copied().fold(0.0, f32::max);
    let inverse = diagonal
        .iter()
        .zip(fixed)
        .map(|(diagonal, fixed)| if *fixed || *diagonal <= least { 0.0 } else { 1.0 / diagonal })
        .collect();
    Level { lattice, matrices, inverse, parents: Vec::new() }
}

/// The next coarser level, eight cells to one, with Galerkin's matrices Pᵀ K P.
fn coarsen(finer: &mut Level, threads: usize) -> Level {
    let fine = &finer.lattice;
    let count = fine.count.map(|count| count.div_ceil(2));
    let parent_of = |cell: usize| {
        let place = [cell % fine.count[0], cell / fine.count[0] % fine.count[1], cell / fine.count[0] / fine.count[1]];
        let half = place.map(|at| at / 2);
        let octant = (place[0] & 1) | (place[1] & 1) << 1 | (place[2] & 1) << 2;
        ((half[2] * count[1] + half[1]) * count[0] + half[0], octant)
    };
    let mut has = vec![false; count.iter().product()];
    fine.cells.iter().for_each(|&cell| has[parent_of(cell as usize).0] = true);
    let coarse = Lattice::of(count, |cell| has[cell].then_some(1.0));
    drop(has);
    let mut children: Vec<Vec<(u8, u32)>> = vec![Vec::new(); coarse.cells.len()];
    for (at, &cell) in fine.cells.iter().enumerate() {
        let (parent, octant) = parent_of(cell as usize);
        let parent = coarse.find(parent).expect("every cell has a parent");
        children[parent].push((octant as u8, at as u32));
    }
    let interpolations: Vec<[[f32; CORNERS]; CORNERS]> = (0..CORNERS).map(interpolation).collect();
    let base: Vec<[f32; UNKNOWNS * UNKNOWNS]> = match &finer.matrices {
        Matrices::Same(matrix) => interpolations.iter().map(|own| galerkin(own, matrix)).collect(),
        Matrices::Each(_) => Vec::new(),
    };
    let mut matrices = vec![[0.0_f32; UNKNOWNS * UNKNOWNS]; coarse.cells.len()];
    parallel::chunks(&mut matrices, 64, threads, |chunk, own| {
        for (matrix, children) in own.iter_mut().zip(&children[chunk * 64..]) {
            for &(octant, child) in children {
                let add = |matrix: &mut [f32; UNKNOWNS * UNKNOWNS], part: &[f32; UNKNOWNS * UNKNOWNS], scale: f32| {
                    matrix.iter_mut().zip(part).for_each(|(to, from)| *to += scale * from);
                };
                match &finer.matrices {
                    // What is held does not move with its parents: its rows and columns are left out. To hold a coarse node
                    // where the fine one at its place is held is not enough: a slanted support would hold none.
                    Matrices::Same(same) => match masked(same, finer, child as usize) {
                        Some(own) => add(matrix, &galerkin(&interpolations[octant as usize], &own), 1.0),
                        None => add(matrix, &base[octant as usize], fine.fill[child as usize]),
                    },
                    Matrices::Each(all) => {
                        add(matrix, &galerkin(&interpolations[octant as usize], &all[child as usize]), 1.0);
                    }
                }
            }
        }
    });
    let numbers: std::collections::HashMap<u64, u32> =
        coarse.places.iter().enumerate().map(|(node, &place)| (place, node as u32)).collect();
    let mut parents = Vec::with_capacity(fine.node_count());
    for node in 0..fine.node_count() {
        let step = fine.step(node);
        let mut own = [u32::MAX; CORNERS];
        let mut used = 0;
        for corner in 0..CORNERS {
            if (0..3).any(|axis| corner >> axis & 1 == 1 && step[axis].is_multiple_of(2)) {
                continue;
            }
            let half: [usize; 3] = std::array::from_fn(|axis| step[axis] / 2 + (corner >> axis & 1));
            let place = (half[2] * (count[1] + 1) + half[1]) * (count[0] + 1) + half[0];
            own[used] = numbers[&(place as u64)];
            used += 1;
        }
        parents.push(own);
    }
    finer.parents = parents;
    let free = vec![false; 3 * coarse.node_count()];
    level(coarse, Matrices::Each(matrices), &free)
}

/// The matrix of a cell without what is held; nothing if nothing of it is held.
fn masked(same: &[f32], level: &Level, cell: usize) -> Option<[f32; UNKNOWNS * UNKNOWNS]> {
    let nodes = &level.lattice.nodes[cell];
    let held: [bool; UNKNOWNS] = std::array::from_fn(|at| level.inverse[3 * nodes[at / 3] as usize + at % 3] == 0.0);
    held.contains(&true).then(|| {
        std::array::from_fn(|at| {
            let (row, column) = (at / UNKNOWNS, at % UNKNOWNS);
            if held[row] || held[column] { 0.0 } else { same[at] * level.lattice.fill[cell] }
        })
    })
}

/// For each corner of a child the weights of the parent's corners.
fn interpolation(octant: usize) -> [[f32; CORNERS]; CORNERS] {
    std::array::from_fn(|child| {
        let place: [f32; 3] = std::array::from_fn(|axis| ((octant >> axis & 1) + (child >> axis & 1)) as f32 / 2.0);
        std::array::from_fn(|parent| {
            (0..3).map(|axis| if parent >> axis & 1 == 1 { place[axis] } else { 1.0 - place[axis] }).product()
        })
    })
}

fn galerkin(weights: &[[f32; CORNERS]; CORNERS], matrix: &[f32]) -> [f32; UNKNOWNS * UNKNOWNS] {
    let mut half = [0.0_f32; UNKNOWNS * UNKNOWNS];
    for row in 0..UNKNOWNS {
        for child in 0..CORNERS {
            for parent in 0..CORNERS {
                let weight = weights[child][parent];
                if weight != 0.0 {
                    for axis in 0..3 {
                        half[row * UNKNOWNS + 3 * parent + axis] += matrix[row * UNKNOWNS + 3 * child + axis] * weight;
                    }
                }
            }
        }
    }
    let mut whole = [0.0_f32; UNKNOWNS * UNKNOWNS];
    for child in 0..CORNERS {
        for parent in 0..CORNERS {
            let weight = weights[child][parent];
            if weight != 0.0 {
                for axis in 0..3 {
                    let (to, from) = (UNKNOWNS * (3 * parent + axis), UNKNOWNS * (3 * child + axis));
                    for column in 0..UNKNOWNS {
                        whole[to + column] += half[from + column] * weight;
                    }
                }
            }
        }
    }
    whole
}

/// Vectors of each level that a cycle writes.
struct Scratch(Vec<LevelScratch>);

struct LevelScratch {
    product: Vec<f32>,
    residual: Vec<f32>,
    correction: Vec<f32>,
}

impl Scratch {
    fn of(levels: &[Level]) -> Self {
        let one = |at: usize| {
            let next = levels.get(at + 1).map_or(0, |next| next.inverse.len());
            LevelScratch {
                product: vec![0.0; levels[at].inverse.len()],
                residual: vec![0.0; next],
                correction: vec![0.0; next],
            }
        };
        Self((0..levels.len()).map(one).collect())
    }
}

/// Approximates the solution for `right`, starting from nothing.
fn cycle(
    levels: &[Level],
    coarsest: &Cholesky,
    at: usize,
    right: &[f32],
    left: &mut [f32],
    scratch: &mut [LevelScratch],
    threads: usize,
) {
    let level = &levels[at];
    if at + 1 == levels.len() {
        coarsest.solve(right, left);
        return;
    }
    let (own, deeper) = scratch.split_first_mut().expect("one for each level");
    let threads = if level.lattice.cells.len() < 4096 { 1 } else { threads };
    parallel::chunks(left, CHUNK, threads, |chunk, own| {
        let (right, inverse) = (&right[chunk * CHUNK..], &level.inverse[chunk * CHUNK..]);
        own.iter_mut().zip(right).zip(inverse).for_each(|((x, b), d)| *x = DAMPING * d * b);
    });
    for _ in 1..SMOOTHING {
        smooth(level, right, left, &mut own.product, threads);
    }
    multiply_level(level, left, &mut own.product, threads);
    own.residual.fill(0.0);
    restrict(level, right, &own.product, &mut own.residual, &levels[at + 1]);
    cycle(levels, coarsest, at + 1, &own.residual, &mut own.correction, deeper, threads);
    prolong(level, &own.correction, left, threads);
    for _ in 0..SMOOTHING {
        smooth(level, right, left, &mut own.product, threads);
    }
}

fn smooth(level: &Level, right: &[f32], left: &mut [f32], product: &mut [f32], threads: usize) {
    multiply_level(level, left, product, threads);
    let product = &*product;
    parallel::chunks(left, CHUNK, threads, |chunk, own| {
        let first = chunk * CHUNK;
        let (right, product, inverse) = (&right[first..], &product[first..], &level.inverse[first..]);
        own.iter_mut().zip(right).zip(product).zip(inverse).for_each(|(((x, b), a), d)| *x += DAMPING * d * (b - a));
    });
}

fn used(parents: &[u32; CORNERS]) -> (usize, f32) {
    let count = parents.iter().take_while(|parent| **parent != u32::MAX).count();
    (count, 1.0 / count as f32)
}

fn restrict(level: &Level, right: &[f32], product: &[f32], to: &mut [f32], coarser: &Level) {
    for (node, parents) in level.parents.iter().enumerate() {
        let (count, weight) = used(parents);
        for axis in 0..3 {
            let at = 3 * node + axis;
            if level.inverse[at] == 0.0 {
                continue;
            }
            let value = (right[at] - product[at]) * weight;
            for &parent in &parents[..count] {
                to[3 * parent as usize + axis] += value;
            }
        }
    }
    to.iter_mut().zip(&coarser.inverse).for_each(|(value, inverse)| {
        if *inverse == 0.0 {
            *value = 0.0;
        }
    });
}

fn prolong(level: &Level, correction: &[f32], left: &mut [f32], threads: usize) {
    const NODES: usize = 4096;
    parallel::chunks(left, 3 * NODES, threads, |chunk, own| {
        for (at, values) in own.chunks_exact_mut(3).enumerate() {
            let node = chunk * NODES + at;
            let (count, weight) = used(&level.parents[node]);
            for axis in 0..3 {
                if level.inverse[3 * node + axis] != 0.0 {
                    let sum: f32 =
                        level.parents[node][..count].iter().map(|&parent| correction[3 * parent as usize + axis]).sum();
                    values[axis] += weight * sum;
                }
            }
        }
    });
}

/// The factors of the coarsest level's matrix.
struct Cholesky {
    /// For each unknown its row; `u32::MAX` for what is fixed.
    rows: Vec<u32>,
    count: usize,
    /// The lower triangle, row by row.
    factor: Vec<f64>,
}

impl Cholesky {
    fn of(level: &Level) -> Self {
        let mut rows = vec![u32::MAX; level.inverse.len()];
        let mut count = 0;
        for (at, row) in rows.iter_mut().enumerate() {
            if level.inverse[at] != 0.0 {
                *row = count as u32;
                count += 1;
            }
        }
        let mut factor = vec![0.0; count * count];
        for (cell, nodes) in level.lattice.nodes.iter().enumerate() {
            let unknown = |at: usize| rows[3 * nodes[at / 3] as usize + at % 3];
            for i in 0..UNKNOWNS {
                for j in 0..UNKNOWNS {
                    let (row, column) = (unknown(i), unknown(j));
                    if row != u32::MAX && column != u32::MAX && column <= row {
                        factor[row as usize * count + column as usize] += match &level.matrices {
                            Matrices::Same(matrix) => f64::from(matrix[i * UNKNOWNS + j] * level.lattice.fill[cell]),
                            Matrices::Each(all) => f64::from(all[cell][i * UNKNOWNS + j]),
                        };
                    }
                }
            }
        }
        for row in 0..count {
            // A body that hangs on one edge would have a zero here, but for rounding.
            factor[row * count + row] *= 1.0 + 1e-7;
        }
        let largest = (0..count).map(|row| factor[row * count + row]).fold(0.0, f64::max);
        for row in 0..count {
            let (above, own) = factor.split_at_mut(row * count);
            for column in 0..row {
                let other = &above[column * count..column * count + column];
                let sum: f64 = own[..column].iter().zip(other).map(|(a, b)| a * b).sum();
                own[column] = (own[column] - sum) / above[column * count + column];
            }
            let sum: f64 = own[..row].iter().map(|value| value * value).sum();
            own[row] = (own[row] - sum).max(largest * 1e-12).sqrt();
        }
        Self { rows, count, factor }
    }

    fn solve(&self, right: &[f32], left: &mut [f32]) {
        let count = self.count;
        let mut values = vec![0.0_f64; count];
        for (row, value) in self.rows.iter().zip(right).filter(|(row, _)| **row != u32::MAX) {
            values[*row as usize] = f64::from(*value);
        }
        for row in 0..count {
            let own = &self.factor[row * count..=row * count + row];
            let sum: f64 = own[..row].iter().zip(&values).map(|(a, b)| a * b).sum();
            values[row] = (values[row] - sum) / own[row];
        }
        for row in (0..count).rev() {
            let own = &self.factor[row * count..=row * count + row];
            values[row] /= own[row];
            let value = values[row];
            values[..row].iter_mut().zip(own).for_each(|(to, from)| *to -= from * value);
        }
        for (row, value) in self.rows.iter().zip(left) {
            *value = if *row == u32::MAX { 0.0 } else { values[*row as usize] as f32 };
        }
    }
}

#[cfg(test)]
mod tests {
    use solid::Grid;

    use super::*;
    use crate::elastic::elasticity;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_product_with_avx2_has_the_same_bits_as_without() {
        let grid = Grid { low: [0.0; 3], size: [0.1, 0.2, 0.3], count: [5, 4, 1], fill: vec![0.7; 20] };
        let lattice = Lattice::new(&grid);
        let matrix = elasticity(grid.size, 0.3).stiffness;
        let from: Vec<f64> = (0..3 * lattice.node_count()).map(|at| libm::sin(at as f64)).collect();
        let one = |cell: usize| (&matrix[..], f64::from(lattice.fill[cell]));
        let mut plain = vec![0.0; from.len()];
        all_cells(&lattice, one, &from, 0..20, 0, &mut plain);
        assert!(plain.iter().any(|value| *value != 0.0));
        if is_x86_feature_detected!("avx2") {
            let mut wide = vec![0.0; from.len()];
            // SAFETY: the processor has AVX2, as was just asked.
            unsafe { all_cells_avx2(&lattice, one, &from, 0..20, 0, &mut wide) };
            assert_eq!(plain, wide);
        }
    }
}
