//! What the server's operator does: stops it as a signal does, and starts it again.

use core::time::Duration;

use super::Swarm;
use super::users::User;
use crate::dice::Probability;
use crate::link::Loss;
use crate::tincan::Program;

/// The program ends within this time, whatever happens (`rendezvous::shell`).
const END_WITHIN: Duration = Duration::from_secs(2);
/// Clients on good links know by then.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

impl Swarm {
    /// The server is told to stop, takes its leave, and comes back after a while.
    pub(super) fn stop_server(&mut self) {
        if self.server_down.is_some() {
            return;
        }
        self.world.note("the operator stops the server");
        self.world.with(self.server, |program, now| program.server_mut().shut_down(now));
        let server = self.server;
        let ended =
            self.world.run_until(END_WITHIN, |world| world.machine(server).server().is_quiet());
        assert!(ended, "the server does not end by itself");
        let away = self.dice.duration(Duration::from_millis(10), Duration::from_secs(6));
        if let Some(Program::Server(program)) = self.world.crash(server) {
            self.server_down = Some((program.into_disk(), TOLD_WITHIN + away));
        }
    }

    /// The same while all is well: everybody who is connected is told.
    pub(super) fn stop_server_in_order(&mut self) {
        let listening: Vec<usize> = (0..self.users.len())
            .filter(|index| self.users[*index].server.is_none() && self.is_lossless(*index))
            .collect();
        self.stop_server();
        self.live(TOLD_WITHIN);
        for index in listening {
            let User { name, server, .. } = &self.users[index];
            let told = server.as_ref().is_some_and(|why| why.contains("shutting down"));
            assert!(told, "{name} was not told that the server stops: {server:?}");
        }
    }

    /// Whether nothing gets lost between a user and the server.
    fn is_lossless(&mut self, index: usize) -> bool {
        [self.server, self.users[index].host].into_iter().all(|host| {
            let links = self.world.network.links(host);
            links.into_iter().all(|link| link.impairment().loss == Loss::Random(Probability::NEVER))
        })
    }
}
