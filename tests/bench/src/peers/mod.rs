//! The transports that are measured. Each can serve the payload to one that asks and fetch it,
//! in one process and on one thread per end, with the settings that it comes with; what differs
//! from them is said where it is set.

mod ceiling;
mod kcp;
mod ours;
mod ping;
mod quinn;
mod s2n;
mod tls;

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::others::Program;
use crate::payload::{Sink, Source};
use crate::report::RoundTrips;

/// A transport, with the settings that make a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// Tincan's transport, as its programs use it.
    Ours,
    /// quinn with its default controller.
    QuinnCubic,
    /// quinn with its BBR.
    QuinnBbr,
    /// s2n-quic with its default controller.
    S2nCubic,
    /// s2n-quic with its BBR.
    S2nBbr,
    /// KCP in its fastest mode, not sealed.
    Kcp,
    /// The kernel's TCP with CUBIC, sealed by rustls.
    TlsCubic,
    /// The kernel's TCP with BBR, sealed by rustls.
    TlsBbr,
    /// The kernel's TCP with CUBIC by iperf3, neither sealed nor verified.
    Iperf3Cubic,
    /// The kernel's TCP with BBR by iperf3, neither sealed nor verified.
    Iperf3Bbr,
    /// A file from one `peer` to another in a folder that is in memory (/dev/shm).
    FilesMemory,
    /// A file from one `peer` to another in a folder on the disk (/var/tmp).
    FilesDisk,
    /// A file by sendme, in memory.
    SendmeMemory,
    /// A file by sendme, on the disk.
    SendmeDisk,
    /// A file by magic-wormhole, in memory.
    WormholeMemory,
    /// A file by magic-wormhole, on the disk.
    WormholeDisk,
    /// A file copied by `cp` in memory: no network, no hash.
    CopyMemory,
    /// A file copied by `cp` on the disk.
    CopyDisk,
    /// Sealed and checked datagrams of 1452 bytes over UDP with GSO and GRO, no protocol.
    Ceiling,
    /// The same with datagrams of 1200 bytes.
    Ceiling1200,
    /// No payload: a datagram every 20 ms, which is sent back.
    Ping,
}

/// What a fetching peer needs to know of the serving one.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate, where it has one.
    pub certificate: Vec<u8>,
}

impl Peer {
    /// What it is called on the command line and in tables.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it can stand a link that loses packets.
    pub fn is_reliable(self) -> bool {
        !matches!(self, Self::Ceiling | Self::Ceiling1200)
    }

    /// Whether it measures the path's round trip and carries no payload.
    pub fn is_probe(self) -> bool {
        self == Self::Ping
    }

    /// The controller that iperf3 is told to use, where that measures.
    pub fn iperf(self) -> Option<&'static str> {
        match self {
            Self::Iperf3Cubic => Some("cubic"),
            Self::Iperf3Bbr => Some("bbr"),
            _ => None,
        }
    }

    /// Where files stand, for those that are programs of their own and hand over files.
    pub fn folder(self) -> Option<&'static Path> {
        match self {
            Self::FilesMemory | Self::SendmeMemory | Self::WormholeMemory | Self::CopyMemory => {
                Some(Path::new("/dev/shm"))
            }
            Self::FilesDisk | Self::SendmeDisk | Self::WormholeDisk | Self::CopyDisk => {
                Some(Path::new("/var/tmp"))
            }
            _ => None,
        }
    }

    /// Whether a file only goes from one place of a disk to another.
    pub fn is_copy(self) -> bool {
        matches!(self, Self::CopyMemory | Self::CopyDisk)
    }

    /// Whose programs, if not ours.
    pub fn program(self) -> Option<Program> {
        match self {
            Self::SendmeMemory | Self::SendmeDisk => Some(Program::Sendme),
            Self::WormholeMemory | Self::WormholeDisk => Some(Program::Wormhole),
            _ => None,
        }
    }

    /// Serves until the process ends.
    pub fn serve(self, listen: IpAddr, source: Source) -> Result<()> {
        match self {
            Self::Ours => ours::serve(listen, source),
            Self::QuinnCubic => quinn::serve(quinn::Controller::Cubic, listen, source),
            Self::QuinnBbr => quinn::serve(quinn::Controller::Bbr, listen, source),
            Self::S2nCubic => s2n::serve(s2n::Controller::Cubic, listen, source),
            Self::S2nBbr => s2n::serve(s2n::Controller::Bbr, listen, source),
            Self::Kcp => kcp::serve(listen, source),
            Self::TlsCubic => tls::serve("cubic", listen, source),
            Self::TlsBbr => tls::serve("bbr", listen, source),
            Self::Ceiling => ceiling::serve(1452, listen, source),
            Self::Ceiling1200 => ceiling::serve(1200, listen, source),
            Self::Ping => ping::serve(listen),
            Self::Iperf3Cubic
            | Self::Iperf3Bbr
            | Self::FilesMemory
            | Self::FilesDisk
            | Self::SendmeMemory
            | Self::SendmeDisk
            | Self::WormholeMemory
            | Self::WormholeDisk
            | Self::CopyMemory
            | Self::CopyDisk => {
                bail!("made of programs of their own: only for `rows`")
            }
        }
    }

    /// Whether it carries messages beside the payload, on a stream of their own.
    pub fn has_streams(self) -> bool {
        matches!(self, Self::Ours | Self::QuinnCubic | Self::QuinnBbr)
    }

    /// Fetches until `sink` has everything. With `trips`, a message goes there and back every
    /// 20 ms meanwhile, for those that have streams.
    pub fn fetch(self, server: &Server, sink: Sink, trips: Option<&RoundTrips>) -> Result<()> {
        match self {
            Self::Ours => ours::fetch(server.address, sink, trips),
            Self::QuinnCubic => quinn::fetch(quinn::Controller::Cubic, server, sink, trips),
            Self::QuinnBbr => quinn::fetch(quinn::Controller::Bbr, server, sink, trips),
            Self::S2nCubic => s2n::fetch(s2n::Controller::Cubic, server, sink),
            Self::S2nBbr => s2n::fetch(s2n::Controller::Bbr, server, sink),
            Self::Kcp => kcp::fetch(server.address, sink),
            Self::TlsCubic => tls::fetch("cubic", server, sink),
            Self::TlsBbr => tls::fetch("bbr", server, sink),
            Self::Ceiling | Self::Ceiling1200 => ceiling::fetch(server.address, sink),
            Self::Ping => ping::fetch(server.address, trips.context("nothing to count in")?),
            Self::Iperf3Cubic
            | Self::Iperf3Bbr
            | Self::FilesMemory
            | Self::FilesDisk
            | Self::SendmeMemory
            | Self::SendmeDisk
            | Self::WormholeMemory
            | Self::WormholeDisk
            | Self::CopyMemory
            | Self::CopyDisk => {
                bail!("made of programs of their own: only for `rows`")
            }
        }
    }
}

/// Tells whoever started this server where it listens and what its certificate is.
fn announce(address: SocketAddr, certificate: &[u8]) -> Result<()> {
    let hex: String = certificate.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("ready {address} {hex}");
    Ok(std::io::stdout().flush()?)
}

/// A certificate for [`NAME`] and its key, as DER.
fn certificate() -> Result<(Vec<u8>, Vec<u8>)> {
    let pair = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    Ok((pair.cert.der().to_vec(), pair.signing_key.serialize_der()))
}

/// How long a message waits for the next one, and its length.
const MESSAGE_EVERY: Duration = Duration::from_millis(20);
const MESSAGE: usize = 128;

/// What servers with certificates are called.
const NAME: &str = "bench";

/// The wildcard address with port 0 of the family of `other`.
fn any_port(other: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match other {
        SocketAddr::V4(_) => [0; 4].into(),
        SocketAddr::V6(_) => [0; 16].into(),
    };
    (ip, 0).into()
}

/// One thread for everything.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
