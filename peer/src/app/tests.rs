//! The whole client in virtual time, against a small server of its own (`rendezvous`), over a
//! network that can lose everything (`world`).

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the events it is about")]

mod rendezvous;
mod world;

mod attention;
mod backup;
mod calls;
mod changes;
mod codes;
mod deletion;
mod documents;
mod exports;
mod hostile;
mod hostile_members;
mod identities;
mod idle;
mod ignoring;
mod lobby;
mod messages;
mod password;
mod pins;
mod reaching;
mod resets;
mod room_letters;
mod sessions;
mod strangers;
mod transfers;
mod watching;
mod whois;
