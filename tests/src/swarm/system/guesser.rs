//! A stranger who guesses somebody's password: he gets nowhere, locks nobody out who has logged in
//! before, and whoever was locked is let in when the time is over that he was told.

use core::time::Duration;
use std::collections::VecDeque;

use peer::app::Strangers;
use peer::command::Command;
use peer::output::Output;
use wire::Secret;

use super::Swarm;
use super::users::password;
use crate::dice::Probability;
use crate::faults::{add_client_of_any_family, decent_link};
use crate::network::HostId;
use crate::tincan::{PeerDisk, PeerOptions, PeerProgram, Program};

/// How often the right password may be refused as still locked: the lock doubles with each guess
/// that was let through, and a clock that was set back makes it count anew.
const PATIENCE: usize = 3;
/// An answer from the server is there by then.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// The stranger.
pub(super) struct Guesser {
    pub(super) host: HostId,
    /// Guesses left.
    guesses: u64,
    /// What he was told last and has not looked at.
    told: VecDeque<String>,
    is_in: bool,
}

impl Swarm {
    /// There may be one.
    pub(super) fn add_guesser(&mut self) {
        if self.dice.chance(Probability::percent(75.0)) {
            return;
        }
        let host = add_client_of_any_family(&mut self.world, &mut self.dice, 99);
        let link = decent_link(&mut self.dice);
        self.world.network.impair(self.world.now(), host, &link);
        let server = self.world.network.addresses(self.server).to_vec();
        for address in &server {
            self.world.ledger.solicit(host, *address);
        }
        let addresses = self.world.network.addresses(host).to_vec();
        let options =
            PeerOptions { server, addresses, auto_accept: None, strangers: Strangers::Talk };
        let life = self.seed.derive("guesser");
        let mut disk = PeerDisk::new();
        disk.pen = self.pen.of("the guesser");
        let program = PeerProgram::start(self.world.now(), disk, &options, &life);
        self.world.boot(host, Program::Peer(Box::new(program)));
        let guesses = self.dice.between(1, 12);
        self.guesser = Some(Guesser { host, guesses, told: VecDeque::new(), is_in: false });
    }

    /// He reads what he is told.
    pub(super) fn hear_guesser(&mut self) {
        let Some(guesser) = &mut self.guesser else { return };
        let outputs = self
            .world
            .with(guesser.host, |program, _| core::mem::take(&mut program.peer_mut().outputs));
        for output in outputs {
            if let Output::LoginNeeded { reason } = output {
                let reason = reason.unwrap_or_default();
                self.world.note(&format!("the guesser reads: {reason}"));
                guesser.told.push_back(reason);
            } else if let Output::LoggedIn { .. } = output {
                guesser.is_in = true;
            }
        }
    }

    /// He guesses, if he has heard what became of the last guess.
    pub(super) fn guess(&mut self) {
        let Some(guesser) = &mut self.guesser else { return };
        assert!(!guesser.is_in, "a guess was right");
        if guesser.told.pop_front().is_none() || guesser.guesses == 0 {
            return;
        }
        guesser.guesses -= 1;
        self.guesser_types(Secret::new("not the password".to_owned()));
    }

    /// Nobody guesses any more: the right password is let in, at the latest when he was told.
    pub(super) fn assert_released(&mut self) {
        if self.guesser.is_none() {
            return;
        }
        // Nobody else wants the session.
        let name = self.users[0].name.clone();
        for user in self.users.iter_mut().filter(|user| user.name == name) {
            user.is_here = false;
        }
        // The last guess is still to be answered, or the program has not begun.
        self.live(ANSWERED_WITHIN);
        let right = password(&self.users[0].name);
        for _ in 0..=PATIENCE {
            if let Some(guesser) = &mut self.guesser {
                guesser.told.clear();
            }
            self.guesser_types(right.clone());
            self.live(ANSWERED_WITHIN);
            let Some(guesser) = &self.guesser else { return };
            if guesser.is_in {
                return;
            }
            let told = guesser.told.back().cloned().unwrap_or_default();
            let seconds = locked_for(&told).unwrap_or_else(|| panic!("the right password: {told}"));
            self.live(Duration::from_secs(seconds));
        }
        panic!("the right password is locked out for longer than told");
    }

    fn guesser_types(&mut self, password: Secret<String>) {
        let Some(Guesser { host, .. }) = self.guesser else { return };
        let name = self.users[0].name.clone();
        self.world.note(&format!("the guesser types a password of {name}"));
        self.world.with(host, |program, now| {
            program.peer_mut().command(now, Command::Login { name, password });
        });
    }
}

/// For how many seconds nothing is let in, as this reason says.
pub(super) fn locked_for(reason: &str) -> Option<u64> {
    let rest = reason.strip_prefix("too many failed attempts: try again in ")?;
    rest.strip_suffix(" s")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::app::server::Refusal;

    #[test]
    fn a_lock_is_understood_as_it_is_told() {
        assert_eq!(locked_for(&Refusal::Locked { seconds: 17 }.to_string()), Some(17));
        assert_eq!(locked_for(&Refusal::WrongPassword.to_string()), None);
    }
}
