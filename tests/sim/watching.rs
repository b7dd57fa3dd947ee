//! A film that several persons watch together while it arrives, over bad lines.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use peer::output::Output;
use peer::transfer::{Question, Reader, View, ViewNews};
use peer::watch::{Report, Steering};
use sim::Impairment;
use wire::app::peer::TransferId;
use wire::time::Instant;

use crate::party::{ALICE, BOB, CAROL, Party};
use crate::support::{loss, millis};

/// Of the film, in one millisecond: it lasts four minutes.
const BYTES: u64 = 50;
const LENGTH: u64 = 240_000;
const USERS: [usize; 3] = [ALICE, BOB, CAROL];

/// One person's player, which reads what has come.
struct Player {
    film: TransferId,
    position_ms: u64,
    /// Up to when it was played.
    at: Instant,
    paused: bool,
    starving: bool,
    /// What is here: ranges of bytes.
    held: Vec<(u64, u64)>,
    readers: u64,
}

impl Player {
    /// Up to where it can play from where it is, in milliseconds.
    fn end(&self) -> u64 {
        let at = self.position_ms * BYTES;
        let mut end = at;
        // Ranges come in any order, and may meet.
        while let Some((_, further)) = self.held.iter().find(|(from, to)| *from <= end && end < *to)
        {
            end = *further;
        }
        end / BYTES
    }

    fn pass(&mut self, now: Instant) {
        let ms = u64::try_from((now - self.at).as_millis()).expect("moments");
        let (end, is_whole) = (self.end(), self.end() == LENGTH);
        if end < self.position_ms + ms {
            self.starving = !is_whole;
        } else if end >= self.position_ms + 1000 || is_whole {
            self.starving = false;
        }
        if !self.paused && !self.starving {
            self.position_ms = (self.position_ms + ms).min(end);
        }
        self.at = now;
    }

    const fn is_moving(&self) -> bool {
        !self.paused && !self.starving
    }

    fn report(&self) -> Report {
        Report {
            at: self.at,
            position_ms: Some(self.position_ms),
            paused: self.paused,
            seeking: false,
            starving: self.starving,
            ahead_ms: Some(self.end() - self.position_ms),
            full: false,
        }
    }
}

/// Who watches, and with what.
struct Cinema {
    party: Party,
    players: [Option<Player>; 3],
    /// How many of the news of each user's program were looked at.
    heard: [usize; 3],
}

impl Cinema {
    /// Alice has offered a film to bob and carol, who have accepted it.
    fn open(run: u64, line: &Impairment) -> Self {
        let mut party = Party::in_run(run, 3, line);
        let mut film = vec![0; usize::try_from(BYTES * LENGTH).expect("it fits")];
        blake3::Hasher::new().update(b"film").finalize_xof().fill(&mut film);
        let path = party.write_file(ALICE, "film.mp4", &film);
        for (user, name) in [(BOB, "bob"), (CAROL, "carol")] {
            party.line(ALICE, &format!("/send {name} {}", path.display()));
            party.until(user, |o| matches!(o, Output::FileOffer { .. }));
            party.line(user, "/accept");
            party.until(user, |o| matches!(o, Output::File { file } if file.done > 0));
        }
        Self { party, players: [None, None, None], heard: [0; 3] }
    }

    /// A player as the program starts one, and what becomes of it.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(20) {
            self.party.run(millis(20));
            for user in USERS {
                self.play(user);
            }
        }
    }

    fn play(&mut self, user: usize) {
        let host = self.party.host(user);
        if !self.party.world.is_up(host) {
            self.players[user] = None;
            return;
        }
        let now = self.party.world.now();
        if let Some(player) = &mut self.players[user] {
            player.pass(now);
        }
        let views = &self.party.world.machine(host).peer().views;
        let news: Vec<ViewNews> = views[self.heard[user]..].to_vec();
        self.heard[user] += news.len();
        for view in news {
            let ViewNews::Of(film, view) = view else { continue };
            match view {
                View::Plays(of) => {
                    let position_ms = of.position.unwrap_or_default();
                    let (at, held, paused) = (now, of.held, of.is_paused);
                    let starving = false;
                    let readers = 0;
                    let player = Player { film, position_ms, at, paused, starving, held, readers };
                    self.players[user] = Some(player);
                    self.read(user);
                }
                View::Arrived(from, len) => self.of(user).held.push((from, from + u64::from(len))),
                View::Holds(held) => self.of(user).held = held,
                View::Complete(_) => self.of(user).held = vec![(0, BYTES * LENGTH)],
                View::Steers(question, steering) => self.steer(user, question, steering),
                other => panic!("{other:?}"),
            }
        }
    }

    fn of(&mut self, user: usize) -> &mut Player {
        self.players[user].as_mut().expect("it was started")
    }

    fn steer(&mut self, user: usize, question: Question, steering: Steering) {
        let player = self.of(user);
        player.paused = steering.paused.unwrap_or(player.paused);
        if let Some(position_ms) = steering.position_ms {
            player.position_ms = position_ms;
        }
        let report = player.report();
        if steering.position_ms.is_some() {
            self.read(user);
        }
        let host = self.party.host(user);
        self.party
            .world
            .with(host, |peer, now| peer.peer_mut().on_player(now, question, Ok(report)));
    }

    /// The player reads from where it is.
    fn read(&mut self, user: usize) {
        let player = self.of(user);
        player.readers += 1;
        let (film, offset) = (player.film, player.position_ms * BYTES);
        let (reader, host) = (Reader(player.readers), self.party.host(user));
        self.party.world.with(host, |peer, now| {
            peer.peer_mut().read_from(now, film, reader, offset);
        });
    }

    /// What a person does with his player.
    fn seek(&mut self, user: usize, position_ms: u64) {
        let player = self.of(user);
        (player.position_ms, player.starving) = (position_ms, player.end() == position_ms);
        self.read(user);
    }

    /// Runs until this is so; gives how long that took, in milliseconds.
    #[track_caller]
    fn until(&mut self, what: &str, is_so: impl Fn(&mut Self) -> bool) -> u64 {
        let mut ms = 0;
        while !is_so(self) {
            assert!(ms < 60_000, "never {what}");
            self.run(100);
            ms += 100;
        }
        ms
    }

    fn are_moving(&mut self, users: &[usize]) -> bool {
        users.iter().all(|user| self.of(*user).is_moving())
    }

    /// The furthest that two are apart while all play, over so many milliseconds.
    fn spread(&mut self, users: &[usize], ms: u64) -> u64 {
        let mut spread = 0;
        for _ in 0..ms / 100 {
            self.run(100);
            if self.are_moving(users) {
                let places: Vec<u64> =
                    users.iter().map(|user| self.of(*user).position_ms).collect();
                let (first, last) = (places.iter().max(), places.iter().min());
                spread = spread.max(first.expect("some") - last.expect("some"));
            }
        }
        spread
    }

    /// Whether a user has all of the film.
    fn is_whole(&mut self, user: usize) -> bool {
        self.of(user).end() == LENGTH
    }
}

/// What this user was told of watching since he was last asked.
fn told(party: &mut Party, user: usize, change: &str) -> bool {
    party.take(user).iter().any(|o| matches!(o, Output::Watch { change: it, .. } if *it == change))
}

/// [W-124] [W-125] [W-126] [W-127] Three watch what two of them do not have yet: what one does all do, who
/// lacks what comes next is waited for, and nobody is missed who has gone.
#[test]
fn a_film_is_watched_by_three_while_it_arrives() {
    for run in 0..4 {
        println!("run {run}: {}", watch(run));
    }
}

/// Gives what was measured.
fn watch(run: u64) -> String {
    let (delay, rate) = (millis(40), Some(8_000_000));
    let line = Impairment { delay, rate, loss: loss(2.0), ..Impairment::default() };
    let mut cinema = Cinema::open(run, &line);
    cinema.party.line(ALICE, "/watch 1 bob carol");
    for user in [BOB, CAROL] {
        cinema.party.until(user, |o| matches!(o, Output::Watch { change: "invited", .. }));
        cinema.party.line(user, "/watch 1");
    }
    cinema.until("played", |it| {
        it.players.iter().all(|it| it.as_ref().is_some_and(Player::is_moving))
    });
    assert!(!cinema.is_whole(BOB) && !cinema.is_whole(CAROL), "they watch what still comes");
    cinema.run(1000);
    let apart = cinema.spread(&USERS, 5000);

    // Bob goes to where nobody but alice has anything yet.
    let sought = 150_000;
    assert!(!cinema.is_whole(CAROL));
    cinema.seek(BOB, sought);
    let is_there = |it: &mut Cinema| USERS.iter().all(|user| it.of(*user).position_ms >= sought);
    let gone = cinema.until("went there", is_there);
    let waited = cinema.until("went on", |it| it.are_moving(&USERS));
    cinema.run(1000);
    let then = cinema.spread(&USERS, 3000);

    cinema.of(CAROL).paused = true;
    let paused = cinema.until("paused", |it| USERS.iter().all(|user| it.of(*user).paused));
    cinema.of(ALICE).paused = false;
    let went_on = cinema.until("went on", |it| it.are_moving(&USERS));
    let measured = format!(
        "apart {apart} {then}, gone {gone}, waited {waited}, paused {paused}, on {went_on} ms"
    );
    // What a player may be off (0.7 s), and from one look at them to the next.
    assert!(apart < 800 && then < 800, "apart by {apart} and {then} ms");
    assert!(gone < 5000 && waited < 20_000, "there after {gone}, on after {waited} ms");
    assert!(paused < 3000 && went_on < 5000, "paused after {paused}, on after {went_on} ms");

    // Carol's machine dies: the others go on. When alice leaves it is over.
    cinema.party.kill(CAROL);
    cinema.until("missed", |it| told(&mut it.party, BOB, "left"));
    cinema.until("went on", |it| it.are_moving(&[ALICE, BOB]));
    cinema.party.line(ALICE, "/watch off");
    cinema.until("over", |it| told(&mut it.party, BOB, "over"));
    assert!(cinema.of(BOB).is_moving(), "his player goes on");
    measured
}
