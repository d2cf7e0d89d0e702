//! Clips: a turn about the vertical axis, and the model's animation.

use catalog::operations::image_encoding::ImageFormat;
use catalog::operations::{Clip, View};
use contract::{Failure, Properties};
use glam::{Vec3A, vec3a};
use operation::Task;
use pixels::decode::Frame;
use pixels::encode::{Attachments, FrameSink, Output, animation};
use scene::pose::duration;
use serde_json::json;
use tracer::camera::Camera;
use tracer::film::Film;

use super::movie::Movie;
use super::report::Report;
use super::{Studio, picture, view};

/// Seconds of a turn, unless asked otherwise.
const TURN: f64 = 4.0;
/// Seconds of an animation that are shown, unless asked otherwise.
const LONGEST: f64 = 20.0;
/// Moments of an animation at which is looked where the model is, so that the camera holds all of it.
const LOOKS: usize = 24;

/// Writes a turn in so many pictures.
pub fn turntable(
    studio: &Studio<'_>,
    frames: u32,
    task: &Task,
    (from, to): (f64, f64),
    report: &mut Report,
) -> Result<(), Failure> {
    let options = studio.options;
    let ring = ring(&view::points_of(studio.world.scene(), &studio.scenery));
    let seconds = options.duration.unwrap_or(TURN);
    let mut writer = Writer::new(studio, "turntable", frames, seconds, task)?;
    let share = (to - from) / f64::from(frames);
    for frame in 0..frames {
        let azimuth = options.azimuth + 360.0 * f64::from(frame) / f64::from(frames);
        let camera = frame_on(studio, &ring, azimuth);
        let start = from + share * f64::from(frame);
        let progress = |done: f64| task.progress.report(start + share * done);
        let size = (options.width, options.height());
        let (film, pixels) = picture::shoot(studio, &studio.world, &camera, size, true, &progress);
        writer.write(pixels, json!({ "azimuth": azimuth.rem_euclid(360.0) }), task)?;
        if frame == 0 {
            report.add_picture("turntable", "turntable", &camera, &film);
        }
    }
    writer.finish(task)
}

/// How an animation is shown.
pub struct Motion {
    /// The clip's name, without an extension.
    pub name: &'static str,
    /// Seconds of the animation; it begins again after that.
    pub whole: f64,
    /// Seconds of the clip.
    pub seconds: f64,
    /// Seconds of the animation in one of the clip.
    pub speed: f64,
}

/// Writes the model's animation.
pub fn play(studio: &Studio<'_>, task: &Task, range: (f64, f64), report: &mut Report) -> Result<(), Failure> {
    let Some(animation) = studio.moment.animation else {
        return Err(Failure::invalid_request("play, but the model has no animation; ask for a turntable"));
    };
    let whole = duration(&studio.document.animations[animation]);
    let seconds = studio.options.duration.unwrap_or_else(|| whole.clamp(0.1, LONGEST));
    let motion = Motion { name: "animation", whole, seconds, speed: 1.0 };
    if let Some((camera, film)) = show(studio, &motion, task, range)? {
        report.add_picture("animation", "animation", &camera, &film);
    }
    Ok(())
}

/// Writes a clip of a motion. Its camera, and its first picture.
pub fn show(
    studio: &Studio<'_>,
    motion: &Motion,
    task: &Task,
    (from, to): (f64, f64),
) -> Result<Option<(Camera, Film)>, Failure> {
    let options = studio.options;
    let frames = ((motion.seconds * f64::from(options.fps)).round() as u32).max(1);
    let mut points = Vec::new();
    for look in 0..LOOKS {
        let mut scene = studio.at(motion.whole * look as f64 / (LOOKS - 1) as f64)?;
        studio.axis.turn(&mut scene);
        points.extend(corners(&view::points_of(&scene, &studio.scenery)));
    }
    let camera = view::camera(View::ThreeQuarter, options, &points);
    let mut writer = Writer::new(studio, motion.name, frames, motion.seconds, task)?;
    writer.speed = Some(motion.speed).filter(|&speed| (speed - 1.0).abs() > 1e-9);
    let share = (to - from) / f64::from(frames);
    let mut first = None;
    for frame in 0..frames {
        let mut time = motion.speed * motion.seconds * f64::from(frame) / f64::from(frames);
        if motion.whole > 0.0 {
            time %= motion.whole;
        }
        let world = studio.make_ready(studio.at(time)?);
        let start = from + share * f64::from(frame);
        let progress = |done: f64| task.progress.report(start + share * done);
        let size = (options.width, options.height());
        let (film, pixels) = picture::shoot(studio, &world, &camera, size, true, &progress);
        writer.write(pixels, json!({ "time": time }), task)?;
        first.get_or_insert((camera, film));
    }
    writer.finish(task)?;
    Ok(first)
}

/// The box around points: eight of them stand for all.
fn corners(points: &[Vec3A]) -> Vec<Vec3A> {
    let low = points.iter().copied().fold(Vec3A::INFINITY, Vec3A::min);
    let high = points.iter().copied().fold(Vec3A::NEG_INFINITY, Vec3A::max);
    if !low.is_finite() {
        return Vec::new();
    }
    (0..8)
        .map(|corner| Vec3A::select(glam::BVec3A::new(corner & 1 == 0, corner & 2 == 0, corner & 4 == 0), low, high))
        .collect()
}

/// What the points sweep when they turn about the vertical axis through their middle, as rings of points.
fn ring(points: &[Vec3A]) -> Vec<Vec3A> {
    const SLICES: usize = 48;
    const AROUND: usize = 24;
    let low = points.iter().copied().fold(Vec3A::INFINITY, Vec3A::min);
    let high = points.iter().copied().fold(Vec3A::NEG_INFINITY, Vec3A::max);
    let middle = (low + high) * 0.5;
    let height = (high.y - low.y).max(1e-12);
    let mut radii = [0.0_f32; SLICES];
    for point in points {
        let slice = (((point.y - low.y) / height * SLICES as f32) as usize).min(SLICES - 1);
        radii[slice] = radii[slice].max((point.x - middle.x).hypot(point.z - middle.z));
    }
    let mut swept = Vec::with_capacity(SLICES * AROUND * 2);
    for (slice, radius) in radii.iter().enumerate() {
        for edge in [slice, slice + 1] {
            let y = low.y + height * edge as f32 / SLICES as f32;
            for at in 0..AROUND {
                let (sin, cos) = (at as f32 / AROUND as f32 * std::f32::consts::TAU).sin_cos();
                swept.push(vec3a(middle.x + radius * sin, y, middle.z + radius * cos));
            }
        }
    }
    swept
}

fn frame_on(studio: &Studio<'_>, points: &[Vec3A], azimuth: f64) -> Camera {
    let options = studio.options;
    let aspect = options.width as f32 / options.height() as f32;
    let forward = view::from_angles(azimuth, options.elevation);
    Camera::framing(points, forward, options.field_of_view.to_radians() as f32, aspect, options.padding as f32)
}

/// Pictures of a clip, in the form asked for.
struct Writer<'a> {
    studio: &'a Studio<'a>,
    name: &'static str,
    milliseconds: u32,
    /// Of the model's motion, where it is not shown as quickly as it is.
    speed: Option<f64>,
    written: u32,
    form: Form,
}

enum Form {
    /// What is known of each picture.
    Frames(Vec<serde_json::Value>),
    Webp(Output, Box<dyn FrameSink>),
    Mp4(Box<Movie>),
}

impl<'a> Writer<'a> {
    fn new(
        studio: &'a Studio<'a>,
        name: &'static str,
        frames: u32,
        seconds: f64,
        task: &Task,
    ) -> Result<Self, Failure> {
        let options = studio.options;
        let milliseconds = ((seconds * 1000.0 / f64::from(frames)).round() as u32).max(1);
        let (width, height) = (options.width, options.height());
        let form = match options.clip {
            Clip::Frames => Form::Frames(Vec::new()),
            Clip::Webp => {
                let output = Output::create(&task.outputs, &format!("{name}.webp"))?;
                let encoding = picture::encoding(options.quality);
                let attachments = Attachments::default();
                let size = (width, height);
                let sink = animation(output.clone(), size, (frames, 0), ImageFormat::Webp, &encoding, &attachments)?;
                Form::Webp(output, sink)
            }
            Clip::Mp4 => Form::Mp4(Box::new(Movie::new(width, height, milliseconds, options.quality)?)),
        };
        Ok(Self { studio, name, milliseconds, speed: None, written: 0, form })
    }

    fn write(&mut self, pixels: Vec<u8>, facts: serde_json::Value, task: &Task) -> Result<(), Failure> {
        let options = self.studio.options;
        match &mut self.form {
            Form::Mp4(movie) => movie.write(&pixels, options.width)?,
            Form::Webp(_, sink) => {
                let raster = picture::raster(options.width, options.height(), pixels);
                sink.write(&Frame { raster, milliseconds: self.milliseconds })?;
            }
            Form::Frames(listing) => {
                let raster = picture::raster(options.width, options.height(), pixels);
                let file = format!("{}-{:04}.{}", self.name, self.written, options.format.image_format().extension());
                picture::write(&raster, &file, options, task)?;
                let mut facts = facts;
                facts["file"] = json!(file);
                listing.push(facts);
            }
        }
        self.written += 1;
        Ok(())
    }

    fn finish(self, task: &Task) -> Result<(), Failure> {
        let options = self.studio.options;
        let mut size = (options.width as usize, options.height() as usize);
        if let Form::Mp4(movie) = &self.form {
            size = movie.size();
        }
        let mut properties = Properties::new();
        properties.insert("width".to_owned(), json!(size.0));
        properties.insert("height".to_owned(), json!(size.1));
        properties.insert("frames".to_owned(), json!(self.written));
        let seconds = f64::from(self.milliseconds * self.written) / 1000.0;
        properties.insert("duration".to_owned(), json!(seconds));
        properties.extend(self.speed.map(|speed| ("speed".to_owned(), json!(speed))));
        match self.form {
            Form::Webp(output, sink) => {
                sink.finish()?;
                output.finish("image/webp", properties)
            }
            Form::Mp4(movie) => {
                task.outputs.write(format!("{}.mp4", self.name), "video/mp4", &movie.finish()?, properties)
            }
            Form::Frames(listing) => {
                let listing = json!({ "width": size.0, "height": size.1, "duration": seconds, "frames": listing });
                let text = serde_json::to_vec_pretty(&listing)
                    .map_err(|error| Failure::internal("the list of pictures cannot be written").because(error))?;
                task.outputs.write(format!("{}.json", self.name), "application/json", &text, properties)
            }
        }
    }
}
