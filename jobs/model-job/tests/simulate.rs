//! What `simulate` finds is what formulas say, and what it cannot find it refuses by name.

use std::fmt::Write as _;

use catalog::operations::{MaterialName, Simulate};
use catalog::{Format, Operations};
use clap::ValueEnum;
use contract::{Failure, FailureKind};
use operation::{Input, Outputs, Progress, Task};
use scene::document::Document;
use serde_json::{Value, json};
use solid::vector::sub;
use solid::{Mesh, shapes};

struct Found {
    report: Value,
    model: Option<Document>,
    bytes: Vec<u8>,
}

fn input_of(name: &str, bytes: &[u8]) -> Input {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    Input::from_file(name, Format::from_name(name).unwrap(), file).unwrap()
}

fn simulate(name: &str, bytes: &[u8], text: &str) -> Result<Found, Failure> {
    // Pictures take longer than what they show.
    let quick = if text.contains('?') { "&pictures=false" } else { "?pictures=false" };
    let text = if text.contains("pictures") { text.to_owned() } else { format!("{text}{quick}") };
    let operations: Operations = text.parse().unwrap();
    let options = operations.first().options::<Simulate>().expect("a simulate").clone();
    let folder = tempfile::tempdir().unwrap();
    let task = Task::new(input_of(name, bytes), Outputs::in_folder(folder.path()), Progress::silent());
    model_job::simulate(&options, &task)?;
    let stem = match options.study {
        catalog::operations::Study::Settle => "simulation",
        catalog::operations::Study::Strength => "strength",
        catalog::operations::Study::Print => "print",
    };
    let report = fs_err::read(folder.path().join(format!("{stem}.json"))).unwrap();
    let bytes = fs_err::read(folder.path().join(format!("{stem}.glb"))).unwrap_or_default();
    let model = (!bytes.is_empty()).then(|| scene::load::load(&input_of("model.glb", &bytes)).unwrap());
    Ok(Found { report: serde_json::from_slice(&report).unwrap(), model, bytes })
}

/// A binary STL.
fn stl(mesh: &Mesh) -> Vec<u8> {
    let mut bytes = vec![0; 80];
    bytes.extend((mesh.triangles.len() as u32).to_le_bytes());
    for at in 0..mesh.triangles.len() {
        bytes.extend([0; 12]);
        for value in mesh.corners(at).iter().flatten() {
            bytes.extend((*value as f32).to_le_bytes());
        }
        bytes.extend([0; 2]);
    }
    bytes
}

/// An OBJ whose objects have names and materials.
fn obj(parts: &[(&str, Mesh)]) -> Vec<u8> {
    let mut text = String::new();
    let mut first = 1;
    for (name, mesh) in parts {
        writeln!(text, "o {name}").unwrap();
        for [x, y, z] in &mesh.points {
            writeln!(text, "v {x} {y} {z}").unwrap();
        }
        for triangle in &mesh.triangles {
            let [a, b, c] = triangle.map(|corner| corner + first);
            writeln!(text, "f {a} {b} {c}").unwrap();
        }
        first += mesh.points.len() as u32;
    }
    text.into_bytes()
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} is not a number in {value:#}"))
}

fn close(value: f64, expected: f64, relative: f64) {
    assert!((value - expected).abs() <= relative * expected.abs(), "{value} is not {expected}");
}

/// Whether any warning has these words.
fn warns(found: &Found, words: &str) -> bool {
    found.report["warnings"].as_array().unwrap().iter().any(|warning| warning.as_str().unwrap().contains(words))
}

fn refused(name: &str, bytes: &[u8], text: &str, kind: FailureKind, words: &str) {
    let failure = simulate(name, bytes, text).err().unwrap_or_else(|| panic!("{text} is not refused"));
    assert_eq!(failure.kind(), kind, "{failure}");
    assert!(failure.to_string().contains(words), "{failure}");
}

/// 30 × 20 × 50 mm, z up.
fn brick() -> Mesh {
    shapes::moved(shapes::cuboid([30.0, 20.0, 50.0]), [7.0, -3.0, 25.0])
}

#[test]
fn a_brick_falls_onto_a_face_and_its_report_has_its_mass_and_poses() {
    let found = simulate("brick.stl", &stl(&brick()), "simulate?material=steel&orientation=20/10/0").unwrap();
    let report = &found.report;
    close(number(report, "/properties/volume"), 30e-6, 1e-6);
    close(number(report, "/properties/mass"), 30e-6 * 7850.0, 1e-6);
    close(number(report, "/properties/centre/2"), 0.025, 1e-6);
    close(number(report, "/properties/principalMoments/0"), 30e-6 * 7850.0 / 12.0 * (9e-4 + 4e-4), 1e-6);
    close(number(report, "/properties/thinnestWall/thickness"), 0.02, 1e-6);
    assert_eq!(report["properties"]["method"], "exact");
    assert_eq!(report["mesh"]["closed"], true);
    assert_eq!(report["poses"].as_array().unwrap().len(), 6);
    assert!(report["units"]["reason"].as_str().unwrap().contains("millimetres"));
    let upright = report["poses"].as_array().unwrap().iter().find(|pose| pose["up"][2] == 1.0).unwrap();
    close(number(upright, "/tipAngle"), (10.0_f64 / 25.0).atan().to_degrees(), 1e-5);

    let motion = &report["motion"];
    assert!(motion["restPose"].is_u64() && number(motion, "/restTime") > 0.05, "{motion}");
    let fall = (2.0 * 0.025 / 9.81_f64).sqrt();
    close(number(motion, "/impacts/0/time"), fall, 0.02);
    assert!(number(motion, "/energyLost") > 0.0);

    let model = found.model.unwrap();
    assert_eq!(model.animations[0].rest["name"], "simulation");
    let end = f64::from(*model.animations[0].channels[0].times.floats().last().unwrap());
    assert!(end >= number(motion, "/restTime"));
    // At the end the lowest point of the brick is on the floor.
    let moment = scene::evaluate::Moment { animation: Some(0), time: end, variant: None };
    let shown = scene::evaluate::evaluate(&model, &moment).unwrap();
    let brick = shown.pieces.iter().find(|piece| piece.name.as_deref() != Some("floor")).unwrap();
    let lowest = brick.positions.iter().map(|point| point[1]).fold(f32::INFINITY, f32::min);
    assert!(lowest.abs() < 5e-4, "{lowest}");
}

#[test]
fn results_are_the_same_bytes_on_every_run_and_for_any_number_of_threads() {
    let ring = stl(&shapes::torus(20.0, 6.0, 24, 12));
    // A ring rolls for minutes of computing.
    let plate = stl(&shapes::cuboid([40.0, 40.0, 4.0]));
    for (bytes, text) in [
        (&plate, "simulate?drops=6"),
        (&ring, "simulate?study=strength&resolution=4000&load=top=10N"),
        (&ring, "simulate?study=print"),
    ] {
        operation::set_processors(1);
        let one = simulate("ring.stl", bytes, text).unwrap();
        operation::set_processors(3);
        let three = simulate("ring.stl", bytes, text).unwrap();
        assert_eq!(one.report, three.report, "{text}");
        assert!(one.bytes == three.bytes, "{text}: the models differ");
    }
}

#[test]
fn random_drops_are_counted_with_their_uncertainty() {
    let plate = stl(&shapes::cuboid([40.0, 40.0, 4.0]));
    let found = simulate("plate.stl", &plate, "simulate?drops=20&seed=3&model=false").unwrap();
    assert!(found.model.is_none());
    let drops = &found.report["drops"];
    let counts = drops["poses"].as_array().unwrap().iter().map(|pose| pose["count"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(counts + drops["elsewhere"].as_u64().unwrap(), 20);
    assert!(number(drops, "/poses/0/pose") < 2.0, "the large faces are the first two poses: {drops}");
    assert!((0.05..0.3).contains(&number(drops, "/poses/0/uncertainty")));
}

#[test]
fn tilting_and_pushing_give_a_verdict_that_statics_agrees_with() {
    let bytes = stl(&brick());
    let tips = simulate("brick.stl", &bytes, "simulate?tilt=40&friction=0.8").unwrap();
    assert_eq!(tips.report["tilt"]["verdict"], "tips");
    let expected = (10.0_f64 / 25.0).atan().to_degrees();
    assert!((number(&tips.report, "/tilt/angle") - expected).abs() < 0.2);
    close(number(&tips.report, "/tilt/expectedTip"), expected, 1e-3);
    let slides = simulate("brick.stl", &bytes, "simulate?tilt=40&friction=0.2&model=false").unwrap();
    assert_eq!(slides.report["tilt"]["verdict"], "slides");
    assert!((number(&slides.report, "/tilt/angle") - 0.2_f64.atan().to_degrees()).abs() < 0.2);
    // 37.2 g of PLA: it tips at m g 0.01 / 0.045 = 0.081 N at nine tenths of its height.
    let push = |force: f64| {
        let text = format!("simulate?push=0/{force}/0N@0.9&friction=0.8&model=false");
        simulate("brick.stl", &bytes, &text).unwrap().report["push"]["verdict"].clone()
    };
    assert_eq!(push(0.06), "stands");
    assert_eq!(push(0.12), "falls");
}

#[test]
fn units_come_from_the_format_the_size_or_the_options() {
    let mass = |name: &str, bytes: &[u8], text: &str| {
        number(&simulate(name, bytes, text).unwrap().report, "/properties/volume")
    };
    let cube = shapes::cuboid([2.0; 3]);
    close(mass("cube.stl", &stl(&cube), "simulate?duration=0.01"), 8e-9, 1e-6);
    close(mass("cube.obj", &obj(&[("cube", cube.clone())]), "simulate?duration=0.01"), 8.0, 1e-6);
    close(mass("cube.stl", &stl(&cube), "simulate?duration=0.01&unit=in"), 8.0 * 0.0254_f64.powi(3), 1e-6);
    close(mass("cube.stl", &stl(&cube), "simulate?duration=0.01&size=30cm"), 0.027, 1e-6);
    let large = shapes::cuboid([200.0; 3]);
    close(mass("cube.obj", &obj(&[("cube", large)]), "simulate?duration=0.01"), 8e-3, 1e-6);
}

#[test]
fn surfaces_with_holes_overlaps_and_none_at_all_are_measured_and_said() {
    let mut holed = shapes::sphere(20.0, 48);
    let mut at = 0;
    holed.triangles.retain(|_| {
        at += 1;
        at % 50 != 0
    });
    let found = simulate("holed.stl", &stl(&holed), "simulate?duration=0.01&model=false").unwrap();
    assert_eq!(found.report["properties"]["method"], "winding");
    let exact = solid::MassProperties::of_closed(&shapes::sphere(0.02, 48)).volume;
    let error = number(&found.report, "/properties/volumeError");
    close(number(&found.report, "/properties/volume"), exact, 0.02);
    assert!(error > 1e-4 && error < 0.2 && warns(&found, "not closed"), "{error}");

    let overlapping = shapes::together([
        shapes::cuboid([10.0; 3]),
        shapes::turned_over(shapes::moved(shapes::cuboid([10.0; 3]), [5.0, 0.3, 0.2])),
    ]);
    let found = simulate("overlapping.stl", &stl(&overlapping), "simulate?duration=0.01&model=false").unwrap();
    assert_eq!(found.report["properties"]["method"], "cells");
    close(number(&found.report, "/properties/volume"), (2000.0 - 5.0 * 9.7 * 9.8) * 1e-9, 0.01);
    assert!(warns(&found, "overlap") && warns(&found, "inside out"));

    let sheet = Mesh {
        points: vec![[0.0; 3], [100.0, 0.0, 0.0], [100.0, 50.0, 0.0], [0.0, 50.0, 0.0]],
        triangles: vec![[0, 1, 2], [0, 2, 3]],
    };
    let found = simulate("sheet.stl", &stl(&sheet), "simulate?thickness=3mm&model=false").unwrap();
    close(number(&found.report, "/properties/volume"), 0.1 * 0.05 * 0.003, 1e-6);
    assert!(found.report["motion"]["restPose"].is_u64(), "{}", found.report["motion"]);
    assert!(warns(&simulate("sheet.stl", &stl(&sheet), "simulate?model=false").unwrap(), "1 mm"));
    refused("sheet.stl", &stl(&sheet), "simulate?study=strength", FailureKind::InvalidInput, "thickness=");
    refused("sheet.stl", &stl(&sheet), "simulate?study=print", FailureKind::InvalidInput, "encloses no volume");
}

#[test]
fn a_cantilever_bends_as_timoshenko_says_and_its_support_bears_the_load() {
    let beam = stl(&shapes::cuboid([100.0, 10.0, 10.0]));
    let text = "simulate?study=strength&material=steel&fix=left&load=right=0/0/-100N&gravity=0&resolution=10000";
    let found = simulate("beam.stl", &beam, text).unwrap();
    let result = &found.report["result"];
    let (length, side, young, poisson) = (0.1, 0.01, 210e9, 0.3);
    let inertia = 1e-8 / 12.0;
    let bending = 100.0 * f64::powi(length, 3) / (3.0 * young * inertia);
    let shear = 100.0 * length / (5.0 / 6.0 * young / 2.0 / (1.0 + poisson) * side * side);
    // A clamped end in three dimensions is 0.7 % stiffer than the beam's.
    close(number(result, "/largestDisplacement/value"), 0.993 * (bending + shear), 0.02);
    assert!(number(result, "/displacementError") < 0.02);
    close(number(result, "/reaction/2"), 100.0, 1e-6);
    close(number(result, "/load/2"), -100.0, 1e-9);
    // The stress at the clamped end, away from its corners.
    let stress = 100.0 * length * side / 2.0 / inertia;
    close(number(result, "/stressP999"), stress, 0.15);
    close(number(result, "/safetyFactor"), 235e6 / number(result, "/stressP999"), 1e-6);
    assert!(warns(&found, "edge of a support"));

    let model = found.model.unwrap();
    let primitive = &model.meshes[0].primitives[0];
    assert!(primitive.attribute("COLOR_0").is_some() && primitive.targets.len() == 1);
    assert_eq!(model.animations[0].channels[0].path, "weights");
    let shown = primitive.targets[0][0].1.floats().chunks_exact(3).map(|own| -own[2]).fold(0.0, f32::max);
    close(f64::from(shown), 0.05 * 0.1, 0.02);
}

#[test]
fn a_column_shortens_under_its_own_weight_and_a_pressure() {
    let column = stl(&shapes::moved(shapes::cuboid([20.0, 20.0, 100.0]), [0.0, 0.0, 50.0]));
    let text = "simulate?study=strength&material=concrete&poisson=0&resolution=8000&model=false";
    let own = simulate("column.stl", &column, text).unwrap();
    let (height, young, density) = (0.1, 31e9, 2400.0);
    close(
        number(&own.report, "/result/largestDisplacement/value"),
        density * 9.81 * height * height / (2.0 * young),
        0.01,
    );
    close(number(&own.report, "/result/reaction/2"), number(&own.report, "/properties/mass") * 9.81, 1e-6);
    let pressed = simulate("column.stl", &column, &format!("{text}&gravity=0&load=top=1MPa")).unwrap();
    close(number(&pressed.report, "/result/largestDisplacement/value"), 1e6 * height / young, 0.01);
    let forced = simulate("column.stl", &column, &format!("{text}&gravity=0&load=top=400N")).unwrap();
    close(number(&forced.report, "/result/largestDisplacement/value"), 1e6 * height / young, 0.01);
}

#[test]
fn loads_and_supports_are_found_by_name_and_what_is_not_found_is_named() {
    let stand = |x: f64| shapes::moved(shapes::cuboid([0.02, 0.2, 0.02]), [x, 0.1, 0.0]);
    let board = shapes::moved(shapes::cuboid([0.4, 0.02, 0.1]), [0.0, 0.21, 0.0]);
    let table = obj(&[("left leg", stand(-0.15)), ("right leg", stand(0.15)), ("board", board)]);
    let text = "simulate?study=strength&resolution=6000&material=oak&model=false";
    let found = simulate("table.obj", &table, &format!("{text}&load=node:board=0/-100/0N")).unwrap();
    close(number(&found.report, "/result/load/1"), -100.0 - number(&found.report, "/properties/mass") * 9.81, 0.02);
    let refused = |options: &str, words: &str| {
        refused("table.obj", &table, &format!("{text}&{options}"), FailureKind::InvalidRequest, words);
    };
    refused("load=node:lid=1N", "its nodes are board, left leg, right leg");
    refused("load=box:1/1/1/2/2/2=1N", "it reaches from -0.2000/0.0000/-0.0500");
    refused("fix=material:rubber", "not found");
    refused("gravity=0", "nothing acts");
}

#[test]
fn what_no_support_reaches_is_left_out_and_said() {
    let two =
        shapes::together([shapes::cuboid([10.0; 3]), shapes::moved(shapes::cuboid([10.0; 3]), [30.0, 0.0, 20.0])]);
    let text = "simulate?study=strength&resolution=3000&model=false";
    let found = simulate("two.stl", &stl(&two), text).unwrap();
    close(number(&found.report, "/result/leftOut"), 0.5, 0.01);
    assert!(warns(&found, "not connected"));
    refused("two.stl", &stl(&two), &format!("{text}&load=top=1N"), FailureKind::InvalidRequest, "not connected");
}

#[test]
fn a_table_on_its_bed_has_overhangs_and_bridges_and_prints_better_upside_down() {
    let leg = |x: f64, y: f64| shapes::moved(shapes::cuboid([4.0, 4.0, 21.0]), [x, y, 10.5]);
    let board = shapes::moved(shapes::cuboid([40.0, 30.0, 3.0]), [0.0, 0.0, 21.5]);
    let legs = [leg(-18.0, -13.0), leg(18.0, -13.0), leg(-18.0, 13.0), leg(18.0, 13.0)];
    let table = shapes::together(legs.into_iter().chain([board]));
    let found = simulate("table.stl", &stl(&table), "simulate?study=print").unwrap();
    let result = &found.report["result"];
    // The underside of the board is all overhang for the surface; below the legs' tops there is nothing to support.
    close(number(result, "/overhangArea"), 40.0 * 30.0 * 1e-6, 0.02);
    close(number(result, "/supportVolume"), (1200.0 - 64.0) * 20.0 * 1e-9, 0.05);
    close(number(result, "/footprintArea"), 64e-6, 1e-6);
    assert_eq!(result["stands"], true);
    let best = &result["orientations"][0];
    close(number(best, "/up/2"), -1.0, 1e-6);
    assert!(number(best, "/supportVolume") < 0.01 * number(result, "/supportVolume"), "{best}");
    assert!(found.model.unwrap().meshes[0].primitives[0].attribute("COLOR_0").is_some());
}

#[test]
fn islands_bridges_thin_walls_and_gaps_are_found_where_they_are() {
    // A gate: two posts, and a beam of 16 mm between them.
    let part = |size: [f64; 3], at: [f64; 3]| shapes::moved(shapes::cuboid(size), at);
    let gate = shapes::together([
        part([4.0, 4.0, 22.0], [-10.0, 0.0, 11.0]),
        part([4.0, 4.0, 22.0], [10.0, 0.0, 11.0]),
        part([24.0, 4.0, 4.0], [0.0, 0.0, 22.0]),
        // Hangs from nothing.
        part([3.0, 3.0, 3.0], [0.0, 0.0, 10.0]),
    ]);
    let found = simulate("gate.stl", &stl(&gate), "simulate?study=print&model=false").unwrap();
    let result = &found.report["result"];
    assert_eq!(result["bridgeCount"], 1, "{result}");
    close(number(result, "/bridges/0/span"), 0.016, 0.1);
    assert_eq!(result["islandCount"], 1);
    close(number(result, "/islands/0/height"), 0.0085, 0.05);
    let plates =
        shapes::together([part([20.0, 0.5, 20.0], [0.0, 0.0, 10.0]), part([20.0, 0.5, 20.0], [0.0, 0.9, 10.0])]);
    let found = simulate("plates.stl", &stl(&plates), "simulate?study=print&model=false").unwrap();
    let result = &found.report["result"];
    close(number(result, "/thinWalls/thinnest"), 0.5e-3, 1e-4);
    close(number(result, "/gaps/narrowest"), 0.4e-3, 1e-4);
    assert!(number(result, "/thinWalls/fraction") > 0.8);
}

#[test]
fn what_is_no_solid_at_all_is_refused() {
    let points = b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\nend_header\n0 0 0\n1 1 1\n";
    refused("points.ply", points, "simulate", FailureKind::InvalidInput, "no surface");
    let line = Mesh { points: vec![[0.0; 3], [1.0; 3], [2.0; 3]], triangles: vec![[0, 1, 2]] };
    refused("line.stl", &stl(&line), "simulate", FailureKind::InvalidInput, "no area");
    let mut far = shapes::cuboid([1.0; 3]);
    far.points[0] = sub(far.points[0], [f64::NAN, 0.0, 0.0]);
    let failure = simulate("nan.stl", &stl(&far), "simulate").err().expect("is refused");
    assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}");
}

#[test]
fn every_material_that_can_be_asked_for_is_in_the_table() {
    for name in MaterialName::value_variants() {
        let found = mechanics::material::material(&name.name()).unwrap_or_else(|| panic!("{} is missing", name.name()));
        assert!(found.young > 0.0 && found.density > 0.0 && found.poisson < 0.5 && !found.source.is_empty());
    }
    assert_eq!(MaterialName::value_variants().len(), mechanics::MATERIALS.len());
    let found = simulate("b.stl", &stl(&brick()), "simulate?density=2000&duration=0.01&model=false").unwrap();
    assert_eq!(found.report["material"]["source"], json!("changed by options"));
}
