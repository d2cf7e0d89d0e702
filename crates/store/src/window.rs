//! Random access to an object over few requests: what was read is kept, what is about to be read is fetched ahead.
//!
//! Requests are for whole blocks. A reader that goes on where it (or another of the last few positions) stopped gets
//! windows that double up to a limit, the next one fetched while the last is worked on; a reader that jumps gets the blocks
//! that it asked for and no more.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use contract::Failure;
use operation::{Announcement, RangeSource};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{FetchReport, ObjectVersion, Store};

/// Positions that are followed at a time: audio and video of a file that is not interleaved, and an index.
const CURSORS: usize = 4;

/// Bytes of announced parts at most: those of two questions, one that is answered and one that is announced.
const MAX_ANNOUNCED: u64 = 16 << 20;

/// How much a window fetches and keeps.
#[derive(Debug, Clone, Copy)]
pub struct WindowOptions {
    /// Bytes that every request is a multiple of.
    pub block: u64,
    /// Bytes fetched ahead when a reader begins to go on; doubled each time.
    pub min_ahead: u64,
    /// Bytes fetched ahead at most.
    pub max_ahead: u64,
    /// Bytes kept at most. A single read of more than half of it is passed through.
    pub capacity: u64,
}

impl Default for WindowOptions {
    fn default() -> Self {
        Self { block: 64 * 1024, min_ahead: 256 * 1024, max_ahead: 8 * 1024 * 1024, capacity: 64 * 1024 * 1024 }
    }
}

/// Reads one version of an object at any position, from any thread that is not one of the async runtime's.
pub struct Window {
    store: Store,
    version: ObjectVersion,
    runtime: Handle,
    options: WindowOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is kept, by its first byte. Whole blocks (but for the object's end), without overlap.
    segments: BTreeMap<u64, Segment>,
    kept: u64,
    cursors: Vec<Cursor>,
    ahead: Option<Ahead>,
    announced: Vec<(Announcement, Ahead)>,
    clock: u64,
    report: FetchReport,
}

struct Segment {
    bytes: Bytes,
    used: u64,
}

/// Where a reader stopped, and how much is fetched for it when it goes on.
struct Cursor {
    expected: u64,
    ahead: u64,
    used: u64,
}

/// A request on its way.
struct Ahead {
    range: Range<u64>,
    bytes: JoinHandle<Result<Bytes, Failure>>,
}

/// A part that was asked for.
enum Part {
    Kept(Bytes),
    Coming(Ahead),
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.bytes.abort();
    }
}

impl Window {
    /// A window on a version. Its requests are made on `runtime`.
    pub fn new(store: Store, version: ObjectVersion, runtime: Handle, options: WindowOptions) -> Self {
        Self { store, version, runtime, options, state: Mutex::default() }
    }

    /// The bytes at `offset`: as many as `length`, or as there are up to the end.
    pub fn read_at(&self, offset: u64, length: usize) -> Result<Bytes, Failure> {
        let length = (length as u64).min(self.version.size.saturating_sub(offset));
        if length == 0 {
            return Ok(Bytes::new());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset + length;
        if length > self.options.capacity / 2 {
            return self.fetch(&mut state, offset..end);
        }
        let ahead = state.follow(offset, end, self.options);
        let mut parts: Vec<Bytes> = Vec::new();
        let mut at = offset;
        while at < end {
            if let Some(bytes) = state.kept_at(at) {
                let part = bytes.slice(..bytes.len().min((end - at) as usize));
                at += part.len() as u64;
                parts.push(part);
            } else {
                self.load(&mut state, at, end, ahead)?;
            }
        }
        self.begin_ahead(&mut state, end, ahead);
        Ok(match parts.as_mut_slice() {
            [only] => std::mem::take(only),
            many => {
                let mut whole = BytesMut::with_capacity(length as usize);
                for part in many {
                    whole.extend_from_slice(part);
                }
                whole.freeze()
            }
        })
    }

    /// Keeps the first bytes of the object, which somebody has read before: if they are whole blocks.
    pub fn keep_head(&self, bytes: Bytes) {
        let is_whole = bytes.len() as u64 == self.version.size;
        if !bytes.is_empty() && (is_whole || (bytes.len() as u64).is_multiple_of(self.options.block)) {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.keep(0, bytes, self.options.capacity);
        }
    }

    /// What the reads so far cost, those ahead included.
    pub fn report(&self) -> FetchReport {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).report
    }

    /// The version that is read.
    pub fn version(&self) -> &ObjectVersion {
        &self.version
    }

    /// Makes the byte at `at`, which is not kept, be kept: and those up to `end` and `ahead` of it in the same request.
    fn load(&self, state: &mut State, at: u64, end: u64, ahead: u64) -> Result<(), Failure> {
        if state.ahead.as_ref().is_some_and(|ahead| ahead.range.contains(&at)) {
            let mut ahead = state.ahead.take().expect("it was just there");
            let bytes = self.finish(&mut ahead)?;
            state.keep(ahead.range.start, bytes, self.options.capacity);
            return Ok(());
        }
        let start = at - at % self.options.block;
        let wanted = end.next_multiple_of(self.options.block).saturating_add(ahead);
        let range = start..state.first_taken(at, wanted.min(self.version.size));
        let bytes = self.fetch(state, range)?;
        state.keep(start, bytes, self.options.capacity);
        Ok(())
    }

    fn fetch(&self, state: &mut State, range: Range<u64>) -> Result<Bytes, Failure> {
        let length = range.end - range.start;
        state.report.requests += 1;
        state.report.bytes += length;
        self.runtime.block_on(self.store.read_at(&self.version, range.start, length as usize))
    }

    /// Begins the next window of a reader that goes on, once it is in the second half of what is kept for it.
    fn begin_ahead(&self, state: &mut State, end: u64, ahead: u64) {
        let mut start = end;
        while let Some(bytes) = state.kept_at(start) {
            start += bytes.len() as u64;
        }
        if ahead == 0 || state.ahead.is_some() || start >= self.version.size || start - end > ahead / 2 {
            return;
        }
        // Only a read of the object's last block can end within a block, and nothing is ahead of that.
        let stop = start.saturating_add(ahead).next_multiple_of(self.options.block).min(self.version.size);
        let range = start..state.first_taken(start, stop);
        state.ahead = Some(self.begin(state, range));
    }

    /// Begins a request.
    fn begin(&self, state: &mut State, range: Range<u64>) -> Ahead {
        let (store, version, start, length) =
            (self.store.clone(), self.version.clone(), range.start, range.end - range.start);
        state.report.requests += 1;
        state.report.bytes += length;
        let bytes = self.runtime.spawn(async move { store.read_at(&version, start, length as usize).await });
        Ahead { range, bytes }
    }

    /// Waits for the answer.
    fn finish(&self, ahead: &mut Ahead) -> Result<Bytes, Failure> {
        let bytes = self.runtime.block_on(&mut ahead.bytes);
        bytes.map_err(|error| Failure::internal("a task of the window ended").because(error))?
    }
}

impl RangeSource for Window {
    fn read_at(&self, offset: u64, length: usize) -> Result<Bytes, Failure> {
        Self::read_at(self, offset, length)
    }

    /// The reader knows exactly what it wants: no block around it is fetched, nothing more is kept, and all requests are
    /// under way at once.
    fn read_ranges(&self, ranges: &[Range<u64>], announced: Option<Announcement>) -> Result<Vec<u8>, Failure> {
        let parts: Vec<Part> = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut coming, others): (Vec<_>, Vec<_>) =
                std::mem::take(&mut state.announced).into_iter().partition(|(name, _)| Some(*name) == announced);
            state.announced = others;
            let part = |range: &Range<u64>| {
                if let Some(at) = coming.iter().position(|(_, part)| part.range == *range) {
                    return Part::Coming(coming.remove(at).1);
                }
                let length = (range.end - range.start) as usize;
                match state.kept_at(range.start).filter(|kept| kept.len() >= length) {
                    Some(kept) => Part::Kept(kept.slice(..length)),
                    None => Part::Coming(self.begin(&mut state, range.clone())),
                }
            };
            ranges.iter().map(part).collect()
        };
        let mut bytes = Vec::with_capacity(ranges.iter().map(|range| (range.end - range.start) as usize).sum());
        for part in parts {
            match part {
                Part::Kept(part) => bytes.extend_from_slice(&part),
                Part::Coming(mut part) => bytes.extend_from_slice(&self.finish(&mut part)?),
            }
        }
        Ok(bytes)
    }

    /// What was announced longest ago is given up when more is announced than may be.
    fn announce(&self, name: Announcement, ranges: &[Range<u64>]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for range in ranges {
            let part = self.begin(&mut state, range.clone());
            state.announced.push((name, part));
        }
        let length = |(_, part): &(Announcement, Ahead)| part.range.end - part.range.start;
        let mut excess = state.announced.iter().map(length).sum::<u64>().saturating_sub(MAX_ANNOUNCED);
        while excess > 0 {
            excess = excess.saturating_sub(length(&state.announced.remove(0)));
        }
    }
}

impl State {
    /// Notes a read, and says how much to fetch beyond it.
    fn follow(&mut self, offset: u64, end: u64, options: WindowOptions) -> u64 {
        self.clock += 1;
        let goes_on = |cursor: &&mut Cursor| offset >= cursor.expected && offset - cursor.expected <= options.block;
        if let Some(cursor) = self.cursors.iter_mut().find(goes_on) {
            cursor.expected = end;
            cursor.used = self.clock;
            cursor.ahead = (cursor.ahead * 2).clamp(options.min_ahead, options.max_ahead);
            return cursor.ahead;
        }
        if self.cursors.len() == CURSORS
            && let Some(oldest) = (0..CURSORS).min_by_key(|&index| self.cursors[index].used)
        {
            self.cursors.swap_remove(oldest);
        }
        self.cursors.push(Cursor { expected: end, ahead: 0, used: self.clock });
        0
    }

    /// The kept bytes from `at` on.
    fn kept_at(&mut self, at: u64) -> Option<Bytes> {
        let (start, segment) = self.segments.range_mut(..=at).next_back()?;
        let skip = usize::try_from(at - start).ok().filter(|&skip| skip < segment.bytes.len())?;
        segment.used = self.clock;
        Some(segment.bytes.slice(skip..))
    }

    /// The first position after `from` and before `end` that is kept or on its way, else `end`.
    fn first_taken(&self, from: u64, end: u64) -> u64 {
        let kept = self.segments.range(from..).next().map_or(end, |(&start, _)| start);
        let ahead = self.ahead.as_ref().map(|ahead| ahead.range.start).filter(|&start| start > from);
        end.min(kept).min(ahead.unwrap_or(end))
    }

    fn keep(&mut self, start: u64, bytes: Bytes, capacity: u64) {
        self.kept += bytes.len() as u64;
        self.segments.insert(start, Segment { bytes, used: self.clock });
        while self.kept > capacity && self.segments.len() > 1 {
            let others = self.segments.iter().filter(|(known, _)| **known != start);
            let Some((&oldest, _)) = others.min_by_key(|(_, segment)| segment.used) else { return };
            let dropped = self.segments.remove(&oldest);
            self.kept -= dropped.map_or(0, |segment| segment.bytes.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use proptest::prelude::*;
    use tokio::runtime::Runtime;

    use super::*;
    use contract::Location;

    const SMALL: WindowOptions = WindowOptions { block: 16, min_ahead: 32, max_ahead: 256, capacity: 4096 };

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 31 % 253) as u8).collect()
    }

    fn window(runtime: &Runtime, path: &Path, options: WindowOptions) -> Window {
        let store = Store::from_environment();
        let version = runtime.block_on(store.head(&Location::Local(path.into()))).unwrap();
        Window::new(store, version, runtime.handle().clone(), options)
    }

    fn one(range: &Range<u64>) -> &[Range<u64>] {
        std::slice::from_ref(range)
    }

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn reading_through_fetches_every_byte_once_in_few_requests() {
        let (runtime, bytes) = (runtime(), content(10_000));
        let file = file(&bytes);
        let window = window(&runtime, file.path(), SMALL);
        for (index, expected) in bytes.chunks(10).enumerate() {
            assert_eq!(window.read_at(index as u64 * 10, 10).unwrap(), expected);
        }
        let report = window.report();
        assert_eq!(report.bytes, 10_000);
        assert!(report.requests < 50, "{report:?}");
    }

    #[test]
    fn a_reader_that_jumps_fetches_only_the_blocks_it_asks_for() {
        let (runtime, bytes) = (runtime(), content(100_000));
        let file = file(&bytes);
        let window = window(&runtime, file.path(), SMALL);
        for at in [90_000, 5, 50_000, 20_000, 70_000, 10_000] {
            assert_eq!(window.read_at(at, 8).unwrap(), bytes[at as usize..][..8]);
        }
        assert_eq!(window.report().requests, 6);
        assert!(window.report().bytes <= 6 * 32, "{:?}", window.report());
    }

    #[test]
    fn parts_that_are_known_come_exactly_and_are_counted() {
        let (runtime, bytes) = (runtime(), content(100_000));
        let file = file(&bytes);
        let window = window(&runtime, file.path(), SMALL);
        let ranges = [70_000..70_123, 5..6, 99_000..100_000];
        let expected: Vec<u8> =
            ranges.iter().flat_map(|range| bytes[range.start as usize..range.end as usize].to_vec()).collect();
        assert_eq!(window.read_ranges(&ranges, None).unwrap(), expected);
        assert_eq!((window.report().requests, window.report().bytes), (3, 1124));
    }

    #[test]
    fn a_head_that_was_read_before_is_not_fetched_again() {
        let (runtime, bytes) = (runtime(), content(100_000));
        let file = file(&bytes);
        let window = window(&runtime, file.path(), SMALL);
        window.keep_head(Bytes::copy_from_slice(&bytes[..64]));
        assert_eq!(window.read_at(3, 50).unwrap(), bytes[3..53]);
        assert_eq!(window.read_ranges(one(&(0..64)), None).unwrap(), bytes[..64]);
        assert_eq!(window.report().requests, 0);
        assert_eq!(window.read_ranges(one(&(0..65)), None).unwrap(), bytes[..65]);
        assert_eq!((window.report().requests, window.report().bytes), (1, 65));
    }

    #[test]
    fn announced_parts_are_fetched_once_and_forgotten_with_their_announcement() {
        let (runtime, bytes) = (runtime(), content(100_000));
        let file = file(&bytes);
        let window = window(&runtime, file.path(), SMALL);
        let (first, second) = (Announcement(1), Announcement(2));
        window.announce(first, &[10..20, 500..600]);
        window.announce(second, one(&(10..20)));
        let read = window.read_ranges(&[500..600, 7..8], Some(first)).unwrap();
        assert_eq!(read, [&bytes[500..600], &bytes[7..8]].concat());
        assert_eq!((window.report().requests, window.report().bytes), (4, 121));
        assert_eq!(window.read_ranges(one(&(10..20)), Some(second)).unwrap(), bytes[10..20]);
        assert_eq!(window.report().requests, 4, "it was announced under this name, too");
        assert_eq!(window.read_ranges(one(&(10..20)), Some(first)).unwrap(), bytes[10..20]);
        assert_eq!(window.report().requests, 5, "what was skipped is given up");
    }

    #[test]
    fn reading_at_and_past_the_end_gives_what_there_is() {
        let (runtime, bytes) = (runtime(), content(100));
        let file = file(&bytes);
        let window = window(&runtime, file.path(), SMALL);
        assert_eq!(window.read_at(90, 100).unwrap(), bytes[90..]);
        assert!(window.read_at(100, 1).unwrap().is_empty());
        assert!(window.read_at(u64::MAX, usize::MAX).unwrap().is_empty());
        assert_eq!(window.read_at(0, usize::MAX).unwrap(), bytes);
    }

    #[test]
    fn an_overwritten_file_is_an_error() {
        let runtime = runtime();
        let mut file = file(&content(10_000));
        let window = window(&runtime, file.path(), SMALL);
        window.read_at(0, 10).unwrap();
        file.write_all(b"more").unwrap();
        let failure = window.read_at(5_000, 10).unwrap_err();
        assert_eq!(failure.kind(), contract::FailureKind::InputNotFound);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_reads_are_of_the_files_bytes_and_fetch_no_more_than_they_must(
            size in 0..6_000usize,
            capacity in prop::sample::select(vec![64u64, 512, 16_384]),
            reads in prop::collection::vec((0..6_500u64, 0..700usize, any::<bool>()), 1..40),
        ) {
            let (runtime, bytes) = (runtime(), content(size));
            let file = file(&bytes);
            let window = window(&runtime, file.path(), WindowOptions { capacity, ..SMALL });
            let (mut position, mut read) = (0, 0);
            for (offset, length, goes_on) in reads {
                let at = if goes_on { position } else { offset };
                let expected = bytes.get(at as usize..).unwrap_or_default();
                let expected = &expected[..length.min(expected.len())];
                prop_assert_eq!(window.read_at(at, length).unwrap(), expected);
                position = at + expected.len() as u64;
                read += expected.len() as u64 + 2 * SMALL.block + 2 * (SMALL.max_ahead + SMALL.block);
            }
            let report = window.report();
            prop_assert!(report.bytes <= read, "{:?}", report);
            if capacity > size as u64 * 2 {
                prop_assert!(report.bytes <= size as u64, "nothing is fetched twice: {:?}", report);
            }
        }
    }
}
