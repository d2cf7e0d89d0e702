//! Encodes a video again: to one file, or to a ladder of renditions in segments, from one decode.
//!
//! The demuxer's thread decodes, filters, and encodes audio; each rendition has an encoder with a thread of its own. With
//! chunks the video is cut at key frames, and as many of its parts as are wanted are encoded at once (see [`chunks`]), by
//! threads or by processes (see [`shards`]).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use catalog::operations::{Caption, Chunks, Container, Transcode};
use contract::{Failure, Properties};
use ffmpeg_next::{Packet, Rational, codec};
use operation::{Outputs, Share, Task, Weights};
use serde_json::json;

use self::audio_path::AudioPath;
use self::captions_path::CaptionsPath;
use self::loudness::Gain;
use self::muxer::SharedFile;
use self::plan::Plan;
use self::playlists::{Presentation, SubtitleTrack, media_playlist, subtitle_playlist};
use self::segments::{Finished, SegmentedTrack, Segmenter};
use self::subtitle_path::{SubtitlePath, WebVtt};
use self::track::Track;
use self::video_path::{FrameCounts, Span, VideoPath};
use super::caption::{self, Spoken};
use crate::animation;
use crate::avio::Pattern;
use crate::open::{Demuxer, Disposition, percent, seconds};

mod audio_path;
mod captions_path;
mod chunks;
mod codec_name;
mod frame_times;
pub(crate) mod language;
mod loudness;
mod muxer;
mod plan;
mod playlists;
mod segments;
mod shards;
mod spool;
mod subtitle_path;
mod track;
mod video_encoder;
mod video_graph;
mod video_path;

pub(crate) use self::audio_path::{AudioDecoder, AudioGraph};
pub(crate) use self::muxer::Muxer;
pub(crate) use self::plan::{chapters, is_text, rescale};
pub(crate) use self::track::Encoded;

/// Opens the runtime of networks and loads them, if what is said is to be written down.
pub fn prepare(options: &Transcode, weights: &Weights) -> Result<(), Failure> {
    match &options.captions {
        Some(language) => caption::prepare(&Caption::in_language(language), weights),
        None => Ok(()),
    }
}

/// Writes one file, or a ladder with its playlists; or does so by several processes, of which this is one.
pub fn transcode(options: &Transcode, task: &Task, share: Option<Share>) -> Result<Properties, Failure> {
    let made = animation::as_video(task, options.allow_truncated)?;
    // Frames of an animation follow from those before them.
    let in_one = made.as_ref().map(|_| Transcode { chunks: Chunks::Off, ..options.clone() });
    let (options, task) = (in_one.as_ref().unwrap_or(options), made.as_ref().unwrap_or(task));
    let mut demuxer = open(task)?;
    let plan = Plan::new(options, &demuxer)?;
    if let Some(Share::Shard { index, count }) = share {
        return shards::encode(&plan, task, index, count);
    }
    let gains = match options.loudness {
        Some(target) => loudness::gains(&plan, task, target)?,
        None => BTreeMap::new(),
    };
    let spoken = match &options.captions {
        Some(language) if !plan.audio.is_empty() => Some(caption::spoken(task, language)?),
        Some(_) => {
            task.outputs.warn("the video has no audio to write down: there are no captions");
            None
        }
        None => None,
    };
    let language = spoken.as_ref().map(|spoken| Heard { language: spoken.language.clone() });
    let target = Target::new(&plan, &task.outputs, language)?;
    let mut audio = Tracks::new(&plan, &target, &gains, spoken)?;
    let counts = match (share, chunks::workers(&plan)) {
        (Some(Share::Merge { count }), _) => {
            shards::merge(&plan, task, count, target.video()?, &mut audio, &mut demuxer)?
        }
        (_, Some(workers)) => {
            let tracks = target.video()?;
            std::thread::scope(|scope| {
                let video = scope.spawn(|| chunks::encode(&plan, task, workers, tracks));
                let heard = audio.read(&mut demuxer, &plan);
                let counts = video.join().unwrap_or_else(|_| Err(Failure::internal("a part panicked")));
                heard.and(counts)
            })?
        }
        (_, None) => in_one_pass(&mut demuxer, &plan, task, &target, &mut audio)?,
    };
    let (damaged_audio, audio_end) = audio.finish()?;
    let damaged = counts.damaged + damaged_audio;
    let expected = demuxer.missing_until();
    let problem = incomplete(&plan, counts, damaged, expected, &demuxer);
    if let Some(problem) = &problem
        && (counts.encoded == 0 || !options.allow_truncated)
    {
        return Err(Failure::invalid_input(problem.clone()));
    }
    warn(&plan, task, counts, &demuxer);
    if damaged > 0 {
        task.outputs.warn(format!("the decoders reported {damaged} errors: some frames may not look or sound right"));
    }
    let mut properties = target.finish(&plan, &task.outputs, counts.end.max(audio_end))?;
    describe(&mut properties, &plan, counts, damaged, expected.is_some());
    Ok(properties)
}

fn open(task: &Task) -> Result<Demuxer, Failure> {
    let mut demuxer = Demuxer::open(&task.input, Pattern::Sequential)?;
    demuxer.find_stream_info()?;
    Ok(demuxer)
}

/// Picture and audio from one reading.
fn in_one_pass(
    demuxer: &mut Demuxer,
    plan: &Plan,
    task: &Task,
    target: &Target,
    audio: &mut Tracks,
) -> Result<FrameCounts, Failure> {
    let threads = operation::processors();
    let mut video = VideoPath::new(plan, Span::WHOLE, target.video()?, threads)?;
    let others = plan.audio.iter().chain(&plan.subtitles).map(|stream| stream.index);
    demuxer.keep_only(&others.chain([plan.video.index]).collect::<Vec<_>>());
    let bases: Vec<Rational> = demuxer.streams().iter().map(|stream| stream.time_base).collect();
    let mut read = || {
        while let Some(mut packet) = demuxer.read()? {
            if let (Some(time), Some(duration), Some(base)) =
                (packet.dts().or(packet.pts()), plan.duration, bases.get(packet.stream()))
            {
                let time = (time - plan.start_in(*base)) as f64 * seconds(*base);
                task.progress.report_media(time / duration, Some(time));
            }
            if packet.stream() == plan.video.index {
                video.packet(&packet)?;
            } else {
                audio.packet(&mut packet)?;
            }
        }
        Ok(())
    };
    let read = read();
    // An encoder's own failure says why no frame was taken.
    let counts = video.finish();
    match (read, counts) {
        (Err(failure), Ok(_)) => Err(failure),
        (_, counts) => counts,
    }
}

/// Everything but the picture: audio and subtitles, by the index of their streams.
struct Tracks {
    audio: BTreeMap<usize, AudioPath>,
    subtitles: BTreeMap<usize, SubtitlePath>,
    captions: Option<CaptionsPath>,
}

impl Tracks {
    /// `spoken` is what is said and in which language, if it was written down.
    fn new(
        plan: &Plan,
        target: &Target,
        gains: &BTreeMap<usize, Gain>,
        spoken: Option<Spoken>,
    ) -> Result<Self, Failure> {
        let (mut audio, mut subtitles) = (BTreeMap::new(), BTreeMap::new());
        for (at, stream) in plan.audio.iter().enumerate() {
            let path = AudioPath::new(plan, stream, gains.get(&stream.index).copied(), target.audio(at)?)?;
            audio.insert(stream.index, path);
        }
        for (at, stream) in plan.subtitles.iter().enumerate() {
            let path = SubtitlePath::new(plan, stream, target.subtitle_codec(), target.subtitles(at))?;
            subtitles.insert(stream.index, path);
        }
        let track = || target.subtitles(plan.subtitles.len());
        let captions = spoken.map(|spoken| CaptionsPath::new(plan, spoken, target.subtitle_codec(), track()));
        Ok(Self { audio, subtitles, captions: captions.transpose()? })
    }

    /// Reads these tracks alone.
    fn read(&mut self, demuxer: &mut Demuxer, plan: &Plan) -> Result<(), Failure> {
        let indices: Vec<_> = plan.audio.iter().chain(&plan.subtitles).map(|stream| stream.index).collect();
        if indices.is_empty() {
            return Ok(());
        }
        demuxer.keep_only(&indices);
        while let Some(mut packet) = demuxer.read()? {
            self.packet(&mut packet)?;
        }
        Ok(())
    }

    fn packet(&mut self, packet: &mut Packet) -> Result<(), Failure> {
        let index = packet.stream();
        if let Some(captions) = &mut self.captions {
            captions.beside(packet)?;
        }
        if let Some(path) = self.audio.get_mut(&index) {
            return path.packet(packet);
        }
        match self.subtitles.get_mut(&index) {
            Some(path) => path.packet(packet),
            None => Ok(()),
        }
    }

    /// Gives how often the decoders found errors, and where the last track ends, in seconds.
    fn finish(self) -> Result<(u64, f64), Failure> {
        let audio = self.audio.into_values().map(AudioPath::finish);
        let subtitles = self.subtitles.into_values().map(SubtitlePath::finish);
        let captions = self.captions.into_iter().map(CaptionsPath::finish);
        audio.chain(subtitles).chain(captions).try_fold((0, 0.0), |(all, latest), finished| {
            let (damaged, end) = finished?;
            Ok((all + damaged, f64::max(latest, end)))
        })
    }
}

/// Captions of what was heard, and in which language, if anybody speaks.
struct Heard {
    language: Option<String>,
}

/// Where everything is written.
enum Target {
    File {
        file: SharedFile,
        container: Container,
        audio: usize,
    },
    Segments {
        outputs: Outputs,
        names: Vec<String>,
        interval: u32,
        video: Vec<Finished>,
        audio: Vec<Finished>,
        subtitles: Vec<Arc<Mutex<WebVtt>>>,
        /// If the last of these is what was heard.
        captions: Option<Heard>,
    },
}

impl Target {
    fn new(plan: &Plan, outputs: &Outputs, captions: Option<Heard>) -> Result<Self, Failure> {
        let container = plan.options.container;
        let (audio, subtitles) = (plan.audio.len(), plan.subtitles.len() + usize::from(captions.is_some()));
        if container == Container::Hls {
            return Ok(Self::Segments {
                outputs: outputs.clone(),
                names: plan.renditions.iter().map(plan::Rendition::name).collect(),
                interval: plan.options.segment_duration,
                video: plan.renditions.iter().map(|_| Finished::default()).collect(),
                audio: (0..audio).map(|_| Finished::default()).collect(),
                subtitles: (0..subtitles).map(|_| Arc::new(Mutex::new(WebVtt::new()))).collect(),
                captions,
            });
        }
        let name = if container == Container::Webm { "video.webm" } else { "video.mp4" };
        let file = SharedFile::new(plan, 1 + audio + subtitles, outputs.create(name)?)?;
        Ok(Self::File { file, container, audio })
    }

    /// One track for each rendition.
    fn video(&self) -> Result<Vec<Box<dyn Track>>, Failure> {
        match self {
            Self::File { file, .. } => Ok(vec![Box::new(file.track(0))]),
            Self::Segments { outputs, names, interval, video, .. } => names
                .iter()
                .zip(video)
                .map(|(name, finished)| {
                    Ok(Box::new(Segmenter::new(outputs, name.clone(), *interval, finished)?) as Box<dyn Track>)
                })
                .collect(),
        }
    }

    fn audio(&self, at: usize) -> Result<Box<dyn Track>, Failure> {
        match self {
            Self::File { file, .. } => Ok(Box::new(file.track(1 + at))),
            Self::Segments { outputs, interval, audio, .. } => {
                Ok(Box::new(Segmenter::new(outputs, format!("audio-{}", at + 1), *interval, &audio[at])?))
            }
        }
    }

    fn subtitles(&self, at: usize) -> Box<dyn Track> {
        match self {
            Self::File { file, audio, .. } => Box::new(file.track(1 + audio + at)),
            Self::Segments { subtitles, .. } => Box::new(VttTrack(Arc::clone(&subtitles[at]))),
        }
    }

    fn subtitle_codec(&self) -> codec::Id {
        match self {
            Self::File { container: Container::Mp4, .. } => codec::Id::MOV_TEXT,
            Self::File { .. } | Self::Segments { .. } => codec::Id::WEBVTT,
        }
    }

    /// Everything is encoded, up to so many seconds: writes what needs all of it, and says what came out.
    fn finish(self, plan: &Plan, outputs: &Outputs, duration: f64) -> Result<Properties, Failure> {
        let mut properties = Properties::new();
        match self {
            Self::File { file, container, .. } => {
                let rendition = &plan.renditions[0];
                properties.insert("width".into(), rendition.width.into());
                properties.insert("height".into(), rendition.height.into());
                properties.insert("duration".into(), duration.into());
                let content_type = if container == Container::Webm { "video/webm" } else { "video/mp4" };
                file.finish(content_type, properties.clone())?;
            }
            Self::Segments { video, audio, subtitles, captions, .. } => {
                let video = taken(&video);
                properties.insert("duration".into(), duration.into());
                properties.insert(
                    "renditions".into(),
                    video
                        .iter()
                        .map(|track| {
                            json!({
                                "name": track.folder,
                                "width": track.size.0,
                                "height": track.size.1,
                                "codec": track.codec,
                                "bandwidth": track.bandwidth().0,
                                "segments": track.segments.len(),
                            })
                        })
                        .collect(),
                );
                let texts = texts(plan, captions);
                write_playlists(plan, outputs, video, taken(&audio), subtitles.iter().zip(texts).collect())?;
            }
        }
        Ok(properties)
    }
}

fn taken(tracks: &[Finished]) -> Vec<SegmentedTrack> {
    tracks.iter().map(|track| std::mem::take(&mut *track.lock().unwrap_or_else(PoisonError::into_inner))).collect()
}

/// The tracks of text, without their length: subtitles of the source, and captions in the given language.
fn texts(plan: &Plan, captions: Option<Heard>) -> Vec<SubtitleTrack> {
    let own = plan.subtitles.iter().map(|stream| (stream.language.clone(), stream.title.clone(), stream.disposition));
    let heard = captions.map(|heard| (heard.language, Some("Captions".to_owned()), Disposition::of_captions(false)));
    let track = |(at, (language, title, disposition))| SubtitleTrack {
        folder: format!("subtitles-{}", at + 1),
        language,
        title,
        disposition,
        duration: 0.0,
    };
    own.chain(heard).enumerate().map(track).collect()
}

fn write_playlists(
    plan: &Plan,
    outputs: &Outputs,
    video: Vec<SegmentedTrack>,
    audio: Vec<SegmentedTrack>,
    subtitles: Vec<(&Arc<Mutex<WebVtt>>, SubtitleTrack)>,
) -> Result<(), Failure> {
    const PLAYLIST: &str = "application/vnd.apple.mpegurl";
    let write = |name: String, content_type: &str, text: &str| {
        outputs.write(name, content_type, text.as_bytes(), Properties::new())
    };
    // A track without a single packet has no segments to play.
    let audio: Vec<_> = audio.into_iter().filter(|track| !track.segments.is_empty()).collect();
    for track in video.iter().chain(&audio) {
        write(format!("{}/index.m3u8", track.folder), PLAYLIST, &media_playlist(track))?;
    }
    let length = video.iter().map(SegmentedTrack::duration).fold(0.0, f64::max);
    let mut texts = Vec::new();
    for (vtt, mut track) in subtitles {
        let vtt = std::mem::take(&mut *vtt.lock().unwrap_or_else(PoisonError::into_inner));
        track.duration = vtt.end.max(length);
        write(format!("{}/subtitles.vtt", track.folder), "text/vtt", &vtt.into_text())?;
        write(format!("{}/index.m3u8", track.folder), PLAYLIST, &subtitle_playlist(&track))?;
        texts.push(track);
    }
    let (video_range, title) = (plan.video_range(), plan.title.clone());
    let presentation = Presentation { video, audio, subtitles: texts, video_range, title };
    write("master.m3u8".to_owned(), PLAYLIST, &presentation.master())?;
    if plan.options.dash {
        write("manifest.mpd".to_owned(), "application/dash+xml", &presentation.manifest())?;
    }
    Ok(())
}

/// Subtitles of a ladder, kept until everything is known.
struct VttTrack(Arc<Mutex<WebVtt>>);

impl Track for VttTrack {
    fn open(&mut self, _encoded: &Encoded) -> Result<(), Failure> {
        Ok(())
    }

    fn write(&mut self, packet: Packet) -> Result<(), Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(&packet);
        Ok(())
    }

    fn close(&mut self, _end: Option<f64>) -> Result<(), Failure> {
        Ok(())
    }
}

/// What is wrong with the source, and what was got of it; none where everything was.
fn incomplete(
    plan: &Plan,
    counts: FrameCounts,
    damaged: u64,
    expected: Option<u64>,
    demuxer: &Demuxer,
) -> Option<String> {
    let size = demuxer.size();
    if counts.encoded == 0 {
        return Some(match expected {
            Some(expected) => format!(
                "the file is truncated: {size} of {expected} bytes are present ({}), and they hold no frame of the video",
                percent(size, expected)
            ),
            None => "no frame of the video could be decoded".to_owned(),
        });
    }
    let mut reasons = Vec::new();
    if let Some(expected) = expected {
        reasons.push(format!(
            "the file is truncated: {size} of {expected} bytes are present ({})",
            percent(size, expected)
        ));
    }
    if demuxer.breaks_off() {
        reasons.push("the file cannot be read to its end: its structure is damaged".to_owned());
    }
    if damaged > tolerated(demuxer, counts.encoded) {
        reasons.push(format!("the decoders reported {damaged} errors"));
    }
    // At a constant rate frames are left out as a matter of course.
    if !plan.clock.is_constant && counts.dropped > counts.encoded / 10 {
        reasons.push(format!("{} frames are out of order", counts.dropped));
    }
    if reasons.is_empty() {
        return None;
    }
    Some(format!("{}; {:.3} s could be encoded: use allow-truncated to keep them", reasons.join("; "), counts.end))
}

/// Says what the result does not have, or has otherwise than the source.
fn warn(plan: &Plan, task: &Task, counts: FrameCounts, demuxer: &Demuxer) {
    for what in &plan.left_out {
        task.outputs.warn(format!("left out: {what}"));
    }
    if demuxer.clock_jumps() > 0 {
        let jumps = demuxer.clock_jumps();
        task.outputs
            .warn(format!("the file's clock starts again {jumps} times; what follows was joined without a gap"));
    }
    // Nothing is missing of the file's bytes, but a fragment or two may never have been written.
    if let Some(end) = plan.video_end {
        let end = end as f64 * seconds(plan.video.time_base);
        if counts.end < end * 0.98 - 1.0 {
            task.outputs
                .warn(format!("the file says that its picture ends at {end:.3} s; it ends at {:.3} s", counts.end));
        }
    }
}

/// Errors of decoding that do not fail the whole: recordings of broadcasts begin and end within a frame, and reception has its
/// moments. Players show them all the same, and the manifest says how many there were.
fn tolerated(demuxer: &Demuxer, frames: u64) -> u64 {
    if demuxer.is_stream() { 2 + frames / 1000 } else { 0 }
}

fn describe(properties: &mut Properties, plan: &Plan, counts: FrameCounts, damaged: u64, is_truncated: bool) {
    properties.insert("frames".into(), counts.encoded.into());
    properties.insert("audioTracks".into(), plan.audio.len().into());
    properties.insert("subtitleTracks".into(), plan.subtitles.len().into());
    if counts.dropped > 0 {
        properties.insert("droppedFrames".into(), counts.dropped.into());
    }
    if !plan.left_out.is_empty() {
        properties.insert("leftOut".into(), plan.left_out.clone().into());
    }
    if damaged > 0 || is_truncated {
        properties.insert("truncated".into(), is_truncated.into());
        properties.insert("damage".into(), damaged.into());
    }
}
