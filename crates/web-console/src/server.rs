//! The server of one machine.

use std::net::{Ipv4Addr, SocketAddr};

use contract::Failure;
use tokio::net::TcpListener;

use crate::api::router;
use crate::folder::FolderDesk;
use crate::guard::Guard;
use crate::watch::Watch;

/// A console that listens.
pub struct Server {
    listener: TcpListener,
    guard: Guard,
    address: SocketAddr,
}

impl Server {
    /// Listens on a port of 127.0.0.1, or on a free one for 0.
    pub async fn listen(port: u16) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
            Failure::invalid_request(format!("failed to listen on port {port}: choose another by --port"))
                .because(error)
        })?;
        let address = listener.local_addr()?;
        Ok(Self { listener, guard: Guard::new(address.port())?, address })
    }

    /// The URL to open. Whoever has it may see and change everything here.
    pub fn url(&self) -> String {
        format!("http://{}/#token={}", self.address, self.guard.token())
    }
}

/// Answers requests for as long as it is polled. `is_running` says whether uploads are worked on by this program.
pub async fn serve(server: Server, desk: FolderDesk, watch: Watch, is_running: bool) -> Result<(), Failure> {
    let router = router(desk, watch, server.guard, is_running);
    axum::serve(server.listener, router).await.map_err(|error| Failure::internal("the server ended").because(error))
}
