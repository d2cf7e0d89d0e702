//! How much of a machine a job gets: one table by kind, operation and size of the largest object in it.
//!
//! | kind | operations | below 32 MiB | below 256 MiB | below 2 GiB | larger |
//! | --- | --- | --- | --- | --- | --- |
//! | document | all | 1 vCPU, 2 GiB | 2 vCPU, 4 GiB | 2 vCPU, 16 GiB | 4 vCPU, 30 GiB |
//! | image | all | 2 vCPU, 4 GiB | 4 vCPU, 16 GiB | 4 vCPU, 30 GiB | 8 vCPU, 60 GiB |
//! | model | all | 2 vCPU, 4 GiB | 2 vCPU, 8 GiB | 4 vCPU, 24 GiB | 8 vCPU, 60 GiB |
//! | video | transcode | 4 vCPU, 8 GiB | 4 vCPU, 8 GiB | 8 vCPU, 16 GiB | 16 vCPU, 32 GiB |
//! | video | all others | 1 vCPU, 2 GiB | 2 vCPU, 4 GiB | 2 vCPU, 4 GiB | 2 vCPU, 4 GiB |
//!
//! What is configured for a kind holds this between a least and a most ([`Bounds`]). Every pair is one that Fargate has. Of several operations, the most demanding decides. Fargate's ephemeral storage
//! cannot be overridden by `SubmitJob`: it is the job definition's, see [`storage_gib`].

use catalog::MediaKind;
use serde::Deserialize;

const MIB: u64 = 1024 * 1024;

/// What a container gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory, MiB.
    #[serde(rename = "memoryMib")]
    pub memory: u32,
}

/// What every job of a kind gets at least and at most, whatever the table says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    least: Option<Resources>,
    most: Option<Resources>,
}

/// Fargate's sizes: vCPUs, and GiB of memory from, to and in steps of.
const FARGATE: [(u32, u32, u32, u32); 5] =
    [(1, 2, 8, 1), (2, 4, 16, 1), (4, 8, 30, 1), (8, 16, 60, 4), (16, 32, 120, 8)];

impl Bounds {
    /// As the table says.
    pub const NONE: Self = Self { least: None, most: None };

    /// Bounds as they are configured: an object with `least` and `most`, each with `vcpus` and `memoryMib`. What is wrong
    /// with them otherwise.
    pub fn checked(self) -> Result<Self, String> {
        let too_large = |Resources { vcpus, memory }| {
            format!("no job can have {vcpus} vCPU and {memory} MiB: Fargate ends at 16 vCPU and 122880 MiB")
        };
        let too_small = |Resources { vcpus, memory }| {
            format!("{vcpus} vCPU and {memory} MiB are less than Fargate's least, 1 vCPU and 2048 MiB")
        };
        let least = self.least.map(|asked| asked.at_least().ok_or_else(|| too_large(asked))).transpose()?;
        let most = self.most.map(|asked| asked.at_most().ok_or_else(|| too_small(asked))).transpose()?;
        match (least, most) {
            (Some(least), Some(most)) if least.vcpus > most.vcpus || least.memory > most.memory => {
                Err("the least is more than the most".to_owned())
            }
            _ => Ok(Self { least, most }),
        }
    }

    /// What a job gets that needs so much.
    pub fn hold(&self, wanted: Resources) -> Resources {
        let mut held = wanted;
        if let Some(least) = self.least {
            let raised = Resources { vcpus: held.vcpus.max(least.vcpus), memory: held.memory.max(least.memory) };
            held = raised.at_least().unwrap_or(held);
        }
        if let Some(most) = self.most {
            let lowered = Resources { vcpus: held.vcpus.min(most.vcpus), memory: held.memory.min(most.memory) };
            held = lowered.at_most().unwrap_or(most);
        }
        held
    }
}

impl Resources {
    /// The smallest size of Fargate that has as much.
    fn at_least(self) -> Option<Self> {
        FARGATE.iter().find_map(|&(vcpus, from, to, step)| {
            let gib = from + self.memory.div_ceil(1024).saturating_sub(from).div_ceil(step) * step;
            (vcpus >= self.vcpus && gib <= to).then_some(Self { vcpus, memory: gib * 1024 })
        })
    }

    /// The largest size of Fargate that has no more.
    fn at_most(self) -> Option<Self> {
        FARGATE.iter().rev().find_map(|&(vcpus, from, to, step)| {
            let beyond = (self.memory / 1024).min(to).checked_sub(from)?;
            (vcpus <= self.vcpus).then_some(Self { vcpus, memory: (from + beyond / step * step) * 1024 })
        })
    }

    /// What one operation may take of the memory: all but the eighth that the job itself may need. Beyond this limit an
    /// operation fails by itself with a reason; without, the kernel stops a process of its own choice.
    pub fn memory_limit(self) -> String {
        format!("{}MiB", self.memory - self.memory / 8)
    }
}

/// What a container gets for operations (by their words) on an object of that many bytes.
pub fn resources<'a>(kind: MediaKind, operations: impl IntoIterator<Item = &'a str>, bytes: u64) -> Resources {
    let row = |operation: &str| -> [(u32, u32); 4] {
        match (kind, operation) {
            (MediaKind::Document, _) => [(1, 2), (2, 4), (2, 16), (4, 30)],
            (MediaKind::Image, _) => [(2, 4), (4, 16), (4, 30), (8, 60)],
            (MediaKind::Model, _) => [(2, 4), (2, 8), (4, 24), (8, 60)],
            (MediaKind::Video, "transcode") => [(4, 8), (4, 8), (8, 16), (16, 32)],
            (MediaKind::Video, _) => [(1, 2), (2, 4), (2, 4), (2, 4)],
        }
    };
    let column = [32 * MIB, 256 * MIB, 2048 * MIB].iter().filter(|limit| bytes >= **limit).count();
    let of = |operation| {
        let (vcpus, gib) = row(operation)[column];
        Resources { vcpus, memory: gib * 1024 }
    };
    let most = operations.into_iter().map(of).max();
    most.unwrap_or_else(|| of(""))
}

/// GiB of ephemeral storage that a kind's job definition must offer: the input as a whole (unless it is read in parts)
/// and its outputs beside it.
pub const fn storage_gib(kind: MediaKind) -> u32 {
    match kind {
        MediaKind::Document | MediaKind::Image => 21,
        MediaKind::Model => 50,
        MediaKind::Video => 200,
    }
}

/// How many small objects of a kind one container takes at most, where an image counts for one in `pack_count`: about as
/// much work as makes up for a container's start.
pub const fn share(kind: MediaKind) -> u64 {
    match kind {
        MediaKind::Image => 1,
        MediaKind::Document => 2,
        MediaKind::Model => 5,
        MediaKind::Video => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [u64; 5] = [0, 31 * MIB, 33 * MIB, 300 * MIB, 50_000 * MIB];

    fn every_choice() -> impl Iterator<Item = (MediaKind, &'static str, u64)> {
        catalog::Declaration::all()
            .flat_map(|declaration| SIZES.map(|bytes| (declaration.kind, declaration.name, bytes)))
    }

    #[test]
    fn every_choice_is_one_that_fargate_has() {
        for (kind, operation, bytes) in every_choice() {
            let chosen = resources(kind, [operation], bytes);
            assert!(is_on_fargate(chosen), "{kind} {operation} {bytes}: {chosen:?}");
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
    fn a_job_gets_no_less_than_the_least_and_no_more_than_the_most() {
        let small = Resources { vcpus: 1, memory: 2048 };
        let large = Resources { vcpus: 8, memory: 60 * 1024 };
        let held = |text: &str, wanted| bounds(text).unwrap().hold(wanted);
        assert_eq!(held("{}", small), small);
        let raised = held(r#"{"least": {"vcpus": 1, "memoryMib": 9000}}"#, small);
        assert_eq!(raised, Resources { vcpus: 2, memory: 9 * 1024 });
        assert_eq!(held(r#"{"least": {"vcpus": 1, "memoryMib": 9000}}"#, large), large);
        let lowered = held(r#"{"most": {"vcpus": 4, "memoryMib": 65536}}"#, large);
        assert_eq!(lowered, Resources { vcpus: 4, memory: 30 * 1024 });
        assert_eq!(held(r#"{"most": {"vcpus": 16, "memoryMib": 5000}}"#, large), Resources { vcpus: 2, memory: 4096 });
        for vcpus in 1..=17 {
            for memory in (1024..130_000).step_by(500) {
                for wanted in [small, large] {
                    let asked = format!(r#"{{"vcpus": {vcpus}, "memoryMib": {memory}}}"#);
                    if let Ok(least) = bounds(&format!(r#"{{"least": {asked}}}"#)) {
                        let held = least.hold(wanted);
                        assert!(
                            is_on_fargate(held) && held.vcpus >= vcpus && held.memory >= memory,
                            "{asked} {held:?}"
                        );
                    }
                    if let Ok(most) = bounds(&format!(r#"{{"most": {asked}}}"#)) {
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
            (r#"{"least": {"vcpus": 32, "memoryMib": 4096}}"#, "Fargate ends at"),
            (r#"{"most": {"vcpus": 4, "memoryMib": 1024}}"#, "less than Fargate's least"),
            (
                r#"{"least": {"vcpus": 4, "memoryMib": 8192}, "most": {"vcpus": 2, "memoryMib": 8192}}"#,
                "the least is more",
            ),
            (r#"{"least": {"vcpus": 4, "memory": 8192}}"#, "unknown field"),
        ] {
            let refused = bounds(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn a_larger_object_never_gets_less() {
        for declaration in catalog::Declaration::all() {
            let chosen = SIZES.map(|bytes| resources(declaration.kind, [declaration.name], bytes));
            assert!(chosen.is_sorted_by_key(|chosen| (chosen.memory, chosen.vcpus)), "{}", declaration.name);
        }
    }

    #[test]
    fn the_most_demanding_operation_decides() {
        let both = resources(MediaKind::Video, ["probe", "transcode"], 300 * MIB);
        assert_eq!(both, resources(MediaKind::Video, ["transcode"], 300 * MIB));
    }
}
