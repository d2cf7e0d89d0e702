//! What the worker and its parent say to each other over a socket pair: frames of JSON, with bytes or an open file where
//! a reply needs them. The worker asks, the parent answers. The parent takes every byte from the worker for hostile:
//! lengths are bounded before anything is kept, and nothing is allocated for bytes that have not arrived.

use catalog::{Format, MediaKind, Service};
use contract::{Failure, FailureKind, Jail, Properties, Sandbox};
use operation::{Announcement, OutputDescription, Share};
use serde::{Deserialize, Serialize};

use super::Limits;

/// The longest frame that the parent takes from the worker.
pub(super) const MAX_REQUEST: usize = 16 << 20;
/// The most bytes of the input in one reply.
pub(super) const MAX_READ: usize = 8 << 20;
/// How many parts of the input in one reply.
pub(super) const MAX_RANGES: usize = 64;
/// How many outputs one operation may make.
pub(super) const MAX_OUTPUTS: usize = 100_000;
/// How many companion files one operation may open.
pub(super) const MAX_COMPANIONS: usize = 10_000;
/// How many files for outputs come with the work where none can be sent later: as many as `resize` writes at most.
pub(super) const GIVEN_OUTPUTS: usize = 64;
/// The longest text of a worker's failure that is passed on.
pub(super) const MAX_MESSAGE: usize = 4096;

/// The first frame, from the parent: the work. The input's open file comes with it where there is one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Assignment {
    /// The operation in the processing-option grammar.
    pub(super) operation: String,
    pub(super) kind: MediaKind,
    pub(super) share: Option<Share>,
    pub(super) name: String,
    pub(super) format: Format,
    pub(super) size: u64,
    pub(super) whole: bool,
    pub(super) limits: Limits,
    /// What holds it. For [`Jail::Limits`], files for the outputs come with the frame, behind the input's.
    pub(super) jail: Jail,
}

/// From the worker.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Request {
    /// The sandbox is closed and the work begins. No answer.
    Started { sandbox: Sandbox },
    /// How far the work is, and how many seconds of a video or of sound that is. No answer.
    Progress { fraction: f64, seconds: Option<f64> },
    /// A new output. Answered by its open file, or by which of the files that came with the work it is.
    CreateOutput { name: String },
    /// An output is complete. No answer.
    FinishedOutput { output: OutputDescription },
    /// Another object beside the input. Answered by its open file.
    OpenCompanion { relative: String },
    /// A part of the input. Answered by bytes, none at the end.
    ReadAt { offset: u64, length: usize },
    /// Parts of the input, as offset and length, which are within it. Answered by their bytes, one part behind the other.
    ReadRanges { ranges: Vec<(u64, u64)>, announced: Option<Announcement> },
    /// Parts that will be asked for under this name. No answer.
    Announce { name: Announcement, ranges: Vec<(u64, u64)> },
    /// A question to a managed service, as JSON: see [`operation::ask`]. Answered by bytes, the answer as JSON.
    Ask { service: Service, question: String },
    /// The last frame: how the work ended. No answer.
    Done { ending: Ending, peak_memory: u64 },
}

/// How the work ended.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Ending {
    Completed { outputs: Vec<OutputDescription>, properties: Properties, versions: Vec<(String, String)> },
    Failed(Reason),
}

/// A failure in transit.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Reason {
    pub(super) kind: FailureKind,
    pub(super) message: String,
}

/// From the parent, the answer to one request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// An open file comes with this frame.
    File,
    /// It is this one of the files that came with the work.
    Given(usize),
    /// The bytes follow as the frame's body.
    Bytes,
    /// It could not be done, and the work may go on without.
    Refused(Reason),
}

impl From<&Failure> for Reason {
    fn from(failure: &Failure) -> Self {
        Self { kind: failure.kind(), message: clipped(&failure.to_string()) }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::new(reason.kind, clipped(&reason.message))
    }
}

/// As much of a text as belongs into an event, without what could move a terminal's cursor.
pub(super) fn clipped(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_MESSAGE);
    let mut clean = text[..end].replace(|c: char| c.is_control() && c != '\n' && c != '\t', "\u{fffd}");
    if end < text.len() {
        clean.push('…');
    }
    clean
}

/// A request as a frame: its length in four bytes, little-endian, then JSON.
pub(super) fn encode_request(request: &Request) -> Result<Vec<u8>, String> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, request).map_err(|error| error.to_string())?;
    let length = frame.len() - 4;
    if length > MAX_REQUEST {
        return Err(format!("the description of the result has {length} bytes; at most {MAX_REQUEST} are taken"));
    }
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(frame)
}

/// A frame from the parent: the lengths of the JSON and of the body in four bytes each, then both.
pub(super) fn encode_reply(message: &impl Serialize, body: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut frame = vec![0; 8];
    serde_json::to_writer(&mut frame, message)?;
    let length = (frame.len() - 8) as u32;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..8].copy_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(body);
    Ok(frame)
}

/// Cuts the worker's bytes into requests.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    buffer: Vec<u8>,
    start: usize,
}

impl Decoder {
    /// Adds bytes that arrived. Call [`Decoder::next_request`] until it has no more before adding again, so that at most
    /// one frame is kept.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole request, or what is wrong with it. After an error nothing more can be read.
    pub(super) fn next_request(&mut self) -> Result<Option<Request>, String> {
        let Some((length, rest)) = self.buffer[self.start..].split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_REQUEST {
            return Err(format!("a message of {length} bytes"));
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let request = serde_json::from_slice(frame).map_err(|error| format!("a message that is none: {error}"))?;
        self.start += 4 + length;
        Ok(Some(request))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requests() -> impl Strategy<Value = Request> {
        prop_oneof![
            (any::<bool>(), 0..10u32).prop_map(|(seccomp, landlock)| {
                let sandbox = Sandbox { seccomp, landlock, jail: Some(Jail::Filter) };
                Request::Started { sandbox }
            }),
            (0.0..=1.0, prop::option::of(0.0..1e6))
                .prop_map(|(fraction, seconds)| Request::Progress { fraction, seconds }),
            any::<String>().prop_map(|name| Request::CreateOutput { name }),
            any::<String>().prop_map(|relative| Request::OpenCompanion { relative }),
            any::<String>().prop_map(|question| Request::Ask { service: Service::PageText, question }),
            (any::<u64>(), any::<usize>()).prop_map(|(offset, length)| Request::ReadAt { offset, length }),
            prop::collection::vec((any::<u64>(), any::<u64>()), 0..4)
                .prop_map(|ranges| Request::ReadRanges { ranges, announced: Some(Announcement(3)) }),
            prop::collection::vec((any::<u64>(), any::<u64>()), 0..4)
                .prop_map(|ranges| Request::Announce { name: Announcement(7), ranges }),
            (any::<String>(), any::<u64>()).prop_map(|(message, peak_memory)| Request::Done {
                ending: Ending::Failed(Reason { kind: FailureKind::InvalidInput, message }),
                peak_memory
            }),
        ]
    }

    proptest! {
        #[test]
        fn requests_come_through_whatever_the_pieces_they_arrive_in(
            sent in prop::collection::vec(requests(), 0..8), piece in 1..64usize,
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|request| encode_request(request).unwrap()).collect();
            let mut decoder = Decoder::default();
            let mut received = Vec::new();
            for piece in bytes.chunks(piece) {
                decoder.push(piece);
                while let Some(request) = decoder.next_request().unwrap() {
                    received.push(request);
                }
            }
            prop_assert_eq!(received, sent);
        }

        #[test]
        fn any_bytes_are_requests_or_an_error_and_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..512), piece in 1..64usize,
        ) {
            let mut decoder = Decoder::default();
            'bytes: for piece in bytes.chunks(piece) {
                decoder.push(piece);
                loop {
                    match decoder.next_request() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'bytes,
                    }
                }
            }
        }
    }

    #[test]
    fn a_length_beyond_the_bound_is_refused_before_any_byte_of_it_is_kept() {
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_le_bytes());
        assert!(decoder.next_request().unwrap_err().contains("4294967295 bytes"));
        assert!(decoder.buffer.capacity() < 1024);
    }

    #[test]
    fn messages_are_clipped_at_a_character_and_cannot_move_the_cursor() {
        let text = clipped(&format!("\u{1b}[2J{}", "é".repeat(MAX_MESSAGE)));
        assert!(text.starts_with("\u{fffd}[2Jé") && text.ends_with('…') && text.len() <= MAX_MESSAGE + 8);
    }
}
