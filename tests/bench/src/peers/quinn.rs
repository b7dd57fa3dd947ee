//! quinn, single-threaded, with its own defaults apart from the controller.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{ClientConfig, Endpoint, ServerConfig, TransportConfig};

use super::{NAME, Server, announce, any_port, block_on, certificate};
use crate::payload::{PIECE, Sink, Source};

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
        loop {
            let written = send.write(source.peek(PIECE)).await?;
            source.advance(written);
            if source.peek(1).is_empty() {
                break;
            }
        }
        send.finish()?;
        endpoint.wait_idle().await;
        Ok(())
    })
}

pub fn fetch(controller: Controller, server: &Server, mut sink: Sink) -> Result<()> {
    block_on(async {
        let tls = super::tls::client_config(&server.certificate)?;
        let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls)?;
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(controller.transport());
        let endpoint = Endpoint::client(any_port(server.address))?;
        let connection = endpoint.connect_with(config, server.address, NAME)?.await?;
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(b"?").await?;
        loop {
            let chunk = receive.read_chunk(PIECE, true).await?.context("ended early")?;
            if sink.take(&chunk.bytes)? {
                return Ok(());
            }
        }
    })
}
