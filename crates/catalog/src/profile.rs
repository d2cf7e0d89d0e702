//! What an operation needs and does beside its options: declared once with the operation, and read by whoever plans,
//! runs, packs or describes it.

use serde::Serialize;

use crate::{FastPath, Format};

const MIB: u64 = 1024 * 1024;

/// The needs and the abilities of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The formats that it accepts, of one kind or of several.
    pub accepts: &'static [Format],
    /// Formats of other kinds that the programs of its own kinds read if an upload asks for the operation: an animated picture
    /// as a video. No rule for whatever the operation accepts concerns them.
    #[serde(skip_serializing_if = "<[Format]>::is_empty")]
    pub also_accepts: &'static [Format],
    /// The media types that it can produce.
    pub produces: &'static [&'static str],
    /// How it reads its input.
    pub access: Access,
    /// How many times the limits on one operation's time it may take: more than 1 for work that takes as long as a video
    /// plays.
    pub time_factor: u32,
    /// Whether large outputs are stored while the operation is still running: worth it if it runs for long and finishes
    /// them one by one. Each is then an upload in parts.
    pub streams_outputs: bool,
    /// How several containers share the work on one large object, if they can.
    pub sharding: Option<Sharding>,
    /// What a container gets.
    pub resources: ResourcesBySize,
    /// GiB of disk: the input (unless it is read in ranges) and its outputs.
    pub disk_gib: u32,
    /// The class of machine.
    pub executor: ExecutorClass,
    /// The work on one small object, as a multiple of that on an image: a container gets fewer objects of costly
    /// operations, so that the work still makes up for its start.
    pub relative_cost: u64,
    /// The names of the neural networks' weights that it needs.
    pub weights: &'static [&'static str],
    /// Who can do the work, the default first.
    pub engines: &'static [Engine],
    /// How small inputs take the fast path (see [`crate::fast_path`]), if they do: within seconds and a few hundred MiB.
    pub fast_path: Option<FastPath>,
}

/// How an operation reads its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// The whole object as an open file, which can be mapped.
    Whole,
    /// Ranges on demand, over ranged GETs: a 50 GB object is never copied to disk.
    Ranged,
}

/// The class of machine that an operation runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecutorClass {
    /// Processors and memory are all that it needs.
    Cpu,
    /// It needs a GPU.
    Gpu,
    /// Processors, and more disk than is usual: 50 GiB and more.
    LargeDisk,
}

/// Who does the work of an operation. Its options choose among those that its profile names; see [`crate::Service`] for what a
/// managed one is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// This project's own code, in a worker process.
    Native,
    /// The same, which asks Amazon Rekognition what pictures show.
    Rekognition,
    /// The same, which has Amazon Textract read text in pictures.
    Textract,
    /// The same, which asks Amazon Comprehend what a text is about.
    Comprehend,
    /// AWS Elemental MediaConvert, which reads and writes S3 itself: the program starts it, waits and takes what it wrote.
    #[serde(rename = "mediaconvert")]
    MediaConvert,
}

/// A part of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory, MiB.
    #[serde(rename = "memoryMib")]
    pub memory: u32,
}

/// What a container gets, by the size of the largest object that it works on: below 32 MiB, below 256 MiB, below 2 GiB,
/// and larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ResourcesBySize([Resources; 4]);

/// How several containers share the work on one large object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sharding {
    /// Bytes of the input in one shard: work for much longer than a container's start.
    pub bytes_per_shard: u64,
    /// The most shards, unless the options name a number.
    pub max_shards: u32,
    /// What the container gets that merges the shards.
    pub merge: ResourcesBySize,
}

impl Profile {
    /// The profile of an operation that reads its input as a whole, runs natively on any machine within the usual time,
    /// and stays off the fast path. Whatever differs is said by `Profile { field, ..Profile::of(…) }`.
    ///
    /// `resources` are vCPUs and GiB of memory by size, see [`ResourcesBySize`].
    pub const fn of(accepts: &'static [Format], produces: &'static [&'static str], resources: [(u32, u32); 4]) -> Self {
        Self {
            accepts,
            also_accepts: &[],
            produces,
            access: Access::Whole,
            time_factor: 1,
            streams_outputs: false,
            sharding: None,
            resources: ResourcesBySize::of(resources),
            disk_gib: 21,
            executor: ExecutorClass::Cpu,
            relative_cost: 1,
            weights: &[],
            engines: &[Engine::Native],
            fast_path: None,
        }
    }
}

impl ResourcesBySize {
    /// The sizes at which the next step begins, bytes.
    pub const STEPS: [u64; 3] = [32 * MIB, 256 * MIB, 2048 * MIB];

    /// From vCPUs and GiB of memory.
    pub const fn of(steps: [(u32, u32); 4]) -> Self {
        let [a, b, c, d] = steps;
        Self([Resources::of(a), Resources::of(b), Resources::of(c), Resources::of(d)])
    }

    /// What a container gets for an object of that many bytes.
    pub fn at(&self, bytes: u64) -> Resources {
        self.0[Self::STEPS.iter().filter(|step| bytes >= **step).count()]
    }
}

impl Resources {
    const fn of((vcpus, gib): (u32, u32)) -> Self {
        Self { vcpus, memory: gib * 1024 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{MediaKind, OPERATIONS};

    #[test]
    fn every_profile_says_what_goes_in_and_what_comes_out() {
        for declaration in OPERATIONS {
            let Profile { accepts, produces, engines, time_factor, .. } = declaration.profile;
            assert!(!accepts.is_empty() && !produces.is_empty() && !engines.is_empty(), "{}", declaration.name);
            assert!(time_factor >= 1, "{}", declaration.name);
            assert!(produces.iter().all(|media_type| media_type.contains('/')), "{}: {produces:?}", declaration.name);
            let also = declaration.profile.also_accepts;
            let distinct: BTreeSet<&str> = accepts.iter().chain(also).map(|format| format.name()).collect();
            assert_eq!(distinct.len(), accepts.len() + also.len(), "{} accepts a format twice", declaration.name);
            // Whose program does the work is not left open.
            assert!(also.is_empty() || declaration.kinds().count() == 1, "{}", declaration.name);
            assert!(also.iter().all(|format| !declaration.accepts_kind(format.kind())), "{}", declaration.name);
        }
    }

    #[test]
    fn a_larger_object_never_gets_less() {
        let sizes = [0, 31 * MIB, 33 * MIB, 300 * MIB, 50_000 * MIB];
        for declaration in OPERATIONS {
            let chosen = sizes.map(|bytes| declaration.profile.resources.at(bytes));
            assert!(chosen.is_sorted_by_key(|chosen| (chosen.memory, chosen.vcpus)), "{}", declaration.name);
        }
    }

    #[test]
    fn much_disk_is_for_executors_that_have_it() {
        for declaration in OPERATIONS {
            let Profile { disk_gib, executor, .. } = declaration.profile;
            assert_eq!(disk_gib >= 50, executor == ExecutorClass::LargeDisk, "{}", declaration.name);
        }
    }

    #[test]
    fn every_format_is_accepted_by_some_operation() {
        for format in Format::ALL {
            assert!(OPERATIONS.iter().any(|declaration| declaration.profile.accepts.contains(format)), "{format:?}");
        }
        for kind in MediaKind::ALL {
            assert!(Format::of_kind(kind).iter().all(|format| format.kind() == kind));
        }
        let of_kinds: usize = MediaKind::ALL.map(|kind| Format::of_kind(kind).len()).into_iter().sum();
        assert_eq!(of_kinds, Format::ALL.len(), "the formats of a kind stand together");
    }
}
