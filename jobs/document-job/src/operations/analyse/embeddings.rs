//! The files that hold embeddings.

use contract::{Failure, Properties};
use operation::Task;
use semantics::chunks::Chunk;

use super::arrow::{self, Row};

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
