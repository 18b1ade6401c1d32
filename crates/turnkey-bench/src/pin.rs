//! Which core does what.

use anyhow::Context as _;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// One core for the server, another for the load: so that neither takes time from the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    server: usize,
    load: usize,
}

/// The cores to use; none when there are no two, or when they are to be shared.
pub(crate) fn cores(shared: bool) -> anyhow::Result<Option<Cores>> {
    let allowed = sched_getaffinity(None).context("cannot see which cores there are")?;
    let mut free = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    Ok(match (free.next(), free.next()) {
        (Some(server), Some(load)) if !shared => Some(Cores { server, load }),
        _ => None,
    })
}

impl Cores {
    /// From now on this thread, and whatever it starts, has the server's core.
    pub(crate) fn as_server(self) -> anyhow::Result<()> {
        stay_on(self.server)
    }

    /// From now on this thread has the load's core.
    pub(crate) fn as_load(self) -> anyhow::Result<()> {
        stay_on(self.load)
    }
}

fn stay_on(core: usize) -> anyhow::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).with_context(|| format!("cannot stay on core {core}"))
}
