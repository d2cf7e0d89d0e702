//! Which requests share a Batch job, and what its containers get.
//!
//! A container is paid for a minute at least, of which its start takes a third. Objects whose work is short therefore share one: small
//! ones, and large ones of which little is read or done (the key frames of a video), until the expected work of two processors fills
//! that minute. If there is less to do, the container gets fewer processors, not fewer objects. Each object is a line of the list:
//! it fails alone, and what is done is not done again when Spot takes the container away.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use std::time::Duration;

use catalog::{Access, MediaKind, Operations, PerKind, Resources};
use contract::JobRequest;

use crate::dispatch::resources::{Bounds, expected, needs_small_disk, relative_cost, resources, with_few_processors};
use crate::table::MAX_ITEMS;

/// Limits of packing.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// Objects below this many bytes share a container.
    pub below_bytes: u64,
    /// Bytes of input that one container takes at most.
    pub bytes: u64,
    /// Images that one container takes at most; of objects with costlier operations it takes fewer.
    pub count: u64,
    /// Seconds of one processor's work that one container takes, as far as they are known beforehand. Larger objects share containers,
    /// too, if each takes half of this at most; a container that gets two thirds of it or less gets as few processors as there are.
    pub seconds: u64,
    /// What jobs of a kind get at least and at most.
    pub bounds: PerKind<Bounds>,
}

/// Where a job waits for capacity.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// For on-demand capacity, because Spot took it away.
    pub on_demand: bool,
    /// In whose share of the queue, and with which priority.
    pub share: Option<(String, u32)>,
}

/// Requests that are submitted as one Batch job: an array if there is more than one child.
#[derive(Debug, Clone)]
pub struct Pack {
    /// The kind.
    pub kind: MediaKind,
    /// What each container gets.
    pub resources: Resources,
    /// Containers that share the requests.
    pub children: usize,
    /// Containers that share the work on the only request, before another one joins what they made.
    pub parts: Option<u32>,
    /// Whether it needs no more disk than every container has.
    pub small_disk: bool,
    /// Where it waits.
    pub waiting: Waiting,
    /// The requests in the order of the list: see [`crate::list::slice`] for which child takes which.
    pub requests: Vec<JobRequest>,
}

/// A request with what is known of its work.
struct Known {
    request: JobRequest,
    /// How long one processor is expected to work on it.
    expected: Option<Duration>,
    /// Bytes that are copied to the container's disk.
    fetched: u64,
    /// The work, as a multiple of that on an image.
    cost: u64,
}

impl Known {
    fn of(request: JobRequest) -> Self {
        let (operations, bytes) = (operations_of(&request), request.source.size);
        let is_ranged = operations.iter().all(|operation| operation.profile().access == Access::Ranged);
        Self {
            expected: expected(&operations, bytes),
            fetched: if is_ranged { 0 } else { bytes },
            cost: relative_cost(&operations),
            request,
        }
    }
}

impl Packing {
    /// Whether an object shares a container.
    fn is_shared(&self, known: &Known) -> bool {
        let half = Duration::from_secs(self.seconds) / 2;
        known.request.source.size < self.below_bytes || known.expected.is_some_and(|expected| expected <= half)
    }
}

/// Packs requests: what is large and takes long is a job of its own, the others of a kind with the same needs share containers, by
/// expected time, by bytes and by count. At most [`MAX_ITEMS`] requests a job.
pub fn pack(requests: Vec<JobRequest>, limits: &Packing) -> Vec<Pack> {
    let mut packs = Vec::new();
    let mut shared: BTreeMap<(MediaKind, Resources, bool), Vec<Known>> = BTreeMap::new();
    for request in requests {
        let (kind, operations) = (request.kind(), operations_of(&request));
        let resources = limits.bounds[kind].hold(resources(&operations, request.source.size));
        let small_disk = needs_small_disk(&operations);
        let known = Known::of(request);
        if limits.is_shared(&known) {
            shared.entry((kind, resources, small_disk)).or_default().push(known);
        } else {
            packs.push(Pack {
                kind,
                resources,
                children: 1,
                parts: parts(&known.request),
                small_disk,
                waiting: Waiting::default(),
                requests: vec![known.request],
            });
        }
    }
    for ((kind, resources, small_disk), mut requests) in shared {
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(MAX_ITEMS));
            let (bins, is_little) = balance(requests, limits);
            let few = || limits.bounds[kind].hold(with_few_processors(resources));
            packs.push(Pack {
                kind,
                resources: if is_little { few() } else { resources },
                children: bins.len(),
                parts: None,
                small_disk,
                waiting: Waiting::default(),
                requests: bins.into_iter().flatten().map(|known| known.request).collect(),
            });
            requests = rest;
        }
    }
    packs
}

/// What a request asks for. What cannot be read, and so is never submitted, counts as the kind's default.
fn operations_of(request: &JobRequest) -> Operations {
    request.operations().cloned().unwrap_or_else(|_| Operations::default_of(request.kind()))
}

/// How many containers share the work on a large object, if its only operation allows for that.
pub fn parts(request: &JobRequest) -> Option<u32> {
    operations_of(request).only()?.shards(request.source.size)
}

/// What a container gets that does one of so many parts of a request, and the one that joins them.
pub fn needs_of_parts(request: &JobRequest, parts: u32, limits: &Packing) -> (Resources, Resources) {
    let operations = operations_of(request);
    let (profile, bytes) = (operations.first().profile(), request.source.size);
    let part = profile.resources.at(bytes / u64::from(parts.max(1)));
    let join = profile.sharding.map_or(part, |sharding| sharding.merge.at(bytes));
    let bounds = limits.bounds[request.kind()];
    (bounds.hold(part), bounds.hold(join))
}

/// The requests of each child, which together are the order of the list, and whether each child's work is expected to be little.
/// The largest goes first, each to the child that has the least so far. All children but the last must have the same count of lines.
fn balance(mut requests: Vec<Known>, limits: &Packing) -> (Vec<Vec<Known>>, bool) {
    let times: Option<Vec<Duration>> = requests.iter().map(|known| known.expected).collect();
    let weight = |known: &Known| match &times {
        Some(_) => known.expected.unwrap_or_default().as_millis() as u64,
        None => known.request.source.size,
    };
    let most = Duration::from_secs(limits.seconds);
    let all: Duration = times.iter().flatten().sum();
    let by_time = if most.is_zero() { 1 } else { all.as_millis().div_ceil(most.as_millis()) as usize };
    let bytes: u64 = requests.iter().map(|known| known.fetched).sum();
    let by_bytes = bytes.div_ceil(limits.bytes.max(1)) as usize;
    let cost = requests.iter().map(|known| known.cost).fold(1, u64::max);
    let by_count = requests.len().div_ceil((limits.count / cost).max(1) as usize);
    let wanted = by_time.max(by_bytes).max(by_count).clamp(1, requests.len());
    let lines = requests.len().div_ceil(wanted);
    let children = requests.len().div_ceil(lines);
    requests.sort_by_key(|known| Reverse(weight(known)));
    let total = requests.len();
    let mut bins: Vec<(u64, Vec<Known>)> = std::iter::repeat_with(|| (0, Vec::new())).take(children).collect();
    for known in requests {
        let room = |position: usize| if position + 1 == children { total - lines * (children - 1) } else { lines };
        let free = bins.iter().enumerate().filter(|(position, (_, bin))| bin.len() < room(*position));
        let least = free.min_by_key(|(_, (weight, _))| *weight).map(|(position, _)| position);
        let (sum, bin) = &mut bins[least.expect("there is room for every request")];
        *sum += weight(&known);
        bin.push(known);
    }
    let little = (most * 2 / 3).as_millis() as u64;
    let is_little = times.is_some() && bins.iter().all(|(sum, _)| *sum <= little);
    (bins.into_iter().map(|(_, bin)| bin).collect(), is_little)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use catalog::ProcessingOption;
    use contract::{Source, list::slice};
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Packing = Packing {
        below_bytes: 32 << 20,
        bytes: 512 << 20,
        count: 100,
        seconds: 60,
        bounds: PerKind { document: Bounds::NONE, image: Bounds::NONE, model: Bounds::NONE, video: Bounds::NONE },
    };

    /// Read once: thousands of requests ask for them.
    static DEFAULTS: LazyLock<PerKind<Operations>> = LazyLock::new(|| PerKind::from_fn(Operations::default_of));

    fn request(number: usize, kind: MediaKind, size: u64) -> JobRequest {
        JobRequest {
            schema_version: 1,
            job_id: format!("{number}"),
            source: Source { bucket: Some("in".into()), key: format!("{number}"), version_id: None, etag: None, size },
            processing_option: DEFAULTS[kind].clone().into(),
            uploaded_at: None,
        }
    }

    #[test]
    fn a_hundred_small_images_are_one_container_and_a_large_one_has_its_own() {
        let mut requests: Vec<_> = (0..100).map(|number| request(number, MediaKind::Image, 2 << 20)).collect();
        requests.push(request(100, MediaKind::Image, 400 << 20));
        let packs = pack(requests, &LIMITS);
        let shapes: Vec<_> = packs.iter().map(|pack| (pack.requests.len(), pack.children)).collect();
        assert_eq!(shapes, [(1, 1), (100, 1)]);
    }

    #[test]
    fn large_objects_of_which_little_is_done_share_containers_that_they_fill_for_a_minute() {
        let videos = |count: usize, bytes: u64| -> Vec<_> {
            (0..count).map(|number| request(number, MediaKind::Video, bytes)).collect()
        };
        let shapes = |requests, limits: &Packing| -> Vec<_> {
            let packs = pack(requests, limits).into_iter();
            packs.map(|pack| (pack.requests.len(), pack.children, pack.resources.vcpus, pack.small_disk)).collect()
        };
        // Key frames of 500 MB take some 15 s: two are little work, four fill a minute, and nothing of them goes to the disk.
        assert_eq!(shapes(videos(2, 500_000_000), &LIMITS), [(2, 1, 1, true)]);
        assert_eq!(shapes(videos(3, 500_000_000), &LIMITS), [(3, 1, 2, true)]);
        assert_eq!(shapes(videos(8, 500_000_000), &LIMITS), [(8, 3, 2, true)]);
        assert_eq!(shapes(videos(2, 5_000_000_000), &LIMITS), [(1, 1, 2, true); 2], "longer than half a minute");
        assert_eq!(shapes(videos(2, 500_000_000), &Packing { seconds: 0, ..LIMITS }), [(1, 1, 2, true); 2]);
        let transcode = |number| JobRequest {
            processing_option: ProcessingOption::new(MediaKind::Video, "transcode"),
            ..request(number, MediaKind::Video, 500_000_000)
        };
        let both = JobRequest {
            processing_option: ProcessingOption::new(MediaKind::Video, "keyframes,transcode"),
            ..request(2, MediaKind::Video, 500_000_000)
        };
        assert_eq!(shapes(vec![transcode(0), transcode(1), both], &LIMITS), [(1, 1, 8, false); 3]);
    }

    #[test]
    fn little_work_gets_one_processor_with_the_same_memory() {
        let resources = |count: usize, kind, bytes| {
            let packs = pack((0..count).map(|number| request(number, kind, bytes)).collect(), &LIMITS);
            assert_eq!((packs.len(), packs[0].children), (1, 1));
            packs[0].resources
        };
        let of = |vcpus, gib: u32| Resources { vcpus, memory: gib * 1024 };
        assert_eq!(resources(1, MediaKind::Image, 5 << 20), of(1, 4));
        assert_eq!(resources(40, MediaKind::Image, 5 << 20), of(1, 4));
        assert_eq!(resources(70, MediaKind::Image, 5 << 20), of(2, 4));
        assert_eq!(resources(1, MediaKind::Image, 40 << 20), of(2, 16), "memory for which Fargate wants two");
        let min = Resources { vcpus: 2, memory: 8 << 10 };
        let bounds = serde_json::from_value(serde_json::json!({"min": min})).unwrap();
        let bounded = Packing { bounds: PerKind { image: bounds, ..LIMITS.bounds }, ..LIMITS };
        let packs = pack(vec![request(0, MediaKind::Image, 5 << 20)], &bounded);
        assert_eq!(packs[0].resources, of(2, 8), "what the operator set stays");
    }

    #[test]
    fn a_long_video_is_encoded_in_parts_where_its_chunks_ask_for_it() {
        let parts_of = |gib: u64, option: &str| {
            let video = JobRequest {
                processing_option: ProcessingOption::new(MediaKind::Video, option),
                ..request(1, MediaKind::Video, gib << 30)
            };
            let packs = pack(vec![video], &LIMITS);
            assert_eq!((packs.len(), packs[0].children), (1, 1));
            packs[0].parts
        };
        assert_eq!(parts_of(3, "transcode?chunks=auto"), Some(12));
        assert_eq!(parts_of(50, "transcode?chunks=auto&container=hls"), Some(64));
        assert_eq!(parts_of(3, "transcode?chunks=5"), Some(5));
        assert_eq!(parts_of(0, "transcode?chunks=5"), None, "short");
        assert_eq!(parts_of(3, "transcode"), None);
        assert_eq!(parts_of(3, "transcode?chunks=auto,keyframes"), None, "one operation only");
        assert_eq!(parts_of(3, "keyframes"), None);
    }

    #[test]
    fn a_part_gets_what_its_share_of_the_bytes_needs() {
        let video = JobRequest {
            processing_option: ProcessingOption::new(MediaKind::Video, "transcode?chunks=auto"),
            ..request(1, MediaKind::Video, 50 << 30)
        };
        let (part, join) = needs_of_parts(&video, 64, &LIMITS);
        assert_eq!((part.vcpus, join.vcpus), (8, 2));
    }

    #[test]
    fn more_bytes_than_a_container_takes_make_an_array() {
        let packs = pack((0..50).map(|number| request(number, MediaKind::Image, 30 << 20)).collect(), &LIMITS);
        assert_eq!(packs.len(), 1);
        assert_eq!(packs[0].children, 3);
    }

    proptest! {
        #[test]
        fn every_request_is_in_one_pack_and_no_child_is_overloaded_or_idle(
            sizes in prop::collection::vec((0_usize..4, 0_u64..64 << 20), 0..300),
        ) {
            let requests: Vec<_> = sizes
                .iter()
                .enumerate()
                .map(|(number, (kind, size))| request(number, MediaKind::ALL[*kind], *size))
                .collect();
            let packs = pack(requests, &LIMITS);
            let mut seen: Vec<usize> =
                packs.iter().flat_map(|pack| &pack.requests).map(|request| request.job_id.parse().unwrap()).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..sizes.len()).collect::<Vec<_>>());
            for pack in &packs {
                prop_assert!(pack.requests.len() <= MAX_ITEMS && pack.children >= 1);
                for child in 0..pack.children {
                    let taken = &pack.requests[slice(pack.requests.len(), pack.children, child)];
                    let is_read_whole = pack.kind != MediaKind::Video;
                    let bytes: u64 = taken.iter().map(|request| request.source.size).filter(|_| is_read_whole).sum();
                    let operations = &DEFAULTS[pack.kind];
                    // Nobody knows how long it takes to render a model.
                    let times = taken.iter().filter_map(|request| expected(operations, request.source.size));
                    let (time, longest) = times.fold((Duration::ZERO, Duration::ZERO), |(sum, longest), time| {
                        (sum + time, longest.max(time))
                    });
                    let most = (LIMITS.count / relative_cost(operations)) as usize;
                    prop_assert!(!taken.is_empty() && taken.len() <= most);
                    // Balanced greedily: never more than the limit by more than one small object.
                    prop_assert!(taken.len() == 1 || bytes <= LIMITS.bytes + (64 << 20), "{} bytes", bytes);
                    prop_assert!(time <= Duration::from_secs(LIMITS.seconds) + longest, "{:?}", time);
                }
            }
        }
    }
}
