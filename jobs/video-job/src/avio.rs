//! libavformat's view of an input and of an output of the job. Errors of the store and of the disk are kept and come back
//! as themselves.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::ptr;

use contract::Failure;
use ffmpeg_next::ffi;
use operation::{Input, OutputFile};

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
    /// Bytes of libavformat's buffer. Each filling of it is a question to the parent process, in both patterns: few bytes if
    /// the next read is elsewhere, many if it goes on.
    const fn buffer_size(self) -> usize {
        match self {
            Self::Sparse => 4 << 10,
            Self::Sequential => 256 << 10,
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
        let state = ReadState {
            reader: RangeReader::new(input, pattern),
            position: 0,
            error: None,
            has_failed: false,
            furthest: 0,
        };
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

/// Bytes that are written at once.
const WRITE_BUFFER: usize = 256 << 10;

/// An `AVIOContext` over outputs, one after the other.
pub(crate) struct AvioWriter {
    context: *mut ffi::AVIOContext,
    /// Owned, as in [`AvioReader`].
    state: *mut WriteState,
}

// SAFETY: as for AvioReader.
unsafe impl Send for AvioWriter {}

struct WriteState {
    output: Option<OutputFile>,
    error: Option<io::Error>,
}

impl AvioWriter {
    /// A writer that can go back in its output, or one that only goes on.
    pub(crate) fn new(is_seekable: bool) -> Result<Self, Failure> {
        let state = Box::into_raw(Box::new(WriteState { output: None, error: None }));
        let seek: Option<SeekCallback> = if is_seekable { Some(seek_output) } else { None };
        let context = alloc_context(WRITE_BUFFER, state.cast(), None, Some(write), seek);
        if context.is_null() {
            // SAFETY: nobody else has the pointer.
            drop(unsafe { Box::from_raw(state) });
            return Err(out_of_memory());
        }
        Ok(Self { context, state })
    }

    pub(crate) fn as_ptr(&self) -> *mut ffi::AVIOContext {
        self.context
    }

    /// Everything from now on goes to this output.
    pub(crate) fn begin(&mut self, output: OutputFile) {
        self.state().output = Some(output);
    }

    /// The output, with everything that was written to it.
    pub(crate) fn take(&mut self) -> Result<OutputFile, Failure> {
        // SAFETY: the context is live.
        unsafe { ffi::avio_flush(self.context) };
        self.check()?;
        self.state().output.take().ok_or_else(|| Failure::internal("nothing was begun to be written"))
    }

    /// The file system's own error, where there was one.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        match self.state().error.take() {
            Some(error) => Err(Failure::from(error).context("an output cannot be written")),
            None => Ok(()),
        }
    }

    fn state(&mut self) -> &mut WriteState {
        // SAFETY: owned by self; libavformat uses it only inside calls of the muxer that owns self.
        unsafe { &mut *self.state }
    }
}

impl Drop for AvioWriter {
    fn drop(&mut self) {
        free_context(&mut self.context);
        // SAFETY: as in AvioReader.
        drop(unsafe { Box::from_raw(self.state) });
    }
}

unsafe extern "C" fn write(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: opaque is the WriteState given to alloc_context, alive as long as the context.
    let state = unsafe { &mut *opaque.cast::<WriteState>() };
    // SAFETY: libavformat gives `size` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(buffer, usize::try_from(size).unwrap_or(0)) };
    let written = match &mut state.output {
        Some(output) if state.error.is_none() => output.write_all(bytes),
        Some(_) => return ffi::AVERROR(ffi::EIO),
        None => Err(io::Error::other("bytes came before there was an output for them")),
    };
    match written {
        Ok(()) => size,
        Err(error) => {
            state.error = Some(error);
            ffi::AVERROR(ffi::EIO)
        }
    }
}

unsafe extern "C" fn seek_output(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in write.
    let state = unsafe { &mut *opaque.cast::<WriteState>() };
    let Some(output) = &mut state.output else { return i64::from(ffi::AVERROR(ffi::EIO)) };
    let target = match (whence & !ffi::AVSEEK_FORCE, u64::try_from(offset)) {
        (ffi::AVSEEK_SIZE, _) => {
            return output.file().metadata().map_or(i64::from(ffi::AVERROR(ffi::EIO)), |file| file.len() as i64);
        }
        (ffi::SEEK_SET, Ok(offset)) => SeekFrom::Start(offset),
        (ffi::SEEK_CUR, _) => SeekFrom::Current(offset),
        (ffi::SEEK_END, _) => SeekFrom::End(offset),
        _ => return i64::from(ffi::AVERROR(ffi::EINVAL)),
    };
    match output.seek(target) {
        Ok(position) => position as i64,
        Err(error) => {
            state.error = Some(error);
            i64::from(ffi::AVERROR(ffi::EIO))
        }
    }
}

/// The file that a writer's context writes to, for reading back.
///
/// # Safety
/// The context is that of a live [`AvioWriter`], in a call of libavformat on it.
pub(crate) unsafe fn written_file(context: *mut ffi::AVIOContext) -> io::Result<File> {
    // SAFETY: by the caller's promise opaque is the WriteState, which nobody else looks at meanwhile.
    match unsafe { &mut (*(*context).opaque.cast::<WriteState>()).output } {
        Some(output) => output.file().try_clone(),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// A context that reads a file of the job's own, for muxers that move what they have written. Given back to
/// [`close_file_reader`].
pub(crate) fn open_file_reader(file: File) -> *mut ffi::AVIOContext {
    let state = Box::into_raw(Box::new(FileReader { file, position: 0 }));
    let context = alloc_context(WRITE_BUFFER, state.cast(), Some(read_file), None, Some(seek_file));
    if context.is_null() {
        // SAFETY: nobody else has the pointer.
        drop(unsafe { Box::from_raw(state) });
    }
    context
}

/// Closes what [`open_file_reader`] opened.
///
/// # Safety
/// The context is one of that function's, and not used again.
pub(crate) unsafe fn close_file_reader(mut context: *mut ffi::AVIOContext) {
    // SAFETY: by the caller's promise opaque is the FileReader that open_file_reader made.
    unsafe {
        let state = (*context).opaque.cast::<FileReader>();
        free_context(&mut context);
        drop(Box::from_raw(state));
    }
}

struct FileReader {
    file: File,
    position: u64,
}

unsafe extern "C" fn read_file(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: opaque is the FileReader given to alloc_context, and libavformat gives `size` writable bytes.
    let (state, buffer) = unsafe {
        (&mut *opaque.cast::<FileReader>(), std::slice::from_raw_parts_mut(buffer, usize::try_from(size).unwrap_or(0)))
    };
    match state.file.read_at(buffer, state.position) {
        Ok(0) => ffi::AVERROR_EOF,
        Ok(count) => {
            state.position += count as u64;
            count as c_int
        }
        Err(_) => ffi::AVERROR(ffi::EIO),
    }
}

unsafe extern "C" fn seek_file(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in read_file.
    let state = unsafe { &mut *opaque.cast::<FileReader>() };
    let size = state.file.metadata().map_or(0, |file| file.len());
    let target = match whence & !ffi::AVSEEK_FORCE {
        ffi::AVSEEK_SIZE => return size as i64,
        ffi::SEEK_SET => u64::try_from(offset).ok(),
        ffi::SEEK_CUR => state.position.checked_add_signed(offset),
        ffi::SEEK_END => size.checked_add_signed(offset),
        _ => None,
    };
    let Some(target) = target else { return i64::from(ffi::AVERROR(ffi::EINVAL)) };
    state.position = target;
    target as i64
}

type SeekCallback = unsafe extern "C" fn(*mut c_void, i64, c_int) -> i64;
type Callback = unsafe extern "C" fn(*mut c_void, *mut u8, c_int) -> c_int;

fn alloc_context(
    buffer_size: usize,
    opaque: *mut c_void,
    read: Option<Callback>,
    write: Option<Callback>,
    seek: Option<SeekCallback>,
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
