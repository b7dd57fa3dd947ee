//! Asks a server, at each of its addresses and without an account, what it says to whoever asks [W-178].

use std::net::SocketAddr;

use rand_core::RngCore;
use wire::app::framing::{self, Deframer};
use wire::app::server::{About, ClientMessage, LABEL, Request, Response, ServerMessage, close};
use wire::time::Instant;
use wire::{
    Accept, Class, CloseReason, Config, Connect, ConnectionError, ConnectionHandle, Deadline,
    Endpoint, Event, Identify, Node, PublicKey, Read, Seed, Source, StaticKey, StreamId, Transmit,
    TransportConfig,
};

use super::Heard;

/// Most addresses that are asked.
const MAX_ADDRESSES: usize = 4;
/// Most that is read at once; the answer is far shorter.
const READ: usize = 4 << 10;
/// The only question.
const QUESTION: u64 = 0;

/// Talks with a server at several addresses at once, over one socket.
pub struct Visit {
    endpoint: Endpoint,
    calls: Vec<Call>,
}

struct Call {
    address: SocketAddr,
    handle: ConnectionHandle,
    key: Option<PublicKey>,
    stream: Option<StreamId>,
    answers: Deframer,
    heard: Option<Heard>,
}

impl Visit {
    /// Begins. Everything random is drawn from `seed`.
    #[must_use]
    pub fn new(now: Instant, addresses: &[SocketAddr], seed: &Seed) -> Self {
        let mut private = [0; 32];
        seed.derive("doctor").rng().fill_bytes(&mut private);
        let config = Config {
            static_key: StaticKey::from_private(private),
            token_secret: [0; 32],
            token_epoch: 0,
            label: LABEL,
            accept: Accept::Announced,
            transport: TransportConfig::default(),
        };
        let mut endpoint = Endpoint::new(config, seed);
        let calls = addresses.iter().take(MAX_ADDRESSES).map(|address| Call {
            address: *address,
            handle: endpoint.connect(
                now,
                Connect {
                    remote: *address,
                    server_key: None,
                    identify: Identify::Anonymous,
                    token: None,
                },
            ),
            key: None,
            stream: None,
            answers: Deframer::default(),
            heard: None,
        });
        let calls = calls.collect();
        Self { endpoint, calls }
    }

    /// Whether nothing more is waited for.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.calls.iter().all(|call| call.heard.is_some())
    }

    /// What was heard from each address.
    #[must_use]
    pub fn heard(&self) -> Vec<(SocketAddr, Heard)> {
        let heard = |call: &Call| (call.address, call.heard.clone().unwrap_or(Heard::Nothing));
        self.calls.iter().map(heard).collect()
    }

    fn settle(&mut self, now: Instant) {
        while let Some((handle, event)) = self.endpoint.poll_event() {
            let Some(at) = self.calls.iter().position(|call| call.handle == handle) else {
                continue;
            };
            self.on_event(now, at, event);
        }
    }

    fn on_event(&mut self, now: Instant, at: usize, event: Event) {
        let Self { endpoint, calls } = self;
        let call = &mut calls[at];
        match event {
            Event::Connected { remote_static, .. } => {
                call.key = remote_static;
                let Ok(stream) = endpoint.open(call.handle, Class::Control) else { return };
                let question = ClientMessage::Request { id: QUESTION, request: Request::About };
                // A few bytes: a new stream has room for them.
                let _ = endpoint.write(call.handle, stream, &framing::encode(&question));
                call.stream = Some(stream);
            }
            Event::Readable(stream) if Some(stream) == call.stream => {
                if let Some(about) = call.read(endpoint) {
                    call.answered(endpoint, about);
                    let reason = CloseReason { code: close::LOGOUT, text: String::new() };
                    endpoint.close(now, call.handle, reason);
                }
            }
            Event::Closed(error) => {
                if call.heard.is_some() {
                    return;
                }
                match call.key {
                    // It speaks the protocol, and does not know the question.
                    Some(_) => call.answered(endpoint, None),
                    None => call.heard = Some(refusal(&error)),
                }
            }
            Event::Readable(_)
            | Event::Opened(_)
            | Event::Writable(_)
            | Event::Stopped(..)
            | Event::Finished(_)
            | Event::NewToken(_)
            | Event::PathChanged(_) => {}
        }
    }
}

/// Silence is no answer; anything else is.
fn refusal(error: &ConnectionError) -> Heard {
    match error {
        ConnectionError::Unreachable | ConnectionError::TimedOut => Heard::Nothing,
        ConnectionError::Handshake(_)
        | ConnectionError::WrongServerKey
        | ConnectionError::ClosedByPeer(_)
        | ConnectionError::Closed(_)
        | ConnectionError::Reset
        | ConnectionError::Protocol(_) => Heard::Refusal(error.to_string()),
    }
}

impl Call {
    /// What the server says, once all of it is there; nothing when it does not answer the question.
    fn read(&mut self, endpoint: &mut Endpoint) -> Option<Option<About>> {
        let stream = self.stream?;
        let mut left = Read::More;
        loop {
            match self.answers.next::<ServerMessage>() {
                Ok(Some(ServerMessage::Response {
                    id: QUESTION,
                    response: Response::About(about),
                })) => return Some(Some(about)),
                Ok(Some(ServerMessage::Response { .. })) | Err(_) => return Some(None),
                // News are not for who has not logged in.
                Ok(Some(ServerMessage::Notice(_))) => continue,
                Ok(None) => {}
            }
            left = match left {
                Read::Blocked => return None,
                Read::End => return Some(None),
                Read::More => {
                    match endpoint.read(self.handle, stream, READ, self.answers.buffer()) {
                        Ok(left) => left,
                        Err(_) => return Some(None),
                    }
                }
            };
        }
    }

    fn answered(&mut self, endpoint: &Endpoint, about: Option<About>) {
        let Some(key) = self.key else { return };
        let stats = endpoint.stats(self.handle).unwrap_or_default();
        let rtt = stats.min_rtt.or(stats.smoothed_rtt).unwrap_or_default();
        self.heard = Some(Heard::Answer { key, rtt, about });
    }
}

impl Node for Visit {
    fn handle_datagram(&mut self, now: Instant, source: Source, datagram: &mut [u8]) {
        self.endpoint.handle_datagram(now, source, datagram);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.settle(now);
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        max_datagrams: usize,
    ) -> Option<Transmit> {
        self.endpoint.poll_transmit(now, out, max_datagrams)
    }

    fn handle_too_large(&mut self, now: Instant, size: usize) {
        self.endpoint.handle_too_large(now, size);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.endpoint.poll_timeout()
    }
}
