//! The Tincan client: one core, several faces.

pub mod command;
pub mod login;
pub mod output;
pub mod work;
