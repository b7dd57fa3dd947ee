//! The whole system: a server and two to five users who chat, hand over files, block each other,
//! log out and come back, while links, hosts and addresses fail them.

mod clocks;
mod files;
mod guesser;
mod machines;
mod messages;
mod operator;
mod presence;
mod users;

use core::time::Duration;
use std::collections::BTreeSet;

use peer::app::Strangers;
use peer::command::Command;
use rendezvous::{LockoutPolicy, Policy};
use wire::Seed;

use self::files::Files;
use self::guesser::Guesser;
use self::messages::Messages;
use self::users::User;
use crate::dice::{Dice, Probability};
use crate::faults::{Fault, Faults, add_client_of_any_family, any_link};
use crate::journal::Pen;
use crate::network::{HostId, Site};
use crate::swarm::Report;
use crate::tincan::{PeerOptions, PeerProgram, Program, ServerDisk, ServerProgram};
use crate::trace::Sink;
use crate::world::{World, WorldOptions};

/// How often users look at what their program told them.
const TICK: Duration = Duration::from_millis(200);
/// Everything that can be done is done this long after the last fault.
const CONVERGENCE: Duration = Duration::from_secs(180);
/// Where the server is, for ever.
const SERVER: [&str; 2] = ["198.51.100.1:5000", "[2001:db8:ffff::1]:5000"];

/// A run.
struct Swarm {
    seed: Seed,
    world: World<Program>,
    dice: Dice,
    server: HostId,
    /// The server's disk while it is down, and for how long.
    server_down: Option<(ServerDisk, Duration)>,
    server_lives: u32,
    users: Vec<User>,
    guesser: Option<Guesser>,
    policy: Policy,
    /// What all databases have done.
    pen: Pen,
    messages: Messages,
    files: Files,
}

/// Runs a seed.
///
/// # Panics
/// When an invariant is broken.
pub(super) fn run(seed: &Seed, sink: Option<Sink>) -> Report {
    let mut swarm = Swarm::new(seed, sink);
    let mut faults = Faults::new(seed, &Fault::ALL);
    swarm.world.note(&format!("faults: {:?}", faults.enabled()));
    swarm.live(Duration::from_secs(2));
    let hosts: Vec<HostId> =
        core::iter::once(swarm.server).chain(swarm.users.iter().map(|user| user.host)).collect();
    for _ in 0..swarm.dice.between(4, 16) {
        let pause = swarm.dice.duration(Duration::ZERO, Duration::from_secs(2));
        swarm.live(pause);
        swarm.act();
        swarm.guess();
        if swarm.dice.chance(Probability::percent(2.0)) {
            swarm.stop_server();
        }
        if swarm.dice.chance(Probability::percent(5.0)) {
            swarm.set_a_clock();
        }
        if swarm.dice.chance(Probability::percent(40.0))
            && let Some(host) = faults.strike(&mut swarm.world, &hosts)
        {
            swarm.crash(host);
        }
        swarm.tell_addresses();
        if swarm.dice.chance(Probability::percent(40.0)) {
            faults.mend(&mut swarm.world, &hosts);
        }
    }
    faults.end(&mut swarm.world, &hosts);
    swarm.calm();
    swarm.converge();
    swarm.assert_quiet();
    swarm.assert_released();
    let seconds = swarm.world.now().as_micros() / 1_000_000;
    let datagrams = hosts.iter().map(|host| swarm.world.datagrams_sent(*host)).sum();
    Report { hash: swarm.world.hash(), seconds, datagrams }
}

impl Swarm {
    fn new(seed: &Seed, sink: Option<Sink>) -> Self {
        let mut dice = Dice::new(seed, "swarm");
        let mut world = World::new(seed, WorldOptions::default(), sink);
        let link = any_link(&mut dice);
        let site = Site::public(SERVER[0]).and(SERVER[1]);
        let server = world.add_host(site.linked(&link));
        let (pen, policy) = (Pen::default(), any_policy(&mut dice));
        let numbers = 1..=u8::try_from(dice.between(2, 5)).expect("few users");
        let users = numbers
            .map(|number| {
                let host = add_client_of_any_family(&mut world, &mut dice, number);
                User::new(host, number, &pen, &mut dice)
            })
            .collect();
        let mut swarm = Self {
            seed: seed.clone(),
            world,
            dice,
            server,
            server_down: Some((ServerDisk::new(seed), Duration::ZERO)),
            server_lives: 0,
            users,
            guesser: None,
            policy,
            pen,
            messages: Messages::default(),
            files: Files::default(),
        };
        swarm.add_machine();
        swarm.add_guesser();
        swarm.wake(Duration::ZERO);
        swarm
    }

    /// Lets time pass: programs that are down come back, and users look at their screens.
    fn live(&mut self, duration: Duration) {
        let mut left = duration;
        while !left.is_zero() {
            let step = left.min(TICK);
            left -= step;
            self.world.run_for(step);
            self.wake(step);
            for index in 0..self.users.len() {
                self.look(index);
            }
            self.hear_guesser();
        }
    }

    /// Starts what has been down for long enough.
    fn wake(&mut self, passed: Duration) {
        let now = self.world.now();
        if let Some((disk, left)) = self.server_down.take() {
            let left = left.saturating_sub(passed);
            if left.is_zero() {
                self.server_lives += 1;
                let life = self.seed.derive(&format!("server life {}", self.server_lives));
                let program = ServerProgram::start(now, disk, self.policy.clone(), &life);
                self.world.boot(self.server, Program::Server(Box::new(program)));
            } else {
                self.server_down = Some((disk, left));
            }
        }
        let server = self.world.network.addresses(self.server).to_vec();
        for user in &mut self.users {
            let Some((disk, left)) = user.down.take() else { continue };
            let left = left.saturating_sub(passed);
            if !left.is_zero() || user.stays_away || !user.is_here {
                user.down = Some((disk, left));
                continue;
            }
            user.lives += 1;
            let life = self.seed.derive(&format!("{} life {}", user.label, user.lives));
            let mut server = server.clone();
            if user.prefers_ipv6 {
                server.reverse();
            }
            for address in &server {
                self.world.ledger.solicit(user.host, *address);
            }
            let addresses = self.world.network.addresses(user.host).to_vec();
            let options = PeerOptions {
                server,
                addresses,
                auto_accept: user.auto_accept,
                strangers: Strangers::Talk,
            };
            let program = PeerProgram::start(now, disk, &options, &life);
            self.world.boot(user.host, Program::Peer(Box::new(program)));
        }
    }

    fn crash(&mut self, host: HostId) {
        let away = self.dice.duration(Duration::from_millis(10), Duration::from_secs(6));
        if host == self.server {
            if let Some(Program::Server(program)) = self.world.crash(host) {
                self.server_down = Some((program.into_disk(), away));
            }
            return;
        }
        let index = self.index_of(host);
        if self.users[index].is_up() {
            self.look(index);
            self.users[index].has_crashed = true;
            self.take_down(index, away);
        }
    }

    /// Ends a user's program; its disk waits for the next start.
    fn take_down(&mut self, index: usize, away: Duration) {
        let user = &mut self.users[index];
        if let Some(Program::Peer(program)) = self.world.crash(user.host) {
            user.down = Some((program.into_disk(), away));
            user.goes_offline();
        }
    }

    fn index_of(&self, host: HostId) -> usize {
        self.users.iter().position(|user| user.host == host).expect("a user's host")
    }

    /// Programs notice that their interfaces have other addresses.
    fn tell_addresses(&mut self) {
        for user in self.users.iter().filter(|user| user.is_up()) {
            let addresses = self.world.network.addresses(user.host).to_vec();
            self.world.with(user.host, |program, now| {
                program.peer_mut().set_addresses(now, addresses);
            });
        }
    }

    /// A user's program gets a command.
    fn command(&mut self, index: usize, command: Command) {
        let user = &self.users[index];
        self.world.note(&format!("{} types {}", user.label, user.in_short(&command)));
        self.world.with(user.host, |program, now| program.peer_mut().command(now, command));
        self.look(index);
    }

    /// A user reads the screen and does what there is to be done at once.
    fn look(&mut self, index: usize) {
        if !self.users[index].is_up() {
            return;
        }
        let host = self.users[index].host;
        let outputs =
            self.world.with(host, |program, _| core::mem::take(&mut program.peer_mut().outputs));
        for output in outputs {
            let user = &self.users[index];
            self.world.note(&format!("{} reads {}", user.label, user.in_short(&output)));
            self.messages.read(&self.users[index], &output);
            self.files.read(&self.users[index], &output);
            self.users[index].read(&output);
        }
        if self.world.machine(host).peer().has_ended() {
            let away = self.dice.duration(Duration::ZERO, Duration::from_secs(3));
            self.take_down(index, away);
        } else if let Some(command) = self.users[index].next_command(&mut self.dice) {
            self.command(index, command);
        }
    }

    /// Somebody does something.
    fn act(&mut self) {
        let index = self.dice.index(self.users.len());
        let other = (index + 1 + self.dice.index(self.users.len() - 1)) % self.users.len();
        self.look(index);
        if !self.users[index].is_online() || !self.users[other].is_registered() {
            return;
        }
        let name = self.users[other].name.clone();
        if name == self.users[index].name {
            return;
        }
        match self.dice.below(100) {
            0..50 => self.chat(index, other),
            50..70 => self.send_file(index, other),
            70..76 => {
                self.users[index].blocked.insert(name.clone());
                let own = self.users[index].name.clone();
                for user in self.users.iter_mut().filter(|user| user.name == own) {
                    user.has_blocked = true;
                }
                self.users[index].view.forget(&name);
                self.command(index, Command::Block { user: name });
            }
            76..82 => self.command(index, Command::Unblock { user: name }),
            82..86 => self.leave(index, Command::Logout),
            86..90 => self.leave(index, Command::Quit { farewell: String::new() }),
            90..95 => {
                let command = self.files.tamper(&mut self.dice, &self.users[index]);
                if let Some(command) = command {
                    self.command(index, command);
                }
            }
            95..98 => {
                self.move_over();
            }
            _ => self.command(index, Command::Who { filter: None }),
        }
    }

    fn leave(&mut self, index: usize, how: Command) {
        self.users[index].leaves(&how);
        self.command(index, how);
    }

    fn chat(&mut self, from: usize, to: usize) {
        for _ in 0..self.dice.between(1, 8) {
            if !self.users[from].is_online() {
                return;
            }
            let to_name = self.users[to].name.clone();
            let text = self.messages.compose(&mut self.dice, &self.users[from], &to_name);
            self.command(from, Command::Message { to: to_name, text });
        }
    }

    fn send_file(&mut self, from: usize, to: usize) {
        let name = self.users[to].name.clone();
        let file = self.files.make(&mut self.dice, &self.users[from], &self.users[to]);
        let path = self.world.with(self.users[from].host, |program, _| {
            program.peer().disk.write_file(&file.name, &file.content)
        });
        self.command(from, Command::Send { to: name, paths: vec![path] });
    }

    /// Whether two users can have a connection: there is no relay.
    fn can_meet(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.users[a].host, self.users[b].host);
        self.world.network.direct_path_possible(self.world.now(), a, b, self.server)
    }

    /// Pairs of users, in both orders.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let all = 0..self.users.len();
        let pairs = all.clone().flat_map(move |a| all.clone().map(move |b| (a, b)));
        let names: Vec<String> = self.users.iter().map(|user| user.name.clone()).collect();
        pairs.filter(move |(a, b)| names[*a] != names[*b])
    }

    /// Those who can have a connection.
    fn meetings(&self) -> BTreeSet<(usize, usize)> {
        self.pairs()
            .filter(|(a, b)| self.users[*a].is_here && self.users[*b].is_here)
            .filter(|(a, b)| self.can_meet(*a, *b))
            .collect()
    }

    /// Without faults, everything gets done.
    fn converge(&mut self) {
        for user in &mut self.users {
            user.makes_peace = true;
        }
        self.tell_addresses();
        self.finish();
        // What waits at the other machine gets done when its user is there.
        if self.move_over() {
            self.finish();
        }
        self.world.note("everything is done");
        for (from, to) in self.pairs() {
            self.check_conversation(from, to);
        }
        self.files.check(&self.users, &self.world);
        self.assert_presence();
    }

    /// Waits until everything is done.
    fn finish(&mut self) {
        let start = self.world.now();
        loop {
            self.live(Duration::from_secs(1));
            let late = self.world.now() - start >= CONVERGENCE;
            match self.unfinished() {
                None => break,
                Some(what) if late => panic!("{CONVERGENCE:?} after the faults: {what}"),
                Some(_) => {}
            }
        }
    }

    /// What is still to be done, if anything.
    fn unfinished(&mut self) -> Option<String> {
        if let Some(user) = self.users.iter().find(|user| user.is_here && !user.is_online()) {
            return Some(format!("{} is not online", user.label));
        }
        if let Some(what) = self.double() {
            return Some(what);
        }
        let meetings = self.meetings();
        for (from, to) in self.pairs() {
            let lines = self.history(from, to);
            let (sender, receiver) = (&self.users[from], &self.users[to]);
            let kept = lines.iter().filter(|line| line.own.is_some()).count();
            if sender.keeps_everything() && kept < self.messages.count(sender, receiver) {
                return Some(format!("{} has messages to {} unkept", sender.label, receiver.name));
            }
            if !meetings.contains(&(from, to)) {
                continue;
            }
            if let Some(waiting) = lines.iter().find(|line| messages::is_waiting(line)) {
                let (from, to) = (&self.users[from].label, &self.users[to].label);
                return Some(format!("from {from} to {to} waits: {:.40}", waiting.body));
            }
        }
        self.files.unfinished(&self.users, &meetings)
    }

    /// Then there is silence, but for keep-alives and those who cannot meet.
    fn assert_quiet(&mut self) {
        self.live(Duration::from_secs(5));
        let sent = |swarm: &Self| -> u64 {
            let users = swarm.users.iter().map(|user| user.host);
            users.chain([swarm.server]).map(|host| swarm.world.datagrams_sent(host)).sum()
        };
        let before = sent(self);
        let could_meet = self.meetings();
        self.live(Duration::from_secs(10));
        let sent = sent(self) - before;
        let count = self.users.iter().filter(|user| user.is_here).count() as u64;
        // As what a NAT remembers of them expires, two may come together who were apart, and then
        // they have something to say.
        let met = self.meetings().intersection(&could_meet).count() as u64;
        let apart = count * (count - 1) - met;
        check_quiet(sent, count, apart);
    }
}

/// Few passwords may be guessed, and locks are short: a run does not wait for long.
fn any_policy(dice: &mut Dice) -> Policy {
    let max_failed = u32::try_from(dice.between(1, 5)).expect("at most five");
    Policy { lockout: LockoutPolicy { max_failed, lock_seconds: 5 }, ..Policy::default() }
}

/// Nobody sends more than keep-alives in ten seconds, and those who cannot meet their probes.
fn check_quiet(sent: u64, users: u64, apart: u64) {
    let most = 50 + users * (users + 1) * 12 + apart * 1000;
    assert!(sent <= most, "{sent} datagrams in ten quiet seconds, at most {most} expected");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alives_are_quiet_and_probes_of_those_apart() {
        check_quiet(150, 3, 0);
        check_quiet(1500, 3, 2);
    }

    #[test]
    #[should_panic(expected = "datagrams in ten quiet seconds")]
    fn two_who_keep_each_other_busy_are_noticed() {
        check_quiet(1500, 3, 0);
    }
}
