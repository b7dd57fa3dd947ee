//! A small server for the client's tests: keeps accounts in memory, introduces at once, and can
//! be told to misbehave.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use opaque_ke::{
    ClientRegistration, ClientRegistrationFinishParameters, CredentialFinalization,
    CredentialRequest, RegistrationRequest, RegistrationUpload, ServerLogin, ServerLoginParameters,
    ServerRegistration, ServerSetup,
};
use wire::app::framing::{Deframer, encode};
use wire::app::identity::{DeviceCertificate, IdentityKey};
use wire::app::letter::{Letter, Prekey};
use wire::app::login::{Stretch, Suite, context, identifiers};
use wire::app::name::Name;
use wire::app::room::{Room, RoomRefusal, RoomRequest};
use wire::app::server::{
    ClientMessage, Introduction, LABEL, Notice, Presence, Refusal, Request, Response,
    ServerMessage, Status, Welcome, close,
};
use wire::time::Instant;
use wire::{
    Accept, CallTag, CloseReason, Config, ConnectionHandle, Deadline, Endpoint, Event, Node,
    PublicKey, Read, Secret, Seed, Source, StaticKey, StreamId, Transmit, TransportConfig,
};

use super::world::CHEAP;

pub(super) struct Rendezvous {
    endpoint: Endpoint,
    setup: ServerSetup<Suite>,
    rng: rand_chacha::ChaCha20Rng,
    pub(super) accounts: BTreeMap<Name, Account>,
    sessions: BTreeMap<ConnectionHandle, Session>,
    calls: u8,
    /// What new logins are told to do with their passwords.
    pub(super) stretch: Stretch,
    /// Answers to these requests are lost with the connection.
    pub(super) drop_at: Option<&'static str>,
    /// What the connection is closed with then.
    pub(super) drop_code: u32,
    /// Requests of these names are refused so.
    pub(super) refuse: Vec<(&'static str, Refusal)>,
    /// Answered to introductions instead.
    pub(super) refuse_introductions: Option<Refusal>,
    /// Changes introductions before they are told.
    pub(super) corrupt: Option<fn(&mut Introduction)>,
    /// Devices of accounts that were deleted.
    pub(super) deleted: Vec<PublicKey>,
    /// Numbers of codes, and who made them.
    pub(super) codes: BTreeMap<u32, Name>,
    /// The next number.
    pub(super) next_code: u32,
    /// Whether makers are told who has typed their codes.
    pub(super) tells_makers: bool,
    /// What is told of rooms.
    pub(super) rooms: Vec<Room>,
    /// What lies in every mailbox.
    pub(super) letters: Vec<Letter>,
    /// Keys for letters that were left last.
    pub(super) prekeys: Vec<Prekey>,
    /// Names of requests, as they came.
    pub(super) log: Vec<String>,
    /// After how many seconds it says that it logs out who does nothing. It does not by itself.
    pub(super) logs_out_idle: Option<u32>,
    /// When it was told how long ago somebody did something.
    pub(super) active: Vec<(Instant, u32)>,
}

pub(super) struct Account {
    record: ServerRegistration<Suite>,
    pub(super) identity: Option<IdentityKey>,
    pub(super) sealed: Vec<u8>,
    pub(super) certificate: Option<DeviceCertificate>,
    /// Devices that were used before.
    older: Vec<PublicKey>,
    /// Devices that were used before the operator gave another password.
    out: Vec<PublicKey>,
    pub(super) blocked: Vec<Name>,
}

struct Session {
    address: SocketAddr,
    device: Option<PublicKey>,
    hash: [u8; 32],
    stream: Option<StreamId>,
    deframer: Deframer,
    login: Option<(Name, ServerLogin<Suite>)>,
    proven: Option<Name>,
    /// The user has shown the password within this session.
    has_proven: bool,
    user: Option<Name>,
    status: Status,
    candidates: Vec<SocketAddr>,
}

impl Rendezvous {
    pub(super) fn new(key: [u8; 32]) -> Self {
        let seed = Seed::new([200; 32]);
        let mut rng = seed.rng();
        Self {
            endpoint: new_endpoint(key, &seed),
            setup: ServerSetup::new(&mut rng),
            rng,
            accounts: BTreeMap::new(),
            sessions: BTreeMap::new(),
            calls: 0,
            stretch: CHEAP,
            drop_at: None,
            drop_code: close::SHUTDOWN,
            refuse: Vec::new(),
            refuse_introductions: None,
            corrupt: None,
            deleted: Vec::new(),
            codes: BTreeMap::new(),
            next_code: 7,
            tells_makers: true,
            rooms: Vec::new(),
            letters: Vec::new(),
            prekeys: Vec::new(),
            log: Vec::new(),
            logs_out_idle: None,
            active: Vec::new(),
        }
    }

    /// Another process with this key: knows the accounts, and none of the connections.
    pub(super) fn restart(&mut self, key: [u8; 32]) {
        self.endpoint = new_endpoint(key, &Seed::new([201; 32]));
        self.sessions.clear();
    }

    pub(super) fn online(&self) -> Vec<Name> {
        self.sessions.values().filter_map(|session| session.user.clone()).collect()
    }

    pub(super) fn end_session(&mut self, now: Instant, user: &str, code: u32) {
        let name = Name::new(user).unwrap();
        let handles: Vec<_> =
            self.sessions.iter().filter(|(_, s)| s.user.as_ref() == Some(&name)).collect();
        let handles: Vec<_> = handles.into_iter().map(|(handle, _)| *handle).collect();
        for handle in handles {
            self.endpoint.close(now, handle, CloseReason::new(code, "test"));
            self.leave(handle);
        }
    }

    /// It has the account without an identity, as by `user del` and `user add` with the same password, or
    /// says so.
    pub(super) fn forget_identity(&mut self, user: &str) {
        let account = self.accounts.get_mut(&Name::new(user).unwrap()).unwrap();
        (account.identity, account.certificate) = (None, None);
        account.sealed.clear();
        account.older.clear();
        account.out.clear();
    }

    /// As the operator does for a user who forgot his password.
    pub(super) fn set_password(&mut self, now: Instant, user: &str, password: &str) {
        let name = Name::new(user).unwrap();
        let password = wire::app::login::password(&Secret::new(password.to_owned())).unwrap();
        let start = ClientRegistration::<Suite>::start(&mut self.rng, password.expose()).unwrap();
        let id = name.as_str().as_bytes();
        let answer = ServerRegistration::start(&self.setup, start.message, id).unwrap().message;
        let stretch = CHEAP.function().unwrap();
        let parameters =
            ClientRegistrationFinishParameters::new(identifiers(&name), Some(&stretch));
        let finish = start.state.finish(&mut self.rng, password.expose(), answer, parameters);
        let account = self.accounts.get_mut(&name).unwrap();
        account.record = ServerRegistration::finish(finish.unwrap().message);
        account.sealed.clear();
        account.out.append(&mut account.older);
        account.out.extend(account.certificate.map(|certificate| certificate.device));
        self.end_session(now, user, close::NEW_PASSWORD);
    }

    /// Says bytes that are no message.
    pub(super) fn babble(&mut self, user: &str, bytes: &[u8]) {
        let name = Name::new(user).unwrap();
        let (handle, session) =
            self.sessions.iter().find(|(_, s)| s.user.as_ref() == Some(&name)).unwrap();
        self.endpoint.write(*handle, session.stream.unwrap(), bytes).unwrap();
    }

    pub(super) fn notify(&mut self, user: &Name, notice: Notice) {
        let found = self.sessions.iter().find(|(_, s)| s.user.as_ref() == Some(user));
        if let Some((handle, session)) = found {
            let bytes = encode(&ServerMessage::Notice(notice));
            let _ = self.endpoint.write(*handle, session.stream.unwrap(), &bytes);
        }
    }

    fn settle(&mut self, now: Instant) {
        while let Some((handle, event)) = self.endpoint.poll_event() {
            match event {
                Event::Connected { address, remote_static, handshake_hash } => {
                    let session = Session {
                        address,
                        device: remote_static,
                        hash: handshake_hash,
                        stream: None,
                        deframer: Deframer::default(),
                        login: None,
                        proven: None,
                        has_proven: false,
                        user: None,
                        status: Status::default(),
                        candidates: Vec::new(),
                    };
                    self.sessions.insert(handle, session);
                }
                Event::Opened(stream) => {
                    if let Some(session) = self.sessions.get_mut(&handle) {
                        session.stream = Some(stream);
                    }
                }
                Event::Readable(stream) => self.read(now, handle, stream),
                Event::Closed(_) => self.leave(handle),
                _ => {}
            }
        }
    }

    fn leave(&mut self, handle: ConnectionHandle) {
        let Some(Session { user: Some(user), .. }) = self.sessions.remove(&handle) else { return };
        if !self.online().contains(&user) {
            self.announce(&user, false);
        }
    }

    fn announce(&mut self, user: &Name, online: bool) {
        for other in self.online() {
            if other != *user && !self.hidden(user, &other) {
                let session = self.sessions.values().find(|s| s.user.as_ref() == Some(user));
                let status = session.map(|session| session.status.clone()).unwrap_or_default();
                let presence = Presence { name: user.clone(), online, since: 1, status };
                self.notify(&other, Notice::PresenceChanged(presence));
            }
        }
    }

    fn hidden(&self, a: &Name, b: &Name) -> bool {
        let blocks = |a: &Name, b: &Name| {
            self.accounts.get(a).is_some_and(|account| account.blocked.contains(b))
        };
        blocks(a, b) || blocks(b, a)
    }

    fn read(&mut self, now: Instant, handle: ConnectionHandle, stream: StreamId) {
        let Some(session) = self.sessions.get_mut(&handle) else { return };
        let buffer = session.deframer.buffer();
        while let Ok(Read::More) = self.endpoint.read(handle, stream, 1 << 16, buffer) {}
        loop {
            let Some(session) = self.sessions.get_mut(&handle) else { return };
            let Some(ClientMessage::Request { id, request }) = session.deframer.next().unwrap()
            else {
                return;
            };
            let shown = format!("{request:?}");
            let word = shown.split([' ', '(']).next().unwrap().to_owned();
            self.log.push(word.clone());
            let refused = self.refuse.iter().find(|(name, _)| *name == word);
            let (response, notices) = match refused {
                Some((_, refusal)) => (Response::Refused(refusal.clone()), Vec::new()),
                None => self.answer(now, handle, request),
            };
            if self.drop_at == Some(word.as_str()) {
                self.drop_at = None;
                self.endpoint.close(now, handle, CloseReason::new(self.drop_code, ""));
                return self.leave(handle);
            }
            let mut bytes = encode(&ServerMessage::Response { id, response });
            for notice in notices {
                bytes.extend(encode(&ServerMessage::Notice(notice)));
            }
            self.endpoint.write(handle, stream, &bytes).unwrap();
        }
    }

    fn answer(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        request: Request,
    ) -> (Response, Vec<Notice>) {
        let session = self.sessions.get_mut(&handle).unwrap();
        let proven = session.proven.clone();
        match (session.user.clone(), request) {
            (Some(_), Request::Active(seconds)) => {
                self.active.push((now, seconds));
                (Response::Done, Vec::new())
            }
            (Some(user), request) => (self.serve(handle, &user, request), Vec::new()),
            (None, Request::RegisterStart { name, message }) => {
                (self.register_start(handle, name, &message), Vec::new())
            }
            (None, Request::LoginStart { name, message }) => {
                (self.login_start(handle, name, &message), Vec::new())
            }
            (None, Request::LoginFinish { message }) => {
                (self.login_finish(handle, &message), Vec::new())
            }
            (None, Request::Resume(name)) => {
                let account = self.accounts.get(&name);
                let is_out = |device| account.is_some_and(|account| account.out.contains(&device));
                if session.device.is_some_and(is_out) {
                    return (Response::Refused(Refusal::NewPassword), Vec::new());
                }
                let newest = account.and_then(|account| account.certificate);
                let device = newest.map(|newest| newest.device);
                if device.is_some() && device == session.device {
                    return self.welcome(now, handle, name);
                }
                let is_older = account.is_some_and(|account| {
                    session.device.is_some_and(|device| account.older.contains(&device))
                });
                let refusal = match newest {
                    Some(newest) if is_older => {
                        session.proven = Some(name);
                        Refusal::NewerDevice { generation: newest.generation }
                    }
                    Some(_) | None
                        if session.device.is_some_and(|it| self.deleted.contains(&it)) =>
                    {
                        Refusal::AccountDeleted
                    }
                    Some(_) | None => Refusal::UnknownDevice,
                };
                (Response::Refused(refusal), Vec::new())
            }
            (None, last_step) => {
                let name = proven.unwrap();
                self.begin(&name, last_step);
                self.welcome(now, handle, name)
            }
        }
    }

    /// The last step of a registration or login.
    fn begin(&mut self, name: &Name, request: Request) {
        match request {
            Request::RegisterFinish { message, identity, certificate, sealed_identity, .. } => {
                let upload = RegistrationUpload::<Suite>::deserialize(&message).unwrap();
                let account = Account {
                    record: ServerRegistration::finish(upload),
                    identity: Some(identity),
                    sealed: sealed_identity,
                    certificate: Some(certificate),
                    older: Vec::new(),
                    out: Vec::new(),
                    blocked: Vec::new(),
                };
                self.accounts.insert(name.clone(), account);
            }
            Request::UseDevice(certificate) => {
                let account = self.accounts.get_mut(name).unwrap();
                assert!(certificate.is_signed_by(account.identity.unwrap(), name.as_str()));
                let before = account.certificate.replace(certificate);
                let generation = before.map_or(0, |before| before.generation);
                assert!(certificate.generation > generation, "each is newer than all before");
                account.older.extend(before.map(|before| before.device));
                account.out.retain(|device| *device != certificate.device);
            }
            Request::SetIdentity { identity, certificate, sealed_identity } => {
                let account = self.accounts.get_mut(name).unwrap();
                account.identity = Some(identity);
                account.certificate = Some(certificate);
                account.sealed = sealed_identity;
            }
            request => panic!("{request:?}"),
        }
    }

    /// It has no rooms but those of a test, and changes none: for what happens in rooms, the simulator
    /// has the real server.
    fn serve_room(&self, request: RoomRequest) -> Response {
        match request {
            RoomRequest::List => Response::Rooms(Vec::new()),
            RoomRequest::Join(name) => {
                let room = self.rooms.iter().find(|room| room.name == name).cloned();
                room.map_or(Response::Refused(RoomRefusal::UnknownRoom.into()), |room| {
                    Response::Room(Box::new(room))
                })
            }
            RoomRequest::Get(id) => {
                let room = self.rooms.iter().find(|room| room.id == id).cloned();
                Response::Room(Box::new(room.expect("a room of the test")))
            }
            request => panic!("{request:?}"),
        }
    }

    /// Requests of users.
    #[expect(clippy::too_many_lines, reason = "an arm for each request")]
    fn serve(&mut self, handle: ConnectionHandle, user: &Name, request: Request) -> Response {
        let blocked = &mut self.accounts.get_mut(user).unwrap().blocked;
        match request {
            Request::Candidates(candidates) => {
                self.sessions.get_mut(&handle).unwrap().candidates = candidates;
                Response::Done
            }
            Request::SetStatus(status) => {
                self.sessions.get_mut(&handle).unwrap().status = status;
                self.announce(user, true);
                Response::Done
            }
            Request::Introduce(to) => self.introduce(user, &to),
            Request::Block(name) => {
                blocked.push(name);
                Response::Done
            }
            Request::Unblock(name) => {
                blocked.retain(|blocked| *blocked != name);
                Response::Done
            }
            Request::Blocked => {
                blocked.sort();
                Response::Blocked(blocked.clone())
            }
            Request::Directory(name) => match self.accounts.get(&name) {
                Some(account) => Response::User { name, identity: account.identity.unwrap() },
                None => Response::Refused(Refusal::UnknownUser),
            },
            Request::ProveStart { message } => self.login_start(handle, user.clone(), &message),
            Request::ProveFinish { message } => match self.login_finish(handle, &message) {
                Response::PasswordAccepted { .. } => {
                    self.sessions.get_mut(&handle).unwrap().has_proven = true;
                    Response::Done
                }
                refused => refused,
            },
            Request::ChangePasswordStart { message } => {
                assert!(self.sessions[&handle].has_proven);
                let request = RegistrationRequest::deserialize(&message).unwrap();
                let user = user.as_str().as_bytes();
                let started = ServerRegistration::<Suite>::start(&self.setup, request, user);
                Response::Registering { message: started.unwrap().message.serialize().to_vec() }
            }
            Request::ChangePasswordFinish { message, sealed_identity, .. } => {
                let session = self.sessions.get_mut(&handle).unwrap();
                assert!(core::mem::take(&mut session.has_proven));
                let upload = RegistrationUpload::<Suite>::deserialize(&message).unwrap();
                let account = self.accounts.get_mut(user).unwrap();
                account.record = ServerRegistration::finish(upload);
                account.sealed = sealed_identity;
                Response::Done
            }
            Request::DeleteAccount => {
                let session = self.sessions.get_mut(&handle).unwrap();
                assert!(core::mem::take(&mut session.has_proven));
                session.user = None;
                let account = self.accounts.remove(user).unwrap();
                self.deleted.extend(account.older);
                self.deleted.extend(account.certificate.map(|certificate| certificate.device));
                self.announce(user, false);
                Response::Done
            }
            Request::MakeCode => {
                self.codes.insert(self.next_code, user.clone());
                Response::Code { number: self.next_code, seconds: 600 }
            }
            Request::UseCode(number) => match self.codes.get(&number).cloned() {
                Some(maker) if maker == *user => Response::Refused(Refusal::Yourself),
                Some(maker) if !self.hidden(&maker, user) => {
                    self.codes.remove(&number);
                    if self.tells_makers {
                        self.notify(&maker, Notice::CodeUsed { number, by: user.clone() });
                    }
                    Response::CodeOf(maker)
                }
                Some(_) | None => Response::Refused(Refusal::UnknownCode),
            },
            Request::Seen(name) => Response::Users(vec![Presence::gone(name, 5)]),
            // Nor mailboxes, but what a test has put into one.
            Request::Collect(after) => {
                let letters = self.letters.iter().filter(|letter| letter.id > after);
                let letters = letters.cloned().collect();
                Response::Letters { letters, more: false, prekeys: 48 }
            }
            Request::Discard(ids) => {
                self.letters.retain(|letter| !ids.contains(&letter.id));
                Response::Done
            }
            Request::Prekey(_) => Response::Refused(Refusal::NoMailbox),
            Request::PublishPrekeys(prekeys) => {
                self.prekeys = prekeys;
                Response::Done
            }
            Request::Room(request) => self.serve_room(request),
            request => panic!("{request:?}"),
        }
    }

    fn register_start(&mut self, handle: ConnectionHandle, name: Name, message: &[u8]) -> Response {
        if self.accounts.contains_key(&name) {
            return Response::Refused(Refusal::NameTaken);
        }
        let request = RegistrationRequest::deserialize(message).unwrap();
        let started =
            ServerRegistration::<Suite>::start(&self.setup, request, name.as_str().as_bytes());
        self.sessions.get_mut(&handle).unwrap().proven = Some(name);
        Response::Registering { message: started.unwrap().message.serialize().to_vec() }
    }

    fn login_start(&mut self, handle: ConnectionHandle, name: Name, message: &[u8]) -> Response {
        let hash = self.sessions[&handle].hash;
        let record = self.accounts.get(&name).map(|account| account.record.clone());
        let started = ServerLogin::start(
            &mut self.rng,
            &self.setup,
            record,
            CredentialRequest::deserialize(message).unwrap(),
            name.as_str().as_bytes(),
            ServerLoginParameters {
                context: Some(&context(&hash)),
                identifiers: identifiers(&name),
            },
        )
        .unwrap();
        self.sessions.get_mut(&handle).unwrap().login = Some((name, started.state));
        let message = started.message.serialize().to_vec();
        Response::LoggingIn { message, stretch: self.stretch }
    }

    fn login_finish(&mut self, handle: ConnectionHandle, message: &[u8]) -> Response {
        let session = self.sessions.get_mut(&handle).unwrap();
        let (name, login) = session.login.take().unwrap();
        let finalization = CredentialFinalization::deserialize(message).unwrap();
        let parameters = ServerLoginParameters {
            context: Some(&context(&session.hash)),
            identifiers: identifiers(&name),
        };
        if login.finish(finalization, parameters).is_err() {
            return Response::Refused(Refusal::WrongPassword);
        }
        let account = &self.accounts[&name];
        session.proven = Some(name);
        Response::PasswordAccepted {
            identity: account.identity,
            sealed_identity: account.sealed.clone(),
            generation: account.certificate.map_or(0, |certificate| certificate.generation),
        }
    }

    fn welcome(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        name: Name,
    ) -> (Response, Vec<Notice>) {
        let took_over = self.online().contains(&name);
        self.end_session(now, name.as_str(), close::TAKEN_OVER);
        let mut users: Vec<Name> = self.online();
        users.sort();
        users.retain(|other| !self.hidden(&name, other));
        let users = users
            .into_iter()
            .map(|name| Presence { online: true, ..Presence::gone(name, 1) })
            .collect();
        let session = self.sessions.get_mut(&handle).unwrap();
        session.user = Some(name.clone());
        let welcome = Welcome {
            name: name.clone(),
            motd: "hello".into(),
            observed: session.address,
            failed_attempts: 0,
            took_over,
        };
        self.announce(&name, true);
        let mut notices = vec![Notice::PresenceSnapshot { users, last: true }];
        notices.extend(self.logs_out_idle.map(Notice::LogsOutIdle));
        (Response::Welcome(welcome), notices)
    }

    fn introduce(&mut self, from: &Name, to: &Name) -> Response {
        if let Some(refusal) = self.refuse_introductions.clone() {
            return Response::Refused(refusal);
        }
        if !self.accounts.contains_key(to) {
            return Response::Refused(Refusal::UnknownUser);
        }
        if !self.online().contains(to) || self.hidden(from, to) {
            return Response::Refused(Refusal::Offline);
        }
        self.calls += 1;
        for (told, other, initiator) in [(from, to, true), (to, from, false)] {
            let account = &self.accounts[other];
            let session = self.sessions.values().find(|s| s.user.as_ref() == Some(other)).unwrap();
            let mut introduction = Introduction {
                name: other.clone(),
                identity: account.identity.unwrap(),
                certificate: account.certificate.unwrap(),
                tag: CallTag([self.calls; 8]),
                call_id: [self.calls; 16],
                secret: Secret::new([self.calls; 32]),
                initiator,
                candidates: core::iter::once(session.address)
                    .chain(session.candidates.iter().copied())
                    .collect(),
                relay: None,
            };
            if let Some(corrupt) = self.corrupt {
                corrupt(&mut introduction);
            }
            self.notify(&told.clone(), Notice::Introduction(introduction));
        }
        Response::Done
    }
}

fn new_endpoint(key: [u8; 32], seed: &Seed) -> Endpoint {
    let config = Config {
        static_key: StaticKey::from_private(key),
        token_secret: [3; 32],
        token_epoch: 0,
        label: LABEL,
        accept: Accept::Anyone,
        transport: TransportConfig::default(),
    };
    Endpoint::new(config, seed)
}

impl Node for Rendezvous {
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
        buffer: &mut Vec<u8>,
        max: usize,
    ) -> Option<Transmit> {
        self.endpoint.poll_transmit(now, buffer, max)
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.endpoint.poll_timeout()
    }
}
