//! Before and after through the same renderer: orthographic, a depth buffer, one light, and a pattern in the texture
//! coordinates that shows when they move.

use operation_testing::corpus_files;

use crate::support::{Corner, load, optimise, triangles};

const SIDE: usize = 256;

/// Grey from 0 to 255, 0 where nothing is.
fn render(triangles: &[[Corner; 3]], bounds: &([f64; 3], f64)) -> Vec<f64> {
    // Seen from above, a little to the side.
    let (right, up, towards) = ([0.8, 0.0, -0.6], [-0.36, 0.8, -0.48], [0.48, 0.6, 0.64]);
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let (middle, extent) = bounds;
    let scale = SIDE as f64 / (extent * 1.8);
    let project = |point: [f64; 3]| {
        let from: [f64; 3] = std::array::from_fn(|axis| point[axis] - middle[axis]);
        [dot(from, right) * scale + SIDE as f64 / 2.0, SIDE as f64 / 2.0 - dot(from, up) * scale, dot(from, towards)]
    };
    let mut depth = vec![f64::NEG_INFINITY; SIDE * SIDE];
    let mut picture = vec![0.0; SIDE * SIDE];
    for triangle in triangles {
        let [a, b, c] = [0, 1, 2].map(|at: usize| project(triangle[at].position));
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
        if area.abs() < 1e-9 {
            continue;
        }
        let sides: [[f64; 3]; 2] = [1, 2]
            .map(|at: usize| std::array::from_fn(|axis| triangle[at].position[axis] - triangle[0].position[axis]));
        let flat = [
            sides[0][1] * sides[1][2] - sides[0][2] * sides[1][1],
            sides[0][2] * sides[1][0] - sides[0][0] * sides[1][2],
            sides[0][0] * sides[1][1] - sides[0][1] * sides[1][0],
        ];
        let range = |axis: usize| {
            let (least, most) = (a[axis].min(b[axis]).min(c[axis]), a[axis].max(b[axis]).max(c[axis]));
            (least.floor().max(0.0) as usize)..(most.ceil().clamp(0.0, SIDE as f64) as usize)
        };
        for y in range(1) {
            for x in range(0) {
                let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
                let v = ((px - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (py - a[1])) / area;
                let w = ((b[0] - a[0]) * (py - a[1]) - (px - a[0]) * (b[1] - a[1])) / area;
                let shares = [1.0 - v - w, v, w];
                if shares.iter().any(|&share| share < 0.0) {
                    continue;
                }
                let blend = |of: &dyn Fn(usize) -> f64| (0..3).map(|at| shares[at] * of(at)).sum::<f64>();
                let z = blend(&|at| [a, b, c][at][2]);
                if z <= depth[y * SIDE + x] {
                    continue;
                }
                depth[y * SIDE + x] = z;
                let normal: [f64; 3] = std::array::from_fn(|axis| {
                    blend(&|at| triangle[at].normal.map_or(flat[axis], |normal| normal[axis]))
                });
                let length = dot(normal, normal).sqrt().max(1e-12);
                let light = 0.35 + 0.65 * (dot(normal, [0.36, 0.8, 0.48]) / length).abs();
                let pattern = if triangle[0].coordinate.is_some() {
                    let at = |axis: usize| blend(&|at| triangle[at].coordinate.map_or(0.0, |uv| uv[axis]));
                    0.75 + 0.25 * (at(0) * 40.0).sin() * (at(1) * 40.0).sin()
                } else {
                    1.0
                };
                let colour = blend(&|at| triangle[at].colour.as_ref().map_or(1.0, |own| f64::from(own[0])));
                picture[y * SIDE + x] = 255.0 * light * pattern * colour.clamp(0.0, 1.0);
            }
        }
    }
    picture
}

fn bounds(triangles: &[[Corner; 3]]) -> ([f64; 3], f64) {
    let values = |axis: usize| triangles.iter().flatten().map(move |corner| corner.position[axis]);
    let least: [f64; 3] = std::array::from_fn(|axis| values(axis).fold(f64::INFINITY, f64::min));
    let most: [f64; 3] = std::array::from_fn(|axis| values(axis).fold(f64::NEG_INFINITY, f64::max));
    let extent = (0..3).map(|axis| most[axis] - least[axis]).fold(0.0, f64::max);
    (std::array::from_fn(|axis| f64::midpoint(least[axis], most[axis])), extent)
}

/// At a size where a pixel is sixty steps of the position's grid, silhouettes move by a fraction of a pixel here and
/// there; everything else is the shading of 8-bit normals.
#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn pictures_before_and_after_differ_by_less_than_a_quarter_of_a_percent() {
    let kept =
        ["spot.obj", "Duck.glb", "CesiumMan.glb", "2CylinderEngine.glb", "PalmTree.glb", "bunny.glb", "many-cubes.glb"];
    for path in corpus_files("models") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !kept.contains(&name.as_str()) {
            continue;
        }
        let bytes = fs_err::read(&path).unwrap();
        let optimised = optimise(&name, &bytes, "optimise?textures=keep").unwrap();
        let before = triangles(&load(&name, &bytes).unwrap(), None);
        let frame = bounds(&before);
        let (first, second) = (render(&before, &frame), render(&triangles(&optimised.document, None), &frame));
        let covered = first.iter().filter(|&&grey| grey > 0.0).count();
        assert!(covered > SIDE * SIDE / 50, "{name} covers {covered} pixels");
        let difference: f64 = first.iter().zip(&second).map(|(a, b)| (a - b).abs()).sum::<f64>() / covered as f64;
        assert!(difference < 0.64, "{name}: {difference} of 255 on average");
    }
}
