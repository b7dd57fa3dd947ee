//! The client's half of registration and password login (OPAQUE, RFC 9807).

/// The last client step of a registration or login: stretches the password, so it belongs on a
/// worker.
#[derive(Debug)]
pub enum LoginJob {}

/// What came of it.
#[derive(Debug)]
pub enum LoginOutcome {}
