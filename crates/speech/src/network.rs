//! What recognition asks of a network that turns audio into tokens: an encoder and a decoder, as whisper has them.

use contract::Failure;

use crate::mel::Spectrogram;

/// The encoder's places in a window of 30 s, of 20 ms each: the most columns of an attention matrix.
pub const PLACES: usize = 1500;

/// Seconds of one place.
pub const SECONDS_PER_PLACE: f64 = 0.02;

/// The most tokens that the decoder sees at once, prompt and answer.
pub const CONTEXT: usize = 448;

/// An encoder and a decoder.
pub trait Network {
    /// What the decoder needs to know of a window of audio.
    type Audio;
    /// What the decoder keeps of the tokens so far.
    type Past;

    /// Encodes a window.
    fn encode(&self, mel: &Spectrogram) -> Result<Self::Audio, Failure>;

    /// Whether it encodes windows of less than 30 s, too.
    fn takes_short_windows(&self) -> bool;

    /// No tokens so far.
    fn begin(&self) -> Self::Past;

    /// Reads further tokens and answers the logits after the last of them, one for each word of the vocabulary.
    fn step(&self, audio: &Self::Audio, past: &mut Self::Past, tokens: &[u32]) -> Result<Vec<f32>, Failure>;

    /// Reads tokens from the beginning and answers where in the audio the decoder looked for each: the scores (before the
    /// softmax) of the heads that follow the audio.
    fn attention(&self, audio: &Self::Audio, tokens: &[u32]) -> Result<Attention, Failure>;
}

/// Scores of some cross-attention heads, `heads` × `tokens` × `places`.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// How many heads.
    pub heads: usize,
    /// How many tokens.
    pub tokens: usize,
    /// How many places, of 20 ms each: as many as the window has, at most [`PLACES`].
    pub places: usize,
    /// The scores, the places of one token of one head next to each other.
    pub scores: Vec<f32>,
}
