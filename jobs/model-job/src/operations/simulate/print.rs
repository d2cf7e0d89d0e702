//! How well it prints in layers, as it stands in the file: what hangs over, what begins in the air, what is too thin.

use catalog::operations::{Compress, Simulate};
use contract::{Failure, Properties};
use mechanics::elastic::patch;
use mechanics::rotation::of_matrix;
use operation::Task;
use serde_json::json;
use solid::vector::{Vector, dot, doubled_area, norm, rotation_between, scale, unit};
use solid::walls::Wall;
use solid::{Grid, Mesh, parallel};

use super::report::{BridgeReport, GapReport, IslandReport, OrientationReport, Print, PrintResult, ThinReport};
use super::subject::{Method, Subject};
use super::surface::{coloured, linear};
use super::{model_properties, rounded, three, write_report};
use crate::write::write;

/// Cells along the longest side, in which islands and bridges are looked for.
const CELLS: f64 = 200.0;
/// Islands and bridges in a report.
const MOST: usize = 50;
/// Faces of the hull that are tried as the one to print on.
const MOST_ORIENTATIONS: usize = 40;
/// The most triangles of the coloured model.
const MOST_TRIANGLES: usize = 2_000_000;

/// Writes `print.json` and `print.glb`.
pub fn print(options: &Simulate, subject: &mut Subject, task: &Task) -> Result<Properties, Failure> {
    if subject.method == Method::Sheet {
        return Err(Failure::invalid_input(
            "the model encloses no volume and cannot be printed: close its surface, or give it walls",
        ));
    }
    let warnings = subject.warnings.clone();
    let (mesh, up) = (&subject.solid.mesh, subject.up);
    let limit = sine(options.overhang);
    let layer = options.layer.value();
    let faces = Faces::of(mesh, up, limit, layer);
    task.progress.report(0.4);
    let support = support_volume(subject, &faces, up);
    task.progress.report(0.5);
    let (islands, bridges) = layers(options, subject);
    task.progress.report(0.7);
    let wall = options.wall.value();
    let thin: Vec<&Wall> = subject.walls.iter().filter(|own| own.thickness < wall).collect();
    let gaps = gaps(subject, wall);
    let orientations = orientations(subject, options, layer);
    let (low, high) = heights(mesh, up);
    let standing = subject.poses.iter().find(|pose| dot(pose.up, up) > 0.999_9);
    if options.model && mesh.triangles.len() <= MOST_TRIANGLES {
        let document = model(subject, &faces, &thin);
        let glb = write(&document, Compress::None)?;
        task.outputs.write("print.glb", "model/gltf-binary", &glb.bytes, model_properties(&glb))?;
    }
    let sampled = subject.walls.len().max(1) as f64;
    let report = Print {
        common: subject.common(),
        result: PrintResult {
            height: rounded(high - low),
            layers: ((high - low) / layer).ceil() as usize,
            overhang_limit: options.overhang,
            overhang_area: rounded(faces.area(Face::Overhang)),
            overhang_fraction: rounded(faces.area(Face::Overhang) / mesh.area()),
            support_volume: rounded(support),
            footprint_area: rounded(faces.area(Face::Bed)),
            stands: standing.is_some(),
            tip_angle: standing.map(|pose| rounded(pose.tip_angle.to_degrees())),
            island_count: islands.len(),
            islands: islands.into_iter().take(MOST).collect(),
            bridge_count: bridges.len(),
            bridges: bridges.into_iter().take(MOST).collect(),
            thin_walls: ThinReport {
                limit: rounded(wall),
                fraction: rounded(thin.len() as f64 / sampled),
                thinnest: thin.iter().map(|own| own.thickness).min_by(f64::total_cmp).map(rounded),
                places: thin
                    .iter()
                    .step_by(thin.len().div_ceil(20).max(1))
                    .map(|own| three(own.sample.point))
                    .collect(),
            },
            gaps,
            orientations,
        },
        warnings,
    };
    let mut properties = write_report("print.json", &report, subject, task)?;
    properties.insert("supportVolume".to_owned(), json!(report.result.support_volume));
    Ok(properties)
}

fn sine(degrees: f64) -> f64 {
    let radians = degrees.to_radians();
    mechanics::rotation::about([1.0, 0.0, 0.0], 2.0 * radians)[0]
}

/// What a triangle is to a printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    Fine,
    Overhang,
    Bed,
}

/// All triangles with what they are.
struct Faces {
    kinds: Vec<Face>,
    areas: Vec<f64>,
}

impl Faces {
    fn of(mesh: &Mesh, up: Vector, limit: f64, layer: f64) -> Self {
        let (low, _) = heights(mesh, up);
        let (mut kinds, mut areas) = (Vec::new(), Vec::new());
        for at in 0..mesh.triangles.len() {
            let corners = mesh.corners(at);
            let vector = doubled_area(corners[0], corners[1], corners[2]);
            let down = -dot(unit(vector), up);
            let is_on_bed = corners.iter().all(|corner| dot(*corner, up) - low <= layer);
            kinds.push(if down > 0.9 && is_on_bed {
                Face::Bed
            } else if down > limit + 1e-9 {
                Face::Overhang
            } else {
                Face::Fine
            });
            areas.push(norm(vector) / 2.0);
        }
        Self { kinds, areas }
    }

    fn area(&self, kind: Face) -> f64 {
        self.kinds.iter().zip(&self.areas).filter(|(own, _)| **own == kind).map(|(_, area)| area).sum()
    }

    fn of_kind(&self, kind: Face) -> impl Iterator<Item = usize> + '_ {
        self.kinds.iter().enumerate().filter(move |(_, own)| **own == kind).map(|(at, _)| at)
    }
}

fn heights(mesh: &Mesh, up: Vector) -> (f64, f64) {
    let all = mesh.points.iter().map(|point| dot(*point, up));
    all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), height| (low.min(height), high.max(height)))
}

/// The volume below overhanging faces, down to the next surface or the bed.
fn support_volume(subject: &Subject, faces: &Faces, up: Vector) -> f64 {
    let mesh = &subject.solid.mesh;
    let (low, _) = heights(mesh, up);
    let points = patch(mesh, faces.of_kind(Face::Overhang), subject.extent() / 150.0).points;
    let least = 1e-6 * subject.extent();
    let down = scale(up, -1.0);
    let sums = parallel::map(points.len().div_ceil(1024), subject.threads, |chunk| {
        let own = &points[chunk * 1024..((chunk + 1) * 1024).min(points.len())];
        let volume = |at: &mechanics::elastic::PatchPoint| {
            let to_bed = dot(at.point, up) - low;
            // A face within another part of the model hangs over nothing.
            let below: Vector = std::array::from_fn(|axis| at.point[axis] + 100.0 * least * down[axis]);
            if subject.solid.tree.winding(below) > 0.5 {
                return 0.0;
            }
            let hit = subject.solid.tree.nearest(at.point, down, least, |_| true);
            at.area * dot(at.normal, down) * hit.map_or(to_bed, |hit| hit.distance.min(to_bed))
        };
        own.iter().map(volume).sum::<f64>()
    });
    sums.into_iter().sum()
}

/// Islands (what begins in the air) and bridges (what is held at two opposite ends), from below.
fn layers(options: &Simulate, subject: &Subject) -> (Vec<IslandReport>, Vec<BridgeReport>) {
    let mesh = &subject.solid.mesh;
    let edge = (subject.extent() / CELLS).max(options.layer.value());
    let grid = Grid::around(mesh, edge);
    let grid = if subject.solid.report.is_closed {
        grid.filled_closed(mesh, subject.threads)
    } else {
        grid.filled_open(mesh, &subject.solid.tree, subject.threads).grid
    };
    let axis = (0..3).find(|axis| subject.up[*axis].abs() > 0.5).unwrap_or(2);
    let (first, second) = ((axis + 1) % 3, (axis + 2) % 3);
    let (columns, rows) = (grid.count[first], grid.count[second]);
    let is_downwards = subject.up[axis] < 0.0;
    let cell = |layer: usize, at: usize| {
        let mut place = [0; 3];
        place[axis] = if is_downwards { grid.count[axis] - 1 - layer } else { layer };
        place[first] = at % columns;
        place[second] = at / columns;
        grid.cell(place[0], place[1], place[2])
    };
    // What leans less than the limit reaches so many cells out from the layer below.
    let lean = sine(options.overhang) / sine(90.0 - options.overhang).max(1e-6);
    let reach = ((lean * grid.size[axis] / grid.size[first].min(grid.size[second])).round() as usize).clamp(1, 8);
    let mut below = vec![true; columns * rows];
    let (mut islands, mut bridges) = (Vec::new(), Vec::new());
    for layer in 0..grid.count[axis] {
        let own: Vec<bool> = (0..columns * rows).map(|at| grid.fill[cell(layer, at)] >= 0.5).collect();
        let held = grown(&below, columns, rows, if layer == 0 { 0 } else { reach });
        let supported: Vec<bool> = own.iter().zip(&held).map(|(own, held)| *own && *held).collect();
        let height = (layer as f64) * grid.size[axis];
        let area = grid.size[first] * grid.size[second];
        for part in parts(&own, columns, rows) {
            if part.iter().any(|&at| supported[at]) {
                continue;
            }
            islands.push(IslandReport {
                height: rounded(height),
                place: three(grid.centre(cell(layer, part[part.len() / 2]))),
                area: rounded(part.len() as f64 * area),
            });
        }
        let hanging: Vec<bool> = own.iter().zip(&supported).map(|(own, supported)| *own && !*supported).collect();
        for part in parts(&hanging, columns, rows) {
            let spans =
                [(columns, 1, grid.size[first]), (rows, columns, grid.size[second])].map(|(length, step, size)| {
                    span(&part, &supported, &hanging, columns, length, step).map(|cells| cells as f64 * size)
                });
            if let Some(length) = spans.into_iter().flatten().min_by(f64::total_cmp) {
                bridges.push(BridgeReport {
                    height: rounded(height),
                    place: three(grid.centre(cell(layer, part[part.len() / 2]))),
                    span: rounded(length),
                });
            }
        }
        // What is there holds the next layer, even where it hangs itself: it has been reported.
        below = own;
    }
    bridges.sort_by(|a, b| b.span.total_cmp(&a.span));
    islands.sort_by(|a, b| b.area.total_cmp(&a.area));
    (islands, bridges)
}

/// Cells within so many steps along rows and columns.
fn grown(cells: &[bool], columns: usize, rows: usize, reach: usize) -> Vec<bool> {
    let mut grown = cells.to_vec();
    for _ in 0..reach {
        let before = grown.clone();
        for at in 0..before.len() {
            let (x, y) = (at % columns, at / columns);
            grown[at] |= (x > 0 && before[at - 1])
                || (x + 1 < columns && before[at + 1])
                || (y > 0 && before[at - columns])
                || (y + 1 < rows && before[at + columns]);
        }
    }
    grown
}

/// Connected parts of a layer.
fn parts(cells: &[bool], columns: usize, rows: usize) -> Vec<Vec<usize>> {
    let mut seen = vec![false; cells.len()];
    let mut all = Vec::new();
    for start in 0..cells.len() {
        if !cells[start] || seen[start] {
            continue;
        }
        seen[start] = true;
        let mut part = vec![start];
        let mut next = 0;
        while next < part.len() {
            let at = part[next];
            let (x, y) = (at % columns, at / columns);
            let near = [
                (x > 0).then(|| at - 1),
                (x + 1 < columns).then_some(at + 1),
                (y > 0).then(|| at - columns),
                (y + 1 < rows).then_some(at + columns),
            ];
            for other in near.into_iter().flatten().filter(|&other| cells[other]) {
                if !seen[other] {
                    seen[other] = true;
                    part.push(other);
                }
            }
            next += 1;
        }
        all.push(part);
    }
    all
}

/// The longest row of a part, if each of its rows lies between two cells that are supported.
fn span(
    part: &[usize],
    supported: &[bool],
    hanging: &[bool],
    columns: usize,
    length: usize,
    step: usize,
) -> Option<usize> {
    let mut longest = 0;
    for &at in part {
        let place = if step == 1 { at % columns } else { at / columns };
        // Rows are looked at from their first cell.
        if place > 0 && hanging[at - step] {
            continue;
        }
        let mut cells = 1;
        while place + cells < length && hanging[at + cells * step] {
            cells += 1;
        }
        let is_held = place > 0 && supported[at - step] && place + cells < length && supported[at + cells * step];
        if !is_held {
            return None;
        }
        longest = longest.max(cells);
    }
    Some(longest)
}

/// Places where two surfaces outside of the solid face each other at less than a distance.
fn gaps(subject: &Subject, limit: f64) -> GapReport {
    let mesh = &subject.solid.mesh;
    let least = 1e-9 * subject.extent();
    let gap = |wall: &Wall| {
        let sample = wall.sample;
        let hit =
            subject.solid.tree.nearest(sample.point, sample.normal, least, |hit| hit.triangle != sample.triangle)?;
        let [a, b, c] = mesh.corners(hit.triangle as usize);
        let faces = -dot(unit(doubled_area(a, b, c)), sample.normal);
        (faces > 0.8 && hit.distance < limit).then_some((hit.distance, sample.point))
    };
    let found: Vec<(f64, Vector)> = subject.walls.iter().filter_map(gap).collect();
    let narrowest = found.iter().min_by(|a, b| a.0.total_cmp(&b.0));
    GapReport {
        limit: rounded(limit),
        fraction: rounded(found.len() as f64 / subject.walls.len().max(1) as f64),
        narrowest: narrowest.map(|own| rounded(own.0)),
        place: narrowest.map(|own| three(own.1)),
    }
}

/// Ways to lay it on the bed, the one with the least support first; all are faces of the hull on which it stands.
fn orientations(subject: &Subject, options: &Simulate, layer: f64) -> Vec<OrientationReport> {
    let mesh = &subject.solid.mesh;
    let limit = sine(options.overhang);
    let candidates: Vec<Vector> =
        std::iter::once(subject.up).chain(subject.poses.iter().take(MOST_ORIENTATIONS).map(|pose| pose.up)).collect();
    let mut all: Vec<(f64, OrientationReport)> = parallel::map(candidates.len(), subject.threads, |at| {
        let up = candidates[at];
        let (low, high) = heights(mesh, up);
        let faces = Faces::of(mesh, up, limit, layer);
        let support: f64 = faces
            .of_kind(Face::Overhang)
            .map(|at| {
                let [a, b, c] = mesh.corners(at);
                let vector = doubled_area(a, b, c);
                let height = (dot(a, up) + dot(b, up) + dot(c, up)) / 3.0 - low;
                -dot(vector, up) / 2.0 * height
            })
            .sum();
        let bed = faces.area(Face::Bed);
        // A cubic extent of support is worth an extent of height, so that of two without support the lower one is better.
        let extent = subject.extent();
        let cost = support / (extent * extent * extent) + 0.02 * (high - low) / extent - 0.01 * bed / (extent * extent);
        let report = OrientationReport {
            up: three(up),
            support_volume: rounded(support),
            height: rounded(high - low),
            footprint_area: rounded(bed),
            as_is: at == 0,
        };
        (cost, report)
    });
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut kept: Vec<OrientationReport> = Vec::new();
    for (_, report) in all {
        // The way it lies in the file may be among the faces of the hull.
        let same = kept.iter_mut().find(|own| dot(own.up, report.up) > 0.9999);
        match same {
            Some(own) => own.as_is |= report.as_is,
            None => kept.push(report),
        }
    }
    let as_is = kept.iter().position(|own| own.as_is).map(|at| kept[at].clone());
    kept.truncate(5);
    if !kept.iter().any(|own| own.as_is) {
        kept.extend(as_is);
    }
    kept
}

/// The triangles in the colours of what they are.
fn model(subject: &Subject, faces: &Faces, thin: &[&Wall]) -> scene::document::Document {
    let mesh = &subject.solid.mesh;
    let mut is_thin = vec![false; mesh.triangles.len()];
    for wall in thin {
        is_thin[wall.sample.triangle as usize] = true;
    }
    let colour = |rgb: [f64; 3]| rgb.map(linear);
    let [fine, overhang, bed, thin] =
        [colour([0.78, 0.78, 0.78]), colour([0.85, 0.2, 0.15]), colour([0.2, 0.45, 0.85]), colour([0.95, 0.65, 0.1])];
    let mut split = Mesh::default();
    let mut colours = Vec::with_capacity(3 * mesh.triangles.len());
    for (at, is_thin) in is_thin.into_iter().enumerate() {
        let first = split.points.len() as u32;
        split.points.extend(mesh.corners(at));
        split.triangles.push([first, first + 1, first + 2]);
        let own = match faces.kinds[at] {
            Face::Overhang => overhang,
            Face::Bed => bed,
            Face::Fine if is_thin => thin,
            Face::Fine => fine,
        };
        colours.extend([own; 3]);
    }
    let to_world = of_matrix(&rotation_between(subject.up, [0.0, 1.0, 0.0]));
    let legend = json!({ "red": "overhang", "blue": "on the bed", "orange": "thin wall", "grey": "fine" });
    coloured("print", &split, &colours, None, to_world, legend)
}
