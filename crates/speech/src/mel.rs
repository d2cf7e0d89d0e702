//! Log-mel spectrograms, as whisper was trained on them (openai/whisper `audio.py`): 25 ms Hann windows every 10 ms, 80 bands
//! of the Slaney mel scale, the logarithm limited to 8 powers of ten below the loudest value, moved to about −1 to 1.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use crate::{SAMPLE_RATE, WINDOW_SECONDS};

/// Mel bands, the rows of a spectrogram, of all sizes of whisper but the latest large ones.
pub const BANDS: usize = 80;

/// Columns of a spectrogram of 30 s, 10 ms each.
pub const FRAMES: usize = WINDOW_SECONDS * SAMPLE_RATE / HOP;

/// Columns of silence behind the audio of a short window: whisper takes audio that ends with the window for cut off, and makes
/// up how it would go on. Half a second of it gave loops, more than 2 s nothing better (docs/benchmarks.md).
const TAIL: usize = 200;

/// Columns of the shortest window: in 7 s whisper heard "It wasn't best of times". Its cost hardly counts.
const SHORTEST: usize = 1000;

/// Samples from one column to the next.
pub const HOP: usize = 160;

/// Samples of a Fourier transform.
const WINDOW: usize = 400;

const BINS: usize = WINDOW / 2 + 1;

/// A picture of sound: the values of a band next to each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// Rows.
    pub bands: usize,
    /// Columns, 10 ms each; an even number.
    pub frames: usize,
    /// Rows × columns.
    pub values: Vec<f32>,
}

/// How long a window is, whatever it has of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// 30 s, as whisper was trained.
    Whole,
    /// What the audio needs. An encoder's work grows faster than the window.
    Short,
}

/// Makes spectrograms.
#[derive(Clone)]
pub struct Mel {
    transform: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    /// For each band its first bin and its weights.
    filters: Vec<(usize, Vec<f32>)>,
}

impl Default for Mel {
    fn default() -> Self {
        Self::new(BANDS)
    }
}

impl Mel {
    /// Of so many bands.
    pub fn new(bands: usize) -> Self {
        let hann = |index| 0.5 - 0.5 * (2.0 * std::f64::consts::PI * index as f64 / WINDOW as f64).cos();
        Self {
            transform: RealFftPlanner::new().plan_fft_forward(WINDOW),
            hann: (0..WINDOW).map(|index| hann(index) as f32).collect(),
            filters: filters(bands),
        }
    }

    /// Columns of a window with so many samples.
    pub fn frames(samples: usize, length: Length) -> usize {
        match length {
            Length::Whole => FRAMES,
            Length::Short => (samples.div_ceil(HOP) + TAIL).next_multiple_of(2).clamp(SHORTEST, FRAMES),
        }
    }

    /// The spectrogram of at most 30 s. What the audio lacks of the window is silence.
    pub fn spectrogram(&self, samples: &[f32], length: Length) -> Spectrogram {
        let samples = &samples[..samples.len().min(FRAMES * HOP)];
        let frames = Self::frames(samples.len(), length);
        let bands = self.filters.len();
        let mut values = vec![-10.0_f32; bands * frames];
        let mut buffer = self.transform.make_input_vec();
        let mut spectrum = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        let mut power = [0.0_f32; BINS];
        // The columns after these see silence alone, whose logarithm is in the result already.
        let columns = ((samples.len() + WINDOW / 2).div_ceil(HOP) + 1).min(frames);
        for column in 0..columns {
            for (index, value) in buffer.iter_mut().enumerate() {
                // Mirrored before the beginning, as torch.stft pads.
                let position = (column * HOP + index) as isize - (WINDOW / 2) as isize;
                *value = samples.get(position.unsigned_abs()).copied().unwrap_or(0.0) * self.hann[index];
            }
            self.transform
                .process_with_scratch(&mut buffer, &mut spectrum, &mut scratch)
                .expect("the buffers are the transform's own");
            for (power, value) in power.iter_mut().zip(&spectrum) {
                *power = value.norm_sqr();
            }
            for (band, (first, weights)) in self.filters.iter().enumerate() {
                let sum: f32 = weights.iter().zip(&power[*first..]).map(|(weight, power)| weight * power).sum();
                values[band * frames + column] = sum.max(1e-10).log10();
            }
        }
        let floor = values.iter().copied().fold(f32::MIN, f32::max) - 8.0;
        for value in &mut values {
            *value = (value.max(floor) + 4.0) / 4.0;
        }
        Spectrogram { bands, frames, values }
    }
}

/// Triangles of equal area, evenly spaced on the Slaney scale from 0 Hz to half the sample rate: `librosa.filters.mel` with
/// its defaults, from which whisper's table was made.
fn filters(bands: usize) -> Vec<(usize, Vec<f32>)> {
    let top = to_mel(SAMPLE_RATE as f64 / 2.0);
    let edges: Vec<f64> = (0..bands + 2).map(|edge| to_hertz(top * edge as f64 / (bands + 1) as f64)).collect();
    let weight = |band: usize, bin: usize| {
        let hertz = bin as f64 * SAMPLE_RATE as f64 / WINDOW as f64;
        let (low, middle, high) = (edges[band], edges[band + 1], edges[band + 2]);
        let triangle = ((hertz - low) / (middle - low)).min((high - hertz) / (high - middle)).max(0.0);
        triangle * 2.0 / (high - low)
    };
    let filter = |band| {
        let weights: Vec<f32> = (0..BINS).map(|bin| weight(band, bin) as f32).collect();
        let first = weights.iter().position(|weight| *weight > 0.0).unwrap_or(0);
        let last = weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0);
        (first, weights[first..=last].to_vec())
    };
    (0..bands).map(filter).collect()
}

/// Linear below 1,000 Hz, logarithmic above (Slaney, Auditory Toolbox, 1998).
const LINEAR_STEP: f64 = 200.0 / 3.0;
const LOGARITHMIC_FROM: f64 = 1000.0;

fn logarithmic_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn to_mel(hertz: f64) -> f64 {
    if hertz < LOGARITHMIC_FROM {
        return hertz / LINEAR_STEP;
    }
    LOGARITHMIC_FROM / LINEAR_STEP + (hertz / LOGARITHMIC_FROM).ln() / logarithmic_step()
}

fn to_hertz(mel: f64) -> f64 {
    let corner = LOGARITHMIC_FROM / LINEAR_STEP;
    if mel < corner { mel * LINEAR_STEP } else { LOGARITHMIC_FROM * (logarithmic_step() * (mel - corner)).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, seconds: f64) -> Vec<f32> {
        let count = (seconds * SAMPLE_RATE as f64) as usize;
        let value = |index| (2.0 * std::f64::consts::PI * hertz * index as f64 / SAMPLE_RATE as f64).sin() as f32;
        (0..count).map(value).collect()
    }

    fn loudest_band(mel: &Spectrogram, column: usize) -> usize {
        let value = |band: &usize| mel.values[band * mel.frames + column];
        (0..BANDS).max_by(|a, b| value(a).total_cmp(&value(b))).unwrap()
    }

    #[test]
    fn filters_have_the_values_of_librosas_table() {
        // librosa.filters.mel(sr=16000, n_fft=400, n_mels=80), from whisper's assets/mel_filters.npz.
        let filters = filters(BANDS);
        let at = |band: usize, bin: usize| {
            let (first, weights) = &filters[band];
            bin.checked_sub(*first).and_then(|index| weights.get(index)).copied().unwrap_or(0.0)
        };
        for (band, bin, expected) in [(0, 1, 0.024_862_6), (0, 2, 0.0), (1, 1, 0.001_990_82), (1, 2, 0.022_871_8)] {
            assert!((at(band, bin) - expected).abs() < 2e-5, "{band} {bin}: {}", at(band, bin));
        }
    }

    #[test]
    fn a_tone_is_loudest_in_the_band_of_its_pitch_and_only_while_it_lasts() {
        let mel = Mel::default().spectrogram(&tone(1000.0, 2.0), Length::Whole);
        assert_eq!((mel.values.len(), mel.frames), (BANDS * FRAMES, FRAMES));
        // 1,000 Hz are mel 15 of 45.2 and so 15 / 45.2 · 81 − 1 = 25.8 bands up.
        for column in [10, 100, 190] {
            assert!((25..=26).contains(&loudest_band(&mel, column)));
        }
        let (loud, silent) = (mel.values[26 * FRAMES + 100], mel.values[26 * FRAMES + 1000]);
        assert!((loud - silent - 2.0).abs() < 0.1, "silence is 8 powers of ten below: {loud} {silent}");
        assert!(mel.values.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn silence_and_no_audio_at_all_are_the_same_flat_picture() {
        let mel = Mel::default();
        let nothing = mel.spectrogram(&[], Length::Whole);
        assert_eq!(nothing, mel.spectrogram(&vec![0.0; 480_000], Length::Whole));
        assert!(nothing.values.iter().all(|value| (*value - nothing.values[0]).abs() < 1e-6));
    }

    #[test]
    fn a_short_window_has_the_audio_and_some_silence_and_is_otherwise_the_same() {
        let (mel, sound) = (Mel::new(128), tone(500.0, 12.0));
        let (whole, short) = (mel.spectrogram(&sound, Length::Whole), mel.spectrogram(&sound, Length::Short));
        assert_eq!((short.bands, short.frames, whole.frames), (128, 1200 + TAIL, FRAMES));
        for band in 0..short.bands {
            assert_eq!(
                short.values[band * short.frames..][..short.frames],
                whole.values[band * FRAMES..][..short.frames]
            );
        }
        assert_eq!(Mel::frames(29 * SAMPLE_RATE, Length::Short), FRAMES);
        assert_eq!(Mel::frames(SAMPLE_RATE, Length::Short), SHORTEST);
    }
}
