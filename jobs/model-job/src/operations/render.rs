//! Makes pictures of a 3D model: `render?views=front,top&sheet`, `render?turntable=36`.

mod choose;
pub mod clip;
mod light;
mod movie;
mod passes;
pub mod picture;
mod report;
mod view;

use catalog::operations::{Effort, Look as Material, Render, ToneMapping};
use contract::{Failure, Properties};
use operation::Task;
use scene::document::Document;
use scene::evaluate::{Moment, Scene, evaluate};
use scene::load::load;
use scene::material::materials;
use scene::tangents::give_tangents;
use scene::texture::{MOST_PIXELS_IN_ALL, textures};
use tracer::bodies::give_bodies;
use tracer::develop::Tone;
use tracer::environment::Environment;
use tracer::film::{Samples, Settings};
use tracer::path::Depth;
use tracer::world::{Look, Style, World};

use self::report::Report;
use self::view::Axis;

/// Writes `render.png` (or one picture for each view), `sheet.png`, clips, passes and `report.json`.
pub fn render(options: &Render, task: &Task) -> Result<Properties, Failure> {
    let document = load(&task.input)?;
    task.progress.report(0.03);
    let studio = Studio::of(options, document, if options.play { Moments::Many } else { Moments::One }, &[], task)?;
    task.progress.report(0.1);
    let clips = usize::from(options.turntable.is_some()) + usize::from(options.play);
    let mut report = Report::new(&studio);
    let stills = 1.0 / (1 + 2 * clips) as f64;
    let mut properties = picture::stills(&studio, task, 0.1, 0.1 + 0.9 * stills, &mut report)?;
    let mut done = 0.1 + 0.9 * stills;
    let each = (1.0 - done) / clips.max(1) as f64;
    if let Some(frames) = options.turntable {
        clip::turntable(&studio, frames, task, (done, done + each), &mut report)?;
        done += each;
    }
    if options.play {
        clip::play(&studio, task, (done, 1.0), &mut report)?;
    }
    studio.warnings.iter().for_each(|warning| task.outputs.warn(warning));
    report.write(&studio, task)?;
    properties.insert("triangles".to_owned(), studio.world.scene().triangle_count().into());
    Ok(properties)
}

/// The moments at which a model is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moments {
    /// Its document's geometry and images are let go of, which may be as large as all that is drawn.
    One,
    /// Others are evaluated later.
    Many,
}

/// The model, its light and what pictures of it have in common.
pub struct Studio<'a> {
    pub options: &'a Render,
    pub document: Document,
    pub look: Look,
    pub world: World,
    pub environment: Option<Environment>,
    /// The animation that moves the model.
    pub moment: Moment,
    pub axis: Axis,
    /// The file's own lamps shine.
    pub has_lamps: bool,
    /// Nodes that are seen, but that pictures need not hold.
    pub scenery: Vec<usize>,
    /// The height of the ground; that of the lowest point unless it is known.
    pub floor: Option<f32>,
    pub warnings: Vec<String>,
}

impl<'a> Studio<'a> {
    /// Of a document; pictures of light beside the input are the task's.
    pub fn of(
        options: &'a Render,
        mut document: Document,
        moments: Moments,
        scenery: &[usize],
        task: &Task,
    ) -> Result<Self, Failure> {
        choose::check_extensions(&document)?;
        let mut warnings = document.warnings.clone();
        warnings.extend(choose::unknown_extensions(&document));
        let moment = Moment {
            animation: choose::animation(&document, options.animation.as_deref())?,
            time: options.time,
            variant: choose::variant(&document, options.variant.as_deref())?,
        };
        let mut evaluated = evaluate(&document, &moment)?;
        warnings.append(&mut evaluated.warnings);
        check_visible(&evaluated)?;
        let axis = Axis::of(options.up, task.input.format(), &evaluated);
        let environment = light::environment(options, &evaluated, task)?;
        let mut finishes = materials(&document);
        let mut pictures = Vec::new();
        if options.material == Material::Own {
            pictures = textures(&document, &mut finishes, MOST_PIXELS_IN_ALL, &mut warnings);
        } else {
            // Other looks need no textures, but those that say where a surface is.
            finishes.iter_mut().for_each(keep_coverage);
            pictures.extend(textures(&document, &mut finishes, MOST_PIXELS_IN_ALL, &mut warnings));
        }
        if moments == Moments::One {
            document.meshes.clear();
            document.images.clear();
        }
        let mut look = Look::new(finishes, pictures);
        look.style = match options.material {
            Material::Own => Style::Own,
            Material::Clay => Style::Clay,
            Material::Wireframe => {
                let pixel = options.field_of_view.to_radians() / f64::from(options.height());
                Style::Wireframe((0.6 * pixel) as f32)
            }
            Material::Normals => Style::Normals,
            Material::Uv => Style::Coordinates,
        };
        make_plain_grey(&mut look, &evaluated);
        let has_lamps = light::has_lamps(options);
        let world = make_ready(evaluated, options, axis, has_lamps, &look);
        let scenery = scenery.to_vec();
        Ok(Self {
            options,
            document,
            look,
            world,
            environment,
            moment,
            axis,
            has_lamps,
            scenery,
            floor: None,
            warnings,
        })
    }

    /// What is drawn at another moment.
    pub fn at(&self, time: f64) -> Result<Scene, Failure> {
        evaluate(&self.document, &Moment { time, ..self.moment })
    }

    pub fn make_ready(&self, scene: Scene) -> World {
        make_ready(scene, self.options, self.axis, self.has_lamps, &self.look)
    }

    /// How a picture is drawn. Clips have the light of a picture, but no more samples than they need.
    pub fn settings(&self, width: u32, height: u32, is_clip: bool) -> (Settings, u32) {
        let options = self.options;
        let (mut samples, levels) = match options.effort {
            Effort::Draft => (Samples { least: 2, most: 8, noise: 0.16 }, 4),
            Effort::Standard if is_clip => (Samples { least: 4, most: 12, noise: 0.12 }, 4),
            Effort::Standard => (Samples { least: 8, most: 48, noise: 0.06 }, 4),
            Effort::High => (Samples { least: 16, most: 192, noise: 0.025 }, 1),
        };
        let mut filter = levels;
        if let Some(exact) = options.samples {
            samples = Samples { least: exact, most: exact, noise: 0.0 };
            filter = 0;
        }
        // Clay's edges and normals as colours have nothing that could be noisy.
        if matches!(options.material, Material::Wireframe | Material::Normals) {
            filter = 0;
        }
        let ground = light::has_ground(options).then(|| self.floor.unwrap_or(self.world.bounds().0.y));
        let background = light::is_background(options) && self.environment.is_some();
        let threads = operation::processors();
        let (width, height) = (width as usize, height as usize);
        (Settings { width, height, samples, ground, background, threads }, filter)
    }

    /// How far light is followed. With an exact number of samples nothing is cut off or blurred.
    pub fn depth(&self) -> Depth {
        let is_exact = self.options.samples.is_some();
        Depth { bounces: 10, clamp: (!is_exact).then_some(12.0), blurs_caustics: !is_exact }
    }

    pub fn tone(&self) -> Tone {
        if self.options.material == Material::Normals {
            return Tone::Plain;
        }
        match self.options.tone_mapping {
            ToneMapping::Neutral => Tone::Neutral,
            ToneMapping::Agx => Tone::Agx,
            ToneMapping::None => Tone::Plain,
        }
    }
}

fn keep_coverage(material: &mut scene::material::Material) {
    let base = material.base_colour_texture.filter(|_| material.alpha_mode != scene::material::AlphaMode::Opaque);
    for reference in material.textures_mut() {
        *reference = None;
    }
    material.base_colour_texture = base;
}

/// What has no material at all is drawn as light grey plaster, as Blender does: of glTF's default, white metal, little more than
/// the outline is seen. Vertices with colours keep it, because it multiplies them.
fn make_plain_grey(look: &mut Look, scene: &Scene) {
    if scene.pieces.iter().any(|piece| piece.material.is_none() && !piece.colours.is_empty()) {
        return;
    }
    if let Some(plain) = look.materials_mut().last() {
        plain.base_colour = [0.8, 0.8, 0.8, 1.0];
        plain.metallic = 0.0;
        plain.roughness = 1.0;
        plain.specular = 0.0;
    }
}

fn make_ready(mut scene: Scene, options: &Render, axis: Axis, has_lamps: bool, look: &Look) -> World {
    axis.turn(&mut scene);
    if !has_lamps {
        scene.lights.clear();
    }
    give_bodies(&mut scene, options.width.min(options.height()) as f32);
    if options.material == Material::Own {
        give_tangents(&mut scene, &look.materials());
    }
    World::new(scene, look, operation::processors())
}

fn check_visible(scene: &Scene) -> Result<(), Failure> {
    let Some((low, high)) = scene.bounds() else {
        return Err(Failure::invalid_input("nothing to see: the model's scene shows no triangles, lines or points"));
    };
    let extent = (0..3).map(|at| high[at] - low[at]).fold(0.0, f32::max);
    let furthest = low.iter().chain(&high).fold(0.0_f32, |most, value| most.max(value.abs()));
    if extent <= 0.0 || furthest > 1e12 {
        return Err(Failure::invalid_input(format!(
            "nothing to see: the model is {extent} metres large, {furthest} metres from its origin; it must be larger than 0 and \
             nearer than 1e12"
        )));
    }
    Ok(())
}
