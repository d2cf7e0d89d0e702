//! From a window of audio to tokens: greedy, with whisper's rules for times, and again at a higher temperature when the answer
//! looks wrong (openai/whisper `decoding.py` and `transcribe.py`).

use contract::Failure;

use crate::guard;
use crate::network::{CONTEXT, Network};
use crate::tokens::Tokens;

/// Tried in this order until an answer looks right.
const TEMPERATURES: [f32; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// An answer whose tokens are less probable than this on average (natural logarithm) is tried again.
const LOG_PROBABILITY: f32 = -1.0;

/// An answer in a short window below this is sought in the whole window: where whisper is in doubt it hears better there
/// (docs/benchmarks.md), and it is in doubt about one clean window in thirty.
const DOUBT: f32 = -0.4;

/// Above this, and with an answer below [`LOG_PROBABILITY`], a window has no speech.
const NO_SPEECH: f32 = 0.6;

/// The latest time of the first word, in steps of 20 ms.
const LATEST_START: u32 = 50;

/// Tokens of an answer.
const MOST_TOKENS: usize = CONTEXT / 2;

/// What is asked of a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The token of the spoken language; without it the window's own is found.
    pub language: Option<u32>,
    /// Write English instead of what is said.
    pub translate: bool,
    /// Tokens of a text that comes before: names and terms to expect.
    pub prompt: Vec<u32>,
    /// Makes the same choices at temperatures above 0 whenever it is the same.
    pub seed: u64,
}

/// What was heard in a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Text and times, without the end.
    pub tokens: Vec<u32>,
    /// The probability of each token when it was chosen, 0 to 1.
    pub probabilities: Vec<f32>,
    /// Mean natural logarithm of these, the end included.
    pub mean_log_probability: f32,
    /// How probable it is that nobody speaks, 0 to 1.
    pub no_speech: f32,
    /// The temperature at which it was found.
    pub temperature: f32,
    /// How probable each language is, in the order of [`Tokens::languages`].
    pub languages: Vec<f32>,
    /// The token of the language that it was decoded in.
    pub language: u32,
}

impl Answer {
    /// Nobody speaks.
    pub fn is_silence(&self) -> bool {
        self.no_speech > NO_SPEECH && self.mean_log_probability < LOG_PROBABILITY
    }
}

/// Decodes a window. An answer that repeats itself, or is doubtful, is sought in the window with the silence that makes it 30 s
/// long, which `whole` gives once if it was shorter: whisper was trained on no others. One that still repeats itself, or is
/// improbable, is sought at higher temperatures. If all look wrong, the last one that does not repeat itself counts. `audio` is that of the answer.
pub fn decode<N: Network>(
    network: &N,
    audio: &mut N::Audio,
    mut whole: impl FnMut() -> Result<Option<N::Audio>, Failure>,
    tokens: &Tokens,
    request: &Request,
) -> Result<Answer, Failure> {
    let mut best: Option<Answer> = None;
    let mut at = 0;
    while let Some(temperature) = TEMPERATURES.get(at) {
        let answer = sample(network, audio, tokens, request, *temperature)?;
        let text = tokens.text(&answer.tokens);
        let repeats = guard::compression_ratio(text.trim()) > guard::COMPRESSION || guard::is_loop(&answer.tokens);
        let is_improbable = answer.mean_log_probability < LOG_PROBABILITY;
        let is_doubtful = repeats || answer.mean_log_probability < DOUBT;
        if at == 0
            && is_doubtful
            && let Some(whole) = whole()?
        {
            *audio = whole;
            continue;
        }
        if !repeats && !is_improbable || answer.is_silence() {
            return Ok(answer);
        }
        // Of answers that all look wrong, one that does not repeat itself is better.
        if best.is_none() || !repeats {
            best = Some(answer);
        }
        at += 1;
    }
    Ok(best.expect("there are temperatures"))
}

fn sample<N: Network>(
    network: &N,
    audio: &N::Audio,
    tokens: &Tokens,
    request: &Request,
    temperature: f32,
) -> Result<Answer, Failure> {
    let mut past = network.begin();
    let mut prompt = Vec::new();
    if !request.prompt.is_empty() {
        // As much as `_get_initial_tokens` takes of it: the end.
        let from = request.prompt.len().saturating_sub(MOST_TOKENS - 1);
        prompt.push(tokens.previous);
        prompt.extend(&request.prompt[from..]);
    }
    prompt.push(tokens.start);
    let logits = network.step(audio, &mut past, &prompt)?;
    check(&logits, tokens)?;
    let no_speech = probabilities(&logits)[tokens.no_speech as usize];
    let among: Vec<f32> = tokens.languages().iter().map(|(token, _)| logits[*token as usize]).collect();
    let languages = probabilities(&among);
    let language = request.language.unwrap_or_else(|| tokens.languages()[largest(&languages)].0);
    let task = if request.translate { tokens.translate } else { tokens.transcribe };

    let rules = Rules::new(tokens);
    let mut random = Random::new(request.seed ^ u64::from(temperature.to_bits()));
    let mut answer: Vec<u32> = Vec::new();
    let mut chosen: Vec<f32> = Vec::new();
    let mut sum = 0.0;
    let mut logits = network.step(audio, &mut past, &[language, task])?;
    let most = MOST_TOKENS.min(CONTEXT - prompt.len() - 2);
    loop {
        check(&logits, tokens)?;
        rules.apply(&mut logits, &answer);
        let distribution = probabilities(&logits);
        let token = if temperature == 0.0 {
            largest(&distribution)
        } else {
            let cooled: Vec<f32> = logits.iter().map(|logit| logit / temperature).collect();
            random.choose(&probabilities(&cooled))
        } as u32;
        sum += distribution[token as usize].max(f32::MIN_POSITIVE).ln();
        if token == tokens.end {
            break;
        }
        answer.push(token);
        chosen.push(distribution[token as usize]);
        if answer.len() >= most || guard::is_loop(&answer) {
            break;
        }
        logits = network.step(audio, &mut past, &[token])?;
    }
    let mean_log_probability = sum / (answer.len() + 1) as f32;
    Ok(Answer {
        tokens: answer,
        probabilities: chosen,
        mean_log_probability,
        no_speech,
        temperature,
        languages,
        language,
    })
}

fn check(logits: &[f32], tokens: &Tokens) -> Result<(), Failure> {
    if logits.len() < tokens.count() {
        let (found, expected) = (logits.len(), tokens.count());
        return Err(Failure::internal(format!("the network knows {found} tokens, and its vocabulary has {expected}")));
    }
    Ok(())
}

/// Which tokens may come next: `SuppressBlank`, `SuppressTokens` and `ApplyTimestampRules` of openai/whisper.
struct Rules<'a> {
    tokens: &'a Tokens,
}

impl<'a> Rules<'a> {
    fn new(tokens: &'a Tokens) -> Self {
        Self { tokens }
    }

    /// Sets the logits of tokens that may not follow `answer` to minus infinity.
    fn apply(&self, logits: &mut [f32], answer: &[u32]) {
        const NEVER: f32 = f32::NEG_INFINITY;
        let tokens = self.tokens;
        let (first_time, end) = (tokens.first_time as usize, tokens.end as usize);
        for token in tokens.never() {
            logits[*token as usize] = NEVER;
        }
        for (language, _) in tokens.languages() {
            logits[*language as usize] = NEVER;
        }
        logits[tokens.no_times as usize] = NEVER;
        logits[tokens.last_time as usize + 1..].fill(NEVER);

        let Some(last) = answer.last() else {
            // The answer begins with a time of the first second.
            logits[..first_time].fill(NEVER);
            logits[first_time + LATEST_START as usize + 1..].fill(NEVER);
            return;
        };
        let ends_with_time = tokens.is_time(*last);
        let before_is_time = answer.len() < 2 || tokens.is_time(answer[answer.len() - 2]);
        // Times come in pairs, but for the one at the beginning and one at the end.
        if ends_with_time && before_is_time {
            logits[first_time..].fill(NEVER);
        } else if ends_with_time {
            logits[..end].fill(NEVER);
        }
        if let Some(latest) = answer.iter().rev().find(|token| tokens.is_time(**token)) {
            // No time is earlier than the one before it, and no segment is empty.
            let from = if ends_with_time && !before_is_time { *latest } else { latest + 1 };
            logits[first_time..(from as usize).min(tokens.last_time as usize + 1)].fill(NEVER);
        }
        // A time is more probable than every word: then it is a time.
        let most = logits[..first_time].iter().copied().fold(NEVER, f32::max);
        let peak = logits[first_time..].iter().copied().fold(NEVER, f32::max);
        if peak > NEVER {
            let sum: f32 = logits[first_time..].iter().map(|logit| (logit - peak).exp()).sum();
            if peak + sum.ln() > most {
                logits[..first_time].fill(NEVER);
            }
        }
    }
}

/// The softmax.
pub(crate) fn probabilities(logits: &[f32]) -> Vec<f32> {
    let peak = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut result: Vec<f32> = logits.iter().map(|logit| (logit - peak).exp()).collect();
    let sum: f32 = result.iter().sum();
    for value in &mut result {
        *value /= sum;
    }
    result
}

/// The index of the largest value, the first of equal ones.
fn largest(values: &[f32]) -> usize {
    values
        .iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (at, value)| if *value > best.1 { (at, *value) } else { best })
        .0
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): the same file gives the same words, so the choice has to be the same.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((value ^ (value >> 31)) >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn choose(&mut self, distribution: &[f32]) -> usize {
        let mut left = self.next();
        for (at, probability) in distribution.iter().enumerate() {
            left -= probability;
            if left < 0.0 {
                return at;
            }
        }
        largest(distribution)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::{Cell, RefCell};

    use proptest::prelude::*;

    use super::*;
    use crate::mel::Spectrogram;
    use crate::network::{Attention, PLACES};
    use crate::tokens::tests::small;

    /// A network that wants to say what it is told, one script for each temperature, and looks at the places in order.
    pub(crate) struct Scripted {
        pub(crate) scripts: Vec<Vec<u32>>,
        pub(crate) tried: Cell<usize>,
        pub(crate) confidence: f32,
        pub(crate) no_speech: f32,
        pub(crate) language: u32,
        pub(crate) count: usize,
        /// The frames of each window that was encoded.
        pub(crate) encoded: RefCell<Vec<usize>>,
    }

    impl Scripted {
        pub(crate) fn new(tokens: &Tokens, scripts: Vec<Vec<u32>>) -> Self {
            let language = tokens.language("en").unwrap();
            Self {
                scripts,
                tried: Cell::new(0),
                confidence: 12.0,
                no_speech: 0.0,
                language,
                count: tokens.count(),
                encoded: RefCell::default(),
            }
        }
    }

    impl Network for Scripted {
        type Audio = ();
        type Past = (usize, usize);

        fn encode(&self, mel: &Spectrogram) -> Result<(), Failure> {
            self.encoded.borrow_mut().push(mel.frames);
            Ok(())
        }

        fn takes_short_windows(&self) -> bool {
            true
        }

        fn begin(&self) -> Self::Past {
            (self.tried.get(), 0)
        }

        fn step(&self, (): &(), past: &mut Self::Past, tokens: &[u32]) -> Result<Vec<f32>, Failure> {
            let mut logits = vec![0.0; self.count];
            if past.1 == 0 {
                self.tried.set(self.tried.get() + 1);
                logits[self.language as usize] = 20.0;
                let special = small();
                // The logarithm of the odds among all others, of which the language alone counts.
                logits[special.no_speech as usize] =
                    if self.no_speech > 0.0 { 20.0 + (self.no_speech / (1.0 - self.no_speech)).ln() } else { 0.0 };
                past.1 = 1;
                return Ok(logits);
            }
            let script = &self.scripts[past.0.min(self.scripts.len() - 1)];
            let said = past.1 - 1;
            logits[script.get(said).copied().unwrap_or(small().end) as usize] = self.confidence;
            past.1 += if tokens.len() == 2 { 1 } else { tokens.len() };
            Ok(logits)
        }

        fn attention(&self, (): &(), tokens: &[u32]) -> Result<Attention, Failure> {
            let mut scores = vec![0.0; tokens.len() * PLACES];
            for row in 0..tokens.len() {
                // 10 places, a fifth of a second, for each token.
                for place in row * 10..(row * 10 + 10).min(PLACES) {
                    scores[row * PLACES + place] = 9.0;
                }
            }
            Ok(Attention { heads: 1, tokens: tokens.len(), places: PLACES, scores })
        }
    }

    pub(crate) fn said(tokens: &Tokens, from: u32, text: &str, to: u32) -> Vec<u32> {
        let mut result = vec![tokens.first_time + from];
        result.extend(tokens.encode(text));
        result.push(tokens.first_time + to);
        result
    }

    #[test]
    fn the_most_probable_tokens_are_the_answer_and_the_language_is_found() {
        let tokens = small();
        let script = said(&tokens, 5, " the cat", 90);
        let mut network = Scripted::new(&tokens, vec![script.clone()]);
        network.language = tokens.language("fr").unwrap();
        let answer = decode(&network, &mut (), || Ok(None), &tokens, &Request::default()).unwrap();
        assert_eq!((answer.tokens, answer.temperature, answer.language), (script, 0.0, tokens.language("fr").unwrap()));
        let french = tokens.languages().iter().position(|(_, code)| code == "fr").unwrap();
        assert!(answer.languages[french] > 0.9 && answer.no_speech < 0.1 && answer.mean_log_probability > -0.1);
        assert_eq!(network.tried.get(), 1);
    }

    #[test]
    fn an_answer_that_repeats_itself_is_sought_again_at_higher_temperatures() {
        let tokens = small();
        let mut endless = vec![tokens.first_time];
        endless.extend(tokens.encode(&" no no no no".repeat(60)));
        let right = said(&tokens, 0, " the cat sat", 80);
        let mut network = Scripted::new(&tokens, vec![endless.clone(), endless, right.clone()]);
        // As sure as whisper is of its loops: at a higher temperature nothing else is sampled.
        network.confidence = 40.0;
        let answer = decode(&network, &mut (), || Ok(None), &tokens, &Request::default()).unwrap();
        assert_eq!((answer.tokens, answer.temperature, network.tried.get()), (right, 0.4, 3));
    }

    #[test]
    fn an_answer_that_looks_wrong_is_sought_in_the_whole_window_before_at_higher_temperatures() {
        let tokens = small();
        let mut endless = vec![tokens.first_time];
        endless.extend(tokens.encode(&" no no no no".repeat(60)));
        let right = said(&tokens, 0, " the cat sat", 80);
        let mut network = Scripted::new(&tokens, vec![endless, right.clone()]);
        network.confidence = 40.0;
        let mut given = 0;
        let whole = || {
            given += 1;
            Ok((given == 1).then_some(()))
        };
        let answer = decode(&network, &mut (), whole, &tokens, &Request::default()).unwrap();
        assert_eq!((answer.tokens, answer.temperature, network.tried.get(), given), (right, 0.0, 2, 1));
    }

    #[test]
    fn improbable_words_where_nobody_speaks_are_silence_at_once() {
        let tokens = small();
        let mut network = Scripted::new(&tokens, vec![said(&tokens, 0, " the", 80)]);
        (network.confidence, network.no_speech) = (3.0, 0.9);
        let answer = decode(&network, &mut (), || Ok(None), &tokens, &Request::default()).unwrap();
        assert!(answer.is_silence() && network.tried.get() == 1, "{answer:?}");
        network.no_speech = 0.0;
        let answer = decode(&network, &mut (), || Ok(None), &tokens, &Request::default()).unwrap();
        assert!(!answer.is_silence() && network.tried.get() == 7, "all six temperatures are tried");
    }

    #[test]
    fn the_same_seed_makes_the_same_choice() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..20).map(|_| random.choose(&[0.25; 4])).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!((0..4).all(|value| draw(7).contains(&value)));
    }

    #[test]
    fn a_network_of_another_vocabulary_is_refused() {
        let tokens = small();
        let mut network = Scripted::new(&tokens, vec![vec![]]);
        network.count = tokens.count();
        assert!(check(&vec![0.0; tokens.count() - 1], &tokens).unwrap_err().to_string().contains("vocabulary"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever the network wants, times are in pairs and never go back.
        #[test]
        fn every_answer_keeps_the_rules_of_times(seed in any::<u64>(), length in 1_usize..60) {
            let tokens = small();
            let rules = Rules::new(&tokens);
            let mut random = Random::new(seed);
            let mut answer = Vec::new();
            while answer.len() < length {
                let mut logits: Vec<f32> = (0..tokens.count()).map(|_| random.next() * 8.0).collect();
                // Times are rarer than words, so that both come.
                for token in tokens.first_time..=tokens.last_time {
                    logits[token as usize] -= 6.0 * random.next() + 2.0;
                }
                rules.apply(&mut logits, &answer);
                let token = largest(&logits) as u32;
                prop_assert!(logits[token as usize] > f32::NEG_INFINITY);
                if token == tokens.end {
                    break;
                }
                prop_assert!(!tokens.never().contains(&token));
                answer.push(token);
            }
            if let Some(first) = answer.first() {
                prop_assert!((tokens.first_time..=tokens.first_time + LATEST_START).contains(first));
            }
            let times: Vec<u32> = answer.iter().copied().filter(|token| tokens.is_time(*token)).collect();
            prop_assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
            let is_time: Vec<bool> = answer.iter().map(|token| tokens.is_time(*token)).collect();
            prop_assert!(!is_time.windows(3).any(|three| three.iter().all(|time| *time)), "three times in a row");
        }
    }
}
