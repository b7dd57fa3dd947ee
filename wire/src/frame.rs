//! Frames: what the plaintext of a DATA datagram is made of (PROTOCOL.md, "Frames").
//!
//! Parsing borrows from the datagram. Every frame has one encoding; bytes that are no frame, an
//! unknown kind, or anything left over end the connection [W-49].

use crate::codec::{DecodeError, Reader, VARINT_MAX, put_varint, varint_len};
use crate::error::ProtocolError;
use crate::id::{Class, PacketNumber, StreamId};

const PADDING: u8 = 0x00;
const PING: u8 = 0x01;
const ACK: u8 = 0x02;
const ACK_ECN: u8 = 0x03;
const RESET_STREAM: u8 = 0x04;
const STOP_SENDING: u8 = 0x05;
const MAX_DATA: u8 = 0x06;
const MAX_STREAM_DATA: u8 = 0x07;
const MAX_STREAMS: u8 = 0x08;
const PATH_CHALLENGE: u8 = 0x09;
const PATH_RESPONSE: u8 = 0x0a;
const REKEY: u8 = 0x0b;
const NEW_TOKEN: u8 = 0x0c;
const RESET_TOKEN: u8 = 0x0d;
const CLOSE: u8 = 0x0e;
/// STREAM frames: bit 0 says that this is the end of the stream.
const STREAM: u8 = 0x10;
const STREAM_FIN: u8 = 0x11;

/// Most ranges in one ACK frame.
pub(crate) const MAX_ACK_RANGES: usize = 64;
/// Longest text in a CLOSE frame.
pub(crate) const MAX_CLOSE_TEXT: usize = 256;
/// Longest Noise message in a REKEY frame.
pub(crate) const MAX_REKEY: usize = 256;

/// Whether a packet is nothing but a PATH_CHALLENGE or a PATH_RESPONSE, which travel alone [W-68]: a
/// probing packet (RFC 9000 section 9.1).
pub(crate) const fn is_probing(plain: &[u8]) -> bool {
    matches!(plain, [PATH_CHALLENGE | PATH_RESPONSE, data @ ..] if data.len() == 8)
}

/// ECN counts of received datagrams (RFC 9000 section 19.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EcnCounts {
    pub(crate) ect0: u64,
    pub(crate) ect1: u64,
    pub(crate) ce: u64,
}

/// An acknowledgement: ranges of packet numbers, highest first, each `start..=end`, descending
/// and with at least one missing number between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    /// How long the largest was held back, in microseconds.
    pub(crate) delay: u64,
    pub(crate) ranges: Vec<(PacketNumber, PacketNumber)>,
    pub(crate) ecn: Option<EcnCounts>,
}

/// Which Noise message a REKEY frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RekeyStep {
    /// The responder asks the initiator to begin: carries nothing.
    Wanted,
    /// The initiator's message.
    First,
    /// The responder's.
    Second,
}

/// One frame, borrowing its bytes from the datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Padding,
    Ping,
    Ack(Ack),
    ResetStream { id: StreamId, code: u32, final_size: u64 },
    StopSending { id: StreamId, code: u32 },
    MaxData(u64),
    MaxStreamData { id: StreamId, max: u64 },
    MaxStreams { class: Class, max: u64 },
    PathChallenge([u8; 8]),
    PathResponse([u8; 8]),
    Rekey { epoch: u8, step: RekeyStep, message: &'a [u8] },
    NewToken([u8; 24]),
    ResetToken([u8; 16]),
    Close { code: u32, text: &'a str },
    Stream { id: StreamId, offset: u64, data: &'a [u8], fin: bool },
}

impl<'a> Frame<'a> {
    /// The next frame.
    pub(crate) fn parse(reader: &mut Reader<'a>) -> Result<Self, ProtocolError> {
        let kind = reader.u8()?;
        Ok(match kind {
            PADDING => Self::Padding,
            PING => Self::Ping,
            ACK | ACK_ECN => Self::Ack(parse_ack(reader, kind == ACK_ECN)?),
            RESET_STREAM => Self::ResetStream {
                id: parse_stream_id(reader)?,
                code: reader.u32()?,
                final_size: reader.varint()?,
            },
            STOP_SENDING => Self::StopSending { id: parse_stream_id(reader)?, code: reader.u32()? },
            MAX_DATA => Self::MaxData(reader.varint()?),
            MAX_STREAM_DATA => {
                Self::MaxStreamData { id: parse_stream_id(reader)?, max: reader.varint()? }
            }
            MAX_STREAMS => Self::MaxStreams { class: parse_class(reader)?, max: reader.varint()? },
            PATH_CHALLENGE => Self::PathChallenge(reader.array()?),
            PATH_RESPONSE => Self::PathResponse(reader.array()?),
            REKEY => parse_rekey(reader)?,
            NEW_TOKEN => Self::NewToken(reader.array()?),
            RESET_TOKEN => Self::ResetToken(reader.array()?),
            CLOSE => {
                let code = reader.u32()?;
                let text = reader.prefixed()?;
                if text.len() > MAX_CLOSE_TEXT {
                    return Err(DecodeError::OutOfRange.into());
                }
                let text = str::from_utf8(text).map_err(|_| DecodeError::OutOfRange)?;
                Self::Close { code, text }
            }
            STREAM | STREAM_FIN => parse_stream(reader, kind == STREAM_FIN)?,
            other => return Err(ProtocolError::UnknownFrame(other)),
        })
    }

    /// Appends the frame to a datagram.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Padding => out.push(PADDING),
            Self::Ping => out.push(PING),
            Self::Ack(ref ack) => ack.encode(out),
            Self::ResetStream { id, code, final_size } => {
                out.push(RESET_STREAM);
                put_varint(out, id.raw());
                out.extend_from_slice(&code.to_be_bytes());
                put_varint(out, final_size);
            }
            Self::StopSending { id, code } => {
                out.push(STOP_SENDING);
                put_varint(out, id.raw());
                out.extend_from_slice(&code.to_be_bytes());
            }
            Self::MaxData(max) => {
                out.push(MAX_DATA);
                put_varint(out, max);
            }
            Self::MaxStreamData { id, max } => {
                out.push(MAX_STREAM_DATA);
                put_varint(out, id.raw());
                put_varint(out, max);
            }
            Self::MaxStreams { class, max } => {
                out.extend_from_slice(&[MAX_STREAMS, class as u8]);
                put_varint(out, max);
            }
            Self::PathChallenge(data) => put(out, PATH_CHALLENGE, &data),
            Self::PathResponse(data) => put(out, PATH_RESPONSE, &data),
            Self::Rekey { epoch, step, message } => {
                out.extend_from_slice(&[REKEY, epoch, step as u8]);
                put_varint(out, message.len() as u64);
                out.extend_from_slice(message);
            }
            Self::NewToken(token) => put(out, NEW_TOKEN, &token),
            Self::ResetToken(token) => put(out, RESET_TOKEN, &token),
            Self::Close { code, text } => {
                out.push(CLOSE);
                out.extend_from_slice(&code.to_be_bytes());
                put_varint(out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            Self::Stream { id, offset, data, fin } => {
                put_stream_header(out, id, offset, data.len(), fin);
                out.extend_from_slice(data);
            }
        }
    }
}

/// Appends the part of a STREAM frame that stands before its `len` bytes of data, so that a
/// sender can copy these from where they lie.
pub(crate) fn put_stream_header(
    out: &mut Vec<u8>,
    id: StreamId,
    offset: u64,
    len: usize,
    fin: bool,
) {
    out.push(if fin { STREAM_FIN } else { STREAM });
    put_varint(out, id.raw());
    put_varint(out, offset);
    put_varint(out, len as u64);
}

/// The bytes that a STREAM frame takes besides its data.
pub(crate) const fn stream_overhead(id: StreamId, offset: u64, len: usize) -> usize {
    1 + varint_len(id.raw()) + varint_len(offset) + varint_len(len as u64)
}

fn put(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    out.extend_from_slice(bytes);
}

fn parse_stream_id(reader: &mut Reader<'_>) -> Result<StreamId, DecodeError> {
    StreamId::from_raw(reader.varint()?).ok_or(DecodeError::OutOfRange)
}

fn parse_class(reader: &mut Reader<'_>) -> Result<Class, DecodeError> {
    let raw = usize::from(reader.u8()?);
    Class::ALL.get(raw).copied().ok_or(DecodeError::OutOfRange)
}

fn parse_rekey<'a>(reader: &mut Reader<'a>) -> Result<Frame<'a>, DecodeError> {
    let epoch = reader.u8()?;
    let step = match reader.u8()? {
        0 => RekeyStep::Wanted,
        1 => RekeyStep::First,
        2 => RekeyStep::Second,
        _ => return Err(DecodeError::OutOfRange),
    };
    let message = reader.prefixed()?;
    if message.len() > MAX_REKEY {
        return Err(DecodeError::OutOfRange);
    }
    Ok(Frame::Rekey { epoch, step, message })
}

fn parse_stream<'a>(reader: &mut Reader<'a>, fin: bool) -> Result<Frame<'a>, DecodeError> {
    let id = parse_stream_id(reader)?;
    let offset = reader.varint()?;
    let data = reader.prefixed()?;
    // The end of the data is an offset too (RFC 9000 section 19.8).
    if offset + data.len() as u64 > VARINT_MAX {
        return Err(DecodeError::OutOfRange);
    }
    if data.is_empty() && !fin {
        return Err(DecodeError::OutOfRange);
    }
    Ok(Frame::Stream { id, offset, data, fin })
}

/// RFC 9000 section 19.3.1: the largest number, the length of its range, then for each further
/// range the gap and the length, each less one.
fn parse_ack(reader: &mut Reader<'_>, with_ecn: bool) -> Result<Ack, DecodeError> {
    let largest = reader.varint()?;
    let delay = reader.varint()?;
    let more = reader.varint()?;
    if more >= MAX_ACK_RANGES as u64 {
        return Err(DecodeError::OutOfRange);
    }
    let first = reader.varint()?;
    let mut start = largest.checked_sub(first).ok_or(DecodeError::OutOfRange)?;
    let mut ranges = Vec::with_capacity(1 + more as usize);
    ranges.push((start, largest));
    for _ in 0..more {
        let (gap, len) = (reader.varint()?, reader.varint()?);
        let end = start.checked_sub(gap + 2).ok_or(DecodeError::OutOfRange)?;
        start = end.checked_sub(len).ok_or(DecodeError::OutOfRange)?;
        ranges.push((start, end));
    }
    let ecn = if with_ecn {
        Some(EcnCounts { ect0: reader.varint()?, ect1: reader.varint()?, ce: reader.varint()? })
    } else {
        None
    };
    Ok(Ack { delay, ranges, ecn })
}

impl Ack {
    /// Appends the frame. `ranges` holds at least one range and at most [`MAX_ACK_RANGES`].
    fn encode(&self, out: &mut Vec<u8>) {
        let (mut start, largest) = self.ranges[0];
        out.push(if self.ecn.is_some() { ACK_ECN } else { ACK });
        put_varint(out, largest);
        put_varint(out, self.delay);
        put_varint(out, self.ranges.len() as u64 - 1);
        put_varint(out, largest - start);
        for &(next_start, next_end) in &self.ranges[1..] {
            put_varint(out, start - next_end - 2);
            put_varint(out, next_end - next_start);
            start = next_start;
        }
        if let Some(ecn) = self.ecn {
            put_varint(out, ecn.ect0);
            put_varint(out, ecn.ect1);
            put_varint(out, ecn.ce);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Side;
    use proptest::prelude::*;

    fn round_trip(frame: &Frame<'_>) {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(Frame::parse(&mut reader).as_ref(), Ok(frame));
        assert!(reader.is_empty());
        for len in 0..bytes.len() {
            assert!(
                Frame::parse(&mut Reader::new(&bytes[..len])).is_err(),
                "{frame:?} cut to {len}"
            );
        }
    }

    #[test]
    fn every_kind_round_trips_and_no_truncation_passes() {
        let id = StreamId::new(Side::Responder, Class::Bulk, 300).unwrap();
        let ecn = Some(EcnCounts { ect0: 1, ect1: 2, ce: 70_000 });
        for frame in [
            Frame::Padding,
            Frame::Ping,
            Frame::Ack(Ack { delay: 25, ranges: vec![(7, 9)], ecn: None }),
            Frame::Ack(Ack { delay: 0, ranges: vec![(900, 1000), (5, 5), (0, 3)], ecn }),
            Frame::ResetStream { id, code: 7, final_size: VARINT_MAX },
            Frame::StopSending { id, code: u32::MAX },
            Frame::MaxData(1 << 40),
            Frame::MaxStreamData { id, max: 0 },
            Frame::MaxStreams { class: Class::Chat, max: 64 },
            Frame::PathChallenge([1; 8]),
            Frame::PathResponse([2; 8]),
            Frame::Rekey { epoch: 255, step: RekeyStep::First, message: &[9; 96] },
            Frame::NewToken([3; 24]),
            Frame::ResetToken([4; 16]),
            Frame::Close { code: 1, text: "bye" },
            Frame::Stream { id, offset: 1 << 33, data: b"data", fin: false },
            Frame::Stream { id, offset: 0, data: b"", fin: true },
        ] {
            round_trip(&frame);
        }
    }

    /// [W-49]
    #[test]
    fn what_cannot_be_is_refused() {
        let parse = |bytes: &[u8]| Frame::parse(&mut Reader::new(bytes)).unwrap_err();
        assert_eq!(parse(&[0x7f]), ProtocolError::UnknownFrame(0x7f));
        let out_of_range = ProtocolError::Frame(DecodeError::OutOfRange);
        assert_eq!(parse(&[ACK, 5, 0, 0, 6]), out_of_range, "range below zero");
        assert_eq!(parse(&[ACK, 5, 0, 1, 1, 3, 0]), out_of_range, "gap below zero");
        assert_eq!(parse(&[ACK, 5, 0, 0x40, 64, 0]), out_of_range, "too many ranges");
        assert_eq!(parse(&[STREAM, 0, 0, 0]), out_of_range, "empty and not the end");
        assert_eq!(parse(&[STREAM, 0b110, 0, 1, 0]), out_of_range, "class 3");
        assert_eq!(parse(&[CLOSE, 0, 0, 0, 0, 1, 0xff]), out_of_range, "not UTF-8");
        let mut beyond = vec![STREAM, 0];
        put_varint(&mut beyond, VARINT_MAX);
        beyond.extend([1, 0]);
        assert_eq!(parse(&beyond), out_of_range, "end past the largest offset");
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail_and_what_parses_encodes_the_same(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            if let Ok(frame) = Frame::parse(&mut reader) {
                let mut again = Vec::new();
                frame.encode(&mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - reader.remaining()]);
            }
        }
    }
}
