//! Two `Streams` joined by nothing but frames.

mod hostile;
mod model;

use super::*;
use crate::codec::Reader;
use crate::frame::Frame;

const SPACE: usize = 1160;

fn pair_with(config: &TransportConfig) -> (Streams, Streams) {
    let limits = Limits::stated(config);
    (Streams::new(Side::Initiator, config, limits), Streams::new(Side::Responder, config, limits))
}

fn pair() -> (Streams, Streams) {
    pair_with(&TransportConfig::default())
}

fn stream(opener: Side, class: Class, index: u64) -> StreamId {
    StreamId::new(opener, class, index).unwrap()
}

/// The frames of one datagram, and the record of them.
fn datagram(from: &mut Streams, space: usize) -> (Vec<u8>, Vec<StreamFrame>) {
    let (mut out, mut sent) = (vec![0xaa; 16], Vec::new());
    let pending = from.has_pending();
    from.write_frames(&mut out, space, &mut sent);
    let bytes = out.split_off(16);
    assert_eq!(out, [0xaa; 16], "what was there before stays");
    assert!(bytes.len() <= space);
    assert_eq!(bytes.is_empty(), sent.is_empty());
    if space >= 64 {
        assert_eq!(pending.is_some(), !sent.is_empty(), "has_pending tells the truth");
    }
    (bytes, sent)
}

fn deliver(to: &mut Streams, datagram: &[u8]) -> Result<(), ProtocolError> {
    let mut reader = Reader::new(datagram);
    while !reader.is_empty() {
        match Frame::parse(&mut reader).unwrap() {
            Frame::Stream { id, offset, data, fin } => to.on_stream(id, offset, data, fin)?,
            Frame::ResetStream { id, code, final_size } => to.on_reset(id, code, final_size)?,
            Frame::StopSending { id, code } => to.on_stop(id, code)?,
            Frame::MaxData(max) => to.on_max_data(max)?,
            Frame::MaxStreamData { id, max } => to.on_max_stream_data(id, max)?,
            Frame::MaxStreams { class, max } => to.on_max_streams(class, max)?,
            other => panic!("streams do not send {other:?}"),
        }
    }
    Ok(())
}

/// One datagram across, acknowledged at once. `false` when there was none.
fn send_one(from: &mut Streams, to: &mut Streams) -> bool {
    let (bytes, sent) = datagram(from, SPACE);
    deliver(to, &bytes).unwrap();
    sent.iter().for_each(|frame| from.on_acked(*frame));
    !sent.is_empty()
}

fn exchange(a: &mut Streams, b: &mut Streams) {
    while send_one(a, b) | send_one(b, a) {}
}

fn events(streams: &mut Streams) -> Vec<Event> {
    std::iter::from_fn(|| streams.poll_event()).collect()
}

fn read(streams: &mut Streams, id: StreamId) -> (Vec<u8>, Result<Read, ReadError>) {
    let mut out = Vec::new();
    let left = streams.read_with(id, usize::MAX, |part| out.extend_from_slice(part));
    (out, left)
}

/// Which streams the frames of a datagram are for, in order.
fn streams_of(sent: &[StreamFrame]) -> Vec<StreamId> {
    let data = sent.iter().map(|frame| match *frame {
        StreamFrame::Data { id, .. } => id,
        other => panic!("{other:?}"),
    });
    data.collect()
}

/// [W-94]
#[test]
fn bytes_and_the_end_arrive_and_both_sides_forget() {
    let (mut a, mut b) = pair();
    let id = a.open(Class::Chat).unwrap();
    assert_eq!(a.write(id, b"hello"), Ok(5));
    exchange(&mut a, &mut b);
    assert_eq!(events(&mut b), [Event::Opened(id), Event::Readable(id)]);
    let mut out = b"before ".to_vec();
    assert_eq!(b.read_with(id, 3, |part| out.extend_from_slice(part)), Ok(Read::More));
    assert_eq!(b.read_with(id, 3, |part| out.extend_from_slice(part)), Ok(Read::Blocked));
    assert_eq!(out, b"before hello");
    a.finish(id).unwrap();
    assert_eq!(a.finish(id), Err(WriteError::Finished));
    assert_eq!(a.write(id, b"more"), Err(WriteError::Finished));
    b.write(id, b"answer").unwrap();
    b.finish(id).unwrap();
    exchange(&mut a, &mut b);
    assert_eq!(events(&mut b), [Event::Readable(id), Event::Finished(id)]);
    assert_eq!(events(&mut a), [Event::Finished(id), Event::Readable(id)]);
    assert_eq!(read(&mut a, id), (b"answer".to_vec(), Ok(Read::End)));
    assert_eq!(read(&mut b, id), (vec![], Ok(Read::End)));
    for streams in [&mut a, &mut b] {
        assert!(streams.streams.is_empty());
        assert_eq!(streams.write(id, b"x"), Err(WriteError::NoStream(id)));
        assert_eq!(
            streams.read_with(id, 1, |part| out.extend_from_slice(part)),
            Err(ReadError::NoStream(id))
        );
        assert_eq!(streams.finish(id), Err(WriteError::NoStream(id)));
        assert_eq!((streams.writable(id), streams.has_pending()), (0, None));
        streams.set_rtt(Instant::from_micros(5_000_000), Duration::ZERO);
        streams.set_rtt(Instant::from_micros(6_000_000), Duration::ZERO);
        assert_eq!(streams.buffered_bytes(), 0);
    }
}

/// [W-83] [W-84]
#[test]
fn streams_are_limited_and_come_free_by_ending() {
    let config = TransportConfig { max_streams: 2, ..TransportConfig::default() };
    let (mut a, mut b) = pair_with(&config);
    let first = a.open(Class::Bulk).unwrap();
    let second = a.open(Class::Bulk).unwrap();
    assert_eq!(a.open(Class::Bulk), Err(OpenError::Limit));
    assert_eq!(a.open(Class::Chat).unwrap().index(), 0, "each class has its own");
    // The second is heard of first: the one before it is opened with it.
    a.write(second, b"x").unwrap();
    exchange(&mut a, &mut b);
    assert_eq!(
        events(&mut b),
        [Event::Opened(first), Event::Opened(second), Event::Readable(second)]
    );
    for streams in [&mut a, &mut b] {
        streams.finish(second).unwrap();
    }
    exchange(&mut a, &mut b);
    assert_eq!(a.open(Class::Bulk), Err(OpenError::Limit), "the end is not yet read");
    assert_eq!(read(&mut b, second).1, Ok(Read::End));
    exchange(&mut a, &mut b);
    assert_eq!(a.open(Class::Bulk).map(StreamId::index), Ok(2));
    assert_eq!(a.open(Class::Bulk), Err(OpenError::Limit));
}

/// [W-90] Told once, when a quarter of the buffer is free.
#[test]
fn a_writer_that_found_no_room_is_told_when_there_is() {
    let config = TransportConfig { send_buffer: 8000, ..TransportConfig::default() };
    let (mut a, mut b) = pair_with(&config);
    let id = a.open(Class::Bulk).unwrap();
    assert_eq!(a.writable(id), 8000);
    assert_eq!(a.write(id, &[1; 8000]), Ok(8000));
    assert_eq!(a.write(id, b""), Ok(0));
    send_one(&mut a, &mut b);
    send_one(&mut a, &mut b);
    assert_eq!(events(&mut a), [], "nobody asked");
    let room = a.writable(id);
    assert!((2000..2400).contains(&room));
    assert_eq!(a.write(id, &[2; 8000]), Ok(room));
    send_one(&mut a, &mut b);
    assert_eq!(events(&mut a), [], "not a quarter");
    send_one(&mut a, &mut b);
    assert_eq!(events(&mut a), [Event::Writable(id)]);
    exchange(&mut a, &mut b);
    assert_eq!(events(&mut a), []);
}

/// [W-91]
#[test]
fn what_is_lost_is_sent_again_first_and_only_if_nothing_else_brought_it() {
    let (mut a, _) = pair();
    let id = a.open(Class::Bulk).unwrap();
    a.write(id, &[7; 5000]).unwrap();
    let (_, first) = datagram(&mut a, 500);
    let (_, second) = datagram(&mut a, 500);
    a.on_lost(first[0]);
    assert_eq!(datagram(&mut a, 500).1, first, "before what is new");
    a.on_lost(second[0]);
    a.on_acked(second[0]);
    a.on_lost(first[0]);
    a.on_acked(first[0]);
    let sent_before = a.sent_bytes();
    let StreamFrame::Data { offset, .. } = datagram(&mut a, 500).1[0] else { panic!() };
    assert_eq!(offset, sent_before, "both arrived late after all");
    let StreamFrame::Data { len, .. } = first[0] else { panic!() };
    assert_eq!(a.retransmitted_bytes(), u64::from(len));
}

#[test]
fn what_follows_is_told_with_what_was_before() {
    let [id, other] = [0, 1].map(|index| stream(Side::Initiator, Class::Bulk, index));
    let data = |id, offset, len, fin| StreamFrame::Data { id, offset, len, fin };
    let first = data(id, 100, 20, false);
    assert_eq!(first.join(data(id, 120, 5, false)), Some(data(id, 100, 25, false)));
    assert_eq!(first.join(data(id, 120, 0, true)), Some(data(id, 100, 20, true)));
    assert_eq!(data(id, 100, 20, true).join(data(id, 120, 5, false)), None);
    for apart in [
        data(id, 119, 5, false),
        data(id, 121, 5, false),
        data(other, 120, 5, false),
        data(id, 120, u32::MAX, false),
        StreamFrame::Reset(id),
    ] {
        assert_eq!(first.join(apart), None);
        assert_eq!(apart.join(first), None);
    }
}

#[test]
fn a_lost_end_is_told_again_with_or_without_bytes() {
    let (mut a, _) = pair();
    let id = a.open(Class::Bulk).unwrap();
    a.write(id, b"bytes").unwrap();
    let (_, bytes) = datagram(&mut a, SPACE);
    a.finish(id).unwrap();
    let (_, end) = datagram(&mut a, SPACE);
    assert_eq!(end, [StreamFrame::Data { id, offset: 5, len: 0, fin: true }]);
    a.on_lost(end[0]);
    assert_eq!(datagram(&mut a, SPACE).1, end);
    a.on_lost(bytes[0]);
    a.on_lost(end[0]);
    let (_, both) = datagram(&mut a, SPACE);
    assert_eq!(both, [StreamFrame::Data { id, offset: 0, len: 5, fin: true }]);
    assert_eq!(a.has_pending(), None);
    a.on_acked(end[0]);
    assert_eq!(events(&mut a), [], "the bytes are missing");
    a.on_acked(both[0]);
    assert_eq!(events(&mut a), [Event::Finished(id)]);
}

/// [W-92]
#[test]
fn a_reset_discards_frees_credit_and_is_told_once() {
    let (mut a, mut b) = pair();
    let id = a.open(Class::Bulk).unwrap();
    a.write(id, &[1; 3000]).unwrap();
    let (_, lost) = datagram(&mut a, SPACE);
    assert!(send_one(&mut a, &mut b));
    a.reset(id, 9);
    a.on_lost(lost[0]);
    let (bytes, sent) = datagram(&mut a, SPACE);
    assert_eq!(sent, [StreamFrame::Reset(id)], "nothing else is sent any more");
    a.on_lost(sent[0]);
    assert_eq!(datagram(&mut a, SPACE).0, bytes);
    deliver(&mut b, &bytes).unwrap();
    deliver(&mut b, &bytes).unwrap();
    assert_eq!(events(&mut b), [Event::Opened(id), Event::Readable(id)]);
    assert_eq!(b.window.consumed, a.sent_bytes());
    assert_eq!(read(&mut b, id), (vec![], Err(ReadError::Reset(9))));
    assert_eq!(read(&mut b, id), (vec![], Err(ReadError::NoStream(id))));
    a.on_acked(sent[0]);
    assert_eq!(a.write(id, b"x"), Err(WriteError::Finished));
}

#[test]
fn a_reset_after_everything_arrived_changes_nothing() {
    let (mut a, mut b) = pair();
    let id = a.open(Class::Bulk).unwrap();
    a.write(id, b"all of it").unwrap();
    a.finish(id).unwrap();
    let (bytes, _) = datagram(&mut a, SPACE);
    deliver(&mut b, &bytes).unwrap();
    a.reset(id, 1);
    exchange(&mut a, &mut b);
    assert_eq!(read(&mut b, id), (b"all of it".to_vec(), Ok(Read::End)));
}

/// [W-93]
#[test]
fn a_reader_that_stops_is_answered_with_a_reset() {
    let (mut a, mut b) = pair();
    let id = a.open(Class::Bulk).unwrap();
    a.write(id, &[1; 100_000]).unwrap();
    send_one(&mut a, &mut b);
    b.stop(id, 5);
    assert_eq!(read(&mut b, id).1, Err(ReadError::NoStream(id)));
    send_one(&mut a, &mut b);
    let (bytes, sent) = datagram(&mut b, SPACE);
    assert_eq!(sent, [StreamFrame::Stop(id)]);
    b.on_lost(sent[0]);
    assert_eq!(datagram(&mut b, SPACE).0, bytes);
    deliver(&mut a, &bytes).unwrap();
    deliver(&mut a, &bytes).unwrap();
    assert_eq!(events(&mut a), [Event::Stopped(id, 5)]);
    assert_eq!(a.write(id, b"x"), Err(WriteError::Stopped(5)));
    assert_eq!(a.finish(id), Err(WriteError::Stopped(5)));
    assert_eq!((a.writable(id), a.pool.live), (0, 0));
    let late = datagram(&mut a, SPACE);
    assert_eq!(late.1, [StreamFrame::Reset(id)]);
    deliver(&mut b, &late.0).unwrap();
    b.on_lost(sent[0]);
    assert_eq!(b.has_pending(), None, "the final size is known");
    assert_eq!(b.window.consumed, b.window.received);
    assert_eq!(b.window.received, a.sent_bytes());
    assert_eq!(events(&mut b)[2..], [], "nothing to read");
    b.finish(id).unwrap();
    a.on_acked(late.1[0]);
    exchange(&mut a, &mut b);
    assert_eq!(read(&mut a, id).1, Ok(Read::End));
    assert!(a.streams.is_empty() && b.streams.is_empty());
}

/// [W-86] RFC 9000 section 4.5
#[test]
fn the_final_size_never_changes() {
    let id = stream(Side::Initiator, Class::Bulk, 0);
    let wrong = Err(ProtocolError::FinalSize);
    let fresh = || pair().1;
    let mut b = fresh();
    b.on_stream(id, 5, b"12345", true).unwrap();
    assert_eq!(b.on_stream(id, 10, b"6", false), wrong, "beyond the end");
    assert_eq!(b.on_stream(id, 0, b"1", true), wrong, "another end");
    assert_eq!(b.on_reset(id, 0, 9), wrong);
    assert_eq!(b.on_reset(id, 0, 11), wrong);
    assert_eq!(b.on_stream(id, 5, b"12345", true), Ok(()), "the same again");
    assert_eq!(b.on_stream(id, 0, b"12345", false), Ok(()));
    assert_eq!(read(&mut b, id).1, Ok(Read::End));
    assert_eq!(b.on_stream(id, 11, b"", true), wrong, "also after it was read");
    let mut b = fresh();
    b.on_stream(id, 5, b"12345", false).unwrap();
    assert_eq!(b.on_stream(id, 9, b"", true), wrong, "before what has arrived");
    assert_eq!(b.on_reset(id, 0, 9), wrong);
    b.on_reset(id, 0, 12).unwrap();
    assert_eq!(b.on_stream(id, 12, b"x", false), wrong);
}

/// [W-87] [W-88] RFC 9000 section 4.1
#[test]
fn nobody_sends_beyond_stream_or_connection_window() {
    let config = TransportConfig {
        stream_window: 1000,
        connection_window: 1500,
        ..TransportConfig::default()
    };
    let beyond = Err(ProtocolError::FlowControl);
    let (mut a, mut b) = pair_with(&config);
    let (one, two) = (a.open(Class::Chat).unwrap(), a.open(Class::Chat).unwrap());
    assert_eq!(b.on_stream(one, 1000, b"x", false), beyond);
    assert_eq!(b.on_reset(one, 0, 1001), beyond);
    b.on_stream(two, 900, b"", true).unwrap();
    assert_eq!(b.on_stream(one, 600, b"x", false), beyond, "1501 in all");
    assert_eq!(b.on_reset(one, 0, 601), beyond);
    assert_eq!(b.on_stream(one, 599, b"x", false), Ok(()));
    for id in [one, two] {
        assert_eq!(a.write(id, &[3; 2000]), Ok(2000));
    }
    while !datagram(&mut a, 700).1.is_empty() {}
    assert_eq!(a.sent_bytes(), 1500);
    assert_eq!(a.has_pending(), None);
    a.on_max_data(1400).unwrap();
    assert_eq!(a.has_pending(), None, "limits never fall");
    a.on_max_data(9000).unwrap();
    while !datagram(&mut a, 700).1.is_empty() {}
    assert_eq!(a.sent_bytes(), 2000, "each stream has its own limit");
    a.on_max_stream_data(one, 1001).unwrap();
    assert_eq!(a.has_pending(), Some(Class::Chat));
}

/// [W-89] [W-97] A reader that keeps up is never what holds a transfer back: windows grow to what is
/// configured. A lost update is repeated.
#[test]
fn windows_move_with_the_reader_and_grow() {
    let (mut a, mut b) = pair();
    let id = a.open(Class::Bulk).unwrap();
    let (mut got, mut wrote) = (0, 0);
    let rtt = Duration::from_millis(50);
    let mut now = Instant::from_micros(1_000_000);
    for _round in 0..60 {
        now += rtt;
        for streams in [&mut a, &mut b] {
            streams.set_rtt(now, rtt);
        }
        wrote += a.write(id, &[5; 4 << 20]).unwrap();
        while send_one(&mut a, &mut b) {
            wrote += a.write(id, &[5; 4 << 20]).unwrap();
        }
        got += read(&mut b, id).0.len();
        let (_, lost) = datagram(&mut b, SPACE);
        lost.into_iter().for_each(|frame| b.on_lost(frame));
        while send_one(&mut b, &mut a) {}
    }
    assert!(got > 30 << 20, "{got} of {wrote}");
    let config = TransportConfig::default();
    assert_eq!(b.streams[&id].recv.window().size, config.stream_window);
    assert_eq!(b.window.size, config.connection_window);
}

/// [W-90] More than goes out soon would only leave the processor's cache: what was never sent is a
/// few windows, not the whole send buffer.
#[test]
fn what_waits_to_be_sent_is_two_windows() {
    let (mut a, _) = pair();
    let id = a.open(Class::Bulk).unwrap();
    assert_eq!(a.write(id, &[1; 1 << 20]), Ok(MIN_UNSENT));
    a.set_window(200 << 10);
    assert_eq!(a.writable(id), (400 << 10) - MIN_UNSENT);
    assert_eq!(a.write(id, &[1; 1 << 20]), Ok((400 << 10) - MIN_UNSENT));
    let (_, few) = datagram(&mut a, 50 << 10);
    a.on_acked(few[0]);
    assert_eq!(events(&mut a), []);
    let (_, many) = datagram(&mut a, 51 << 10);
    a.on_acked(many[0]);
    assert_eq!(events(&mut a), [Event::Writable(id)], "a quarter of it is free");
}

/// [W-95] However much of a lower class waits, it does not delay a higher one by more than what
/// is already written; and what steers goes before all.
#[test]
fn higher_classes_go_first() {
    let (mut a, mut b) = pair();
    let bulk = a.open(Class::Bulk).unwrap();
    let chat = a.open(Class::Chat).unwrap();
    let control = a.open(Class::Control).unwrap();
    a.write(bulk, &[1; 100_000]).unwrap();
    let (_, first) = datagram(&mut a, SPACE);
    let (_, second) = datagram(&mut a, SPACE);
    assert_eq!(streams_of(&first), [bulk]);
    a.on_lost(first[0]);
    a.write(chat, b"hello").unwrap();
    a.write(control, b"offer").unwrap();
    assert_eq!(a.has_pending(), Some(Class::Control));
    let (_, sent) = datagram(&mut a, SPACE);
    assert_eq!(streams_of(&sent), [control, chat, bulk], "even before what was lost");
    a.on_lost(sent[1]);
    a.on_lost(second[0]);
    a.stop(bulk, 1);
    assert_eq!(a.has_pending(), Some(Class::Control));
    let (bytes, sent) = datagram(&mut a, SPACE);
    assert_eq!(sent[0], StreamFrame::Stop(bulk));
    assert_eq!(streams_of(&sent[1..]), [chat, bulk]);
    deliver(&mut b, &bytes).unwrap();
    // What does not fit lets nothing pass.
    a.write(chat, &[2; 5000]).unwrap();
    assert_eq!(streams_of(&datagram(&mut a, 300).1), [chat]);
    let end = a.open(Class::Bulk).unwrap();
    a.finish(end).unwrap();
    assert_eq!(datagram(&mut a, 30), (vec![], vec![]), "the end of a file would fit");
}

/// [W-89] [W-95] Files that nobody reads use up the window of the connection. Messages go on, as many
/// as there are, and the files get nothing of what these give back.
#[test]
fn messages_pass_files_that_nobody_reads() {
    let small = TransportConfig { connection_window: 2000, ..TransportConfig::default() };
    for config in [TransportConfig::default(), small] {
        let (mut a, mut b) = pair_with(&config);
        for _ in 0..3 {
            let file = a.open(Class::Bulk).unwrap();
            let mut left = 3 << 20;
            while a.writable(file).min(left) > 0 {
                left -= a.write(file, &vec![1; left]).unwrap();
                exchange(&mut a, &mut b);
            }
        }
        let of_files = a.sent_bytes();
        assert!(of_files > b.window.size * 3 / 4);
        let chat = a.open(Class::Chat).unwrap();
        let (mut wrote, mut got) = (0, 0);
        for _ in 0..2000 {
            wrote += a.write(chat, &[2; 100]).unwrap();
            exchange(&mut a, &mut b);
            got += read(&mut b, chat).0.len();
        }
        exchange(&mut a, &mut b);
        got += read(&mut b, chat).0.len();
        assert_eq!((wrote, got), (200_000, 200_000));
        assert_eq!(a.sent_bytes(), of_files + 200_000);
    }
}

/// [W-96]
#[test]
fn streams_of_a_class_share_evenly() {
    let (mut a, _) = pair();
    let ids: Vec<_> = (0..3).map(|_| a.open(Class::Bulk).unwrap()).collect();
    let mut share = BTreeMap::new();
    for id in &ids {
        a.write(*id, &[1; 200_000]).unwrap();
    }
    for _ in 0..200 {
        let (_, sent) = datagram(&mut a, SPACE);
        for frame in sent {
            let StreamFrame::Data { id, len, .. } = frame else { panic!("{frame:?}") };
            *share.entry(id).or_insert(0) += len;
        }
    }
    let (least, most) = (share.values().min().unwrap(), share.values().max().unwrap());
    assert_eq!(share.len(), 3);
    assert!(most - least < 8192, "{share:?}");
}

/// [W-98]
#[test]
fn small_room_is_left_empty_rather_than_cut_into_crumbs() {
    let (mut a, _) = pair();
    let id = a.open(Class::Bulk).unwrap();
    a.write(id, &[1; 100]).unwrap();
    assert_eq!(datagram(&mut a, 35).0.len(), 0);
    let (bytes, _) = datagram(&mut a, 36);
    assert_eq!(bytes.len(), 36);
    let (_, sent) = datagram(&mut a, 80);
    assert_eq!(sent, [StreamFrame::Data { id, offset: 32, len: 68, fin: false }]);
}

/// [W-48] What goes anyway carries a message again, until it is acknowledged.
#[test]
fn messages_are_copied_where_packets_get_lost() {
    let (mut a, mut b) = pair();
    let chat = a.open(Class::Chat).unwrap();
    a.set_loss(0.2);
    a.write(chat, b"hello").unwrap();
    let (original, _) = datagram(&mut a, SPACE);
    let copy = |a: &mut Streams, millis: u64| {
        a.set_rtt(Instant::from_micros(millis * 1000), Duration::from_millis(50));
        let (mut out, mut sent) = (Vec::new(), Vec::new());
        a.write_copies(&mut out, SPACE, &mut sent);
        (out, sent)
    };
    assert_eq!(copy(&mut a, 1), (vec![], vec![]), "not yet");
    let (first, sent) = copy(&mut a, 2);
    assert_eq!(first, original);
    assert_eq!(copy(&mut a, 2), (vec![], vec![]), "once a datagram");
    for bytes in [first, original] {
        deliver(&mut b, &bytes).unwrap();
    }
    assert_eq!(read(&mut b, chat).0, b"hello");
    assert_eq!(a.retransmitted_bytes(), 5);
    a.on_acked(sent[0]);
    assert_eq!(copy(&mut a, 9), (vec![], vec![]), "it is there");
    // Neither does a stream that was given up speak again.
    a.write(chat, b"good-bye").unwrap();
    datagram(&mut a, SPACE);
    a.reset(chat, 1);
    assert_eq!(copy(&mut a, 20), (vec![], vec![]));
}

/// A copy that tells the end lets whatever follows pass.
#[test]
fn a_copy_with_the_end_holds_nothing_up() {
    let (mut a, _) = pair();
    a.set_loss(0.2);
    let [chat, bulk] = [Class::Chat, Class::Bulk].map(|class| a.open(class).unwrap());
    a.write(chat, b"hello").unwrap();
    datagram(&mut a, SPACE);
    a.finish(chat).unwrap();
    a.write(bulk, b"film").unwrap();
    a.set_rtt(Instant::from_micros(2000), Duration::from_millis(50));
    let (mut out, mut sent) = (Vec::new(), Vec::new());
    a.write_copies(&mut out, SPACE, &mut sent);
    assert!(matches!(sent[..], [StreamFrame::Data { fin: true, .. }]), "{sent:?}");
    assert_eq!(a.has_pending(), Some(Class::Bulk));
    assert_eq!(streams_of(&datagram(&mut a, SPACE).1), [bulk]);
}

/// [W-101] Nothing else is to be sent: what was lost of the end goes several times at once, and not
/// any more once it is there or something new is to go.
#[test]
fn the_end_of_a_file_goes_several_times_where_much_is_lost() {
    let (mut a, mut b) = pair();
    let bulk = a.open(Class::Bulk).unwrap();
    a.set_loss(0.1);
    a.write(bulk, &[5; 3000]).unwrap();
    let sent: Vec<_> = (0..3).map(|_| datagram(&mut a, SPACE).1[0]).collect();
    assert_eq!(a.has_pending(), None, "nothing was lost");
    a.on_lost(sent[0]);
    a.on_lost(sent[2]);
    let again: Vec<_> = core::iter::from_fn(|| Some(datagram(&mut a, SPACE)))
        .take_while(|(_, sent)| !sent.is_empty())
        .collect();
    let offset = |frame: &StreamFrame| match frame {
        StreamFrame::Data { offset, .. } => *offset,
        other => panic!("{other:?}"),
    };
    let order: Vec<Vec<u64>> =
        again.iter().map(|(_, sent)| sent.iter().map(offset).collect()).collect();
    let [first, last] = [&sent[0], &sent[2]].map(offset);
    let flat: Vec<u64> = order.concat();
    assert_eq!(flat.iter().filter(|at| **at == first).count(), 3, "{order:?}");
    assert_eq!(flat.iter().filter(|at| **at == last).count(), 3, "{order:?}");
    a.on_lost(sent[1]);
    datagram(&mut a, SPACE);
    assert_eq!(a.has_pending(), Some(Class::Bulk));
    a.on_acked(sent[1]);
    assert_eq!(a.has_pending(), None, "it is there");
    for (bytes, _) in again {
        deliver(&mut b, &bytes).unwrap();
    }
    // Something new is more useful.
    let next = a.open(Class::Bulk).unwrap();
    a.write(next, &[6; 100]).unwrap();
    let (_, fresh) = datagram(&mut a, SPACE);
    a.on_lost(fresh[0]);
    datagram(&mut a, 130);
    assert_eq!(a.has_pending(), Some(Class::Bulk));
    a.write(next, &[7; 5000]).unwrap();
    for _ in 0..5 {
        datagram(&mut a, SPACE);
    }
    assert_eq!(a.has_pending(), None);
}

/// [W-101] The last half round trip of a file goes again at once, if something is lost now and then.
#[test]
fn what_goes_last_of_a_file_goes_again_before_it_is_known_to_be_lost() {
    for (loss, again) in [(0.001, 0), (0.01, MIN_UNSENT / 8)] {
        let (mut a, mut b) = pair();
        let bulk = a.open(Class::Bulk).unwrap();
        a.set_loss(loss);
        a.write(bulk, &[5; 100_000]).unwrap();
        while a.has_pending().is_some() {
            datagram(&mut a, SPACE);
        }
        assert_eq!(a.retransmitted_bytes(), 0, "more may follow");
        a.finish(bulk).unwrap();
        while a.has_pending().is_some() {
            let (bytes, _) = datagram(&mut a, SPACE);
            deliver(&mut b, &bytes).unwrap();
        }
        assert_eq!(a.retransmitted_bytes(), again as u64, "{loss}");
    }
}
