//! A listener, a router, a loop, and an end.

use std::future::Future;
use std::io;
use std::net::TcpListener;

use crate::{App, Clock, Config};

/// A server that has not begun to listen.
#[derive(Debug)]
pub struct Server {
    app: App,
}

impl Server {
    /// Everything but the listener.
    pub fn new(_config: Config, _clock: Clock) -> Self {
        todo!()
    }

    /// What its handlers use.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Serves until `shutdown` comes to its end; then says so to all who wait, finishes what is in
    /// flight and returns.
    pub async fn serve(
        self,
        _listener: TcpListener,
        _shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        todo!()
    }
}
