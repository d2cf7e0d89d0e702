//! What a mesh's edges say: closed, oriented, manifold; its shells; where it cuts through itself.

use robust::{Coord3D, orient3d};

use crate::bvh::Bvh;
use crate::mesh::Mesh;
use crate::vector::Vector;

/// Where counting intersections stops.
pub const MOST_INTERSECTIONS: usize = 1000;
/// Pairs of triangles with overlapping boxes after which the search for intersections is given up.
const MOST_PAIRS: usize = 50_000_000;

/// The health of a welded mesh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Edges of one triangle.
    pub boundary_edges: usize,
    /// Edges of three or more triangles.
    pub nonmanifold_edges: usize,
    /// Edges whose two triangles run along them in the same direction.
    pub misoriented_edges: usize,
    /// Whether each edge is walked as often one way as the other: the surface has no border, and winding numbers are
    /// whole.
    pub is_balanced: bool,
    /// Parts that are connected over edges: for each triangle the number of its shell, the first triangle's being 0.
    pub shell_of: Vec<u32>,
    /// How many there are.
    pub shells: usize,
}

/// An edge with its triangle; `forward` if the triangle walks it from the smaller number to the larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) ends: [u32; 2],
    pub(crate) triangle: u32,
    pub(crate) forward: bool,
}

/// The edges of all triangles, sorted, those of the same ends together.
pub(crate) fn edges(mesh: &Mesh) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(3 * mesh.triangles.len());
    for (at, &[a, b, c]) in mesh.triangles.iter().enumerate() {
        for (from, to) in [(a, b), (b, c), (c, a)] {
            edges.push(Edge { ends: [from.min(to), from.max(to)], triangle: at as u32, forward: from < to });
        }
    }
    edges.sort_unstable();
    edges
}

impl Health {
    /// No border, every edge between two triangles that agree which side is outside.
    pub fn is_closed(&self) -> bool {
        self.boundary_edges == 0
    }

    /// Neighbours agree which side is outside.
    pub fn is_oriented(&self) -> bool {
        self.misoriented_edges == 0
    }

    /// No edge has more than two triangles.
    pub fn is_manifold(&self) -> bool {
        self.nonmanifold_edges == 0
    }

    /// Examines a welded mesh.
    pub fn of(mesh: &Mesh) -> Self {
        let edges = edges(mesh);
        let mut health = Self { is_balanced: true, ..Self::default() };
        let mut parent: Vec<u32> = (0..mesh.triangles.len() as u32).collect();
        for same in edges.chunk_by(|a, b| a.ends == b.ends) {
            let forward = same.iter().filter(|edge| edge.forward).count();
            match same.len() {
                1 => health.boundary_edges += 1,
                2 => health.misoriented_edges += usize::from(forward != 1),
                _ => health.nonmanifold_edges += 1,
            }
            health.is_balanced &= 2 * forward == same.len();
            for other in &same[1..] {
                join(&mut parent, same[0].triangle, other.triangle);
            }
        }
        let mut numbers = vec![u32::MAX; parent.len()];
        for at in 0..parent.len() as u32 {
            let root = root(&mut parent, at) as usize;
            if numbers[root] == u32::MAX {
                numbers[root] = health.shells as u32;
                health.shells += 1;
            }
            health.shell_of.push(numbers[root]);
        }
        health
    }
}

fn root(parent: &mut [u32], mut at: u32) -> u32 {
    while parent[at as usize] != at {
        parent[at as usize] = parent[parent[at as usize] as usize];
        at = parent[at as usize];
    }
    at
}

fn join(parent: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parent, a), root(parent, b));
    // The smaller number stays, so that shells are numbered in the order of their first triangles.
    parent[a.max(b) as usize] = a.min(b);
}

/// Pairs of triangles that cut through each other, at most [`MOST_INTERSECTIONS`]; nothing if the mesh has too many pairs to
/// look at. Triangles that share a corner are not looked at, and touching is not cutting.
pub fn self_intersections(mesh: &Mesh, tree: &Bvh) -> Option<usize> {
    let (mut found, mut looked) = (0, 0);
    tree.pairs(|i, j| {
        looked += 1;
        let (a, b) = (&mesh.triangles[i as usize], &mesh.triangles[j as usize]);
        if !a.iter().any(|corner| b.contains(corner)) && cut(&mesh.corners(i as usize), &mesh.corners(j as usize)) {
            found += 1;
        }
        found < MOST_INTERSECTIONS && looked < MOST_PAIRS
    });
    (looked < MOST_PAIRS || found > 0).then_some(found)
}

/// Whether an edge of one triangle goes through the inside of the other, decided exactly.
fn cut(a: &[Vector; 3], b: &[Vector; 3]) -> bool {
    let pierces = |p: Vector, q: Vector, t: &[Vector; 3]| {
        let (above, below) = (side(t[0], t[1], t[2], p), side(t[0], t[1], t[2], q));
        if above * below >= 0.0 {
            return false;
        }
        let turns = [side(p, q, t[0], t[1]), side(p, q, t[1], t[2]), side(p, q, t[2], t[0])];
        turns.iter().all(|turn| *turn > 0.0) || turns.iter().all(|turn| *turn < 0.0)
    };
    (0..3).any(|at| pierces(a[at], a[(at + 1) % 3], b) || pierces(b[at], b[(at + 1) % 3], a))
}

/// The exact sign of the volume of a tetrahedron: 1, 0 or -1; 1 if `d` is below the triangle, which is counter-clockwise
/// from above.
pub(crate) fn side(a: Vector, b: Vector, c: Vector, d: Vector) -> f64 {
    let coordinate = |point: Vector| Coord3D { x: point[0], y: point[1], z: point[2] };
    let volume = orient3d(coordinate(a), coordinate(b), coordinate(c), coordinate(d));
    if volume == 0.0 { 0.0 } else { volume.signum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes;

    #[test]
    fn a_torus_is_whole_and_each_fault_is_found() {
        let torus = shapes::torus(2.0, 0.5, 24, 12);
        let whole = Health::of(&torus);
        assert!(whole.is_closed() && whole.is_oriented() && whole.is_manifold() && whole.is_balanced);
        assert_eq!(whole.shells, 1);

        let mut holed = torus.clone();
        holed.triangles.remove(100);
        let holed = Health::of(&holed);
        assert_eq!((holed.boundary_edges, holed.is_balanced), (3, false));

        let mut turned = torus.clone();
        turned.triangles[100].swap(0, 1);
        let turned = Health::of(&turned);
        assert_eq!((turned.misoriented_edges, turned.is_closed(), turned.is_balanced), (3, true, false));

        let mut fin = torus;
        let [a, b, _] = fin.triangles[0];
        fin.points.push([9.0, 9.0, 9.0]);
        fin.triangles.push([a, b, fin.points.len() as u32 - 1]);
        let fin = Health::of(&fin);
        assert_eq!((fin.nonmanifold_edges, fin.boundary_edges), (1, 2));
    }

    #[test]
    fn shells_are_counted_over_edges() {
        let three = (0..3).map(|at| shapes::moved(shapes::cuboid([1.0; 3]), [f64::from(at) * 2.0, 0.0, 0.0]));
        let health = Health::of(&shapes::together(three));
        assert_eq!(health.shells, 3);
        assert_eq!(health.shell_of[13], 1);
    }

    #[test]
    fn spheres_that_overlap_cut_each_other_and_boxes_that_touch_do_not() {
        let sphere = || shapes::sphere(1.0, 16);
        let overlapping = shapes::together([sphere(), shapes::moved(sphere(), [0.8, 0.05, 0.02])]);
        let apart = shapes::together([sphere(), shapes::moved(sphere(), [2.5, 0.0, 0.0])]);
        let touching =
            shapes::together([shapes::cuboid([1.0; 3]), shapes::moved(shapes::cuboid([1.0; 3]), [1.0, 0.0, 0.0])]);
        let count = |mesh: &Mesh| self_intersections(mesh, &Bvh::new(mesh)).unwrap();
        assert!(count(&overlapping) > 10);
        assert_eq!(count(&apart), 0);
        assert_eq!(count(&touching), 0);
    }
}
