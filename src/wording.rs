//! The words, in each language that the program speaks; how they are used is in `language`.
//!
//! Of an error, the English stands beside it (`#[error("…")]`), of everything else that is said to
//! the owner in `en.rs`; all Chinese stands in `zh.rs` and below it. Both are written by exhaustive
//! matches, so that a new case does not compile without its words; a test in `cli` fails on a flag
//! or a command whose help is missing.

mod en;
pub(crate) mod help;
mod zh;
