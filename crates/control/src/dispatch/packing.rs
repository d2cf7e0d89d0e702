//! Which requests share a Batch job.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use catalog::{MediaKind, Operations, PerKind, Resources};
use contract::JobRequest;

use crate::dispatch::resources::{Bounds, relative_cost, resources};
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
    /// Where it waits.
    pub waiting: Waiting,
    /// The requests in the order of the list: see [`crate::list::slice`] for which child takes which.
    pub requests: Vec<JobRequest>,
}

/// Packs requests: a large object is a job of its own, small ones of a kind with the same needs share containers, by
/// bytes and by count. At most [`MAX_ITEMS`] requests a job.
pub fn pack(requests: Vec<JobRequest>, limits: &Packing) -> Vec<Pack> {
    let mut packs = Vec::new();
    let mut small: BTreeMap<(MediaKind, Resources), Vec<JobRequest>> = BTreeMap::new();
    for request in requests {
        let resources = limits.bounds[request.kind()].hold(resources(&operations_of(&request), request.source.size));
        if request.source.size >= limits.below_bytes {
            let parts = parts(&request);
            packs.push(Pack {
                kind: request.kind(),
                resources,
                children: 1,
                parts,
                waiting: Waiting::default(),
                requests: vec![request],
            });
        } else {
            small.entry((request.kind(), resources)).or_default().push(request);
        }
    }
    for ((kind, resources), mut requests) in small {
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(MAX_ITEMS));
            let (children, requests_in_order) = balance(requests, limits);
            packs.push(Pack {
                kind,
                resources,
                children,
                parts: None,
                waiting: Waiting::default(),
                requests: requests_in_order,
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

/// How many children share the work, and the order of the list that gives each about as many bytes: the largest first,
/// each to the child that has the least so far. All children but the last must have the same count of lines.
fn balance(mut requests: Vec<JobRequest>, limits: &Packing) -> (usize, Vec<JobRequest>) {
    let bytes: u64 = requests.iter().map(|request| request.source.size).sum();
    let by_bytes = bytes.div_ceil(limits.bytes.max(1)) as usize;
    let cost = requests.iter().map(|request| relative_cost(&operations_of(request))).fold(1, u64::max);
    let by_count = requests.len().div_ceil((limits.count / cost).max(1) as usize);
    let wanted = by_bytes.max(by_count).clamp(1, requests.len());
    let lines = requests.len().div_ceil(wanted);
    let children = requests.len().div_ceil(lines);
    requests.sort_by_key(|request| Reverse(request.source.size));
    let total = requests.len();
    let mut bins: Vec<(u64, Vec<JobRequest>)> = vec![(0, Vec::new()); children];
    for request in requests {
        let room = |position: usize| if position + 1 == children { total - lines * (children - 1) } else { lines };
        let free = bins.iter().enumerate().filter(|(position, (_, bin))| bin.len() < room(*position));
        let least = free.min_by_key(|(_, (bytes, _))| *bytes).map(|(position, _)| position);
        let (bytes, bin) = &mut bins[least.expect("there is room for every request")];
        *bytes += request.source.size;
        bin.push(request);
    }
    (children, bins.into_iter().flat_map(|(_, bin)| bin).collect())
}

#[cfg(test)]
mod tests {
    use catalog::ProcessingOption;
    use contract::{Source, list::slice};
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Packing = Packing {
        below_bytes: 32 << 20,
        bytes: 512 << 20,
        count: 100,
        bounds: PerKind { document: Bounds::NONE, image: Bounds::NONE, model: Bounds::NONE, video: Bounds::NONE },
    };

    fn request(number: usize, kind: MediaKind, size: u64) -> JobRequest {
        JobRequest {
            schema_version: 1,
            job_id: format!("{number}"),
            source: Source { bucket: Some("in".into()), key: format!("{number}"), version_id: None, etag: None, size },
            processing_option: Operations::default_of(kind).into(),
            uploaded_at: None,
        }
    }

    #[test]
    fn a_hundred_small_images_are_one_container_and_a_large_one_has_its_own() {
        let mut requests: Vec<_> = (0..100).map(|number| request(number, MediaKind::Image, 2 << 20)).collect();
        requests.push(request(100, MediaKind::Image, 40 << 20));
        let packs = pack(requests, &LIMITS);
        let shapes: Vec<_> = packs.iter().map(|pack| (pack.requests.len(), pack.children)).collect();
        assert_eq!(shapes, [(1, 1), (100, 1)]);
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
                    let bytes: u64 = taken.iter().map(|request| request.source.size).sum();
                    let most = (LIMITS.count / relative_cost(&Operations::default_of(pack.kind))) as usize;
                    prop_assert!(!taken.is_empty() && taken.len() <= most);
                    // Balanced greedily: never more than the limit by more than one small object.
                    prop_assert!(taken.len() == 1 || bytes <= LIMITS.bytes + LIMITS.below_bytes, "{} bytes", bytes);
                }
            }
        }
    }
}
