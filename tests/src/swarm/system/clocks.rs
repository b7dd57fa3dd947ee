//! Wall clocks that jump: nothing but what is shown may depend on them.

use super::Swarm;
use crate::tincan::WallClock;

const SECOND: i64 = 1000;
const DAY: i64 = 86_400 * SECOND;
const YEAR: i64 = 365 * DAY;

impl Swarm {
    /// Somebody's clock, or the server's, is set forward or back; it keeps running from there.
    pub(super) fn set_a_clock(&mut self) {
        let jump = *self.dice.pick(&[SECOND, 3600 * SECOND, DAY, 30 * DAY, 10 * YEAR]);
        let jump = *self.dice.pick(&[jump, -jump]);
        let index = self.dice.index(self.users.len() + 1);
        if index < self.users.len() {
            let name = &self.users[index].label;
            self.world.note(&format!("the clock of {name} jumps by {jump} ms"));
            self.with_disk(index, |disk| set(&mut disk.clock, jump));
        } else {
            self.world.note(&format!("the server's clock jumps by {jump} ms"));
            match &mut self.server_down {
                Some((disk, _)) => set(&mut disk.clock, jump),
                None => self.world.with(self.server, |program, _| {
                    set(&mut program.server_mut().disk.clock, jump);
                }),
            }
        }
    }
}

fn set(clock: &mut WallClock, jump: i64) {
    clock.0 = clock.0.saturating_add(jump);
}
