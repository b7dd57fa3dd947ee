//! Cryptography: all of it by aws-lc-rs and blake3; here are only the shapes that the protocol
//! gives it.

pub(crate) mod packet_keys;
pub(crate) mod static_key;
