//! What kind of document a text with places is.
//!
//! ```text
//! blocks with places -> features (words that documents call themselves by, layout, numbers)  -\
//!                    -> the embedding of the beginning, if there is a network for it          -> a linear model -> probabilities
//! ```
//!
//! [`features`] are about seventy numbers between 0 and 1, each of which a person can be told ([`evidence`]); [`model`] has the
//! coefficients, which `scripts/train-classify` makes from documents that it generates; [`bundle`] finds where one document of several
//! in a file begins; [`classes`] are a user's own, by examples; [`personal`] says where personal data is. No I/O, no network's
//! runtime: the same text gives the same result everywhere.
//!
//! [`report`] is the shape of classification.json, whose schema is docs/classification.schema.json.

pub mod bundle;
pub mod classes;
mod cues;
pub mod document_type;
pub mod evidence;
pub mod features;
pub mod layout;
pub mod model;
pub mod personal;
pub mod report;
