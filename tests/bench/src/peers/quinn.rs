//! quinn, single-threaded, with its own defaults apart from the controller.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig, TransportConfig};

use super::{MESSAGE, MESSAGE_EVERY, NAME, Server, announce, any_port, block_on, certificate};
use crate::payload::{PIECE, Sink, Source};
use crate::report::RoundTrips;

/// Streams of a higher priority go first; the payload has 0.
const BEFORE_PAYLOAD: i32 = 1;

#[derive(Clone, Copy)]
pub enum Controller {
    Cubic,
    Bbr,
}

impl Controller {
    fn transport(self) -> Arc<TransportConfig> {
        let factory: Arc<dyn ControllerFactory + Send + Sync> = match self {
            Self::Cubic => Arc::new(CubicConfig::default()),
            Self::Bbr => Arc::new(BbrConfig::default()),
        };
        let mut transport = TransportConfig::default();
        transport.congestion_controller_factory(factory);
        Arc::new(transport)
    }
}

pub fn serve(controller: Controller, listen: IpAddr, mut source: Source) -> Result<()> {
    block_on(async {
        let (certificate, key) = certificate()?;
        let tls = super::tls::server_config(&certificate, key)?;
        let tls = QuicServerConfig::try_from(tls)?;
        let mut config = ServerConfig::with_crypto(Arc::new(tls));
        config.transport_config(controller.transport());
        let endpoint = Endpoint::server(config, (listen, 0).into())?;
        announce(endpoint.local_addr()?, &certificate)?;
        let connection = endpoint.accept().await.context("no more connections")?.await?;
        let (mut send, mut receive) = connection.accept_bi().await?;
        receive.read_exact(&mut [0; 1]).await?;
        tokio::spawn(answer(connection.clone()));
        let pattern = Bytes::copy_from_slice(source.pattern());
        loop {
            let piece = source.next(PIECE);
            if piece.is_empty() {
                break;
            }
            let length = piece.len();
            send.write_chunk(pattern.slice(piece)).await?;
            source.advance(length);
        }
        send.finish()?;
        endpoint.wait_idle().await;
        Ok(())
    })
}

/// Sends messages back.
async fn answer(connection: Connection) -> Result<()> {
    let (mut send, mut receive) = connection.accept_bi().await?;
    send.set_priority(BEFORE_PAYLOAD)?;
    while let Some(chunk) = receive.read_chunk(PIECE, true).await? {
        send.write_chunk(chunk.bytes).await?;
    }
    Ok(())
}

pub fn fetch(
    controller: Controller,
    server: &Server,
    mut sink: Sink,
    trips: Option<&RoundTrips>,
) -> Result<()> {
    block_on(async {
        let tls = super::tls::client_config(&server.certificate)?;
        let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls)?;
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(controller.transport());
        let endpoint = Endpoint::client(any_port(server.address))?;
        let connection = endpoint.connect_with(config, server.address, NAME)?.await?;
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(b"?").await?;
        if let Some(trips) = trips {
            tokio::spawn(chat(connection.clone(), trips.clone()));
        }
        loop {
            let chunk = receive.read_chunk(PIECE, true).await?.context("ended early")?;
            if sink.take(&chunk.bytes)? {
                return Ok(());
            }
        }
    })
}

/// Sends a message every 20 ms, and counts how long each takes there and back.
async fn chat(connection: Connection, trips: RoundTrips) -> Result<()> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.set_priority(BEFORE_PAYLOAD)?;
    let asked = Arc::new(Mutex::new(VecDeque::new()));
    let answered = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut answer = [0; MESSAGE];
        while receive.read_exact(&mut answer).await.is_ok() {
            let sent = answered.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            trips.add(sent.map_or(Duration::ZERO, |sent: Instant| sent.elapsed()));
        }
    });
    let mut ticks = tokio::time::interval(MESSAGE_EVERY);
    loop {
        ticks.tick().await;
        asked.lock().unwrap_or_else(PoisonError::into_inner).push_back(Instant::now());
        send.write_all(&[7; MESSAGE]).await?;
    }
}
