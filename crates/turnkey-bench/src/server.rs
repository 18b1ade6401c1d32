//! The program under load: the real one, as a child process, with its data on a real disk.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::load::{Parsed, parse};
use crate::pin::Cores;

/// How long a start may take before it is given up.
const START_WITHIN: Duration = Duration::from_secs(60);

/// How a server differs from the shipped one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manner {
    /// Flags of `turnkey demo`.
    pub(crate) flags: &'static [&'static str],
    /// Settings, by environment.
    pub(crate) settings: &'static [(&'static str, &'static str)],
}

/// A server that runs until it is dropped, or better: stopped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

/// What a server uses of the machine.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) rss_mib: f64,
    /// The most that was ever resident.
    pub(crate) peak_mib: f64,
}

impl Server {
    /// Starts `program` with its data in `folder` and waits until it says that it is ready; returns
    /// how long that took, from before the process to the answer.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        manner: Manner,
        cores: Option<Cores>,
    ) -> anyhow::Result<(Self, Duration)> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("server.log"));
        let mut command = Command::new(program);
        command
            .args(["--lang", "en", "demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .args(manner.flags)
            // Logging as `turnkey serve` ships it; `demo` says less.
            .env("TURNKEY__LOG__LEVEL", "info")
            .envs(manner.settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.context("cannot make the server's log")?);
        if let Some(cores) = cores {
            cores.as_server()?;
        }
        let begun = Instant::now();
        let spawned = command.spawn();
        if let Some(cores) = cores {
            cores.as_load()?;
        }
        let mut child = spawned.with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take().context("the server has no stdout")?;
        let server = Self {
            address: greeting(BufReader::new(stdout)).with_context(|| {
                format!(
                    "the server did not start; see server.log in {}",
                    folder.display()
                )
            })?,
            child,
        };
        while !server.is_ready()? {
            let waited = begun.elapsed();
            anyhow::ensure!(
                waited < START_WITHIN,
                "the server was not ready for {waited:?}"
            );
        }
        Ok((server, begun.elapsed()))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn is_ready(&self) -> anyhow::Result<bool> {
        let mut stream = TcpStream::connect(self.address).context("cannot connect")?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream
            .read_to_end(&mut answer)
            .context("cannot ask whether it is ready")?;
        Ok(matches!(
            parse(&answer),
            Parsed::Complete { status: 200, .. }
        ))
    }

    /// What it uses of the machine's memory.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = self.told("status")?;
        Ok(Memory {
            rss_mib: mebibytes(&status, "VmRSS").context("VmRSS is not told")?,
            peak_mib: mebibytes(&status, "VmHWM").context("VmHWM is not told")?,
        })
    }

    /// How long it has kept a processor busy.
    pub(crate) fn busy(&self) -> anyhow::Result<Duration> {
        let ticks = ticks(&self.told("stat")?).context("utime and stime are not told")?;
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        Ok(Duration::from_millis(
            ticks.saturating_mul(1000) / per_second,
        ))
    }

    fn told(&self, what: &str) -> anyhow::Result<String> {
        let file = format!("/proc/{}/{what}", self.child.id());
        std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))
    }

    /// Stops it the way that an operator would.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process")?, Signal::TERM).context("cannot stop the server")?;
        let status = self.child.wait().context("cannot wait for the server")?;
        anyhow::ensure!(status.success(), "the server ended badly: {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that was stopped is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the first line that names one; the server says little more.
fn greeting(stdout: impl BufRead) -> anyhow::Result<SocketAddr> {
    for line in stdout.lines() {
        if let Some(address) = address(&line.context("cannot hear the server")?) {
            return Ok(address);
        }
    }
    anyhow::bail!("it named no address")
}

fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    rest.split('/').next()?.parse().ok()
}

/// A line of `/proc/<pid>/status`: a name, a colon, kibibytes, `kB`.
fn mebibytes(status: &str, name: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// User and system time in `/proc/<pid>/stat`: the 14th and 15th field, the second of which is a
/// name in brackets that may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_names_the_address() {
        let said = "turnkey  demo\n  Market  http://127.0.0.1:4711/spi/x   key demo-key\n";
        let heard = greeting(said.as_bytes()).unwrap();
        assert_eq!(heard.to_string(), "127.0.0.1:4711");
        assert!(greeting("ready\n".as_bytes()).is_err());
    }

    #[test]
    fn memory_and_time_are_read_from_what_the_kernel_tells() {
        let status = "Name:\tturnkey\nVmHWM:\t   2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(mebibytes(status, "VmRSS"), Some(1.0));
        assert_eq!(mebibytes(status, "VmHWM"), Some(2.0));
        assert_eq!(mebibytes(status, "VmSwap"), None);
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 100 20 0 0 20";
        assert_eq!(ticks(stat), Some(120));
    }
}
