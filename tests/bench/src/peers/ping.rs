//! A datagram every 20 ms and its echo, beside whatever else is under way: how long the path takes.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{MESSAGE, MESSAGE_EVERY, announce, any_port};
use crate::report::RoundTrips;

pub fn serve(listen: IpAddr) -> Result<()> {
    let socket = UdpSocket::bind((listen, 0))?;
    announce(socket.local_addr()?, &[])?;
    let mut buffer = [0; MESSAGE];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..length], from)?;
    }
}

/// Goes on until the time is up.
pub fn fetch(server: SocketAddr, trips: &RoundTrips) -> Result<()> {
    let socket = UdpSocket::bind(any_port(server))?;
    socket.connect(server)?;
    let started = Instant::now();
    let mut buffer = [0; MESSAGE];
    for number in 0_u32.. {
        buffer[..8].copy_from_slice(&nanos(started).to_be_bytes());
        socket.send(&buffer)?;
        let next = started + MESSAGE_EVERY * (number + 1);
        while let Some(wait) = next.checked_duration_since(Instant::now())
            && !wait.is_zero()
        {
            socket.set_read_timeout(Some(wait))?;
            match socket.recv(&mut buffer) {
                Ok(MESSAGE) => {
                    let sent = buffer.first_chunk().map_or(0, |at| u64::from_be_bytes(*at));
                    trips.add(Duration::from_nanos(nanos(started).saturating_sub(sent)));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn nanos(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
