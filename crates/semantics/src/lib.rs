//! What a text is about, from its blocks with their places: [`chunks`] for retrieval, [`entities`] by rule with their checksums,
//! [`phrases`] that are typical of it, the sentences that sum it up ([`summary`]), its [`language`]s, and [`fingerprint`]s that are
//! alike for texts that are nearly the same. What a network needs and gives is here as well ([`embedding`], [`names`], [`sentiment`],
//! [`topics`]), and what finds chunks for a question ([`search`]). No I/O, no network's runtime: the same text gives the same result
//! everywhere.
//!
//! [`report`] is the shape of semantics.json, whose schema is docs/semantics.schema.json.

pub mod chunks;
pub mod document;
pub mod embedding;
pub mod entities;
pub mod fingerprint;
pub mod language;
pub mod names;
pub mod phrases;
pub mod report;
pub mod search;
pub mod sentiment;
mod stop;
pub mod summary;
pub mod topics;
pub mod words;
