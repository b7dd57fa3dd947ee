//! Datagrams: fixed headers, parsed by hand into checked views (PROTOCOL.md, "Datagrams").
//!
//! Everything but the ciphertext of DATA has exactly one encoding: reserved bytes and padding
//! are zero, lengths are exact. Parsing reads; it never copies, allocates or decides anything.

use crate::codec::Reader;

/// The version of the wire protocol that this code speaks [W-02].
pub(crate) const VERSION: u8 = 1;

/// Length of the checksum that ends every datagram.
pub(crate) const CRC_LEN: usize = 4;
/// HELLO, and INIT to a server: as long as any path carries, so that no answer is longer [W-03].
pub(crate) const INIT_LEN: usize = 1200;
/// INIT between peers.
pub(crate) const INIT_PEER_LEN: usize = 1196;
/// What INIT without its filling is at most: it costs as much as five of the ten probes that an
/// address gets on the word of others [W-37].
pub(crate) const UNFILLED_MAX: usize = 5 * PROBE_LEN;
/// A DATA datagram without a single byte of plaintext: what a RESET looks like [W-30].
pub(crate) const RESET_LEN: usize = DATA_HEADER_LEN + TAG_LEN + CRC_LEN;

const HELLO_REPLY_LEN: usize = 80;
const RETRY_LEN: usize = 48;
pub(crate) const PROBE_LEN: usize = 40;
const RESP_HEADER_LEN: usize = 12;
const RESP_MIN: usize = RESP_HEADER_LEN + 48 + CRC_LEN;
const RESP_MAX: usize = 400;
/// Type, epoch, two zeros, receiver index, packet number.
pub(crate) const DATA_HEADER_LEN: usize = 16;
const INIT_HEADER_LEN: usize = 32;
const MAC1_LEN: usize = 16;
const TAG_LEN: usize = 16;
/// INIT between peers without its filling, and without a payload.
const UNFILLED_MIN: usize = INIT_HEADER_LEN + 96 + MAC1_LEN + CRC_LEN;
/// The largest payload of UDP over IPv4.
pub(crate) const DATAGRAM_MAX: usize = 65_507;

const HELLO: u8 = 1;
const HELLO_REPLY: u8 = 2;
const INIT_NK: u8 = 3;
const INIT_IK: u8 = 4;
const INIT_PEER: u8 = 5;
const RETRY: u8 = 6;
const RESP: u8 = 7;
pub(crate) const DATA: u8 = 8;
const PROBE: u8 = 9;
const PROBE_ACK: u8 = 10;
/// Carries another datagram through the server ([`relay`](crate::relay)).
pub(crate) const RELAY: u8 = 11;

/// An address token, opaque to the client (`crypto::token`).
pub(crate) type Token = [u8; 24];
/// The first half of an ephemeral public key: names a handshake before it has an index.
pub(crate) type Nonce = [u8; 16];

/// Which INIT a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InitKind {
    /// Noise NK: the client shows no key.
    Anonymous,
    /// Noise IK: the client shows its static key.
    Known,
    /// Noise IKpsk2 between introduced peers.
    Peer,
}

/// Whether a probe asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeKind {
    /// PROBE.
    Request,
    /// PROBE_ACK.
    Answer,
}

/// INIT, in all its kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Init<'a> {
    pub(crate) kind: InitKind,
    /// The wire version, bound into the prologue as the offer.
    pub(crate) version: u8,
    /// The index under which the sender wants to be addressed.
    pub(crate) sender: u32,
    /// The address token; between peers the call tag and 16 zero bytes.
    pub(crate) token: Token,
    /// The first Noise message, at least an ephemeral key and a tag long.
    pub(crate) message: &'a [u8],
    /// What mac1 covers.
    pub(crate) macd: &'a [u8],
    pub(crate) mac1: [u8; 16],
}

impl Init<'_> {
    /// The ephemeral key that begins the Noise message.
    pub(crate) fn ephemeral(&self) -> [u8; 32] {
        *self.message.first_chunk().expect("parsed with at least 48 bytes")
    }

    /// The part of the message that RETRY echoes and tokens are bound to.
    pub(crate) fn nonce(&self) -> Nonce {
        *self.message.first_chunk().expect("parsed with at least 48 bytes")
    }
}

/// PROBE or PROBE_ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) kind: ProbeKind,
    pub(crate) tag: [u8; 8],
    pub(crate) nonce: [u8; 8],
    pub(crate) mac: [u8; 16],
}

/// A datagram of one of the types that carry no other, its form checked and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Datagram<'a> {
    Hello { nonce: Nonce },
    HelloReply { nonce: Nonce, server: [u8; 32], token: Token },
    Init(Init<'a>),
    Retry { nonce: Nonce, token: Token },
    Resp { sender: u32, receiver: u32, message: &'a [u8] },
    Data { receiver: u32 },
    Reset { token: [u8; 16] },
    Probe(Probe),
}

/// Why a datagram was dropped before anything was done for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Shorter or longer than any datagram of its type.
    Length,
    /// The checksum does not fit.
    Crc,
    /// No such type.
    Type,
    /// A version that is not spoken here.
    Version,
    /// A reserved byte or padding is not zero, or an inner length does not fit.
    Form,
}

/// Reads a datagram. The order is that of cost: type and length, CRC, then the fields [W-04].
pub(crate) fn parse(datagram: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let kind = *datagram.first().ok_or(Malformed::Length)?;
    let fits = match kind {
        HELLO | INIT_NK | INIT_IK => datagram.len() == INIT_LEN,
        INIT_PEER => {
            let unfilled = (UNFILLED_MIN..=UNFILLED_MAX).contains(&datagram.len());
            unfilled || datagram.len() == INIT_PEER_LEN
        }
        HELLO_REPLY => datagram.len() == HELLO_REPLY_LEN,
        RETRY => datagram.len() == RETRY_LEN,
        PROBE | PROBE_ACK => datagram.len() == PROBE_LEN,
        RESP => (RESP_MIN..=RESP_MAX).contains(&datagram.len()),
        DATA => (RESET_LEN..=DATAGRAM_MAX).contains(&datagram.len()),
        _ => return Err(Malformed::Type),
    };
    if !fits {
        return Err(Malformed::Length);
    }
    let (body, crc) = datagram.split_at(datagram.len() - CRC_LEN);
    if crc != crc32fast::hash(body).to_be_bytes() {
        return Err(Malformed::Crc);
    }
    // From here the lengths are right, so no read below can fail but for its value.
    let fields = &mut Reader::new(&body[1..]);
    match kind {
        HELLO => parse_hello(fields),
        HELLO_REPLY => parse_hello_reply(fields),
        INIT_NK => parse_init(body, InitKind::Anonymous),
        INIT_IK => parse_init(body, InitKind::Known),
        INIT_PEER => parse_init(body, InitKind::Peer),
        RETRY => {
            zeros(fields, 3)?;
            Ok(Datagram::Retry { nonce: array(fields)?, token: array(fields)? })
        }
        RESP => {
            zeros(fields, 3)?;
            let (sender, receiver) = (number(fields)?, number(fields)?);
            Ok(Datagram::Resp { sender, receiver, message: &body[RESP_HEADER_LEN..] })
        }
        PROBE => parse_probe(fields, ProbeKind::Request),
        PROBE_ACK => parse_probe(fields, ProbeKind::Answer),
        // DATA: `kind` was matched above.
        _ => parse_data(body),
    }
}

/// Appends the checksum over everything from `start`, which ends the datagram [W-01].
pub(crate) fn append_crc(buffer: &mut Vec<u8>, start: usize) {
    let crc = crc32fast::hash(&buffer[start..]);
    buffer.extend_from_slice(&crc.to_be_bytes());
}

/// A HELLO: asks for the server's key and, for the handshake that `nonce` names, for a token.
pub(crate) fn hello(nonce: &Nonce) -> Vec<u8> {
    let mut out = vec![HELLO, VERSION, 0, 0];
    out.extend_from_slice(nonce);
    finish_padded(out, INIT_LEN)
}

/// The answer to a HELLO.
pub(crate) fn hello_reply(nonce: &Nonce, server: &[u8; 32], token: &Token) -> Vec<u8> {
    let mut out = vec![HELLO_REPLY, VERSION, 0, 0];
    out.extend_from_slice(nonce);
    out.extend_from_slice(server);
    out.extend_from_slice(token);
    finish_padded(out, HELLO_REPLY_LEN)
}

/// An INIT. `mac1` is computed over everything before it.
pub(crate) fn init(
    kind: InitKind,
    sender: u32,
    token: &Token,
    message: &[u8],
    mac1: impl FnOnce(&[u8]) -> [u8; 16],
) -> Vec<u8> {
    let (kind, len) = match kind {
        InitKind::Anonymous => (INIT_NK, INIT_LEN),
        InitKind::Known => (INIT_IK, INIT_LEN),
        InitKind::Peer => (INIT_PEER, INIT_PEER_LEN),
    };
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(&[kind, VERSION]);
    let message_len = u16::try_from(message.len()).expect("a first message is below 1200 bytes");
    out.extend_from_slice(&message_len.to_be_bytes());
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(token);
    out.extend_from_slice(message);
    let mac1 = mac1(&out);
    out.extend_from_slice(&mac1);
    finish_padded(out, len)
}

/// An INIT between peers without its filling: for an address that has not answered yet [W-03].
pub(crate) fn unfilled(init: &[u8]) -> Vec<u8> {
    let message_len = usize::from(u16::from_be_bytes([init[2], init[3]]));
    let len = INIT_HEADER_LEN + message_len + MAC1_LEN;
    assert!(len + CRC_LEN <= UNFILLED_MAX, "transport parameters outgrew INIT: {len}");
    finish_padded(init[..len].to_vec(), len + CRC_LEN)
}

/// A RETRY: "say that again, with this token".
pub(crate) fn retry(nonce: &Nonce, token: &Token) -> Vec<u8> {
    let mut out = vec![RETRY, 0, 0, 0];
    out.extend_from_slice(nonce);
    out.extend_from_slice(token);
    finish_padded(out, RETRY_LEN)
}

/// A RESP: the second Noise message.
pub(crate) fn resp(sender: u32, receiver: u32, message: &[u8]) -> Vec<u8> {
    let mut out = vec![RESP, 0, 0, 0];
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&receiver.to_be_bytes());
    out.extend_from_slice(message);
    let len = out.len() + CRC_LEN;
    assert!(len <= RESP_MAX, "transport parameters outgrew RESP: {len}");
    finish_padded(out, len)
}

/// The part of a PROBE or PROBE_ACK that its MAC covers.
pub(crate) fn probe_head(kind: ProbeKind, tag: [u8; 8], nonce: [u8; 8]) -> [u8; 20] {
    let mut head = [0; 20];
    head[0] = match kind {
        ProbeKind::Request => PROBE,
        ProbeKind::Answer => PROBE_ACK,
    };
    head[4..12].copy_from_slice(&tag);
    head[12..].copy_from_slice(&nonce);
    head
}

/// A PROBE or PROBE_ACK of a head and its MAC.
pub(crate) fn probe(head: &[u8; 20], mac: &[u8; 16]) -> Vec<u8> {
    let mut out = head.to_vec();
    out.extend_from_slice(mac);
    finish_padded(out, PROBE_LEN)
}

/// A RESET: DATA for nobody, ending in the token. `random` stands where index and number would.
pub(crate) fn reset(random: [u8; 12], token: &[u8; 16]) -> Vec<u8> {
    let mut out = vec![DATA, 0, 0, 0];
    out.extend_from_slice(&random);
    out.extend_from_slice(token);
    finish_padded(out, RESET_LEN)
}

fn finish_padded(mut out: Vec<u8>, len: usize) -> Vec<u8> {
    assert!(out.len() + CRC_LEN <= len, "datagram outgrew its type");
    out.resize(len - CRC_LEN, 0);
    append_crc(&mut out, 0);
    out
}

fn parse_hello<'a>(fields: &mut Reader<'a>) -> Result<Datagram<'a>, Malformed> {
    version(fields)?;
    zeros(fields, 2)?;
    let nonce = array(fields)?;
    zeros(fields, fields.remaining())?;
    Ok(Datagram::Hello { nonce })
}

fn parse_hello_reply<'a>(fields: &mut Reader<'a>) -> Result<Datagram<'a>, Malformed> {
    version(fields)?;
    zeros(fields, 2)?;
    let (nonce, server, token) = (array(fields)?, array(fields)?, array(fields)?);
    Ok(Datagram::HelloReply { nonce, server, token })
}

fn parse_init(body: &[u8], kind: InitKind) -> Result<Datagram<'_>, Malformed> {
    let fields = &mut Reader::new(&body[1..]);
    let version = version(fields)?;
    let message_len = usize::from(fields.u16().map_err(|_| Malformed::Form)?);
    let (sender, token) = (number(fields)?, array(fields)?);
    let message = fields.take(message_len).map_err(|_| Malformed::Form)?;
    let least = match kind {
        InitKind::Anonymous => 48,
        InitKind::Known | InitKind::Peer => 96,
    };
    if message_len < least || kind == InitKind::Peer && token[8..] != [0; 16] {
        return Err(Malformed::Form);
    }
    let mac1 = array(fields)?;
    if body.len() + CRC_LEN <= UNFILLED_MAX && fields.remaining() > 0 {
        return Err(Malformed::Form);
    }
    zeros(fields, fields.remaining())?;
    let macd = &body[..INIT_HEADER_LEN + message_len];
    Ok(Datagram::Init(Init { kind, version, sender, token, message, macd, mac1 }))
}

fn parse_data(body: &[u8]) -> Result<Datagram<'_>, Malformed> {
    if body[2..4] != [0; 2] {
        return Err(Malformed::Form);
    }
    if body.len() + CRC_LEN == RESET_LEN {
        let token = *body.last_chunk().ok_or(Malformed::Form)?;
        return Ok(Datagram::Reset { token });
    }
    Ok(Datagram::Data { receiver: number(&mut Reader::new(&body[4..]))? })
}

fn parse_probe<'a>(fields: &mut Reader<'a>, kind: ProbeKind) -> Result<Datagram<'a>, Malformed> {
    zeros(fields, 3)?;
    let (tag, nonce, mac) = (array(fields)?, array(fields)?, array(fields)?);
    Ok(Datagram::Probe(Probe { kind, tag, nonce, mac }))
}

fn version(fields: &mut Reader<'_>) -> Result<u8, Malformed> {
    match fields.u8() {
        Ok(VERSION) => Ok(VERSION),
        Ok(_) => Err(Malformed::Version),
        Err(_) => Err(Malformed::Form),
    }
}

fn zeros(fields: &mut Reader<'_>, len: usize) -> Result<(), Malformed> {
    let bytes = fields.take(len).map_err(|_| Malformed::Form)?;
    if bytes.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(Malformed::Form) }
}

fn number(fields: &mut Reader<'_>) -> Result<u32, Malformed> {
    fields.u32().map_err(|_| Malformed::Form)
}

fn array<const N: usize>(fields: &mut Reader<'_>) -> Result<[u8; N], Malformed> {
    fields.array().map_err(|_| Malformed::Form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One datagram of each type, with its type's name.
    fn samples() -> Vec<(&'static str, Vec<u8>)> {
        let head = probe_head(ProbeKind::Request, [1; 8], [2; 8]);
        let ack = probe_head(ProbeKind::Answer, [1; 8], [2; 8]);
        let mut data = vec![DATA, 3, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1];
        data.extend([7; 30]);
        append_crc(&mut data, 0);
        let mac = |_: &[u8]| [6; 16];
        vec![
            ("hello", hello(&[1; 16])),
            ("hello reply", hello_reply(&[1; 16], &[2; 32], &[3; 24])),
            ("init nk", init(InitKind::Anonymous, 7, &[0; 24], &[4; 70], mac)),
            ("init ik", init(InitKind::Known, 7, &[5; 24], &[4; 118], mac)),
            ("init peer", init(InitKind::Peer, 7, &[0; 24], &[4; 118], mac)),
            ("init peer unfilled", unfilled(&init(InitKind::Peer, 7, &[0; 24], &[4; 118], mac))),
            ("retry", retry(&[1; 16], &[3; 24])),
            ("resp", resp(1, 2, &[8; 70])),
            ("data", data),
            ("reset", reset([9; 12], &[4; 16])),
            ("probe", probe(&head, &[5; 16])),
            ("probe ack", probe(&ack, &[5; 16])),
        ]
    }

    /// Replaces the checksum, as an attacker does.
    fn fix_crc(datagram: &mut Vec<u8>) {
        datagram.truncate(datagram.len() - CRC_LEN);
        append_crc(datagram, 0);
    }

    /// [W-01], [W-03]
    #[test]
    fn every_type_has_its_size_and_parses() {
        let sizes = [1200, 80, 1200, 1200, 1196, 170, 48, 86, 50, 36, 40, 40];
        for ((name, datagram), size) in samples().into_iter().zip(sizes) {
            assert_eq!(datagram.len(), size, "{name}");
            assert!(parse(&datagram).is_ok(), "{name}");
        }
        let hello = hello(&[1; 16]);
        assert_eq!(parse(&hello), Ok(Datagram::Hello { nonce: [1; 16] }));
    }

    /// A02: [W-01] a flipped bit or a missing byte is found before anything else happens.
    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        for (name, datagram) in samples() {
            for bit in 0..datagram.len() * 8 {
                let mut flipped = datagram.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(parse(&flipped).is_err(), "{name}, bit {bit}");
            }
            for len in 0..datagram.len() {
                assert!(parse(&datagram[..len]).is_err(), "{name} cut to {len}");
            }
        }
    }

    /// A06: [W-02] with a fitting checksum, a datagram still has one encoding only: padding and
    /// reserved bytes are zero.
    #[test]
    fn nothing_hides_in_padding_or_reserved_bytes() {
        for (name, datagram) in samples() {
            let before = parse(&datagram).unwrap();
            for at in 0..datagram.len() - CRC_LEN {
                let mut changed = datagram.clone();
                changed[at] ^= 0x80;
                fix_crc(&mut changed);
                // Inside DATA and RESET, only the connection can tell.
                let opaque = matches!(before, Datagram::Data { .. } | Datagram::Reset { .. });
                if !opaque || (2..4).contains(&at) {
                    assert_ne!(parse(&changed), Ok(before), "{name}, byte {at}");
                }
            }
        }
        let mut other = hello(&[1; 16]);
        other[1] = 2;
        fix_crc(&mut other);
        assert_eq!(parse(&other), Err(Malformed::Version));
        let mut padded = hello(&[1; 16]);
        padded[700] = 1;
        fix_crc(&mut padded);
        assert_eq!(parse(&padded), Err(Malformed::Form));
        // An INIT is filled up, or not at all.
        let init = init(InitKind::Peer, 7, &[0; 24], &[4; 118], |_| [6; 16]);
        for (len, refused) in
            [(171, Malformed::Form), (200, Malformed::Form), (201, Malformed::Length)]
        {
            let mut partly = init[..len].to_vec();
            fix_crc(&mut partly);
            assert_eq!(parse(&partly), Err(refused), "{len}");
        }
    }

    /// A04: lengths inside a datagram are believed only when they fit.
    #[test]
    fn noise_length_at_its_edges() {
        for (len, ok) in
            [(0, false), (47, false), (48, true), (1148, true), (1149, false), (0xffff, false)]
        {
            let mut datagram = vec![INIT_NK, VERSION];
            datagram.extend_from_slice(&u16::to_be_bytes(len));
            datagram.resize(INIT_LEN - CRC_LEN, 0);
            append_crc(&mut datagram, 0);
            assert_eq!(parse(&datagram).is_ok(), ok, "{len}");
        }
    }

    proptest! {
        /// A01: any bytes of any type, with a fitting checksum.
        #[test]
        fn any_bytes_parse_or_fail(mut bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
            let _ = parse(&bytes);
            append_crc(&mut bytes, 0);
            let _ = parse(&bytes);
        }
    }
}
