//! Opens a video over the job's own input, and says in words what is wrong with one that cannot be opened.

use std::ffi::{CStr, c_char, c_int};
use std::ops::Range;
use std::ptr;

use catalog::Format;
use contract::Failure;
use ffmpeg_next::codec::{self, Parameters};
use ffmpeg_next::ffi;
use ffmpeg_next::{Error, Packet, Rational, media};
use operation::Input;

use crate::avio::{AvioReader, Pattern, failure_of};
use crate::layout::{Layout, avi_size, matroska_size, mp4_layout, sample_entries};

/// Bytes and microseconds of the beginning that may be read to learn what the headers do not say.
const PROBE_BYTES: i64 = 2 << 20;
const PROBE_MICROSECONDS: i64 = 5_000_000;

/// Pixels of one picture, at most: twice 8K.
const MAX_PIXELS: i64 = 8192 * 4320 * 2;

/// Bytes of an MP4's index, at most: that of a day at sixty frames per second has some 100 MB.
const MAX_INDEX: u64 = 512 << 20;

/// A time outside of any video, in any time base.
const BEYOND: i64 = 1 << 60;

/// An open video. Reads only through the job's input: files and addresses named inside are never opened.
pub(crate) struct Demuxer {
    context: *mut ffi::AVFormatContext,
    avio: AvioReader,
    format: Format,
    layout: Layout,
    size: u64,
    expected_size: Option<u64>,
}

// SAFETY: the context is owned by this value alone and not bound to a thread.
unsafe impl Send for Demuxer {}

/// A stream's facts that do not change while it is read.
#[derive(Clone)]
pub(crate) struct StreamInfo {
    pub index: usize,
    pub kind: media::Type,
    pub codec: codec::Id,
    pub time_base: Rational,
    /// The time of its first packet, where it is known.
    pub start: Option<i64>,
    pub average_rate: Rational,
    pub base_rate: Rational,
    pub parameters: Parameters,
    /// Degrees that the picture is turned clockwise to be shown.
    pub rotation: u16,
    pub language: Option<String>,
    pub title: Option<String>,
    pub is_default: bool,
    pub is_attached_picture: bool,
}

// SAFETY: the parameters were made by this crate, hence have no owner that they count; they are only read and copied.
unsafe impl Send for StreamInfo {}
// SAFETY: as above.
unsafe impl Sync for StreamInfo {}

/// Where a key frame is, as far as the file's index says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub position: u64,
    /// In the stream's time base.
    pub timestamp: i64,
    /// Bytes; 0 where the index does not say.
    pub size: u64,
}

impl Demuxer {
    /// Opens the input. Of an MP4 this reads the headers of its outermost boxes and its index.
    pub(crate) fn open(input: &Input, pattern: Pattern) -> Result<Self, Failure> {
        if input.size() == 0 {
            return Err(Failure::invalid_input("the object is empty (0 bytes)"));
        }
        crate::initialise();
        let mut avio = AvioReader::new(input, pattern)?;
        let (layout, expected_size) = examine(input, &mut avio)?;
        let demuxer = demuxer_of(input.format())?;
        let mut context = alloc_context(&avio)?;
        // SAFETY: the context is given to avformat_open_input, which frees it where it fails.
        unsafe {
            let mut options = ptr::null_mut();
            for (key, value) in [(c"protocol_whitelist", c""), (c"enable_drefs", c"0")] {
                ffi::av_dict_set(&raw mut options, key.as_ptr(), value.as_ptr(), 0);
            }
            let code = ffi::avformat_open_input(&raw mut context, c"".as_ptr(), demuxer, &raw mut options);
            ffi::av_dict_free(&raw mut options);
            avio.check()?;
            if code < 0 {
                return Err(cannot_open(input, &layout, expected_size, code));
            }
        }
        Ok(Self { context, avio, format: input.format(), layout, size: input.size(), expected_size })
    }

    /// Reads as much of the beginning as is needed to know what the headers do not say.
    pub(crate) fn find_stream_info(&mut self) -> Result<(), Failure> {
        // SAFETY: the context is open.
        let code = unsafe { ffi::avformat_find_stream_info(self.context, ptr::null_mut()) };
        self.avio.check()?;
        if code < 0 {
            return Err(
                Failure::invalid_input("the streams of this file cannot be made out").because(Error::from(code))
            );
        }
        Ok(())
    }

    /// Timestamps and key frame marks are the file's own: no parser looks into the packets.
    pub(crate) fn trust_container(&mut self) {
        // SAFETY: the context is open.
        unsafe { (*self.context).flags |= ffi::AVFMT_FLAG_NOPARSE | ffi::AVFMT_FLAG_NOFILLIN };
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The size that the file says it has, or that reading it came to, where that is more than there is.
    pub(crate) fn missing_until(&mut self) -> Option<u64> {
        let furthest = Some(self.avio.furthest()).filter(|_| self.layout.is_fragmented);
        self.expected_size.max(furthest).filter(|expected| *expected > self.size)
    }

    pub(crate) fn avio(&mut self) -> &mut AvioReader {
        &mut self.avio
    }

    pub(crate) fn streams(&self) -> Vec<StreamInfo> {
        // SAFETY: the context is open; streams has nb_streams live pointers.
        unsafe {
            let count = (*self.context).nb_streams as usize;
            (0..count).map(|index| stream_info(*(*self.context).streams.add(index))).collect()
        }
    }

    /// The stream that a player would show. Cover pictures do not count.
    pub(crate) fn video_stream(&self) -> Result<StreamInfo, Failure> {
        let streams = self.streams();
        let videos =
            || streams.iter().filter(|stream| stream.kind == media::Type::Video && !stream.is_attached_picture);
        let best = videos().find(|stream| stream.is_default).or_else(|| videos().next());
        let Some(video) = best else {
            let others: Vec<_> = streams.iter().map(|stream| stream.codec.name()).collect();
            return Err(Failure::invalid_input(match others.as_slice() {
                [] => "the file has no streams".to_owned(),
                others => format!("the file has no video, only {}", others.join(", ")),
            }));
        };
        self.refuse_encryption(video.index)?;
        let (width, height) = video.dimensions();
        if i64::from(width) * i64::from(height) > MAX_PIXELS || width > 16384 || height > 16384 {
            return Err(Failure::invalid_input(format!(
                "the video says it has {width}×{height} pixels; at most 16384 on a side and {MAX_PIXELS} in all are taken"
            )));
        }
        Ok(video.clone())
    }

    /// Seconds, where the file says.
    pub(crate) fn duration(&self) -> Option<f64> {
        // SAFETY: the context is open.
        let duration = unsafe { (*self.context).duration };
        (duration > 0).then(|| duration as f64 / f64::from(ffi::AV_TIME_BASE))
    }

    /// Seconds at which the file begins, on its own clock.
    pub(crate) fn start(&self) -> f64 {
        // SAFETY: the context is open.
        let start = unsafe { (*self.context).start_time };
        if start == ffi::AV_NOPTS_VALUE { 0.0 } else { start as f64 / f64::from(ffi::AV_TIME_BASE) }
    }

    /// The same in microseconds.
    pub(crate) fn start_microseconds(&self) -> i64 {
        // SAFETY: the context is open.
        let start = unsafe { (*self.context).start_time };
        if start == ffi::AV_NOPTS_VALUE { 0 } else { start }
    }

    pub(crate) fn chapters(&self) -> Vec<(f64, f64, Option<String>)> {
        // SAFETY: the context is open; chapters has nb_chapters live pointers.
        unsafe {
            let count = (*self.context).nb_chapters as usize;
            (0..count)
                .map(|index| {
                    let chapter = *(*self.context).chapters.add(index);
                    let base = seconds(Rational::from((*chapter).time_base));
                    let title = dictionary_value((*chapter).metadata, c"title");
                    ((*chapter).start as f64 * base, (*chapter).end as f64 * base, title)
                })
                .collect()
        }
    }

    /// Bits per second of the whole file.
    pub(crate) fn bit_rate(&self) -> Option<i64> {
        // SAFETY: the context is open.
        Some(unsafe { (*self.context).bit_rate }).filter(|rate| *rate > 0)
    }

    /// Leaves all streams out but these.
    pub(crate) fn keep_only(&mut self, indices: &[usize]) {
        self.set_discard(|index| {
            if indices.contains(&index) { ffi::AVDiscard::AVDISCARD_DEFAULT } else { ffi::AVDiscard::AVDISCARD_ALL }
        });
    }

    /// Of one stream, leaves out what is not a key frame, as far as the demuxer can; the others altogether.
    pub(crate) fn keep_only_key_frames(&mut self, of: usize) {
        self.set_discard(
            |index| {
                if index == of { ffi::AVDiscard::AVDISCARD_NONKEY } else { ffi::AVDiscard::AVDISCARD_ALL }
            },
        );
    }

    fn set_discard(&mut self, discard: impl Fn(usize) -> ffi::AVDiscard) {
        // SAFETY: the context is open; streams has nb_streams live pointers.
        unsafe {
            for index in 0..(*self.context).nb_streams as usize {
                (**(*self.context).streams.add(index)).discard = discard(index);
            }
        }
    }

    /// The key frames that the file's index lists; none where it has no index.
    pub(crate) fn index(&mut self, stream: usize) -> Result<Vec<IndexEntry>, Failure> {
        if matches!(self.format, Format::Mkv | Format::Webm) {
            self.read_matroska_cues(stream)?;
        }
        // SAFETY: the context is open, and the stream index came from it; each entry is copied out at once.
        let entries = unsafe {
            let stream = *(*self.context).streams.add(stream);
            (0..ffi::avformat_index_get_entries_count(stream))
                .filter_map(|at| ffi::avformat_index_get_entry(stream, at).as_ref())
                .filter(|entry| {
                    let flags = entry.flags();
                    flags & ffi::AVINDEX_KEYFRAME != 0 && flags & ffi::AVINDEX_DISCARD_FRAME == 0
                })
                .filter(|entry| entry.timestamp.abs() != BEYOND)
                .map(|entry| IndexEntry {
                    position: u64::try_from(entry.pos).unwrap_or(0),
                    timestamp: entry.timestamp,
                    size: u64::try_from(entry.size()).unwrap_or(0),
                })
                .collect()
        };
        Ok(entries)
    }

    /// libavformat reads Matroska's cues at the first seek, and then reads clusters on from the last known key frame, to
    /// see whether there are more. Entries beyond both ends keep it from that.
    fn read_matroska_cues(&mut self, stream: usize) -> Result<(), Failure> {
        // SAFETY: the context is open, and the stream index came from it.
        unsafe {
            let pointer = *(*self.context).streams.add(stream);
            for timestamp in [-BEYOND, BEYOND] {
                ffi::av_add_index_entry(pointer, 0, timestamp, 0, 0, ffi::AVINDEX_KEYFRAME as c_int);
            }
        }
        self.seek(stream, -BEYOND)
    }

    /// Goes to the key frame at or before a time in the stream's time base.
    pub(crate) fn seek(&mut self, stream: usize, timestamp: i64) -> Result<(), Failure> {
        // SAFETY: the context is open.
        let code =
            unsafe { ffi::av_seek_frame(self.context, stream as c_int, timestamp, ffi::AVSEEK_FLAG_BACKWARD as c_int) };
        self.avio.check()?;
        if code < 0 {
            return Err(Failure::invalid_input(format!("the file cannot be read from time {timestamp} on"))
                .because(Error::from(code)));
        }
        Ok(())
    }

    /// The next packet; none at the end. Damage that the demuxer cannot get over is the end, too.
    pub(crate) fn read(&mut self) -> Result<Option<Packet>, Failure> {
        use ffmpeg_next::packet::Mut;
        let mut packet = Packet::empty();
        // SAFETY: the context is open and the packet is a live, blank one.
        let code = unsafe { ffi::av_read_frame(self.context, packet.as_mut_ptr()) };
        self.avio.check()?;
        match code {
            0.. => Ok(Some(packet)),
            ffi::AVERROR_EOF | ffi::AVERROR_INVALIDDATA => Ok(None),
            code if code == ffi::AVERROR(ffmpeg_next::error::ENOMEM) => Err(Failure::internal("out of memory")),
            _ => Ok(None),
        }
    }

    /// libav decodes encrypted samples to noise or to nothing, without saying why.
    fn refuse_encryption(&self, video: usize) -> Result<(), Failure> {
        // SAFETY: the context is open, and the stream index came from it.
        let has_key_data = unsafe {
            let stream = *(*self.context).streams.add(video);
            let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INIT_INFO;
            !ffi::av_stream_get_side_data(stream, kind, ptr::null_mut()).is_null()
        };
        if has_key_data && matches!(self.format, Format::Mkv | Format::Webm) {
            return Err(Failure::invalid_input("the video is encrypted (Matroska content encryption)"));
        }
        Ok(())
    }
}

impl Drop for Demuxer {
    fn drop(&mut self) {
        // SAFETY: the context is open and owned; the AVIO context is not freed by it (AVFMT_FLAG_CUSTOM_IO) but after it.
        unsafe { ffi::avformat_close_input(&raw mut self.context) };
    }
}

impl StreamInfo {
    pub(crate) fn dimensions(&self) -> (i32, i32) {
        // SAFETY: the parameters own a live AVCodecParameters.
        unsafe { ((*self.parameters.as_ptr()).width, (*self.parameters.as_ptr()).height) }
    }

    /// A decoder of this stream, not opened yet.
    pub(crate) fn decoder(&self, threads: usize) -> Result<codec::decoder::Decoder, Failure> {
        let mut context = codec::Context::from_parameters(self.parameters.clone())
            .map_err(|error| Failure::internal("cannot make a decoder").because(error))?;
        context.set_threading(codec::threading::Config {
            kind: codec::threading::Type::Frame,
            count: threads,
            ..Default::default()
        });
        // SAFETY: the context is live and not open yet.
        unsafe {
            (*context.as_mut_ptr()).max_pixels = MAX_PIXELS;
            (*context.as_mut_ptr()).pkt_timebase = self.time_base.into();
        }
        Ok(context.decoder())
    }

    /// Says which decoder is missing.
    pub(crate) fn require_decoder(&self) -> Result<(), Failure> {
        if codec::decoder::find(self.codec).is_some() {
            return Ok(());
        }
        // SAFETY: the parameters own a live AVCodecParameters.
        let tag = unsafe { (*self.parameters.as_ptr()).codec_tag }.to_le_bytes();
        let name = match self.codec {
            codec::Id::None => "unknown".to_owned(),
            id => id.name().to_owned(),
        };
        Err(Failure::invalid_input(format!(
            "the {:?} codec of stream {} is {name} (tag {:?}), for which there is no decoder",
            self.kind,
            self.index,
            String::from_utf8_lossy(&tag)
        )))
    }
}

/// Seconds of one unit of a time base.
pub(crate) fn seconds(time_base: Rational) -> f64 {
    f64::from(time_base.numerator()) / f64::from(time_base.denominator().max(1))
}

/// Looks at the outermost structure: the layout, and the size that the file says it has.
fn examine(input: &Input, avio: &mut AvioReader) -> Result<(Layout, Option<u64>), Failure> {
    let reader = avio.reader();
    let size = input.size();
    match input.format() {
        Format::Mp4 | Format::Mov => {
            let layout = mp4_layout(size, |offset, buffer| reader.read_exact_at(offset, buffer)).map_err(failure_of)?;
            let Some(moov) = layout.moov.clone() else {
                return Err(without_index(&layout, size));
            };
            if moov.end - moov.start > MAX_INDEX {
                return Err(Failure::invalid_input(format!(
                    "the index (moov) says it has {} bytes; at most {MAX_INDEX} are taken",
                    moov.end - moov.start
                )));
            }
            refuse_encrypted_tracks(&moov, avio)?;
            let expected = layout.expected_size;
            Ok((layout, expected))
        }
        format => {
            let mut head = vec![0; 256.min(size as usize)];
            reader.read_exact_at(0, &mut head).map_err(failure_of)?;
            let expected = match format {
                Format::Mkv | Format::Webm => matroska_size(&head),
                Format::Avi => avi_size(&head),
                _ => None,
            };
            Ok((Layout::default(), expected.filter(|expected| *expected > size)))
        }
    }
}

/// Brings the whole index in, in one request, and looks at the tracks' sample entries.
fn refuse_encrypted_tracks(moov: &Range<u64>, avio: &mut AvioReader) -> Result<(), Failure> {
    avio.reader().fetch(moov.clone()).map_err(failure_of)?;
    let mut bytes = vec![0; (moov.end - moov.start) as usize];
    avio.reader().read_exact_at(moov.start, &mut bytes).map_err(failure_of)?;
    let scheme = sample_entries(&bytes).into_iter().find_map(|entry| match &entry {
        b"encv" => Some("common encryption, ISO/IEC 23001-7"),
        b"drmi" => Some("FairPlay"),
        _ => None,
    });
    match scheme {
        Some(scheme) => Err(Failure::invalid_input(format!("the video is encrypted ({scheme}); it cannot be decoded"))),
        None => Ok(()),
    }
}

fn without_index(layout: &Layout, size: u64) -> Failure {
    Failure::invalid_input(match (layout.has_media, layout.expected_size) {
        (true, Some(expected)) => format!(
            "the file is truncated: of at least {expected} bytes {size} are there ({}), and its index (moov), which \
             stands at the end, is not among them",
            percent(size, expected)
        ),
        (false, Some(expected)) => {
            format!("the file is truncated: a box ends at byte {expected}, and {size} bytes are there")
        }
        (true, None) => "the file has media data but no index (moov): the recording was not finished".to_owned(),
        (false, None) => {
            "not a video: it begins like an MP4, but has neither an index (moov) nor media data".to_owned()
        }
    })
}

/// How much is there, in words.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

fn cannot_open(input: &Input, layout: &Layout, expected: Option<u64>, code: c_int) -> Failure {
    let name = input.format().name();
    let message = match expected {
        Some(expected) => format!(
            "the file is truncated: of {expected} bytes {} are there ({}), too few to read it as {name}",
            input.size(),
            percent(input.size(), expected)
        ),
        None if layout.moov.is_some() => "the index (moov) of the file is damaged".to_owned(),
        None => format!("the file begins like {name}, but cannot be read as such"),
    };
    Failure::invalid_input(message).because(Error::from(code))
}

/// The one demuxer for the format by content: nothing is guessed, and playlists that name other files are not among them.
fn demuxer_of(format: Format) -> Result<*const ffi::AVInputFormat, Failure> {
    let name = match format {
        Format::Mp4 | Format::Mov => c"mov",
        Format::Mkv | Format::Webm => c"matroska",
        Format::MpegTs => c"mpegts",
        Format::Avi => c"avi",
        other => return Err(Failure::invalid_input(format!("{} is no video format", other.name()))),
    };
    // SAFETY: the name is a C string.
    let demuxer = unsafe { ffi::av_find_input_format(name.as_ptr()) };
    if demuxer.is_null() {
        return Err(Failure::internal(format!("this libavformat has no demuxer {name:?}")));
    }
    Ok(demuxer)
}

fn alloc_context(avio: &AvioReader) -> Result<*mut ffi::AVFormatContext, Failure> {
    // SAFETY: a fresh context, whose fields are ours to set.
    unsafe {
        let context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(Failure::internal("out of memory"));
        }
        (*context).pb = avio.as_ptr();
        (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
        (*context).io_open = Some(refuse_to_open);
        (*context).probesize = PROBE_BYTES;
        (*context).max_analyze_duration = PROBE_MICROSECONDS;
        Ok(context)
    }
}

/// Whatever else a file names is not opened.
unsafe extern "C" fn refuse_to_open(
    _context: *mut ffi::AVFormatContext,
    _avio: *mut *mut ffi::AVIOContext,
    _url: *const c_char,
    _flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    ffi::AVERROR(ffmpeg_next::error::EPERM)
}

unsafe fn stream_info(stream: *mut ffi::AVStream) -> StreamInfo {
    // SAFETY: the caller gives a live stream; the parameters are copied out of it.
    unsafe {
        let mut parameters = Parameters::new();
        ffi::avcodec_parameters_copy(parameters.as_mut_ptr(), (*stream).codecpar);
        let matrix =
            ffi::av_stream_get_side_data(stream, ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX, ptr::null_mut());
        let rotation = if matrix.is_null() { 0.0 } else { -ffi::av_display_rotation_get(matrix.cast()) };
        let quarter_turns = if rotation.is_finite() { (rotation / 90.0).round().rem_euclid(4.0) } else { 0.0 };
        StreamInfo {
            index: (*stream).index as usize,
            kind: (*(*stream).codecpar).codec_type.into(),
            codec: (*(*stream).codecpar).codec_id.into(),
            time_base: (*stream).time_base.into(),
            start: Some((*stream).start_time).filter(|start| *start != ffi::AV_NOPTS_VALUE),
            average_rate: (*stream).avg_frame_rate.into(),
            base_rate: (*stream).r_frame_rate.into(),
            parameters,
            rotation: quarter_turns as u16 * 90,
            language: dictionary_value((*stream).metadata, c"language").filter(|language| language != "und"),
            title: dictionary_value((*stream).metadata, c"title"),
            is_default: (*stream).disposition & ffi::AV_DISPOSITION_DEFAULT as c_int != 0,
            is_attached_picture: (*stream).disposition & ffi::AV_DISPOSITION_ATTACHED_PIC as c_int != 0,
        }
    }
}

unsafe fn dictionary_value(dictionary: *mut ffi::AVDictionary, key: &CStr) -> Option<String> {
    // SAFETY: the dictionary is live or null, both of which av_dict_get takes; the value is copied out at once.
    unsafe {
        let entry = ffi::av_dict_get(dictionary, key.as_ptr(), ptr::null(), 0);
        (!entry.is_null()).then(|| CStr::from_ptr((*entry).value).to_string_lossy().into_owned())
    }
}
