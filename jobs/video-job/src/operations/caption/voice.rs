//! Silero's network, which hears whether somebody speaks.

use std::sync::Arc;

use contract::Failure;
use inference::{Network, Value};
use operation::Weights;
use speech::voice::{Detector, FRAME};

use super::VOICE;

/// Samples of the frame before that the network sees as well, and numbers of each of its two states.
const CONTEXT: usize = 64;
const STATE: usize = 128;

/// The network with what it remembers.
pub(super) struct Silero {
    network: Arc<Network>,
    hidden: Value,
    cell: Value,
    context: [f32; CONTEXT],
}

impl Silero {
    pub(super) fn new(weights: &Weights) -> Result<Self, Failure> {
        let zero = || Value::new(&[1, 1, STATE], vec![0.0_f32; STATE]);
        Ok(Self {
            network: inference::network(weights, VOICE)?,
            hidden: zero()?,
            cell: zero()?,
            context: [0.0; CONTEXT],
        })
    }
}

impl Detector for Silero {
    fn probabilities(&mut self, frames: &[[f32; FRAME]]) -> Result<Vec<f32>, Failure> {
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let mut samples = Vec::with_capacity(frames.len() * (CONTEXT + FRAME));
        for frame in frames {
            samples.extend(self.context);
            samples.extend(frame);
            self.context.copy_from_slice(&frame[FRAME - CONTEXT..]);
        }
        let input = Value::new(&[frames.len(), CONTEXT + FRAME], samples)?;
        let inputs = [("input", &input), ("h", &self.hidden), ("c", &self.cell)];
        let made = self.network.run(&inputs, &["speech_probs", "hn", "cn"])?;
        let Ok([probabilities, hidden, cell]) = <[Value; 3]>::try_from(made) else {
            return Err(Failure::internal("the network of speech gave other outputs than were asked for"));
        };
        (self.hidden, self.cell) = (hidden, cell);
        let probabilities = probabilities.numbers::<f32>()?.to_vec();
        if probabilities.len() != frames.len() {
            let (count, given) = (frames.len(), probabilities.len());
            return Err(Failure::internal(format!(
                "the network of speech gave {given} probabilities for {count} frames"
            )));
        }
        Ok(probabilities)
    }
}
