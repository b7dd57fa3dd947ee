//! What single steps of the transport cost, at windows of 1,000 and of 100,000 packets: nothing
//! here may grow with the window but by what the larger memory costs the processor's caches.
//!
//! ```sh
//! cargo bench --manifest-path tests/bench/Cargo.toml
//! ```

mod pair;

use std::cell::RefCell;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

use crate::pair::{BURST, DATAGRAM, End, Pair, ROUND_TRIP};

fn main() {
    divan::main();
}

/// Bytes of the longest burst that the transport makes.
const FULL: usize = 44 * DATAGRAM;
/// Packets in flight, or behind a gap.
const WINDOWS: [usize; 2] = [1_000, 100_000];

/// One burst of 64 KiB: framed, sealed and ready for the socket.
#[divan::bench(sample_count = 500, sample_size = 1)]
fn build_a_burst(bencher: Bencher) {
    let pair = RefCell::new(fast());
    let sent: RefCell<Vec<u8>> = RefCell::default();
    bencher
        .with_inputs(|| {
            let mut pair = pair.borrow_mut();
            let burst = sent.take();
            pair.post(End::Sender, burst.chunks(DATAGRAM).map(<[u8]>::to_vec).collect());
            pair.settle();
            pair.write(1 << 16);
        })
        .input_counter(|()| BytesCount::new(FULL))
        .bench_local_refs(|()| {
            let buffer = &mut *sent.borrow_mut();
            let size = pair.borrow_mut().transmit(End::Sender, buffer);
            assert!(size == Some(DATAGRAM) && buffer.len() == FULL, "{} bytes", buffer.len());
        });
}

/// The same burst at the receiver: opened, and its bytes where they belong.
#[divan::bench(sample_count = 500, sample_size = 1)]
fn open_a_burst(bencher: Bencher) {
    let pair = RefCell::new(fast());
    bencher
        .with_inputs(|| {
            let mut pair = pair.borrow_mut();
            pair.settle();
            pair.write(1 << 16);
            let mut burst = Vec::new();
            pair.transmit(End::Sender, &mut burst);
            assert_eq!(burst.len(), FULL);
            burst
        })
        .input_counter(|_| BytesCount::new(FULL))
        .bench_local_refs(|burst| {
            let mut pair = pair.borrow_mut();
            burst.chunks_mut(DATAGRAM).for_each(|bytes| pair.arrive(End::Receiver, bytes));
        });
}

/// A connection so fast that its bursts are as long as they get, with nothing under way.
fn fast() -> Pair {
    let mut pair = Pair::new(10_000);
    pair.settle();
    pair
}

/// An acknowledgement of every second of 64 packets, while so many are in flight behind them.
#[divan::bench(args = WINDOWS, sample_count = 200, sample_size = 1)]
fn acknowledge_32_ranges(bencher: Bencher, window: usize) {
    let pair = RefCell::new(Pair::new(window));
    let flight = RefCell::new(pair.borrow_mut().hold(window));
    let late: RefCell<Vec<Vec<u8>>> = RefCell::default();
    bencher
        .with_inputs(|| {
            let (mut pair, mut flight) = (pair.borrow_mut(), flight.borrow_mut());
            // Those that were overtaken the last time.
            for mut datagram in late.take() {
                pair.arrive(End::Receiver, &mut datagram);
            }
            pair.read();
            pair.acknowledge();
            pair.write(usize::MAX);
            let missing = window - flight.len();
            flight.extend(pair.collect_for(End::Sender, ROUND_TRIP, missing));
            for number in 0..64 {
                let mut datagram = flight.pop_front().expect("a window of them");
                if number % 2 == 0 {
                    pair.arrive(End::Receiver, &mut datagram);
                } else {
                    late.borrow_mut().push(datagram);
                }
            }
            pair.read();
            pair.collect(End::Receiver)
        })
        .input_counter(|acknowledgements| ItemsCount::new(acknowledgements.len()))
        .bench_local_refs(|acknowledgements| {
            let mut pair = pair.borrow_mut();
            acknowledgements.iter_mut().for_each(|bytes| pair.arrive(End::Sender, bytes));
        });
}

/// So many packets arrive in order.
#[divan::bench(args = WINDOWS, sample_count = 10, sample_size = 1)]
fn reassemble_in_order(bencher: Bencher, window: usize) {
    bencher
        .with_inputs(|| in_flight(window))
        .input_counter(|(_, flight)| ItemsCount::new(flight.len()))
        .bench_local_refs(|(pair, flight)| {
            for bytes in flight.chunks_mut(BURST) {
                bytes.iter_mut().for_each(|bytes| pair.arrive(End::Receiver, bytes));
                pair.read();
            }
        });
}

/// Every second of so many packets arrives: each begins a range of its own.
#[divan::bench(args = WINDOWS, sample_count = 10, sample_size = 1)]
fn reassemble_with_gaps(bencher: Bencher, window: usize) {
    bencher
        .with_inputs(|| in_flight(window))
        .input_counter(|(_, flight)| ItemsCount::new(flight.len() / 2))
        .bench_local_refs(|(pair, flight)| {
            for bytes in flight.iter_mut().skip(1).step_by(2) {
                pair.arrive(End::Receiver, bytes);
            }
            pair.read();
        });
}

/// What was lost of so many packets, every second, arrives when all others wait for it.
#[divan::bench(args = WINDOWS, sample_count = 5, sample_size = 1)]
fn fill_gaps(bencher: Bencher, window: usize) {
    bencher
        .with_inputs(|| {
            let (mut pair, mut flight) = in_flight(window);
            for bytes in flight.iter_mut().skip(1).step_by(2) {
                pair.arrive(End::Receiver, bytes);
            }
            pair.read();
            pair.acknowledge();
            let again = pair.collect_for(End::Sender, ROUND_TRIP * 100, window / 2);
            assert!(again.len() >= window / 2, "{} again: {:?}", again.len(), pair.stats());
            (pair, again)
        })
        .input_counter(|(_, again)| ItemsCount::new(again.len()))
        .bench_local_refs(|(pair, again)| {
            for bytes in again.chunks_mut(BURST) {
                bytes.iter_mut().for_each(|bytes| pair.arrive(End::Receiver, bytes));
                pair.read();
            }
        });
}

/// A connection with so many packets under way.
fn in_flight(window: usize) -> (Pair, Vec<Vec<u8>>) {
    let mut pair = Pair::new(window);
    let flight = pair.hold(window);
    (pair, flight.into())
}
