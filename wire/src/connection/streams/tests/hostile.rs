//! What a peer may do that is allowed, mean, or against the rules (RUSTSEC-2026-0185, -0341,
//! -0339, -0523 and the like).

use proptest::prelude::*;

use super::*;

/// The configurations under which memory is measured: a peer's, and a server's with many
/// sessions.
fn configs() -> [TransportConfig; 2] {
    let small = TransportConfig {
        stream_window: 32 << 10,
        connection_window: 64 << 10,
        send_buffer: 64 << 10,
        max_streams: 4,
        ..TransportConfig::default()
    };
    [TransportConfig::default(), small]
}

/// [W-99]
#[track_caller]
fn assert_bounded(streams: &Streams) {
    let (held, most) = (streams.buffered_bytes(), 2 * streams.window.size);
    assert!(held <= most, "{held} bytes held, window {}", streams.window.size);
}

fn bulk(index: u64) -> StreamId {
    stream(Side::Initiator, Class::Bulk, index)
}

/// All streams that the other side may open.
fn all_streams(config: &TransportConfig) -> Vec<StreamId> {
    let ids = Class::ALL.into_iter().flat_map(|class| {
        (0..config.max_streams).map(move |index| stream(Side::Initiator, class, index))
    });
    ids.collect()
}

/// E01: a hundred thousand chunks of six bytes with a byte missing between any two.
#[test]
fn gapped_chunks_end_the_connection_before_they_fill_memory() {
    for config in configs() {
        let (_, mut b) = pair_with(&config);
        let ids = all_streams(&config);
        let mut outcome = Ok(());
        for chunk in 0..100_000 {
            let id = ids[chunk / 1000 % ids.len()];
            outcome = b.on_stream(id, chunk as u64 % 1000 * 7 + 1, &[1; 6], false);
            assert_bounded(&b);
            if outcome.is_err() {
                break;
            }
        }
        assert_eq!(outcome, Err(ProtocolError::TooManyGaps));
        let (_, mut b) = pair_with(&config);
        let one = (0..1_500_000).map(|chunk| b.on_stream(bulk(0), chunk * 7 + 1, &[1; 6], false));
        assert_eq!(one.last(), Some(Err(ProtocolError::FlowControl)));
    }
}

/// E01: within one stream too, descending, so that each goes to the front.
#[test]
fn gaps_in_one_stream_are_capped() {
    let (_, mut b) = pair();
    let mut chunks = (0..5000).rev().map(|chunk| b.on_stream(bulk(0), chunk * 2 + 1, b"x", false));
    assert_eq!(chunks.position(|outcome| outcome.is_err()), Some(2048));
}

/// E01: one byte at the far end, and in every stream two bytes on both sides of a page boundary;
/// then whatever the windows still allow.
#[test]
fn far_bytes_cost_a_page_each() {
    for config in configs() {
        let (_, mut b) = pair_with(&config);
        let (ids, last) = (all_streams(&config), b.settings.stated.stream_window - 1);
        b.on_stream(ids[0], last, b"x", false).unwrap();
        assert_bounded(&b);
        assert_eq!(b.pool.live, 1, "the pages before it do not exist");

        let (_, mut b) = pair_with(&config);
        for id in &ids {
            b.on_stream(*id, 0, &[1; PAGE + 1], false).unwrap();
            assert_eq!(b.read_with(*id, PAGE - 1, |_| {}), Ok(Read::More));
            assert_bounded(&b);
        }
        assert_eq!(b.pool.live, 2 * ids.len());
        for id in &ids {
            let of_stream = b.settings.stated.stream_window - (PAGE as u64 + 1);
            let part = of_stream.min(b.window.limit - b.window.received) as usize;
            b.on_stream(*id, PAGE as u64 + 1, &vec![2; part], part == 0).unwrap();
            assert_bounded(&b);
        }
        assert_eq!(b.window.limit, b.window.received);
    }
}

/// E01 [W-85]
#[test]
fn where_chunks_contradict_each_other_the_first_wins() {
    let (_, mut b) = pair();
    let id = bulk(0);
    b.on_stream(id, 2, b"cd", false).unwrap();
    b.on_stream(id, 0, b"xxxxxx", false).unwrap();
    b.on_stream(id, 0, b"yyyyyyyy", true).unwrap();
    assert_eq!(read(&mut b, id), (b"xxcdxxyy".to_vec(), Ok(Read::End)));
    b.on_stream(id, 0, b"zz", false).unwrap();
    assert_eq!(b.pool.live, 0);
    assert_eq!(read(&mut b, id), (vec![], Ok(Read::End)), "the end stays the end");
}

/// E05: a peer that allows nothing, or one byte at a time.
#[test]
fn a_window_that_stays_shut_holds_nobody_else_back() {
    let config = TransportConfig { send_buffer: 10_000, ..TransportConfig::default() };
    let shut = Limits { stream_window: 0, connection_window: 1000, max_streams: 3 };
    let mut a = Streams::new(Side::Initiator, &config, shut);
    let (slow, other) = (a.open(Class::Control).unwrap(), a.open(Class::Bulk).unwrap());
    assert_eq!(a.write(slow, &[1; 20_000]), Ok(10_000));
    assert_eq!(a.write(slow, &[1; 20_000]), Ok(0));
    assert_eq!(a.has_pending(), None);
    let before = a.buffered_bytes();
    for limit in 1..300 {
        a.on_max_stream_data(slow, limit).unwrap();
        let (_, sent) = datagram(&mut a, SPACE);
        let byte = StreamFrame::Data { id: slow, offset: limit - 1, len: 1, fin: false };
        assert_eq!(sent, [byte]);
        assert_eq!(datagram(&mut a, SPACE).1, []);
        assert!(a.buffered_bytes() < before + 100);
    }
    a.write(other, b"not held back").unwrap();
    a.on_max_stream_data(other, 100).unwrap();
    assert_eq!(streams_of(&datagram(&mut a, SPACE).1), [other]);
    // Without any credit: nothing but a bare end, which takes none.
    a.on_max_stream_data(slow, 20_000).unwrap();
    while a.sent_bytes() < 1000 {
        datagram(&mut a, SPACE);
    }
    assert_eq!(a.has_pending(), None);
    let empty = a.open(Class::Bulk).unwrap();
    a.finish(empty).unwrap();
    assert_eq!(streams_of(&datagram(&mut a, SPACE).1), [empty]);
    assert_eq!(a.has_pending(), None);
}

/// E07 [W-83]: no frame opens more streams than are allowed.
#[test]
fn far_stream_numbers_open_nothing() {
    for index in [64, 1 << 40, (1 << 59) - 1] {
        let (_, mut b) = pair();
        let (id, limit) = (bulk(index), Err(ProtocolError::StreamLimit));
        assert_eq!(b.on_stream(id, 0, b"x", false), limit);
        assert_eq!(b.on_reset(id, 0, 0), limit);
        assert_eq!(b.on_stop(id, 0), limit);
        assert_eq!(b.on_max_stream_data(id, 0), limit);
        assert_eq!((b.streams.len(), b.poll_event()), (0, None));
    }
    let (_, mut b) = pair();
    b.on_stop(bulk(63), 0).unwrap();
    assert_eq!(b.streams.len(), 64);
    assert_bounded(&b);
}

/// [W-82]
#[test]
fn frames_for_streams_that_this_side_never_opened_are_refused() {
    let (mut a, _) = pair();
    let (id, wrong) = (stream(Side::Initiator, Class::Chat, 0), Err(ProtocolError::StreamState));
    assert_eq!(a.on_stream(id, 0, b"x", false), wrong);
    assert_eq!(a.on_reset(id, 0, 0), wrong);
    assert_eq!(a.on_stop(id, 0), wrong);
    assert_eq!(a.on_max_stream_data(id, 9), wrong);
    assert_eq!(a.open(Class::Chat), Ok(id));
    assert_eq!(a.on_stream(id, 0, b"x", false), Ok(()));
    let beyond = (1 << 59) + 1;
    assert_eq!(a.on_max_streams(Class::Chat, beyond), Err(ProtocolError::StreamLimit));
}

/// E02 [W-97]: everything that a peer can make this side want to say, over and over, without ever
/// acknowledging.
#[test]
fn provoked_answers_do_not_pile_up() {
    let (_, mut b) = pair();
    let mut high = 0;
    for round in 0..5000_u64 {
        let id = bulk(round % 64);
        let _ = b.on_stop(id, 1);
        let _ = b.on_stream(id, round / 64, b"x", false);
        let _ = b.read_with(id, 1, |_| {});
        b.stop(id, 2);
        let _ = b.on_max_stream_data(id, round);
        b.on_lost(StreamFrame::MaxData);
        b.on_lost(StreamFrame::MaxStreamData(id));
        b.on_lost(StreamFrame::Reset(id));
        b.on_lost(StreamFrame::MaxStreams(Class::Chat));
        b.poll_event();
        let (_, sent) = datagram(&mut b, 100_000);
        high = high.max(sent.len());
    }
    assert!(high <= 1 + 3 + 2 * 64, "{high}");
    assert!(b.events.len() <= 64 * 5);
    assert_bounded(&b);
}

/// [W-81] Frames that come late, for streams long forgotten.
#[test]
fn late_frames_for_ended_streams_are_ignored() {
    let (mut a, mut b) = pair();
    let id = a.open(Class::Chat).unwrap();
    a.finish(id).unwrap();
    exchange(&mut a, &mut b);
    b.finish(id).unwrap();
    read(&mut b, id).1.unwrap();
    exchange(&mut a, &mut b);
    assert!(b.streams.is_empty());
    events(&mut b);
    b.on_stream(id, 0, &[1; 1000], false).unwrap();
    b.on_reset(id, 3, 77).unwrap();
    b.on_stop(id, 3).unwrap();
    b.on_max_stream_data(id, 3).unwrap();
    b.on_acked(StreamFrame::Data { id, offset: 0, len: 5, fin: true });
    b.on_lost(StreamFrame::Data { id, offset: 0, len: 5, fin: true });
    b.stop(id, 1);
    b.reset(id, 1);
    assert_eq!((b.poll_event(), b.has_pending(), b.streams.len()), (None, None, 0));
}

#[derive(Clone, Debug)]
enum Act {
    Data { stream: u64, offset: u64, len: usize, fill: u8, fin: bool },
    Reset { stream: u64, size: u64 },
    Read { stream: u64, max: usize },
    Stop { stream: u64 },
    Update,
}

fn act() -> impl Strategy<Value = Act> {
    let stream = 0u64..5;
    let len = prop_oneof![1usize..4, 1usize..3000];
    let offset = prop_oneof![0u64..70_000, 0u64..3000, Just((1 << 62) - 4000)];
    prop_oneof![
        20 => (stream.clone(), offset, len, any::<u8>(), prop::bool::weighted(0.02)).prop_map(
            |(stream, offset, len, fill, fin)| Act::Data { stream, offset, len, fill, fin }
        ),
        1 => (stream.clone(), 0u64..70_000).prop_map(|(stream, size)| Act::Reset { stream, size }),
        8 => (stream.clone(), 0usize..9000).prop_map(|(stream, max)| Act::Read { stream, max }),
        1 => stream.prop_map(|stream| Act::Stop { stream }),
        4 => Just(Act::Update),
    ]
}

proptest! {
    /// E01: whatever arrives, what is read is what came first, and memory stays bounded. A refused
    /// frame changes nothing here, so that the search goes on.
    #[test]
    fn any_frames_leave_memory_bounded_and_the_first_bytes_in_place(
        acts in prop::collection::vec(act(), 1..300),
        which in 0usize..2,
    ) {
        let (_, mut b) = pair_with(&configs()[which]);
        let mut first: BTreeMap<(u64, u64), u8> = BTreeMap::new();
        let mut at = BTreeMap::new();
        for act in acts {
            match act {
                Act::Data { stream, offset, len, fill, fin } => {
                    let data = vec![fill; len];
                    if b.on_stream(bulk(stream), offset, &data, fin).is_ok() {
                        for byte in offset..offset + len as u64 {
                            first.entry((stream, byte)).or_insert(fill);
                        }
                    }
                }
                Act::Reset { stream, size } => drop(b.on_reset(bulk(stream), 1, size)),
                Act::Read { stream, max } => {
                    let mut out = Vec::new();
                    let _ = b.read_with(bulk(stream), max, |part| out.extend_from_slice(part));
                    let at = at.entry(stream).or_insert(0);
                    for byte in out {
                        prop_assert_eq!(Some(&byte), first.get(&(stream, *at)));
                        *at += 1;
                    }
                }
                Act::Stop { stream } => b.stop(bulk(stream), 1),
                Act::Update => drop(datagram(&mut b, SPACE)),
            }
            assert_bounded(&b);
            let unread: u64 = b.streams.values().map(|stream| {
                stream.recv.window().received - stream.recv.window().consumed
            }).sum();
            prop_assert_eq!(unread, b.window.received - b.window.consumed);
            let ranges: usize = b.streams.values().map(|stream| stream.recv.ranges()).sum();
            prop_assert_eq!(ranges, b.ranges);
        }
    }
}
