//! Light that physics tells without a reference: what a white thing looks like in a white room, what lamps give.

use std::sync::Arc;

use glam::{Vec3A, vec3a};
use scene::evaluate::{Light, LightKind, Piece, Scene};
use scene::material::{AlphaMode, Material, TextureUse};
use scene::texture::{Texture, Wrap};
use tracer::camera::Camera;
use tracer::environment::Environment;
use tracer::film::{Film, Samples, Settings, draw};
use tracer::path::{Depth, Stage};
use tracer::world::{Look, World};

fn sphere(rings: u32, sectors: u32) -> Piece {
    let mut piece = Piece { material: Some(0), ..Piece::default() };
    for ring in 0..=rings {
        let (sin, cos) = (std::f32::consts::PI * ring as f32 / rings as f32).sin_cos();
        for sector in 0..=sectors {
            let (s, c) = (std::f32::consts::TAU * sector as f32 / sectors as f32).sin_cos();
            piece.positions.push([sin * s, cos, sin * c]);
            piece.normals.push([sin * s, cos, sin * c]);
        }
    }
    let at = |ring: u32, sector: u32| ring * (sectors + 1) + sector;
    for ring in 0..rings {
        for sector in 0..sectors {
            let [a, b, c, d] = [at(ring, sector), at(ring + 1, sector), at(ring + 1, sector + 1), at(ring, sector + 1)];
            if ring > 0 {
                piece.triangles.push([a, b, d]);
            }
            if ring + 1 < rings {
                piece.triangles.push([b, c, d]);
            }
        }
    }
    piece
}

/// A square of two metres in z = 0 that faces +z.
fn square() -> Piece {
    Piece {
        material: Some(0),
        positions: vec![[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]],
        normals: vec![[0.0, 0.0, 1.0]; 4],
        triangles: vec![[0, 1, 2], [0, 2, 3]],
        ..Piece::default()
    }
}

struct Shot {
    pieces: Vec<Piece>,
    lights: Vec<Light>,
    materials: Vec<Material>,
    environment: Option<Environment>,
    size: usize,
    samples: u32,
    threads: usize,
    blurs_caustics: bool,
    textures: Vec<Option<Texture>>,
}

impl Shot {
    fn of(piece: Piece, material: Material) -> Self {
        Self {
            pieces: vec![piece],
            lights: Vec::new(),
            materials: vec![material],
            environment: Some(Environment::uniform([1.0; 3])),
            size: 24,
            samples: 64,
            threads: 2,
            blurs_caustics: false,
            textures: Vec::new(),
        }
    }

    fn film(self) -> Film {
        let scene = Scene { pieces: self.pieces, lights: self.lights, ..Scene::default() };
        let look = Look::new(self.materials, self.textures);
        let world = World::new(scene, &look, self.threads);
        let camera = Camera::looking_at(vec3a(0.0, 0.0, 5.0), Vec3A::ZERO, 0.38, 1.0);
        let depth = Depth { bounces: 64, clamp: None, blurs_caustics: self.blurs_caustics };
        let stage = Stage { world: &world, look: &look, environment: self.environment.as_ref(), depth };
        let settings = Settings {
            width: self.size,
            height: self.size,
            samples: Samples { least: self.samples, most: self.samples, noise: 0.0 },
            ground: None,
            background: false,
            threads: self.threads,
        };
        draw(&stage, &camera, &settings, &|_| ())
    }

    /// The mean colour of what is covered.
    fn mean(self) -> [f32; 3] {
        let film = self.film();
        let (mut sum, mut covered) = ([0.0_f32; 3], 0.0_f32);
        for colour in &film.colour {
            covered += colour[3];
            (0..3).for_each(|at| sum[at] += colour[at]);
        }
        assert!(covered > 100.0, "{covered}");
        sum.map(|sum| sum / covered)
    }
}

fn assert_white(name: &str, material: Material) {
    assert_white_within(name, material, 0.01);
}

fn assert_white_within(name: &str, material: Material, most: f32) {
    let mean = Shot::of(sphere(128, 192), material).mean();
    for value in mean {
        assert!((value - 1.0).abs() <= most, "{name}: {mean:?}");
    }
}

#[test]
fn a_white_surface_in_a_white_room_cannot_be_seen_whatever_its_roughness() {
    for roughness in [0.0, 0.15, 0.4, 0.7, 1.0] {
        for metallic in [0.0, 0.5, 1.0] {
            let material = Material { roughness, metallic, ..Material::default() };
            assert_white(&format!("roughness {roughness}, metallic {metallic}"), material);
        }
    }
}

#[test]
fn layers_and_glass_neither_win_nor_lose_light() {
    let white = Material { metallic: 0.0, roughness: 0.5, ..Material::default() };
    assert_white("coat", Material { clearcoat: 1.0, clearcoat_roughness: 0.2, ..white.clone() });
    assert_white("rough coat", Material { clearcoat: 1.0, clearcoat_roughness: 0.9, ..white.clone() });
    // The tables have no axis for it.
    let brushed = Material { anisotropy: 0.8, metallic: 1.0, roughness: 0.3, ..white.clone() };
    assert_white_within("anisotropy", brushed, 0.06);
    // What a film mirrors is missing from what passes, also over glass that mirrors nothing itself.
    let film = Material {
        iridescence: 1.0,
        iridescence_ior: 2.0,
        iridescence_thickness: [300.0; 2],
        ior: 1.0,
        ..white.clone()
    };
    assert_white("a film on thin glass", Material { transmission: 1.0, roughness: 0.0, ..film });
    assert_white("thin glass", Material { transmission: 1.0, roughness: 0.1, ..white.clone() });
    assert_white("diffuse transmission", Material { diffuse_transmission: 0.5, ..white.clone() });
    // Rough balls trap some light for longer than it is followed.
    for (roughness, most) in [(0.0, 0.01), (0.3, 0.03), (0.7, 0.02)] {
        let glass = Material { transmission: 1.0, thickness: 1.0, roughness, ..white.clone() };
        assert_white_within(&format!("glass of roughness {roughness}"), glass, most);
    }
    let sheen = Material { sheen_colour: [1.0; 3], sheen_roughness: 0.5, ..white };
    assert_white("sheen", sheen);
}

#[test]
fn lamps_give_what_their_candela_and_lux_say() {
    let diffuse = Material {
        metallic: 0.0,
        roughness: 1.0,
        specular: 0.0,
        base_colour: [0.5, 0.5, 0.5, 1.0],
        ..Material::default()
    };
    let light = |kind, direction, position| Light { kind, position, direction, intensity: [8.0; 3], range: None };
    let lit = |light: Light| {
        let mut shot = Shot::of(square(), diffuse.clone());
        shot.environment = None;
        shot.lights = vec![light];
        let film = shot.film();
        film.colour[12 * 24 + 12]
    };
    // Lux by the cosine, half of it is thrown back over pi.
    let slanted = lit(light(LightKind::Directional, [0.0, -0.6, -0.8], [0.0; 3]));
    assert!((slanted[0] - 8.0 * 0.8 * 0.5 / std::f32::consts::PI).abs() < 0.01, "{slanted:?}");
    // Candela by the square of the distance.
    let near = lit(light(LightKind::Point, [0.0; 3], [0.0, 0.0, 2.0]));
    assert!((near[0] - 8.0 / 4.0 * 0.5 / std::f32::consts::PI).abs() < 0.01, "{near:?}");
    let spot = LightKind::Spot { inner: 0.0, outer: 0.3 };
    let beside = lit(light(spot, [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]));
    assert!(beside[0] < 1e-6, "outside of its cone a spot is dark");
}

#[test]
fn a_surface_that_is_half_there_covers_half_and_two_of_them_three_quarters() {
    let half = Material { alpha_mode: AlphaMode::Blend, base_colour: [1.0, 1.0, 1.0, 0.5], ..Material::default() };
    let mut behind = square();
    behind.positions.iter_mut().for_each(|position| position[2] = -0.01);
    let mut shot = Shot::of(square(), half.clone());
    shot.samples = 256;
    let film = shot.film();
    assert!((film.colour[12 * 24 + 12][3] - 0.5).abs() < 0.06, "{:?}", film.colour[12 * 24 + 12]);
    let mut shot = Shot::of(square(), half);
    shot.pieces.push(behind);
    shot.samples = 256;
    let covered: f32 = shot.film().colour.iter().map(|colour| colour[3]).sum::<f32>() / (24.0 * 24.0);
    assert!((covered - 0.75).abs() < 0.02, "{covered}");
}

#[test]
fn light_loses_colour_on_its_way_through_a_body() {
    let tinted = |distance: f32| Material {
        metallic: 0.0,
        roughness: 0.0,
        transmission: 1.0,
        thickness: 1.0,
        // As thin as air: no light is reflected or bent.
        ior: 1.0,
        attenuation_distance: distance,
        attenuation_colour: [0.5, 1.0, 0.25],
        ..Material::default()
    };
    let mut shot = Shot::of(sphere(128, 192), tinted(2.0));
    shot.samples = 256;
    let film = shot.film();
    let middle = film.colour[12 * 24 + 12];
    // Two metres through the middle.
    assert!(
        (middle[0] - 0.5).abs() < 0.03 && (middle[1] - 1.0).abs() < 0.03 && (middle[2] - 0.25).abs() < 0.03,
        "{middle:?}"
    );
}

#[test]
fn blurred_caustics_have_the_light_of_sharp_ones_and_less_noise() {
    let floor = Material { metallic: 0.0, roughness: 1.0, specular: 0.0, ..Material::default() };
    let ball = |material: Material, environment: Environment, blurs_caustics: bool| {
        let mut ball = sphere(64, 96);
        ball.material = Some(1);
        ball.positions
            .iter_mut()
            .for_each(|position| *position = [position[0] * 0.5, position[1] * 0.5, position[2] * 0.5 + 0.6]);
        let mut shot = Shot::of(square(), floor.clone());
        shot.pieces.push(ball);
        shot.materials.push(material);
        shot.environment = Some(environment);
        shot.blurs_caustics = blurs_caustics;
        shot.film()
    };
    let mean = |film: &Film| {
        let covered: f32 = film.colour.iter().map(|colour| colour[3]).sum();
        film.colour.iter().map(|colour| colour[0]).sum::<f32>() / covered
    };
    let mirror = Material { roughness: 0.0, ..Material::default() };
    let glass = Material { transmission: 1.0, thickness: 1.0, metallic: 0.0, ..mirror.clone() };
    for (material, most) in [(mirror.clone(), 0.01), (glass, 0.03)] {
        let film = ball(material, Environment::uniform([1.0; 3]), true);
        assert!((mean(&film) - 1.0).abs() < most, "{}", mean(&film));
    }
    let mut lamp = vec![[0.1; 3]; 64 * 32];
    lamp[8 * 64 + 40] = [2000.0; 3];
    let lamp = Environment::new(64, 32, lamp);
    let (sharp, blurred) = (ball(mirror.clone(), lamp.clone(), false), ball(mirror, lamp, true));
    // Of the floor beside the ball: what few rays find is as bright as all that they stand for.
    let brightest = |film: &Film| {
        let beside = (0..24 * 24).filter(|at| !(5..18).contains(&(at % 24)));
        beside.map(|at| film.colour[at][0]).fold(0.0, f32::max)
    };
    assert!(2.0 * brightest(&blurred) < brightest(&sharp), "{} {}", brightest(&blurred), brightest(&sharp));
}

#[test]
fn a_bump_that_faces_a_lamp_is_dark_where_the_lamp_sets_for_its_surface() {
    // Half the way from up (+z) to the side (+x).
    let (x, z) = (std::f32::consts::FRAC_1_SQRT_2, std::f32::consts::FRAC_1_SQRT_2);
    let byte = |value: f32| ((value * 0.5 + 0.5) * 255.0).round() as u8;
    let picture = image::RgbaImage::from_pixel(1, 1, image::Rgba([byte(x), byte(0.0), byte(z), 255]));
    let texture = Texture { picture: Arc::new(picture), wrap: [Wrap::Repeat; 2], nearest: true };
    let lit = |height: f32| {
        let mut piece = square();
        piece.coordinates[0] = vec![[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]];
        piece.tangents = vec![[1.0, 0.0, 0.0, 1.0]; 4];
        let bumpy = TextureUse { texture: 0, set: 0, transform: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] };
        let material = Material {
            metallic: 0.0,
            roughness: 1.0,
            specular: 0.0,
            normal_texture: Some(bumpy),
            ..Material::default()
        };
        let mut shot = Shot::of(piece, material);
        shot.environment = None;
        shot.textures = vec![Some(texture.clone())];
        let across = (1.0 - height * height).sqrt();
        let direction = [-across, 0.0, -height];
        shot.lights = vec![Light {
            kind: LightKind::Directional,
            position: [0.0; 3],
            direction,
            intensity: [std::f32::consts::PI; 3],
            range: None,
        }];
        let cos = x * across + z * height;
        (shot.film().colour[12 * 24 + 12][0], cos)
    };
    let (high, cos) = lit(0.8);
    assert!((high - cos).abs() < 0.02, "where the lamp is high, a bump is lit by its own slope: {high} {cos}");
    let (low, cos) = lit(0.1);
    let share = 0.1 / (cos * z);
    let expected = cos * (share + share * share - share * share * share);
    assert!((low - expected).abs() < 0.02 && low < 0.5 * cos, "{low} {expected} {cos}");
    let (set, _) = lit(0.01);
    assert!(set < 0.05, "{set}");
}

#[test]
fn what_guides_the_filter_is_seen_through_clear_glass_and_in_mirrors() {
    let red = Material { metallic: 0.0, base_colour: [0.8, 0.1, 0.1, 1.0], specular: 0.0, ..Material::default() };
    let front = |material: Material| {
        let mut pane = square();
        pane.material = Some(1);
        pane.positions.iter_mut().for_each(|position| position[2] = 1.0);
        let mut shot = Shot::of(square(), red.clone());
        shot.pieces.push(pane);
        shot.materials.push(material);
        let film = shot.film();
        (film.albedo[12 * 24 + 12], film.depth[12 * 24 + 12])
    };
    let glass = Material { metallic: 0.0, roughness: 0.0, transmission: 1.0, ..Material::default() };
    let (albedo, depth) = front(glass.clone());
    assert!(albedo[0] > 0.6 && albedo[1] < 0.2 && (depth - 5.0).abs() < 0.3, "{albedo:?} {depth}");
    let (albedo, depth) = front(Material { roughness: 0.5, ..glass });
    assert!(albedo[0] - albedo[1] < 0.05 && (depth - 4.0).abs() < 0.01, "frosted glass hides it: {albedo:?} {depth}");
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let film = |threads| {
        let mut shot = Shot::of(sphere(16, 24), Material { roughness: 0.4, ..Material::default() });
        shot.environment = Some(Environment::studio());
        shot.size = 50;
        shot.samples = 4;
        shot.threads = threads;
        shot.film()
    };
    let one = film(1);
    assert!(one == film(2) && one == film(3));
    assert!(one.colour.iter().any(|colour| colour[3] > 0.0));
}
