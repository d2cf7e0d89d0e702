//! What things are made of.

/// A material, isotropic, at room temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Material {
    /// Its word.
    pub name: &'static str,
    /// kg/m³.
    pub density: f64,
    /// Young's modulus, Pa.
    pub young: f64,
    /// Poisson's ratio.
    pub poisson: f64,
    /// The stress at which it yields, or breaks if it does not yield, Pa.
    pub strength: f64,
    /// Whether `strength` is where it breaks, of brittle materials and of wood along the grain.
    pub is_brittle: bool,
    /// Where the numbers are from.
    pub source: &'static str,
}

const fn of(
    name: &'static str,
    density: f64,
    [young_gpa, poisson, strength_mpa]: [f64; 3],
    is_brittle: bool,
    source: &'static str,
) -> Material {
    Material { name, density, young: young_gpa * 1e9, poisson, strength: strength_mpa * 1e6, is_brittle, source }
}

/// Typical values, of which a real part can be off by a tenth, printed plastic and wood by a third.
pub const MATERIALS: [Material; 16] = [
    of("steel", 7850.0, [210.0, 0.30, 235.0], false, "EN 10025-2 S235JR, EN 1993-1-1"),
    of("stainless", 7900.0, [200.0, 0.30, 210.0], false, "EN 10088-1 and -2 1.4301 (304)"),
    of("aluminium", 2700.0, [70.0, 0.33, 240.0], false, "EN 755-2 EN AW-6061 T6, EN 1999-1-1"),
    of("titanium", 4430.0, [114.0, 0.34, 830.0], false, "ASTM B265 grade 5 (Ti-6Al-4V), annealed"),
    of("brass", 8470.0, [97.0, 0.31, 250.0], false, "EN 12164 CW614N, half hard"),
    of("abs", 1050.0, [2.3, 0.35, 42.0], false, "typical of moulding grades, ISO 527"),
    of("pla", 1240.0, [3.3, 0.36, 50.0], false, "typical of solid filament, ISO 527, across no layers"),
    of("petg", 1270.0, [2.1, 0.38, 47.0], false, "typical of solid filament, ISO 527, across no layers"),
    of("nylon", 1140.0, [1.6, 0.39, 50.0], false, "typical of PA 6, conditioned, ISO 527"),
    of("polycarbonate", 1200.0, [2.4, 0.37, 62.0], false, "typical of unfilled grades, ISO 527"),
    of("oak", 700.0, [11.0, 0.35, 40.0], true, "EN 338 D40 bending strength and mean modulus along the grain"),
    of(
        "pine",
        460.0,
        [11.0, 0.35, 24.0],
        true,
        "EN 338 C24 bending strength and mean modulus along the grain; mean density",
    ),
    of("plywood", 680.0, [8.0, 0.30, 30.0], true, "typical of birch, mean of both directions, EN 310"),
    of("concrete", 2400.0, [31.0, 0.20, 2.6], true, "EN 1992-1-1 C25/30; strength in tension"),
    of("glass", 2500.0, [70.0, 0.22, 45.0], true, "EN 572-1 float glass; strength in bending"),
    of(
        "rubber",
        1100.0,
        [0.005, 0.49, 10.0],
        true,
        "typical of vulcanised rubber of 60 Shore A; linear to a few percent",
    ),
];

/// The material of that name.
pub fn material(name: &str) -> Option<&'static Material> {
    MATERIALS.iter().find(|material| material.name == name)
}
