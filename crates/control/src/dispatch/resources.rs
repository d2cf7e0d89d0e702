//! How much of a machine a job gets: what the profiles of its operations say for the largest object in it (the most
//! demanding operation decides), held between a min and a max that are configured for the kind ([`Bounds`]). Every
//! pair of vCPUs and memory is one that Fargate has; a test holds the profiles to that.

use std::time::Duration;

use catalog::{Operation, Operations, Profile, Resources};
use serde::Deserialize;

/// What every job of a kind gets at least and at most, whatever the table says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    min: Option<Resources>,
    max: Option<Resources>,
}

/// Where jobs run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compute {
    /// On Fargate, or in the pool of one machine: a job gets the memory that it asks for.
    #[default]
    Fargate,
    /// In containers on EC2 instances.
    Ec2,
    /// In pods on the nodes of a cluster.
    Eks,
}

/// Of 100 parts of an instance's memory, those that containers get: the rest is the kernel's, the agent's and the daemon's. ECS
/// registers some 5 % less than an instance is sold with (AWS Batch User Guide, "Compute resource memory management": 8 GiB are
/// 7,668 MiB); nodes of EKS keep a little more for kubelet.
const MEMORY_FOR_CONTAINERS: u32 = 92;

impl Compute {
    /// The memory that a job asks for, MiB. A job of 8 GiB would need an instance of 16, of which half would be idle.
    pub fn memory(self, resources: Resources) -> u32 {
        match self {
            Self::Fargate => resources.memory,
            Self::Ec2 | Self::Eks => resources.memory * MEMORY_FOR_CONTAINERS / 100,
        }
    }
}

/// Fargate's sizes: vCPUs, and GiB of memory from, to and in steps of.
const FARGATE: [(u32, u32, u32, u32); 5] =
    [(1, 2, 8, 1), (2, 4, 16, 1), (4, 8, 30, 1), (8, 16, 60, 4), (16, 32, 120, 8)];

impl Bounds {
    /// As the table says.
    pub const NONE: Self = Self { min: None, max: None };

    /// Bounds as they are configured: an object with `min` and `max`, each with `vcpus` and `memoryMib`. What is wrong
    /// with them otherwise.
    pub fn checked(self) -> Result<Self, String> {
        let too_large = |Resources { vcpus, memory }| {
            format!("no job can have {vcpus} vCPU and {memory} MiB: Fargate ends at 16 vCPU and 122880 MiB")
        };
        let too_small = |Resources { vcpus, memory }| {
            format!("{vcpus} vCPU and {memory} MiB are less than Fargate's smallest size, 1 vCPU and 2048 MiB")
        };
        let min = self.min.map(|asked| at_least(asked).ok_or_else(|| too_large(asked))).transpose()?;
        let max = self.max.map(|asked| at_most(asked).ok_or_else(|| too_small(asked))).transpose()?;
        match (min, max) {
            (Some(min), Some(max)) if min.vcpus > max.vcpus || min.memory > max.memory => {
                Err("min is more than max".to_owned())
            }
            _ => Ok(Self { min, max }),
        }
    }

    /// What a job gets that needs so much.
    pub fn hold(&self, wanted: Resources) -> Resources {
        let mut held = wanted;
        if let Some(min) = self.min {
            let raised = Resources { vcpus: held.vcpus.max(min.vcpus), memory: held.memory.max(min.memory) };
            held = at_least(raised).unwrap_or(held);
        }
        if let Some(max) = self.max {
            let lowered = Resources { vcpus: held.vcpus.min(max.vcpus), memory: held.memory.min(max.memory) };
            held = at_most(lowered).unwrap_or(max);
        }
        held
    }
}

/// The smallest size of Fargate that has as much.
fn at_least(wanted: Resources) -> Option<Resources> {
    FARGATE.iter().find_map(|&(vcpus, from, to, step)| {
        let gib = from + wanted.memory.div_ceil(1024).saturating_sub(from).div_ceil(step) * step;
        (vcpus >= wanted.vcpus && gib <= to).then_some(Resources { vcpus, memory: gib * 1024 })
    })
}

/// The largest size of Fargate that has no more.
fn at_most(allowed: Resources) -> Option<Resources> {
    FARGATE.iter().rev().find_map(|&(vcpus, from, to, step)| {
        let beyond = (allowed.memory / 1024).min(to).checked_sub(from)?;
        (vcpus <= allowed.vcpus).then_some(Resources { vcpus, memory: (from + beyond / step * step) * 1024 })
    })
}

/// What one operation may take of the memory: all but the eighth that the job itself may need. Beyond this limit an
/// operation fails by itself with a reason; without, the kernel stops a process of its own choice.
pub fn memory_limit(memory: u32) -> String {
    format!("{}MiB", memory - memory / 8)
}

/// What a container gets for operations on an object of that many bytes.
pub fn resources(operations: &Operations, bytes: u64) -> Resources {
    let first = operations.first().resources(bytes);
    operations.iter().map(|operation| operation.resources(bytes)).fold(first, Resources::max)
}

/// The same memory with as few processors as there are with it.
pub fn with_few_processors(resources: Resources) -> Resources {
    at_least(Resources { vcpus: 1, ..resources }).unwrap_or(resources)
}

/// GiB of disk that every container has.
const SMALL_DISK_GIB: u32 = 21;

/// Whether operations need no more disk than every container has, whatever the largest of their kind may need: those that read ranges,
/// for example.
pub fn needs_small_disk(operations: &Operations) -> bool {
    profiles(operations).all(|profile| profile.disk_gib <= SMALL_DISK_GIB)
}

/// How long one processor is expected to work on an object, if that is known of each of the operations.
pub fn expected(operations: &Operations, bytes: u64) -> Option<Duration> {
    operations.iter().try_fold(Duration::ZERO, |all, operation| Some(all + operation.expected(bytes)?))
}

/// The work on one small object, as a multiple of that on an image.
pub fn relative_cost(operations: &Operations) -> u64 {
    profiles(operations).map(|profile| profile.relative_cost).fold(1, u64::max)
}

fn profiles(operations: &Operations) -> impl Iterator<Item = &'static Profile> {
    operations.iter().map(Operation::profile)
}

#[cfg(test)]
mod tests {
    use catalog::{OPERATIONS, ResourcesBySize};

    use super::*;

    #[test]
    fn who_waits_for_a_service_gets_little_and_who_works_beside_it_what_that_needs() {
        let of = |text: &str| resources(&text.parse().unwrap(), 5 << 30);
        assert_eq!(of("transcode?engine=mediaconvert"), Resources { vcpus: 1, memory: 2048 });
        assert!(is_on_fargate(of("transcode?engine=mediaconvert")));
        assert_eq!(of("transcode?engine=mediaconvert,keyframes"), of("keyframes"));
        assert_eq!(of("transcode").vcpus, 16);
    }

    #[test]
    fn every_profile_asks_for_what_fargate_has() {
        for declaration in OPERATIONS {
            let Profile { resources, sharding, disk_gib, .. } = declaration.profile;
            for by_size in [Some(resources), sharding.map(|sharding| sharding.merge)].into_iter().flatten() {
                for bytes in ResourcesBySize::STEPS.into_iter().chain([0]) {
                    let chosen = by_size.at(bytes);
                    assert!(is_on_fargate(chosen), "{} {bytes}: {chosen:?}", declaration.name);
                }
            }
            assert!((21..=200).contains(&disk_gib), "{}", declaration.name);
        }
    }

    /// The sizes are those of the guide of Amazon ECS, "Task CPU and memory".
    fn is_on_fargate(Resources { vcpus, memory }: Resources) -> bool {
        let (least, most, step) = match vcpus {
            1 => (2, 8, 1),
            2 => (4, 16, 1),
            4 => (8, 30, 1),
            8 => (16, 60, 4),
            16 => (32, 120, 8),
            _ => return false,
        };
        let gib = memory / 1024;
        (least..=most).contains(&gib) && (gib - least).is_multiple_of(step) && memory.is_multiple_of(1024)
    }

    fn bounds(text: &str) -> Result<Bounds, String> {
        serde_json::from_str::<Bounds>(text).map_err(|error| error.to_string())?.checked()
    }

    #[test]
    fn a_job_gets_no_less_than_min_and_no_more_than_max() {
        let small = Resources { vcpus: 1, memory: 2048 };
        let large = Resources { vcpus: 8, memory: 60 * 1024 };
        let held = |text: &str, wanted| bounds(text).unwrap().hold(wanted);
        assert_eq!(held("{}", small), small);
        let raised = held(r#"{"min": {"vcpus": 1, "memoryMib": 9000}}"#, small);
        assert_eq!(raised, Resources { vcpus: 2, memory: 9 * 1024 });
        assert_eq!(held(r#"{"min": {"vcpus": 1, "memoryMib": 9000}}"#, large), large);
        let lowered = held(r#"{"max": {"vcpus": 4, "memoryMib": 65536}}"#, large);
        assert_eq!(lowered, Resources { vcpus: 4, memory: 30 * 1024 });
        assert_eq!(held(r#"{"max": {"vcpus": 16, "memoryMib": 5000}}"#, large), Resources { vcpus: 2, memory: 4096 });
        for vcpus in 1..=17 {
            for memory in (1024..130_000).step_by(500) {
                for wanted in [small, large] {
                    let asked = format!(r#"{{"vcpus": {vcpus}, "memoryMib": {memory}}}"#);
                    if let Ok(least) = bounds(&format!(r#"{{"min": {asked}}}"#)) {
                        let held = least.hold(wanted);
                        assert!(
                            is_on_fargate(held) && held.vcpus >= vcpus && held.memory >= memory,
                            "{asked} {held:?}"
                        );
                    }
                    if let Ok(most) = bounds(&format!(r#"{{"max": {asked}}}"#)) {
                        let held = most.hold(wanted);
                        assert!(
                            is_on_fargate(held) && held.vcpus <= vcpus && held.memory <= memory,
                            "{asked} {held:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn bounds_that_no_job_can_have_are_refused() {
        for (text, reason) in [
            (r#"{"min": {"vcpus": 32, "memoryMib": 4096}}"#, "Fargate ends at"),
            (r#"{"max": {"vcpus": 4, "memoryMib": 1024}}"#, "less than Fargate's smallest"),
            (
                r#"{"min": {"vcpus": 4, "memoryMib": 8192}, "max": {"vcpus": 2, "memoryMib": 8192}}"#,
                "min is more than max",
            ),
            (r#"{"min": {"vcpus": 4, "memory": 8192}}"#, "unknown field"),
        ] {
            let refused = bounds(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn jobs_fill_instances() {
        // What ECS registers of an instance of 8 GiB, by Batch's guide.
        let of_eight_gib = 7668;
        let half = Resources { vcpus: 1, memory: 4096 };
        let whole = Resources { vcpus: 2, memory: 8192 };
        for compute in [Compute::Ec2, Compute::Eks] {
            assert!(compute.memory(whole) <= of_eight_gib && 2 * compute.memory(half) <= of_eight_gib);
            assert!(compute.memory(whole) > of_eight_gib * 9 / 10);
        }
        assert_eq!(Compute::Fargate.memory(whole), 8192);
    }

    #[test]
    fn the_most_demanding_operation_decides() {
        let of = |text: &str| resources(&text.parse().unwrap(), 300 << 20);
        assert_eq!(of("probe,transcode"), of("transcode"));
        assert_eq!(of("transcode"), Resources { vcpus: 8, memory: 16 * 1024 });
        assert_eq!(of("probe"), Resources { vcpus: 2, memory: 4 * 1024 });
    }
}
