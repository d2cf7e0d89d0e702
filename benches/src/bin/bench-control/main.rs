//! The control plane: what its Lambdas cost, and what a day of 5 TB does to the limits of AWS.
//!
//! `cargo run --release --bin bench-control` simulates and measures. `… control simulate [FILE.svg]` only simulates,
//! and draws the queues' depth over time; `… control measure` only measures.

mod lambdas;
mod plot;
mod simulation;

use anyhow::Result;
use benches::print;
use catalog::{MediaKind, PerKind};
use control::{dispatch::packing::Packing, dispatch::resources::Bounds};
use simulation::{Flow, simulate};

/// The defaults of dispatch and of Terraform.
const PACKING: Packing = Packing {
    below_bytes: 32 << 20,
    bytes: 512 << 20,
    count: 100,
    bounds: PerKind { document: Bounds::NONE, image: Bounds::NONE, model: Bounds::NONE, video: Bounds::NONE },
};

/// 5 TB as the mix of the goal: 70 % of the bytes are videos, 15 % images, 10 % documents, 5 % 3D models.
const MIXED: &[Flow] = &[
    Flow { kind: MediaKind::Video, objects: 7_000, bytes: 500_000_000, seconds: 5.0, seconds_a_mb: 0.05 },
    Flow { kind: MediaKind::Image, objects: 150_000, bytes: 5_000_000, seconds: 0.1, seconds_a_mb: 0.06 },
    Flow { kind: MediaKind::Document, objects: 250_000, bytes: 2_000_000, seconds: 0.1, seconds_a_mb: 0.05 },
    Flow { kind: MediaKind::Model, objects: 5_000, bytes: 50_000_000, seconds: 0.5, seconds_a_mb: 0.2 },
];

/// 5 TB as images alone.
const IMAGES: &[Flow] =
    &[Flow { kind: MediaKind::Image, objects: 2_500_000, bytes: 2_000_000, seconds: 0.1, seconds_a_mb: 0.06 }];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = arguments.first().map(String::as_str);
    if only != Some("measure") {
        let alone = Packing { below_bytes: 0, ..PACKING };
        let days = [
            simulate("412,000 objects of every kind, packed", MIXED, &PACKING, false),
            simulate("412,000 objects of every kind, a job for each object", MIXED, &alone, false),
            simulate("2.5 million images of 2 MB, packed", IMAGES, &PACKING, false),
            simulate("2.5 million images of 2 MB, a job for each object", IMAGES, &alone, false),
            simulate("412,000 objects of every kind, packed, with the fast path", MIXED, &PACKING, true),
            simulate("2.5 million images of 2 MB, packed, with the fast path", IMAGES, &PACKING, true),
        ];
        print(&simulation::summary(&days));
        for day in &days {
            print(&day.depths());
        }
        if let Some(file) = arguments.get(1) {
            fs_err::write(file, plot::draw(&days[..4]))?;
        }
    }
    if only != Some("simulate") {
        tokio::runtime::Runtime::new()?.block_on(lambdas::measure())?;
    }
    Ok(())
}
