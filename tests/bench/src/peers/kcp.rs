//! KCP in its fastest mode: no controller, no encryption, 1400-byte packets, wide windows.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_kcp::{KcpConfig, KcpListener, KcpNoDelayConfig, KcpStream};

use super::{announce, block_on};
use crate::payload::{PIECE, Sink, Source};

fn turbo() -> KcpConfig {
    KcpConfig {
        nodelay: KcpNoDelayConfig::fastest(),
        wnd_size: (2048, 2048),
        flush_write: true,
        flush_acks_input: true,
        stream: true,
        ..KcpConfig::default()
    }
}

pub fn serve(listen: IpAddr, mut source: Source) -> Result<()> {
    block_on(async {
        let mut listener = KcpListener::bind(turbo(), SocketAddr::from((listen, 0))).await?;
        announce(listener.local_addr()?, &[])?;
        let (mut stream, _) = listener.accept().await?;
        stream.read_exact(&mut [0; 1]).await?;
        while !source.peek(1).is_empty() {
            let written = stream.write(source.peek(PIECE)).await?;
            source.advance(written);
        }
        stream.flush().await?;
        std::future::pending().await
    })
}

pub fn fetch(server: SocketAddr, mut sink: Sink) -> Result<()> {
    block_on(async {
        let mut stream = KcpStream::connect(&turbo(), server).await?;
        stream.write_all(b"?").await?;
        stream.flush().await?;
        let mut buffer = vec![0; PIECE];
        loop {
            match stream.read(&mut buffer).await? {
                0 => bail!("ended early"),
                length if sink.take(&buffer[..length])? => return Ok(()),
                _ => {}
            }
        }
    })
}
