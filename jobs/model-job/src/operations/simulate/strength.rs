//! How it bends and where it is stressed.

use catalog::operations::{Amount, Compress, Length, Simulate};
use contract::{Failure, Properties};
use mechanics::elastic::{Lattice, Patch, Solution, Stresses, connected, elasticity, solve};
use mechanics::rigid::GRAVITY;
use mechanics::rotation::of_matrix;
use operation::Task;
use serde_json::json;
use solid::Grid;
use solid::vector::{Vector, add, cross, norm, rotation_between, scale, sub, unit};

use super::region::region;
use super::report::{ExtremeReport, LoadReport, Strength, StrengthResult, SupportReport};
use super::subject::{Method, Subject};
use super::surface::{SHOWN_AT, coloured, refined, turbo};
use super::{model_properties, picture, rounded, three, write_report};
use crate::write::write;

/// Of the residual against the loads.
const TOLERANCE: f64 = 1e-8;
/// The most cells of a grid, filled or not.
const MOST_CELLS: f64 = 48e6;
/// Fewer cells across a wall than this do not resolve how it bends.
const FEWEST_ACROSS: f64 = 3.0;
/// Results of two resolutions that differ by more have not converged.
const CONVERGED: f64 = 0.2;
/// The deformation is shown as this fraction of the extent.
const SHOWN: f64 = 0.05;

/// Writes `strength.json`, `strength.glb` and `strength.png`.
pub fn strength(options: &Simulate, subject: &mut Subject, task: &Task) -> Result<Properties, Failure> {
    if subject.method == Method::Sheet && options.thickness.is_none() {
        return Err(Failure::invalid_input(
            "the model encloses no volume: thickness= says how thick its surface is, for example thickness=2mm",
        ));
    }
    if options.load.is_empty() && options.gravity == 0.0 {
        return Err(Failure::invalid_request(
            "nothing acts on the model: load= or gravity= is needed, for example load=top=100N",
        ));
    }
    let mut warnings = subject.warnings.clone();
    let fine_edge = edge(options, subject, &mut warnings);
    let fine = Analysis::run(options, subject, fine_edge)?;
    task.progress.report(0.6);
    warnings.extend(fine.warnings.clone());
    let coarse = Analysis::run(options, subject, 2.0 * fine_edge);
    task.progress.report(0.75);
    let stresses = fine.stresses(subject);
    let (surface, _) = refined(&subject.solid.mesh, 1.5 * fine_edge);
    let mut shown = Vec::with_capacity(surface.points.len());
    let mut moved = Vec::with_capacity(surface.points.len());
    let mut principal = Vec::with_capacity(surface.points.len());
    for point in &surface.points {
        let stress = stresses.at(*point).unwrap_or_default();
        shown.push(stress.von_mises());
        principal.push(stress.largest_principal());
        moved.push(fine.displacement(*point));
    }
    let [median, p99, p999] = stresses.percentiles([0.5, 0.99, 0.999]);
    let most = (0..shown.len()).max_by(|&i, &j| shown[i].total_cmp(&shown[j])).unwrap_or(0);
    let farthest = (0..moved.len()).max_by(|&i, &j| norm(moved[i]).total_cmp(&norm(moved[j]))).unwrap_or(0);
    let displacement = fine.largest_displacement();
    let (displacement_error, stress_error, converged) = match &coarse {
        Ok(coarse) => {
            let [coarse_p99] = coarse.stresses(subject).percentiles([0.99]);
            let of = |fine: f64, coarse: f64| if fine == 0.0 { 0.0 } else { ((fine - coarse) / fine).abs() };
            let (moves, stresses) = (of(displacement, coarse.largest_displacement()), of(p99, coarse_p99));
            (Some(moves), Some(stresses), moves <= CONVERGED && stresses <= CONVERGED)
        }
        Err(_) => (None, None, false),
    };
    if !converged {
        warnings.push(
            "the results are not converged: half the resolution gives results that differ by more than 20 %, or none"
                .to_owned(),
        );
    }
    if fine.is_near_support(surface.points[most], 2.0 * fine_edge) {
        warnings.push(
            "the largest stress is at the edge of a support, where it grows with the resolution and is not a number to rely on: \
             the 99th percentile is"
                .to_owned(),
        );
    }
    let thin = subject.walls.iter().filter(|wall| wall.thickness < FEWEST_ACROSS * fine_edge);
    let thin_fraction = thin.clone().count() as f64 / subject.walls.len().max(1) as f64;
    if let Some(thinnest) =
        thin.clone().min_by(|a, b| a.thickness.total_cmp(&b.thickness)).filter(|_| thin_fraction > 0.005)
    {
        let needed = f64::from(options.resolution) * (FEWEST_ACROSS * fine_edge / thinnest.thickness).powi(3);
        warnings.push(format!(
            "{:.0} % of the walls have fewer than 3 cells across, the thinnest {:.3} mm: resolution={:.0} would resolve it",
            thin_fraction * 100.0,
            thinnest.thickness * 1e3,
            (needed / 1000.0).ceil() * 1000.0
        ));
    }
    let brittle = subject.material.is_brittle;
    let limit = subject.material.strength;
    let governing = if brittle { percentile(&mut principal.clone(), 0.999) } else { p999 };
    let factor = |stress: f64| if stress > 0.0 { Some(rounded(limit / stress)) } else { None };
    let exaggeration =
        options.deformation.unwrap_or(if displacement > 0.0 { SHOWN * subject.extent() / displacement } else { 1.0 });
    if options.model || options.pictures {
        let colours: Vec<[f32; 3]> =
            shown.iter().map(|stress| turbo(if p999 > 0.0 { stress / p999 } else { 0.0 })).collect();
        let offsets: Vec<Vector> = moved.iter().map(|own| scale(*own, exaggeration)).collect();
        let to_world = of_matrix(&rotation_between(subject.up, [0.0, 1.0, 0.0]));
        let extras = json!({
            "quantity": "von Mises stress", "unit": "Pa", "colours": "turbo", "from": 0.0, "to": rounded(p999),
            "deformationFactor": rounded(exaggeration),
        });
        let document = coloured("strength", &surface, &colours, Some(&offsets), to_world, extras);
        if options.model {
            let glb = write(&document, Compress::None)?;
            task.outputs.write("strength.glb", "model/gltf-binary", &glb.bytes, model_properties(&glb))?;
        }
        task.progress.report(0.8);
        if options.pictures {
            let mut notes = vec![
                format!("deformation × {}", picture::digits(exaggeration)),
                format!("moves {} at most", picture::with_prefix(displacement, "m")),
            ];
            notes.extend(factor(governing).map(|factor| format!("safety factor {}", picture::digits(factor))));
            let legend = picture::Legend { title: "von Mises stress", most: p999, unit: "Pa", notes: &notes };
            let drawn = picture::with_legend(document, SHOWN_AT, &legend, "strength.png", task);
            picture::or_warning(drawn, task)?;
        }
    }
    let report = Strength {
        common: subject.common(),
        supports: fine.supports.clone(),
        loads: fine.loads.clone(),
        gravity: rounded(options.gravity * GRAVITY),
        result: StrengthResult {
            cells: fine.lattice.cells.len(),
            cell_size: three(fine.lattice.size),
            iterations: fine.solution.iterations,
            largest_displacement: ExtremeReport {
                value: rounded(displacement),
                place: three(surface.points[farthest]),
            },
            displacement_error: displacement_error.map(rounded),
            largest_stress: ExtremeReport { value: rounded(shown[most]), place: three(surface.points[most]) },
            stress_median: rounded(median),
            stress_p99: rounded(p99),
            stress_p999: rounded(p999),
            stress_error: stress_error.map(rounded),
            largest_principal: rounded(principal.iter().copied().fold(0.0, f64::max)),
            safety_factor: factor(governing),
            safety_factor_at_maximum: factor(if brittle {
                principal.iter().copied().fold(0.0, f64::max)
            } else {
                shown[most]
            }),
            load: three(fine.total_load),
            reaction: three(fine.reaction()),
            energy: rounded(fine.solution.energy),
            converged,
            underresolved: rounded(thin_fraction),
            left_out: rounded(fine.left_out),
            deformation_factor: rounded(exaggeration),
            colour_scale: [0.0, rounded(p999)],
        },
        warnings: warnings.clone(),
    };
    subject.warnings = warnings;
    let mut properties = write_report("strength.json", &report, subject, task)?;
    properties.insert("safetyFactor".to_owned(), json!(report.result.safety_factor));
    properties.insert("largestDisplacement".to_owned(), json!(report.result.largest_displacement.value));
    Ok(properties)
}

fn percentile(values: &mut [f64], fraction: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 * fraction) as usize).min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// The side of a cell for the resolution that is asked for.
fn edge(options: &Simulate, subject: &Subject, warnings: &mut Vec<String>) -> f64 {
    let mut edge = mechanics::power(subject.properties.volume / f64::from(options.resolution), 1.0 / 3.0);
    if let Some(thickness) = subject.thickness {
        edge = edge.min(thickness / FEWEST_ACROSS);
    }
    let (low, high) = subject.solid.mesh.bounds();
    let cells: f64 = (0..3).map(|axis| ((high[axis] - low[axis]) / edge).max(1.0)).product();
    if cells > MOST_CELLS {
        warnings.push(format!(
            "a grid of this resolution over the whole model would have {:.0} million cells: a coarser one was taken",
            cells / 1e6
        ));
        edge *= mechanics::power(cells / MOST_CELLS, 1.0 / 3.0);
    }
    edge
}

struct Analysis {
    lattice: Lattice,
    solution: Solution,
    held: Vec<bool>,
    supports: Vec<SupportReport>,
    loads: Vec<LoadReport>,
    total_load: Vector,
    left_out: f64,
    warnings: Vec<String>,
}

impl Analysis {
    fn run(options: &Simulate, subject: &Subject, edge: f64) -> Result<Self, Failure> {
        let mut warnings = Vec::new();
        let mut grid = filled(subject, options.thickness.as_ref().map(Length::value), edge);
        // Closer than cells, so that no cell of a region is missed.
        let step = 0.6 * edge;
        let mut patches: Vec<Patch> = Vec::new();
        for place in &options.fix {
            patches.push(region(subject, place, step)?);
        }
        // What no support reaches would fly away.
        let all = Lattice::new(&grid);
        let mut held = vec![false; 3 * all.node_count()];
        for patch in &patches {
            patch.hold(&all, [true; 3], &mut held);
        }
        let seeds: Vec<usize> = all
            .nodes
            .iter()
            .zip(&all.cells)
            .filter(|(nodes, _)| nodes.iter().filter(|node| held[3 * **node as usize]).count() >= 3)
            .map(|(_, cell)| *cell as usize)
            .collect();
        let reached = connected(&grid, &seeds);
        let before = grid.volume();
        grid.fill.iter_mut().zip(reached).filter(|(_, reached)| !reached).for_each(|(fill, _)| *fill = 0.0);
        let left_out = if before > 0.0 { 1.0 - grid.volume() / before } else { 0.0 };
        if left_out > 1e-4 {
            warnings.push(format!(
                "{:.1} % of the volume is not connected with a support and was left out",
                left_out * 100.0
            ));
        }
        let lattice = Lattice::new(&grid);
        let mut fixed = vec![false; 3 * lattice.node_count()];
        let mut supports = Vec::new();
        for (place, patch) in options.fix.iter().zip(&patches) {
            let nodes = patch.hold(&lattice, [true; 3], &mut fixed);
            supports.push(SupportReport { place: place.to_string(), nodes, area: rounded(patch.area()) });
        }
        check_held(&lattice, &fixed)?;
        let mut forces = vec![0.0; fixed.len()];
        let weight = scale(subject.up, -GRAVITY * options.gravity * subject.material.density);
        lattice.weight(weight, &mut forces);
        let mut loads = Vec::new();
        for load in &options.load {
            let patch = region(subject, &load.place, step)?;
            let area = patch.area();
            let inwards = unit(patch.points.iter().fold([0.0; 3], |sum, own| add(sum, scale(own.normal, -own.area))));
            let (wanted, found) = match &load.amount {
                Amount::Pressure(pressure) => {
                    let pressure = pressure.value();
                    let wanted = patch
                        .points
                        .iter()
                        .fold([0.0; 3], |sum, own| add(sum, scale(own.normal, -own.area * pressure)));
                    (wanted, patch.load(&lattice, |own| scale(own.normal, -pressure), &mut forces))
                }
                Amount::Into(force) => {
                    if norm(inwards) == 0.0 {
                        return Err(Failure::invalid_request(format!(
                            "{load} has no direction: the surface faces all ways there; give the force as x/y/zN"
                        )));
                    }
                    let traction = scale(inwards, force / area);
                    (scale(inwards, *force), patch.load(&lattice, |_| traction, &mut forces))
                }
                Amount::Force(force) => {
                    let traction = scale(*force, 1.0 / area);
                    (*force, patch.load(&lattice, |_| traction, &mut forces))
                }
            };
            if norm(sub(wanted, found)) > 0.05 * norm(wanted) {
                return Err(Failure::invalid_request(format!(
                    "{load} acts on a part of the model that is not connected with a support: fix= it as well"
                )));
            }
            loads.push(LoadReport { place: load.place.to_string(), force: three(found), area: rounded(area) });
        }
        let total_load = std::array::from_fn(|axis| forces.iter().skip(axis).step_by(3).sum());
        let element = elasticity(lattice.size, subject.material.poisson);
        let young = subject.material.young;
        let solution = solve(&lattice, &element, young, &fixed, &forces, TOLERANCE, subject.threads).map_err(|error| {
            Failure::invalid_input(
                "failed to solve for the deformation; the model has walls far thinner than a cell: resolution= higher helps",
            )
            .because(error)
        })?;
        Ok(Self { lattice, solution, held: fixed, supports, loads, total_load, left_out, warnings })
    }

    fn stresses(&self, subject: &Subject) -> Stresses<'_> {
        let element = elasticity(self.lattice.size, subject.material.poisson);
        Stresses::of(&self.lattice, &element, subject.material.young, &self.solution.displacements, subject.threads)
    }

    fn largest_displacement(&self) -> f64 {
        // Nodes of cells that are hardly filled hang out of the solid.
        let mut most: f64 = 0.0;
        for (nodes, _) in self.lattice.nodes.iter().zip(&self.lattice.fill).filter(|(_, fill)| **fill >= 0.3) {
            for &node in nodes {
                let own: Vector = std::array::from_fn(|axis| self.solution.displacements[3 * node as usize + axis]);
                most = most.max(norm(own));
            }
        }
        most
    }

    /// The displacement at a point of the surface.
    fn displacement(&self, point: Vector) -> Vector {
        self.lattice.interpolate(point, &self.solution.displacements).unwrap_or_default()
    }

    fn reaction(&self) -> Vector {
        std::array::from_fn(|axis| self.solution.reactions.iter().skip(axis).step_by(3).sum())
    }

    fn is_near_support(&self, point: Vector, within: f64) -> bool {
        (0..self.lattice.node_count())
            .filter(|node| self.held[3 * node])
            .any(|node| norm(sub(self.lattice.position(node), point)) <= within)
    }
}

/// The solid on a grid.
fn filled(subject: &Subject, thickness: Option<f64>, edge: f64) -> Grid {
    let (mesh, tree, threads) = (&subject.solid.mesh, &subject.solid.tree, subject.threads);
    match (subject.method, thickness) {
        (Method::Sheet, Some(thickness)) => Grid::of_shell(mesh, tree, thickness, edge, threads),
        (Method::Winding, _) => Grid::around(mesh, edge).filled_open(mesh, tree, threads).grid,
        _ => Grid::around(mesh, edge).filled_closed(mesh, threads),
    }
}

/// Nodes on one line leave the model free to turn.
fn check_held(lattice: &Lattice, fixed: &[bool]) -> Result<(), Failure> {
    let held: Vec<Vector> =
        (0..lattice.node_count()).filter(|node| fixed[3 * node]).map(|node| lattice.position(node)).collect();
    let spreads = held.first().is_some_and(|&first| {
        let far = held.iter().copied().max_by(|a, b| norm(sub(*a, first)).total_cmp(&norm(sub(*b, first))));
        let line = unit(sub(far.unwrap_or(first), first));
        let cell = lattice.size.iter().copied().fold(f64::INFINITY, f64::min);
        held.iter().any(|point| norm(cross(line, sub(*point, first))) > 0.5 * cell)
    });
    if spreads {
        Ok(())
    } else {
        Err(Failure::invalid_request(
            "the support does not hold the model: it touches it in no area; fix= another side, a node, a material or a box",
        ))
    }
}
