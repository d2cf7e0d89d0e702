//! Speech to words with times, and words to captions.
//!
//! Audio is read as a stream of 16 kHz samples and goes through these steps, each a module of its own:
//!
//! 1. [`voice`]: where there is speech, from a network's probabilities for each 32 ms.
//! 2. [`chunks`]: stretches of at most 30 s, cut at silence, without long pauses.
//! 3. [`mel`]: a chunk's log-mel spectrogram.
//! 4. [`decoding`]: a spectrogram to tokens, by the rules of openai/whisper, with [`guard`]s against its known failures.
//! 5. [`alignment`]: the time of each word, from the attention of the heads that follow the audio.
//! 6. [`recognition`]: these in a row, for one chunk.
//! 7. [`captions`]: words to captions that can be read; [`subtitles`] and [`transcript`] write them.
//!
//! [`cuts`] says where a long file can be divided. The networks themselves are the caller's, behind [`network::Network`] and [`voice::Detector`]. There is no I/O here.
//!
//! Constants without another source are those of openai/whisper (`decoding.py`, `transcribe.py`, `timing.py`, MIT).

#![warn(missing_docs)]

pub mod alignment;
pub mod captions;
pub mod chunks;
pub mod cuts;
pub mod decoding;
pub mod guard;
pub mod mask;
pub mod mel;
pub mod network;
pub mod recognition;
pub mod subtitles;
pub mod tokens;
pub mod transcript;
pub mod voice;

pub use catalog::spoken_language as language;

/// Samples a second of all audio here, one channel.
pub const SAMPLE_RATE: usize = 16_000;

/// Seconds of audio that the network sees at once.
pub const WINDOW_SECONDS: usize = 30;
