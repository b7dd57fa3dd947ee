//! A peer that was properly introduced, and then keeps to no rules.

use std::net::SocketAddr;

use proptest::prelude::*;
use wire::app::framing::{Deframer, encode};
use wire::app::identity::Identity;
use wire::app::name::Name;
use wire::app::peer::{Chat, Control, Text, TextKind, TextRef, TransferId};
use wire::app::pin::MAX_POSITION;
use wire::app::server::{Introduction, LABEL, Notice};
use wire::app::watch::{WatchId, WatchStep};
use wire::{
    Accept, Call, CallTag, Class, Config, ConnectionHandle, Endpoint, Event, PublicKey, Secret,
    Seed, Side, StaticKey, StreamId, TransportConfig,
};

use super::world::{Stranger, World};
use crate::app::{Attention, Switch};
use crate::output::Output;

pub(super) struct Attack {
    pub(super) world: World,
    handle: ConnectionHandle,
    calls: u8,
}

impl Attack {
    /// Alice, and Mallory with a link to her.
    pub(super) fn new() -> Self {
        Self::on(World::logged_in(1))
    }

    /// The same with an Alice whom strangers only ask.
    pub(super) fn asked() -> Self {
        Self::on(World::asking(1))
    }

    fn on(mut world: World) -> Self {
        let static_key = StaticKey::from_private([66; 32]);
        let config = Config {
            static_key,
            token_secret: [0; 32],
            token_epoch: 0,
            label: LABEL,
            accept: Accept::Announced,
            transport: TransportConfig::default(),
        };
        world.stranger = Some(Stranger {
            address: ([10, 0, 9, 9], 6666).into(),
            endpoint: Endpoint::new(config, &Seed::new([66; 32])),
        });
        let handle = Self::call(&mut world, 1);
        Self { world, handle, calls: 1 }
    }

    fn call(world: &mut World, number: u8) -> ConnectionHandle {
        let alice = Name::new("alice").unwrap();
        let mallory = Identity::from_secret(&[66; 32]);
        let account = &world.server.accounts[&alice];
        let (identity, certificate) = (account.identity.unwrap(), account.certificate.unwrap());
        let stranger = world.stranger.as_mut().unwrap();
        let told = introduction(number, vec![stranger.address]);
        let own = Introduction { identity, initiator: true, ..told.clone() };
        let call = Call {
            tag: told.tag,
            side: Side::Initiator,
            secret: told.secret.clone(),
            remote_static: certificate.device,
            prologue: own.prologue(mallory.public()),
            candidates: vec![([10, 0, 1, 0], 6000).into()],
            observed: None,
            relay: None,
        };
        world.server.notify(&alice, Notice::Introduction(told));
        world.run_ms(50);
        let now = world.now;
        let handle = world.stranger.as_mut().unwrap().endpoint.call(now, call);
        world.run_ms(500);
        world.seen(0);
        // A stranger's link is told to nobody.
        assert!(world.app(0).connections().iter().any(|line| line.user.is_some()));
        handle
    }

    fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.world.stranger.as_mut().unwrap().endpoint
    }

    pub(super) fn open(&mut self, class: Class) -> StreamId {
        let handle = self.handle;
        self.endpoint().open(handle, class).unwrap()
    }

    pub(super) fn write(&mut self, stream: StreamId, bytes: &[u8]) {
        let handle = self.handle;
        // The other side may have ended it by now.
        let _ = self.endpoint().write(handle, stream, bytes);
        self.world.run_ms(100);
    }

    /// The first message of Alice's to Mallory.
    fn heard(&mut self) -> Text {
        let handle = self.handle;
        let endpoint = self.endpoint();
        let is_chat = |stream: &StreamId| stream.class() == Class::Chat;
        let opened = core::iter::from_fn(|| endpoint.poll_event()).find_map(|(_, event)| {
            let Event::Opened(stream) = event else { return None };
            Some(stream).filter(is_chat)
        });
        let stream = opened.expect("Alice opened one");
        let mut deframer = Deframer::default();
        self.endpoint().read(handle, stream, 4096, deframer.buffer()).unwrap();
        match deframer.next() {
            Ok(Some(Chat::Text(text))) => text,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the link is closed; then calls again.
    pub(super) fn is_out(&mut self) -> bool {
        let closed = core::iter::from_fn(|| self.endpoint().poll_event())
            .any(|(_, event)| matches!(event, Event::Closed(_)));
        if closed {
            self.calls += 1;
            self.handle = Self::call(&mut self.world, self.calls);
        }
        closed
    }
}

/// Mallory, as the server introduces her to Alice.
fn introduction(number: u8, candidates: Vec<SocketAddr>) -> Introduction {
    let mallory = Identity::from_secret(&[66; 32]);
    let device = StaticKey::from_private([66; 32]).public();
    Introduction {
        name: Name::new("mallory").unwrap(),
        identity: mallory.public(),
        certificate: mallory.certify("mallory", device, 1),
        tag: CallTag([number; 8]),
        call_id: [number; 16],
        secret: Secret::new([number; 32]),
        initiator: false,
        candidates,
        relay: None,
    }
}

fn text(sequence: u64, after: u64, nonce: u8, body: &str) -> Vec<u8> {
    of_kind(sequence, after, nonce, body, TextKind::Plain)
}

fn of_kind(sequence: u64, after: u64, nonce: u8, body: &str, kind: TextKind) -> Vec<u8> {
    let (nonce, body) = ([nonce; 16], body.to_owned());
    encode(&Chat::Text(Text { sequence, after, nonce, sent: 1, body, kind }))
}

#[test]
fn who_breaks_the_rules_is_out_and_nobody_is_hurt() {
    let mut attack = Attack::new();
    let long = text(1, 0, 1, &"x".repeat((64 << 10) + 1));
    let of = TextRef { device: mallorys_device(), sequence: 1, nonce: [1; 16] };
    let loud = of_kind(2, 1, 2, "a text to be hidden", TextKind::Unsend { of });
    let garbage: &[(Class, &[u8])] = &[
        (Class::Chat, &loud),
        (Class::Chat, &[0xff; 64]),
        (Class::Chat, &[0, 0, 0, 3, 1, 0, 1]),
        (Class::Control, &[0, 0, 0, 0]),
        (Class::Control, &[0, 0, 0, 2, 7, 7]),
        (Class::Chat, &long),
        (Class::Chat, &text(5, 5, 1, "comes after itself")),
        (Class::Chat, &text(0, 0, 1, "before the first")),
    ];
    for (class, bytes) in garbage {
        let stream = attack.open(*class);
        attack.write(stream, bytes);
        assert!(attack.is_out(), "{class:?} {:?}", &bytes[..bytes.len().min(16)]);
    }
    for class in [Class::Chat, Class::Control] {
        for _ in 0..2 {
            let stream = attack.open(class);
            attack.write(stream, &[0]);
        }
        assert!(attack.is_out(), "two streams of one kind");
        let stream = attack.open(class);
        let handle = attack.handle;
        attack.endpoint().finish(handle, stream).unwrap();
        attack.world.run_ms(100);
        assert!(attack.is_out(), "an end that must not be");
    }
    let stream = attack.open(Class::Chat);
    attack.write(stream, &text(1, 0, 1, "hello"));
    assert_eq!(attack.world.texts(0), ["hello"], "an honest message still arrives");
}

/// Security acceptance F01: a lying server, or one that was lied to, cannot make a client send to
/// a crowd, to the client's own machine or to the server itself, in any spelling.
#[test]
fn only_what_may_be_a_peer_is_probed() {
    let alice = Name::new("alice").unwrap();
    let (refused, victim) = (
        [
            "10.0.0.1:5000",
            "[::ffff:10.0.0.1]:5000",
            "127.0.0.1:4000",
            "127.9.9.9:4000",
            "[::1]:4000",
            "[::ffff:127.0.0.1]:4000",
            "224.0.0.1:4000",
            "[ff02::1]:4000",
            "[::ffff:239.1.1.1]:4000",
            "255.255.255.255:4000",
            "[::ffff:255.255.255.255]:4000",
            "0.0.0.0:4000",
            "[::]:4000",
            "10.0.7.7:0",
            "10.0.7.7:53",
        ],
        "10.0.7.7:4000".parse().unwrap(),
    );
    for (number, refused) in (1..).zip(refused) {
        let mut world = World::logged_in(1);
        let candidates = vec![refused.parse().unwrap(), victim];
        world.server.notify(&alice, Notice::Introduction(introduction(number, candidates)));
        world.run_ms(30_000);
        assert!(!world.probed.is_empty() && world.probed.len() <= 10, "{:?}", world.probed);
        assert!(world.probed.iter().all(|to| *to == victim), "{refused}: {:?}", world.probed);
    }
}

fn mallorys_device() -> PublicKey {
    StaticKey::from_private([66; 32]).public()
}

/// Security acceptance G01, G10: whoever can name another's message can change only her own.
#[test]
fn only_the_author_changes_a_message() {
    let mut attack = Attack::new();
    let stream = attack.open(Class::Chat);
    attack.world.line(0, "@mallory mine");
    attack.write(stream, &text(1, 0, 1, "hers"));
    let alice = Name::new("alice").unwrap();
    let device = attack.world.server.accounts[&alice].certificate.unwrap().device;
    let of = TextRef { device, sequence: 1, nonce: attack.heard().nonce };
    attack.world.seen(0);
    attack.write(stream, &of_kind(2, 1, 2, "forged", TextKind::Edit { of }));
    attack.write(stream, &of_kind(3, 2, 3, "", TextKind::Unsend { of }));
    // A thousand edits of nothing, and of an edit, are as many lines at most.
    for n in 4..20 {
        let of = TextRef { device: mallorys_device(), sequence: n - 1, nonce: [n as u8 - 1; 16] };
        attack.write(stream, &of_kind(n, n - 1, n as u8, "of nothing", TextKind::Edit { of }));
    }
    let seen = attack.world.seen(0);
    assert!(!seen.iter().any(|o| matches!(o, Output::Error { .. })), "{seen:?}");
    attack.world.line(0, "/history mallory");
    let Some(Output::History { lines, .. }) = attack.world.seen(0).pop() else { panic!() };
    let mine = lines.iter().find(|line| line.id == Some(1)).expect("it is there");
    assert_eq!((mine.text.as_str(), mine.edited, mine.taken_back), ("mine", false, false));
}

/// Security acceptance G01, G02, G10.
#[test]
fn one_number_one_message() {
    let mut attack = Attack::new();
    let stream = attack.open(Class::Chat);
    attack.write(stream, &text(1, 0, 1, "first"));
    attack.write(stream, &text(1, 0, 1, "first"));
    assert_eq!(attack.world.texts(0), ["first"]);
    attack.write(stream, &text(1, 0, 2, "second under the same number"));
    attack.write(stream, &text(1, 0, 1, "other text, same nonce"));
    let seen = attack.world.seen(0);
    assert_eq!(seen.iter().filter(|o| matches!(o, Output::Message { .. })).count(), 0);
    assert!(seen.iter().any(|o| matches!(o, Output::Error { .. })));
    // Receipts for messages that were never sent, or to somebody else.
    attack.world.line(0, "@bob-who-is-away hi");
    for sequence in [0, 1, u64::MAX] {
        attack.write(stream, &encode(&Chat::Received { sequence, nonce: [0; 16] }));
        attack.write(stream, &encode(&Chat::Refused { sequence, nonce: [0; 16] }));
    }
    attack.write(stream, &text(9, 7, 9, "much later"));
    let seen = attack.world.seen(0);
    assert!(matches!(seen.last(), Some(Output::Message { gap: true, .. })), "{seen:?}");
}

/// [W-103] [W-105] Marks of what was never said, and notices as fast as they go.
#[test]
fn attention_is_believed_within_reason() {
    let mut attack = Attack::new();
    let on = Attention { typing: Switch::On, read_marks: Switch::On };
    attack.world.app(0).set_attention(on);
    attack.world.line(0, "@mallory hello");
    attack.world.run_ms(500);
    let Text { sequence, nonce, .. } = attack.heard();
    let stream = attack.open(Class::Chat);
    let mut marks = |marks: &[(u64, [u8; 16])]| {
        for (sequence, nonce) in marks {
            attack.write(stream, &encode(&Chat::Read { sequence: *sequence, nonce: *nonce }));
        }
        let told = attack.world.seen(0).into_iter().filter_map(|output| match output {
            Output::MessageState { id, state: "read", .. } => Some(id),
            _ => None,
        });
        told.collect::<Vec<u64>>()
    };
    let never = [(0, nonce), (u64::MAX, nonce), (sequence + 1, nonce), (sequence, [0; 16])];
    assert_eq!(marks(&never), Vec::<u64>::new());
    assert_eq!(marks(&[(sequence, nonce), (sequence, nonce), (0, nonce)]), [sequence]);
    attack.write(stream, &encode(&Chat::Typing).repeat(5000));
    attack.world.run_ms(2500);
    let is_typing = |output: &Output| matches!(output, Output::Typing { .. });
    assert_eq!(attack.world.seen(0).into_iter().filter(is_typing).count(), 1);
    assert!(!attack.is_out(), "it is no fault to say it");
}

/// [W-128]
#[test]
fn a_step_of_watching_that_cannot_be_ends_the_link() {
    let mut attack = Attack::new();
    let stream = attack.open(Class::Control);
    let watch = WatchId([7; 16]);
    let step = WatchStep::Invite { watch, root: [9; 32] };
    attack.write(stream, &encode(&Control::Watch(step)).repeat(1000));
    assert!(!attack.is_out(), "of a film that is not here");
    let step = WatchStep::Ready { watch, ready: true, position_ms: MAX_POSITION + 1 };
    attack.write(stream, &encode(&Control::Watch(step)));
    assert!(attack.is_out());
    let seen = attack.world.seen(0);
    assert!(!seen.iter().any(|output| matches!(output, Output::Watch { .. })), "{seen:?}");
}

#[test]
fn who_never_listens_cannot_fill_the_memory() {
    let mut attack = Attack::new();
    let stream = attack.open(Class::Control);
    let nonsense: Vec<u8> =
        (0..50u8).flat_map(|n| encode(&Control::Accept(TransferId([n; 16])))).collect();
    for _ in 0..200 {
        attack.write(stream, &nonsense);
    }
    let held = attack.world.app(0).buffered_bytes();
    assert!(held < 4 << 20, "{held}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes_on_any_stream(parts in prop::collection::vec((0..3usize, any::<Vec<u8>>()), 1..8)) {
        let mut attack = Attack::new();
        for (class, bytes) in parts {
            let handle = attack.handle;
            if let Ok(stream) = attack.endpoint().open(handle, Class::ALL[class]) {
                attack.write(stream, &bytes);
            }
        }
        attack.world.line(0, "/outbox");
        let answers = matches!(attack.world.seen(0).last(), Some(Output::Outbox { .. }));
        prop_assert!(answers);
    }
}
