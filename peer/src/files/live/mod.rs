//! Files that are handed over while some program still writes them.
//!
//! As long as one grows there is no root to verify anything against: what arrives is appended as it comes.
//! When it has ended, its tree is made of what is there, and from then on it is a file as any other, of
//! which nothing counts that does not fit the root.

pub(super) mod salvage;
pub(super) mod source;
pub(super) mod target;
mod writers;

#[cfg(test)]
mod tests;
