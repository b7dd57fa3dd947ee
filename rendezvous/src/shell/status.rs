//! What the running server says about itself, every few seconds, in the data folder.

use std::net::SocketAddr;

use serde_json::{Value, json};
use wire::time::{Duration, Instant};

use crate::server::Status;

/// How often.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// What does not change while the server runs.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) address: SocketAddr,
    pub(super) fingerprint: String,
    pub(super) started_unix: u64,
}

/// The report as text.
pub(super) fn report(facts: &Facts, now: Instant, unix: u64, status: &Status) -> String {
    let Status {
        connections,
        online,
        waiting_for_store,
        sessions_begun,
        introductions,
        wrong_passwords,
        locked,
        store_failures,
        relayed,
        transport,
    } = *status;
    let report: Value = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "process": std::process::id(),
        "address": facts.address.to_string(),
        "fingerprint": facts.fingerprint,
        "started": facts.started_unix,
        "written": unix,
        "uptime_seconds": now.as_micros() / 1_000_000,
        "connections": connections,
        "online": online,
        "waiting_for_store": waiting_for_store,
        "sessions_begun": sessions_begun,
        "introductions": introductions,
        "wrong_passwords": wrong_passwords,
        "locked_attempts": locked,
        "store_failures": store_failures,
        "relayed": {
            "datagrams": relayed.datagrams,
            "bytes": relayed.bytes,
            "limited": relayed.limited,
            "refused": relayed.refused,
        },
        "datagrams": {
            "accepted": transport.accepted,
            "handshakes": transport.handshakes,
            "retries_sent": transport.retries_sent,
            "resets_sent": transport.resets_sent,
            "dropped": {
                "bad_length": transport.bad_length,
                "bad_crc": transport.bad_crc,
                "unknown_type": transport.unknown_type,
                "unknown_version": transport.unknown_version,
                "unknown_connection": transport.unknown_connection,
                "bad_mac": transport.bad_mac,
                "bad_token": transport.bad_token,
                "bad_handshake": transport.bad_handshake,
                "bad_tag": transport.bad_tag,
                "replayed": transport.replayed,
                "limited": transport.limited,
            },
        },
    });
    format!("{report}\n")
}
