//! A user with two machines: the second login takes the session over. The first is told, stays out
//! until its user asks for it, and nothing that was on its way there is lost.

use super::Swarm;
use super::users::User;
use crate::dice::Probability;
use crate::faults::add_client_of_any_family;
use crate::tincan::{PeerDisk, Program};
use crate::world::World;

impl Swarm {
    /// The first user may have another machine.
    pub(super) fn add_machine(&mut self) {
        if self.dice.chance(Probability::percent(70.0)) {
            return;
        }
        let number = u8::try_from(self.users.len() + 1).expect("few users");
        let host = add_client_of_any_family(&mut self.world, &mut self.dice, number);
        let user = self.users[0].elsewhere(host, &self.pen, &mut self.dice);
        self.users.push(user);
    }

    /// Whoever has another machine goes there; says whether anybody does.
    pub(super) fn move_over(&mut self) -> bool {
        let first = &self.users[0];
        let other = self.users.iter().rposition(|user| user.name == first.name);
        let Some(other) = other.filter(|other| *other != 0 && first.is_registered()) else {
            return false;
        };
        let (from, to) = if first.is_here { (0, other) } else { (other, 0) };
        self.world.note(&format!("{} goes to {}", self.users[from].label, self.users[to].label));
        self.users[to].learn_registered();
        self.users[to].stays_away = false;
        self.users[from].is_here = false;
        self.users[to].is_here = true;
        true
    }

    pub(super) fn has_two_machines(&self, index: usize) -> bool {
        let name = &self.users[index].name;
        self.users.iter().filter(|user| user.name == *name).count() > 1
    }

    /// Where a user sits, or may yet come to sit, who should be somewhere else by now.
    pub(super) fn double(&self) -> Option<String> {
        let is_double = |user: &&User| !user.is_here && (user.is_online() || user.is_coming());
        self.users.iter().find(is_double).map(|user| format!("{} was told nothing", user.label))
    }

    /// Does something with a disk, whether or not its program runs.
    pub(super) fn with_disk<R>(&mut self, index: usize, act: impl FnOnce(&mut PeerDisk) -> R) -> R {
        let User { host, down, .. } = &mut self.users[index];
        match down {
            Some((disk, _)) => act(disk),
            None => self.world.with(*host, |program, _| act(&mut program.peer_mut().disk)),
        }
    }

    /// All is well, and the first user goes to his other machine: both are told.
    pub(super) fn move_over_in_order(&mut self) {
        let before =
            self.users.iter().position(|user| user.name == self.users[0].name && user.is_here);
        let was_online = before.is_some_and(|before| self.users[before].is_online());
        if !self.move_over() {
            return;
        }
        self.assert_presence();
        let here = self.users.iter().find(|user| user.name == self.users[0].name && user.is_here);
        let told = here.is_some_and(|user| user.took_over);
        assert!(told || !was_online, "the second login took over and does not say so");
    }
}

impl User {
    /// His disk, whether or not his program runs.
    pub(super) fn disk<'a>(&'a self, world: &'a World<Program>) -> &'a PeerDisk {
        match &self.down {
            Some((disk, _)) => disk,
            None => &world.machine(self.host).peer().disk,
        }
    }
}
