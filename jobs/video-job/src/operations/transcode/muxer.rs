//! One file with several tracks: MP4 with its index in front, or WebM. libavformat writes it through this crate's own
//! callbacks only.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use catalog::operations::Container;
use contract::{Failure, Properties};
use ffmpeg_next::{Error, Packet, Rational, codec, ffi, media};
use operation::OutputFile;

use super::plan::Plan;
use super::track::{Encoded, ShownDurations, Track};
use crate::avio::{AvioWriter, close_file_reader, open_file_reader, written_file};
use crate::open::{Chapter, StreamInfo};

/// A muxer of libavformat with its output.
pub(crate) struct Muxer {
    context: *mut ffi::AVFormatContext,
    writer: AvioWriter,
    tracks: Vec<Input>,
    is_started: bool,
    options: Vec<(&'static CStr, CString)>,
}

// SAFETY: the context is owned by this value alone and not bound to a thread.
unsafe impl Send for Muxer {}

#[derive(Default)]
struct Input {
    encoded: Option<Encoded>,
    /// What came before all tracks were known.
    waiting: Vec<Packet>,
    durations: ShownDurations,
    /// Its packets have durations of their own: subtitles may end before the next ones begin, or after that.
    has_durations: bool,
}

impl Muxer {
    /// A muxer for so many tracks, which writes when all of them are open.
    pub(crate) fn new(format: &CStr, tracks: usize, is_seekable: bool) -> Result<Self, Failure> {
        crate::initialise();
        let writer = AvioWriter::new(is_seekable)?;
        let mut context = ptr::null_mut();
        // SAFETY: the context is made here, and its fields are ours to set.
        unsafe {
            ffi::avformat_alloc_output_context2(&raw mut context, ptr::null(), format.as_ptr(), c"output".as_ptr());
            if context.is_null() {
                return Err(Failure::internal(format!("this libavformat has no muxer {format:?}")));
            }
            (*context).pb = writer.as_ptr();
            (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
            (*context).io_open = Some(open_again);
            (*context).io_close2 = Some(close_again);
            for _ in 0..tracks {
                if ffi::avformat_new_stream(context, ptr::null()).is_null() {
                    ffi::avformat_free_context(context);
                    return Err(Failure::internal("out of memory"));
                }
            }
        }
        let tracks = (0..tracks).map(|_| Input::default()).collect();
        Ok(Self { context, writer, tracks, is_started: false, options: Vec::new() })
    }

    /// Whether a container holds streams of a codec, as far as libavformat knows.
    pub(crate) fn holds(format: &CStr, codec: codec::Id) -> bool {
        const NORMAL: c_int = 0;
        // SAFETY: names and constants; formats live for ever.
        unsafe {
            let format = ffi::av_guess_format(format.as_ptr(), ptr::null(), ptr::null());
            !format.is_null() && ffi::avformat_query_codec(format, codec.into(), NORMAL) != 0
        }
    }

    /// What this container calls a stream's codec, if the stream is copied: what its own container does, if that means the same
    /// here; else 0, for which libavformat chooses.
    pub(crate) fn tag_of(&self, stream: &StreamInfo) -> u32 {
        // SAFETY: the context is live, its format and the tables of it are constants; the parameters are live.
        unsafe {
            let (tag, id) = ((*stream.parameters.as_ptr()).codec_tag, (*stream.parameters.as_ptr()).codec_id);
            let tables = (*(*self.context).oformat).codec_tag;
            let mut other = 0;
            let is_kept = tables.is_null()
                || ffi::av_codec_get_id(tables, tag) == id
                || ffi::av_codec_get_tag2(tables, id, &raw mut other) == 0;
            if is_kept { tag } else { 0 }
        }
    }

    pub(crate) fn set_option(&mut self, name: &'static CStr, value: &str) {
        let value = CString::new(value).expect("options are written here, without NUL");
        self.options.push((name, value));
    }

    /// Names the whole, and its chapters. Before all tracks are open.
    pub(crate) fn describe(&mut self, title: Option<&str>, chapters: &[Chapter]) {
        // SAFETY: the context is live, and frees what it is given here; sizes are those of what is allocated.
        unsafe {
            if let Some(title) = title.and_then(|title| CString::new(title).ok()) {
                ffi::av_dict_set(&raw mut (*self.context).metadata, c"title".as_ptr(), title.as_ptr(), 0);
            }
            let size = chapters.len() * size_of::<*mut ffi::AVChapter>();
            let list: *mut *mut ffi::AVChapter = ffi::av_mallocz(size.max(1)).cast();
            if list.is_null() {
                return;
            }
            (*self.context).chapters = list;
            for (number, chapter) in chapters.iter().enumerate() {
                let entry: *mut ffi::AVChapter = ffi::av_mallocz(size_of::<ffi::AVChapter>()).cast();
                if entry.is_null() {
                    return;
                }
                (*entry).id = number as i64 + 1;
                (*entry).time_base = Rational(1, 1000).into();
                (*entry).start = (chapter.start * 1000.0).round() as i64;
                (*entry).end = (chapter.end * 1000.0).round() as i64;
                if let Some(title) = chapter.title.as_deref().and_then(|title| CString::new(title).ok()) {
                    ffi::av_dict_set(&raw mut (*entry).metadata, c"title".as_ptr(), title.as_ptr(), 0);
                }
                *list.add(number) = entry;
                (*self.context).nb_chapters = number as u32 + 1;
            }
        }
    }

    pub(crate) fn writer(&mut self) -> &mut AvioWriter {
        &mut self.writer
    }

    pub(crate) fn open_track(&mut self, track: usize, encoded: &Encoded) -> Result<(), Failure> {
        // SAFETY: the context is open, and has as many streams as there are tracks.
        unsafe {
            let stream = *(*self.context).streams.add(track);
            ffi::avcodec_parameters_copy((*stream).codecpar, encoded.parameters.as_ptr());
            (*(*stream).codecpar).codec_tag = match ((*(*stream).codecpar).codec_id, encoded.tag) {
                (_, Some(tag)) => tag,
                // The parameter sets stand in the header and nowhere else, which is what Apple's players take.
                (ffi::AVCodecID::AV_CODEC_ID_HEVC, None) => u32::from_le_bytes(*b"hvc1"),
                _ => 0,
            };
            (*stream).time_base = encoded.time_base.into();
            (*stream).sample_aspect_ratio = (*(*stream).codecpar).sample_aspect_ratio;
            if let Some(rate) = encoded.frame_rate {
                (*stream).avg_frame_rate = rate.into();
            }
            (*stream).disposition = encoded.disposition.flags();
            for (kind, bytes) in [
                (
                    ffi::AVPacketSideDataType::AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
                    &encoded.hdr_metadata.mastering_display,
                ),
                (ffi::AVPacketSideDataType::AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &encoded.hdr_metadata.content_light),
            ] {
                let Some(bytes) = bytes else { continue };
                let target = ffi::av_stream_new_side_data(stream, kind, bytes.len());
                if !target.is_null() {
                    ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
                }
            }
            for (key, value) in [(c"language", &encoded.language), (c"title", &encoded.title)] {
                if let Some(value) = value.as_deref().and_then(|value| CString::new(value).ok()) {
                    ffi::av_dict_set(&raw mut (*stream).metadata, key.as_ptr(), value.as_ptr(), 0);
                }
            }
        }
        self.tracks[track].encoded = Some(encoded.clone());
        self.tracks[track].has_durations = encoded.parameters.medium() == media::Type::Subtitle;
        if self.tracks.iter().all(|track| track.encoded.is_some()) {
            self.start()?;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), Failure> {
        // SAFETY: the context is live; the dictionary is made, used and freed here.
        let code = unsafe {
            let mut options = ptr::null_mut();
            for (name, value) in &self.options {
                ffi::av_dict_set(&raw mut options, name.as_ptr(), value.as_ptr(), 0);
            }
            let code = ffi::avformat_write_header(self.context, &raw mut options);
            ffi::av_dict_free(&raw mut options);
            code
        };
        self.check(code)?;
        self.is_started = true;
        for track in 0..self.tracks.len() {
            for packet in std::mem::take(&mut self.tracks[track].waiting) {
                self.write(track, packet)?;
            }
        }
        Ok(())
    }

    /// The unit in which the container writes a track's times.
    pub(crate) fn time_base(&self, track: usize) -> Rational {
        // SAFETY: the context has as many streams as there are tracks.
        unsafe { (**(*self.context).streams.add(track)).time_base.into() }
    }

    /// Takes a packet. Where its duration is the time to the next one of its track, it is written when that is there.
    pub(crate) fn push(&mut self, track: usize, packet: Packet) -> Result<(), Failure> {
        if self.tracks[track].has_durations {
            return self.write(track, packet);
        }
        self.tracks[track].durations.push(packet);
        while let Some(packet) = self.tracks[track].durations.ready() {
            self.write(track, packet)?;
        }
        Ok(())
    }

    /// Writes a packet whose duration is known.
    pub(crate) fn write(&mut self, track: usize, mut packet: Packet) -> Result<(), Failure> {
        use ffmpeg_next::packet::Mut;
        if !self.is_started {
            self.tracks[track].waiting.push(packet);
            return Ok(());
        }
        let from = self.tracks[track].encoded.as_ref().map_or(Rational(1, 1000), |encoded| encoded.time_base);
        packet.set_stream(track);
        packet.set_position(-1);
        packet.rescale_ts(from, self.time_base(track));
        // SAFETY: the context is open, and takes the packet's reference over.
        let code = unsafe { ffi::av_interleaved_write_frame(self.context, packet.as_mut_ptr()) };
        self.check(code)
    }

    /// Writes what waits of a track, whose last frame is shown until `end`, in seconds.
    pub(crate) fn close_track(&mut self, track: usize, end: Option<f64>) -> Result<(), Failure> {
        let Some(encoded) = &self.tracks[track].encoded else { return Ok(()) };
        let (end, usual) = (end.map(|end| encoded.ticks(end)), encoded.step);
        while let Some(packet) = self.tracks[track].durations.rest(end, usual) {
            self.write(track, packet)?;
        }
        Ok(())
    }

    /// Everything given so far as a fragment, in muxers that write fragments when they are told to.
    pub(crate) fn flush_fragment(&mut self) -> Result<(), Failure> {
        // SAFETY: the context is open; the first call empties the queue, the second makes the fragment.
        unsafe {
            let queued = ffi::av_interleaved_write_frame(self.context, ptr::null_mut());
            self.check(queued)?;
            let code = ffi::av_write_frame(self.context, ptr::null_mut());
            self.check(code.min(0))
        }
    }

    /// Writes what stands at the end. The output can be taken from the writer then.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        if !self.is_started {
            return Err(Failure::internal("a track of the result was never begun"));
        }
        // SAFETY: the context is open, and its header was written.
        let code = unsafe { ffi::av_write_trailer(self.context) };
        self.check(code.min(0))
    }

    fn check(&mut self, code: c_int) -> Result<(), Failure> {
        self.writer.check()?;
        if code < 0 {
            return Err(Failure::internal("the result cannot be put into its container").because(Error::from(code)));
        }
        Ok(())
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: the context is owned; its AVIO context is the writer's, and is freed after it.
        unsafe { ffi::avformat_free_context(self.context) };
    }
}

/// Muxers read back what they wrote, to move it. Nothing else is opened.
unsafe extern "C" fn open_again(
    context: *mut ffi::AVFormatContext,
    avio: *mut *mut ffi::AVIOContext,
    _url: *const c_char,
    flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    if flags & ffi::AVIO_FLAG_WRITE != 0 {
        return ffi::AVERROR(ffmpeg_next::error::EPERM);
    }
    // SAFETY: pb is the context of the muxer's writer, which outlives it, and this is a call of libavformat.
    let file = unsafe { written_file((*context).pb) };
    let Ok(file) = file else { return ffi::AVERROR(ffi::EIO) };
    let reader = open_file_reader(file);
    if reader.is_null() {
        return ffi::AVERROR(ffmpeg_next::error::ENOMEM);
    }
    // SAFETY: libavformat gives the place for it.
    unsafe { *avio = reader };
    0
}

unsafe extern "C" fn close_again(_context: *mut ffi::AVFormatContext, avio: *mut ffi::AVIOContext) -> c_int {
    // SAFETY: the only contexts that libavformat opens are those of open_again.
    unsafe { close_file_reader(avio) };
    0
}

/// One file, whose tracks come from several threads.
#[derive(Clone)]
pub(crate) struct SharedFile(Arc<Mutex<Muxer>>);

impl SharedFile {
    pub(crate) fn new(plan: &Plan, tracks: usize, output: OutputFile) -> Result<Self, Failure> {
        let is_webm = plan.options.container == Container::Webm;
        let mut muxer = Muxer::new(if is_webm { c"webm" } else { c"mp4" }, tracks, true)?;
        if is_webm {
            muxer.set_option(c"cues_to_front", "1");
        } else {
            muxer.set_option(c"movflags", "+faststart");
        }
        muxer.describe(plan.title.as_deref(), &plan.chapters);
        muxer.writer().begin(output);
        Ok(Self(Arc::new(Mutex::new(muxer))))
    }

    pub(crate) fn track(&self, number: usize) -> FileTrack {
        FileTrack { file: self.clone(), number }
    }

    /// All tracks are closed: the file is complete.
    pub(crate) fn finish(&self, content_type: &str, properties: Properties) -> Result<(), Failure> {
        let mut muxer = self.lock();
        muxer.finish()?;
        muxer.writer().take()?.finish(content_type, properties);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Muxer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A track of a [`SharedFile`].
pub(crate) struct FileTrack {
    file: SharedFile,
    number: usize,
}

impl Track for FileTrack {
    fn open(&mut self, encoded: &Encoded) -> Result<(), Failure> {
        self.file.lock().open_track(self.number, encoded)
    }

    fn write(&mut self, packet: Packet) -> Result<(), Failure> {
        self.file.lock().push(self.number, packet)
    }

    fn close(&mut self, end: Option<f64>) -> Result<(), Failure> {
        self.file.lock().close_track(self.number, end)
    }
}
