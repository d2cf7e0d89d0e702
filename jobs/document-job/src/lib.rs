//! The document job: text from PDF and office documents, safely and in reading order.

mod document;
mod embedder;
mod flow;
mod gathered;
mod grid;
mod office;
mod operations;
mod output;
mod page_text;
mod pdf;
mod picture;
mod reading;
mod rich;
mod textract;

pub use operations::{JOB, analyse, classify, prepare_classify, prepare_text, text};
