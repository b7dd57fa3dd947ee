//! Cryptography: all of it by aws-lc-rs and blake3; here are only the shapes that the protocol
//! gives it.

pub(crate) mod mac;
pub(crate) mod noise;
pub(crate) mod packet_keys;
pub(crate) mod resolver;
pub(crate) mod sealed;
pub(crate) mod secret;
pub(crate) mod static_key;
pub(crate) mod token;
