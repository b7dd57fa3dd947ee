//! Two applications on two `Streams`, and between them a link that loses, repeats and reorders;
//! acknowledgements get lost as well, so that both sides send again what has arrived.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;

use super::*;
use crate::id::Seed;

/// What one side writes to a stream.
#[derive(Debug, Default)]
struct Writer {
    goal: usize,
    written: usize,
    /// A write took less than all: no further one until [`Event::Writable`].
    full: bool,
    end: Option<Written>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Ending,
    /// [`Event::Finished`] came.
    Delivered,
    GivenUp,
}

/// What one side has read from a stream.
#[derive(Debug, Default)]
struct Reading {
    read: usize,
    readable: bool,
    end: Option<Ended>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Complete,
    Reset,
    Stopped,
}

struct App {
    streams: Streams,
    opened: BTreeSet<StreamId>,
    writers: BTreeMap<StreamId, Writer>,
    readings: BTreeMap<StreamId, Reading>,
}

struct Packet {
    from: usize,
    bytes: Vec<u8>,
    sent: Vec<StreamFrame>,
}

struct World {
    apps: [App; 2],
    flight: Vec<Packet>,
    rng: ChaCha20Rng,
}

/// The byte that `side` writes at `offset` of a stream.
fn byte(side: Side, id: StreamId, offset: usize) -> u8 {
    let mixed = (offset as u64 ^ id.raw() << 20 ^ (side as u64) << 40).wrapping_mul(0x9e37_79b9);
    (mixed >> 13) as u8
}

impl App {
    fn new(side: Side, config: &TransportConfig) -> Self {
        Self {
            streams: Streams::new(side, config, Limits::stated(config)),
            opened: BTreeSet::new(),
            writers: BTreeMap::new(),
            readings: BTreeMap::new(),
        }
    }

    fn add(&mut self, id: StreamId, goal: usize) {
        assert!(self.opened.insert(id), "opened once");
        self.writers.insert(id, Writer { goal, ..Writer::default() });
        self.readings.insert(id, Reading::default());
    }

    fn drain_events(&mut self, goal: usize) {
        while let Some(event) = self.streams.poll_event() {
            match event {
                Event::Opened(id) => {
                    assert_ne!(id.opener(), self.streams.side);
                    self.add(id, goal);
                }
                Event::Readable(id) => {
                    let reading = self.readings.get_mut(&id).unwrap();
                    assert!(!core::mem::replace(&mut reading.readable, true), "told twice");
                }
                Event::Writable(id) => {
                    let writer = self.writers.get_mut(&id).unwrap();
                    assert!(core::mem::replace(&mut writer.full, false), "was not full");
                    // Unless it was stopped since the event arose.
                    let stopped = self.streams.write(id, b"").is_err();
                    assert!(stopped || self.streams.writable(id) > 0);
                }
                Event::Finished(id) => {
                    let end = &mut self.writers.get_mut(&id).unwrap().end;
                    assert_eq!(end.replace(Written::Delivered), Some(Written::Ending));
                }
                Event::Stopped(id, 8) => {
                    self.writers.get_mut(&id).unwrap().end = Some(Written::GivenUp);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn write(&mut self, id: StreamId, most: usize) {
        let side = self.streams.side;
        let writer = self.writers.get_mut(&id).unwrap();
        if writer.full || writer.end.is_some() {
            return;
        }
        let len = (writer.goal - writer.written).min(most);
        let bytes: Vec<u8> = (0..len).map(|at| byte(side, id, writer.written + at)).collect();
        // Copied or shared: nobody can tell.
        let wrote = if writer.written.is_multiple_of(2) {
            self.streams.write(id, &bytes).unwrap()
        } else {
            self.streams.write_shared(id, &Arc::new(bytes), 0..len).unwrap()
        };
        writer.written += wrote;
        writer.full = wrote < len;
    }

    fn finish(&mut self, id: StreamId) {
        let writer = self.writers.get_mut(&id).unwrap();
        if writer.end.is_none() {
            self.streams.finish(id).unwrap();
            (writer.end, writer.full) = (Some(Written::Ending), false);
        }
    }

    fn reset(&mut self, id: StreamId) {
        let writer = self.writers.get_mut(&id).unwrap();
        if matches!(writer.end, None | Some(Written::Ending)) {
            self.streams.reset(id, 7);
            writer.end = Some(Written::GivenUp);
        }
    }

    fn stop(&mut self, id: StreamId) {
        let reading = self.readings.get_mut(&id).unwrap();
        if reading.end.is_none() {
            self.streams.stop(id, 8);
            reading.end = Some(Ended::Stopped);
        }
    }

    fn read(&mut self, id: StreamId, most: usize) {
        let side = self.streams.side.peer();
        let reading = self.readings.get_mut(&id).unwrap();
        if !reading.readable || reading.end.is_some() {
            return;
        }
        let mut out = Vec::new();
        let left = self.streams.read_with(id, most, |part| out.extend_from_slice(part));
        assert!(out.len() <= most);
        for got in out {
            assert_eq!(got, byte(side, id, reading.read), "{id:?} at {}", reading.read);
            reading.read += 1;
        }
        match left {
            Ok(Read::More) => {}
            Ok(Read::Blocked) => reading.readable = false,
            Ok(Read::End) => reading.end = Some(Ended::Complete),
            Err(ReadError::Reset(code)) => {
                assert!(code == 7 || code == 8);
                reading.end = Some(Ended::Reset);
            }
            Err(ReadError::NoStream(_)) => panic!("{id:?} was told readable"),
        }
    }
}

impl World {
    fn new(config: &TransportConfig, seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            apps: [App::new(Side::Initiator, config), App::new(Side::Responder, config)],
            flight: Vec::new(),
            rng: Seed::new(bytes).rng(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.rng.next_u32() as usize % bound
    }

    fn act(&mut self) {
        let who = self.below(2);
        let (what, most) = (self.below(40), 1 + self.below(6000));
        let goal = self.below(30_000);
        let ids: Vec<StreamId> = self.apps[who].opened.iter().copied().collect();
        let pick = self.below(ids.len().max(1));
        let app = &mut self.apps[who];
        if what < 3 {
            if let Ok(id) = app.streams.open(Class::ALL[what]) {
                app.add(id, goal);
            }
        } else if let Some(id) = ids.get(pick).copied() {
            match what {
                3 => app.finish(id),
                4 if most < 1000 => app.reset(id),
                5 if most < 1000 => app.stop(id),
                6..20 => app.read(id, most),
                _ => app.write(id, most),
            }
        }
    }

    fn send(&mut self, who: usize) {
        let space = 30 + self.below(1200);
        let (bytes, sent) = datagram(&mut self.apps[who].streams, space);
        if !sent.is_empty() {
            self.flight.push(Packet { from: who, bytes, sent });
        }
    }

    /// One packet of those in flight meets its fate.
    fn fate(&mut self) {
        if self.flight.is_empty() {
            return;
        }
        let pick = self.below(self.flight.len());
        match self.below(10) {
            0 | 1 => {
                let Packet { from, sent, .. } = self.flight.swap_remove(pick);
                sent.into_iter().for_each(|frame| self.apps[from].streams.on_lost(frame));
            }
            2 => self.arrive(pick),
            // Thought lost, yet on its way: it is acknowledged later, or thought lost again.
            3 => {
                let Packet { from, ref sent, .. } = self.flight[pick];
                sent.iter().for_each(|frame| self.apps[from].streams.on_lost(*frame));
            }
            _ => {
                self.arrive(pick);
                let Packet { from, sent, .. } = self.flight.swap_remove(pick);
                sent.into_iter().for_each(|frame| self.apps[from].streams.on_acked(frame));
            }
        }
    }

    fn arrive(&mut self, pick: usize) {
        let Packet { from, ref bytes, .. } = self.flight[pick];
        deliver(&mut self.apps[1 - from].streams, bytes).expect("both keep the rules");
    }

    fn drain_events(&mut self) {
        for who in 0..2 {
            let goal = self.below(30_000);
            self.apps[who].drain_events(goal);
        }
    }

    /// No more faults; both applications bring to an end what they began.
    fn settle(&mut self) {
        for _round in 0..10_000 {
            for who in 0..2 {
                self.send(who);
            }
            while !self.flight.is_empty() {
                self.arrive(0);
                let Packet { from, sent, .. } = self.flight.remove(0);
                sent.into_iter().for_each(|frame| self.apps[from].streams.on_acked(frame));
            }
            self.drain_events();
            for app in &mut self.apps {
                for id in app.opened.clone() {
                    app.read(id, usize::MAX);
                    app.write(id, usize::MAX);
                    if app.writers[&id].written == app.writers[&id].goal {
                        app.finish(id);
                    }
                }
            }
            let idle =
                |app: &App| app.streams.streams.is_empty() && app.streams.has_pending().is_none();
            if self.apps.iter().all(idle) {
                return;
            }
        }
        panic!("not quiet: {:?}", self.apps.each_ref().map(|app| &app.streams));
    }

    fn check_end(&self) {
        assert_eq!(self.apps[0].opened, self.apps[1].opened);
        for (writing, reading) in [(0, 1), (1, 0)] {
            for (id, writer) in &self.apps[writing].writers {
                let reading = &self.apps[reading].readings[id];
                assert!(reading.read <= writer.written);
                match (writer.end.unwrap(), reading.end.unwrap()) {
                    (Written::Delivered | Written::GivenUp, Ended::Complete) => {
                        assert_eq!(reading.read, writer.written);
                    }
                    (Written::GivenUp, Ended::Reset)
                    | (Written::GivenUp | Written::Delivered, Ended::Stopped) => {}
                    (Written::Ending, _) | (Written::Delivered, Ended::Reset) => {
                        panic!("{id:?}: {writer:?}, {reading:?}")
                    }
                }
            }
        }
        for app in &self.apps {
            assert_eq!(app.streams.ranges, 0);
            let free = app.streams.pool.memory();
            assert_eq!(app.streams.buffered_bytes(), free as u64);
            assert_eq!(app.streams.window.consumed, app.streams.window.received);
        }
        let received = |app: &App| app.streams.window.received;
        assert_eq!(self.apps[0].streams.sent_bytes(), received(&self.apps[1]));
        assert_eq!(self.apps[1].streams.sent_bytes(), received(&self.apps[0]));
    }
}

fn run(config: &TransportConfig, seed: u64) {
    let mut world = World::new(config, seed);
    for _step in 0..600 {
        world.act();
        if world.below(3) == 0 {
            let who = world.below(2);
            world.send(who);
        }
        if world.below(3) == 0 {
            world.fate();
        }
        world.drain_events();
    }
    world.settle();
    world.check_end();
}

proptest! {
    #[test]
    fn every_stream_comes_to_its_proper_end(seed: u64) {
        let config = TransportConfig {
            stream_window: 4000,
            connection_window: 9000,
            send_buffer: 5000,
            max_streams: 3,
            ..TransportConfig::default()
        };
        run(&config, seed);
    }

    #[test]
    fn also_with_room_for_all(seed: u64) {
        run(&TransportConfig::default(), seed);
    }
}
