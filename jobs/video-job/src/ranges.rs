//! Reads parts of the input with few requests and few bytes more than asked for.
//!
//! There is one policy for each way of reading, and one place where bytes are kept for it:
//!
//! - From the beginning to the end ([`Pattern::Sequential`]): the parent's window (`store::Window`) reads ahead. Nothing is
//!   kept here.
//! - Here and there ([`Pattern::Sparse`]): the parent fetches exactly what is asked for. Here known ranges ([`RangeReader::plan`])
//!   are joined with their neighbours, announced two questions ahead and asked for up to sixteen at a time; everything else
//!   is asked for in small pieces, which grow while the reader continues where it stopped.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use operation::{Expected, Input};

use crate::avio::Pattern;

/// The first windows after a jump.
const SMALLEST_WINDOW: usize = 4 << 10;
/// So many of them follow each other before they grow: a few are headers, more are a scan.
const SMALL_WINDOWS: u32 = 3;
/// Readings of no more than this are taken for headers, behind which more will be read.
const LARGEST_HEADER: usize = 512;
/// The largest window of sequential reading.
const LARGEST_WINDOW: usize = 1 << 20;
/// Bytes of windows that are kept.
const KEPT: usize = 2 << 20;

/// Two known ranges with no more than this between them are one request.
const LARGEST_GAP: u64 = 4 << 10;
/// Known ranges are not joined beyond this.
const LARGEST_RANGE: u64 = 4 << 20;
/// How many known ranges are asked for at once, and how many bytes in all.
const AT_ONCE: usize = 16;
const AT_ONCE_BYTES: u64 = 8 << 20;
/// Questions that are announced and not asked yet.
const ANNOUNCED: usize = 2;
/// Bytes of known ranges that are kept ready.
const READY: u64 = 16 << 20;
/// More are asked for when no more than this is left: room for one range at a time would be a question for each.
const LOW: u64 = READY / 2;

/// The input, read by ranges.
pub(crate) struct RangeReader {
    input: Input,
    pattern: Pattern,
    windows: Vec<Window>,
    /// How many windows followed each other without a jump.
    run: u32,
    end_of_last: u64,
    ahead: Option<Ahead>,
}

struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl RangeReader {
    pub(crate) fn new(input: &Input, pattern: Pattern) -> Self {
        Self { input: input.clone(), pattern, windows: Vec::new(), run: 0, end_of_last: 0, ahead: None }
    }

    pub(crate) fn size(&self) -> u64 {
        self.input.size()
    }

    /// Reads at most `buffer.len()` bytes at `offset`; 0 at the end.
    pub(crate) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.size().saturating_sub(offset);
        let wanted = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..wanted];
        if let Some(ahead) = &mut self.ahead
            && let Some(count) = ahead.read_at(offset, buffer)?
        {
            return Ok(count);
        }
        if self.pattern == Pattern::Sequential {
            return self.input.read_at(offset, buffer);
        }
        if let Some(window) = self.windows.iter().rev().find(|window| window.holds(offset)) {
            return Ok(window.copy(offset, buffer));
        }
        self.run = if offset == self.end_of_last { self.run + 1 } else { 0 };
        let doublings = self.run.saturating_sub(SMALL_WINDOWS - 1).min(16);
        let window = (SMALLEST_WINDOW << doublings).min(LARGEST_WINDOW);
        // What goes on behind a first window and is not a header is asked for exactly: the rest of a frame.
        let is_rest = (1..SMALL_WINDOWS).contains(&self.run) && wanted >= LARGEST_HEADER;
        if wanted >= window || is_rest {
            buffer.copy_from_slice(&self.input.read_range(offset..offset + wanted as u64)?);
            self.end_of_last = offset + wanted as u64;
            return Ok(wanted);
        }
        let length = window.min(usize::try_from(rest).unwrap_or(usize::MAX));
        self.fetch_window(offset, length)?;
        Ok(self.windows.last().map_or(0, |window| window.copy(offset, buffer)))
    }

    /// Fills the buffer from `offset`, or says [`io::ErrorKind::UnexpectedEof`].
    pub(crate) fn read_exact_at(&mut self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(offset, buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => {
                    offset += count as u64;
                    buffer = &mut buffer[count..];
                }
            }
        }
        Ok(())
    }

    /// Fetches exactly this range in one request, to be read from soon.
    pub(crate) fn fetch(&mut self, range: Range<u64>) -> io::Result<()> {
        let end = range.end.min(self.size());
        let held = self.windows.iter().any(|window| window.holds(range.start) && window.end() >= end);
        if !held && range.start < end {
            self.fetch_window(range.start, usize::try_from(end - range.start).unwrap_or(usize::MAX))?;
        }
        Ok(())
    }

    /// Says which ranges will be read, from the lowest to the highest. They are fetched ahead of the reader.
    pub(crate) fn plan(&mut self, ranges: impl IntoIterator<Item = Range<u64>>) {
        let ranges = joined(ranges, self.size());
        self.ahead = if ranges.is_empty() { None } else { Ahead::start(&self.input, ranges) };
        self.windows.clear();
    }

    fn fetch_window(&mut self, start: u64, length: usize) -> io::Result<()> {
        let bytes = self.input.read_range(start..start + length as u64)?;
        self.end_of_last = start + length as u64;
        self.windows.push(Window { start, bytes });
        while self.windows.len() > 1 && self.windows.iter().map(|window| window.bytes.len()).sum::<usize>() > KEPT {
            self.windows.remove(0);
        }
        Ok(())
    }
}

impl Window {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn holds(&self, offset: u64) -> bool {
        (self.start..self.end()).contains(&offset)
    }

    fn copy(&self, offset: u64, buffer: &mut [u8]) -> usize {
        copy_from(&self.bytes, (offset - self.start) as usize, buffer)
    }
}

fn copy_from(bytes: &[u8], at: usize, buffer: &mut [u8]) -> usize {
    let count = buffer.len().min(bytes.len() - at);
    buffer[..count].copy_from_slice(&bytes[at..at + count]);
    count
}

/// Sorts, cuts at the end of the input, and joins neighbours.
fn joined(ranges: impl IntoIterator<Item = Range<u64>>, size: u64) -> Vec<Range<u64>> {
    let mut sorted: Vec<_> =
        ranges.into_iter().map(|range| range.start..range.end.min(size)).filter(|range| !range.is_empty()).collect();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut result: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match result.last_mut() {
            Some(last)
                if range.start <= last.end.saturating_add(LARGEST_GAP)
                    && (range.start < last.end || range.end - last.start <= LARGEST_RANGE) =>
            {
                last.end = last.end.max(range.end);
            }
            _ => result.push(range),
        }
    }
    result
}

/// Fetches known ranges in their order, a bounded number of bytes ahead of the reader.
struct Ahead {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    ranges: Vec<Range<u64>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The range that the reader is in; those before it are given up.
    current: usize,
    next_to_fetch: usize,
    /// Bytes of the ranges from `current` on that are fetched or being fetched.
    taken: u64,
    fetched: BTreeMap<usize, io::Result<Vec<u8>>>,
    stop: bool,
    /// Nothing is fetched any more.
    has_ended: bool,
}

impl Ahead {
    /// None where no thread can be started: ranges are then asked for when they are read.
    fn start(input: &Input, ranges: Vec<Range<u64>>) -> Option<Self> {
        let shared = Arc::new(Shared { ranges, state: Mutex::default(), changed: Condvar::new() });
        let thread = {
            let (shared, input) = (Arc::clone(&shared), input.clone());
            std::thread::Builder::new().spawn(move || {
                let _ending = Ending(&shared);
                shared.fetch_all(&input);
            })
        };
        Some(Self { shared, thread: Some(thread.ok()?) })
    }

    /// Copies from a known range; none where the offset is in none of those still kept.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let ranges = &self.shared.ranges;
        let index = ranges.partition_point(|range| range.end <= offset);
        if ranges.get(index).is_none_or(|range| range.start > offset) {
            return Ok(None);
        }
        let mut state = self.shared.lock();
        if index < state.current {
            return Ok(None);
        }
        state.advance(index, ranges);
        self.shared.changed.notify_all();
        loop {
            match state.fetched.get(&index) {
                Some(Ok(bytes)) => return Ok(Some(copy_from(bytes, (offset - ranges[index].start) as usize, buffer))),
                Some(Err(_)) => {
                    let error = state.fetched.remove(&index).and_then(Result::err);
                    return Err(error.unwrap_or_else(|| io::ErrorKind::Other.into()));
                }
                None if state.has_ended => return Err(io::Error::other("what was to be read is not fetched any more")),
                None => state = self.shared.changed.wait(state).expect("no holder of this lock panics"),
            }
        }
    }
}

/// Wakes the reader when fetching ends, however it does.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).has_ended = true;
        self.0.changed.notify_all();
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Announces questions ahead of asking them: while this thread asks, nobody else can, so that a question should find
    /// its answer ready.
    fn fetch_all(&self, input: &Input) {
        let mut announced: VecDeque<(Range<usize>, Expected)> = VecDeque::new();
        let mut state = self.lock();
        while !state.stop {
            let next = if announced.len() < ANNOUNCED { self.take_question(&mut state) } else { 0..0 };
            if !next.is_empty() {
                drop(state);
                let expected = input.expect(&self.ranges[next.clone()]);
                announced.push_back((next, expected));
                state = self.lock();
                continue;
            }
            let is_last = state.next_to_fetch >= self.ranges.len();
            let is_due = is_last
                || announced.len() == ANNOUNCED
                || announced.front().is_some_and(|(question, _)| question.start <= state.current);
            match is_due.then(|| announced.pop_front()).flatten() {
                Some((mut question, mut expected)) => {
                    // What the reader has passed meanwhile is not asked for.
                    let passed = state.current.clamp(question.start, question.end) - question.start;
                    expected.skip(passed);
                    question.start += passed;
                    drop(state);
                    let results = self.ask(input, question.clone(), expected);
                    state = self.lock();
                    let current = state.current;
                    state.fetched.extend(question.zip(results).filter(|(index, _)| *index >= current));
                    self.changed.notify_all();
                }
                None if is_last => return,
                None => state = self.changed.wait(state).expect("no holder of this lock panics"),
            }
        }
    }

    fn ask(&self, input: &Input, question: Range<usize>, expected: Expected) -> Vec<io::Result<Vec<u8>>> {
        match input.read(expected) {
            Ok(parts) => parts.into_iter().map(Ok).collect(),
            // Each for itself, so that what can be read is, and the error is that of its own range.
            Err(_) => self.ranges[question].iter().map(|range| input.read_range(range.clone())).collect(),
        }
    }

    /// The next question, noted as asked.
    fn take_question(&self, state: &mut State) -> Range<usize> {
        let indices = self.question(state);
        state.next_to_fetch += indices.len();
        state.taken += self.ranges[indices.clone()].iter().map(|range| range.end - range.start).sum::<u64>();
        indices
    }

    /// The ranges that are asked for next: those that the reader has not passed and there is room for.
    fn question(&self, state: &State) -> Range<usize> {
        let first = state.next_to_fetch;
        let (mut end, mut bytes) = (first, 0);
        while let Some(range) = self.ranges.get(end).filter(|_| end - first < AT_ONCE) {
            let length = range.end - range.start;
            let is_needed_now = end == first && end <= state.current;
            let is_enough = end == first && state.taken > LOW;
            if !is_needed_now && (is_enough || bytes + length > AT_ONCE_BYTES || state.taken + bytes + length > READY) {
                break;
            }
            bytes += length;
            end += 1;
        }
        first..end
    }
}

impl State {
    /// The reader is at a later range: what lies before is given up, or not fetched at all.
    fn advance(&mut self, index: usize, ranges: &[Range<u64>]) {
        while self.current < index {
            if self.current < self.next_to_fetch {
                self.taken -= ranges[self.current].end - ranges[self.current].start;
            } else {
                self.next_to_fetch += 1;
            }
            self.fetched.remove(&self.current);
            self.current += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::sync::atomic::{AtomicU64, Ordering};

    use catalog::Format;
    use contract::Failure;
    use operation::InputSource;

    use super::*;

    /// Counts what is read; fails behind an offset.
    struct Counting {
        bytes: Vec<u8>,
        read: AtomicU64,
        fails_at: u64,
    }

    impl InputSource for Counting {
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            if offset >= self.fails_at {
                return Err(io::Error::other(Failure::temporary("the store is slow")));
            }
            let count = buffer.len().min(self.bytes.len() - offset as usize);
            buffer[..count].copy_from_slice(&self.bytes[offset as usize..offset as usize + count]);
            self.read.fetch_add(count as u64, Ordering::Relaxed);
            Ok(count)
        }

        fn file(&self) -> Option<&File> {
            None
        }

        fn companion(&self, _relative: &str) -> Result<File, Failure> {
            Err(Failure::internal("no companion files here"))
        }
    }

    fn reader(size: usize, fails_at: u64) -> (RangeReader, Arc<Counting>) {
        let bytes = (0..size).map(|at| (at / 7) as u8).collect();
        let source = Arc::new(Counting { bytes, read: AtomicU64::new(0), fails_at });
        (
            RangeReader::new(&Input::new("a", Format::Mp4, size as u64, Arc::clone(&source) as _), Pattern::Sparse),
            source,
        )
    }

    #[test]
    fn what_is_read_is_what_is_there_planned_or_not() {
        let (mut reader, source) = reader(3_000_000, u64::MAX);
        let ranges: Vec<_> = (0..40_u64).map(|index| index * 70_000..index * 70_000 + 9_000).collect();
        reader.plan(ranges.clone());
        for range in ranges {
            let mut buffer = vec![0; 9_000];
            reader.read_exact_at(range.start, &mut buffer).unwrap();
            assert_eq!(buffer, source.bytes[range.start as usize..range.end as usize]);
        }
        assert_eq!(source.read.load(Ordering::Relaxed), 40 * 9_000);
        // Back, and between the planned ranges.
        for offset in [5_u64, 20_000, 2_999_990, 8_990] {
            let mut buffer = vec![0; 10];
            reader.read_exact_at(offset, &mut buffer).unwrap();
            assert_eq!(buffer, source.bytes[offset as usize..offset as usize + 10]);
        }
        let mut rest = Vec::new();
        let mut buffer = [0; 100];
        while let count @ 1.. = reader.read_at(2_900_000 + rest.len() as u64, &mut buffer).unwrap() {
            rest.write_all(&buffer[..count]).unwrap();
        }
        assert_eq!(rest, source.bytes[2_900_000..]);
    }

    #[test]
    fn errors_of_the_store_come_back_as_themselves() {
        for planned in [true, false] {
            let (mut reader, _) = reader(1_000_000, 500_000);
            if planned {
                reader.plan([0..10, 600_000..600_100]);
            }
            let mut buffer = [0; 10];
            reader.read_exact_at(0, &mut buffer).unwrap();
            let error = reader.read_exact_at(600_000, &mut buffer).unwrap_err();
            assert!(error.to_string().contains("the store is slow"), "{error}");
        }
    }

    #[test]
    fn ranges_skipped_over_hold_nobody_up() {
        let (mut reader, _) = reader(64 << 20, u64::MAX);
        reader.plan((0..16_u64).map(|index| (index << 22)..(index << 22) + (3 << 20)));
        let mut buffer = [0; 10];
        for index in [0_u64, 1, 14, 15] {
            reader.read_exact_at(index << 22, &mut buffer).unwrap();
        }
    }

    #[test]
    fn neighbours_are_joined_and_nothing_is_read_behind_the_end() {
        assert_eq!(joined([10_000..20_000, 0..8_000, 90_000..200_000], 100_000), [0..20_000, 90_000..100_000]);
        assert_eq!(joined(std::iter::once(200..300), 100), []);
    }
}
