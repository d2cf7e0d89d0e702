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
//! Every pair is one that Fargate has. Of several operations, the most demanding decides. Fargate's ephemeral storage
//! cannot be overridden by `SubmitJob`: it is the job definition's, see [`storage_gib`].

use catalog::MediaKind;

const MIB: u64 = 1024 * 1024;

/// What a container gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resources {
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory, MiB.
    pub memory: u32,
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
            let Resources { vcpus, memory } = resources(kind, [operation], bytes);
            let (least, most, step) = match vcpus {
                1 => (2, 8, 1),
                2 => (4, 16, 1),
                4 => (8, 30, 1),
                8 => (16, 60, 4),
                16 => (32, 120, 8),
                other => panic!("{other} vCPU"),
            };
            let gib = memory / 1024;
            let fits =
                (least..=most).contains(&gib) && (gib - least).is_multiple_of(step) && memory.is_multiple_of(1024);
            assert!(fits, "{kind} {operation} {bytes}: {vcpus} vCPU, {gib} GiB");
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
