//! Several persons with their players, in virtual time.

use wire::app::peer::TransferId;
use wire::app::pin::MAX_POSITION;
use wire::app::watch::{Turn, WatchState, Watcher};

use super::*;

const WATCH: WatchId = WatchId([7; 16]);
const ROOT: [u8; 32] = [9; 32];
/// One way between two persons, in milliseconds.
const WAY: u64 = 100;
/// How long a player takes to answer.
const ANSWER: u64 = 20;
const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;

fn name(n: usize) -> Name {
    Name::new(["alice", "bob", "carol", "dave"][n]).unwrap()
}

fn film(number: u64) -> Subject {
    let (id, name) = (TransferId([number as u8; 16]), "film.mp4".to_owned());
    Subject { id, number, name, root: ROOT }
}

/// A player as mpv is one, in milliseconds.
struct Player {
    position: u64,
    paused: bool,
    /// Up to where the film is here.
    here: u64,
    /// How much more comes in a second of time.
    rate: u64,
    starving: bool,
}

impl Player {
    fn pass(&mut self, ms: u64) {
        self.here = self.here.saturating_add(self.rate * ms / 1000);
        if self.position >= self.here {
            self.starving = true;
        } else if self.here - self.position >= 1000 {
            self.starving = false;
        }
        if !self.paused && !self.starving {
            self.position += ms;
        }
    }

    fn report(&self, at: Instant) -> Report {
        Report {
            at,
            position_ms: Some(self.position),
            paused: self.paused,
            seeking: false,
            starving: self.starving,
            ahead_ms: Some(self.here.saturating_sub(self.position)),
            full: false,
        }
    }
}

struct Side {
    watch: Watch,
    player: Option<Player>,
    /// What it was asked, and when it answers.
    asked: Option<(Instant, Question, Steering)>,
    /// How often it was sent somewhere.
    seeks: usize,
    /// In short.
    told: Vec<String>,
    /// What is here when the player starts, and how fast more comes.
    here: (u64, u64),
}

struct World {
    now: Instant,
    sides: Vec<Side>,
    /// When, from whom, to whom.
    way: VecDeque<(Instant, usize, usize, WatchStep)>,
}

impl World {
    fn new(count: usize) -> Self {
        let side = || Side {
            watch: Watch::default(),
            player: None,
            asked: None,
            seeks: 0,
            told: Vec::new(),
            here: (3_600_000, 0),
        };
        let sides = (0..count).map(|_| side()).collect();
        Self { now: Instant::ZERO, sides, way: VecDeque::new() }
    }

    /// Alice has asked all others, who have come in, and it plays.
    fn playing(count: usize) -> Self {
        let mut world = Self::new(count);
        world.propose(&(1..count).collect::<Vec<_>>());
        world.run(500);
        for n in 1..count {
            world.join(n);
        }
        world.run(5000);
        assert!(world.is_moving(), "{:?}", world.sides[ALICE].told);
        for side in &mut world.sides {
            side.told.clear();
        }
        world
    }

    fn propose(&mut self, others: &[usize]) {
        let users: Vec<Name> = others.iter().map(|n| name(*n)).collect();
        let watch = &mut self.sides[ALICE].watch;
        watch.propose(self.now, &name(ALICE), WATCH, film(1), &users).unwrap();
    }

    fn join(&mut self, n: usize) {
        self.sides[n].watch.join(self.now, &name(n), film(n as u64 + 1)).unwrap();
    }

    fn hear(&mut self, n: usize, from: usize, step: WatchStep) {
        let rtt = Duration::from_millis(2 * WAY);
        let film = Some(film(n as u64 + 1));
        self.sides[n].watch.heard(self.now, &name(from), rtt, step, film);
    }

    fn player(&mut self, n: usize) -> &mut Player {
        self.sides[n].player.as_mut().expect("it was started")
    }

    fn told(&mut self, n: usize) -> Vec<String> {
        core::mem::take(&mut self.sides[n].told)
    }

    fn is_moving(&self) -> bool {
        self.sides.iter().all(|side| {
            side.player.as_ref().is_some_and(|player| !player.paused && !player.starving)
        })
    }

    /// How far the players are apart.
    fn apart(&self) -> u64 {
        let places = || self.sides.iter().filter_map(|it| it.player.as_ref()).map(|it| it.position);
        places().max().unwrap() - places().min().unwrap()
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.now += Duration::from_millis(10);
            for n in 0..self.sides.len() {
                self.turn(n);
            }
            while self.way.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, from, to, step) = self.way.pop_front().unwrap();
                self.hear(to, from, step);
            }
        }
    }

    fn turn(&mut self, n: usize) {
        let (now, side) = (self.now, &mut self.sides[n]);
        if let Some(player) = &mut side.player {
            player.pass(10);
        }
        if let Some((_, question, steering)) = side.asked.take_if(|(at, ..)| *at <= now) {
            let answer = side.player.as_mut().map(|player| {
                player.paused = steering.paused.unwrap_or(player.paused);
                player.position = steering.position_ms.unwrap_or(player.position);
                player.report(now)
            });
            side.seeks += usize::from(steering.position_ms.is_some());
            let answer = answer.ok_or_else(|| Failure::Gone("your player has ended".to_owned()));
            side.watch.on_player(now, question, answer);
        }
        if side.watch.deadline().is_some_and(|deadline| deadline.at <= now) {
            side.watch.handle_timeout(now);
        }
        while let Some(act) = self.sides[n].watch.poll() {
            self.act(n, act);
        }
        let deadline = self.sides[n].watch.deadline();
        assert!(deadline.is_none_or(|deadline| deadline.at > now), "it does what is due");
    }

    fn act(&mut self, n: usize, act: Act) {
        let (now, side) = (self.now, &mut self.sides[n]);
        match act {
            Act::Say(user, step) => {
                let to = (0..4).find(|n| name(*n) == user).unwrap();
                if to < self.sides.len() {
                    self.way.push_back((now + Duration::from_millis(WAY), n, to, step));
                }
            }
            Act::Play { position_ms, .. } => {
                let (here, rate) = side.here;
                let position = position_ms.unwrap_or(0);
                side.player = Some(Player { position, paused: true, here, rate, starving: false });
            }
            Act::Steer(_, question, steering) => {
                assert!(side.asked.is_none(), "one question at a time");
                side.asked = Some((now + Duration::from_millis(ANSWER), question, steering));
            }
            Act::Tell(notice) => {
                let user = notice.user.map(|it| format!(" {it}")).unwrap_or_default();
                let waits: Vec<&str> = notice.waits.iter().map(Name::as_str).collect();
                let waits = match notice.change {
                    "waiting" => format!(" for {}", waits.join(" ")),
                    _ => String::new(),
                };
                let why = notice.reason.map(|why| format!(": {why}")).unwrap_or_default();
                side.told.push(format!("{}{user}{waits}{why}", notice.change));
            }
        }
    }
}

/// [W-124] [W-125] [W-127]
#[test]
fn all_begin_at_once_when_the_slowest_can() {
    let mut world = World::new(3);
    // Carol has nothing yet, and gets the film a little faster than it plays.
    world.sides[CAROL].here = (0, 1500);
    world.propose(&[BOB, CAROL]);
    world.run(500);
    assert_eq!(world.told(ALICE), ["proposed", "waiting for bob carol"]);
    assert_eq!(world.told(BOB), ["invited alice"]);
    world.join(BOB);
    world.join(CAROL);
    world.run(2500);
    assert_eq!(world.told(BOB).first().unwrap(), "joined");
    assert!(world.sides.iter().all(|side| side.player.as_ref().unwrap().position == 0));
    assert_eq!(world.told(ALICE), ["joined bob", "joined carol", "waiting for bob carol"]);
    world.run(2500);
    assert!(world.is_moving() && world.apart() < 300, "{}", world.apart());
    for n in 0..3 {
        assert_eq!(world.told(n).last().unwrap(), "playing");
    }
    // Nobody is sent anywhere for nothing.
    world.run(60_000);
    assert!(world.is_moving() && world.apart() < 700, "{}", world.apart());
    assert_eq!(world.sides.iter().map(|side| side.seeks).sum::<usize>(), 0);
    for n in 0..3 {
        assert_eq!(world.told(n), Vec::<String>::new());
    }
}

/// [W-126]
#[test]
fn what_one_does_in_his_player_all_do() {
    let mut world = World::playing(3);
    for who in 0..3 {
        let others = || (0..3).filter(move |n| *n != who);
        world.player(who).paused = true;
        world.run(2000);
        assert!(world.sides.iter().all(|side| side.player.as_ref().unwrap().paused));
        assert!(world.apart() <= 700, "{}", world.apart());
        world.player(who).position = 600_000 + 100_000 * who as u64;
        world.run(2500);
        assert!(world.apart() <= 700, "{}", world.apart());
        assert!(world.player(ALICE).position >= 600_000);
        world.player(who).paused = false;
        world.run(2500);
        assert!(world.is_moving() && world.apart() <= 700, "{}", world.apart());
        world.player(who).position -= 5000;
        world.run(2500);
        assert!(world.is_moving() && world.apart() <= 700, "{}", world.apart());
        for n in others() {
            let by = |what: &str| format!("{what} {}", name(who));
            assert_eq!(world.told(n), [by("paused"), by("moved"), by("playing"), by("moved")]);
        }
        assert_eq!(world.told(who), Vec::<String>::new());
    }
}

/// [W-126] However they cross.
#[test]
fn of_changes_at_the_same_time_one_counts_at_all() {
    for (at, first, second) in
        [(0, BOB, CAROL), (50, CAROL, BOB), (90, ALICE, CAROL), (0, ALICE, BOB)]
    {
        let mut world = World::playing(3);
        world.player(first).position = 1_000_000;
        world.run(at);
        world.player(second).position = 2_000_000;
        world.run(4000);
        assert!(world.is_moving() && world.apart() <= 700, "{}", world.apart());
        let position = world.player(ALICE).position;
        assert!((1_000_000..1_010_000).contains(&position) || position >= 2_000_000);
        let turns =
            world.sides.iter().map(|side| side.watch.party.as_ref().unwrap().turn().clone());
        let turns: std::collections::BTreeSet<Turn> = turns.collect();
        assert_eq!(turns.len(), 1, "{turns:?}");
    }
}

/// [W-127]
#[test]
fn all_wait_for_who_cannot_play_on_and_go_on_by_themselves() {
    let mut world = World::playing(3);
    let bob = world.player(BOB);
    (bob.here, bob.rate) = (bob.position + 1000, 0);
    world.run(4000);
    for n in 0..3 {
        assert_eq!(world.told(n), ["waiting for bob"]);
        assert!(world.player(n).paused);
    }
    // They wait where he is.
    assert!(world.apart() <= 700, "{}", world.apart());
    // Who wants to go on meanwhile waits too.
    world.player(CAROL).paused = false;
    world.run(2000);
    assert!(world.player(CAROL).paused);
    world.player(BOB).rate = 3000;
    world.run(4000);
    for n in 0..3 {
        assert_eq!(world.told(n), ["playing"]);
    }
    assert!(world.is_moving() && world.apart() <= 700, "{}", world.apart());
}

/// [W-127]
#[test]
fn who_has_not_the_place_yet_is_waited_for_there() {
    let mut world = World::playing(2);
    let bob = world.player(BOB);
    bob.here = bob.position + 20_000;
    world.player(ALICE).position = 1_000_000;
    world.run(4000);
    assert_eq!(world.told(BOB), ["moved alice", "waiting for bob"]);
    assert!(world.player(ALICE).paused && world.apart() <= 700, "{}", world.apart());
    assert!((1_000_000..1_003_000).contains(&world.player(BOB).position));
    world.player(BOB).here = 3_600_000;
    world.run(4000);
    assert!(world.is_moving() && world.apart() <= 700, "{}", world.apart());
    assert_eq!(world.told(BOB), ["playing"]);
}

/// [W-125]
#[test]
fn who_leaves_is_told_and_not_waited_for() {
    let mut world = World::playing(4);
    // One by his player's end, one by his command, one with his link.
    world.player(BOB).here = 0;
    world.run(2500);
    assert!(world.told(CAROL).contains(&"waiting for bob".to_owned()));
    world.sides[BOB].player = None;
    world.run(2500);
    assert_eq!(world.told(BOB).last().unwrap(), "over: your player has ended");
    for n in [ALICE, CAROL] {
        let told = world.told(n);
        assert!(
            told.contains(&"left bob".to_owned()) && told.contains(&"playing".to_owned()),
            "{told:?}"
        );
        assert!(!world.player(n).paused);
    }
    assert!(world.sides[CAROL].watch.off());
    world.run(500);
    assert_eq!(
        (world.told(CAROL), world.told(ALICE)),
        (vec!["over".into()], vec!["left carol".into()])
    );
    world.sides[ALICE].watch.lose(world.now, &name(3));
    let last = ["left dave: the link is gone", "over: nobody else is there any more"];
    world.run(10);
    assert_eq!(world.told(ALICE), last);
    assert!(!world.sides[ALICE].watch.off(), "there is nothing to end");
    world.told(3);
    world.sides[3].watch.lose(world.now, &name(ALICE));
    world.run(10);
    assert_eq!(world.told(3), ["over: the link is gone"]);
}

#[test]
fn who_comes_late_is_waited_for_and_begins_where_the_others_are() {
    let mut world = World::new(3);
    world.propose(&[BOB, CAROL]);
    world.run(500);
    world.join(BOB);
    world.run(60_000);
    assert!(world.player(ALICE).position > 50_000);
    for n in 0..3 {
        world.told(n);
    }
    world.sides[CAROL].here = (3_600_000, 0);
    world.join(CAROL);
    world.run(4000);
    assert!(world.is_moving() && world.apart() <= 700, "{}", world.apart());
    assert_eq!(world.told(BOB), ["joined carol", "waiting for carol", "playing"]);
}

#[test]
fn more_are_asked_and_no_more_than_can_be() {
    let mut world = World::new(3);
    world.propose(&[BOB]);
    world.propose(&[CAROL]);
    world.run(500);
    world.join(BOB);
    world.join(CAROL);
    world.run(5000);
    assert!(world.is_moving());
    let (me, now) = (name(ALICE), world.now);
    let watch = &mut world.sides[ALICE].watch;
    assert_eq!(
        watch.propose(now, &me, WATCH, film(1), &[name(BOB)]).unwrap_err(),
        "They watch it already."
    );
    let many: Vec<Name> = (0..6).map(|n| Name::new(&format!("user{n}")).unwrap()).collect();
    let why = watch.propose(now, &me, WATCH, film(1), &many).unwrap_err();
    assert_eq!(why, "At most 8 persons can watch together.");
    assert!(watch.join(now, &me, film(1)).unwrap_err().starts_with("You watch it already"));
    let why = Watch::default().join(now, &me, film(1)).unwrap_err();
    assert_eq!(why, "Nobody wants to watch it with you: '/watch 1 NAME' proposes it.");
}

#[test]
fn a_player_that_says_nothing_is_given_up() {
    let mut world = World::new(2);
    world.propose(&[BOB]);
    world.turn(ALICE);
    let silent = || Err(Failure::Silent("it is starting".to_owned()));
    for _ in 0..19 {
        world.now += Duration::from_secs(1);
        let (_, question, _) = world.sides[ALICE].asked.take().unwrap();
        world.sides[ALICE].watch.on_player(world.now, question, silent());
        world.now += Duration::from_secs(1);
        world.turn(ALICE);
        if world.sides[ALICE].asked.is_none() {
            break;
        }
    }
    let why = "over: your player says nothing: it is starting";
    assert_eq!(world.told(ALICE).last().unwrap(), why);
    assert!(world.now >= Instant::ZERO + Duration::from_secs(20));
}

#[test]
fn a_host_who_does_not_answer_is_given_up() {
    let mut world = World::new(2);
    world.hear(BOB, ALICE, WatchStep::Invite { watch: WATCH, root: ROOT });
    world.join(BOB);
    world.run(1000);
    // She has proposed nothing.
    assert_eq!(world.told(BOB), ["invited alice", "over: alice watches it no more"]);
    world.hear(BOB, ALICE, WatchStep::Invite { watch: WATCH, root: ROOT });
    world.join(BOB);
    for _ in 0..2100 {
        world.now += Duration::from_millis(10);
        world.turn(BOB);
        world.way.clear();
    }
    assert_eq!(world.told(BOB), ["invited alice", "over: alice does not answer"]);
}

fn state(author: usize, count: u64, position_ms: u64) -> WatchState {
    let turn = Turn { count, author: name(author) };
    WatchState { watch: WATCH, turn, playing: true, position_ms, watchers: Vec::new() }
}

/// [W-128]
#[test]
fn what_is_hostile_moves_nobody_beyond_what_he_may() {
    let mut world = World::playing(2);
    let other = WatchId([8; 16]);
    let before = world.player(ALICE).position;
    for (from, step) in [
        // Who was not invited.
        (CAROL, WatchStep::Join(WATCH)),
        (CAROL, WatchStep::State(state(CAROL, 5, 900_000))),
        (CAROL, WatchStep::Ready { watch: WATCH, ready: false, position_ms: 0 }),
        (CAROL, WatchStep::Leave(WATCH)),
        // Of another one, in another name, and without an end.
        (BOB, WatchStep::State(WatchState { watch: other, ..state(BOB, 5, 900_000) })),
        (BOB, WatchStep::State(state(CAROL, 5, 900_000))),
        (BOB, WatchStep::State(state(BOB, u64::MAX, 900_000))),
        (BOB, WatchStep::Leave(other)),
    ] {
        world.hear(ALICE, from, step);
    }
    // Alice says what is played, and not bob's guests.
    world.hear(BOB, CAROL, WatchStep::State(state(CAROL, 50, 900_000)));
    world.hear(BOB, ALICE, WatchStep::Join(WATCH));
    world.hear(BOB, ALICE, WatchStep::Ready { watch: WATCH, ready: false, position_ms: 0 });
    world.run(3000);
    assert!(world.is_moving());
    assert!(world.player(ALICE).position < before + 4000);
    assert_eq!((world.told(ALICE), world.told(BOB)), (vec![], vec![]));
    // A stall far behind draws nobody back there.
    world.player(ALICE).position = 600_000;
    world.run(2500);
    world.hear(ALICE, BOB, WatchStep::Ready { watch: WATCH, ready: false, position_ms: 0 });
    world.hear(ALICE, BOB, WatchStep::Ready { watch: WATCH, ready: true, position_ms: 0 });
    world.run(2000);
    assert!(world.player(ALICE).position > 600_000);
    // Beyond every film.
    world.hear(ALICE, BOB, WatchStep::State(state(BOB, 60, MAX_POSITION)));
    let states = |world: &World| world.way.iter().filter(|(_, from, ..)| *from == ALICE).count();
    world.run(10);
    assert!(states(&world) >= 1);
    world.hear(BOB, ALICE, WatchStep::State(state(ALICE, u64::MAX, MAX_POSITION)));
    world.run(5000);
    world.player(BOB).position = 0;
    world.run(3000);
}

/// [W-128]
#[test]
fn a_flood_is_passed_over() {
    let mut world = World::playing(3);
    for count in 0..10_000 {
        let position = 1_000_000 * (count % 2);
        world.hear(ALICE, BOB, WatchStep::State(state(BOB, 1 + count, position)));
        world.hear(CAROL, BOB, WatchStep::Invite { watch: WatchId([3; 16]), root: ROOT });
        world.hear(CAROL, BOB, WatchStep::Leave(WatchId([3; 16])));
    }
    assert!(world.sides[ALICE].watch.acts.is_empty());
    world.turn(ALICE);
    world.turn(CAROL);
    let said = world.way.iter().filter(|(_, from, ..)| *from == ALICE).count();
    assert!(said <= 60, "{said} in answer to 10,000");
    assert_eq!(world.told(CAROL), ["invited bob"; 3]);
    assert!(world.told(ALICE).len() <= 20);
    // After that he may speak again, and all are together.
    world.run(5000);
    world.player(BOB).paused = true;
    world.run(2500);
    assert!(world.player(CAROL).paused && world.apart() <= 700, "{}", world.apart());
}

/// [W-124] An invitation to a film that is not here, or from too many, is none.
#[test]
fn what_is_not_here_is_no_invitation() {
    let mut watch = Watch::default();
    let invite = |n: u8| WatchStep::Invite { watch: WatchId([n; 16]), root: ROOT };
    watch.heard(Instant::ZERO, &name(ALICE), Duration::ZERO, invite(1), None);
    assert_eq!(watch.poll(), None);
    for n in 0..100 {
        let user = Name::new(&format!("user{n}")).unwrap();
        watch.heard(Instant::ZERO, &user, Duration::ZERO, invite(n), Some(film(1)));
    }
    let shown = std::iter::from_fn(|| watch.poll()).count();
    assert_eq!(shown, MAX_INVITATIONS);
}

/// [W-126] Half a round trip is what a word is old.
#[test]
fn what_is_told_is_true_half_a_round_trip_ago() {
    let mut world = World::playing(2);
    let both = [name(ALICE), name(BOB)].map(|name| Watcher { name, waited: false });
    let state = WatchState { watchers: both.to_vec(), ..state(ALICE, 9, 500_000) };
    world.hear(BOB, ALICE, WatchStep::State(state));
    let party = world.sides[BOB].watch.party.as_ref().unwrap();
    assert_eq!(party.position(world.now), 500_000 + WAY);
}
