//! Transport parameters: what each side tells the other in the handshake about the limits that
//! it keeps (PROTOCOL.md, "Transport parameters").

use crate::codec::{DecodeError, Reader, put_varint};
use crate::config::TransportConfig;
use crate::connection::streams::Limits;
use crate::time::Duration;

/// Smallest UDP payload that every path is taken to carry (RFC 9000 section 14).
pub(crate) const MIN_DATAGRAM: usize = 1200;
/// Largest UDP payload of IPv6 (RFC 9000 section 18.2).
pub(crate) const MAX_DATAGRAM: usize = 65_527;
/// How long an acknowledgement may be held back (RFC 9000 section 18.2: 25 ms).
pub(crate) const ACK_DELAY: Duration = Duration::from_millis(25);

/// Idle time-outs, in milliseconds: below a second no path keeps up, above an hour nobody waits.
const IDLE_MILLIS: (u64, u64) = (1_000, 3_600_000);
/// Flow-control windows, in bytes.
const WINDOW: (u64, u64) = (0, 1 << 40);
/// Streams of one class open at once.
const STREAMS: (u64, u64) = (0, 1 << 16);
/// UDP payloads, in bytes.
const DATAGRAM: (u64, u64) = (MIN_DATAGRAM as u64, MAX_DATAGRAM as u64);
/// Delay of acknowledgements, in microseconds.
const ACK_MICROS: (u64, u64) = (0, 1_000_000);

/// The limits that one side keeps and the other respects. Every value is within its range: the
/// only ways to get one are from a configuration, which is brought into range, and from bytes,
/// which are refused outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransportParameters {
    /// The connection ends after this much silence; the smaller of both sides counts.
    pub(crate) idle_timeout: Duration,
    /// Bytes that may be sent on each stream before MAX_STREAM_DATA raises it.
    pub(crate) stream_window: u64,
    /// Bytes that may be sent over all streams before MAX_DATA raises it.
    pub(crate) connection_window: u64,
    /// Streams of each class that the other side may have open.
    pub(crate) max_streams: u64,
    /// Largest UDP payload taken, CRC included.
    pub(crate) max_datagram: usize,
    /// Longest that this side holds back an acknowledgement.
    pub(crate) ack_delay: Duration,
}

impl TransportParameters {
    /// What a configuration tells the other side.
    pub(crate) fn from_config(config: &TransportConfig) -> Self {
        let idle = u64::try_from(config.idle_timeout.as_millis()).unwrap_or(u64::MAX);
        let limits = Limits::stated(config);
        Self {
            idle_timeout: Duration::from_millis(within(idle, IDLE_MILLIS)),
            stream_window: within(limits.stream_window, WINDOW),
            connection_window: within(limits.connection_window, WINDOW),
            max_streams: within(limits.max_streams, STREAMS),
            // What is taken is not bound by what is sent: receive buffers hold any datagram.
            max_datagram: MAX_DATAGRAM,
            ack_delay: ACK_DELAY,
        }
    }

    /// The part of them that the streams keep.
    pub(crate) const fn limits(&self) -> Limits {
        Limits {
            stream_window: self.stream_window,
            connection_window: self.connection_window,
            max_streams: self.max_streams,
        }
    }

    /// Appends the parameters: six integers in the order of the fields, times in milliseconds
    /// and the acknowledgement delay in microseconds.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        // Both fit: the ranges end far below.
        put_varint(out, self.idle_timeout.as_millis() as u64);
        put_varint(out, self.stream_window);
        put_varint(out, self.connection_window);
        put_varint(out, self.max_streams);
        put_varint(out, self.max_datagram as u64);
        put_varint(out, self.ack_delay.as_micros() as u64);
    }

    /// The parameters that are exactly these bytes.
    ///
    /// # Errors
    /// When bytes are missing or left over, or a value is outside its range (A08).
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let parameters = Self {
            idle_timeout: Duration::from_millis(checked(&mut reader, IDLE_MILLIS)?),
            stream_window: checked(&mut reader, WINDOW)?,
            connection_window: checked(&mut reader, WINDOW)?,
            max_streams: checked(&mut reader, STREAMS)?,
            max_datagram: usize::try_from(checked(&mut reader, DATAGRAM)?)
                .map_err(|_| DecodeError::OutOfRange)?,
            ack_delay: Duration::from_micros(checked(&mut reader, ACK_MICROS)?),
        };
        reader.finish()?;
        Ok(parameters)
    }
}

fn within(value: u64, (min, max): (u64, u64)) -> u64 {
    value.max(min).min(max)
}

fn checked(reader: &mut Reader<'_>, (min, max): (u64, u64)) -> Result<u64, DecodeError> {
    let value = reader.varint()?;
    if value < min || value > max { Err(DecodeError::OutOfRange) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::VARINT_MAX;
    use proptest::prelude::*;

    fn encoded(values: [u64; 6]) -> Vec<u8> {
        let mut out = Vec::new();
        for value in values {
            put_varint(&mut out, value);
        }
        out
    }

    #[test]
    fn extremes_of_a_configuration_still_decode() {
        let mut config = TransportConfig::default();
        for (time, number) in [(Duration::ZERO, 0), (Duration::MAX, u64::MAX)] {
            config.idle_timeout = time;
            config.stream_window = number;
            config.connection_window = number;
            config.max_streams = number;
            let parameters = TransportParameters::from_config(&config);
            let mut bytes = Vec::new();
            parameters.encode(&mut bytes);
            assert_eq!(TransportParameters::decode(&bytes), Ok(parameters));
        }
    }

    #[test]
    fn each_value_outside_its_range_is_refused() {
        let good = [30_000, 4 << 20, 8 << 20, 64, 1200, 25_000];
        assert!(TransportParameters::decode(&encoded(good)).is_ok());
        for (field, (min, max)) in
            [IDLE_MILLIS, WINDOW, WINDOW, STREAMS, DATAGRAM, ACK_MICROS].into_iter().enumerate()
        {
            for value in [min.checked_sub(1), Some(max + 1), Some(VARINT_MAX)] {
                let Some(value) = value else { continue };
                let mut bad = good;
                bad[field] = value;
                assert_eq!(
                    TransportParameters::decode(&encoded(bad)),
                    Err(DecodeError::OutOfRange),
                    "field {field} with {value}"
                );
            }
        }
        let mut longer = encoded(good);
        longer.push(0);
        assert_eq!(TransportParameters::decode(&longer), Err(DecodeError::Trailing));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_to_what_encodes_the_same_or_fail(bytes: Vec<u8>) {
            if let Ok(parameters) = TransportParameters::decode(&bytes) {
                let mut again = Vec::new();
                parameters.encode(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
