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
    count: 128,
    seconds: 60,
    bounds: PerKind { document: Bounds::NONE, image: Bounds::NONE, model: Bounds::NONE, video: Bounds::NONE },
};

/// 5 TB as the mix of the goal: 70 % of the bytes are videos, 15 % images, 10 % documents, 5 % 3D models.
const MIXED: &[Flow] = &[
    Flow {
        kind: MediaKind::Video,
        option: "keyframes",
        objects: 7_000,
        bytes: 500_000_000,
        waits: 2.0,
        cpu_seconds_a_mb: 0.0285,
    },
    Flow {
        kind: MediaKind::Image,
        option: "resize?width=800",
        objects: 150_000,
        bytes: 5_000_000,
        waits: 0.1,
        cpu_seconds_a_mb: 0.030,
    },
    Flow {
        kind: MediaKind::Document,
        option: "text",
        objects: 250_000,
        bytes: 2_000_000,
        waits: 0.1,
        cpu_seconds_a_mb: 0.069,
    },
    Flow {
        kind: MediaKind::Model,
        option: "optimise",
        objects: 5_000,
        bytes: 50_000_000,
        waits: 1.0,
        cpu_seconds_a_mb: 0.203,
    },
];

/// 5 TB as images alone.
const IMAGES: &[Flow] = &[Flow {
    kind: MediaKind::Image,
    option: "resize?width=800",
    objects: 2_500_000,
    bytes: 2_000_000,
    waits: 0.1,
    cpu_seconds_a_mb: 0.030,
}];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = arguments.first().map(String::as_str);
    if only != Some("measure") {
        // Small objects alone share containers, which get what one of the objects would.
        let by_bytes = Packing { seconds: 0, ..PACKING };
        let alone = Packing { below_bytes: 0, seconds: 0, ..PACKING };
        let days = [
            simulate("412,000 objects of every kind, packed", MIXED, &PACKING, false),
            simulate("412,000 objects of every kind, packed by bytes alone", MIXED, &by_bytes, false),
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
            fs_err::write(file, plot::draw(&[&days[0], &days[2], &days[3], &days[4]]))?;
        }
    }
    if only != Some("simulate") {
        tokio::runtime::Runtime::new()?.block_on(lambdas::measure())?;
    }
    Ok(())
}
