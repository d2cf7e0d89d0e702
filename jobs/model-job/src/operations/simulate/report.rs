//! What the reports say. Their JSON schemas are docs/simulation.schema.json, docs/strength.schema.json and
//! docs/print.schema.json. SI units unless a name says otherwise; directions and places are in the axes of the file, places
//! in metres.

use schemars::JsonSchema;
use serde::Serialize;

/// What every study begins with.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    /// How lengths were read.
    pub units: Units,
    /// What it is made of.
    pub material: MaterialReport,
    /// The surface.
    pub mesh: MeshReport,
    /// Volume, mass, inertia.
    pub properties: PropertiesReport,
    /// How it can rest on a floor, the likeliest first; at most 24.
    pub poses: Vec<PoseReport>,
    /// How many stable poses there are.
    pub pose_count: usize,
}

/// How lengths were read.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Units {
    /// Metres in one of the file's units.
    pub metres_per_unit: f64,
    /// Why.
    pub reason: String,
    /// What points up, in the axes of the file.
    pub up: [f64; 3],
    /// Length of the box along x, y and z, m.
    pub size: [f64; 3],
}

/// What it is made of.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaterialReport {
    /// Its word.
    pub name: String,
    /// kg/m³.
    pub density: f64,
    /// Young's modulus, Pa.
    pub young: f64,
    /// Poisson's ratio.
    pub poisson: f64,
    /// The stress at which it yields, or breaks if it is brittle, Pa.
    pub yield_stress: f64,
    /// Whether it breaks without yielding first.
    pub brittle: bool,
    /// Where the numbers are from.
    pub source: String,
}

/// The surface.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeshReport {
    /// Triangles, without those that were left out.
    pub triangles: usize,
    /// Points after those at the same place were joined.
    pub points: usize,
    /// Triangles without area, left out.
    pub degenerate: usize,
    /// Triangles that were there twice, left out.
    pub duplicate: usize,
    /// No edge belongs to one triangle alone.
    pub closed: bool,
    /// Neighbours agree which side is outside.
    pub oriented: bool,
    /// No edge belongs to more than two triangles.
    pub manifold: bool,
    /// Edges of one triangle alone.
    pub boundary_edges: usize,
    /// Edges of more than two triangles.
    pub nonmanifold_edges: usize,
    /// Parts that are connected over edges.
    pub shells: usize,
    /// Shells that are cavities of others.
    pub cavities: usize,
    /// Shells within others that are not cavities; they count once.
    pub nested_shells: usize,
    /// Triangles that were turned to agree with their neighbours.
    pub turned_triangles: usize,
    /// Shells that were inside out and were turned.
    pub turned_shells: usize,
    /// Pairs of triangles that cut each other, at most 1000; null if there were too many pairs to look at.
    pub self_intersections: Option<usize>,
}

/// Volume, mass, inertia.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PropertiesReport {
    /// `exact` (integrals over the triangles), `cells` (overlapping parts count once), `winding` (winding numbers, of a
    /// surface with holes) or `sheet` (area times thickness).
    pub method: String,
    /// m³.
    pub volume: f64,
    /// How far the volume may be off, as a fraction of it; 0 if exact.
    pub volume_error: f64,
    /// m².
    pub area: f64,
    /// kg.
    pub mass: f64,
    /// The centre of mass, m.
    pub centre: [f64; 3],
    /// The inertia tensor about it, kg m², row by row.
    pub inertia: [[f64; 3]; 3],
    /// Principal moments of inertia, kg m², the smallest first.
    pub principal_moments: [f64; 3],
    /// Their axes, one a row.
    pub principal_axes: [[f64; 3]; 3],
    /// The thinnest wall: from a point of the surface straight inwards to the surface opposite; null if there is none.
    pub thinnest_wall: Option<WallReport>,
}

/// A wall.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WallReport {
    /// m.
    pub thickness: f64,
    /// Where, m.
    pub place: [f64; 3],
    /// Points of the surface that were looked at; thinner walls between them are not seen.
    pub samples: usize,
}

/// One way to rest.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoseReport {
    /// How likely it is if the model is let go of in a random orientation and does not bounce.
    pub probability: f64,
    /// What points up.
    pub up: [f64; 3],
    /// How far the floor can be tilted before it tips, degrees.
    pub tip_angle: f64,
    /// The direction in which it tips first.
    pub tip_direction: [f64; 3],
    /// The height of the centre of mass, m.
    pub height: f64,
    /// The area that it rests on (the hull of what touches), m².
    pub support_area: f64,
}

/// simulation.json
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// What every study begins with.
    #[serde(flatten)]
    pub common: Common,
    /// What was assumed.
    pub assumptions: Assumptions,
    /// The fall.
    pub motion: MotionReport,
    /// The falls in random orientations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drops: Option<DropsReport>,
    /// The tilted floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tilt: Option<TiltReport>,
    /// The push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<PushReport>,
    /// What should be known of these numbers.
    pub warnings: Vec<String>,
}

/// What was assumed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Assumptions {
    /// Coulomb's coefficient.
    pub friction: f64,
    /// Newton's coefficient.
    pub restitution: f64,
    /// m/s².
    pub gravity: f64,
    /// s.
    pub step: f64,
    /// Corners of the hull that touches the floor.
    pub hull_corners: usize,
    /// How far the whole hull sticks out of it, m.
    pub hull_error: f64,
}

/// A fall.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MotionReport {
    /// Of the lowest point at the start, m.
    pub height: f64,
    /// Blows, at most 100.
    pub impacts: Vec<ImpactReport>,
    /// Seconds until it was still; null if it still moved at the end.
    pub rest_time: Option<f64>,
    /// The pose in which it rests: its number among the poses; null if in none of them.
    pub rest_pose: Option<usize>,
    /// What points up at the end.
    pub up: [f64; 3],
    /// How far the centre of mass moved along the floor, m.
    pub displacement: f64,
    /// Energy lost to friction and blows, J.
    pub energy_lost: f64,
    /// Moments: time (s), centre of mass with y up (m), rotation (quaternion x, y, z, w), energy (J); 30 a second.
    pub trajectory: Vec<[f64; 9]>,
}

/// A blow.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImpactReport {
    /// s.
    pub time: f64,
    /// Speed of the centre of mass before it, m/s.
    pub speed: f64,
    /// N s.
    pub impulse: f64,
}

/// Falls in random orientations.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DropsReport {
    /// How many.
    pub count: usize,
    /// What the orientations were drawn from.
    pub seed: u64,
    /// For each pose that it came to rest in, the most frequent first.
    pub poses: Vec<DropPose>,
    /// Falls that ended in no stable pose, or had not ended.
    pub elsewhere: usize,
}

/// How often it rested so.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DropPose {
    /// The number of the pose.
    pub pose: usize,
    /// How often.
    pub count: usize,
    /// As a fraction.
    pub fraction: f64,
    /// Half the width of the 95 % confidence interval of the fraction (Wilson's).
    pub uncertainty: f64,
}

/// The tilted floor.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TiltReport {
    /// `stands`, `slides` or `tips`.
    pub verdict: String,
    /// Degrees at which it began; null if it stands.
    pub angle: Option<f64>,
    /// The most that the floor was tilted, degrees.
    pub to: f64,
    /// The way it was tilted.
    pub direction: [f64; 3],
    /// The angle at which the geometry says that it tips, degrees.
    pub expected_tip: Option<f64>,
    /// The angle of friction, degrees.
    pub expected_slide: f64,
}

/// The push.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushReport {
    /// `stands`, `slides` or `falls`.
    pub verdict: String,
    /// N.
    pub force: [f64; 3],
    /// Over the floor, m.
    pub height: f64,
    /// How far its centre moved along the floor, m.
    pub displacement: f64,
    /// How far it leaned at most, degrees.
    pub lean: f64,
}

/// strength.json
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Strength {
    /// What every study begins with.
    #[serde(flatten)]
    pub common: Common,
    /// Where it is held.
    pub supports: Vec<SupportReport>,
    /// What acts on it, besides its weight.
    pub loads: Vec<LoadReport>,
    /// m/s².
    pub gravity: f64,
    /// What came out.
    pub result: StrengthResult,
    /// What should be known of these numbers.
    pub warnings: Vec<String>,
}

/// Where it is held.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SupportReport {
    /// As it was asked for.
    pub place: String,
    /// Nodes that are held.
    pub nodes: usize,
    /// Area of the surface there, m².
    pub area: f64,
}

/// What acts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// As it was asked for.
    pub place: String,
    /// The force in all, N.
    pub force: [f64; 3],
    /// Area of the surface there, m².
    pub area: f64,
}

/// An extreme value and where it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExtremeReport {
    /// m or Pa.
    pub value: f64,
    /// m.
    pub place: [f64; 3],
}

/// What came out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StrengthResult {
    /// Cells.
    pub cells: usize,
    /// Sides of a cell, m.
    pub cell_size: [f64; 3],
    /// Steps of the solver.
    pub iterations: usize,
    /// The largest displacement, m.
    pub largest_displacement: ExtremeReport,
    /// How much half the resolution differs from it, as a fraction: an estimate of its error; null if half the resolution
    /// cannot be solved.
    pub displacement_error: Option<f64>,
    /// The largest von Mises stress at the surface, Pa. At a sharp inner corner or at the edge of a support it grows with the
    /// resolution, and is not a number to rely on.
    pub largest_stress: ExtremeReport,
    /// The von Mises stress that half of the volume stays below, Pa.
    pub stress_median: f64,
    /// That 99 % of the volume stays below, Pa.
    pub stress_p99: f64,
    /// That 99.9 % of the volume stays below, Pa.
    pub stress_p999: f64,
    /// How much half the resolution differs from the 99th percentile, as a fraction.
    pub stress_error: Option<f64>,
    /// The largest principal stress at the surface (tension), Pa.
    pub largest_principal: f64,
    /// Yield stress by the 99.9th percentile of the von Mises stress; of brittle materials by that of the principal stress at
    /// the surface. Null if nothing is stressed.
    pub safety_factor: Option<f64>,
    /// The same for the largest stress.
    pub safety_factor_at_maximum: Option<f64>,
    /// The sum of all loads, N.
    pub load: [f64; 3],
    /// The sum of what the supports bear, N.
    pub reaction: [f64; 3],
    /// Elastic energy, J.
    pub energy: f64,
    /// Whether half the resolution gives results within 20 %.
    pub converged: bool,
    /// The fraction of the walls with fewer than three cells across.
    pub underresolved: f64,
    /// The fraction of the volume that is not connected with a support.
    pub left_out: f64,
    /// How much the deformation in strength.glb is exaggerated.
    pub deformation_factor: f64,
    /// Stress of the first and the last colour in strength.glb, Pa.
    pub colour_scale: [f64; 2],
}

/// print.json
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Print {
    /// What every study begins with.
    #[serde(flatten)]
    pub common: Common,
    /// What was found.
    pub result: PrintResult,
    /// What should be known of these numbers.
    pub warnings: Vec<String>,
}

/// What was found, for the model as it stands in the file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrintResult {
    /// m.
    pub height: f64,
    /// Layers.
    pub layers: usize,
    /// Degrees from the vertical that need no support.
    pub overhang_limit: f64,
    /// Surface that leans further and is not on the bed, m².
    pub overhang_area: f64,
    /// The same as a fraction of the surface.
    pub overhang_fraction: f64,
    /// Volume below it, down to the next surface or the bed, m³; what a slicer fills in part.
    pub support_volume: f64,
    /// Surface on the bed, m².
    pub footprint_area: f64,
    /// Whether its centre of mass is over what touches the bed.
    pub stands: bool,
    /// How far the bed can be tilted before it tips, degrees.
    pub tip_angle: Option<f64>,
    /// Parts that begin in the air.
    pub island_count: usize,
    /// The largest of them, at most 50.
    pub islands: Vec<IslandReport>,
    /// Parts of a layer that hang between two ends.
    pub bridge_count: usize,
    /// The longest of them, at most 50.
    pub bridges: Vec<BridgeReport>,
    /// Walls.
    pub thin_walls: ThinReport,
    /// Gaps.
    pub gaps: GapReport,
    /// Ways to lay it on the bed, the best first, and the one in the file.
    pub orientations: Vec<OrientationReport>,
}

/// A part that begins in the air.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IslandReport {
    /// Over the bed, m.
    pub height: f64,
    /// m.
    pub place: [f64; 3],
    /// m².
    pub area: f64,
}

/// A part of a layer that hangs between two ends.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BridgeReport {
    /// Over the bed, m.
    pub height: f64,
    /// m.
    pub place: [f64; 3],
    /// m.
    pub span: f64,
}

/// Walls that are too thin.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThinReport {
    /// What counts as thin, m.
    pub limit: f64,
    /// The fraction of the walls that were looked at.
    pub fraction: f64,
    /// m.
    pub thinnest: Option<f64>,
    /// Some of the places, m.
    pub places: Vec<[f64; 3]>,
}

/// Gaps that are too narrow.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GapReport {
    /// What counts as narrow, m.
    pub limit: f64,
    /// The fraction of the surface that was looked at.
    pub fraction: f64,
    /// m.
    pub narrowest: Option<f64>,
    /// m.
    pub place: Option<[f64; 3]>,
}

/// A way to lay it on the bed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrientationReport {
    /// What points up then, in the axes of the file.
    pub up: [f64; 3],
    /// At most this much support, m³: as if it all stood on the bed.
    pub support_volume: f64,
    /// m.
    pub height: f64,
    /// Surface on the bed, m².
    pub footprint_area: f64,
    /// Whether it is the way it stands in the file.
    pub as_is: bool,
}
