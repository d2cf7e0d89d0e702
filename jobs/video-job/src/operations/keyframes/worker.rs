//! Decodes key frames, each on its own, and writes their pictures.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, OnceLock, PoisonError};

use catalog::operations::Keyframes;
use contract::{Failure, Properties};
use ffmpeg_next::codec::decoder;
use ffmpeg_next::frame::Video;
use ffmpeg_next::packet::{Mut, Ref};
use ffmpeg_next::util::picture;
use ffmpeg_next::{Packet, codec, ffi};
use operation::Outputs;

use super::{FrameRecord, SPRITE_QUALITY, Status};
use crate::open::StreamInfo;
use crate::picture::{Picture, PictureMaker};
use crate::sprite::SpriteSheets;
use crate::still::StillEncoder;

/// Something to make a picture of.
pub(super) struct Work {
    pub number: usize,
    pub time: f64,
    pub pts: Option<i64>,
    pub position: Option<u64>,
    pub size: u64,
    pub source: Source,
    pub problem: Option<String>,
}

pub(super) enum Source {
    Coded(Packet),
    Decoded(Video),
}

// SAFETY: packets and frames are reference-counted memory that is handed over whole.
unsafe impl Send for Work {}

/// A picture that needs the frames before it.
pub(super) struct Suspect {
    pub number: usize,
    pub time: f64,
    pub pts: Option<i64>,
    pub position: Option<u64>,
    pub size: u64,
    pub wanted: Wanted,
    pub problem: Option<String>,
}

/// Which frame it is, in the order of showing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// The first that is shown.
    First,
    /// The one at a time of the stream, and of the bytes at a position.
    At { pts: i64, position: Option<u64> },
}

impl Suspect {
    /// The first frame that is shown.
    pub(super) fn first(number: usize) -> Self {
        Self { number, time: 0.0, pts: None, position: None, size: 0, wanted: Wanted::First, problem: None }
    }

    /// The entry of a frame of which nothing could be made.
    pub(super) fn into_failed(self) -> FrameRecord {
        FrameRecord {
            number: self.number,
            file: None,
            time: self.time,
            pts: self.pts,
            position: self.position,
            size: self.size,
            width: None,
            height: None,
            status: Status::Failed,
            reason: self.problem.or_else(|| Some("it could not be decoded from the frames before it".to_owned())),
        }
    }
}

/// What the workers share.
pub(super) struct Shared<'a> {
    pub options: &'a Keyframes,
    pub video: &'a StreamInfo,
    pub outputs: &'a Outputs,
    pub sprites: Option<Mutex<SpriteSheets>>,
    pub records: Mutex<Vec<FrameRecord>>,
    pub has_failed: &'a AtomicBool,
    /// The first key frame: what stands in it alone, such as an encoder's version by which its mistakes are known, each
    /// decoder has to have seen.
    pub first: OnceLock<FirstPacket>,
    pub suspects: Mutex<Vec<Suspect>>,
    /// Times of frames that are key frames indeed.
    pub anchors: Mutex<Vec<i64>>,
}

/// A packet that all workers decode first.
pub(super) struct FirstPacket(Packet);

// SAFETY: reference-counted memory that is only read.
unsafe impl Send for FirstPacket {}
// SAFETY: as above.
unsafe impl Sync for FirstPacket {}

impl Shared<'_> {
    /// Takes frames until there are no more. After a failure the rest is taken and dropped, so that nobody waits.
    pub(super) fn work(&self, receiver: &Mutex<Receiver<Work>>) -> Result<(), Failure> {
        let result = self.make_pictures(receiver);
        if result.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
            while lock(receiver).recv().is_ok() {}
        }
        result
    }

    fn make_pictures(&self, receiver: &Mutex<Receiver<Work>>) -> Result<(), Failure> {
        let mut decoder = KeyFrameDecoder { decoder: open_decoder(self.video, 1)?, is_primed: false };
        let mut maker = PictureMaker::default();
        let mut encoder = StillEncoder::new(self.options.format, self.options.quality);
        let tile_size = self.sprites.as_ref().map(|sprites| lock(sprites).tile_size());
        loop {
            let Ok(work) = self.receive(receiver) else { return Ok(()) };
            let (frame, problem) = match work.source {
                Source::Decoded(frame) => {
                    let problem = work.problem.or_else(|| error_in(&frame));
                    (Some(frame), problem)
                }
                Source::Coded(packet) => {
                    let is_cut_short = packet.is_corrupt();
                    let decoded = decoder.decode(&packet, &self.first);
                    let is_key = decoded.frame.as_ref().is_some_and(is_key_frame);
                    if is_key {
                        lock(&self.anchors).extend(work.pts);
                    } else if let Some(pts) = work.pts
                        && !is_cut_short
                    {
                        lock(&self.suspects).push(Suspect {
                            number: work.number,
                            time: work.time,
                            pts: work.pts,
                            position: work.position,
                            size: work.size,
                            wanted: Wanted::At { pts, position: work.position },
                            problem: decoded.problem,
                        });
                        continue;
                    }
                    (decoded.frame, decoded.problem)
                }
            };
            let mut record = FrameRecord {
                number: work.number,
                file: None,
                time: work.time,
                pts: work.pts,
                position: work.position,
                size: work.size,
                width: None,
                height: None,
                status: Status::Failed,
                reason: problem,
            };
            let mut thumbnail = None;
            if let Some(mut frame) = frame {
                self.video.correct_aspect(&mut frame);
                let limit = self.options.max_width;
                let picture = maker.picture(&frame, self.video.orientation, limit, encoder.colours())?;
                let bytes = encoder.encode(&picture)?;
                let name = format!("frames/frame-{:05}.{}", work.number, self.options.format.extension());
                let mut properties = Properties::new();
                properties.insert("width".into(), picture.width.into());
                properties.insert("height".into(), picture.height.into());
                properties.insert("time".into(), work.time.into());
                self.outputs.write(name.clone(), self.options.format.content_type(), &bytes, properties)?;
                thumbnail = tile_size.map(|(width, height)| picture.thumbnail(width, height));
                record.status = if record.reason.is_some() { Status::Damaged } else { Status::Ok };
                (record.file, record.width, record.height) = (Some(name), Some(picture.width), Some(picture.height));
            }
            self.settle(work.number, thumbnail.as_ref())?;
            lock(&self.records).push(record);
        }
    }

    /// The next work. The first packet of all is kept on the way, while nobody else takes one.
    fn receive(&self, receiver: &Mutex<Receiver<Work>>) -> Result<Work, std::sync::mpsc::RecvError> {
        let receiver = lock(receiver);
        let work = receiver.recv()?;
        if let Source::Coded(packet) = &work.source {
            self.first.get_or_init(|| FirstPacket(shared(packet)));
        }
        Ok(work)
    }

    /// Puts a thumbnail on its sheet, or leaves its place empty.
    pub(super) fn settle(&self, number: usize, thumbnail: Option<&Picture>) -> Result<(), Failure> {
        let Some(sprites) = &self.sprites else { return Ok(()) };
        let full = lock(sprites).settle(number - 1, thumbnail);
        match full {
            Some((number, sheet)) => self.write_sheet(number, &sheet),
            None => Ok(()),
        }
    }

    pub(super) fn write_sheet(&self, number: usize, sheet: &Picture) -> Result<(), Failure> {
        let format = self.options.format;
        let bytes = StillEncoder::new(format, self.options.quality.min(SPRITE_QUALITY)).encode(sheet)?;
        let mut properties = Properties::new();
        properties.insert("width".into(), sheet.width.into());
        properties.insert("height".into(), sheet.height.into());
        self.outputs.write(self.sheet_name(number), format.content_type(), &bytes, properties)
    }

    pub(super) fn sheet_name(&self, number: usize) -> String {
        format!("sprite-{number}.{}", self.options.format.extension())
    }
}

pub(super) fn open_decoder(video: &StreamInfo, threads: usize) -> Result<decoder::Video, Failure> {
    let decoder = video.decoder(threads)?;
    decoder.video().map_err(|error| {
        Failure::invalid_input(format!("the {} video cannot be decoded", video.codec.name())).because(error)
    })
}

/// Decodes key frames one by one.
struct KeyFrameDecoder {
    decoder: decoder::Video,
    /// Whether it has seen the first packet of the stream.
    is_primed: bool,
}

/// What came of a packet.
struct Decoded {
    frame: Option<Video>,
    problem: Option<String>,
}

impl KeyFrameDecoder {
    /// A key frame needs no other: it goes in alone, and what comes out is it.
    fn decode(&mut self, packet: &Packet, first: &OnceLock<FirstPacket>) -> Decoded {
        let first = first.get().map(|FirstPacket(first)| first);
        if !std::mem::replace(&mut self.is_primed, true)
            && let Some(first) = first.filter(|first| !is_same(first, packet) && learns_from_packets(&self.decoder))
        {
            self.decode_alone(first);
        }
        self.decode_alone(packet)
    }

    fn decode_alone(&mut self, packet: &Packet) -> Decoded {
        let mut problem = packet.is_corrupt().then(|| "its data is incomplete".to_owned());
        let mut best: Option<Video> = None;
        if let Err(error) = self.decoder.send_packet(packet) {
            problem.get_or_insert_with(|| error.to_string());
        }
        let _ = self.decoder.send_eof();
        loop {
            let mut frame = Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => best = best.or(Some(frame)),
                Err(ffmpeg_next::Error::Eof) => break,
                Err(error) => {
                    problem.get_or_insert_with(|| error.to_string());
                    break;
                }
            }
        }
        self.decoder.flush();
        match &best {
            Some(frame) => problem = problem.or_else(|| error_in(frame)),
            None => drop(problem.get_or_insert_with(|| "the decoder returned no picture".to_owned())),
        }
        Decoded { frame: best, problem }
    }
}

fn is_same(one: &Packet, other: &Packet) -> bool {
    (one.position(), one.pts(), one.dts(), one.size()) == (other.position(), other.pts(), other.dts(), other.size())
}

/// Another reference to the same bytes.
fn shared(packet: &Packet) -> Packet {
    let mut result = Packet::empty();
    // SAFETY: a live packet, and a blank one that becomes a reference to its bytes; without memory it stays blank.
    unsafe { ffi::av_packet_ref(result.as_mut_ptr(), packet.as_ptr()) };
    result
}

/// Whether something in the packets, rather than in the container's header, may tell how all of them are to be decoded.
fn learns_from_packets(decoder: &decoder::Video) -> bool {
    use codec::Id;
    matches!(decoder.id(), Id::H264 | Id::HEVC | Id::MPEG4 | Id::MPEG2VIDEO | Id::MPEG1VIDEO | Id::VC1 | Id::WMV3)
}

/// Whether a frame is what the container called it. A decoder that starts at another kind of frame makes something, too.
fn is_key_frame(frame: &Video) -> bool {
    matches!(frame.kind(), picture::Type::I | picture::Type::SI | picture::Type::None) || frame.is_key()
}

fn error_in(frame: &Video) -> Option<String> {
    // SAFETY: the frame owns a live AVFrame.
    let flags = unsafe { (*frame.as_ptr()).decode_error_flags };
    (frame.is_corrupt() || flags != 0).then(|| "the decoder reported errors".to_owned())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
