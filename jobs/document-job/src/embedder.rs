//! The embeddings of texts, by the network that operations share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use contract::Failure;
use inference::{Network, Value};
use operation::Weights;
use semantics::embedding::{Role, Vocabulary, mean, unit};

/// The networks by their names among the weights.
pub(crate) const ENCODER: &str = "text-encoder";
pub(crate) const VOCABULARY: &str = "text-vocabulary";

/// Copies of the network that run beside each other, each on a thread of its own.
const MOST_THREADS: usize = 4;
/// Texts for which a further copy is worth its memory.
const TEXTS_OF_THREAD: usize = 8;

/// Makes embeddings.
pub(crate) struct Embedder<'a> {
    vocabulary: Vocabulary<'a>,
    first: Arc<Network>,
    weights: &'a Weights,
}

impl<'a> Embedder<'a> {
    pub(crate) fn new(weights: &'a Weights) -> Result<Self, Failure> {
        let vocabulary = Vocabulary::read(weights.get(VOCABULARY)?)?;
        Ok(Self { vocabulary, first: inference::network(weights, ENCODER)?, weights })
    }

    /// Numbers of an embedding.
    pub(crate) fn width(&self) -> usize {
        self.vocabulary.width()
    }

    /// The embedding of each text, of length 1. `done` is called after each, from any thread.
    pub(crate) fn embed<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        role: Role,
        done: &(dyn Fn() + Sync),
    ) -> Result<Vec<Vec<f32>>, Failure> {
        let threads = operation::processors().min(MOST_THREADS).min(texts.len().div_ceil(TEXTS_OF_THREAD)).max(1);
        let next = AtomicUsize::new(0);
        let made: Mutex<Vec<Option<Vec<f32>>>> = Mutex::new(vec![None; texts.len()]);
        let work = |network: &Network| -> Result<(), Failure> {
            while let Some((at, text)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                texts.get(at).map(|text| (at, text))
            } {
                let embedding = self.one(network, text.as_ref(), role)?;
                made.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(embedding);
                done();
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let further: Vec<_> =
                (1..threads).map(|_| scope.spawn(|| work(&Network::with_threads(self.weights, ENCODER, 1)?))).collect();
            let own = work(&self.first);
            let further = further
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            further.fold(own, Result::and)
        })?;
        let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(made.into_iter().map(|embedding| embedding.expect("every text was embedded")).collect())
    }

    /// A text longer than the network reads at once is the mean of its parts, by their tokens.
    fn one(&self, network: &Network, text: &str, role: Role) -> Result<Vec<f32>, Failure> {
        let mut sum = vec![0.0; self.width()];
        for run in self.vocabulary.runs(text, role) {
            let count = run.len();
            let mut rows = Vec::with_capacity(count * self.width());
            self.vocabulary.embed(&run, &mut rows);
            let rows = Value::new(&[1, count, self.width()], rows)?;
            let mask = Value::new(&[1, 1, 1, count], vec![0.0_f32; count])?;
            let made = network.run(&[("embeddings", &rows), ("mask", &mask)], &["hidden"])?;
            let of_run = made.first().map(Value::numbers::<f32>).transpose()?.unwrap_or_default();
            if of_run.len() != count * self.width() {
                return Err(Failure::internal(format!(
                    "the network {ENCODER} gave {} numbers for {count} tokens",
                    of_run.len()
                )));
            }
            for (sum, number) in sum.iter_mut().zip(mean(of_run, self.width())) {
                *sum += number * count as f32;
            }
        }
        Ok(unit(sum))
    }
}
