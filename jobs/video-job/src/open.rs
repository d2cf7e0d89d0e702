//! Opens a video over the job's own input, and says in words what is wrong with one that cannot be opened.

use std::ffi::{CStr, c_char, c_int};
use std::ops::Range;
use std::ptr;

use catalog::Format;
use contract::Failure;
use ffmpeg_next::codec::{self, Parameters};
use ffmpeg_next::ffi;
use ffmpeg_next::frame::Video;
use ffmpeg_next::{Error, Packet, Rational, media};
use operation::Input;

use crate::avio::{AvioReader, Pattern, failure_of};
use crate::layout::{Layout, avi_size, has_unknown_duration, matroska_size, mp4_layout, sample_entries};
use crate::orientation::Orientation;
use crate::timeline::Timeline;

/// Bytes and microseconds of the beginning that may be read to learn what the headers do not say.
const PROBE_BYTES: i64 = 2 << 20;
const PROBE_MICROSECONDS: i64 = 5_000_000;

/// Pixels of one picture, at most: twice 8K.
pub(crate) const MAX_PIXELS: i64 = 8192 * 4320 * 2;

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
    /// Of formats whose clock may start again.
    timeline: Option<Timeline>,
    /// Microseconds at which the file begins, where this was found out otherwise than by libavformat.
    known_start: Option<i64>,
    breaks_off: bool,
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
    /// Its length, where the container says it.
    pub duration: Option<i64>,
    pub average_rate: Rational,
    pub base_rate: Rational,
    pub parameters: Parameters,
    /// How the picture is turned and mirrored to be shown.
    pub orientation: Orientation,
    /// The shape of a pixel as the container says it, which goes before what the codec says.
    pub container_aspect: Option<Rational>,
    pub language: Option<String>,
    pub title: Option<String>,
    pub disposition: Disposition,
    pub is_attached_picture: bool,
    /// Whether some of the picture can be seen through.
    pub has_alpha: bool,
    /// What the container says of the display that a picture of high dynamic range was graded on.
    pub hdr_metadata: HdrMetadata,
}

/// What a track is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Disposition {
    pub is_default: bool,
    /// Subtitles that are shown even to those who want none: of foreign words, signs.
    pub is_forced: bool,
    /// libavformat's flags of what a player tells its user: commentary, for the deaf, for the blind.
    purpose: c_int,
}

/// The flags that [`Disposition`] keeps as they are.
const PURPOSES: c_int = ffi::AV_DISPOSITION_COMMENT
    | ffi::AV_DISPOSITION_HEARING_IMPAIRED
    | ffi::AV_DISPOSITION_VISUAL_IMPAIRED
    | ffi::AV_DISPOSITION_DUB
    | ffi::AV_DISPOSITION_ORIGINAL
    | ffi::AV_DISPOSITION_CAPTIONS
    | ffi::AV_DISPOSITION_DESCRIPTIONS;

impl Disposition {
    fn of_flags(flags: c_int) -> Self {
        let has = |flag: c_int| flags & flag != 0;
        Self {
            is_default: has(ffi::AV_DISPOSITION_DEFAULT),
            is_forced: has(ffi::AV_DISPOSITION_FORCED),
            purpose: flags & PURPOSES,
        }
    }

    /// Captions, as people who do not hear need them.
    pub(crate) fn of_captions(is_default: bool) -> Self {
        Self { is_default, is_forced: false, purpose: ffi::AV_DISPOSITION_CAPTIONS }
    }

    /// As libavformat's flags.
    pub(crate) fn flags(self) -> c_int {
        let flag = |is_set, flag: c_int| if is_set { flag } else { 0 };
        self.purpose
            | flag(self.is_default, ffi::AV_DISPOSITION_DEFAULT)
            | flag(self.is_forced, ffi::AV_DISPOSITION_FORCED)
    }
}

/// The metadata of HDR10 in libavutil's structures, as bytes: `AVMasteringDisplayMetadata` (SMPTE ST 2086) and
/// `AVContentLightMetadata` (CTA-861.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HdrMetadata {
    pub mastering_display: Option<Vec<u8>>,
    pub content_light: Option<Vec<u8>>,
}

/// A chapter: its beginning and its end in seconds on the file's clock, and its name.
#[derive(Debug, Clone)]
pub(crate) struct Chapter {
    pub start: f64,
    pub end: f64,
    pub title: Option<String>,
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
        // Ogg's checksums are counted over what is buffered, which is nothing where reads go straight through.
        let pattern = if matches!(input.format(), Format::Ogv | Format::Ogg) { Pattern::Sequential } else { pattern };
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
        // SAFETY: the context is open.
        let flags = unsafe { (*(*context).iformat).flags };
        Ok(Self {
            context,
            avio,
            format: input.format(),
            layout,
            size: input.size(),
            expected_size,
            timeline: (flags & ffi::AVFMT_TS_DISCONT as c_int != 0).then(Timeline::default),
            known_start: None,
            breaks_off: false,
        })
    }

    /// Reads as much of the beginning as is needed to know what the headers do not say.
    pub(crate) fn find_stream_info(&mut self) -> Result<(), Failure> {
        // SAFETY: the context is open.
        let code = unsafe { ffi::avformat_find_stream_info(self.context, ptr::null_mut()) };
        self.avio.check()?;
        if code < 0 {
            return Err(
                Failure::invalid_input("the streams of this file cannot be identified").because(Error::from(code))
            );
        }
        Ok(())
    }

    /// Timestamps and key frame marks are the file's own: no parser looks into the packets.
    pub(crate) fn trust_container(&mut self) {
        // SAFETY: the context is open.
        unsafe { (*self.context).flags |= ffi::AVFMT_FLAG_NOPARSE | ffi::AVFMT_FLAG_NOFILLIN };
    }

    /// Times that a file does not have are counted from those around them, for packets that are copied.
    pub(crate) fn complete_times(&mut self) {
        // SAFETY: the context is open.
        unsafe { (*self.context).flags |= ffi::AVFMT_FLAG_GENPTS };
    }

    /// Whether this is a stream of which a recording may begin and end anywhere.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.format, Format::MpegTs | Format::MpegPs)
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

    /// Whether reading ended at bytes that the demuxer could not make sense of.
    pub(crate) fn breaks_off(&self) -> bool {
        self.breaks_off
    }

    /// How often the file's clock has started again in what was read since the last seek.
    pub(crate) fn clock_jumps(&self) -> u32 {
        self.timeline.as_ref().map_or(0, Timeline::jumps)
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

    /// The stream that a player would show: no cover, marked as such or not, where there is anything else; then what can be
    /// decoded; then the largest, with a bonus for the one that the file calls its default, as the ffmpeg program chooses.
    pub(crate) fn video_stream(&self) -> Result<StreamInfo, Failure> {
        const BONUS_OF_DEFAULT: i64 = 5_000_000;
        let streams = self.streams();
        let videos = streams.iter().filter(|stream| stream.kind == media::Type::Video && !stream.is_attached_picture);
        let rank = |stream: &StreamInfo| {
            let (width, height) = stream.dimensions();
            let bonus = if stream.disposition.is_default { BONUS_OF_DEFAULT } else { 0 };
            (!stream.is_like_a_cover(), stream.require_decoder().is_ok(), i64::from(width) * i64::from(height) + bonus)
        };
        // Of equal ones, the first.
        let best = videos.rev().max_by_key(|stream| rank(stream));
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
                "the video has {width}×{height} pixels by its header; the limit is 16384 on a side and {MAX_PIXELS} in all"
            )));
        }
        Ok(video.clone())
    }

    /// Seconds from the beginning, where the file says.
    pub(crate) fn duration(&self) -> Option<f64> {
        if self.layout.has_unknown_duration {
            return None;
        }
        // SAFETY: the context is open.
        let duration = unsafe { (*self.context).duration };
        let duration = (duration > 0).then(|| duration as f64 / f64::from(ffi::AV_TIME_BASE))?;
        // Matroska's duration is that of its segment. Many writers mean the end on the file's clock, which may begin anywhere.
        let is_matroska = matches!(self.format, Format::Mkv | Format::Webm);
        let start = self.start();
        Some(if is_matroska && start > 0.0 && duration > start { duration - start } else { duration })
    }

    /// Seconds at which the file begins, on its own clock.
    pub(crate) fn start(&self) -> f64 {
        self.start_microseconds() as f64 / f64::from(ffi::AV_TIME_BASE)
    }

    /// The same in microseconds.
    pub(crate) fn start_microseconds(&self) -> i64 {
        // SAFETY: the context is open.
        let start = unsafe { (*self.context).start_time };
        self.known_start.or(Some(start).filter(|start| *start != ffi::AV_NOPTS_VALUE)).unwrap_or(0)
    }

    /// Says when the file begins, in seconds on its own clock, where libavformat has not looked.
    pub(crate) fn set_start(&mut self, seconds: f64) {
        self.known_start = Some((seconds * f64::from(ffi::AV_TIME_BASE)) as i64);
    }

    /// The name of the whole.
    pub(crate) fn title(&self) -> Option<String> {
        // SAFETY: the context is open.
        unsafe { dictionary_value((*self.context).metadata, c"title") }.filter(|title| !title.trim().is_empty())
    }

    pub(crate) fn chapters(&self) -> Vec<Chapter> {
        // SAFETY: the context is open; chapters has nb_chapters live pointers.
        unsafe {
            let count = (*self.context).nb_chapters as usize;
            (0..count)
                .map(|index| {
                    let chapter = *(*self.context).chapters.add(index);
                    let base = seconds(Rational::from((*chapter).time_base));
                    Chapter {
                        start: (*chapter).start as f64 * base,
                        end: (*chapter).end as f64 * base,
                        title: dictionary_value((*chapter).metadata, c"title"),
                    }
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
    pub(crate) fn index(&mut self, stream: usize) -> Result<Index, Failure> {
        if matches!(self.format, Format::Mkv | Format::Webm) {
            self.read_matroska_cues(stream)?;
        }
        let mut index = Index::default();
        // SAFETY: the context is open, and the stream index came from it; each entry is copied out at once.
        unsafe {
            let stream = *(*self.context).streams.add(stream);
            let mut is_first = true;
            for entry in (0..ffi::avformat_index_get_entries_count(stream))
                .filter_map(|at| ffi::avformat_index_get_entry(stream, at).as_ref())
                .filter(|entry| entry.timestamp.abs() != BEYOND)
            {
                let is_key = entry.flags() & ffi::AVINDEX_KEYFRAME != 0;
                // Read for what it gives to others, but not shown: an edit list begins or ends behind it.
                if entry.flags() & ffi::AVINDEX_DISCARD_FRAME != 0 {
                    continue;
                }
                if std::mem::take(&mut is_first) && !is_key {
                    index.begins_within = Some(entry.timestamp);
                }
                if is_key {
                    index.entries.push(IndexEntry {
                        position: u64::try_from(entry.pos).unwrap_or(0),
                        timestamp: entry.timestamp,
                        size: u64::try_from(entry.size()).unwrap_or(0),
                    });
                }
            }
        }
        Ok(index)
    }

    /// The earliest time that the index of any stream of audio or pictures names, in seconds.
    pub(crate) fn first_listed(&self) -> Option<f64> {
        // SAFETY: the context is open; each entry is copied out at once.
        let first = |index: usize| unsafe {
            let stream = *(*self.context).streams.add(index);
            ffi::avformat_index_get_entry(stream, 0).as_ref().map(|entry| entry.timestamp)
        };
        let streams = self.streams().into_iter();
        streams
            .filter(|stream| matches!(stream.kind, media::Type::Video | media::Type::Audio))
            .filter_map(|stream| Some(first(stream.index)? as f64 * seconds(stream.time_base)))
            .min_by(f64::total_cmp)
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
        if let Some(timeline) = &mut self.timeline {
            timeline.forget();
        }
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
            0.. => {
                self.correct_times(&mut packet);
                Ok(Some(packet))
            }
            ffi::AVERROR_EOF => Ok(None),
            code if code == ffi::AVERROR(ffmpeg_next::error::ENOMEM) => Err(Failure::internal("out of memory")),
            _ => {
                self.breaks_off = true;
                Ok(None)
            }
        }
    }

    /// Times go on where the file's clock starts again.
    fn correct_times(&mut self, packet: &mut Packet) {
        const MICROSECONDS: ffi::AVRational = ffi::AVRational { num: 1, den: 1_000_000 };
        let (Some(timeline), Some(time)) = (&mut self.timeline, packet.dts().or(packet.pts())) else { return };
        // SAFETY: the context is open, and the packet is of one of its streams; the rest is arithmetic on plain numbers.
        unsafe {
            let stream = *(*self.context).streams.add(packet.stream());
            let base = (*stream).time_base;
            let kind = media::Type::from((*(*stream).codecpar).codec_type);
            let in_microseconds = |time| ffi::av_rescale_q(time, base, MICROSECONDS);
            let correction = timeline.correction(
                packet.stream(),
                in_microseconds(time),
                in_microseconds(packet.duration()),
                matches!(kind, media::Type::Video | media::Type::Audio),
            );
            if correction != 0 {
                let correction = ffi::av_rescale_q(correction, MICROSECONDS, base);
                packet.set_dts(packet.dts().map(|time| time + correction));
                packet.set_pts(packet.pts().map(|time| time + correction));
            }
        }
    }

    /// libav decodes encrypted samples to noise or to nothing, without saying why.
    pub(crate) fn refuse_encryption(&self, stream: usize) -> Result<(), Failure> {
        // SAFETY: the context is open, and the stream index came from it.
        let has_key_data = unsafe {
            let stream = *(*self.context).streams.add(stream);
            let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INIT_INFO;
            !ffi::av_stream_get_side_data(stream, kind, ptr::null_mut()).is_null()
        };
        if has_key_data && matches!(self.format, Format::Mkv | Format::Webm) {
            return Err(Failure::invalid_input("the file is encrypted (Matroska content encryption)"));
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

/// What the index of a file says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// The key frames that are shown.
    pub entries: Vec<IndexEntry>,
    /// The time of the first frame that is shown, where it is no key frame: a clip that was cut out without being encoded
    /// again has what comes before it, but does not show it.
    pub begins_within: Option<i64>,
}

impl StreamInfo {
    /// The codec of a stream in a file of that format. Of an animation that is the format itself.
    pub(crate) fn codec_name(&self, format: Format) -> &'static str {
        if crate::animation::is_animation(format) { format.name() } else { self.codec.name() }
    }

    pub(crate) fn dimensions(&self) -> (i32, i32) {
        // SAFETY: the parameters own a live AVCodecParameters.
        unsafe { ((*self.parameters.as_ptr()).width, (*self.parameters.as_ptr()).height) }
    }

    /// Whether this may be a cover that was put into the file as a track: beside a film, what an image's codec wrote is one.
    fn is_like_a_cover(&self) -> bool {
        use codec::Id;
        matches!(self.codec, Id::MJPEG | Id::PNG | Id::BMP | Id::WEBP | Id::TIFF | Id::GIF)
    }

    /// Width to height of a pixel, as numerator and denominator; none where nothing says it. `of_frame` is what the codec
    /// says.
    pub(crate) fn pixel_aspect(&self, of_frame: Rational) -> Option<Rational> {
        let is_known = |aspect: &Rational| aspect.numerator() > 0 && aspect.denominator() > 0;
        self.container_aspect.filter(is_known).or(Some(of_frame).filter(is_known))
    }

    /// The same before a frame is there.
    pub(crate) fn stored_pixel_aspect(&self) -> Option<Rational> {
        // SAFETY: the parameters own a live AVCodecParameters.
        self.pixel_aspect(unsafe { (*self.parameters.as_ptr()).sample_aspect_ratio }.into())
    }

    /// Gives a decoded frame the shape of its pixels.
    pub(crate) fn correct_aspect(&self, frame: &mut Video) {
        if let Some(aspect) = self.pixel_aspect(frame.aspect_ratio()) {
            // SAFETY: the frame owns a live AVFrame.
            unsafe { (*frame.as_mut_ptr()).sample_aspect_ratio = aspect.into() };
        }
    }

    /// Whether a decoder takes the stream, and if not, why.
    pub(crate) fn check_decoder(&self) -> Result<(), String> {
        self.require_decoder().map_err(|failure| failure.to_string())?;
        let mut context =
            codec::Context::from_parameters(self.parameters.clone()).map_err(|error| error.to_string())?;
        // SAFETY: the context is live and not open yet, and is freed by its owner.
        let code = unsafe {
            (*context.as_mut_ptr()).pkt_timebase = self.time_base.into();
            let decoder = ffi::avcodec_find_decoder(self.codec.into());
            ffi::avcodec_open2(context.as_mut_ptr(), decoder, ptr::null_mut())
        };
        match code {
            0.. => Ok(()),
            code => Err(format!("its decoder cannot be set up: {}", Error::from(code))),
        }
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
            "no decoder found for the codec of stream {}: {name} (tag {:?})",
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
        Format::Mp4 | Format::Mov | Format::M4a => {
            let mut layout =
                mp4_layout(size, |offset, buffer| reader.read_exact_at(offset, buffer)).map_err(failure_of)?;
            let Some(moov) = layout.moov.clone() else {
                return Err(without_index(&layout, size));
            };
            if moov.end - moov.start > MAX_INDEX {
                return Err(Failure::invalid_input(format!(
                    "the index (moov) has {} bytes; the limit is {MAX_INDEX}",
                    moov.end - moov.start
                )));
            }
            examine_index(&moov, &mut layout, avio)?;
            let expected = layout.expected_size;
            Ok((layout, expected))
        }
        format => {
            let mut head = vec![0; 256.min(size as usize)];
            reader.read_exact_at(0, &mut head).map_err(failure_of)?;
            let expected = match format {
                Format::Mkv | Format::Webm => matroska_size(&head),
                Format::Avi => avi_size(&head),
                // What was written to a pipe says that it has no end.
                Format::Wav => avi_size(&head).filter(|size| *size < 0xFFFF_FFF0),
                _ => None,
            };
            Ok((Layout::default(), expected.filter(|expected| *expected > size)))
        }
    }
}

/// Brings the whole index in, in one request, and looks at what libavformat does not tell: encryption, and a duration that
/// is none.
fn examine_index(moov: &Range<u64>, layout: &mut Layout, avio: &mut AvioReader) -> Result<(), Failure> {
    avio.reader().fetch(moov.clone()).map_err(failure_of)?;
    let mut bytes = vec![0; (moov.end - moov.start) as usize];
    avio.reader().read_exact_at(moov.start, &mut bytes).map_err(failure_of)?;
    layout.has_unknown_duration = has_unknown_duration(&bytes);
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
            "the file is truncated: {size} of at least {expected} bytes are present ({}), and the index (moov), which belongs at \
             the end, is missing",
            percent(size, expected)
        ),
        (false, Some(expected)) => {
            format!("the file is truncated: a box ends at byte {expected}, but the file has {size} bytes")
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
            "the file is truncated: {} of {expected} bytes are present ({}), too few to read it as {name}",
            input.size(),
            percent(input.size(), expected)
        ),
        None if layout.moov.is_some() => "the index (moov) of the file is damaged".to_owned(),
        None => format!("the file begins like {name} but cannot be read as {name}"),
    };
    Failure::invalid_input(message).because(Error::from(code))
}

/// The one demuxer for the format by content: nothing is guessed, and playlists that name other files are not among them.
/// Animations come as Matroska ([`crate::animation`]).
fn demuxer_of(format: Format) -> Result<*const ffi::AVInputFormat, Failure> {
    let name = match format {
        Format::Mp4 | Format::Mov | Format::M4a => c"mov",
        Format::Mkv | Format::Webm | Format::Gif | Format::Webp => c"matroska",
        Format::MpegTs => c"mpegts",
        Format::Avi => c"avi",
        Format::Flv => c"flv",
        Format::Asf => c"asf",
        Format::MpegPs => c"mpeg",
        Format::Mxf => c"mxf",
        Format::Ogv | Format::Ogg => c"ogg",
        Format::H264 => c"h264",
        Format::Hevc => c"hevc",
        Format::Ivf => c"ivf",
        Format::Dv => c"dv",
        Format::Mp3 => c"mp3",
        Format::Aac => c"aac",
        Format::Wav => c"wav",
        Format::Flac => c"flac",
        other => return Err(Failure::invalid_input(format!("{} is not a video format", other.name()))),
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
        let side_data = |kind| {
            let mut size = 0;
            let data = ffi::av_stream_get_side_data(stream, kind, &raw mut size);
            (!data.is_null()).then(|| std::slice::from_raw_parts(data, size).to_vec())
        };
        let matrix = side_data(ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX).filter(|bytes| bytes.len() >= 36);
        let orientation = matrix.map_or_else(Orientation::default, |bytes| {
            let number = |at: usize| i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
            Orientation::of_matrix(&std::array::from_fn(|at| number(at * 4)))
        });
        let aspect = Rational::from((*stream).sample_aspect_ratio);
        StreamInfo {
            index: (*stream).index as usize,
            kind: (*(*stream).codecpar).codec_type.into(),
            codec: (*(*stream).codecpar).codec_id.into(),
            time_base: (*stream).time_base.into(),
            start: Some((*stream).start_time).filter(|start| *start != ffi::AV_NOPTS_VALUE),
            average_rate: (*stream).avg_frame_rate.into(),
            base_rate: (*stream).r_frame_rate.into(),
            parameters,
            duration: Some((*stream).duration).filter(|duration| *duration > 0),
            orientation,
            container_aspect: (aspect.numerator() > 0 && aspect.denominator() > 0).then_some(aspect),
            language: dictionary_value((*stream).metadata, c"language").filter(|language| language != "und"),
            title: dictionary_value((*stream).metadata, c"title"),
            disposition: Disposition::of_flags((*stream).disposition),
            is_attached_picture: (*stream).disposition & ffi::AV_DISPOSITION_ATTACHED_PIC as c_int != 0,
            has_alpha: has_alpha(stream),
            hdr_metadata: HdrMetadata {
                mastering_display: side_data(ffi::AVPacketSideDataType::AV_PKT_DATA_MASTERING_DISPLAY_METADATA),
                content_light: side_data(ffi::AVPacketSideDataType::AV_PKT_DATA_CONTENT_LIGHT_LEVEL),
            },
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

/// By the pixel format, or by the word with which WebM marks VP8 and VP9 that carry a second picture of alpha.
unsafe fn has_alpha(stream: *mut ffi::AVStream) -> bool {
    // SAFETY: the caller gives a live stream; descriptors are constants of libavutil.
    unsafe {
        let format = (*(*stream).codecpar).format;
        let is_video = (*(*stream).codecpar).codec_type == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO;
        // Palettes have alpha as a matter of form.
        let by_format = is_video && format >= 0 && {
            let format = std::mem::transmute::<i32, ffi::AVPixelFormat>(format);
            let descriptor = ffi::av_pix_fmt_desc_get(format);
            !descriptor.is_null()
                && format != ffi::AVPixelFormat::AV_PIX_FMT_PAL8
                && (*descriptor).flags & u64::from(ffi::AV_PIX_FMT_FLAG_ALPHA as u32) != 0
        };
        by_format || dictionary_value((*stream).metadata, c"alpha_mode").is_some_and(|mode| mode.trim() == "1")
    }
}
