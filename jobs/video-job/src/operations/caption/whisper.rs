//! Whisper's encoder and decoder, as `scripts/weights.d/whisper.py` writes them.

use std::sync::Arc;

use contract::Failure;
use inference::Value;
use operation::Weights;
use speech::mel::{Mel, Spectrogram};
use speech::network::{Attention, CONTEXT, Network};

/// Layers of the largest decoder of whisper.
const MOST_LAYERS: usize = 32;

/// The two networks.
pub(super) struct Whisper {
    encoder: Arc<inference::Network>,
    decoder: Arc<inference::Network>,
    /// Of the decoder: for each layer the names of its inputs and outputs.
    layers: Vec<Layer>,
    heads: usize,
    size: usize,
    /// Rows of a spectrogram, and whether it may have fewer columns than 30 s.
    bands: usize,
    takes_short_windows: bool,
}

struct Layer {
    past: [String; 2],
    cross: [String; 2],
    out: [String; 2],
}

/// Keys and values that the decoder's layers take of the audio: keys and values of the first layer, of the second, …
pub(super) struct Audio(Vec<Value>);

/// Keys and values of the tokens so far, in the same order.
pub(super) struct Past {
    values: Vec<Value>,
    tokens: usize,
}

impl Whisper {
    /// The networks of these names, of any number of layers.
    pub(super) fn new(weights: &Weights, encoder: &str, decoder: &str) -> Result<Self, Failure> {
        let (encoder, decoder) = (inference::network(weights, encoder)?, inference::network(weights, decoder)?);
        let names = |at: usize| Layer {
            past: [format!("past_k{at}"), format!("past_v{at}")],
            cross: [format!("cross_k{at}"), format!("cross_v{at}")],
            out: [format!("k{at}_out"), format!("v{at}_out")],
        };
        let layers: Vec<Layer> =
            (0..MOST_LAYERS).map(names).take_while(|layer| decoder.input_shape(&layer.past[0]).is_ok()).collect();
        let [_, heads, _, size] = decoder.input_shape("past_k0")?[..] else {
            return Err(Failure::internal("the decoder of speech is of another shape than this program knows"));
        };
        let (bands, takes_short_windows) = match encoder.input_shape("mel")?[..] {
            [_, bands, columns] if bands > 0 => (bands as usize, columns < 0),
            _ => return Err(Failure::internal("the encoder of speech is of another shape than this program knows")),
        };
        let (heads, size) = (heads.max(1) as usize, size.max(1) as usize);
        Ok(Self { encoder, decoder, layers, heads, size, bands, takes_short_windows })
    }

    /// What makes the spectrograms that it takes.
    pub(super) fn mel(&self) -> Mel {
        Mel::new(self.bands)
    }

    /// Reads tokens behind those of the past. `rows` are those whose logits are wanted.
    fn run(
        &self,
        audio: &Audio,
        past: &Past,
        tokens: &[u32],
        rows: Vec<i64>,
        outputs: &[&str],
    ) -> Result<Vec<Value>, Failure> {
        let end = past.tokens + tokens.len();
        if end > CONTEXT {
            return Err(Failure::internal(format!("{end} tokens of speech at once; the decoder takes {CONTEXT}")));
        }
        let numbers = tokens.iter().map(|token| i64::from(*token)).collect();
        let tokens = Value::new(&[tokens.len()], numbers)?;
        let positions = Value::new(&[end - past.tokens], (past.tokens as i64..end as i64).collect())?;
        let rows = Value::new(&[rows.len()], rows)?;
        let mut inputs = vec![("tokens", &tokens), ("positions", &positions), ("rows", &rows)];
        for (at, layer) in self.layers.iter().enumerate() {
            for side in [0, 1] {
                inputs.push((layer.past[side].as_str(), &past.values[2 * at + side]));
                inputs.push((layer.cross[side].as_str(), &audio.0[2 * at + side]));
            }
        }
        self.decoder.run(&inputs, outputs)
    }

    fn empty(&self) -> Result<Past, Failure> {
        let none = |_| Value::new::<f32>(&[1, self.heads, 0, self.size], Vec::new());
        Ok(Past { values: (0..2 * self.layers.len()).map(none).collect::<Result<_, _>>()?, tokens: 0 })
    }
}

impl Network for Whisper {
    type Audio = Audio;
    type Past = Option<Past>;

    fn encode(&self, mel: &Spectrogram) -> Result<Audio, Failure> {
        let input = Value::new(&[1, mel.bands, mel.frames], mel.values.clone())?;
        let names: Vec<&str> = self.layers.iter().flat_map(|layer| &layer.cross).map(String::as_str).collect();
        self.encoder.run(&[("mel", &input)], &names).map(Audio)
    }

    fn takes_short_windows(&self) -> bool {
        self.takes_short_windows
    }

    fn begin(&self) -> Option<Past> {
        None
    }

    fn step(&self, audio: &Audio, past: &mut Option<Past>, tokens: &[u32]) -> Result<Vec<f32>, Failure> {
        let before = match past.take() {
            Some(before) => before,
            None => self.empty()?,
        };
        let mut outputs = vec!["logits"];
        outputs.extend(self.layers.iter().flat_map(|layer| &layer.out).map(String::as_str));
        let last = tokens.len() as i64 - 1;
        let mut values = self.run(audio, &before, tokens, vec![last], &outputs)?;
        let logits = values.remove(0);
        *past = Some(Past { values, tokens: before.tokens + tokens.len() });
        logits.numbers::<f32>().map(<[f32]>::to_vec)
    }

    fn attention(&self, audio: &Audio, tokens: &[u32]) -> Result<Attention, Failure> {
        // The tokens and the prompt are within the context, and so is the end.
        let tokens = &tokens[..tokens.len().min(CONTEXT)];
        let values = self.run(audio, &self.empty()?, tokens, vec![0], &["alignment"])?;
        let [heads, tokens, places] = values[0].shape()[..] else {
            return Err(Failure::internal("the decoder's alignment is of another shape than this program knows"));
        };
        Ok(Attention { heads, tokens, places, scores: values[0].numbers::<f32>()?.to_vec() })
    }
}
