//! s2n-quic, single-threaded, with its own defaults apart from the controller; TLS by rustls.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Error, Result};
use bytes::Bytes;
use s2n_quic::client::Connect;
use s2n_quic::provider::congestion_controller::{Bbr, Cubic};
use s2n_quic::provider::tls::rustls;
use s2n_quic::{Client, Server as Endpoint};

use super::{NAME, Server, announce, any_port, block_on, certificate};
use crate::payload::{PIECE, Sink, Source};

#[derive(Clone, Copy)]
pub enum Controller {
    Cubic,
    Bbr,
}

pub fn serve(controller: Controller, listen: IpAddr, mut source: Source) -> Result<()> {
    block_on(async {
        let (certificate, key) = certificate()?;
        let tls = rustls::Server::builder()
            .with_certificate(certificate.clone(), key)
            .and_then(|builder| builder.build())
            .map_err(Error::from_boxed)?;
        let builder = Endpoint::builder().with_tls(tls)?.with_io(SocketAddr::from((listen, 0)))?;
        let mut endpoint = match controller {
            Controller::Cubic => builder.with_congestion_controller(Cubic::default())?.start()?,
            Controller::Bbr => builder.with_congestion_controller(Bbr::default())?.start()?,
        };
        announce(endpoint.local_addr()?, &certificate)?;
        let mut connection = endpoint.accept().await.context("no more connections")?;
        let mut stream = connection.accept_bidirectional_stream().await?.context("no stream")?;
        stream.receive().await?;
        loop {
            // It takes nothing but memory of its own.
            let piece = Bytes::copy_from_slice(source.peek(PIECE));
            if piece.is_empty() {
                break;
            }
            source.advance(piece.len());
            stream.send(piece).await?;
        }
        stream.close().await?;
        std::future::pending().await
    })
}

pub fn fetch(controller: Controller, server: &Server, mut sink: Sink) -> Result<()> {
    block_on(async {
        let certificate = server.certificate.clone();
        let tls = rustls::Client::builder()
            .with_certificate(certificate)
            .and_then(|builder| builder.build())
            .map_err(Error::from_boxed)?;
        let builder = Client::builder().with_tls(tls)?.with_io(any_port(server.address))?;
        let client = match controller {
            Controller::Cubic => builder.with_congestion_controller(Cubic::default())?.start()?,
            Controller::Bbr => builder.with_congestion_controller(Bbr::default())?.start()?,
        };
        let connect = Connect::new(server.address).with_server_name(NAME);
        let mut connection = client.connect(connect).await?;
        let mut stream = connection.open_bidirectional_stream().await?;
        stream.send(Bytes::from_static(b"?")).await?;
        loop {
            let bytes = stream.receive().await?.context("ended early")?;
            if sink.take(&bytes)? {
                return Ok(());
            }
        }
    })
}
