//! One connection.

#[allow(dead_code, reason = "the connection that uses it follows")]
mod streams;
