//! What loads is evaluated at any moment: finite places, numbers of vertices that there are, or words; never a panic.
#![no_main]

use std::io::Write;

use catalog::Format;
use contract::FailureKind;
use libfuzzer_sys::fuzz_target;
use operation::Input;
use scene::evaluate::{Moment, evaluate, variants};
use scene::material::materials;
use scene::tangents::give_tangents;
use scene::texture::textures;

fuzz_target!(|bytes: &[u8]| {
    let [format, time, rest @ ..] = bytes else { return };
    let format = [Format::Gltf, Format::Glb, Format::Obj, Format::Stl, Format::Ply][usize::from(format % 5)];
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(rest).expect("a temporary file can be written");
    let input = Input::from_file("input", format, file).expect("its size is known");
    let Ok(document) = scene::load::load(&input) else { return };
    let moment = Moment {
        animation: (!document.animations.is_empty()).then_some(usize::from(*time) % document.animations.len().max(1)),
        time: f64::from(*time) / 16.0,
        variant: (!variants(&document).is_empty()).then_some(0),
    };
    match evaluate(&document, &moment) {
        Ok(mut scene) => {
            let materials = materials(&document);
            give_tangents(&mut scene, &materials.iter().collect::<Vec<_>>());
            for piece in &scene.pieces {
                let count = piece.positions.len();
                assert!(piece.positions.iter().flatten().all(|value| value.is_finite()));
                assert!(piece.triangles.iter().flatten().all(|&vertex| (vertex as usize) < count));
                assert!(piece.lines.iter().flatten().all(|&vertex| (vertex as usize) < count));
                assert!(piece.points.iter().all(|&vertex| (vertex as usize) < count));
                for length in [piece.normals.len(), piece.tangents.len(), piece.colours.len()]
                    .into_iter()
                    .chain(piece.coordinates.iter().map(Vec::len))
                {
                    assert!(length == 0 || length == count, "{length} for {count} vertices");
                }
                assert!(piece.material.is_none_or(|material| material < document.materials.len()));
            }
        }
        Err(failure) => assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}"),
    }
    let mut materials = materials(&document);
    let mut warnings = Vec::new();
    let textures = textures(&document, &mut materials, 1 << 20, &mut warnings);
    for reference in materials.iter_mut().flat_map(scene::material::Material::textures_mut).flatten() {
        assert!(textures[reference.texture].is_some());
    }
});
