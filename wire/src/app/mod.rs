//! What Tincan's programs say to each other over the transport: messages, identities, names,
//! login suite. The transport itself imports none of it.

pub mod code;
pub mod framing;
pub mod identity;
pub mod letter;
pub mod login;
pub mod media;
pub mod name;
pub mod peer;
pub mod pin;
pub mod post;
pub mod room;
pub mod safety;
pub mod server;
pub mod text;
pub mod watch;

#[cfg(test)]
mod tests;
