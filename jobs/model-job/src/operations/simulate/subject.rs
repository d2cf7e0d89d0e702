//! The solid that is simulated.

use catalog::Format;
use catalog::operations::{MaterialName, Simulate, Unit, Up};
use contract::Failure;
use mechanics::material::material;
use mechanics::{Body, Material};
use operation::Task;
use scene::document::Document;
use scene::evaluate::{Moment, evaluate};
use scene::load::load;
use solid::repair::{Repaired, repair};
use solid::vector::{Vector, norm};
use solid::walls::{Wall, samples, walls};
use solid::{Grid, Hull, MassProperties, Mesh, Pose, hull, stable_poses};

use super::report::{Common, MaterialReport, MeshReport, PoseReport, PropertiesReport, Units, WallReport};
use super::{rounded, three};

/// The most triangles that are simulated: a tree over them and what else is kept takes 200 bytes each.
pub const MOST_TRIANGLES: usize = 20_000_000;
/// Points are joined within this fraction of the extent.
const WELD: f64 = 1e-6;
/// Cells for the volume of what is not closed: the finer and the coarser grid, whose difference is a part of the error.
const VOLUME_CELLS: [f64; 2] = [80.0, 40.0];
/// Points of the surface at which walls are looked at.
const WALL_SAMPLES: usize = 20_000;
/// Thickness of a sheet if nobody says it, m.
const SHEET: f64 = 1e-3;
/// Poses in a report.
const MOST_POSES: usize = 24;

/// How the volume is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Integrals over the triangles.
    Exact,
    /// Cells of a closed surface that overlaps itself.
    Cells,
    /// Winding numbers.
    Winding,
    /// Area times thickness.
    Sheet,
}

/// What is simulated.
pub struct Subject {
    /// The file.
    pub document: Document,
    /// The triangles, repaired, in metres and the axes of the file.
    pub solid: Repaired,
    /// For each triangle the piece of the scene that it comes from.
    pub piece_of: Vec<u32>,
    /// For each piece its node's name and its material's.
    pub pieces: Vec<PieceNames>,
    /// Metres in a unit of the file.
    pub metres: f64,
    /// Up, in the axes of the file.
    pub up: Vector,
    /// Of density 1.
    pub properties: MassProperties,
    /// How they are known.
    pub method: Method,
    /// Thickness of a sheet.
    pub thickness: Option<f64>,
    /// What it is made of.
    pub material: Material,
    /// The rigid body: its hull about its centre of mass.
    pub body: Body,
    /// Stable poses of that hull.
    pub poses: Vec<Pose>,
    /// Walls at points of the surface.
    pub walls: Vec<Wall>,
    /// What should be told.
    pub warnings: Vec<String>,
    /// Threads to work on.
    pub threads: usize,
    reason: String,
    error: f64,
    mesh: MeshReport,
}

/// The names of a piece of the scene.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PieceNames {
    /// Its node's, or its mesh's.
    pub node: Option<String>,
    /// Its material's.
    pub material: Option<String>,
}

impl Subject {
    /// Loads the model and makes a solid of it.
    pub fn load(options: &Simulate, task: &Task) -> Result<Self, Failure> {
        let threads = operation::processors();
        let document = load(&task.input)?;
        let scene = evaluate(&document, &Moment::default())?;
        let mut warnings: Vec<String> = document.warnings.iter().chain(&scene.warnings).cloned().collect();
        let count = scene.triangle_count();
        if count == 0 {
            return Err(Failure::invalid_input("the model has no surface: nothing of it is made of triangles"));
        }
        if count > MOST_TRIANGLES {
            return Err(Failure::invalid_input(format!(
                "the model has {count} triangles; at most {MOST_TRIANGLES} are simulated: simplify it first"
            )));
        }
        if scene.pieces.iter().any(|piece| !piece.lines.is_empty() || !piece.points.is_empty()) {
            warnings.push("lines and points have no mass and were left out".to_owned());
        }
        let (raw, piece_of) = gathered(&scene.pieces);
        let extent = raw.extent();
        if !extent.is_finite() || raw.points.iter().flatten().any(|value| !value.is_finite()) {
            return Err(Failure::invalid_input("the model has coordinates that are not finite numbers"));
        }
        if extent <= 0.0 {
            return Err(Failure::invalid_input("all points of the model lie at the same place"));
        }
        let format = task.input.format();
        let (metres, reason) = unit(options, format, extent);
        let longest = extent * metres;
        if !(1e-3..=100.0).contains(&longest) {
            warnings.push(format!("the model is {longest:.3e} m long, taken as {reason}; unit= or size= corrects it"));
        }
        if !document.animations.is_empty() || !document.skins.is_empty() {
            warnings.push("the model is simulated in its pose at rest, as one rigid or elastic piece".to_owned());
        }
        let welded = raw.scaled(metres).weld(longest * WELD);
        if welded.mesh.triangles.is_empty() {
            return Err(Failure::invalid_input("the model has no surface: its triangles have no area"));
        }
        let piece_of: Vec<u32> = welded.source.iter().map(|&source| piece_of[source as usize]).collect();
        let solid = repair(welded.mesh);
        let mesh = mesh_report(&solid, welded.degenerate, welded.duplicate);
        let enclosed = enclosed(
            &solid,
            options.thickness.as_ref().map(catalog::operations::Length::value),
            threads,
            &mut warnings,
        );
        let hull = hull_of(&solid.mesh, enclosed.thickness, longest)?;
        let body = Body::new(&hull, &enclosed.properties);
        let poses = stable_poses(&body.hull, [0.0; 3], 1e-5 * longest);
        if poses.is_empty() {
            return Err(Failure::internal("the hull of the model has no face to rest on"));
        }
        let sampled = samples(&solid.mesh, WALL_SAMPLES.min(4 * solid.mesh.triangles.len().max(500)));
        let walls =
            if solid.report.is_closed { walls(&solid.mesh, &solid.tree, &sampled, threads) } else { Vec::new() };
        let pieces = scene
            .pieces
            .iter()
            .map(|piece| PieceNames {
                node: piece.name.clone(),
                material: piece.material.and_then(|at| document.materials[at].get("name")?.as_str().map(str::to_owned)),
            })
            .collect();
        Ok(Self {
            solid,
            piece_of,
            pieces,
            metres,
            up: up(options, format),
            properties: enclosed.properties,
            method: enclosed.method,
            error: enclosed.error,
            thickness: enclosed.thickness,
            material: chosen_material(options, format),
            body,
            poses,
            walls,
            warnings,
            threads,
            reason,
            mesh,
            document,
        })
    }

    /// kg.
    pub fn mass(&self) -> f64 {
        self.properties.volume * self.material.density
    }

    /// The longest side, m.
    pub fn extent(&self) -> f64 {
        self.solid.mesh.extent()
    }

    /// What every report begins with.
    pub fn common(&self) -> Common {
        let (low, high) = self.solid.mesh.bounds();
        let density = self.material.density;
        let properties = &self.properties;
        let thinnest = self.walls.iter().min_by(|a, b| a.thickness.total_cmp(&b.thickness));
        Common {
            units: Units {
                metres_per_unit: rounded(self.metres),
                reason: self.reason.clone(),
                up: self.up,
                size: std::array::from_fn(|axis| rounded(high[axis] - low[axis])),
            },
            material: MaterialReport {
                name: self.material.name.to_owned(),
                density,
                young: self.material.young,
                poisson: self.material.poisson,
                yield_stress: self.material.strength,
                brittle: self.material.is_brittle,
                source: self.material.source.to_owned(),
            },
            mesh: self.mesh.clone(),
            properties: PropertiesReport {
                method: match self.method {
                    Method::Exact => "exact",
                    Method::Cells => "cells",
                    Method::Winding => "winding",
                    Method::Sheet => "sheet",
                }
                .to_owned(),
                volume: rounded(properties.volume),
                volume_error: rounded(self.error),
                area: rounded(self.solid.mesh.area()),
                mass: rounded(self.mass()),
                centre: three(properties.centre),
                inertia: properties.inertia.map(|row| three(row.map(|value| value * density))),
                principal_moments: three(properties.moments.map(|value| value * density)),
                principal_axes: properties.axes.map(three),
                thinnest_wall: thinnest.map(|wall| WallReport {
                    thickness: rounded(wall.thickness),
                    place: three(wall.sample.point),
                    samples: WALL_SAMPLES.min(4 * self.solid.mesh.triangles.len().max(500)),
                }),
            },
            pose_count: self.poses.len(),
            poses: self.poses.iter().take(MOST_POSES).map(pose_report).collect(),
        }
    }
}

fn pose_report(pose: &Pose) -> PoseReport {
    PoseReport {
        probability: rounded(pose.probability),
        up: three(pose.up),
        tip_angle: rounded(pose.tip_angle.to_degrees()),
        tip_direction: three(pose.tip_direction),
        height: rounded(pose.height),
        support_area: rounded(pose.support_area),
    }
}

/// All triangles of the pieces, with the number of each one's piece.
fn gathered(pieces: &[scene::evaluate::Piece]) -> (Mesh, Vec<u32>) {
    let mut mesh = Mesh::default();
    let mut piece_of = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        if piece.triangles.is_empty() {
            continue;
        }
        let first = mesh.points.len() as u32;
        mesh.points.extend(piece.positions.iter().map(|point| point.map(f64::from)));
        mesh.triangles.extend(piece.triangles.iter().map(|triangle| triangle.map(|corner| corner + first)));
        piece_of.resize(mesh.triangles.len(), number as u32);
    }
    // Vertices of lines and points alone do not count for the extent.
    let mut used = vec![u32::MAX; mesh.points.len()];
    let mut points = Vec::new();
    for corner in mesh.triangles.iter_mut().flatten() {
        let number = &mut used[*corner as usize];
        if *number == u32::MAX {
            *number = points.len() as u32;
            points.push(mesh.points[*corner as usize]);
        }
        *corner = *number;
    }
    mesh.points = points;
    (mesh, piece_of)
}

fn unit(options: &Simulate, format: Format, extent: f64) -> (f64, String) {
    if let Some(size) = &options.size {
        return (size.value() / extent, format!("units of which the longest side has {extent} and size says {size}"));
    }
    let name = |unit: Unit| match unit {
        Unit::M => "metres",
        Unit::Mm => "millimetres",
        Unit::Cm => "centimetres",
        Unit::In => "inches",
    };
    if let Some(unit) = options.unit {
        return (unit.metres(), format!("{}, as asked for", name(unit)));
    }
    match format {
        Format::Glb | Format::Gltf => (1.0, "metres, as glTF has them".to_owned()),
        Format::Stl => (1e-3, "millimetres, as is usual in STL".to_owned()),
        _ if extent > 20.0 => (1e-3, format!("millimetres, because the longest side has {extent} units")),
        _ => (1.0, format!("metres, because the longest side has {extent} units")),
    }
}

fn up(options: &Simulate, format: Format) -> Vector {
    match options.up.unwrap_or(if format == Format::Stl { Up::Z } else { Up::Y }) {
        Up::X => [1.0, 0.0, 0.0],
        Up::Y => [0.0, 1.0, 0.0],
        Up::Z => [0.0, 0.0, 1.0],
        Up::MinusY => [0.0, -1.0, 0.0],
        Up::MinusZ => [0.0, 0.0, -1.0],
    }
}

fn chosen_material(options: &Simulate, format: Format) -> Material {
    let name = options
        .material
        .map_or_else(|| if format == Format::Stl { "pla" } else { "abs" }.to_owned(), MaterialName::name);
    let mut own = *material(&name).unwrap_or(&mechanics::MATERIALS[0]);
    let given =
        [options.density.is_some(), options.young.is_some(), options.poisson.is_some(), options.yield_stress.is_some()];
    own.density = options.density.unwrap_or(own.density);
    own.young = options.young.as_ref().map_or(own.young, catalog::operations::Pressure::value);
    own.poisson = options.poisson.unwrap_or(own.poisson);
    own.strength = options.yield_stress.as_ref().map_or(own.strength, catalog::operations::Pressure::value);
    if given.contains(&true) {
        own.source = "changed by options";
    }
    own
}

fn mesh_report(solid: &Repaired, degenerate: usize, duplicate: usize) -> MeshReport {
    let (before, report) = (&solid.before, &solid.report);
    MeshReport {
        triangles: solid.mesh.triangles.len(),
        points: solid.mesh.points.len(),
        degenerate,
        duplicate,
        closed: before.is_closed(),
        oriented: before.is_oriented(),
        manifold: before.is_manifold(),
        boundary_edges: before.boundary_edges,
        nonmanifold_edges: before.nonmanifold_edges,
        shells: before.shells,
        cavities: report.cavities,
        nested_shells: report.nested_shells,
        turned_triangles: report.turned_triangles,
        turned_shells: report.turned_shells,
        self_intersections: report.self_intersections,
    }
}

struct Enclosed {
    properties: MassProperties,
    method: Method,
    error: f64,
    thickness: Option<f64>,
}

/// What the surface encloses.
fn enclosed(solid: &Repaired, thickness: Option<f64>, threads: usize, warnings: &mut Vec<String>) -> Enclosed {
    let Repaired { mesh, tree, report, .. } = solid;
    let extent = mesh.extent();
    if report.turned_triangles > 0 {
        warnings.push(format!(
            "{} triangles faced another way than their neighbours and were turned",
            report.turned_triangles
        ));
    }
    if report.turned_shells > 0 {
        warnings.push(format!("{} shells were inside out and were turned", report.turned_shells));
    }
    let (low, high) = mesh.bounds();
    // Of a flat box the volume is 0, and nothing is more than nothing.
    let box_volume: f64 = (0..3).map(|axis| (high[axis] - low[axis]).max(1e-6 * extent)).product();
    if report.is_closed {
        let exact = MassProperties::of_closed(mesh);
        if report.is_exact && exact.volume > 1e-6 * box_volume {
            return Enclosed { properties: exact, method: Method::Exact, error: 0.0, thickness: None };
        }
        let [fine, coarse] =
            VOLUME_CELLS.map(|cells| Grid::around(mesh, extent / cells).filled_closed(mesh, threads).properties());
        if fine.volume > 1e-6 * box_volume {
            let error = ((fine.volume - coarse.volume) / fine.volume).abs();
            warnings.push(format!(
                "parts of the model overlap or cut through themselves: their volume counts once, within {:.1} %",
                (error * 100.0).max(0.1)
            ));
            return Enclosed { properties: fine, method: Method::Cells, error, thickness: None };
        }
    } else {
        let [fine, coarse] =
            VOLUME_CELLS.map(|cells| Grid::around(mesh, extent / cells).filled_open(mesh, tree, threads));
        let properties = fine.grid.properties();
        let ambiguous = (fine.most - fine.least) / (2.0 * properties.volume.max(f64::MIN_POSITIVE));
        let resolution = ((properties.volume - coarse.grid.volume()) / properties.volume).abs();
        let error = ambiguous.max(resolution);
        if properties.volume > 1e-6 * box_volume && error < 0.5 && thickness.is_none() {
            warnings.push(format!(
                "the surface is not closed: what it encloses is estimated by winding numbers, within {:.1} %",
                (error * 100.0).max(0.1)
            ));
            return Enclosed { properties, method: Method::Winding, error, thickness: None };
        }
    }
    let own = thickness.unwrap_or(SHEET);
    warnings.push(if thickness.is_some() {
        format!("the surface is taken as a sheet of {} mm", own * 1e3)
    } else {
        "the surface encloses nothing: it is taken as a sheet of 1 mm; thickness= says another".to_owned()
    });
    Enclosed {
        properties: MassProperties::of_sheet(mesh, own),
        method: Method::Sheet,
        error: 0.0,
        thickness: Some(own),
    }
}

fn hull_of(mesh: &Mesh, thickness: Option<f64>, extent: f64) -> Result<Hull, Failure> {
    let flat = || hull::thickened(&mesh.points, thickness.unwrap_or(SHEET).min(0.1 * extent));
    let found = hull::convex_hull(&mesh.points).filter(|hull| {
        // A sheet that is flat but for rounding.
        MassProperties::of_closed(hull).volume > 1e-9 * extent * extent * extent
    });
    found
        .or_else(flat)
        .ok_or_else(|| Failure::invalid_input("the model has no surface: all its points lie on one line"))
}

/// The part of a vector along a direction taken off, at length 1; nothing if nothing is left.
pub fn horizontal(vector: Vector, up: Vector) -> Option<Vector> {
    let along = solid::vector::dot(vector, up);
    let flat: Vector = std::array::from_fn(|axis| vector[axis] - along * up[axis]);
    (norm(flat) > 1e-9).then(|| solid::vector::unit(flat))
}
