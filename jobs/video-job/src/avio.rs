//! libavformat's view of an input of the job. Errors of the store are kept and come back as themselves.

use std::ffi::{c_int, c_void};
use std::io;
use std::ops::Range;
use std::ptr;

use ffmpeg_next::ffi;
use job::{Failure, Input};

use crate::ranges::RangeReader;

/// How an input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Here and there: nothing is read beyond what is asked for.
    Sparse,
    /// From the beginning to the end.
    Sequential,
}

impl Pattern {
    const fn buffer_size(self) -> usize {
        match self {
            Self::Sparse => 4 << 10,
            Self::Sequential => 64 << 10,
        }
    }
}

/// An `AVIOContext` over an input.
pub(crate) struct AvioReader {
    context: *mut ffi::AVIOContext,
    /// Owned; a raw pointer because libavformat holds the same one.
    state: *mut ReadState,
}

// SAFETY: both pointers are owned by this value alone, and what they point to is not bound to a thread.
unsafe impl Send for AvioReader {}

struct ReadState {
    reader: RangeReader,
    position: u64,
    /// The first error of the store. Nothing is read after it.
    error: Option<io::Error>,
    has_failed: bool,
    /// The furthest position asked for.
    furthest: u64,
}

impl AvioReader {
    pub(crate) fn new(input: &Input, pattern: Pattern) -> Result<Self, Failure> {
        let state =
            ReadState { reader: RangeReader::new(input), position: 0, error: None, has_failed: false, furthest: 0 };
        let state = Box::into_raw(Box::new(state));
        let context = alloc_context(pattern.buffer_size(), state.cast(), Some(read), None, Some(seek));
        if context.is_null() {
            // SAFETY: nobody else has the pointer.
            drop(unsafe { Box::from_raw(state) });
            return Err(out_of_memory());
        }
        if pattern == Pattern::Sparse {
            // SAFETY: the context was just made. Without this a short jump forward is made by reading.
            unsafe { (*context).direct = 1 };
        }
        Ok(Self { context, state })
    }

    pub(crate) fn as_ptr(&self) -> *mut ffi::AVIOContext {
        self.context
    }

    pub(crate) fn reader(&mut self) -> &mut RangeReader {
        &mut self.state().reader
    }

    /// Says which ranges will be read next.
    pub(crate) fn plan(&mut self, ranges: impl IntoIterator<Item = Range<u64>>) {
        self.state().reader.plan(ranges);
    }

    /// The furthest position that was asked for: behind the end where the file is shorter than it says.
    pub(crate) fn furthest(&mut self) -> u64 {
        self.state().furthest
    }

    /// The store's own error, where there was one: whatever libavformat made of it does not count.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        match self.state().error.take() {
            Some(error) => Err(failure_of(error)),
            None if self.state().has_failed => Err(Failure::internal("the input was read again after it had failed")),
            None => Ok(()),
        }
    }

    fn state(&mut self) -> &mut ReadState {
        // SAFETY: owned by self; libavformat uses it only inside calls that borrow the demuxer, which owns self.
        unsafe { &mut *self.state }
    }
}

impl Drop for AvioReader {
    fn drop(&mut self) {
        free_context(&mut self.context);
        // SAFETY: made by Box::into_raw in new, and the context that shared it is gone.
        drop(unsafe { Box::from_raw(self.state) });
    }
}

/// What an error of reading the input means: the failure inside it, where there is one.
pub(crate) fn failure_of(error: io::Error) -> Failure {
    match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Failure::temporary("the input became shorter while it was read").because(error)
        }
        Err(error) => Failure::from(error),
    }
}

unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: opaque is the ReadState given to alloc_context, alive as long as the context.
    let state = unsafe { &mut *opaque.cast::<ReadState>() };
    if state.has_failed {
        return ffi::AVERROR(ffi::EIO);
    }
    // SAFETY: libavformat gives `size` writable bytes.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer, usize::try_from(size).unwrap_or(0)) };
    match state.reader.read_at(state.position, buffer) {
        Ok(0) => ffi::AVERROR_EOF,
        Ok(count) => {
            state.position += count as u64;
            count as c_int
        }
        Err(error) => {
            state.error = Some(error);
            state.has_failed = true;
            ffi::AVERROR(ffi::EIO)
        }
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in read.
    let state = unsafe { &mut *opaque.cast::<ReadState>() };
    let size = state.reader.size();
    let target = match whence & !ffi::AVSEEK_FORCE {
        ffi::AVSEEK_SIZE => return size as i64,
        ffi::SEEK_SET => u64::try_from(offset).ok(),
        ffi::SEEK_CUR => state.position.checked_add_signed(offset),
        ffi::SEEK_END => size.checked_add_signed(offset),
        _ => None,
    };
    let Some(target) = target else { return i64::from(ffi::AVERROR(ffi::EINVAL)) };
    state.position = target;
    state.furthest = state.furthest.max(target);
    target as i64
}

type Callback = unsafe extern "C" fn(*mut c_void, *mut u8, c_int) -> c_int;

fn alloc_context(
    buffer_size: usize,
    opaque: *mut c_void,
    read: Option<Callback>,
    write: Option<Callback>,
    seek: Option<unsafe extern "C" fn(*mut c_void, i64, c_int) -> i64>,
) -> *mut ffi::AVIOContext {
    // SAFETY: plain allocations; the context takes the buffer over, and free_context gives both back.
    unsafe {
        let buffer = ffi::av_malloc(buffer_size);
        if buffer.is_null() {
            return ptr::null_mut();
        }
        let is_output = c_int::from(write.is_some());
        let context =
            ffi::avio_alloc_context(buffer.cast(), buffer_size as c_int, is_output, opaque, read, write, seek);
        if context.is_null() {
            ffi::av_free(buffer);
        }
        context
    }
}

fn free_context(context: &mut *mut ffi::AVIOContext) {
    if !context.is_null() {
        // SAFETY: made by alloc_context; libavformat may have replaced the buffer, hence it is read from the context.
        unsafe {
            ffi::av_freep((&raw mut (**context).buffer).cast());
            ffi::avio_context_free(context);
        }
    }
}

fn out_of_memory() -> Failure {
    Failure::internal("out of memory")
}
