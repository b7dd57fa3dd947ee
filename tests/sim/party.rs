//! Several real clients and the real server.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use core::time::Duration;
use std::path::PathBuf;

use peer::app::Strangers;
use peer::command::{Command, Context, ParsedLine, parse};
use peer::output::Output;
use rendezvous::Policy;
use sim::journal::Pen;
use sim::swarm::seed;
use sim::tincan::{PeerDisk, PeerOptions, PeerProgram, Program, ServerDisk, ServerProgram};
use sim::{Dependence, HostId, Impairment, NatOptions, Probability, Site, World, WorldOptions};
use wire::Secret;

use crate::support::{SERVER, millis, seconds};

/// A server and users who are logged in.
pub(crate) struct Party {
    pub(crate) world: World<Program>,
    pub(crate) server: HostId,
    hosts: Vec<HostId>,
    run: u64,
    lives: u64,
    strangers: Strangers,
    pen: Pen,
    /// What each was told since it was last asked for.
    pub(crate) told: Vec<Vec<Output>>,
}

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;
pub(crate) const CAROL: usize = 2;
pub(crate) const DAVE: usize = 3;

pub(crate) fn name(user: usize) -> String {
    match user {
        ALICE => "alice".to_owned(),
        BOB => "bob".to_owned(),
        CAROL => "carol".to_owned(),
        DAVE => "dave".to_owned(),
        other => format!("user{other}"),
    }
}

fn password() -> Secret<String> {
    Secret::new("a password".to_owned())
}

fn public(user: usize, link: &Impairment) -> Site {
    Site::public(&format!("203.0.113.{}:6000", user + 1)).linked(link)
}

impl Party {
    pub(crate) fn of(users: usize) -> Self {
        Self::with(users, Policy::default(), &Impairment::default())
    }

    pub(crate) fn with(users: usize, policy: Policy, link: &Impairment) -> Self {
        Self::among(users, policy, link, Strangers::Talk)
    }

    /// The same in the run of this number: other chances.
    pub(crate) fn in_run(run: u64, users: usize, link: &Impairment) -> Self {
        Self::at(run, users, Policy::default(), Strangers::Talk, |_, user| public(user, link))
    }

    /// The same, where strangers only ask.
    pub(crate) fn asking(users: usize, link: &Impairment) -> Self {
        Self::among(users, Policy::default(), link, Strangers::Ask)
    }

    /// Each behind a NAT that gives every destination another port: no two of them find a direct way.
    pub(crate) fn behind_nats(users: usize, policy: Policy) -> Self {
        let mapping = Dependence::AddressAndPortDependent;
        let nat = NatOptions { mapping, ..NatOptions::default() };
        let link = Impairment { delay: millis(10), ..Impairment::default() };
        Self::at(0, users, policy, Strangers::Talk, |world, user| {
            let nat = world.network.add_nat(&format!("203.0.113.{}", user + 1), nat.clone());
            Site::public(&format!("192.168.{user}.2:6000")).linked(&link).behind(nat)
        })
    }

    /// Each where he is put.
    pub(crate) fn placed(
        users: usize,
        policy: Policy,
        site: impl Fn(&mut World<Program>, usize) -> Site,
    ) -> Self {
        Self::at(0, users, policy, Strangers::Talk, site)
    }

    fn among(users: usize, policy: Policy, link: &Impairment, strangers: Strangers) -> Self {
        Self::at(0, users, policy, strangers, |_, user| public(user, link))
    }

    fn at(
        run: u64,
        users: usize,
        policy: Policy,
        strangers: Strangers,
        site: impl Fn(&mut World<Program>, usize) -> Site,
    ) -> Self {
        let work = (millis(1), millis(2));
        let options = WorldOptions { work, fidget: Probability::NEVER };
        let mut world = World::new(&seed(1000 * run + 1), options, None);
        let server = world.add_host(Site::public(SERVER));
        let disk = ServerDisk::new(&seed(1000 * run + 1));
        let program = ServerProgram::start(world.now(), disk, policy, &seed(1000 * run + 2));
        world.boot(server, Program::Server(Box::new(program)));
        let mut hosts = Vec::new();
        for user in 0..users {
            let site = site(&mut world, user);
            hosts.push(world.add_host(site));
        }
        let told = vec![Vec::new(); users];
        let pen = Pen::default();
        let mut party = Self { world, server, hosts, run, lives: 0, strangers, pen, told };
        for user in 0..users {
            let disk = party.new_disk(user);
            party.start(user, disk);
            party.until(user, |output| matches!(output, Output::LoginNeeded { .. }));
            party.command(user, Command::Register { name: name(user), password: password() });
            party.until(user, |output| matches!(output, Output::LoggedIn { .. }));
        }
        party.run(seconds(3));
        party
    }

    pub(crate) fn host(&self, user: usize) -> HostId {
        self.hosts[user]
    }

    /// An empty one.
    pub(crate) fn new_disk(&self, user: usize) -> PeerDisk {
        let mut disk = PeerDisk::new();
        disk.pen = self.pen.of(&name(user));
        disk
    }

    pub(crate) fn start(&mut self, user: usize, disk: PeerDisk) {
        self.lives += 1;
        let (host, now) = (self.hosts[user], self.world.now());
        let server = vec![SERVER.parse().expect("an address")];
        for address in &server {
            self.world.ledger.solicit(host, *address);
        }
        let addresses = self.world.network.addresses(host).to_vec();
        let strangers = self.strangers;
        let options = PeerOptions { server, addresses, auto_accept: None, strangers };
        let seed = seed(1000 * self.run + 10 + self.lives);
        let program = PeerProgram::start(now, disk, &options, &seed);
        self.world.boot(host, Program::Peer(Box::new(program)));
    }

    /// As by kill -9; gives what is left.
    pub(crate) fn kill(&mut self, user: usize) -> PeerDisk {
        match self.world.crash(self.hosts[user]) {
            Some(Program::Peer(peer)) => peer.into_disk(),
            Some(Program::Server(_)) | None => panic!("{} is not there", name(user)),
        }
    }

    /// Starts again, and is logged in by what its disk holds.
    pub(crate) fn restart(&mut self, user: usize, disk: PeerDisk) {
        self.start(user, disk);
        self.until(user, |output| matches!(output, Output::LoggedIn { .. }));
    }

    /// With the password.
    pub(crate) fn log_in(&mut self, user: usize) {
        self.command(user, Command::Login { name: name(user), password: password() });
        self.until(user, |output| matches!(output, Output::LoggedIn { .. }));
    }

    pub(crate) fn command(&mut self, user: usize, command: Command) {
        self.world.with(self.hosts[user], |peer, now| peer.peer_mut().command(now, command));
    }

    /// This user tells of his attention, and wants to be told.
    pub(crate) fn attend(&mut self, user: usize) {
        self.world.with(self.hosts[user], |peer, _| peer.peer_mut().attend());
    }

    /// A typed line.
    pub(crate) fn line(&mut self, user: usize, line: &str) {
        match parse(line, &Context::default()) {
            ParsedLine::Command(command) => self.command(user, command),
            other => panic!("{line}: {other:?}"),
        }
    }

    pub(crate) fn run(&mut self, duration: Duration) {
        self.world.run_for(duration);
        self.collect();
    }

    pub(crate) fn collect(&mut self) {
        for (user, host) in self.hosts.iter().enumerate() {
            if self.world.is_up(*host) {
                let told = &mut self.told[user];
                self.world.with(*host, |peer, _| told.append(&mut peer.peer_mut().outputs));
            }
        }
    }

    /// Runs until a user is told this.
    pub(crate) fn until(&mut self, user: usize, is_it: impl Fn(&Output) -> bool) {
        self.collect();
        let host = self.hosts[user];
        let is_told = self.told[user].iter().any(&is_it)
            || self.world.run_until(seconds(60), |world| {
                world.machine(host).peer().outputs.iter().any(&is_it)
            });
        self.collect();
        assert!(is_told, "{} was told {:?}", name(user), self.told[user]);
    }

    /// What a user was told, up to now.
    pub(crate) fn take(&mut self, user: usize) -> Vec<Output> {
        self.collect();
        core::mem::take(&mut self.told[user])
    }

    /// What a user was shown of a room: who said it, and what.
    pub(crate) fn said(&mut self, user: usize, room: &str) -> Vec<(String, String)> {
        let told = self.take(user).into_iter();
        let said = told.filter_map(|output| match output {
            Output::Message { from, room: Some(place), text, .. } if place == room => {
                Some((from, text))
            }
            _ => None,
        });
        said.collect()
    }

    /// A user has this file, and what he downloads is here.
    pub(crate) fn write_file(&self, user: usize, name: &str, content: &[u8]) -> PathBuf {
        self.world.machine(self.hosts[user]).peer().disk.write_file(name, content)
    }

    pub(crate) fn downloads(&self, user: usize) -> PathBuf {
        self.world.machine(self.hosts[user]).peer().disk.downloads()
    }

    /// Bytes that a user's host has sent.
    pub(crate) fn sent(&self, user: usize) -> u64 {
        self.world.bytes_sent(self.hosts[user])
    }

    pub(crate) fn errors(&mut self, user: usize) -> Vec<String> {
        let told = self.take(user).into_iter();
        let errors = told.filter_map(|output| match output {
            Output::Error { text } => Some(text),
            Output::NotSent { reason, .. } => Some(reason),
            _ => None,
        });
        errors.collect()
    }
}

/// What became of the last own message.
pub(crate) fn last_state(told: &[Output]) -> Option<(&'static str, Option<String>)> {
    told.iter().rev().find_map(|output| match output {
        Output::MessageState { state, reason, .. } => Some((*state, reason.clone())),
        _ => None,
    })
}
