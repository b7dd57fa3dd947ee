//! The server as its clients see it: real transport, real messages, virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed, as it should, whatever else came"
)]

mod about;
mod accounts;
mod codes;
mod deletion;
mod idle;
mod lobby;
mod mail;
mod password;
mod people;
mod relaying;
mod resets;
mod restart;
mod room_limits;
mod rooms;
mod world;
