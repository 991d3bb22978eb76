//! The way to a port of a Service.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};

use crate::installation::Installation;

/// Where a port of a Service is reached from here, for as long as this value lives.
#[derive(Debug)]
pub struct Endpoint {
    address: String,
    _forward: Option<Forward>,
}

impl Endpoint {
    /// The way to `port` of `service` in the release's namespace: its DNS name when this process is inside the cluster's
    /// network, else a forwarded port of this machine.
    pub fn open(installation: &Installation, service: &str, port: u16) -> Result<Self> {
        let namespace = installation.system.namespace();
        if installation.environment.in_network {
            return Ok(Self {
                address: format!("{service}.{namespace}.svc:{port}"),
                _forward: None,
            });
        }
        let forward = Forward::start(namespace, service, port)?;
        Ok(Self {
            address: format!("127.0.0.1:{}", forward.local),
            _forward: Some(forward),
        })
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// `kubectl port-forward`, started again whenever its pod goes away, always on the same local port.
#[derive(Debug)]
struct Forward {
    local: u16,
    stop: Arc<AtomicBool>,
    child: Arc<Mutex<Child>>,
    keeper: Option<JoinHandle<()>>,
}

impl Forward {
    fn start(namespace: &str, service: &str, port: u16) -> Result<Self> {
        let local = free_port()?;
        let (namespace, service) = (namespace.to_owned(), format!("service/{service}"));
        let forward = move || forward(&namespace, &service, local, port);
        let child = Arc::new(Mutex::new(forward()?));
        let stop = Arc::new(AtomicBool::new(false));
        let keeper = std::thread::spawn({
            let (child, stop) = (Arc::clone(&child), Arc::clone(&stop));
            move || keep(&child, &stop, forward)
        });
        Ok(Self {
            local,
            stop,
            child,
            keeper: Some(keeper),
        })
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// Replaces the child whenever it ends, until told to stop.
fn keep(child: &Mutex<Child>, stop: &AtomicBool, forward: impl Fn() -> Result<Child>) {
    while !stop.load(Ordering::SeqCst) {
        let ended = match child.lock().unwrap_or_else(PoisonError::into_inner).try_wait() {
            Ok(status) => status.is_some(),
            Err(_) => true,
        };
        if ended && !stop.load(Ordering::SeqCst) {
            // No pod yet: the next turn tries again.
            if let Ok(new) = forward() {
                *child.lock().unwrap_or_else(PoisonError::into_inner) = new;
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
}

/// Starts forwarding and returns once kubectl listens.
fn forward(namespace: &str, service: &str, local: u16, port: u16) -> Result<Child> {
    let mut child = Command::new("kubectl")
        .args([
            "--namespace",
            namespace,
            "port-forward",
            service,
            &format!("{local}:{port}"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run kubectl port-forward")?;
    let stdout = child
        .stdout
        .take()
        .context("kubectl port-forward has no standard output")?;
    let mut line = String::new();
    let mut reader = BufReader::new(stdout);
    reader
        .read_line(&mut line)
        .context("cannot read what kubectl port-forward prints")?;
    if !line.starts_with("Forwarding from") {
        let _ = child.kill();
        let _ = child.wait();
        bail!("kubectl port-forward {service} {port} did not start: {line:?}");
    }
    // It prints a line a connection: read on, or it would block.
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    Ok(child)
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot find a free port")?;
    Ok(listener
        .local_addr()
        .context("the listener has no address")?
        .port())
}
