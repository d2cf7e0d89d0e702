//! The embeddings of texts, and the files that hold them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use contract::{Failure, Properties};
use inference::{Network, Value};
use operation::{Task, Weights};
use semantics::chunks::Chunk;
use semantics::embedding::{Role, Vocabulary, mean, unit};

use super::arrow::{self, Row};

/// The networks by their names among the weights.
pub(super) const ENCODER: &str = "text-encoder";
pub(super) const VOCABULARY: &str = "text-vocabulary";

/// Copies of the network that run beside each other, each on a thread of its own.
const MOST_THREADS: usize = 4;
/// Texts for which a further copy is worth its memory.
const TEXTS_OF_THREAD: usize = 8;

/// Makes embeddings.
pub(super) struct Embedder<'a> {
    vocabulary: Vocabulary<'a>,
    first: Arc<Network>,
    weights: &'a Weights,
}

impl<'a> Embedder<'a> {
    pub(super) fn new(weights: &'a Weights) -> Result<Self, Failure> {
        let vocabulary = Vocabulary::read(weights.get(VOCABULARY)?)?;
        Ok(Self { vocabulary, first: inference::network(weights, ENCODER)?, weights })
    }

    /// Numbers of an embedding.
    pub(super) fn width(&self) -> usize {
        self.vocabulary.width()
    }

    /// The embedding of each text, of length 1. `done` is called after each, from any thread.
    pub(super) fn embed<T: AsRef<str> + Sync>(
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

/// Writes `embeddings.npy`: a row a chunk, f32.
pub(super) fn write_npy(task: &Task, rows: &[Vec<f32>], width: usize) -> Result<(), Failure> {
    let head = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {width}), }}", rows.len());
    // The numbers begin at a multiple of 64, behind a line feed.
    let padding = (64 - (10 + head.len() + 1) % 64) % 64;
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend(((head.len() + padding + 1) as u16).to_le_bytes());
    bytes.extend(head.bytes().chain(std::iter::repeat_n(b' ', padding)).chain([b'\n']));
    bytes.extend(rows.iter().flatten().flat_map(|number| number.to_le_bytes()));
    task.outputs.write("embeddings.npy", "application/x-npy", &bytes, Properties::new())
}

/// Writes `embeddings.arrow`: chunks with their page, text and vector.
pub(super) fn write_arrow(task: &Task, chunks: &[Chunk], rows: &[Vec<f32>], width: usize) -> Result<(), Failure> {
    let rows: Vec<Row> = (0..)
        .zip(chunks.iter().zip(rows))
        .map(|(number, (chunk, embedding))| Row { chunk: number, page: chunk.page, text: &chunk.text, embedding })
        .collect();
    let bytes = arrow::file(&rows, width);
    task.outputs.write("embeddings.arrow", "application/vnd.apache.arrow.file", &bytes, Properties::new())
}
