//! The Tincan client: one core, several faces.

pub mod app;
pub mod backup;
pub mod command;
pub mod doctor;
pub mod face;
#[cfg(feature = "files")]
pub mod files;
pub mod login;
pub mod output;
#[cfg(any(feature = "files", feature = "sqlite"))]
mod private;
pub mod queue;
#[cfg(feature = "shell")]
pub mod shell;
#[cfg(feature = "sqlite")]
pub mod store;
pub mod transfer;
pub mod watch;
pub mod work;
