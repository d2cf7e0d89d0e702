//! Videos made by libav for the tests: each frame carries its number, so that a picture can be told to be the right one.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use catalog::Format;
use contract::{Failure, Properties};
use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::{Pixel, Sample};
use ffmpeg_next::{ChannelLayout, Dictionary, Packet, Rational, codec, format, frame, media};
use operation::{Input, InputSource, Weights};
use operation_testing::Finished;

/// What a made video is like.
#[derive(Clone)]
pub struct Fixture {
    pub width: u32,
    pub height: u32,
    pub frames: u32,
    pub rate: u32,
    pub gop: u32,
    pub codec: &'static str,
    pub audio_tracks: usize,
    /// Options of the muxer, such as `movflags`.
    pub muxer: &'static [(&'static str, &'static str)],
    /// Degrees in the track's display matrix.
    pub rotation: f64,
    pub is_pq: bool,
    /// Every so many frames the picture changes altogether.
    pub scene: u32,
    /// Leaves out frames, keeps times: a variable frame rate.
    pub is_variable: bool,
    /// From and until when, in milliseconds, and a text.
    pub subtitles: &'static [(i64, i64, &'static str)],
    /// How they are coded: as `SubRip`, WebVTT, ASS or MP4's timed text.
    pub subtitle_codec: codec::Id,
    /// Frames by which the picture begins late, and the audio, in milliseconds.
    pub video_delay: i64,
    pub audio_delay: i64,
    /// Frames for whose time there is audio, where there are fewer pictures.
    pub audio_frames: u32,
    /// How the audio's channels are laid out.
    pub layout: ChannelLayout,
    /// Frames for which the last one is shown.
    pub last: i64,
    /// Frames that are left out.
    pub gap: Range<u32>,
    /// The track's display matrix in units of one: a, b, c, d.
    pub matrix: Option<[i32; 4]>,
    /// Said by the container alone.
    pub pixel_aspect: Option<(i32, i32)>,
    /// The upper left corner is white.
    pub has_corner: bool,
    /// The lowest quarter has [`COLOURS`], the left half the first.
    pub has_colours: bool,
    /// Even and odd lines show different moments.
    pub is_interlaced: bool,
    /// What x264 and x265 are told besides.
    pub parameters: &'static str,
    /// The display and the light of HDR10, said by the container.
    pub has_hdr_metadata: bool,
}

impl Default for Fixture {
    fn default() -> Self {
        Self {
            width: 160,
            height: 96,
            frames: 120,
            rate: 24,
            gop: 24,
            codec: "libx264",
            audio_tracks: 0,
            muxer: &[],
            rotation: 0.0,
            is_pq: false,
            scene: u32::MAX,
            is_variable: false,
            subtitles: &[],
            subtitle_codec: codec::Id::SUBRIP,
            video_delay: 0,
            audio_delay: 0,
            audio_frames: 0,
            layout: ChannelLayout::STEREO,
            last: 1,
            gap: 0..0,
            matrix: None,
            pixel_aspect: None,
            has_corner: false,
            has_colours: false,
            is_interlaced: false,
            parameters: "",
            has_hdr_metadata: false,
        }
    }
}

/// Blue and red chroma of [`Fixture::has_colours`].
pub const COLOURS: [(u8, u8); 2] = [(90, 190), (180, 100)];

/// How many stripes carry the number of a frame.
const BITS: u32 = 8;

impl Fixture {
    /// Writes the video; the name's extension decides the container.
    pub fn write(&self, path: &Path) {
        ffmpeg::log::set_level(ffmpeg::log::Level::Error);
        let mut output = format::output(path).unwrap();
        let needs_header = output.format().flags().contains(format::Flags::GLOBAL_HEADER);
        let mut video = self.open_video(needs_header);
        output.add_stream_with(&video).unwrap();
        let mut audio: Vec<_> = (0..self.audio_tracks).map(|_| open_audio(self.layout, needs_header)).collect();
        for encoder in &audio {
            output.add_stream_with(encoder).unwrap();
        }
        let subtitles = 1 + self.audio_tracks;
        if !self.subtitles.is_empty() {
            add_subtitles(&mut output, self.subtitle_codec);
        }
        if self.rotation != 0.0 {
            set_rotation(&mut output, self.rotation);
        }
        self.describe_video(&mut output);
        if path.extension().is_some_and(|extension| extension == "mxf") {
            output.stream_mut(0).unwrap().set_time_base(Rational(1, self.rate as i32));
        }
        let mut options = Dictionary::new();
        for (key, value) in self.muxer {
            options.set(key, value);
        }
        drop(output.write_header_with(options).unwrap());

        for (number, (from, until, text)) in self.subtitles.iter().enumerate() {
            let mut packet = Packet::copy(&match self.subtitle_codec {
                // Its length comes before a text (3GPP TS 26.245).
                codec::Id::MOV_TEXT => [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat(),
                codec::Id::WEBVTT => text.replace('&', "&amp;").replace("< ", "&lt; ").into_bytes(),
                codec::Id::ASS => {
                    let text = text.replace('\n', "\\N").replace("<i>", "{\\i1}").replace("</i>", "{\\i0}");
                    format!("{number},0,Default,,0,0,0,,{text}").into_bytes()
                }
                _ => text.as_bytes().to_vec(),
            });
            packet.set_stream(subtitles);
            packet.set_pts(Some(*from));
            packet.set_dts(Some(*from));
            packet.set_duration(until - from);
            packet.rescale_ts(Rational(1, 1000), output.stream(subtitles).unwrap().time_base());
            packet.write_interleaved(&mut output).unwrap();
        }
        let (time_base, samples) = (Rational(1, self.rate as i32), Rational(1, 48_000));
        let last = self.video_delay + i64::from(self.frames) - 1;
        let durations = |time| if time == last { self.last } else { 1 };
        for number in 0..self.frames.max(self.audio_frames) {
            let is_there = number < self.frames && !self.gap.contains(&number);
            if is_there && (!self.is_variable || number % 5 != 3) {
                video.send_frame(&self.frame(number)).unwrap();
                write_packets(&mut video, 0, time_base, 0, &durations, &mut output);
            }
            // The audio of the frame's duration.
            for (track, encoder) in audio.iter_mut().enumerate() {
                let (from, until) = (number * 48_000 / self.rate, (number + 1) * 48_000 / self.rate);
                for start in (0..until).step_by(1024).filter(|start| *start >= from.next_multiple_of(1024)) {
                    encoder.send_frame(&sine(self.layout, start, track as f32)).unwrap();
                    write_packets(encoder, track + 1, samples, self.audio_delay * 48, &|_| 0, &mut output);
                }
            }
        }
        video.send_eof().unwrap();
        write_packets(&mut video, 0, time_base, 0, &durations, &mut output);
        for (track, encoder) in audio.iter_mut().enumerate() {
            encoder.send_eof().unwrap();
            write_packets(encoder, track + 1, samples, self.audio_delay * 48, &|_| 0, &mut output);
        }
        // SAFETY: the context is open. Not write_trailer: it takes the positive sizes that some muxers return for errors.
        assert!(unsafe { ffmpeg::ffi::av_write_trailer(output.as_mut_ptr()) } >= 0);
    }

    fn open_video(&self, needs_header: bool) -> codec::encoder::video::Encoder {
        let codec = codec::encoder::find_by_name(self.codec).unwrap();
        let mut encoder = codec::Context::new_with_codec(codec).encoder().video().unwrap();
        encoder.set_width(self.width);
        encoder.set_height(self.height);
        encoder.set_format(if self.is_pq { Pixel::YUV420P10LE } else { Pixel::YUV420P });
        encoder.set_time_base(Rational(1, self.rate as i32));
        encoder.set_frame_rate(Some(Rational(self.rate as i32, 1)));
        encoder.set_gop(self.gop);
        if self.is_pq {
            encoder.set_colorspace(ffmpeg::color::Space::BT2020NCL);
            encoder.set_color_range(ffmpeg::color::Range::MPEG);
            // SAFETY: the context is live and not open yet.
            unsafe {
                (*encoder.as_mut_ptr()).color_trc = ffmpeg::ffi::AVColorTransferCharacteristic::AVCOL_TRC_SMPTE2084;
                (*encoder.as_mut_ptr()).color_primaries = ffmpeg::ffi::AVColorPrimaries::AVCOL_PRI_BT2020;
            }
        }
        let mut flags = codec::Flags::empty();
        flags.set(codec::Flags::GLOBAL_HEADER, needs_header);
        flags.set(codec::Flags::INTERLACED_DCT, self.is_interlaced);
        encoder.set_flags(flags);
        if self.codec == "mpeg2video" || self.codec == "libtheora" {
            encoder.set_bit_rate(2_000_000);
        }
        let mut options = Dictionary::new();
        if self.codec.starts_with("libx26") {
            options.set("preset", "ultrafast");
            options.set("sc_threshold", "0");
            options.set("crf", "18");
            options.set("bf", "2");
            options.set("x265-params", &format!("log-level=none:scenecut=0:{}", self.parameters));
            if self.codec == "libx264" && !self.parameters.is_empty() {
                options.set("x264-params", self.parameters);
            }
        }
        if self.codec == "mjpeg" {
            options.set("strict", "unofficial");
        }
        if ["mpeg4", "flv", "wmv2", "mpeg2video"].contains(&self.codec) {
            options.set("sc_threshold", "1000000000");
        }
        encoder.open_with(options).unwrap()
    }

    fn frame(&self, number: u32) -> frame::Video {
        let format = if self.is_pq { Pixel::YUV420P10LE } else { Pixel::YUV420P };
        let mut frame = frame::Video::new(format, self.width, self.height);
        let is_other_scene = number / self.scene % 2 == 1;
        for plane in 0..3 {
            let stride = frame.stride(plane);
            let columns = if plane == 0 { self.width } else { self.width / 2 };
            let mut line = Vec::new();
            for x in 0..columns {
                let stripe = x * BITS / columns;
                let value: u8 = match plane {
                    0 if is_other_scene => 235,
                    0 if number >> stripe & 1 == 1 => 110,
                    0 => 60,
                    _ => 128,
                };
                if self.is_pq {
                    line.extend((u16::from(value) * 4).to_le_bytes());
                } else {
                    line.push(value);
                }
            }
            for (y, target) in frame.data_mut(plane).chunks_mut(stride).enumerate() {
                target[..line.len()].copy_from_slice(&line);
                if plane == 0 && self.has_corner && y < self.height as usize / 4 {
                    target[..self.width as usize / 4].fill(235);
                }
                if plane > 0 && self.has_colours && y >= self.height as usize * 3 / 8 {
                    for (x, sample) in target[..columns as usize].iter_mut().enumerate() {
                        let (blue, red) = COLOURS[x * 2 / columns as usize];
                        *sample = if plane == 1 { blue } else { red };
                    }
                }
                if plane == 0 && self.is_interlaced {
                    // A bar that moves on between the fields.
                    let at = ((number * 2 + y as u32 % 2) * 8 % (self.width - 16)) as usize;
                    target[..self.width as usize].fill(60);
                    target[at..at + 16].fill(200);
                }
            }
        }
        if self.is_interlaced {
            // SAFETY: the frame is live.
            unsafe {
                (*frame.as_mut_ptr()).interlaced_frame = 1;
                (*frame.as_mut_ptr()).top_field_first = 1;
            }
        }
        frame.set_pts(Some(self.video_delay + i64::from(number)));
        frame
    }

    /// What the container says of the picture.
    fn describe_video(&self, output: &mut format::context::Output) {
        use ffmpeg::ffi::AVPacketSideDataType::{
            AV_PKT_DATA_CONTENT_LIGHT_LEVEL, AV_PKT_DATA_DISPLAYMATRIX, AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
        };
        // SAFETY: the stream is live; side data is copied into memory that it owns.
        unsafe {
            let stream = *(*output.as_mut_ptr()).streams;
            if let Some((num, den)) = self.pixel_aspect {
                (*stream).sample_aspect_ratio = ffmpeg::ffi::AVRational { num, den };
                (*(*stream).codecpar).sample_aspect_ratio = (*stream).sample_aspect_ratio;
            }
            let mut side_data = |kind, numbers: &[i32]| {
                let stream = *(*output.as_mut_ptr()).streams;
                let target = ffmpeg::ffi::av_stream_new_side_data(stream, kind, numbers.len() * 4);
                std::ptr::copy_nonoverlapping(numbers.as_ptr(), target.cast(), numbers.len());
            };
            if let Some(matrix) = self.matrix {
                let [a, b, c, d] = matrix.map(|one| one << 16);
                side_data(AV_PKT_DATA_DISPLAYMATRIX, &[a, b, 0, c, d, 0, 0, 0, 1 << 30]);
            }
            if self.has_hdr_metadata {
                side_data(AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &MASTERING_DISPLAY);
                side_data(AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &CONTENT_LIGHT);
            }
        }
    }
}

/// libavutil's structures: P3 on a display of 0.005 to 1000 cd/m²; at most 1000 cd/m² in a pixel and 400 in a frame.
pub const MASTERING_DISPLAY: [i32; 22] = [
    34_000, 50_000, 16_000, 50_000, 13_250, 50_000, 34_500, 50_000, 7_500, 50_000, 3_000, 50_000, 15_635, 50_000,
    16_450, 50_000, 50, 10_000, 10_000_000, 10_000, 1, 1,
];
pub const CONTENT_LIGHT: [i32; 2] = [1000, 400];

fn write_packets(
    encoder: &mut codec::encoder::Encoder,
    stream: usize,
    from: Rational,
    delay: i64,
    durations: &dyn Fn(i64) -> i64,
    output: &mut format::context::Output,
) {
    let mut packet = Packet::empty();
    while encoder.receive_packet(&mut packet).is_ok() {
        packet.set_stream(stream);
        if stream == 0 {
            packet.set_duration(durations(packet.pts().unwrap()));
        }
        packet.set_pts(packet.pts().map(|time| time + delay));
        packet.set_dts(packet.dts().map(|time| time + delay));
        packet.rescale_ts(from, output.stream(stream).unwrap().time_base());
        packet.write_interleaved(output).unwrap();
    }
}

fn open_audio(layout: ChannelLayout, needs_header: bool) -> codec::encoder::audio::Encoder {
    let codec = codec::encoder::find_by_name("aac").unwrap();
    let mut encoder = codec::Context::new_with_codec(codec).encoder().audio().unwrap();
    encoder.set_rate(48_000);
    encoder.set_format(Sample::F32(format::sample::Type::Planar));
    encoder.set_channel_layout(layout);
    encoder.set_time_base(Rational(1, 48_000));
    encoder.set_bit_rate(96_000);
    if needs_header {
        encoder.set_flags(codec::Flags::GLOBAL_HEADER);
    }
    encoder.open().unwrap()
}

/// A quiet tone; each track has its own pitch.
fn sine(layout: ChannelLayout, start: u32, track: f32) -> frame::Audio {
    let mut frame = frame::Audio::new(Sample::F32(format::sample::Type::Planar), 1024, layout);
    frame.set_rate(48_000);
    for channel in 0..layout.channels() as usize {
        for (at, value) in frame.plane_mut::<f32>(channel).iter_mut().enumerate() {
            let seconds = (start as usize + at) as f32 / 48_000.0;
            *value = 0.05 * (std::f32::consts::TAU * 440.0 * (track + 1.0) * seconds).sin();
        }
    }
    frame.set_pts(Some(i64::from(start)));
    frame
}

fn add_subtitles(output: &mut format::context::Output, codec: codec::Id) {
    /// What the dialogues of ASS refer to.
    const ASS: &[u8] = b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n\
        Style: Default,Arial,20\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n";
    let mut stream = output.add_stream(codec::encoder::find(codec::Id::None)).unwrap();
    stream.set_time_base(Rational(1, 1000));
    let mut metadata = Dictionary::new();
    metadata.set("language", "ger");
    stream.set_metadata(metadata);
    // SAFETY: the stream is live; its extradata is memory that it takes over.
    unsafe {
        let parameters = (*stream.as_mut_ptr()).codecpar;
        (*parameters).codec_type = ffmpeg::ffi::AVMediaType::AVMEDIA_TYPE_SUBTITLE;
        (*parameters).codec_id = codec.into();
        if codec == codec::Id::ASS {
            (*parameters).extradata = ffmpeg::ffi::av_mallocz(ASS.len() + 64).cast();
            std::ptr::copy_nonoverlapping(ASS.as_ptr(), (*parameters).extradata, ASS.len());
            (*parameters).extradata_size = ASS.len() as i32;
        }
    }
}

fn set_rotation(output: &mut format::context::Output, degrees: f64) {
    // SAFETY: the stream is live; the side data is nine numbers that it takes over.
    unsafe {
        let stream = *(*output.as_mut_ptr()).streams;
        let kind = ffmpeg::ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
        let matrix = ffmpeg::ffi::av_stream_new_side_data(stream, kind, 36);
        ffmpeg::ffi::av_display_rotation_set(matrix.cast(), degrees);
    }
}

/// Puts the streams of files into one file, without encoding anything again. `describe` may say more of it.
pub fn remux(sources: &[&Path], path: &Path, describe: impl FnOnce(&mut format::context::Output)) {
    let mut output = format::output(path).unwrap();
    let mut packets = Vec::new();
    for source in sources {
        let mut input = format::input(source).unwrap();
        let first = output.streams().count();
        for stream in input.streams() {
            let mut copy = output.add_stream(codec::encoder::find(codec::Id::None)).unwrap();
            copy.set_parameters(stream.parameters());
            // SAFETY: the stream is live. What the source's container calls the codec is not what this one does.
            unsafe {
                (*copy.parameters().as_mut_ptr()).codec_tag = 0;
                (*copy.as_mut_ptr()).disposition = ffmpeg::ffi::AV_DISPOSITION_DEFAULT as _;
            }
        }
        let all = input.packets().map(|(stream, packet)| (first + stream.index(), stream.time_base(), packet));
        packets.extend(all.collect::<Vec<_>>());
    }
    describe(&mut output);
    output.write_header().unwrap();
    for (stream, base, mut packet) in packets {
        packet.set_stream(stream);
        packet.set_position(-1);
        packet.rescale_ts(base, output.stream(stream).unwrap().time_base());
        packet.write_interleaved(&mut output).unwrap();
    }
    // SAFETY: as in Fixture::write.
    assert!(unsafe { ffmpeg::ffi::av_write_trailer(output.as_mut_ptr()) } >= 0);
}

/// Which frame a grey picture with [`BITS`] stripes is of, from a line of it.
pub fn number_in(line: &[u8]) -> u32 {
    let middle = |stripe: u32| line[(line.len() as u32 * (2 * stripe + 1) / (2 * BITS)) as usize];
    (0..BITS).map(|stripe| u32::from(middle(stripe) > 80) << stripe).sum()
}

/// A JPEG's size and its grey values.
pub fn read_jpeg(path: &Path) -> (usize, usize, Vec<u8>) {
    let image = image::open(path).unwrap().into_luma8();
    (image.width() as usize, image.height() as usize, image.into_raw())
}

/// Which frame of a [`Fixture`] a JPEG is of.
pub fn number_in_jpeg(path: &Path) -> u32 {
    let (width, height, pixels) = read_jpeg(path);
    number_in(&pixels[height / 2 * width..][..width])
}

/// What is in a file: its frames, as times in seconds and numbers, and its tracks.
pub struct Decoded {
    pub frames: Vec<(f64, u32)>,
    pub size: (u32, u32),
    pub format: Pixel,
    pub transfer: ffmpeg::color::TransferCharacteristic,
    pub codecs: Vec<String>,
    /// Of the first audio track: its beginning, its length in seconds and its loudest sample.
    pub audio: Option<(f64, f64, f32)>,
}

pub fn decode(path: &Path) -> Decoded {
    let mut input = format::input(path).unwrap();
    let codecs = input.streams().map(|stream| stream.parameters().id().name().to_owned()).collect();
    let video = input.streams().best(media::Type::Video).unwrap();
    let (video_index, base) = (video.index(), f64::from(video.time_base()));
    let context = codec::Context::from_parameters(video.parameters()).unwrap();
    let mut decoder = context.decoder().video().unwrap();
    let audio = input.streams().best(media::Type::Audio).map(|stream| {
        let context = codec::Context::from_parameters(stream.parameters()).unwrap();
        let mut decoder = context.decoder().audio().unwrap();
        decoder.set_packet_time_base(stream.time_base());
        (stream.index(), f64::from(stream.time_base()), decoder)
    });
    let mut result = Decoded {
        frames: Vec::new(),
        size: (decoder.width(), decoder.height()),
        format: decoder.format(),
        transfer: decoder.color_transfer_characteristic(),
        codecs,
        audio: None,
    };
    let mut audio = audio;
    let packets: Vec<_> = input.packets().map(|(stream, packet)| (stream.index(), Some(packet))).collect();
    for (index, packet) in packets.into_iter().chain([(video_index, None)]) {
        if index == video_index {
            match packet {
                Some(packet) => decoder.send_packet(&packet).unwrap(),
                None => decoder.send_eof().unwrap(),
            }
            let mut frame = frame::Video::empty();
            while decoder.receive_frame(&mut frame).is_ok() {
                let time = frame.timestamp().unwrap() as f64 * base;
                result.frames.push((time, number_of(&frame)));
            }
        } else if let (Some((audio_index, base, decoder)), Some(packet)) = (&mut audio, packet)
            && index == *audio_index
        {
            decoder.send_packet(&packet).unwrap();
            let mut frame = frame::Audio::empty();
            while decoder.receive_frame(&mut frame).is_ok() {
                let time = frame.timestamp().unwrap() as f64 * *base;
                let audio = result.audio.get_or_insert((time, 0.0, 0.0));
                audio.1 += frame.samples() as f64 / f64::from(frame.rate());
                if frame.is_planar() {
                    audio.2 = frame.plane::<f32>(0).iter().fold(audio.2, |most, value| most.max(value.abs()));
                }
            }
        }
    }
    result
}

/// Blue and red chroma of a file's frames in the middles of the halves of the lowest lines.
pub fn colours(path: &Path) -> Vec<[(u8, u8); 2]> {
    let mut input = format::input(path).unwrap();
    let stream = input.streams().best(media::Type::Video).unwrap();
    let index = stream.index();
    let mut decoder = codec::Context::from_parameters(stream.parameters()).unwrap().decoder().video().unwrap();
    let packets: Vec<_> =
        input.packets().filter(|(stream, _)| stream.index() == index).map(|(_, packet)| Some(packet)).collect();
    let mut found = Vec::new();
    for packet in packets.into_iter().chain([None]) {
        match packet {
            Some(packet) => decoder.send_packet(&packet).unwrap(),
            None => decoder.send_eof().unwrap(),
        }
        let mut frame = frame::Video::empty();
        while decoder.receive_frame(&mut frame).is_ok() {
            assert_eq!(frame.format(), Pixel::YUV420P);
            let (width, height) = (frame.width() as usize / 2, frame.height() as usize / 2);
            let at = |plane: usize, x: usize| frame.data(plane)[(height - 4) * frame.stride(plane) + x];
            found.push([width / 4, width * 3 / 4].map(|x| (at(1, x), at(2, x))));
        }
    }
    found
}

fn number_of(frame: &frame::Video) -> u32 {
    let (width, middle) = (frame.width() as usize, frame.height() as usize / 2);
    let start = middle * frame.stride(0);
    if frame.format() == Pixel::YUV420P {
        return number_in(&frame.data(0)[start..start + width]);
    }
    let line = &frame.data(0)[start..start + 2 * width];
    number_in(&line.chunks(2).map(|pair| (u16::from_le_bytes([pair[0], pair[1]]) / 4) as u8).collect::<Vec<_>>())
}

/// Seconds that a file says it lasts.
pub fn duration(path: &Path) -> f64 {
    let input = format::input(path).unwrap();
    input.duration() as f64 / f64::from(ffmpeg::ffi::AV_TIME_BASE)
}

/// How an operation ended.
pub struct Run {
    pub result: Result<Finished, Failure>,
    pub bytes_read: u64,
}

impl Run {
    pub fn finished(&self) -> &Finished {
        self.result.as_ref().unwrap_or_else(|failure| panic!("{failure}"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.finished().folder().join(name)
    }

    pub fn json(&self, name: &str) -> serde_json::Value {
        self.finished().json(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.finished().text(name).to_owned()
    }

    pub fn properties(&self) -> &Properties {
        &self.finished().properties
    }

    pub fn failure(&self) -> String {
        let failure = self.result.as_ref().expect_err("it should have failed");
        assert_eq!(failure.kind(), contract::FailureKind::InvalidInput, "{failure}");
        failure.to_string()
    }
}

/// Runs a processing-option on a file, which is read by ranges as from a store.
pub fn run(path: &Path, processing_option: &str) -> Run {
    let bytes = fs_err::read(path).unwrap();
    let format = Format::from_name(&path.to_string_lossy()).unwrap();
    run_on(bytes, format, u64::MAX, processing_option)
}

/// Runs a processing-option on bytes; the store fails from an offset on.
pub fn run_on(bytes: Vec<u8>, format: Format, fails_at: u64, processing_option: &str) -> Run {
    run_with(bytes, format, fails_at, processing_option, Weights::default())
}

/// The same, of an operation that needs weights.
pub fn run_with(bytes: Vec<u8>, format: Format, fails_at: u64, processing_option: &str, weights: Weights) -> Run {
    let source = Arc::new(Memory { bytes, read: AtomicU64::new(0), fails_at });
    let input = Input::new("video", format, source.bytes.len() as u64, Arc::clone(&source) as _);
    let result = operation_testing::run_with(&video_job::JOB, processing_option, input, weights);
    Run { result, bytes_read: source.read.load(Ordering::Relaxed) }
}

struct Memory {
    bytes: Vec<u8>,
    read: AtomicU64,
    fails_at: u64,
}

impl InputSource for Memory {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset + buffer.len() as u64 > self.fails_at {
            return Err(io::Error::other(Failure::temporary("the store is throttling")));
        }
        let rest = self.bytes.get(offset as usize..).unwrap_or_default();
        let count = buffer.len().min(rest.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn file(&self) -> Option<&File> {
        None
    }

    fn companion(&self, relative: &str) -> Result<File, Failure> {
        Err(Failure::internal(format!("a video asked for the companion file {relative}")))
    }
}
