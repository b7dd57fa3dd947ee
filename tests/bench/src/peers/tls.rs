//! The kernel's TCP with TLS 1.3 by rustls, over blocking sockets.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use socket2::{Domain, Socket, Type};

use super::{NAME, Server, announce, certificate};
use crate::payload::{PIECE, Sink, Source};

/// TLS for whoever serves.
pub fn server_config(certificate: &[u8], key: Vec<u8>) -> Result<ServerConfig> {
    let key = PrivateKeyDer::try_from(key).map_err(anyhow::Error::msg)?;
    let chain = vec![certificate.to_vec().into()];
    Ok(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?)
}

/// TLS for whoever fetches.
pub fn client_config(certificate: &[u8]) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.to_vec().into())?;
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// A TCP socket with one of the kernel's controllers.
fn socket(controller: &str, address: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    let without = || format!("the kernel offers no {controller} (modprobe tcp_{controller}?)");
    socket.set_tcp_congestion(controller.as_bytes()).with_context(without)?;
    Ok(socket)
}

pub fn serve(controller: &str, listen: IpAddr, mut source: Source) -> Result<()> {
    let (certificate, key) = certificate()?;
    let config = server_config(&certificate, key)?;
    let listener = socket(controller, (listen, 0).into())?;
    listener.bind(&SocketAddr::from((listen, 0)).into())?;
    listener.listen(1)?;
    announce(listener.local_addr()?.as_socket().context("an IP address")?, &certificate)?;
    let (tcp, _) = listener.accept()?;
    let session = ServerConnection::new(Arc::new(config))?;
    let mut stream = StreamOwned::new(session, TcpStream::from(tcp));
    loop {
        let piece = source.peek(PIECE);
        if piece.is_empty() {
            return Ok(stream.flush()?);
        }
        let written = stream.write(piece)?;
        source.advance(written);
    }
}

pub fn fetch(controller: &str, server: &Server, mut sink: Sink) -> Result<()> {
    let tcp = socket(controller, server.address)?;
    tcp.connect(&server.address.into())?;
    let config = client_config(&server.certificate)?;
    let session = ClientConnection::new(Arc::new(config), ServerName::try_from(NAME)?)?;
    let mut stream = StreamOwned::new(session, TcpStream::from(tcp));
    let mut buffer = vec![0; PIECE];
    loop {
        match stream.read(&mut buffer)? {
            0 => bail!("ended early"),
            length if sink.take(&buffer[..length])? => return Ok(()),
            _ => {}
        }
    }
}
