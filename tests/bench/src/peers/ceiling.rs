//! What the machine can do with datagrams that are segmented and joined by the kernel, sealed by
//! AES-256-GCM, checked by CRC32, and carried by no protocol: no acknowledgement, no
//! retransmission, no controller. The receiver only says how much it has taken, so that the sender does not
//! overrun it; a lost datagram stalls the run.
//!
//! `number (8) | sealed payload | tag (16) | CRC32 of all before (4)`

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};

use super::{announce, any_port};
use crate::payload::{Sink, Source};

const NUMBER: usize = 8;
const TAG: usize = 16;
const CRC: usize = 4;
/// The most that UDP carries.
const MAX_BURST: usize = 65_507;
/// Bytes under way at most: what a core's cache and a socket's buffer hold.
const WINDOW: u64 = 1 << 20;
/// After how many bytes the receiver says how much it has taken.
const CREDIT: u64 = WINDOW / 8;
const BATCH: usize = 8;

struct Wire {
    io: mio::net::UdpSocket,
    state: UdpSocketState,
    poll: Poll,
    events: Events,
    key: LessSafeKey,
}

impl Wire {
    fn bind(address: SocketAddr) -> Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(4 << 20)?;
        socket.set_send_buffer_size(4 << 20)?;
        socket.bind(&address.into())?;
        let mut io = mio::net::UdpSocket::from_std(socket.into());
        let poll = Poll::new()?;
        poll.registry().register(&mut io, Token(0), Interest::READABLE | Interest::WRITABLE)?;
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        let key = UnboundKey::new(&AES_256_GCM, &[7; 32])?;
        let events = Events::with_capacity(8);
        Ok(Self { io, state, poll, events, key: LessSafeKey::new(key) })
    }

    /// Waits until the socket's readiness changes.
    fn wait(&mut self) -> Result<()> {
        Ok(self.poll.poll(&mut self.events, None)?)
    }

    /// False when the kernel has no room now.
    fn send(&self, to: SocketAddr, contents: &[u8], size: usize) -> Result<bool> {
        let segment_size = (contents.len() > size).then_some(size);
        let transmit =
            Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
        match self.state.try_send(UdpSockRef::from(&self.io), &transmit) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives what has arrived to `take`, one system call's worth; false when there was nothing.
    fn receive(
        &self,
        buffers: &mut [Vec<u8>; BATCH],
        mut take: impl FnMut(SocketAddr, &mut [u8]) -> Result<()>,
    ) -> Result<bool> {
        let mut metas = [RecvMeta::default(); BATCH];
        let mut slices = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
        let count = match self.state.recv(UdpSockRef::from(&self.io), &mut slices, &mut metas) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        for (meta, buffer) in metas.iter().zip(buffers).take(count) {
            for datagram in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                take(meta.addr, datagram)?;
            }
        }
        Ok(true)
    }

    fn seal(&self, number: u64, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(payload);
        let (header, body) = out[start..].split_at_mut(NUMBER);
        let (nonce, aad) = (nonce(number), Aad::from(&header[..]));
        let tag = self.key.seal_in_place_separate_tag(nonce, aad, body)?;
        out.extend_from_slice(tag.as_ref());
        let crc = crc32fast::hash(&out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
        Ok(())
    }

    fn open<'a>(&self, datagram: &'a mut [u8]) -> Result<(u64, &'a [u8])> {
        let (sealed, crc) = datagram.split_last_chunk_mut::<CRC>().context("too short")?;
        ensure!(crc32fast::hash(sealed).to_le_bytes() == *crc, "wrong CRC");
        let (number, body) = sealed.split_first_chunk_mut::<NUMBER>().context("too short")?;
        let aad = Aad::from(*number);
        let number = u64::from_le_bytes(*number);
        let plain = self.key.open_in_place(nonce(number), aad, body)?;
        Ok((number, plain))
    }
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

pub fn serve(size: usize, listen: IpAddr, mut source: Source) -> Result<()> {
    let mut wire = Wire::bind((listen, 0).into())?;
    announce(wire.io.local_addr()?, &[])?;
    let mut buffers = std::array::from_fn(|_| vec![0; 2048]);
    let burst = wire.state.max_gso_segments().clamp(1, MAX_BURST / size);
    let mut out = Vec::with_capacity(MAX_BURST);
    let (mut client, mut sent, mut taken, mut number) = (None, 0, 0, 0);
    loop {
        let room = |sent: u64, taken: u64| sent + (burst * size) as u64 <= taken + WINDOW;
        if let Some(client) = client
            && room(sent, taken)
        {
            while out.len() < burst * size {
                let payload = source.peek(size - NUMBER - TAG - CRC);
                if payload.is_empty() {
                    break;
                }
                let length = payload.len();
                wire.seal(number, payload, &mut out)?;
                source.advance(length);
                number += 1;
                sent += length as u64;
            }
            if out.is_empty() || wire.send(client, &out, size)? {
                out.clear();
            }
        }
        let blocked = client.is_none() || !out.is_empty() || !room(sent, taken);
        let done = source.peek(1).is_empty();
        let got = wire.receive(&mut buffers, |from, datagram| {
            client = Some(from);
            taken = u64::from_le_bytes(datagram.try_into().context("no credit")?);
            Ok(())
        })?;
        if !got && (blocked || done) {
            wire.wait()?;
        }
    }
}

pub fn fetch(server: SocketAddr, mut sink: Sink) -> Result<()> {
    let mut wire = Wire::bind(any_port(server))?;
    let mut buffers = std::array::from_fn(|_| vec![0; 65_536]);
    let (mut taken, mut told, mut next) = (0, 0, 0);
    let mut done = false;
    wire.send(server, &0_u64.to_le_bytes(), NUMBER)?;
    loop {
        let got = wire.receive(&mut buffers, |_, datagram| {
            let (number, payload) = wire.open(datagram)?;
            ensure!(number == next, "datagram {next} was lost");
            next += 1;
            taken += payload.len() as u64;
            done = sink.take(payload)?;
            Ok(())
        })?;
        if done {
            return Ok(());
        }
        if taken - told >= CREDIT {
            told = taken;
            wire.send(server, &taken.to_le_bytes(), NUMBER)?;
        }
        if !got {
            wire.wait()?;
        }
    }
}
