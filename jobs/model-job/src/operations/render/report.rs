//! What was drawn, as JSON.

use contract::{Failure, Properties};
use operation::Task;
use serde_json::{Value, json};
use tracer::camera::Camera;
use tracer::film::Film;

use super::Studio;

/// The report under construction.
pub struct Report {
    pictures: Vec<Value>,
}

impl Report {
    /// Of nothing yet.
    pub fn new(_studio: &Studio<'_>) -> Self {
        Self { pictures: Vec::new() }
    }

    /// A picture, or the first of a clip.
    pub fn add_picture(&mut self, file: &str, view: &str, camera: &Camera, film: &Film) {
        let covered: f64 = film.colour.iter().map(|colour| f64::from(colour[3])).sum();
        let pixels = film.colour.len() as f64;
        let mut projection = json!({ "verticalFieldOfView": f64::from(camera.half[1].atan()).to_degrees() * 2.0 });
        if camera.parallel {
            projection = json!({ "halfWidth": camera.half[0], "halfHeight": camera.half[1] });
        }
        self.pictures.push(json!({
            "file": file,
            "view": view,
            "camera": {
                "position": camera.position.to_array(),
                "right": camera.right.to_array(),
                "up": camera.up.to_array(),
                "forward": camera.forward.to_array(),
                "projection": projection,
            },
            "samplesPerPixel": film.samples as f64 / pixels,
            "noise": film.noise(),
            "covered": covered / pixels,
        }));
    }

    /// Writes `report.json`.
    pub fn write(self, studio: &Studio<'_>, task: &Task) -> Result<(), Failure> {
        let scene = studio.world.scene();
        let (low, high) = studio.world.bounds();
        let text = json!({
            "bounds": { "min": low.to_array(), "max": high.to_array() },
            "up": studio.axis.name(),
            "triangles": scene.triangle_count(),
            "pieces": scene.pieces.len(),
            "materials": studio.document.materials.len(),
            "textures": studio.document.textures.len(),
            "extensions": studio.document.extensions_used,
            "lights": scene.lights.len(),
            "cameras": scene.cameras.iter().map(|camera| camera.name.clone()).collect::<Vec<_>>(),
            "animations": studio.document.animations.len(),
            "variants": scene::evaluate::variants(&studio.document),
            "time": studio.moment.time,
            "pictures": self.pictures,
            "warnings": studio.warnings,
        });
        let text = serde_json::to_vec_pretty(&text)
            .map_err(|error| Failure::internal("the report cannot be written").because(error))?;
        task.outputs.write("report.json", "application/json", &text, Properties::new())
    }
}
