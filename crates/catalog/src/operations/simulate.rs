use std::fmt;
use std::str::FromStr;

use clap::{ArgAction, Args, ValueEnum};
use serde::{Serialize, Serializer};

use crate::operation::Options;
use crate::profile::Profile;
use crate::{Format, MediaKind};

/// Finds out how a model behaves: how it falls, comes to rest and tips, how it bears loads, how well it prints.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Simulate {
    /// What is found out
    #[arg(long, value_enum, default_value_t = Study::Settle)]
    pub study: Study,
    /// What it is made of [default: PLA for STL, ABS otherwise]
    #[arg(long, value_enum)]
    pub material: Option<MaterialName>,
    /// Density instead of the material's, kg/m³
    #[arg(long, value_name = "KG/M3", value_parser = number(0.1, 30_000.0))]
    pub density: Option<f64>,
    /// Young's modulus instead of the material's
    #[arg(long, value_name = "PRESSURE", value_parser = quantity::<Pressure>)]
    pub young: Option<Pressure>,
    /// Poisson's ratio instead of the material's
    #[arg(long, value_name = "0-0.49", value_parser = number(0.0, 0.49))]
    pub poisson: Option<f64>,
    /// The stress at which it yields or breaks, instead of the material's
    #[arg(long = "yield", value_name = "PRESSURE", value_parser = quantity::<Pressure>)]
    #[serde(rename = "yield")]
    pub yield_stress: Option<Pressure>,
    /// Unit of the file's numbers [default: metres for glTF, millimetres for STL; for OBJ and PLY millimetres if the longest
    /// side is above 20, metres otherwise]
    #[arg(long, alias = "units", value_enum)]
    pub unit: Option<Unit>,
    /// Longest side of the model, whatever its unit
    #[arg(long, value_name = "LENGTH", value_parser = quantity::<Length>)]
    pub size: Option<Length>,
    /// What points up in the file [default: z for STL, y otherwise]
    #[arg(long, value_enum)]
    pub up: Option<Up>,
    /// Thickness of a surface that encloses nothing, such as a sheet
    #[arg(long, value_name = "LENGTH", value_parser = quantity::<Length>)]
    pub thickness: Option<Length>,

    /// settle: height of the lowest point over the floor at the start [default: half of the longest side; 0 with tilt or push]
    #[arg(long, value_name = "LENGTH", value_parser = quantity::<Length>)]
    pub height: Option<Length>,
    /// settle: how it is held at the start: turned by these angles about x, then y, then z [default: as it is in the file]
    #[arg(long, value_name = "X/Y/Z")]
    pub orientation: Option<Angles>,
    /// settle: let it fall so often in random orientations as well, and count how it comes to rest
    #[arg(long, value_name = "1-1000", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub drops: Option<u32>,
    /// settle: what the random orientations are drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// settle: friction between model and floor
    #[arg(long, value_name = "0-5", default_value = "0.5", value_parser = number(0.0, 5.0))]
    pub friction: f64,
    /// settle: how much of its speed is left after a bounce
    #[arg(long, value_name = "0-1", default_value = "0.2", value_parser = number(0.0, 1.0))]
    pub restitution: f64,
    /// settle: how long to look [default: until it rests, at most 20 s for a model of 1 m]
    #[arg(long, value_name = "SECONDS", value_parser = number(0.01, 60.0))]
    pub duration: Option<f64>,
    /// settle: tilt the floor under the resting model, slowly, up to this angle, the way it tips first
    #[arg(long, value_name = "DEGREES", value_parser = number(0.1, 90.0))]
    pub tilt: Option<f64>,
    /// settle: push the resting model, along x, y and z of the file at a height over the floor, as a fraction of its own
    #[arg(long, value_name = "FX/FY/FZ@HEIGHT")]
    pub push: Option<Push>,

    /// strength: where it is held: `bottom`, `top`, `left`, `right`, `front`, `back`, `material:NAME`, `node:NAME` or
    /// `box:X0/Y0/Z0/X1/Y1/Z1` (metres)
    #[arg(long, value_name = "WHERE,…", value_delimiter = ',', default_value = "bottom")]
    pub fix: Vec<Where>,
    /// strength: loads: where, and a force into the surface (`500N`), a force (`0/-500/0N`) or a pressure (`10kPa`)
    #[arg(long, value_name = "WHERE=LOAD,…", value_delimiter = ',')]
    pub load: Vec<Load>,
    /// strength: its own weight, as a multiple
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = number(0.0, 1000.0))]
    pub gravity: f64,
    /// strength: cells that the solid is divided into
    #[arg(long, value_name = "1000-2000000", default_value_t = 250_000,
          value_parser = clap::value_parser!(u32).range(1_000..=2_000_000))]
    pub resolution: u32,
    /// strength: how much the deformation is exaggerated [default: so that it is a twentieth of the longest side]
    #[arg(long, value_name = "FACTOR", value_parser = number(0.0, 1e9))]
    pub deformation: Option<f64>,

    /// print: faces that lean further from the vertical than this need support
    #[arg(long, value_name = "DEGREES", default_value = "45", value_parser = number(0.0, 89.0))]
    pub overhang: f64,
    /// print: thickness of a layer
    #[arg(long, value_name = "LENGTH", default_value = "0.2mm", value_parser = quantity::<Length>)]
    pub layer: Length,
    /// print: walls and gaps that are thinner than this are reported
    #[arg(long, value_name = "LENGTH", default_value = "0.8mm", value_parser = quantity::<Length>)]
    pub wall: Length,
    /// Write the model with its motion, stresses or problems as colours (GLB)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub model: bool,
    /// Draw what was found: a clip of the motion (`simulation.webp`), the stresses with a legend (`strength.png`)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub pictures: bool,
}

/// What a simulation finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Study {
    /// How it falls, comes to rest, tips and slides
    Settle,
    /// How it bends and where it is stressed under loads
    Strength,
    /// How well it can be printed in layers
    Print,
}

/// Materials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MaterialName {
    /// S235
    Steel,
    /// 1.4301 (304)
    Stainless,
    /// 6061 T6
    #[value(alias = "aluminum")]
    Aluminium,
    /// Ti-6Al-4V
    Titanium,
    /// CW614N
    Brass,
    /// Acrylonitrile butadiene styrene
    Abs,
    /// Polylactic acid
    Pla,
    /// Polyethylene terephthalate, glycol-modified
    Petg,
    /// Polyamide 6
    Nylon,
    /// Polycarbonate
    Polycarbonate,
    /// D40, along the grain
    Oak,
    /// C24, along the grain
    Pine,
    /// Of birch
    Plywood,
    /// C25/30
    Concrete,
    /// Float glass
    Glass,
    /// Of 60 Shore A
    Rubber,
}

/// Units of length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Metres
    M,
    /// Millimetres
    Mm,
    /// Centimetres
    Cm,
    /// Inches
    In,
}

impl Unit {
    /// Metres in one.
    pub fn metres(self) -> f64 {
        match self {
            Self::M => 1.0,
            Self::Mm => 1e-3,
            Self::Cm => 1e-2,
            Self::In => 0.0254,
        }
    }
}

/// Directions that point up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Up {
    /// x
    X,
    /// y
    Y,
    /// z
    Z,
    /// The other way than y
    #[value(name = "-y")]
    #[serde(rename = "-y")]
    MinusY,
    /// The other way than z
    #[value(name = "-z")]
    #[serde(rename = "-z")]
    MinusZ,
}

impl MaterialName {
    /// Its word.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// A quantity with a unit: its text, and its value in SI units.
trait Quantity: Sized {
    const UNITS: &'static [(&'static str, f64)];
    const EXAMPLE: &'static str;
    fn of(text: String, value: f64) -> Self;
}

macro_rules! quantities {
    ($($name:ident, $doc:literal, $value:literal, $example:literal, [$($unit:literal = $factor:literal),*];)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            text: String,
            value: f64,
        }

        impl $name {
            #[doc = $value]
            pub fn value(&self) -> f64 {
                self.value
            }
        }

        impl Quantity for $name {
            const UNITS: &'static [(&'static str, f64)] = &[$(($unit, $factor)),*];
            const EXAMPLE: &'static str = $example;
            fn of(text: String, value: f64) -> Self {
                Self { text, value }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

quantities! {
    Length, "A length.", "Metres.", "30mm", ["mm" = 1e-3, "cm" = 1e-2, "in" = 0.0254, "m" = 1.0];
    Pressure, "A pressure, a stress or a modulus.", "Pascal.", "2.3GPa", ["GPa" = 1e9, "MPa" = 1e6, "kPa" = 1e3, "Pa" = 1.0];
}

fn quantity<Q: Quantity>(text: &str) -> Result<Q, String> {
    let found = Q::UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), factor)));
    let value = found.and_then(|(number, factor)| Some(number.parse::<f64>().ok()? * factor));
    match value {
        Some(value) if value.is_finite() && value >= 0.0 => Ok(Q::of(text.to_owned(), value)),
        _ => {
            let units: Vec<&str> = Q::UNITS.iter().map(|(unit, _)| *unit).collect();
            Err(format!("must be a number with its unit ({}), for example {}", units.join(", "), Q::EXAMPLE))
        }
    }
}

fn number(least: f64, most: f64) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<f64>() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!("must be a number from {least} to {most}")),
    }
}

/// Numbers with slashes between them.
fn numbers<const N: usize>(text: &str) -> Option<[f64; N]> {
    let parts: Vec<f64> = text.split('/').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let parts: [f64; N] = parts.try_into().ok()?;
    parts.iter().all(|part| part.is_finite()).then_some(parts)
}

fn joined(parts: &[f64]) -> String {
    parts.iter().map(f64::to_string).collect::<Vec<_>>().join("/")
}

/// Degrees about x, then y, then z.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Angles(pub [f64; 3]);

impl FromStr for Angles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        numbers(text).map(Self).ok_or_else(|| "must be three angles in degrees, for example 0/90/0".to_owned())
    }
}

impl fmt::Display for Angles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&joined(&self.0))
    }
}

/// A push.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Push {
    /// Newtons along x, y and z of the file.
    pub force: [f64; 3],
    /// Where, as a fraction of the height.
    pub height: f64,
}

impl FromStr for Push {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (force, height) = text.split_once('@')?;
            let height = height.trim().parse().ok().filter(|height| (0.0..=1.0).contains(height))?;
            Some(Self { force: numbers(force.trim_end_matches('N'))?, height })
        };
        parsed().ok_or_else(|| {
            "must be a force in newtons and a fraction of the height, for example 50/0/0N@0.9".to_owned()
        })
    }
}

impl fmt::Display for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}N@{}", joined(&self.force), self.height)
    }
}

/// A part of a model's surface.
#[derive(Debug, Clone, PartialEq)]
pub enum Where {
    /// The surface within a hundredth of the extent of the side that is named, up being up.
    Side(Side),
    /// The surface of a material.
    Material(String),
    /// The surface of a node or a mesh.
    Node(String),
    /// The surface within a box, metres: the smallest and the largest coordinates.
    Box([f64; 6]),
}

/// A side of a model, as seen from the front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// Where it stands
    Bottom,
    /// The opposite
    Top,
    /// The side of smaller x
    Left,
    /// The side of larger x
    Right,
    /// Towards the viewer: the side of larger z if y is up, of smaller y if z is up
    Front,
    /// The opposite
    Back,
}

impl FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(side) = Side::from_str(text, false) {
            return Ok(Self::Side(side));
        }
        match text.split_once(':') {
            Some(("material", name)) if !name.is_empty() => Ok(Self::Material(name.to_owned())),
            Some(("node", name)) if !name.is_empty() => Ok(Self::Node(name.to_owned())),
            Some(("box", corners)) => numbers(corners)
                .map(Self::Box)
                .ok_or_else(|| "box: takes six numbers in metres, for example box:0/0/0/0.1/0.02/0.1".to_owned()),
            _ => {
                Err("must be bottom, top, left, right, front, back, material:NAME, node:NAME or box:X0/Y0/Z0/X1/Y1/Z1"
                    .to_owned())
            }
        }
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Side(side) => f.write_str(
                side.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default().as_str(),
            ),
            Self::Material(name) => write!(f, "material:{name}"),
            Self::Node(name) => write!(f, "node:{name}"),
            Self::Box(corners) => write!(f, "box:{}", joined(corners)),
        }
    }
}

/// A load.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Where it acts.
    pub place: Where,
    /// How much.
    pub amount: Amount,
}

/// How much acts on a part of the surface.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    /// A force in all, straight into the surface, newtons.
    Into(f64),
    /// A force in all along x, y and z of the file, newtons.
    Force([f64; 3]),
    /// Newtons on each square metre, straight into the surface.
    Pressure(Pressure),
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            // `top=500N` or, in the alphabet of the first draft, `top:500N`.
            let (place, amount) = text.rsplit_once('=').or_else(|| text.rsplit_once(':'))?;
            let amount = match amount.strip_suffix('N') {
                Some(force) if force.contains('/') => Amount::Force(numbers(force)?),
                Some(force) => Amount::Into(force.trim().parse().ok().filter(|force: &f64| force.is_finite())?),
                None => Amount::Pressure(quantity(amount).ok()?),
            };
            Some((place, amount))
        };
        let (place, amount) = parsed().ok_or_else(|| {
            "must be a place and a load, for example top=500N, left=0/-20/0N or bottom=10kPa".to_owned()
        })?;
        Ok(Self { place: place.parse()?, amount })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.amount {
            Amount::Into(force) => write!(f, "{}={force}N", self.place),
            Amount::Force(force) => write!(f, "{}={}N", self.place, joined(force)),
            Amount::Pressure(pressure) => write!(f, "{}={pressure}", self.place),
        }
    }
}

macro_rules! serialised_as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

serialised_as_text!(Angles, Load, Push, Where);

impl Options for Simulate {
    const NAME: &'static str = "simulate";
    const ALIASES: &'static [&'static str] = &["simulation"];
    const ABOUT: &'static str =
        "Find out how a model behaves: it falls and comes to rest, bears a load, can be printed";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("simulate", "how it falls and comes to rest, its mass, how far it can be tilted"),
        ("simulate?drops=200&material=steel", "how often it comes to rest on which face"),
        ("simulate?tilt=30&friction=0.8", "whether it tips or slides on a floor of up to 30 degrees"),
        ("simulate?push=50/0/0N@0.9", "whether a push of 50 N near its top knocks it over"),
        ("simulate?study=strength&material=oak&load=top=1000N", "how a stool of oak bears 1000 N"),
        ("simulate?study=print&unit=mm", "overhangs, thin walls and the support that a print needs"),
    ];
    const PROFILE: Profile = Profile {
        relative_cost: 8,
        ..Profile::of(
            Format::of_kind(MediaKind::Model),
            &["model/gltf-binary", "application/json", "image/webp", "image/png"],
            [(2, 4), (2, 8), (4, 24), (8, 60)],
        )
    };

    fn validate(&self) -> Result<(), String> {
        if self.tilt.is_some() && self.push.is_some() {
            return Err("tilt and push are two tests: ask for one of them".to_owned());
        }
        if self.size.as_ref().is_some_and(|size| size.value() <= 0.0) {
            return Err("size must be above 0, for example size=30cm".to_owned());
        }
        if self.layer.value() <= 0.0 {
            return Err("layer must be above 0, for example layer=0.2mm".to_owned());
        }
        if self.young.as_ref().is_some_and(|young| young.value() <= 0.0) {
            return Err("young must be above 0, for example young=2.3GPa".to_owned());
        }
        Ok(())
    }
}
