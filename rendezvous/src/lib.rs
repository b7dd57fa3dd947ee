//! The rendezvous server: it knows who is who, tells people who is there, and introduces them to
//! each other. It never sees a password, a message or a file.
//!
//! [`Server`] is a machine without sockets, clocks or disks, with the verbs of [`wire::Node`] for
//! datagrams and time. What it wants stored or read it asks for by [`Server::poll_store`], and
//! nothing is acknowledged to a client before [`Server::handle_stored`] has said that it is
//! durable. With the feature `sqlite`, [`sqlite::SqliteStore`] answers these requests.
//!
//! Reading order: `store` (what is remembered), `session` (one client), `login` and `account`
//! (how a client becomes a user), `password` (what needs the password again), `directory` (what a
//! user can ask), `mail` (letters), `rooms` (who may do what in a room), `presence`, `blocks`,
//! `introduce`, `relay` (the parts that hold state), `cross` (what one user's doing means to another),
//! `server` (the machine that joins them).

mod account;
mod blocks;
mod codes;
mod config;
mod cross;
mod directory;
mod idle;
mod introduce;
mod limits;
mod lobby;
mod lockout;
mod login;
mod mail;
mod pace;
mod password;
mod presence;
mod relay;
#[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "it is the stores that judge"))]
mod rooms;
mod server;
mod session;
#[cfg(feature = "shell")]
pub mod shell;
mod source;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store;

pub use config::{Config, Mailbox, Policy, Registration, Relaying, Secrets, SecretsError};
pub use limits::Rate;
pub use lockout::{Attempts, FORGET_AFTER, LockoutPolicy, Verdict};
pub use relay::Relayed;
pub use rooms::Lobby;
pub use server::{Server, Status};
pub use source::{AddressLog, SourcePrefix};
pub use store::{
    LastSeen, LoginRecord, Meanwhile, NewAccount, NewIdentity, NewPassword, Reset, Resets,
    Revocation, RoomNews, RoomOutcome, SessionAccount, StoreOutcome, StoreRequest, StoreTicket,
};
